import numpy as np
import pytest

from enicfer.faces.detectors import load_detector
from enicfer.faces.observe import FaceObserver
from enicfer.io.video import read_frames
from enicfer.records import Status

CLIPS = ["single_face.mp4", "carphone_pristine.mp4", "signer_bird.mkv", "signer_eat.mkv"]


def follow(path, **settings):
    observer = FaceObserver(load_detector(), **settings)
    faces = [observer.observe(frame) for frame in read_frames(path)]
    return faces, *observer.finish()


@pytest.mark.parametrize("clip", CLIPS)
def test_every_frame_that_shows_a_face_gets_it(shared_data, clip):
    faces, track, row = follow(shared_data / "video" / clip)
    assert np.mean(row >= 0) >= 0.995
    crops = {face.row: face.crop for found in faces for face in found}
    assert sorted(crops) == list(range(len(crops)))
    assert all(crop.shape == (48, 48) for crop in crops.values())
    assert np.isfinite(track.box[row >= 0]).all()


def test_no_face_where_there_is_none(shared_data):
    faces, track, row = follow(shared_data / "video" / "no_face.mp4")
    assert not any(faces)
    assert (row == -1).all() and (track.status == Status.NO_FACE).all()
    assert np.isnan(track.box).all() and np.isnan(track.measures["yaw"]).all()


def test_the_face_that_leaves_is_lost_within_two_frames(shared_data):
    _, track, _ = follow(shared_data / "video" / "face_noface.mov")
    change = np.flatnonzero(np.diff((track.status == Status.NO_FACE).astype(int)))
    assert len(change) == 1
    assert abs(int(change[0]) - 71) <= 2


def test_searching_everything_always_changes_almost_nothing(shared_data):
    for clip in ("single_face.mp4", "signer_eat.mkv"):
        path = shared_data / "video" / clip
        _, track, _ = follow(path)
        _, full, _ = follow(path, full_every=1)
        assert np.mean(track.status != full.status) <= 0.02
        both = np.isfinite(track.box).all(axis=1) & np.isfinite(full.box).all(axis=1)
        assert np.median(np.abs(track.box - full.box)[both]) < 1.5


def test_same_bytes_again_and_with_two_threads(shared_data, two_people):
    results = []
    for threads in (1, 1, 2):
        observer = FaceObserver(load_detector(threads=threads))
        crops = [face.crop for frame in two_people[0][25:50] for face in observer.observe(frame)]
        track, row = observer.finish()
        results.append(
            (np.array(crops).tobytes(), track.box.tobytes(), track.status.tobytes(), row.tobytes())
        )
    assert results[0] == results[1] == results[2]


def test_frames_that_do_not_decode_keep_their_place(two_people):
    from dataclasses import replace

    observer = FaceObserver(load_detector())
    for i, frame in enumerate(two_people[0][:12]):
        observer.observe(replace(frame, decodable=i != 5))
    track, row = observer.finish()
    assert np.flatnonzero(track.status == Status.UNDECODABLE).tolist() == [5]
    assert row[5] == -1 and np.isnan(track.box[5]).all()
    assert np.allclose(np.diff(track.video_time), 1 / 30)


def test_a_scene_cut_ends_tracklets(two_people):
    observer = FaceObserver(load_detector())
    for frame in two_people[0][:10]:
        observer.observe(frame)
    dark = [type(frame)(frame.index, frame.video_time, frame.picture // 4) for frame in two_people[0][10:12]]
    numbers = {face.tracklet for frame in dark for face in observer.observe(frame)}
    assert 0 not in numbers


def test_colour_crops_of_another_size(two_people):
    observer = FaceObserver(load_detector(), crop_size=64, channels=3)
    (face,) = observer.observe(two_people[0][0])
    assert face.crop.shape == (64, 64, 3) and face.crop.dtype == np.uint8


@pytest.mark.parametrize("shape", [(1, 1), (2, 700), (33, 31), (900, 17)])
def test_odd_pictures_are_survived(two_people, shape):
    kind = type(two_people[0][0])
    observer = FaceObserver(load_detector())
    for i in range(3):
        observer.observe(kind(i, i / 30, np.full((*shape, 3), 40 * i, np.uint8)))
    assert len(observer.finish()[0].status) == 3


def test_crops_in_colour_are_rgb(shared_data):
    """Skin is redder than it is blue, and the order of the colours is the classifier's."""
    faces, _, _ = follow(shared_data / "video" / "carphone_pristine.mp4", channels=3)
    crops = np.stack([face.crop for found in faces for face in found]).astype(float)
    assert crops.shape[1:] == (48, 48, 3)
    red, _, blue = crops.mean(axis=(0, 1, 2))
    assert red > blue + 10
