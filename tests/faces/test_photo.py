"""Enrolment by a photo: in other light and at another size, but of one of the two people in the room."""

import cv2
import numpy as np
import pytest

from enicfer.errors import InputError
from enicfer.faces.detectors import load_detector
from enicfer.faces.observe import FaceObserver
from enicfer.faces.participant import MIN_ALIKE, Hints
from enicfer.faces.photo import compare_people, describe_photo
from enicfer.io.video.reader import read_frames
from enicfer.records import Status


@pytest.fixture(scope="module")
def observer(two_people):
    watching = FaceObserver(load_detector())
    for frame in two_people[0]:
        watching.observe(frame)
    return watching


def write_photo(path, picture, columns, gamma=0.8):
    """A part of a picture, brighter and larger than in the video."""
    part = 255 * (picture[:, columns] / 255) ** gamma
    part = cv2.resize(part.astype(np.uint8), None, fx=1.7, fy=1.7, interpolation=cv2.INTER_CUBIC)
    cv2.imencode(".png", part)[1].tofile(path)
    return path


def test_the_one_in_the_photo_is_the_participant(observer, two_people, tmp_path):
    frames = two_people[0]
    for frame, columns, seen, other in ((5, slice(60, 300), 10, 80), (80, slice(250, 480), 45, 10)):
        path = write_photo(tmp_path / "é.png", frames[frame].picture, columns)
        track, _ = observer.finish(Hints(photo=describe_photo(path, load_detector())))
        assert track.status[seen] == Status.OK, track.notes
        assert track.status[other] == Status.OTHER_PERSON
        assert any("chosen by the photo, confidence 0." in note for note in track.notes)


def test_a_stranger_is_not_guessed_to_be_somebody(observer, shared_data):
    from enicfer.faces.photo import describe_face

    watching = FaceObserver(load_detector())
    frame = next(iter(read_frames(shared_data / "video" / "carphone_pristine.mp4")))
    (face,) = watching.observe(frame)
    stranger = describe_face(frame.bgr(), face.box, face.landmarks)
    track, row = observer.finish(Hints(photo=stranger))
    assert not (track.status == Status.OK).any() and (row == -1).all()
    assert (track.status[:70] == Status.AMBIGUOUS_PERSON).mean() > 0.5
    assert any("Nobody is enough like the photo" in note for note in track.notes)


def test_a_stranger_who_is_seen_alone_is_not_the_participant(three_men):
    observer, who = three_men
    of = who[observer._rows.join()["frame"]]
    seen = {man: observer._signatures.select(np.flatnonzero(of == man)) for man in "AC"}
    for man, stranger in (("A", "C"), ("C", "A")):
        alone = np.zeros(len(seen[man]), np.int64)
        assert compare_people(seen[man], alone, seen[man][:1][0])[1] > 0.7
        for photo in seen[stranger][::3]:
            assert compare_people(seen[man], alone, photo)[1] < MIN_ALIKE


def test_photos_that_cannot_be_used(two_people, tmp_path):
    detector = load_detector()
    both = write_photo(tmp_path / "both.png", two_people[0][40].picture, slice(0, 480))
    wall = write_photo(tmp_path / "wall.png", two_people[0][70].picture, slice(0, 40))
    (tmp_path / "text.jpg").write_text("no picture")
    (tmp_path / "empty.jpg").touch()
    for path, words in (
        (both, "shows 2 faces"),
        (wall, "shows no face"),
        (tmp_path / "text.jpg", "no picture"),
        (tmp_path / "empty.jpg", "no picture"),
        (tmp_path / "none.jpg", "cannot be read"),
    ):
        with pytest.raises(InputError, match=words):
            describe_photo(path, detector)
