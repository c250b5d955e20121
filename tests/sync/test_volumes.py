import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from enicfer.errors import InputError
from enicfer.sync.volumes import fit_volume_clock


@settings(max_examples=50)
@given(
    lost=st.sets(st.integers(1, 98), max_size=10),
    doubled=st.sets(st.integers(0, 99), max_size=5),
    dummies=st.integers(0, 4),
    start=st.floats(-100, 1000),
)
def test_missing_and_doubled_pulses_are_repaired_and_named(lost, doubled, dummies, start):
    pulses = start + 2.0 * np.arange(100)
    extra = pulses[sorted(doubled - lost)] + 0.02
    log = np.sort(np.concatenate([np.delete(pulses, sorted(lost)), extra]))
    clock = fit_volume_clock(log, 2.0, n_volumes=100 - dummies, dummy_volumes=dummies)
    assert clock.start == pytest.approx(start + 2 * dummies, abs=0.001)
    assert clock.missing == tuple(i - dummies for i in sorted(lost) if i >= dummies)
    assert clock.doubled == pytest.approx(tuple(sorted(extra)))
    assert clock.time(start + 2 * dummies + 10) == pytest.approx(10, abs=0.001)
    assert bool(lost) == any("misses" in note for note in clock.notes)


def test_the_scanners_clock_may_drift():
    clock = fit_volume_clock(5 + 2.0 * 1.0003 * np.arange(300), 2.0, 300)
    assert clock.time(5 + 2.0003 * 100 * 1.0) == pytest.approx(200, abs=0.05)
    assert clock.slope == pytest.approx(1 / 1.0003, abs=1e-6)


@pytest.mark.parametrize(
    ("pulses", "tr", "n", "dummies", "message"),
    [
        ([], 2.0, 10, 0, "0 volume pulses"),
        (np.arange(10) * 3.0, 2.0, 10, 0, "come every 3 s but the TR is 2 s"),
        (
            np.arange(12) * 2.0,
            2.0,
            10,
            0,
            "12 volume pulses but the image has 10 volumes, so 2 pulses.*dummy_volumes to 2",
        ),
        ([0, 2, 4, 6, 11.1, 13.1, 15.1], 2.0, 8, 0, "not a multiple of the TR"),
        ([1.0, 1.1, 1.2], 2.0, 3, 0, "lie within"),
    ],
)
def test_logs_that_cannot_belong_to_the_image_are_refused(pulses, tr, n, dummies, message):
    with pytest.raises(InputError, match=message):
        fit_volume_clock(pulses, tr, n, dummies)


def test_too_few_pulses_at_the_end_are_noted():
    clock = fit_volume_clock(np.arange(95) * 2.0, 2.0, 100)
    assert "95 volume pulses and the image has 100 volumes" in clock.notes[0]
