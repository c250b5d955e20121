import numpy as np

from enicfer.sync.led import Onsets
from enicfer.sync.pieces import Breaks, align_pulses


def test_missing_and_extra_pulses_at_the_ends_do_not_end_a_map():
    for seed in range(60):
        rng = np.random.default_rng(seed)
        onset = np.cumsum(rng.uniform(2, 8, 60))
        end = onset[-1] + 5

        def side(rng=rng, onset=onset, end=end):
            kept = onset[rng.random(60) >= 0.15]
            return np.sort(np.concatenate([kept, rng.uniform(0, end, 12)]))

        video, recording = side(), side() + 50
        video_time = np.arange(0, end, 0.04)
        found = align_pulses(
            Onsets(video, np.full(len(video), 0.005)),
            recording,
            "led",
            0.025,
            breaks=Breaks(video_time=video_time, stop=end + 60),
        )
        assert np.isfinite(found.time(video_time)).all()
