"""Plans: what they hold, that the same seed gives the same, and what is said of them."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from enicfer.cli.sample import sample
from enicfer.coding.items import list_frames
from enicfer.coding.models_differ import uncertainty_of
from enicfer.coding.plan import check_videos, read_plan
from enicfer.coding.sampling import (
    REHEARSAL,
    SamplingOptions,
    describe_plan,
    describe_rehearsal,
    sample_frames,
)
from enicfer.errors import InputError, OutputError
from enicfer.export.bids import write_run
from enicfer.review.study import Study
from tests.coding.simulate import runs_of

OPTIONS = SamplingOptions(n=60, seed=3, per_trial=2, repeats=0.1)


@pytest.fixture(scope="module")
def plan(whole_study):
    return sample_frames([whole_study], OPTIONS)


def test_a_plan_holds_what_was_asked_for(plan, whole_study):
    assert len(plan.items) == 60 and plan.notes == ()
    runs = {run.name: result for run, result in runs_of(whole_study)}
    assert plan.population == sum(int(result.expression.ok.sum()) for result in runs.values())
    random = [item for item in plan.items if item.drawn == "random"]
    assert len(random) == 15
    for item in plan.items:
        result = runs[item.run]
        assert result.expression.ok[item.frame]
        assert item.video_time == result.faces.video_time[item.frame]
        if item.trial >= 0:
            row = result.trials.iloc[item.trial]
            assert row["onset"] <= item.time < row["onset"] + row["duration"]
            assert item.condition == row["trial_type"]
    assert sum(item.weight for item in random) == pytest.approx(plan.population, rel=0.1)
    assert max(Counter(item.participant for item in plan.items).values()) <= 23
    chosen = Counter((i.run, i.trial) for i in plan.items if i.drawn == "uncertain" and i.trial >= 0)
    assert max(chosen.values()) <= 2
    by_run = {}
    for item in plan.items:
        by_run.setdefault(item.run, []).append(item.video_time)
    assert min(np.diff(sorted(times)).min() for times in by_run.values()) >= 1.0
    uncertain = [item.uncertainty for item in plan.items if item.drawn == "uncertain"]
    assert np.mean(uncertain) > np.mean([item.uncertainty for item in random])


def test_some_are_for_a_second_coder_and_some_come_twice(plan):
    assert abs(sum(item.second for item in plan.items) - 15) <= 1
    strata = Counter((item.participant, item.condition) for item in plan.items)
    second = Counter((item.participant, item.condition) for item in plan.items if item.second)
    assert all(abs(second[key] - 0.25 * n) <= 1 for key, n in strata.items())
    places = Counter(plan.order)
    assert set(places) == set(range(60)) and sorted(places.values())[-6:] == [2] * 6
    for place in (place for place, n in places.items() if n == 2):
        first, again = (i for i, other in enumerate(plan.order) if other == place)
        assert again - first >= 5 or again >= 60
    assert list(plan.order) != sorted(plan.order)


def test_the_seed_decides(plan, whole_study, tmp_path):
    path = tmp_path / "plans" / "plan.json"
    again = sample_frames([whole_study], OPTIONS, output=path)
    assert again == plan and read_plan(path).items == plan.items and read_plan(path).order == plan.order
    other = sample_frames([whole_study], SamplingOptions(n=60, seed=4))
    assert {(i.run, i.frame) for i in other.items} != {(i.run, i.frame) for i in plan.items}
    with pytest.raises(OutputError, match="is there already"):
        sample_frames([whole_study], OPTIONS, output=path)


def test_too_many_are_said(whole_study):
    plan = sample_frames([whole_study], SamplingOptions(n=2000, distance=2.0))
    assert len(plan.items) < 100 and len(plan.notes) == 2
    assert "instead of 500" in plan.notes[0] and "instead of 2000" in plan.notes[1]


def test_what_a_number_brings_is_that_of_the_rehearsal():
    table = pd.read_csv(Path(__file__).parents[2] / "benchmarks" / "results" / "rehearsal.csv")
    transfer = table[table["regime"].isin(["transfer", "zero-shot"])]
    assert dict(zip(transfer["labelled_images"], transfer["accuracy"], strict=True)) == REHEARSAL
    assert "43% with 300 pictures and 46% with 1000 pictures" in describe_rehearsal(500)
    assert "37% with 100 pictures." in describe_rehearsal(100) and "45% without" in describe_rehearsal(100)
    assert "37% with 100 pictures." in describe_rehearsal(50)
    assert "47% with 6395 pictures." in describe_rehearsal(10**5)


def test_a_plan_is_described(plan):
    said = " ".join(describe_plan(plan))
    assert "60 frames" in said and "15 at random" in said and "01 " in said and "within 25%" in said


def test_the_command(whole_study, tmp_path):
    words = [str(whole_study), "-o", str(tmp_path / "plan.json"), "-n", "20", "--second", "0.5"]
    done = CliRunner().invoke(sample, words)
    assert done.exit_code == 0 and "20 frames" in done.output and "plan.json" in done.output
    assert sum(item.second for item in read_plan(tmp_path / "plan.json").items) == 10


@pytest.mark.parametrize(
    "text", ["{}", "[]", '{"format_version": 1, "plan": {"seed": 1}}', '{"format_version": 9}']
)
def test_what_is_no_plan_is_said(text, tmp_path):
    path = tmp_path / "plan.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=r"plan\.json"):
        read_plan(path)
    with pytest.raises(InputError, match="no plan"):
        read_plan(tmp_path / "none.json")


def change(probability, rng):
    """Another model: sure of another expression in every tenth frame, and otherwise of the same opinion."""
    found = probability.copy()
    odd = (rng.random(len(found)) < 0.1) & np.isfinite(found).all(axis=1)
    found[odd] = 0.0
    sure = (probability[odd].argmax(axis=1) + 1) % probability.shape[1]
    found[np.flatnonzero(odd), sure] = 1.0
    return found, odd


def test_frames_on_which_models_disagree_come_first(whole_study, tmp_path, plan):
    rng, odd = np.random.default_rng(0), {}
    for run, result in runs_of(whole_study):
        probability, odd[run.name] = change(result.expression.probability, rng)
        write_run(tmp_path, replace(result, expression=replace(result.expression, probability=probability)))
    (tmp_path / "dataset_description.json").write_text("{}", encoding="utf-8")
    found = sample_frames([whole_study], OPTIONS, models=[tmp_path])

    def part(of):
        chosen = [item for item in of.items if item.drawn == "uncertain"]
        return np.mean([odd[item.run][item.frame] for item in chosen])

    assert part(plan) < 0.4 < 0.8 < part(found)
    random = [[i.frame for i in each.items if i.drawn == "random"] for each in (found, plan)]
    assert random[0] == random[1]


def test_uncertainty_is_that_of_a_worked_example(whole_study):
    """Two models sure of two of four expressions: 1 bit of 2, and 1 bit of divergence; alike: no divergence."""
    (run, result), *_ = runs_of(whole_study)
    expression = replace(
        result.expression,
        labels=("happy", "sad", "neutral", "angry"),
        probability=np.tile(np.array([0.5, 0.5, 0, 0], np.float32), (result.time.size, 1)),
    )
    assert (
        uncertainty_of(replace(result, expression=expression), np.arange(3), run.name, []).tolist()
        == [0.5] * 3
    )


def test_results_of_another_video_are_refused(whole_study, tmp_path, make_run):
    (run, result), *_ = runs_of(whole_study)
    write_run(tmp_path, replace(make_run(seconds=41.0, n_trials=4), entities=result.entities))
    (tmp_path / "dataset_description.json").write_text("{}", encoding="utf-8")
    with pytest.raises(InputError, match=f"The results of {run.name} in .* are of another video"):
        sample_frames([whole_study], OPTIONS, models=[tmp_path])


def test_a_plan_of_another_video_is_refused(plan, whole_study, monkeypatch):
    assert list(plan.videos) == sorted({run.name for run, _ in runs_of(whole_study)})
    monkeypatch.setattr("enicfer.coding.plan.hash_video", lambda inputs: "1" * 64)
    for known in ({}, dict.fromkeys(plan.videos, "1" * 64)):  # a plan of before says nothing of videos
        check_videos(replace(plan, videos=known), Study([whole_study]))
    other = replace(plan, videos=dict.fromkeys(plan.videos, "0" * 64))
    with pytest.raises(InputError, match="The plan is of another video of sub-01"):
        check_videos(other, Study([whole_study]))
    with pytest.raises(InputError, match="The plan is of another video of sub-01"):
        list_frames(Study([whole_study]), other, "Anna", False)
