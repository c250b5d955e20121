import os
import shutil
from dataclasses import replace

import numpy as np
import pytest

from enicfer.config.protocol import Trial
from enicfer.config.session import read_session
from enicfer.errors import InputError
from enicfer.io.results import read_run
from enicfer.io.video.reader import read_frames
from enicfer.pipeline.origin import hash_inputs
from enicfer.records import ProtocolCard, Provenance, Status, select_frames
from enicfer.saliency.options import SaliencyOptions
from enicfer.saliency.session import choose_frames, explain_session, find_videos
from enicfer.timecourse.trials import TRIAL_COLUMNS, summarise_trials


def test_frames_are_those_that_carried_the_answer(processed):
    run = read_run(processed("eeg"))
    frames, labels, rows = choose_frames(run)
    first, last = run.provenance.protocol.window
    for frame, label, row in zip(frames, labels, rows, strict=True):
        trial = run.trials.iloc[row]
        assert run.expression.status[frame] == Status.OK
        # Half an interval beyond the window a frame still stands for a part of it.
        assert first - 0.05 <= run.time[frame] - trial["onset"] <= last + 0.05
        column = run.expression.labels.index(label)
        assert run.expression.probability[frame, column] == pytest.approx(
            trial[f"fer_{label}_peak"], abs=1e-5
        )
        assert label == trial["fer_dominant"]


def test_a_session_is_explained_without_showing_the_face(processed, example, tmp_path):
    found = explain_session(
        processed("eeg"), tmp_path / "out", SaliencyOptions(session=example("eeg"), checks=0)
    )
    run = read_run(processed("eeg"))
    frames, labels, _ = choose_frames(run)
    columns = [run.expression.labels.index(label) for label in labels]
    # the same crops as in the pipeline: the same probabilities
    np.testing.assert_allclose(found.maps.probability, run.expression.probability[frames, columns], atol=0.02)
    assert {path.stem for path in (tmp_path / "out" / "figures").iterdir()} == {"means", "regions"}
    assert set(found.maps.subject) == {f"sub-{run.entities['sub']}"}
    assert any("they say nothing of other people" in note for note in found.notes)


@pytest.mark.slow
def test_faces_and_the_video_are_shown_where_the_user_wants_them(processed, example, tmp_path):
    explain_session(
        processed("eeg", short=True),
        tmp_path,
        SaliencyOptions(session=example("eeg", short=True), checks=0, face_images=True, video=True),
    )
    (video,) = tmp_path.glob("*_overlay.mp4")
    assert os.name != "posix" or video.stat().st_mode & 0o777 == 0o600
    run = read_run(processed("eeg", short=True))
    (original,) = find_videos(run, example("eeg", short=True))
    changed = 0
    for number, (a, b) in enumerate(zip(read_frames(original), read_frames(video), strict=False)):
        assert a.video_time == pytest.approx(b.video_time, abs=0.001)
        if number % 50 == 0 and run.expression.ok[number]:
            left, top, right, bottom = run.faces.box[number].astype(int)
            region = (slice(max(top, 0), bottom), slice(max(left, 0), right))
            face, elsewhere = (np.abs(a.bgr().astype(int) - b.bgr()) for _ in range(2))
            changed += face[region].mean() > 3 * elsewhere.mean()
    assert changed > 3
    assert any((tmp_path / "figures").glob("sheet_*.png"))
    explain_session(
        processed("eeg", short=True),
        tmp_path,
        SaliencyOptions(session=example("eeg", short=True), checks=0, overwrite=True),
    )
    assert not list(tmp_path.glob("*.mp4")) and not list((tmp_path / "figures").glob("sheet_*"))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"video": True}, "A video would show the participant's face: give face_images=True"),
        ({"method": "guided"}, "Maps of the method guided would show"),
        ({"method": "magic"}, "no attribution method"),
        ({"session": None}, "give it with session"),
    ],
)
def test_what_must_not_or_cannot_be_done_is_refused(processed, example, tmp_path, change, sentence):
    with pytest.raises(InputError, match=sentence):
        explain_session(
            processed("eeg"), tmp_path / "out", SaliencyOptions(**{"session": example("eeg"), **change})
        )
    assert not (tmp_path / "out").exists()


def test_another_session_is_refused(processed, example, tmp_path):
    with pytest.raises(InputError, match=r"is not the video that was processed|has no run"):
        explain_session(
            processed("eeg", short=True), tmp_path / "out", SaliencyOptions(session=example("eeg"))
        )


def test_every_trial_with_an_answer_has_a_frame_also_at_a_low_rate(make_run):
    run = make_run(seconds=45.0)
    read = np.arange(run.time.size) % 15 == 0
    thinned = replace(
        run.expression,
        status=np.where(read, run.expression.status, Status.NOT_ANALYSED).astype(np.uint8),
        probability=np.where(read[:, None], run.expression.probability, np.nan).astype(np.float32),
    )
    trial = Trial()
    kept = select_frames(thinned, read)
    trials = summarise_trials(run.trials[list(TRIAL_COLUMNS)], run.time[read], kept, run.alignment, trial)
    protocol = ProtocolCard({"trial": {"window": list(trial.window)}})
    found = replace(run, expression=thinned, trials=trials, provenance=Provenance(protocol=protocol))
    answered = found.trials["fer_dominant"].isin(run.expression.labels)
    assert answered.sum() > 3
    assert choose_frames(found)[2].tolist() == np.flatnonzero(answered).tolist()


def test_a_run_without_answers_costs_the_others_nothing(processed, example, tmp_path, monkeypatch):
    output = shutil.copytree(processed("eeg"), tmp_path / "results")
    other = tmp_path / "other"
    shutil.copytree(output, other)
    run = read_run(output)
    silent = replace(run, trials=run.trials.assign(fer_dominant=None), entities={**run.entities, "run": "2"})
    monkeypatch.setattr("enicfer.saliency.session._find_runs", lambda path: [output, other])
    monkeypatch.setattr("enicfer.saliency.session.read_run", lambda path: silent if path == other else run)
    found = explain_session(output, tmp_path / "out", SaliencyOptions(session=example("eeg"), checks=0))
    assert any("run-2 has no trial with values" in note for note in found.notes)
    assert len(found.maps) == len(choose_frames(run)[0])
    monkeypatch.setattr("enicfer.saliency.session._find_runs", lambda path: [other])
    with pytest.raises(InputError, match=r"No trial of .* has values that could be explained"):
        explain_session(output, tmp_path / "out2", SaliencyOptions(session=example("eeg"), checks=0))


def test_two_videos_of_one_name_are_those_that_were_processed(make_run, tmp_path):
    """As cameras name them that begin a new card."""
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "00000.mts").write_bytes(folder.encode())
    (tmp_path / "eeg.edf").write_bytes(b"x")
    (tmp_path / "session.toml").write_text(
        'participant = "01"\nprotocol = "eeg-led"\n[[run]]\ntask = "faces"\nrecording = "eeg.edf"\n'
        'video = ["a/00000.mts", "b/00000.mts"]\n',
        encoding="utf-8",
    )
    session = read_session(tmp_path)
    run = replace(
        make_run(seconds=45.0),
        entities=session.entities(session.runs[0]),
        provenance=Provenance(inputs=hash_inputs(session, session.runs[0])),
    )
    assert [video.parent.name for video in find_videos(run, tmp_path)] == ["a", "b"]
    (tmp_path / "b" / "00000.mts").write_bytes(b"another")
    with pytest.raises(InputError, match=r"b/00000\.mts is not the video"):
        find_videos(run, tmp_path)
