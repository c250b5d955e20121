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
