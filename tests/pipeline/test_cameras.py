"""A run that two cameras filmed, the child turned to one of them at a time: against the truth, through every step.

Both videos are of one drawn session whose truth is known; each camera has a clock of its own.
"""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest

from enicfer import process_session, trace_video, write_example_session
from enicfer.cli.process_session import describe
from enicfer.config.options import ProcessingOptions
from enicfer.config.runs import Run
from enicfer.config.session import read_session
from enicfer.errors import AlignmentError, InputError
from enicfer.export.event_table import ExportOptions
from enicfer.export.exports import export_results
from enicfer.export.keys import QC_KEYS, SYNC_KEYS, find_undocumented
from enicfer.io.results import read_result, read_run
from enicfer.pipeline import assemble
from enicfer.pipeline.align import align_session
from enicfer.pipeline.choice import boxes_of, note_face
from enicfer.pipeline.observe import Observations
from enicfer.pipeline.process import _check_copies
from enicfer.pipeline.provenance import hash_file, input_files
from enicfer.pipeline.publish import write_outputs
from enicfer.pipeline.recording import read_recording
from enicfer.pipeline.review import SessionReview, add_points, apply_review
from enicfer.privacy.forget import forget_participant
from enicfer.records import Status
from enicfer.records.review import NEVER, PARTICIPANT, TRIAL, Following, ReviewEntry
from enicfer.review.desk import Desk, ReviewOptions
from enicfer.review.study import Study
from enicfer.synthetic import SyntheticScene

BOUND = 0.05  # s; a picture every 60 to 80 ms says no more of an LED


@pytest.fixture(scope="module")
def filmed(once):
    """Session folder and outputs of 18 s, filmed by two slow cameras."""
    scene = SyntheticScene(
        conditions=("happy", "neutral"),
        trials_per_condition=2,
        absences=(),
        covers=0,
        visits=0,
        missing_pulses=0,
        extra_pulses=0,
        pause=(1.0, 1.3),
        side_camera=True,
        frame_rate=(15.0, 18.0),
        side_rate=(12.0, 14.0),
    )

    def make(folder):
        write_example_session(folder / "s", "eeg", 6, scene=scene)
        process_session(
            folder / "s",
            ProcessingOptions(max_uncertainty=BOUND),
            output=folder / "out",
            work=folder / "out" / ".enicfer" / "seen",
        )

    return once("two-cameras", make)


@pytest.fixture(scope="module")
def run(filmed):
    return read_run(filmed / "out")


@pytest.fixture(scope="module")
def truth(filmed):
    whole = json.loads((filmed / "s" / "truth.json").read_text("utf-8"))
    return {
        "front": pd.DataFrame(whole["frames"]),
        "side": pd.DataFrame(whole["side"]["frames"]),
        "all": whole,
    }


def test_both_clocks_are_found_within_their_bounds(run, truth):
    assert run.cameras.names == ("front", "side") and not run.cameras.left_out
    offsets = truth["all"]["clock"]["offset"], truth["all"]["side"]["clock"]["offset"]
    assert abs(offsets[0] - offsets[1]) > 5
    for track in run.cameras.tracks:
        true = truth[track.name]["time"].to_numpy()
        assert np.abs(track.faces.video_time - truth[track.name]["video_time"]).max() < 1e-3
        inside = (true > 0) & (true < truth["all"]["duration"])
        error = np.abs(track.time - true)[inside]
        assert (error <= track.alignment.frame_uncertainty(track.faces.video_time)[inside]).mean() >= 0.95
        assert error.max() < BOUND


def test_each_row_has_its_frame_s_time_and_a_bound_that_holds(run, truth):
    true = np.empty(run.time.size)
    for number, name in enumerate(run.cameras.names):
        rows = run.cameras.camera == number
        true[rows] = truth[name]["time"].to_numpy()[run.cameras.frame[rows]]
    inside = (true > 0) & (true < truth["all"]["duration"])
    assert (np.diff(run.time) > 0).all()
    assert (np.abs(run.time - true) <= run.frame_time_uncertainty)[inside].mean() >= 0.95


def test_where_the_side_alone_sees_the_face_values_are_true(run, truth):
    side = truth["side"]
    front = np.interp(side["time"], truth["front"]["time"], truth["front"]["visible"])
    only = side[(side["visible"] > 0.95) & (front < 0.05) & (side["time"] < truth["all"]["duration"])]
    assert len(only) > 40
    used = run.cameras.frame[run.cameras.camera == 1]
    assert np.isin(only.index, used).mean() > 0.95
    first = run.of_camera("front")
    span = (first.time > only["time"].min()) & (first.time < only["time"].max())
    assert not first.expression.ok[span].any()
    rows = (
        pd.Series(np.flatnonzero(run.cameras.camera == 1), index=used)
        .reindex(only.index)
        .dropna()
        .astype(int)
    )
    happy = run.expression.probability[rows, run.expression.labels.index("happy")]
    shown = (only["expression"] == "happy")[rows.index] & (only["strength"] > 0.8)[rows.index]
    still = (only["strength"] < 0.05)[rows.index]
    assert shown.sum() > 10 and still.sum() > 10
    assert np.nanmean(happy[shown]) > 0.6 > 0.2 > np.nanmean(happy[still])


def test_trials_are_of_the_merged_trace_and_say_from_which_camera(run, truth):
    table = run.trials
    assert (
        table["fer_dominant"].tolist()
        == ["happy", "neutral", "happy", "neutral"]
        == table["trial_type"].tolist()
    )
    assert table["fer_camera_side"].round(1).tolist() == [0, 0, 1, 1]
    assert (table["fer_camera_front"] + table["fer_camera_side"]).tolist() == pytest.approx([1] * 4)
    bounds = [own.sync.max_uncertainty for own in run.quality.cameras.cameras.values()]
    assert 0 < table["fer_time_uncertainty"].min() <= table["fer_time_uncertainty"].max() <= max(bounds)


def test_every_file_has_both_cameras(filmed, run):
    out, session = filmed / "out", filmed / "s"
    hashes = {name: hash_file(session / name) for name in ("camera.mp4", "side.mp4")}
    assert hashes.items() <= run.provenance.inputs.items()
    assert run.provenance.camera_videos == {"front": ("camera.mp4",), "side": ("side.mp4",)}
    with h5py.File(next(out.rglob("*_frames.h5"))) as file:
        assert list(file["camera"].attrs["names"]) == ["front", "side"]
        assert file["cameras/side/probability"].shape[0] == run.quality.cameras.cameras["side"].n_frames
        assert {"box", "status", "time", "frame_time_uncertainty"} <= set(file["cameras/front"])
    for kind, keys in (("sync", SYNC_KEYS), ("qc", QC_KEYS)):
        content = json.loads(next(out.rglob(f"*_{kind}.json")).read_text("utf-8"))
        assert find_undocumented(content, keys) == []
        assert "cameras" in (content if kind == "sync" else content["quality"])
    about = json.loads(next(out.rglob("*_events.json")).read_text("utf-8"))
    assert "camera side" in about["fer_camera_side"]["Description"]
    page = next(out.glob("*.html")).read_text("utf-8")
    assert "Which camera when" in page and "side: matched" in page and "front: residual" in page
    assert "each camera (front, side)" in (out / "README.md").read_text("utf-8")
    assert "camera side" in describe(read_result(out))


def test_results_are_read_back_as_they_were_written(run, tmp_path):
    write_outputs(run, tmp_path / "again")
    again = read_run(tmp_path / "again")
    assert again.quality == run.quality and again.provenance == run.provenance
    assert (again.cameras.camera == run.cameras.camera).all() and (
        again.cameras.frame == run.cameras.frame
    ).all()
    for one, other in zip(again.cameras.tracks, run.cameras.tracks, strict=True):
        assert one.name == other.name and (one.faces.box == other.faces.box)[np.isfinite(one.faces.box)].all()
        assert np.allclose(one.alignment.time(one.faces.video_time), other.time)
    with h5py.File(next((tmp_path / "again").rglob("*_frames.h5")), "r+") as file:
        file["frame"][0] = 10**6
    with pytest.raises(InputError, match="a row is of a frame that the camera front does not have"):
        read_run(tmp_path / "again")


def test_the_second_time_nothing_is_watched(filmed, tmp_path, monkeypatch):
    monkeypatch.setattr("enicfer.pipeline.kept.record_video", lambda *a, **k: pytest.fail("watched again"))
    options = ProcessingOptions(max_uncertainty=BOUND, faces=(("side", 0, 1.0, 1.0),))
    with pytest.raises(InputError, match=r"side\.mp4, the participant's face"):
        process_session(
            filmed / "s", options, output=tmp_path / "out", work=filmed / "out" / ".enicfer" / "seen"
        )
    assert len(list((filmed / "out" / ".enicfer" / "seen").glob("*.h5"))) == 2


def test_a_bare_video_has_no_cameras():
    with pytest.raises(InputError, match=r"points into the camera side, and a\.mp4 is one video: leave"):
        trace_video("a.mp4", ProcessingOptions(faces=(("side", 1, 2.0, 3.0),)))


def test_the_clocks_alone(filmed, tmp_path):
    runs, paths = align_session(filmed / "s", output=tmp_path, max_uncertainty=BOUND)
    stem = "sub-01_task-faces_camera-"
    assert [run.name for run in runs] == [f"{stem}front", f"{stem}side"]
    assert {path.name for path in paths} == {
        f"{stem}{c}_sync.{e}" for c in ("front", "side") for e in ("html", "tsv")
    }
    with pytest.raises(InputError, match=r"has 2 cameras, each with an offset of its own"):
        align_session(filmed / "s", output=tmp_path / "b", coarse_offset=(1.0, 0.5))


def assembled(filmed, run, monkeypatch, refused):
    """Put the run together again with clocks that cannot be related for some cameras."""
    session = read_session(filmed / "s")
    tracks = {track.name: track for track in run.cameras.tracks}

    def relate(view, *_):
        if view.camera in refused:
            raise AlignmentError(f"No pulse of {view.camera} fits.")
        return tracks[view.camera].alignment

    monkeypatch.setattr(assemble, "align_run", relate)
    recording = read_recording(session.runs[0], session.protocol)
    seen = [Observations(track.faces, track.expression, None) for track in tracks.values()]
    trials = run.trials[["onset", "duration", "trial_type", "code"]]
    return assemble.assemble_run(session, session.runs[0], recording, trials, seen, run.provenance)


@pytest.mark.parametrize(("lost", "left"), [("side", "front"), ("front", "side")])
def test_a_camera_that_cannot_be_aligned_is_left_out(filmed, run, monkeypatch, tmp_path, lost, left):
    found = assembled(filmed, run, monkeypatch, {lost})
    assert found.warnings[0] == f"The camera {lost} was left out: No pulse of {lost} fits."
    assert found.cameras.names == (left,) and found.of_camera().camera == left
    assert found.quality.cameras.left_out == {lost: f"No pulse of {lost} fits."}
    if lost == "front":
        write_outputs(found, tmp_path / "out")
        again = read_run(tmp_path / "out")
        assert again.cameras.left_out == found.cameras.left_out and again.cameras.names == (left,)


def test_where_none_can_be_aligned_the_run_is_refused(filmed, run, monkeypatch):
    words = r"No camera of task-faces can be aligned\. front: No pulse of front fits\. side: No pulse of side fits\."
    with pytest.raises(AlignmentError, match=words):
        assembled(filmed, run, monkeypatch, {"front", "side"})


def test_the_review_shows_one_camera_and_its_corrections_are_of_that(filmed, run):
    desk = Desk(Study([filmed / "s", filmed / "out"]), ReviewOptions("Anna", read_only=True))
    (known,) = desk.study.runs.values()
    about, first = desk.describe_run(known), run.of_camera("front")
    assert about["video"]["names"] == ["camera.mp4"] and about["video"]["state"] == "there"
    assert about["camera"] == "front" and about["n_frames"] == first.time.size
    assert about["warnings"][0].startswith(
        "Shown are the video, the faces and the curves of the camera front;"
    )
    assert len(desk.others(known)) >= 0
    session = read_session(filmed / "s")
    said = [
        ReviewEntry("1", "", "Anna", known.name, PARTICIPANT, frame=3, x=1.0, y=2.0),
        ReviewEntry("2", "", "Anna", known.name, PARTICIPANT, frame=3, x=7.0, y=8.0, camera="side"),
    ]
    front, side = add_points(session, SessionReview(tuple(said))).runs[0].views
    assert front.faces == ((3, 1.0, 2.0),) and side.faces == ((3, 7.0, 8.0),)
    track = run.cameras.find("side")
    frame = int(np.flatnonzero(track.faces.status == Status.OK)[0])
    x, y = (float(value) for value in track.faces.box[frame].reshape(2, 2).mean(axis=0))
    never = ReviewEntry("3", "", "Anna", known.name, NEVER, frame=frame, x=x, y=y, camera="side")
    (warning,) = set(apply_review(run, SessionReview((never,))).warnings) - set(run.warnings)
    assert f"is not the participant's (1 point, in frame {frame} of the camera side)" in warning
    seen = note_face(run, 3)
    verdict = ReviewEntry("4", "", "Anna", known.name, TRIAL, trial=0, followed="x", seen=seen)
    places = [place[:2] for place in verdict.places]
    assert {camera for camera, _ in places} == {0, 1} and len(places) == 6
    boxes = boxes_of(run)(places)
    assert boxes == desk.study._look_up(known, ("front", "side"), places) and set(boxes) == set(places)
    assert Following("", boxes).fits(verdict)


def test_players_get_the_camera_whose_video_is_given(filmed, run, tmp_path):
    given = {None: "camera.mp4", "side.mp4": "side.mp4"}
    onsets = {}
    for name, media in given.items():
        options = ExportOptions(videos=() if name is None else (filmed / "s" / name,))
        export_results(run, ["boris", "elan", "videobrowser"], tmp_path / media, options=options)
        stamps = np.load(next((tmp_path / media).rglob("*_video_timestamps.npy")))
        assert stamps.size == run.of_camera("side" if name else "front").time.size
        (project,) = (tmp_path / media).rglob("*.boris")
        onsets[media] = project.read_text("utf-8")
        assert media in onsets[media]


def test_what_was_kept_of_both_cameras_is_forgotten(filmed):
    found = forget_participant(filmed / "out", "sub-01", dry_run=True)
    assert sum(path.parent.name == "seen" for path in found.removed) == 2


def test_files_of_all_cameras_are_inputs(filmed, tmp_path):
    (run,) = read_session(filmed / "s").runs
    assert {"camera.mp4", "side.mp4", "eeg.vhdr"} <= {path.name for path in input_files(run)}
    copy = shutil.copy(filmed / "s" / "camera.mp4", tmp_path / "copy.mp4")
    (other,) = run.others
    doubled = replace(run, others=(replace(other, videos=(Path(copy),)),))

    class Noted:
        sha256 = "0"

    with pytest.raises(
        InputError, match=r"camera\.mp4 of the camera front and copy\.mp4 of side are the same video"
    ):
        _check_copies((doubled,), dict.fromkeys([*run.videos, Path(copy)], Noted()))
    _check_copies((Run("a", None, run.videos),), {})
