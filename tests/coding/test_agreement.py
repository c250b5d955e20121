"""Agreement of a study: what is compared with what, and whether the numbers are those of the codes."""

import numpy as np
import pytest

from enicfer.coding.agreement import measure_agreement
from enicfer.coding.sampling import SamplingOptions, sample_frames
from enicfer.coding.store import write_codings
from enicfer.config.codebook import read_codebook
from enicfer.records.agreement import CLASSIFIER, CODERS, DECIDED, SELF
from tests.coding.simulate import BOOK, draw_frames, runs_of, write_frames


def pair_of(found, kind, unit="frame"):
    return next(pair for pair in found.pairs if (pair.kind, pair.unit) == (kind, unit))


def test_frames_of_two_coders(study):
    truth = draw_frames(study, 60, 0.0, 0)
    other = draw_frames(study, 60, 0.2, 1)
    other[0][150] = "!turned"
    write_frames(study, "Anna", truth)
    write_frames(study, "Ben", other)
    found = measure_agreement([study])
    pair = pair_of(found, CODERS)
    assert (found.coders, found.children) == (("Anna", "Ben"), 4)
    assert (pair.first, pair.second, pair.units, pair.children) == ("Anna", "Ben", 240, 4)
    assert pair.codable == (1.0, pytest.approx(239 / 240))
    same = [truth[p][f] == other[p][f] for p in truth for f in truth[p] if other[p][f] != "!turned"]
    assert pair.percent.value == pytest.approx(np.mean(same))
    said = [
        [codes[p][f] for p in truth for f in truth[p] if other[p][f] != "!turned"] for codes in (truth, other)
    ]
    chance = sum(
        np.mean([s == c for s in said[0]]) * np.mean([s == c for s in said[1]]) for c in set(said[0])
    )
    assert pair.kappa.value == pytest.approx((np.mean(same) - chance) / (1 - chance))
    assert pair.kappa.low < pair.kappa.value < pair.kappa.high
    assert {one.name for one in pair.categories} == {"happy", "sad", "neutral"}
    assert sum(map(sum, pair.table)) == 239 and len(pair.table) == 7
    assert any("4 children" in text for text in pair.warnings)
    group = found.groups[0]
    assert group.units == 239 and group.alpha.value == pytest.approx(pair.kappa.value, abs=0.01)
    assert "Krippendorff" in found.methods and "4 children" in found.methods


def test_the_classifier_is_compared_with_coders_and_with_what_they_agree_on(study):
    codes, others = {}, {}
    for place, (_, result) in enumerate(runs_of(study)):
        ok = np.flatnonzero(result.expression.ok)[:40:2]
        labels = [result.expression.labels[i] for i in result.expression.probability[ok].argmax(axis=1)]
        codes[place] = dict(zip(ok.tolist(), labels, strict=True))
        others[place] = {
            f: label if i % 4 else "disgusted" for i, (f, label) in enumerate(codes[place].items())
        }
    write_frames(study, "Anna", codes)
    write_frames(study, "Ben", others)
    found = measure_agreement([study])
    by_name = {pair.first: pair for pair in found.pairs if pair.kind == CLASSIFIER}
    assert by_name["Anna"].percent.value == 1.0 and by_name["Ben"].percent.value == 0.75
    decided = pair_of(found, DECIDED)
    assert decided.units == 60 and decided.percent.value == 1.0
    assert any("does not know disgusted, surprised" in note for note in found.notes)
    write_frames(study, "adjudicated", {0: {f: "disgusted" for f in list(codes[0])[::4]}})
    decided = pair_of(measure_agreement([study]), DECIDED)
    assert decided.units == 65 and decided.percent.value == pytest.approx(60 / 65)


def test_a_coder_is_compared_with_herself(study):
    write_frames(study, "Anna", draw_frames(study, 10, 0.0, 0))
    write_frames(study, "Anna", {0: {150: "angry", 153: draw_frames(study, 2, 0.0, 0)[0][153]}}, repeat=1)
    pair = pair_of(measure_agreement([study]), SELF)
    assert (pair.first, pair.second, pair.units) == ("Anna", "Anna again", 2)
    assert pair.percent.value == 0.5 and np.isnan(pair.kappa.low)


def test_accuracy_over_all_frames_is_that_of_the_random_part_by_its_weights(study):
    plan = sample_frames([study], SamplingOptions(n=40, random=0.5))
    runs = runs_of(study)
    codes, weights, rights = {p: {} for p in range(4)}, [], []
    for i, item in enumerate(plan.items):
        place = next(p for p, (run, _) in enumerate(runs) if run.name == item.run)
        expression = runs[place][1].expression
        said = expression.labels[expression.probability[item.frame].argmax()]
        right = item.drawn == "random" and (item.participant == "01" or i % 3 > 0)
        codes[place][item.frame] = said if right else "disgusted"
        if item.drawn == "random":
            weights.append(item.weight)
            rights.append(right)
    codes[0][next(iter(codes[0]))] = "!turned"
    write_frames(study, "Anna", codes)
    found = measure_agreement([study], plan=plan).accuracy[0]
    dropped = plan.items[0].drawn == "random"
    assert (found.rater, found.drawn, found.coded, found.codable) == ("Anna", 20, 20, 20 - dropped)
    expected = np.average(rights[dropped:], weights=weights[dropped:])
    assert found.accuracy.value == pytest.approx(expected)


def write_stretches(folder, coder, stretches, book=BOOK):
    for run, result in runs_of(folder):
        contents = [
            {"kind": "interval", "frame": a, "end_frame": b, "category": c} for a, b, c in stretches if c
        ] + [{"kind": "watched", "frame": a, "end_frame": b} for a, b, c in stretches if not c]
        write_codings(run, result, coder, book, contents)


def test_stretches_are_compared_by_time_events_and_trials(study):
    write_stretches(
        study, "Anna", [(100, 1000, ""), (200, 300, "happy"), (400, 500, "sad"), (700, 760, "happy")]
    )
    write_stretches(
        study, "Ben", [(100, 800, ""), (206, 306, "happy"), (400, 500, "angry"), (900, 960, "sad")]
    )
    found = measure_agreement([study])
    pair = pair_of(found, CODERS, "time")
    _, result = runs_of(study)[0]
    seconds = np.diff(result.faces.video_time[[100, 800]])[0]  # what both watched
    extra = np.diff(result.faces.video_time[[900, 960]])[0]  # what Ben coded beyond it, and Anna watched
    assert pair.units / 4 == pytest.approx(10 * (seconds + extra), abs=8)
    assert pair.events.linked == 8 and pair.events.same == 4
    assert (pair.events.first_alone, pair.events.second_alone) == (4, 4)
    happy = next(one for one in pair.categories if one.name == "happy")
    assert happy.onsets[0] == 4 and happy.onsets[1] == pytest.approx(6 / 29.1, abs=0.02)
    curve = list(pair.tolerance.values())
    assert list(pair.tolerance) == ["0", "0.1", "0.2", "0.5", "1", "2"] and curve == sorted(curve)
    assert curve[0] == pytest.approx(pair.kappa.value) and curve[-1] < 1
    assert {one.category for one in found.trials if one.raters == ("Anna", "Ben")} >= {"happy", "nothing"}
    assert "Holle and Rein" in found.methods and "ICC(2,k)" in found.methods


def test_a_coder_is_compared_with_herself_on_a_whole_video(study):
    run, result = runs_of(study)[0]
    for repeat, end in ((None, 300), (1, 250)):
        says = [
            {"kind": "interval", "frame": 200, "end_frame": end, "category": "happy", "repeat": repeat},
            {"kind": "watched", "frame": 100, "end_frame": 400, "repeat": repeat},
        ]
        write_codings(run, result, "Anna", BOOK, says)
    pair = pair_of(measure_agreement([study]), SELF, "time")
    times = result.faces.video_time
    apart = (times[300] - times[250]) / (times[400] - times[100])
    assert (pair.first, pair.second) == ("Anna", "Anna again")
    assert pair.percent.value == pytest.approx(1 - apart, abs=0.02)


def test_trials_are_compared(study):
    for coder, said in (("Anna", "happy"), ("Ben", "neutral")):
        for run, result in runs_of(study):
            codes = [{"kind": "trial", "trial": i, "category": said if i else "sad"} for i in range(4)]
            write_codings(run, result, coder, BOOK, codes)
    pair = pair_of(measure_agreement([study]), CODERS, "trial")
    assert pair.units == 16 and pair.percent.value == 0.25


def test_prevalence_is_warned_of(study):
    write_frames(study, "Anna", {p: {f: "neutral" if f > 5 else "sad" for f in range(60)} for p in range(4)})
    write_frames(study, "Ben", {p: {f: "neutral" if f < 55 else "sad" for f in range(60)} for p in range(4)})
    pair = pair_of(measure_agreement([study]), CODERS)
    assert pair.percent.value > 0.8 and pair.kappa.value < 0
    assert any(
        "of the codes are neutral: kappa is low even where two agree" in text for text in pair.warnings
    )


def test_without_expressions_there_is_no_classifier(study):
    looking = read_codebook("looking")
    for coder in ("Anna", "Ben"):
        write_stretches(study, coder, [(100, 400, "look"), (400, 500, "look away")], looking)
    found = measure_agreement([study])
    assert {pair.kind for pair in found.pairs} == {CODERS}
    assert found.pairs[0].dimension == "looking" and found.pairs[0].kappa.value == 1.0


def test_intervals_are_over_children(study):
    """One child on whom coders disagree widens the interval far beyond that of independent frames."""
    truth = draw_frames(study, 100, 0.0, 0)
    other = draw_frames(study, 100, 0.05, 1)
    other[3] = draw_frames(study, 100, 0.9, 2)[3]
    write_frames(study, "Anna", truth)
    write_frames(study, "Ben", other)
    pair = pair_of(measure_agreement([study]), CODERS)
    assert pair.kappa.high - pair.kappa.low > 3 * 2 * 1.96 * pair.kappa_error
