"""One trace of several cameras, against planted views: which camera when, with which times and bounds."""

from dataclasses import replace

import numpy as np
import pytest

from enicfer.errors import InputError
from enicfer.records import CameraTrack, Status
from enicfer.timecourse.cameras import (
    CHANGE,
    bound_at,
    bound_trials,
    camera_shares,
    list_changes,
    merge_cameras,
    warn_of_cameras,
)
from enicfer.timecourse.cameras import assess_cameras as assess

FRAME = 1 / 20  # s, longer than the longest interval of the made-up frames that are not dropped


@pytest.fixture
def track(make_run):
    """Make a track of 60 s, ``later`` s late, that sees the face in the spans ``sees``, turned by ``yaw`` degrees."""

    def get(name, later=0.0, sees=((0, 60),), yaw=0.0, seed=0):
        run = make_run(seconds=60, seed=seed)
        time = run.time + later
        valid = np.any([(time >= a) & (time < b) for a, b in sees], axis=0)
        inside = (time >= 0) & (time <= 60)
        status = np.where(inside, np.where(valid, Status.OK, Status.POSE), Status.OUTSIDE_RECORDING)
        probability = np.full(run.expression.probability.shape, np.nan, np.float32)
        probability[status == Status.OK] = 0.2
        turned = yaw(time) if callable(yaw) else np.full(time.size, yaw)
        faces = replace(
            run.faces, status=status.astype(np.uint8), measures={"yaw": turned.astype(np.float32)}
        )
        expression = replace(run.expression, status=status.astype(np.uint8), probability=probability)
        alignment = replace(run.alignment, intercept=run.alignment.intercept + later)
        return CameraTrack(name, faces, expression, alignment, time)

    return get


def spans(cameras, time):
    return [name for name, _, _ in list_changes(cameras, time)]


def test_the_camera_that_sees_the_face_is_used(track):
    front, side = track("front", sees=((0, 20), (40, 60))), track("side", 0.0113, ((19, 41),), seed=1)
    cameras, faces, expression, time = merge_cameras([front, side], {})
    assert spans(cameras, time) == ["front", "side", "front"]
    (_, _, left), (_, back, again), _ = list_changes(cameras, time)
    assert abs(left - 20) < FRAME and abs(back - 20) < 2 * FRAME and abs(again - 41) < 2 * FRAME
    inside = (time > 0) & (time < 60)
    assert expression.ok[inside].all()
    assert (faces.status == expression.status).all()


def test_rows_are_frames_as_they_were_taken(track):
    tracks = [track("front", sees=((0, 20),)), track("side", 0.0113, ((20, 60),), seed=1)]
    cameras, faces, _, time = merge_cameras(tracks, {})
    assert (np.diff(time) >= 0).all() and (np.diff(faces.video_time) >= 0).all()
    for number, own in enumerate(tracks):
        rows = cameras.camera == number
        assert (time[rows] == own.time[cameras.frame[rows]]).all()
        assert (np.diff(cameras.frame[rows]) > 0).all()
    first = cameras.camera == 0
    assert (faces.video_time[first] == tracks[0].faces.video_time[cameras.frame[first]]).all()
    # Where the first camera's clock stood at the other rows: its map gives their times back.
    assert np.abs(tracks[0].alignment.time(faces.video_time) - time).max() < 1e-6


@pytest.mark.parametrize(("lost", "taken"), [(0.1, False), (1.9 * CHANGE, False), (2.3 * CHANGE, True)])
def test_a_short_loss_is_no_reason_to_change(track, lost, taken):
    front, side = track("front", sees=((0, 30), (30 + lost, 60))), track("side", yaw=10.0, seed=1)
    cameras, _, _, time = merge_cameras([front, side], {})
    assert spans(cameras, time) == (["front", "side", "front"] if taken else ["front"])


def test_of_two_valid_views_the_face_turned_less_is_used(track):
    away = track("front", yaw=lambda t: np.where((t > 20) & (t < 40), 40.0, 5.0))
    cameras, _, _, time = merge_cameras([away, track("side", yaw=20.0, seed=1)], {})
    assert spans(cameras, time) == ["front", "side", "front"]
    brief = track("front", yaw=lambda t: np.where((t > 20) & (t < 22), 40.0, 5.0))
    cameras, _, _, time = merge_cameras([brief, track("side", yaw=20.0, seed=1)], {})
    assert spans(cameras, time) == ["front"]
    # A yaw that flickers from frame to frame about the other camera's changes nothing.
    flicker = track("front", yaw=lambda t: 20 + 15 * (-1.0) ** np.arange(t.size))
    cameras, _, _, time = merge_cameras([flicker, track("side", yaw=21.0, seed=1)], {})
    assert spans(cameras, time) == ["front"]


def test_equal_views_are_the_first_camera_s(track):
    same = merge_cameras([track("front"), track("side", seed=1)], {})
    assert spans(same[0], same[3]) == ["front"]
    alone = merge_cameras([track("front")], {"side": "It has no pulses."})
    assert alone[0].camera.sum() == 0 and alone[0].frame.tolist() == list(range(alone[3].size))


def test_what_the_first_camera_did_not_film_is_there(track):
    late = track("front")
    kept = late.time > 15
    faces = {
        name: getattr(late.faces, name)[kept]
        for name in ("video_time", "box", "landmarks", "score", "n_faces")
    }
    status, yaw = late.faces.status[kept], late.faces.measures["yaw"][kept]
    trace = {
        "video_time": faces["video_time"],
        "status": status,
        "probability": late.expression.probability[kept],
    }
    late = replace(
        late,
        faces=replace(late.faces, status=status, measures={"yaw": yaw}, **faces),
        expression=replace(late.expression, **trace),
        time=late.time[kept],
    )
    cameras, faces, expression, time = merge_cameras([late, track("side", seed=1)], {})
    assert expression.ok[(time > 0) & (time < 15)].sum() > 400
    assert spans(cameras, time)[0] == "side"
    assert np.abs(late.alignment.time(faces.video_time) - time).max() < 1e-3


def test_bounds_are_those_of_the_frame_s_own_camera(track, make_run):
    wide = track("side", sees=((20, 60),), seed=1)
    wide = replace(wide, alignment=replace(wide.alignment, floor=wide.alignment.floor + 0.25))
    tracks = [track("front", sees=((0, 20),)), wide]
    cameras, faces, expression, time = merge_cameras(tracks, {})
    whole = make_run(seconds=60)
    run = replace(whole, faces=faces, expression=expression, time=time, cameras=cameras)
    own = [one.alignment.uncertainty(one.faces.video_time) for one in tracks]
    for number, bound in enumerate(own):
        rows = cameras.camera == number
        assert (run.time_uncertainty[rows] == bound[cameras.frame[rows]]).all()
    assert (run.frame_time_uncertainty >= run.time_uncertainty).all()
    table = bound_trials(whole.trials, cameras, time, (0.0, 2.0))
    bound, onset = table["fer_time_uncertainty"], table["onset"]
    assert bound[onset < 17.9].max() < 0.25 < bound[onset > 18.1].min()
    assert bound_at(np.array([0.0, 1.0]), np.array([3.0, 5.0]), np.array([-1.0, 0.5, 2.0])).tolist() == [
        3,
        5,
        5,
    ]


def test_the_numbers_say_who_saw_how_much_and_whether_they_agree(track):
    front, side = track("front", sees=((0, 30),)), track("side", sees=((20, 60),), seed=1)
    certain = np.where(np.isfinite(side.expression.probability), np.eye(5, dtype=np.float32)[2], np.nan)
    side = replace(side, expression=replace(side.expression, probability=certain))
    cameras, _, expression, time = merge_cameras([front, side], {"top": "It has no pulses."})
    found = assess(cameras, expression, time, 60.0)
    assert found.cameras["front"].valid_fraction == pytest.approx(0.5, abs=0.02)
    assert sum(own.used_fraction for own in found.cameras.values()) == pytest.approx(1)
    assert found.cameras["side"].n_frames == side.time.size and found.n_changes == 1
    assert [change.camera for change in found.changes] == ["front", "side"]
    assert abs(found.changes[1].time - 30) < 2 * FRAME
    assert found.both_valid == pytest.approx(10, abs=2 * FRAME) and found.same_expression == 0
    left, differ = warn_of_cameras(found)
    assert left == "The camera top was left out: It has no pulses." and "only 0%" in differ
    shares = camera_shares(cameras, expression)
    assert list(shares) == ["fer_camera_front", "fer_camera_side"]
    assert (sum(shares.values())[expression.ok] == 1).all() and np.isnan(
        shares["fer_camera_side"][~expression.ok]
    ).all()


def test_traces_of_two_programs_are_not_one(track):
    side = track("side")
    other = replace(
        side, expression=replace(side.expression, labels=("sad", "happy", "neutral", "fearful", "angry"))
    )
    with pytest.raises(InputError, match=r"cameras front and side .* give traces of one program\."):
        merge_cameras([track("front"), other], {})
