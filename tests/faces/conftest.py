"""A room with two people, and one with three, one after the other."""

from itertools import islice

import cv2
import numpy as np
import pytest

from benchmarks.occlusion import ArrayFrame
from enicfer.faces.detectors import load_detector
from enicfer.faces.observe import FaceObserver
from enicfer.io.video.reader import read_frames
from enicfer.synthetic.portraits import load_portrait


def draw(people, seed=0, size=(480, 360)):
    """A noisy room with people: name, x and y of the middle of the face, scale; the later in front."""
    picture = np.full((size[1], size[0], 3), 150, np.uint8)
    picture[:, ::40] = 120
    for name, x, y, scale in people:
        person = load_portrait(name)
        matrix = np.array([[scale, 0, x], [0, scale, y]]) - [[0, 0, 1], [0, 0, 1]] * (
            scale * person.centre[:, None]
        )
        image = cv2.warpAffine(person.image, matrix, size)
        alpha = cv2.warpAffine(person.alpha, matrix, size)[..., None] / 255
        picture = (picture * (1 - alpha) + image * alpha).astype(np.uint8)
    noise = np.random.default_rng(seed).normal(0, 2, picture.shape)
    return np.clip(picture + noise, 0, 255).astype(np.uint8)


@pytest.fixture(scope="session")
def two_people():
    """Frames of the participant (hopper), whom the examiner visits; the participant leaves and comes back.

    Frames and, for each, the middle of the participant's and the examiner's face or None.
    """
    frames, truth = [], []
    for i in range(120):
        # Seen in 0-69 and 90-119; the examiner stands near in 30-59 and alone in 75-84.
        people, middles = [], [None, None]
        if i < 70 or i >= 90:
            middles[0] = (180 + 12 * np.sin(i / 9), 150 + 5 * np.cos(i / 7))
            people.append(("hopper", *middles[0], 0.8))
        if 30 <= i < 60 or 75 <= i < 85:
            middles[1] = (370 + 6 * np.sin(i / 5), 140)
            people.append(("astronaut", *middles[1], 1.1))
        frames.append(ArrayFrame(i, 0.5 + i / 30, draw(people, i)))
        truth.append(middles)
    return frames, truth


@pytest.fixture(scope="session", params=["colour", "grey"])
def three_men(request, shared_data):
    """Three men, one directly after the other in the same chair and light, as an observer saw them.

    The observer, and who was there in each frame: A, then C, then B.
    """
    observer, who = FaceObserver(load_detector()), []
    for man, clip, count in (("A", "student", 18), ("C", "eat", 11), ("B", "bird", 11)):
        for frame in islice(read_frames(shared_data / "video" / f"signer_{clip}.mkv"), count):
            picture = frame.bgr()
            if request.param == "grey":
                picture = np.repeat(frame.gray()[..., None], 3, axis=2)
            observer.observe(ArrayFrame(len(who), len(who) / 30, picture))
            who.append(man)
    return observer, np.array(who)


@pytest.fixture(scope="session")
def sitting():
    """Makes frames, at the times given (s), of somebody who sits still; some of them do not decode."""
    pictures = [draw([("hopper", 180, 150, 0.8)], i) for i in range(5)]

    def make(times, missing=range(0)):
        return [ArrayFrame(i, float(time), pictures[i % 5], i not in missing) for i, time in enumerate(times)]

    return make
