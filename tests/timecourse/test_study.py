import numpy as np
import pytest
from scipy import stats

from enicfer.timecourse.study import (
    START,
    STEP,
    RunCourse,
    average_study,
    choose_expression,
    find_odd,
    mean_after,
    summarise_run,
)

LABELS = ("angry", "happy", "neutral")


def course(person, seed, conditions=("happy", "calm"), length=20, counts=5, labels=LABELS):
    rng = np.random.default_rng(seed)
    means = {name: rng.random((length, len(labels))) for name in conditions}
    return RunCourse(person, labels, means, dict.fromkeys(conditions, counts))


def test_the_participant_is_the_unit_and_trials_weigh_within_one():
    runs = [
        course("sub-01", 1, counts=2),
        course("sub-01", 2, counts=6),
        course("sub-02", 3, counts=50),
        course("sub-03", 4),
    ]
    found = average_study(runs)
    own = (2 * runs[0].means["happy"] + 6 * runs[1].means["happy"]) / 8
    np.testing.assert_allclose(found.participants["sub-01"]["happy"], own)
    people = np.array([own, runs[2].means["happy"], runs[3].means["happy"]])
    np.testing.assert_allclose(found.mean["happy"], people.mean(axis=0))
    interval = stats.ttest_1samp(people, 0, axis=0).confidence_interval(0.95)
    np.testing.assert_allclose(found.half_width["happy"], (interval.high - interval.low) / 2)
    assert found.n_participants == {"happy": 3, "calm": 3}
    np.testing.assert_allclose(found.time, START + STEP * np.arange(20))


def test_two_participants_have_no_interval():
    found = average_study([course("sub-01", 1), course("sub-02", 2)])
    assert np.isnan(found.half_width["happy"]).all() and np.isfinite(found.mean["happy"]).all()


def test_what_nobody_knows_is_missing_and_who_knows_counts():
    runs = [course(f"sub-0{i}", i) for i in range(1, 5)]
    runs[0].means["happy"][3] = np.nan
    for run in runs:
        run.means["calm"][7] = np.nan
    found = average_study(runs)
    others = np.array([run.means["happy"][3] for run in runs[1:]])
    np.testing.assert_allclose(found.mean["happy"][3], others.mean(axis=0))
    assert np.isnan(found.mean["calm"][7]).all() and np.isnan(found.half_width["calm"][7]).all()


def test_windows_are_cut_to_the_shortest_of_one_model():
    runs = [
        course("sub-01", 1, length=30),
        course("sub-02", 2, length=20),
        course("sub-03", 3, labels=("sad",)),
    ]
    found = average_study(runs)
    assert len(found.time) == 20 and found.left_out == 1 and set(found.participants) == {"sub-01", "sub-02"}


def test_a_participant_without_a_condition_is_not_counted_there():
    runs = [course("sub-01", 1), course("sub-02", 2, conditions=("calm",))]
    assert average_study(runs).n_participants == {"happy": 1, "calm": 2}
    assert average_study([]) is None


def test_the_expression_is_that_by_which_conditions_differ():
    flat = np.full((20, 3), 1 / 3)
    smile = flat.copy()
    smile[8:] = [0.1, 0.8, 0.1]
    runs = [RunCourse("sub-01", LABELS, {"a": smile, "b": flat}, {"a": 1, "b": 1})]
    found = average_study(runs)
    assert choose_expression(found) == "happy"
    expected = (3 * (1 / 3) + 12 * 0.8) / 15  # instants from 0 s on
    assert mean_after(found, "happy")["sub-01"]["a"] == pytest.approx(expected)


def test_a_run_is_the_mean_of_its_trials_with_values(make_run):
    from dataclasses import replace

    run = make_run()
    trials = run.trials.assign(fer_reviewed=None)
    happy = np.flatnonzero(trials["trial_type"] == "happy")
    trials.loc[happy[0], "fer_reviewed"] = "rejected"
    trials.loc[happy[1], "fer_dominant"] = None
    found = summarise_run(replace(run, trials=trials))
    assert found.counts["happy"] == len(happy) - 2
    k = found.labels.index("happy")
    onsets = trials["onset"].to_numpy()[happy[2:]]
    at = START + STEP * 12
    nearest = [np.abs(run.time - (onset + at)).argmin() for onset in onsets]
    values = run.expression.probability[nearest, k]
    assert found.means["happy"][12, k] == pytest.approx(np.nanmean(values), abs=0.02)
    assert found.means["happy"][12, k] > found.means["neutral"][12, k] + 0.2


@pytest.mark.parametrize("n", [4, 5, 30])
def test_one_that_is_unlike_the_rest(n):
    values = list(0.9 + np.random.default_rng(0).normal(0, 0.01, n))
    values[2] = 0.4
    assert [i for i, *_ in find_odd(values, 0.02)] == ([2] if n >= 5 else [])
    assert find_odd([0.9] * n + [None, float("nan")], 0.02) == []
    assert find_odd([0.9] * n + [0.93], 0.02) == [], "no spread is smaller than stated"
