"""A video that was watched is not decoded again: another participant, other thresholds, another protocol."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner

from enicfer import process_session, read_result, write_example_session
from enicfer.cli.main import cli
from enicfer.config.options import ProcessingOptions
from enicfer.config.protocol import Quality
from enicfer.faces.choose import group_people
from enicfer.io.files.atomic import files_below
from enicfer.io.video.parts import Part
from enicfer.pipeline.observe import choose_observations, load_models, record_video
from enicfer.pipeline.people import find_record, know_faces, list_others
from enicfer.pipeline.process import find_work
from tests.batch.study import SCENE

OPTIONS = ProcessingOptions(max_uncertainty=0.2, overwrite=True)
PROTOCOL = """
modality = "eeg"
[conditions]
"S 11" = "joy"
"S 12" = "anger"
[trial]
window = [0.2, 1.5]
[pulses]
source = "led"
codes = ["S 1"]
region = "auto"
[quality]
min_score = 0.7
max_yaw = 12
max_occlusion = 0.03
[expression]
smoothing = 0.4
"""


@pytest.fixture(scope="module")
def session(once):
    scene = replace(SCENE, visits=1, covers=1, trials_per_condition=2, conditions=("happy", "angry"))
    return (
        once("watched-once", lambda folder: write_example_session(folder / "s", "eeg", 0, scene=scene)) / "s"
    )


@pytest.fixture
def decoded(monkeypatch):
    """The frames decoded so far."""
    frames, read = [], Part.read

    def noted(self, threads=0):
        for frame in read(self, threads):
            frames.append(frame.index)
            yield frame

    monkeypatch.setattr(Part, "read", noted)
    return frames


def contents(folder):
    return {name: (folder / name).read_bytes() for name in files_below(folder) if not name.startswith(".")}


def test_another_choice_or_protocol_decodes_nothing_again(session, decoded, tmp_path):
    work = tmp_path / "work"
    first = process_session(session, OPTIONS, output=tmp_path / "first", work=work)
    n = len(decoded)
    assert n == len(first.runs[0].faces.video_time) > 100
    (tmp_path / "other.toml").write_text(PROTOCOL, encoding="utf-8")
    run = first.runs[0]
    seen = np.flatnonzero(run.faces.status == 0)
    middle = run.faces.box[seen[3]].reshape(2, 2).mean(axis=0)
    changes = {
        "pointed": replace(OPTIONS, faces=((int(seen[3]), float(middle[0]), float(middle[1])),)),
        "other": replace(OPTIONS, protocol=tmp_path / "other.toml"),
    }
    for name, options in changes.items():
        process_session(session, options, output=tmp_path / name, work=work)
    assert len(decoded) == n and len(list(work.iterdir())) == 1
    for name, options in changes.items():
        process_session(session, options, output=tmp_path / f"{name} anew")
        kept, anew = contents(tmp_path / name), contents(tmp_path / f"{name} anew")
        assert kept.keys() == anew.keys() and len(kept) > 5
        assert [path for path in kept if kept[path] != anew[path]] == []
        assert kept != contents(tmp_path / "first")
    assert len(decoded) == 3 * n


def test_what_is_seen_does_not_depend_on_who_is_chosen_or_believed(session):
    models = load_models(ProcessingOptions(), Quality())
    video = (session / "camera.mp4",)
    strict = replace(
        models, quality=replace(models.quality, min_score=0.8, max_yaw=5.0), region=(0.0, 0.0, 0.2, 1.0)
    )
    records = [record_video(video, each, None) for each in (models, strict)]
    assert records[0].faces.rows.tobytes() == records[1].faces.rows.tobytes()
    assert records[0].probability.tobytes() == records[1].probability.tobytes()
    status = [choose_observations(records[0], each, "a").faces.status for each in (models, strict)]
    assert (status[0] == 0).sum() > (status[1] == 0).sum()


def test_the_command_keeps_what_it_saw_in_the_outputs(session, decoded, tmp_path):
    command = ["process-session", str(session), "--output", str(tmp_path / "out"), "--max-uncertainty", "0.2"]
    counts = []
    for more in ([], ["--overwrite"]):
        answer = CliRunner().invoke(cli, [*command, "--quiet", *more])
        assert answer.exit_code == 0, answer.output
        counts.append(len(decoded))
    assert counts[0] == counts[1] > 100
    (kept,) = find_work(session, tmp_path / "out").iterdir()
    assert kept.suffix == ".h5"
    answer = CliRunner().invoke(cli, ["cache", str(tmp_path / "out"), "--all"])
    assert answer.exit_code == 0 and not kept.exists()


def test_a_review_shows_the_faces_of_the_others(session, tmp_path):
    """Where the planted examiner is; nobody is shown twice, and without the record nobody is made up."""
    output = tmp_path / "out"
    process_session(session, OPTIONS, output=output, work=find_work(session, output))
    run = read_result(output / "sub-01").runs[0]
    truth = json.loads((session / "truth.json").read_text(encoding="utf-8"))["frames"]
    record = find_record(output, run)
    (other,) = list_others(know_faces(record, run))
    assert other["n_frames"] > 10 and 5 < len(other["faces"]) <= 24
    for face in other["faces"]:
        left, top, right, bottom = truth[face["frame"]]["other"]
        x, y = np.mean(np.reshape(face["box"], (2, 2)), axis=0)
        assert left < x < right and top < y < bottom
    seen = [i for i, frame in enumerate(truth) if frame["other"] and frame["other_visible"] > 0.99]
    assert other["n_frames"] > 0.8 * len(seen)
    shutil.rmtree(find_work(session, output))
    assert find_record(output, run) is None


def test_faces_go_to_people_as_where_the_participant_is_chosen(session, tmp_path):
    output = tmp_path / "out"
    process_session(session, OPTIONS, output=output, work=find_work(session, output))
    run = read_result(output / "sub-01").runs[0]
    record = find_record(output, run)
    person = group_people(record.faces)
    rows = record.faces.rows
    followed = np.abs(rows["box"] - run.faces.box[rows["frame"]]).max(axis=1) < 0.5
    assert len(np.unique(person[followed & (person >= 0)])) == 1
    for frame in np.unique(rows["frame"]):
        own = person[(rows["frame"] == frame) & (person >= 0)]
        assert len(np.unique(own)) == len(own), "two faces of one frame are of two people"
