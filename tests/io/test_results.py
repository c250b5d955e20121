import json
import os
import sys
import time
from dataclasses import fields, replace

import h5py
import numpy as np
import pandas as pd
import pytest

from enicfer.errors import InputError, OutputError
from enicfer.io.files.atomic import replacing
from enicfer.io.files.names import find_results, output_path
from enicfer.io.files.places import check_free
from enicfer.io.frames_file import trace_table, write_frames, write_trace
from enicfer.io.results import read_run
from enicfer.io.tables import read_table
from enicfer.pipeline.publish import write_outputs
from enicfer.records import Alignment, ExpressionTrace, FaceTrack, Modality, Status
from tests.factory import make_record


@pytest.fixture(scope="module", autouse=True)
def _no_figures():
    """Drawing takes most of the time of writing, and nothing here looks at a figure."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("enicfer.pipeline.publish.write_report", lambda runs, root: [])
        yield


@pytest.fixture(scope="module")
def run(make_run):
    return make_run()


@pytest.fixture(scope="module")
def written(make_run, tmp_path_factory):
    """Output folders by modality."""
    folders = {}
    for modality in Modality:
        folders[modality] = tmp_path_factory.mktemp(modality.value) / "enicfer"
        write_outputs(make_run(modality), folders[modality])
    return folders


def assert_same(a, b, kind):
    for field in fields(kind):
        x, y = getattr(a, field.name), getattr(b, field.name)
        if isinstance(x, np.ndarray):
            assert x.dtype == y.dtype, field.name
            np.testing.assert_array_equal(x, y, err_msg=field.name)
        elif field.name == "measures":
            assert set(x) == set(y)
            for name in x:
                np.testing.assert_array_equal(x[name], y[name])
        else:
            assert x == y, field.name


@pytest.mark.parametrize("modality", list(Modality))
def test_a_result_comes_back_from_its_files(make_run, written, modality):
    run, back = make_run(modality), read_run(written[modality])
    assert_same(run.faces, back.faces, FaceTrack)
    assert_same(run.expression, back.expression, ExpressionTrace)
    assert_same(run.alignment, back.alignment, Alignment)
    np.testing.assert_array_equal(run.time, back.time)
    pd.testing.assert_frame_equal(run.trials, back.trials, atol=1e-6, check_dtype=False)
    assert list(back.segments["label"]) == list(run.segments["label"])
    assert list(back.segments["reason"]) == list(run.segments["reason"])
    np.testing.assert_allclose(back.segments["probability"], run.segments["probability"], atol=1e-6)
    np.testing.assert_allclose(back.segments["onset"][1:], run.segments["onset"][1:], atol=1e-6)
    pd.testing.assert_frame_equal(run.recording.triggers, back.recording.triggers)
    for name in ("modality", "duration", "sampling_rate", "repetition_time", "n_volumes", "gaps", "notes"):
        assert getattr(run.recording, name) == getattr(back.recording, name)
    assert back.entities == run.entities and back.warnings == run.warnings
    assert back.provenance == run.provenance and back.quality == run.quality


def test_any_file_of_the_run_leads_to_it(written):
    folder = written[Modality.EEG]
    files = [path for path in folder.rglob("sub-01/ses-01/eeg/*")]
    assert len(files) == 10
    for path in files:
        assert read_run(path).entities["task"] == "faces"


def test_folders_without_or_with_many_runs(written, make_run, tmp_path):
    with pytest.raises(InputError, match=r"no desc-enicfer_frames\.h5 below"):
        read_run(tmp_path)
    with pytest.raises(InputError, match="no output of a run"):
        read_run(written[Modality.EEG] / "README.md")
    with pytest.raises(InputError, match=r"There is no nothing\.h5"):
        read_run(tmp_path / "nothing.h5")
    runs = [make_run(entities={"sub": "02", "task": "faces", "run": n}) for n in ("1", "2")]
    write_outputs(runs, tmp_path / "two")
    with pytest.raises(InputError, match="holds 2 runs"):
        read_run(tmp_path / "two")
    assert [read_run(path).entities["run"] for path in find_results(tmp_path / "two")] == ["1", "2"]
    (tmp_path / "two/sub-02/eeg/sub-02_task-faces_run-1_desc-enicfer_sync.json").unlink()
    with pytest.raises(InputError, match=r"sync\.json is missing"):
        read_run(find_results(tmp_path / "two")[0])


def test_frames_are_documented_for_people_without_enicfer(written):
    path = find_results(written[Modality.EEG])[0]
    with h5py.File(path) as file:
        for name in ("video_time", "time", "box", "score", "status", "probability", "landmarks", "n_faces"):
            assert file[name].attrs["units"] and file[name].attrs["description"]
            assert len(file[name]) == len(file["video_time"])
            assert file[name].chunks and file[name].compression == "gzip" and file[name].shuffle
        assert list(file["probability"].attrs["labels"])[2] == "happy"
        assert list(file["status"].attrs["names"]) == [status.label for status in Status]
        assert json.loads(file.attrs["provenance"])["model"]["name"] == "ronnet-five"
        assert file["video_time"].dtype == np.float64 and file["time"].dtype == np.float64


def test_same_run_same_bytes(run, tmp_path):
    write_frames(tmp_path / "a.h5", run)
    time.sleep(1.1)  # HDF5 can store times of a second's resolution
    write_frames(tmp_path / "b.h5", run)
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()


def test_the_bytes_do_not_depend_on_when_memory_is_freed(run, tmp_path, monkeypatch):
    write_frames(tmp_path / "a.h5", run)
    create, kept = h5py.Group.create_dataset, []

    def keep(self, name, *args, **kwargs):
        made = create(self, name, *args, **kwargs)
        if name in ("box", "status"):
            kept.append(made)  # as a collector that comes late would
        return made

    monkeypatch.setattr(h5py.Group, "create_dataset", keep)
    write_frames(tmp_path / "b.h5", run)
    assert kept
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()


def test_a_run_without_frames_and_triggers(run, tmp_path):
    def cut(record):
        return replace(
            record,
            **{f.name: v[:0] for f in fields(record) if isinstance(v := getattr(record, f.name), np.ndarray)},
        )

    faces = replace(cut(run.faces), measures={"yaw": np.empty(0, np.float32)})
    nothing = replace(
        run,
        faces=faces,
        expression=cut(run.expression),
        time=run.time[:0],
        recording=replace(run.recording, triggers=run.recording.triggers[:0]),
        segments=run.segments[:0],
        trials=run.trials[:0],
    )
    write_outputs(nothing, tmp_path / "out")
    back = read_run(tmp_path / "out")
    assert back.time.size == 0 and len(back.segments) == 0 and back.expression.labels == run.expression.labels


@pytest.mark.parametrize("name", ["trace.tsv", "trace.tsv.gz", "Spur ä.tsv"])
def test_trace_as_table(run, tmp_path, name):
    write_trace(tmp_path / name, run.faces, run.expression)
    table = read_table(tmp_path / name)
    wanted = trace_table(run.faces, run.expression)
    assert list(table) == list(wanted) and list(table["status"]) == list(wanted["status"])
    np.testing.assert_allclose(table["happy"], run.expression.probability[:, 2], atol=1e-6)
    np.testing.assert_allclose(table["video_time"], run.faces.video_time, atol=1e-6)


def test_trace_as_hdf5_has_the_columns_of_frames_without_time(run, tmp_path):
    write_trace(tmp_path / "trace.h5", run.faces, run.expression)
    write_frames(tmp_path / "frames.h5", run)
    with h5py.File(tmp_path / "trace.h5") as trace, h5py.File(tmp_path / "frames.h5") as frames:
        bounds = {"time_uncertainty", "frame_time_uncertainty"}
        assert set(frames) - set(trace) == {"time", "triggers", *bounds}
        np.testing.assert_array_equal(trace["probability"][:], run.expression.probability)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["frames.h5", "trace.h5"]


def test_trace_is_refused_whole(run, tmp_path):
    with pytest.raises(OutputError, match=r"use \.h5, \.tsv"):
        write_trace(tmp_path / "trace.csv", run.faces, run.expression)
    for name in ("trace.tsv", "trace.h5"):
        with pytest.raises(OutputError, match="cannot be written"):
            write_trace(tmp_path / "nowhere" / name, run.faces, run.expression)
    assert not list(tmp_path.iterdir())


def test_names_follow_the_entities(tmp_path):
    entities = {"sub": "01", "ses": "02", "task": "faces", "run": "1"}
    path = output_path(tmp_path, entities, Modality.EEG, "physio")
    wanted = "sub-01/ses-02/eeg/sub-01_ses-02_task-faces_run-1_recording-face_desc-enicfer_physio.tsv.gz"
    assert path.relative_to(tmp_path).as_posix() == wanted


def test_two_writers_of_one_file_are_not_in_each_others_way(tmp_path):
    path = tmp_path / "a.txt"
    with replacing(path) as first:
        first.write_text("first")
        with replacing(path) as second:
            second.write_text("second")
        assert path.read_text() == "second"
    assert path.read_text() == "first"
    assert list(tmp_path.iterdir()) == [path]


def test_the_content_is_on_the_disk_before_the_name(tmp_path, monkeypatch):
    path, synced = tmp_path / "a.txt", []

    def sync(file):
        assert not path.exists()
        synced.append(os.fstat(file).st_ino)

    monkeypatch.setattr(os, "fsync", sync)
    with replacing(path) as partial:
        partial.write_text("x")
    assert synced == [path.stat().st_ino]


@pytest.mark.parametrize(
    ("name", "reason"),
    [("file/new/out.h5", r"out\.h5 cannot be written \(Not a dir"), ("folder", "is a folder")],
)
@pytest.mark.skipif(sys.platform == "win32", reason="other words for the reason")
def test_a_place_that_cannot_be_written_is_refused(tmp_path, name, reason):
    (tmp_path / "file").write_text("x")
    (tmp_path / "folder").mkdir()
    with pytest.raises(OutputError, match=reason):
        check_free(tmp_path / name, True)


def test_a_file_in_a_folder_that_can_be_made_is_free(tmp_path):
    check_free(tmp_path / "new" / "deep" / "out.h5", False)
    assert not list(tmp_path.iterdir())


def test_a_place_below_a_file_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("", encoding="utf-8")
    with (
        pytest.raises(OutputError, match=r"out\.tsv cannot be written"),
        replacing(tmp_path / "file" / "out.tsv") as part,
    ):
        part.write_text("", encoding="utf-8")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has locks of another kind")
def test_reading_and_keeping_need_no_lock(written, run, tmp_path):
    """A file on which nobody else can get a lock stands for a file system that gives none."""
    import fcntl

    from enicfer.io.files.names import find_frames
    from enicfer.io.frames_file import read_trace
    from enicfer.pipeline.cache import read_record, write_record

    frames = find_frames(written[Modality.EEG])
    with frames.open("rb+") as other:
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        with pytest.raises(OSError, match="lock"):
            h5py.File(frames, "r")
        assert len(read_run(frames).time) == len(run.time)
        read_trace(frames)
    kept = tmp_path / "seen.h5"
    write_record(kept, make_record())
    with kept.open("rb+") as other:
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        assert read_record(kept) is not None
