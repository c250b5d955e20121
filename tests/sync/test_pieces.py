import numpy as np
import pytest

from enicfer.errors import AlignmentError
from enicfer.sync.led import Onsets
from enicfer.sync.pieces import Breaks, align_pulses


def ends_early(seed):
    """Whether the map of 40 random pulses, 40 % missing and 40 % extra on both sides, ends before the video."""
    rng = np.random.default_rng(seed)
    onset = np.cumsum(rng.uniform(2, 8, 40))
    end = onset[-1] + 5

    def side():
        return np.sort(np.concatenate([onset[rng.random(40) >= 0.4], rng.uniform(0, end, 16)]))

    video, recording, video_time = side(), side() + 50, np.arange(0, end, 0.04)
    onsets = Onsets(video, np.full(len(video), 0.005))
    try:
        found = align_pulses(
            onsets, recording, "led", 0.025, breaks=Breaks(video_time=video_time, stop=end + 60)
        )
    except AlignmentError:
        return False
    return bool(np.isnan(found.time(video_time)).any())


def test_pulses_that_miss_each_other_evenly_do_not_end_a_map():
    assert sum(ends_early(seed) for seed in range(100)) <= 1


class TestCameraRestartedDuringAPause:
    """The recording lost 60 s at 300 s; within these the camera stopped at 330 s and began a new file at 345 s."""

    rng = np.random.default_rng(1)
    flash = np.cumsum(rng.uniform(4, 8, 110))
    truth = np.concatenate([np.arange(0, 330, 0.04), np.arange(345, 640, 0.04)])  # of both clocks, unbroken
    video_time = np.arange(len(truth)) * 0.04
    start = float(video_time[8250])

    def align(self, gaps):
        seen = self.flash[(self.flash < 330) | ((self.flash > 345) & (self.flash < 640))]
        sent = self.flash[(self.flash < 300) | (self.flash > 360)]
        onsets = Onsets(np.where(seen < 330, seen, seen - 345 + self.start), np.full(len(seen), 0.005))
        breaks = Breaks((self.start,), gaps, self.video_time, 640.0)
        return align_pulses(onsets, np.where(sent < 300, sent, sent - 60), "led", 0.03, breaks=breaks)

    def test_frames_of_the_pause_have_no_time(self):
        time = self.align(gaps=((300.0, 300.0),)).time(self.video_time)
        paused = (self.truth > 300.1) & (self.truth < 359.9)
        assert np.isnan(time[paused]).all()
        expected = np.where(self.truth < 330, self.truth, self.truth - 60)
        sure = (self.truth < 299.9) | (self.truth > 360.1)
        np.testing.assert_allclose(time[sure], expected[sure], atol=0.001)

    def test_an_untold_pause_is_refused_where_times_go_back(self):
        with pytest.raises(
            AlignmentError, match=r"at 330\.0 s of video time the recording's time jumps back"
        ):
            self.align(gaps=())
