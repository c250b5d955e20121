"""Which recording of a study a video fits: against a study of clocks and losses whose swaps are known."""

import numpy as np
import pytest

from enicfer.config.protocol import Pulses
from enicfer.errors import AlignmentError
from enicfer.pipeline.evidence import noting_pulses
from enicfer.sync import Evidence
from enicfer.sync.partners import Filmed, find_onsets, find_partners, may_fit

FRAME = 1 / 30


def make_study(n, rng, draw=None):
    """Pulses of ``n`` videos and their recordings, 15 % missing and 10 % added on each side."""
    videos, recordings = [], []
    for i in range(n):
        onset = np.cumsum(rng.uniform(5, 15, 40) if draw is None else draw)

        def lose(x):
            kept = x[rng.random(len(x)) > 0.15]
            return np.sort(np.append(kept, rng.uniform(0, x[-1], 4)))

        seen = lose(onset)
        seen = np.sort(seen + rng.uniform(-FRAME / 2, FRAME / 2, len(seen)))
        sent = lose(onset) * (1 + rng.uniform(-5e-4, 5e-4)) + rng.uniform(0, 300)
        videos.append(seen)
        recordings.append((f"run{i}", np.round(sent, 3)))
    return videos, recordings


def film(videos, residual=np.inf):
    return [Filmed(f"run{i}", (x,), 0.75 * FRAME, residual=residual) for i, x in enumerate(videos)]


def test_swapped_files_are_found_and_nothing_else():
    rng = np.random.default_rng(0)
    videos, recordings = make_study(12, rng)
    recordings[3], recordings[8] = ("run3", recordings[8][1]), ("run8", recordings[3][1])
    found = find_partners(film(videos), recordings, {"run3", "run8"})
    assert {(p.video, p.recording) for p in found} == {("run3", "run8"), ("run8", "run3")}
    assert all(p.n_matched > 0.6 * p.n_possible for p in found)
    assert all(p.residual < FRAME / 2 for p in found)


def test_unrelated_runs_have_no_partner():
    rng = np.random.default_rng(1)
    videos, _ = make_study(10, rng)
    _, recordings = make_study(10, rng)
    assert find_partners(film(videos), recordings, {f"run{i}" for i in range(10)}) == []


def test_a_pair_that_fits_worse_than_the_given_one_is_not_named():
    rng = np.random.default_rng(2)
    videos, recordings = make_study(3, rng, draw=rng.uniform(5, 15, 40))
    assert len(find_partners(film(videos, residual=0.02), recordings, {"run0"})) == 4
    assert find_partners(film(videos, residual=0.001), recordings, {"run0"}) == []


def test_the_quick_look_agrees_with_a_count_over_all_offsets():
    rng = np.random.default_rng(3)
    for _ in range(20):
        a, b = np.cumsum(rng.uniform(1, 4, 12)), np.cumsum(rng.uniform(1, 4, 9))
        width = 2 * 0.2 + 1e-3 * (a[-1] - a[0])
        apart = [y - x for x in a for y in b]
        most = max(sum(low <= d <= low + width for d in apart) for low in apart)
        assert may_fit(a, b, 0.2, 1e-3) == (most >= 4)


def test_a_refusal_carries_what_the_video_shows():
    time = np.arange(0, 60, FRAME)
    lit = [7.0, 19.0, 26.0, 41.0, 50.0]
    brightness = 40 + 120.0 * sum((time > x) & (time <= x + 0.2) for x in lit)
    evidence = Evidence(time, pulse_time=np.array([1.0, 2.0, 3.0]), brightness=brightness)
    onsets, tolerance = find_onsets(evidence, Pulses(source="led", codes=("1",)))
    assert np.allclose(onsets[0], lit, atol=FRAME)
    assert tolerance == pytest.approx(0.75 * FRAME)
    with pytest.raises(AlignmentError) as caught, noting_pulses(evidence, Pulses(source="led")):
        raise AlignmentError("refused")
    assert caught.value.pulses["video"]["onsets"] == [onsets[0].tolist()]


def test_a_source_without_pulses_shows_none():
    assert find_onsets(Evidence(np.arange(9.0)), Pulses(source="anchors")) == ([], 0.0)
