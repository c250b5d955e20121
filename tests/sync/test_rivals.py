"""One sequence that is done several times: the pulses alone cannot tell which pass was filmed."""

import re

import numpy as np
import pytest

from enicfer.errors import AlignmentError
from enicfer.sync.led import Onsets
from enicfer.sync.matching import match_pulses
from enicfer.sync.pieces import Breaks, align_pulses


class Task:
    """A sequence of ``n`` flashes that is done ``passes`` times; the recording's clock is the task's."""

    def __init__(self, seed, n=40, passes=2):
        self.rng = np.random.default_rng(seed)
        self.n = n
        self.once = np.cumsum(self.rng.uniform(2, 6, n))
        self.length = self.once[-1] + 60
        self.passes = [self.once + k * self.length for k in range(passes)]

    def recording(self, first, of=0):
        """All passes, but of one only the pulses that are told."""
        parts = list(self.passes)
        parts[of] = parts[of][first]
        return np.concatenate(parts)

    def video(self, of=0):
        return np.sort(self.passes[of] + self.rng.uniform(-0.004, 0.004, self.n))


def align(video, recording, **more):
    return align_pulses(Onsets(video, np.full(len(video), 0.0025)), recording, "led", 0.025, **more)


LOSSES = {
    "late start": (0, lambda rng, n: np.arange(n) >= 0.3 * n),
    "very late start": (0, lambda rng, n: np.arange(n) >= 0.75 * n),
    "early stop": (1, lambda rng, n: np.arange(n) < 0.7 * n),
    "very early stop": (1, lambda rng, n: np.arange(n) < 0.25 * n),
    "lost triggers": (0, lambda rng, n: rng.random(n) > 0.25),
    "a block lost": (1, lambda rng, n: np.abs(np.arange(n) - n / 2) > n / 8),
    "nothing": (0, lambda rng, n: np.ones(n, bool)),
}


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("passes", [2, 3])
@pytest.mark.parametrize("mirrored", [False, True])
def test_either_pass_may_be_the_one_that_was_filmed(loss, passes, mirrored):
    for seed in range(4):
        task = Task(seed, passes=passes)
        of, kept = LOSSES[loss]
        of = of and passes - 1
        one, many = task.video(of), task.recording(kept(task.rng, task.n), of)
        video, recording = (many, one) if mirrored else (one, many)
        with pytest.raises(AlignmentError, match="fit in more than one way"):
            align(video, recording)


def test_the_message_names_both_offsets_and_what_decides():
    task = Task(1)
    with pytest.raises(AlignmentError) as error:
        align(task.video(), task.recording(np.arange(40) >= 12))
    said = str(error.value)
    offsets = sorted(float(x) for x in re.findall(r"(-?[0-9]+\.[0-9]{3}) s", said))
    assert offsets == pytest.approx([0.0, task.length], abs=0.01)
    assert "28 of 28 that both could have seen" in said
    for word in ("coarse_offset", "wall_clock", "codes"):
        assert word in said


def test_a_coarse_offset_decides():
    task = Task(2)
    recording = task.recording(np.arange(40) >= 12)
    for pass_, offset in ((0, 0.0), (1, task.length)):
        found = align(task.video(), recording, prior=(offset + 5, 20.0))
        assert found.time(100.0) - 100 == pytest.approx(offset, abs=0.01), pass_


@pytest.mark.parametrize("missing", [0.0, 0.15])
def test_two_passes_that_were_filmed_and_recorded_are_no_doubt(missing):
    for seed in range(5):
        task = Task(seed)
        both = np.concatenate(task.passes)
        video, recording = (both[task.rng.random(80) >= missing] for _ in range(2))
        best = match_pulses(video, recording * 1.0002 + 7, 0.025).best
        assert best.offset == pytest.approx(7.0, abs=0.05)


def test_a_pass_that_was_broken_off_while_both_ran_is_no_doubt():
    """The second pass has the first 12 flashes only; the recording ran on, so that it would have had the others."""
    task = Task(3)
    recording = task.recording(np.arange(40) < 12, of=1)
    end = float(task.passes[1][-1]) + 30
    frames = np.arange(0, task.once[-1] + 5, 1 / 30)
    found = align(task.video(), recording, breaks=Breaks(video_time=frames, stop=end))
    assert found.time(100.0) == pytest.approx(100.0, abs=0.01)
    with pytest.raises(AlignmentError, match="12 of 12 that both could have seen"):
        align(task.video(), recording)  # the recording may have ended there


def test_two_passes_with_a_quarter_in_common_are_no_doubt():
    for seed in range(5):
        task = Task(seed, n=48)
        other = np.concatenate([task.once[:12], task.once[11] + np.cumsum(task.rng.uniform(2, 6, 36))])
        recording = np.concatenate([task.once, task.length + other])
        assert align(task.video(), recording).time(100.0) == pytest.approx(100.0, abs=0.01)
