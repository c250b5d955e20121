import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from enicfer.sync.voting import Problem, vote


@settings(max_examples=40)
@given(st.integers(0, 999), st.floats(-4000, 4000), st.floats(-9e-4, 9e-4), st.sampled_from([30, 120]))
@example(1, 1234.5, 8.5e-4, 400)
@example(2, -3999.0, -8.5e-4, 400)
def test_the_truth_is_among_the_seeds(seed, offset, drift, n):
    rng = np.random.default_rng(seed)
    onset = np.cumsum(rng.uniform(5, 15, n))
    video, recording = onset[rng.random(n) > 0.15], (onset * (1 + drift) + offset)[rng.random(n) > 0.15]
    zeros, order = np.zeros(len(recording)), np.arange(len(recording))
    problem = Problem(video, recording, np.zeros(len(video)), zeros, order, recording, 0.02, 1e-3, None, 1.0)
    seeds = vote(problem)
    assert seeds == vote(problem)
    error = [
        abs(intercept - (1 + drift) * video[first:last].mean() - offset)
        for first, last, _, intercept in seeds
    ]
    assert min(error) < 0.05
