import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from scipy.stats import binom, ttest_1samp, ttest_ind

from enicfer.errors import InputError
from enicfer.saliency.groups.statistics import average_by_unit, compare_groups, mean_interval

REPEATS = 200


def subjects(rng, n, images=4, size=12):
    """Smooth maps of ``n`` subjects, each with an own pattern shared by all of its images."""
    own = gaussian_filter(rng.normal(size=(n, size, size)), (0, 1.5, 1.5))
    noise = gaussian_filter(rng.normal(size=(n, images, size, size)), (0, 0, 1.5, 1.5))
    values = (own[:, None] + 0.5 * noise).reshape(n * images, -1)
    return values, np.repeat(np.arange(n), images)


def names(prefix, units):
    return np.array([f"{prefix}{u}" for u in units])


@pytest.mark.parametrize("paired", [False, True])
def test_no_difference_is_found_where_there_is_none(paired):
    """Errors over all pixels in 200 comparisons; images of a subject are alike, so counting them would fail."""
    rng = np.random.default_rng(7)
    errors = 0
    for repeat in range(REPEATS):
        (a, u), (b, v) = subjects(rng, 10), subjects(rng, 10)
        second = names("a", v) if paired else names("b", v)
        found = compare_groups(a, b, names("a", u), second, permutations=199, seed=repeat)
        assert found.paired == paired
        errors += np.nanmin(found.p) <= 0.05
    low, high = binom.interval(0.95, REPEATS, 0.05)
    assert low <= errors <= high


@pytest.mark.parametrize("paired", [False, True])
def test_a_planted_difference_is_found_where_it_is(paired):
    rng = np.random.default_rng(8)
    (a, u), (b, v) = subjects(rng, 16), subjects(rng, 16)
    planted = np.zeros((12, 12), bool)
    planted[2:6, 3:7] = True
    a = a + 1.2 * planted.ravel()
    found = compare_groups(a, b, names("a", u), names("a" if paired else "b", v), permutations=999)
    significant = found.p.reshape(12, 12) <= 0.05
    assert significant[planted].mean() > 0.6
    assert significant[~planted].mean() < 0.05
    assert (found.effect.reshape(12, 12)[significant] > 1).all()


@pytest.mark.parametrize(
    ("n", "k", "spread", "other", "images", "other_images"),
    [
        (8, 24, 0.3, 0.3, (1, 2), (10, 20)),
        (8, 8, 4, 1, (2, 3), (2, 3)),
        (24, 12, 1, 2, (1, 4), (2, 2)),
    ],
)
def test_unequal_groups_without_a_difference_are_not_called_different(
    n, k, spread, other, images, other_images
):
    """Groups of other sizes, spreads between subjects and numbers of images per subject."""

    def make(rng, count, size, few):
        unit = np.repeat(np.arange(count), rng.integers(few[0], few[1] + 1, count))
        own = size * gaussian_filter(rng.normal(size=(count, 12, 12)), (0, 1.5, 1.5))
        maps = own[unit] + gaussian_filter(rng.normal(size=(len(unit), 12, 12)), (0, 1.5, 1.5))
        return maps.reshape(len(unit), -1), unit

    errors, repeats = 0, 120
    for repeat in range(repeats):
        rng = np.random.default_rng(repeat)
        (a, u), (b, v) = make(rng, n, spread, images), make(rng, k, other, other_images)
        found = compare_groups(a, b, names("a", u), names("b", v), permutations=99, seed=repeat)
        errors += np.nanmin(found.p) <= 0.05
    assert errors <= binom.ppf(0.99, repeats, 0.05)


def test_t_and_effect_are_those_of_the_textbook():
    rng = np.random.default_rng(9)
    a, b = rng.normal(size=(9, 3)), rng.normal(0.5, 2, size=(12, 3))
    found = compare_groups(a, b, np.arange(9), np.arange(9, 21), permutations=19)
    np.testing.assert_allclose(found.t, ttest_ind(a, b, equal_var=False).statistic)
    pooled = np.sqrt((8 * a.var(axis=0, ddof=1) + 11 * b.var(axis=0, ddof=1)) / 19)
    np.testing.assert_allclose(found.effect, (a.mean(0) - b.mean(0)) / pooled * (1 - 3 / (4 * 21 - 9)))
    paired = compare_groups(a, b[:9], np.arange(9), np.arange(9), permutations=19)
    np.testing.assert_allclose(paired.t, ttest_1samp(a - b[:9], 0).statistic)
    np.testing.assert_allclose(paired.difference, (a - b[:9]).mean(axis=0))


def test_missing_values_and_features_that_too_few_have_are_left_out():
    rng = np.random.default_rng(10)
    a, b = rng.normal(size=(9, 2)), rng.normal(size=(9, 2))
    a[0, 0] = np.nan
    a[7:, 1] = np.nan
    found = compare_groups(a, b, np.arange(9), np.arange(9, 18), permutations=99)
    assert found.n_a.tolist() == [8, 7] and found.n_b.tolist() == [9, 9]
    np.testing.assert_allclose(found.t[0], ttest_ind(a[1:, 0], b[:, 0], equal_var=False).statistic)
    assert np.isnan([found.t[1], found.p[1], found.effect[1], found.difference[1]]).all()


@pytest.mark.parametrize("paired", [False, True])
@pytest.mark.parametrize("rare", [0, 3, 5, 8])
def test_a_rare_expression_does_not_hide_what_another_shows(paired, rare):
    """1.5 SD in 8 of 256 features of 20 and 20 subjects, next to an expression that ``rare`` of each have."""
    hits = 0
    for repeat in range(10):
        rng = np.random.default_rng(repeat)
        a, b, c, d = rng.normal(size=(4, 20, 256))
        a[:, :8] += 1.5
        c[rare:] = d[rare:] = np.nan
        found = compare_groups(
            np.hstack([a, c]),
            np.hstack([b, d]),
            np.arange(20),
            np.arange(20) + (0 if paired else 20),
            families=np.repeat(["common", "rare"], 256),
            permutations=299,
            seed=repeat,
        )
        hits += (found.p[:8] <= 0.05).any()
        assert np.isnan(found.p[256:]).all() == (rare < 8)
    assert hits >= 9


def test_errors_are_controlled_over_families_with_different_subjects():
    """Three families without a difference, of 16, 10 and 8 subjects of each group."""
    errors = 0
    for repeat in range(REPEATS):
        rng = np.random.default_rng(1000 + repeat)
        a, b = rng.standard_t(5, size=(2, 16, 3, 8))
        for values in (a, b):
            values[10:, 1] = values[8:, 2] = np.nan
        found = compare_groups(
            a.reshape(16, -1),
            b.reshape(16, -1),
            np.arange(16),
            np.arange(16, 32),
            families=np.repeat(range(3), 8),
            permutations=199,
            seed=repeat,
        )
        errors += np.nanmin(found.p) <= 0.05
    assert errors <= binom.ppf(0.975, REPEATS, 0.05)


def test_paired_means_are_those_of_the_pairs():
    rng = np.random.default_rng(13)
    a, b = rng.normal(size=(2, 12, 1))
    a[:2], b[-1] = np.nan, np.nan
    found = compare_groups(a, b, np.arange(12), np.arange(12), permutations=99)
    assert found.n_a[0] == found.n_b[0] == 9
    np.testing.assert_allclose([found.mean_a[0], found.mean_b[0]], [a[2:11].mean(), b[2:11].mean()])
    np.testing.assert_allclose(found.difference, found.mean_a - found.mean_b)


def test_the_threshold_is_where_p_becomes_significant():
    rng = np.random.default_rng(14)
    a, b = rng.normal(size=(2, 12, 400))
    a += np.linspace(0, 3, 400)
    found = compare_groups(
        a, b, np.arange(12), np.arange(12, 24), families=np.arange(400) % 2, permutations=199
    )
    np.testing.assert_array_equal(np.abs(found.t) > found.threshold + 1e-9, found.p <= 0.05)


def test_permutations_that_allow_no_small_p_are_refused():
    rng = np.random.default_rng(15)
    a, b = rng.normal(size=(2, 10, 2))
    with pytest.raises(
        InputError, match=r"9 permutations allow no corrected p below 0\.20: give at least 39"
    ):
        compare_groups(a, b, np.arange(10), np.arange(10, 20), families=[0, 1], permutations=9)
    with pytest.raises(InputError, match="-1 permutations"):
        compare_groups(a, b, np.arange(10), np.arange(10, 20), permutations=-1)


def test_the_same_seed_gives_the_same_answer():
    rng = np.random.default_rng(11)
    (a, u), (b, v) = subjects(rng, 8), subjects(rng, 8)
    results = [
        compare_groups(a, b, names("a", u), names("b", v), permutations=50, seed=3).p for _ in range(2)
    ]
    assert (results[0] == results[1]).all()


@pytest.mark.parametrize(
    ("units_a", "units_b", "sentence"),
    [
        ([], ["x", "y", "z"], "Group A has 0 subjects"),
        ("abc", "xyz", "Group A has 3 subjects, too few to find any difference: .* at least 8"),
        ("abcde", "abcde", "Group A has 5 subjects, too few"),
        ("abcdefgh", "xxy", "Group B has 2 subjects, too few"),
        ("abcdefgh", "hijklmno", "1 of the subjects are in both groups"),
    ],
)
def test_groups_that_cannot_be_compared_are_refused(units_a, units_b, sentence):
    with pytest.raises(InputError, match=sentence):
        compare_groups(np.ones((len(units_a), 2)), np.ones((len(units_b), 2)), list(units_a), list(units_b))


def test_averages_are_per_unit():
    units, means = average_by_unit([[1.0, np.nan], [3.0, 4.0], [10.0, 1.0]], ["b", "b", "a"])
    assert units.tolist() == ["a", "b"]
    np.testing.assert_allclose(means, [[10, 1], [2, 4]])


@pytest.mark.parametrize("n", [3, 5, 10, 30])
def test_the_interval_covers_the_mean_as_often_as_it_should(n):
    """Images as units would cover about half; the percentile bootstrap covers 0.77 to 0.92."""
    rng = np.random.default_rng(12)
    own = rng.normal(size=(n, 4000))
    values = np.repeat(own, 5, axis=0) + 0.3 * rng.normal(size=(5 * n, 4000))
    mean, low, high = mean_interval(values, np.repeat(np.arange(n), 5))
    assert (low <= mean).all() and (mean <= high).all()
    assert 0.935 < ((low <= 0) & (high >= 0)).mean() < 0.965


@pytest.mark.parametrize("n", [8, 15, 30])
def test_the_interval_of_skewed_values_is_only_a_little_narrow(n):
    values = np.random.default_rng(13).gamma(2, size=(n, 4000))
    _, low, high = mean_interval(values, np.arange(n))
    assert 0.90 < ((low <= 2) & (high >= 2)).mean() < 0.96


def test_the_interval_is_that_of_scipy_and_leaves_missing_values_out():
    values = np.random.default_rng(16).normal(size=(9, 2))
    values[4, 1] = np.nan
    _, low, high = mean_interval(values, np.arange(9))
    for f in range(2):
        known = ttest_1samp(values[:, f], 0, nan_policy="omit").confidence_interval()
        np.testing.assert_allclose([low[f], high[f]], known)


def test_two_units_have_no_interval():
    _, low, high = mean_interval([[1.0], [2.0]], ["a", "b"])
    assert np.isnan([low[0], high[0]]).all()
