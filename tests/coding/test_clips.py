"""Clips are read one after the other: frames in turn need no seeking."""

from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from types import SimpleNamespace

import numpy as np

from enicfer.coding.clips import show_around


def test_clips_that_are_asked_for_at_once_are_not_mixed():
    asked, picture = [], np.zeros((64, 64, 3), np.uint8)

    def give(number):
        asked.append(number)
        return picture

    video = SimpleNamespace(picture=give, in_turn=Lock(), size=(64, 64), state="there")
    faces = SimpleNamespace(video_time=np.arange(300) / 30, box=np.tile([10.0, 10, 30, 30], (300, 1)))
    run = SimpleNamespace(faces=faces)
    with ThreadPoolExecutor(4) as pool:
        clips = list(pool.map(lambda frame: show_around(video, run, frame), (50, 100, 150, 200)))
    steps = np.diff(asked)
    assert len(asked) == 4 * 31 and (steps != 1).sum() == 3, "a clip is read from its first frame to its last"
    assert all(int(np.frombuffer(clip[:4], "<u4")[0]) == 31 for clip in clips)
