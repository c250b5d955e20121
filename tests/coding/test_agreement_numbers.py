"""Numbers of agreement against published worked examples."""

import numpy as np
import pytest
from scipy import optimize, stats

from enicfer.coding.correlation import intraclass_correlation
from enicfer.coding.kappa import (
    bennett_s,
    coincidences,
    count_pairs,
    count_votes,
    fleiss_kappa,
    kappa_error,
    krippendorff_alpha,
    one_against_rest,
    specific_agreement,
)
from enicfer.coding.stretches import (
    _fit_chance,
    code_units,
    count_events,
    event_kappa,
    link_events,
    tolerant_table,
)
from enicfer.records.intervals import jackknife_sums
from enicfer.records.kappa import cohen_kappa, percent_agreement

# Cohen 1960 (doi:10.1177/001316446002000104), the agreement matrix of proportions for 200 patients: kappa is .492.
COHEN_1960 = 200 * np.array([[0.44, 0.05, 0.01], [0.07, 0.20, 0.03], [0.09, 0.05, 0.06]])
# Fleiss, Levin and Paik 2003, Statistical Methods for Rates and Proportions, table 18.1: n = 100, kappa .68 (.087).
FLEISS_2003 = np.array([[75.0, 1, 4], [5, 4, 1], [0, 0, 10]])
# Fleiss 1971 (doi:10.1037/h0031619), table 1: 30 patients, 6 psychiatrists, 5 diagnoses: kappa is .430.
_PATIENTS = """
00060 03003 01401 00006 03030 20400 00402 20310 20040 00006 10050 11040 03300 10050 02031
00501 30012 51000 02040 10203 00006 01050 02013 20040 10041 05010 40002 02040 10500 00006
"""
FLEISS_1971 = np.array([[float(n) for n in row] for row in _PATIENTS.split()])
# Krippendorff 2011, Computing Krippendorff's alpha-reliability, section C: 4 observers, 12 units: alpha is .743.
KRIPPENDORFF_2011 = ("123321412   ", "1233224125 3", " 3332342251 ", "12332441251 ")
# Shrout and Fleiss 1979 (doi:10.1037/0033-2909.86.2.420), table 2: ICC(2,1) is .29 and ICC(2,4) .62.
SHROUT_1979 = np.array(
    [[9.0, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]
)


def test_cohen_1960():
    assert percent_agreement(COHEN_1960) == pytest.approx(0.70)
    assert cohen_kappa(COHEN_1960) == pytest.approx(0.492, abs=5e-4)


def test_the_standard_error_of_kappa():
    assert cohen_kappa(FLEISS_2003) == pytest.approx(0.68, abs=5e-3)
    assert kappa_error(FLEISS_2003) == pytest.approx(0.087, abs=1e-3)


def test_the_standard_error_is_that_of_repeated_samples():
    rng = np.random.default_rng(0)
    tables = rng.multinomial(200, COHEN_1960.ravel() / 200, 4000).reshape(-1, 3, 3).astype(float)
    assert cohen_kappa(tables).std() == pytest.approx(kappa_error(COHEN_1960), rel=0.05)


def test_fleiss_1971():
    assert FLEISS_1971.sum(0).tolist() == [26, 26, 30, 55, 43]
    assert fleiss_kappa(FLEISS_1971) == pytest.approx(0.430, abs=5e-4)


def test_krippendorff_2011():
    codes = np.array([[-1 if c == " " else int(c) - 1 for c in row] for row in KRIPPENDORFF_2011]).T
    assert krippendorff_alpha(coincidences(count_votes(codes, 5))) == pytest.approx(0.743, abs=5e-4)


def test_shrout_and_fleiss_1979():
    assert intraclass_correlation(SHROUT_1979) == pytest.approx((0.29, 0.62), abs=5e-3)
    holes = np.vstack([SHROUT_1979, [[np.nan, 1, 2, 3]]])
    assert intraclass_correlation(holes) == intraclass_correlation(SHROUT_1979)


def test_fleiss_of_two_coders_is_scotts_pi_and_alpha_corrects_it_for_few_units():
    rng = np.random.default_rng(1)
    codes = rng.integers(0, 3, (40, 2))
    codes[:25, 1] = codes[:25, 0]
    votes = count_votes(codes, 3)
    table = count_pairs(codes[:, 0], codes[:, 1], 3)
    share = (table.sum(0) + table.sum(1)) / 80
    pi = (np.trace(table) / 40 - (share**2).sum()) / (1 - (share**2).sum())
    assert fleiss_kappa(votes) == pytest.approx(pi)
    # Krippendorff's alpha of two coders without gaps is pi + (1 - pi) / (number of values).
    assert krippendorff_alpha(coincidences(votes)) == pytest.approx(pi + (1 - pi) / 80)


def test_prevalence_lowers_kappa_but_not_s():
    # Byrt, Bishop and Carlin 1993 (doi:10.1016/0895-4356(93)90018-V): PABAK is 2 po - 1.
    rare = np.array([[90.0, 5], [5, 0]])
    assert percent_agreement(rare) == 0.9 and cohen_kappa(rare) < 0 and bennett_s(rare) == pytest.approx(0.8)


def test_of_each_category():
    table = np.array([[8.0, 2, 0], [1, 4, 0], [0, 0, 5]])
    assert specific_agreement(table) == pytest.approx([16 / 19, 8 / 11, 1])
    assert one_against_rest(table, 1).tolist() == [[4, 1], [2, 13]]
    both = np.stack([table, 2 * table])
    assert one_against_rest(both, 1)[1].tolist() == [[8, 2], [4, 26]]


def test_what_is_not_defined_is_nan():
    nothing = np.zeros((3, 3))
    assert np.isnan([percent_agreement(nothing), cohen_kappa(nothing), kappa_error(nothing)]).all()
    assert np.isnan(cohen_kappa(np.diag([5.0, 0])))
    assert np.isnan(fleiss_kappa(np.zeros((0, 3)))) and np.isnan(krippendorff_alpha(nothing))
    assert np.isnan(intraclass_correlation(np.ones((4, 2)))).all()
    assert np.isnan(intraclass_correlation(np.ones((1, 2)))).all()
    assert count_pairs(np.array([0, -1, 1]), np.array([0, 1, -1]), 2).tolist() == [[1, 0], [0, 0]]


def test_a_shift_counts_as_agreement_within_its_tolerance():
    middle = np.arange(0.05, 20, 0.1)
    first = code_units([(5.0, 10.0, 1)], middle, 0)
    second = code_units([(5.5, 10.5, 1)], middle, 0)
    agreed = [float(percent_agreement(tolerant_table(first, second, 2, n))) for n in (0, 2, 5)]
    # 1 s of 20 s differs; with 0.2 s, each of the two edges of 0.5 s has 0.3 s left, asked from either side.
    assert agreed == pytest.approx([0.95, 0.97, 1.0])
    assert tolerant_table(first, second, 2, 0).tolist() == count_pairs(first, second, 2).tolist()


def test_units_that_one_did_not_code_are_left_out():
    first, second = np.array([0, 0, 1, -1, 1]), np.array([0, -1, 1, 1, 0])
    assert tolerant_table(first, second, 2, 0).sum() == 3


def test_a_later_stretch_goes_before_an_earlier_one():
    assert code_units([(0, 3, 0), (1, 2, 1)], np.array([0.5, 1.5, 2.5, 3.5])).tolist() == [0, 1, 0, -1]


def test_events_are_linked_by_their_overlap_with_the_longer():
    first = [(0.0, 10.0, 0), (20.0, 30.0, 1), (40.0, 50.0, 0)]
    second = [(0.0, 6.0, 0), (24.1, 34.1, 1), (41.0, 50.0, 1), (60.0, 61.0, 1)]
    pairs = link_events(first, second)  # 60 % of the longer; 59 %; 90 %
    assert pairs == [(0, 0), (2, 2)]
    table = count_events(first, second, pairs, 2)
    assert table.tolist() == [[2, 2, 0], [0, 0, 1], [0, 2, 0]]  # the events of a pair are two


# Two coders of 13 events. Tables and kappas are those that EasyDIAg 1.0.1 of Holle and Rein finds (its functions
# gen_overlap_map, match_annotations, reduce_mapping_to_single_square and ckappa, with an overlap of 0.6).
EASYDIAG_FIRST = [(0, 2, 0), (3, 5, 1), (6, 8, 2), (9, 11, 0), (12, 14, 1), (15, 17, 2), (18, 20, 0)]
EASYDIAG_SECOND = [(0.2, 2.1, 0), (3.1, 5.2, 1), (6, 7.4, 1), (10.5, 12, 0), (15, 17.5, 2), (18.1, 19.9, 0)]
EASYDIAG_TABLE = [[4, 0, 0, 1], [0, 2, 0, 1], [0, 2, 2, 0], [1, 0, 0, 0]]


def test_the_kappa_of_events_is_that_of_easydiag():
    pairs = link_events(EASYDIAG_FIRST, EASYDIAG_SECOND)
    table = count_events(EASYDIAG_FIRST, EASYDIAG_SECOND, pairs, 3)
    assert table.tolist() == EASYDIAG_TABLE and table.sum() == 13
    assert event_kappa(table) == pytest.approx(0.47867299)


def likeliest_counts(table):
    """Expected counts of a loglinear model without the last cell, by climbing its Poisson likelihood."""
    k, free = len(table), np.ones(table.shape, bool)
    free[-1, -1] = False

    def counts(x):
        return np.exp(x[:k, None] + x[None, k:])

    def badness(x):
        fitted = counts(x)
        return (fitted - table * np.log(fitted))[free].sum()

    best = optimize.minimize(badness, np.zeros(2 * k), method="BFGS", options={"gtol": 1e-9})
    return np.where(free, counts(best.x), 0)


@pytest.mark.parametrize("seed", range(5))
def test_the_kappa_of_events_is_that_of_its_definition(seed):
    """Each event is one observation; what chance brings is fitted in another way than the package does."""
    rng = np.random.default_rng(seed)
    begins = np.cumsum(rng.uniform(2, 4, 40))

    def code():
        kept = begins[rng.random(40) < 0.85]
        starts = kept + rng.normal(0, 0.2, kept.size)
        kinds = np.where(rng.random(kept.size) < 0.7, np.floor(kept) % 3, rng.integers(0, 3, kept.size))
        return [(a, a + rng.uniform(1, 1.6), int(kind)) for a, kind in zip(starts, kinds, strict=True)]

    first, second = code(), code()
    table = np.zeros((4, 4))
    for mine, theirs, turned in ((first, second, False), (second, first, True)):
        for start, stop, kind in mine:
            near = [
                other[2]
                for other in theirs  # events of a coder do not overlap by 60 % with two of the other
                if min(stop, other[1]) - max(start, other[0]) >= 0.6 * max(stop - start, other[1] - other[0])
            ]
            assert len(near) < 2
            cell = (kind, near[0] if near else 3)
            table[cell[::-1] if turned else cell] += 1
    found = count_events(first, second, link_events(first, second), 3)
    assert found.tolist() == table.tolist()
    chance = np.trace(likeliest_counts(table)) / table.sum()
    expected = (np.trace(table) / table.sum() - chance) / (1 - chance)
    assert event_kappa(found) == pytest.approx(expected, abs=1e-5) and 0 < expected < 1


def test_an_event_has_the_partner_that_overlaps_most():
    assert link_events([(0.0, 10.0, 0)], [(0.0, 7.0, 0), (0.0, 9.0, 0)]) == [(0, 1)]
    assert link_events([], [(0.0, 1.0, 0)]) == []


def test_without_lonely_events_the_kappa_of_events_is_cohens():
    table = np.zeros((4, 4))
    table[:3, :3] = COHEN_1960
    assert event_kappa(table) == pytest.approx(float(cohen_kappa(COHEN_1960)), abs=1e-6)


def test_chance_is_independent_but_for_the_cell_that_must_be_empty():
    table = np.array([[20.0, 3, 5], [2, 15, 4], [6, 1, 0]])
    fitted = _fit_chance(table)
    assert fitted[-1, -1] == 0
    assert fitted.sum(0) == pytest.approx(table.sum(0)) and fitted.sum(1) == pytest.approx(table.sum(1))
    for i, j in ((0, 1), (0, 2)):
        assert fitted[i, 0] * fitted[j, 1] == pytest.approx(fitted[i, 1] * fitted[j, 0])
    assert fitted[0, 0] * fitted[1, 2] == pytest.approx(fitted[0, 2] * fitted[1, 0])
    observed, chance = 35 / 56, np.trace(fitted) / 56
    assert event_kappa(table) == pytest.approx((observed - chance) / (1 - chance))
    assert np.isnan(event_kappa(np.zeros((3, 3))))


def test_the_jackknife_of_a_mean_is_the_interval_of_a_t_test_on_fishers_z():
    """With equally many units of each child, leaving one out moves the mean by a known part."""
    rng = np.random.default_rng(0)
    share = rng.uniform(0.3, 0.5, 12)
    parts = np.column_stack([40 * share, np.full(12, 40.0)])
    found = jackknife_sums(parts, lambda sums: sums[:, 0] / sums[:, 1])
    low, high = stats.t.interval(0.95, 11, share.mean(), stats.sem(share))
    assert found.value == pytest.approx(share.mean())
    assert (found.low, found.high) == pytest.approx((low, high), abs=2e-3)


@pytest.mark.parametrize("children", [3, 6, 20])
@pytest.mark.parametrize("rate", [0.4, 0.7, 0.93])
def test_intervals_cover_the_truth_with_few_children(children, rate):
    """Children differ, as a beta distribution says; percentiles of a bootstrap cover 0.72 to 0.92 here."""
    rng = np.random.default_rng((children, round(100 * rate)))
    covered = []
    for _ in range(500):
        each = rng.beta(15 * rate, 15 * (1 - rate), children)
        units = rng.integers(20, 60, children)
        parts = np.column_stack([rng.binomial(units, each), units]).astype(float)
        found = jackknife_sums(parts, lambda sums: sums[:, 0] / sums[:, 1])
        if np.isfinite(found.low):  # not where two of three children have no error
            covered.append(found.low <= rate <= found.high)
    assert len(covered) > 350 and 0.89 < np.mean(covered) < 0.985


def test_where_nothing_says_how_children_differ_there_is_no_interval():
    ratio = lambda sums: sums[:, 0] / sums[:, 1]  # noqa: E731
    for parts in ([[5, 5], [5, 5], [5, 5]], [[3, 5], [4, 5]]):
        assert np.isnan(jackknife_sums(np.array(parts, float), ratio).low)
