import numpy as np
import pytest

from enicfer.errors import InputError
from enicfer.synthetic.plan import plan_session
from enicfer.synthetic.scene import SyntheticScene


@pytest.mark.parametrize("seed", range(20))
def test_plans_keep_their_promises(seed):
    scene = SyntheticScene()
    plan = plan_session(scene, seed)
    onsets = np.array([trial.onset for trial in plan.trials])
    assert (np.diff(onsets) > 2.5).all()
    assert onsets[0] > 2 and onsets[-1] + 2 < plan.duration <= 65
    assert len(plan.trials) == 4 * scene.trials_per_condition + 1
    steps = np.diff(plan.frame_time)
    assert steps.min() >= 1 / 33 - 1e-9
    assert 0.01 < (steps > 1.5 / 25).mean() < 0.06, "some frames are dropped"
    assert (plan.exposure <= np.concatenate([[1.0], steps]) + 1e-9).all(), "exposures never overlap"
    assert plan.clock_offset + plan.frame_time[0] > 0
    intervals = np.diff(plan.flashes)
    assert intervals.min() >= 0.69 and intervals.max() <= 3.01
    inside = (plan.flashes > 0) & (plan.flashes < plan.duration - 0.1)
    assert (inside & ~plan.recorded).sum() == scene.missing_pulses
    assert np.abs(plan.flashes[:, None] - plan.extra).min() > 0.2


def test_seeds_differ_and_repeat():
    first, again, other = (plan_session(SyntheticScene(), seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first.frame_time, again.frame_time)
    np.testing.assert_array_equal(first.participant.x, again.participant.x)
    assert first.clock_offset != other.clock_offset
    assert [t.condition for t in first.trials] != [t.condition for t in other.trials]


def test_crossing_passes_the_participant():
    scene = SyntheticScene(crossings=2, absences=(), visits=0, covers=0)
    plan = plan_session(scene, 0)
    side = np.sign(plan.examiner.x - plan.participant.x)
    jumps_in_view = (np.diff(side) != 0) & (np.abs(np.diff(plan.examiner.x)) < 100)
    assert jumps_in_view.sum() == 2


def test_a_long_absence_is_as_long_as_asked():
    plan = plan_session(SyntheticScene(absences=(20.0,)), 0)
    away = (plan.participant.x < -60) | (plan.participant.x > 700)
    assert (np.diff(plan.frame_time)[away[:-1]]).sum() == pytest.approx(19.2, abs=0.6)


def test_too_much_to_happen():
    with pytest.raises(InputError, match="at most 1 other"):
        plan_session(SyntheticScene(conditions=("happy",), trials_per_condition=2, covers=2), 0)
