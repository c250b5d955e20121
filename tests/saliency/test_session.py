import numpy as np
import pytest

from enicfer.errors import InputError
from enicfer.io.store import read_result
from enicfer.io.video import read_frames
from enicfer.records import Status
from enicfer.saliency.session import choose_frames, explain_session, find_videos


def test_frames_are_those_that_carried_the_answer(processed):
    run = read_result(processed("eeg"))
    frames, labels, rows = choose_frames(run)
    first, last = run.provenance["protocol"]["trial"]["window"]
    for frame, label, row in zip(frames, labels, rows, strict=True):
        trial = run.trials.iloc[row]
        assert run.expression.status[frame] == Status.OK
        assert first <= run.time[frame] - trial["onset"] <= last
        column = run.expression.labels.index(label)
        assert run.expression.probability[frame, column] == pytest.approx(
            trial[f"fer_{label}_peak"], abs=1e-5
        )
        assert label == trial["fer_dominant"]


def test_a_session_is_explained_without_showing_the_face(processed, example, tmp_path):
    found = explain_session(processed("eeg"), tmp_path / "out", session=example("eeg"), checks=0)
    run = read_result(processed("eeg"))
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
        processed("eeg"), tmp_path, session=example("eeg"), checks=0, face_images=True, video=True
    )
    (video,) = tmp_path.glob("*_overlay.mp4")
    run = read_result(processed("eeg"))
    (original,) = find_videos(run, example("eeg"))
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
    explain_session(processed("eeg"), tmp_path, session=example("eeg"), checks=0, overwrite=True)
    assert not list(tmp_path.glob("*.mp4")) and not list((tmp_path / "figures").glob("sheet_*"))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"video": True}, "A video would show the participant's face: give --face-images"),
        ({"method": "guided"}, "Maps of the method guided would show"),
        ({"method": "magic"}, "no attribution method"),
        ({"session": None}, "give it with --session"),
    ],
)
def test_what_must_not_or_cannot_be_done_is_refused(processed, example, tmp_path, change, sentence):
    with pytest.raises(InputError, match=sentence):
        explain_session(processed("eeg"), tmp_path / "out", **{"session": example("eeg"), **change})
    assert not (tmp_path / "out").exists()


def test_another_session_is_refused(processed, example, tmp_path):
    with pytest.raises(InputError, match=r"is not the video that was processed|has no run"):
        explain_session(processed("eeg"), tmp_path / "out", session=example("eeg", 1))
