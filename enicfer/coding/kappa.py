"""Agreement of codes in categories beyond chance: Cohen, Fleiss, Krippendorff, and what is told beside them.

Conventions: codes are numbers of categories from 0, -1 where there is none. A table ``(..., k, k)`` counts units by
the code of the first coder (rows) and of the second (columns); leading axes hold many tables, which are worked on
at once. A number that is not defined, because there is no unit or all are of one category, is NaN.

References: Cohen 1960 (doi:10.1177/001316446002000104); Fleiss, Cohen and Everitt 1969 (doi:10.1037/h0028106), for
the standard error; Fleiss 1971 (doi:10.1037/h0031619); Krippendorff 2011, Computing Krippendorff's alpha-reliability;
Bennett, Alpert and Goldstein 1954 (doi:10.1086/266520), which is PABAK for two categories.
"""

import numpy as np
import numpy.typing as npt

from enicfer.records import FloatArray
from enicfer.records.kappa import cohen_kappa, divide, percent_agreement

Codes = npt.NDArray[np.intp]


def count_pairs(first: Codes, second: Codes, k: int) -> FloatArray:
    """Table ``(k, k)`` of two coders' codes ``(n,)``; units that one of them did not code are left out."""
    both = (first >= 0) & (second >= 0)
    return np.bincount(first[both] * k + second[both], minlength=k * k).reshape(k, k).astype(np.float64)


def kappa_error(table: FloatArray) -> float:
    """Standard error of Cohen's kappa of one table, for units that are independent."""
    total = table.sum()
    kappa = float(cohen_kappa(table))
    if not np.isfinite(kappa):
        return float("nan")
    p = table / total
    rows, columns = p.sum(1), p.sum(0)
    chance = float(rows @ columns)
    same = float((np.diag(p) * (1 - (rows + columns) * (1 - kappa)) ** 2).sum())
    apart = p * (columns[:, None] + rows[None]) ** 2
    other = float((1 - kappa) ** 2 * (apart.sum() - np.trace(apart)))
    variance = same + other - (kappa - chance * (1 - kappa)) ** 2
    return float(np.sqrt(max(variance, 0.0) / total) / (1 - chance))


def bennett_s(table: FloatArray) -> FloatArray:
    """Agreement beyond chance if every category were as likely: what kappa would be without its prevalence."""
    k = table.shape[-1]
    return (k * percent_agreement(table) - 1) / (k - 1) if k > 1 else np.full(table.shape[:-2], np.nan)


def specific_agreement(table: FloatArray) -> FloatArray:
    """``(..., k)`` for each category: how often the other says it where one of them does."""
    said = table.sum(-1) + table.sum(-2)
    return divide(2 * np.diagonal(table, axis1=-2, axis2=-1), said)


def one_against_rest(table: FloatArray, category: int) -> FloatArray:
    """Table ``(..., 2, 2)`` of one category against all others."""
    both = table[..., category, category]
    first, second = table.sum(-1)[..., category] - both, table.sum(-2)[..., category] - both
    rest = table.sum((-2, -1)) - both - first - second
    return np.stack([np.stack([both, first], -1), np.stack([second, rest], -1)], -2)


def count_votes(codes: Codes, k: int) -> FloatArray:
    """``(n, k)`` how many coders said each category, from codes ``(n, coders)``."""
    return np.stack([(codes == category).sum(1) for category in range(k)], axis=1).astype(np.float64)


def fleiss_parts(votes: FloatArray, raters: int) -> FloatArray:
    """What units add to Fleiss' kappa, of votes ``(n, k)``; units that not all ``raters`` coded are left out.

    Returns
    -------
    FloatArray
        ``(k + 2,)``: number of units, sum of the squared votes, votes for each category.
    """
    full = votes[votes.sum(1) == raters]
    return np.concatenate([[len(full), (full**2).sum()], full.sum(0)])


def fleiss_kappa_of(parts: FloatArray, raters: int) -> FloatArray:
    """Fleiss' kappa of sums ``(..., k + 2)`` of `fleiss_parts`."""
    units, squares, said = parts[..., 0], parts[..., 1], parts[..., 2:]
    observed = divide(squares - raters * units, units * raters * (raters - 1))
    chance = (divide(said, said.sum(-1, keepdims=True)) ** 2).sum(-1)
    return divide(observed - chance, 1 - chance)


def fleiss_kappa(votes: FloatArray) -> float:
    """Fleiss' kappa of votes ``(n, k)``; units that fewer coders coded than the others are left out."""
    raters = int(votes.sum(1).max(initial=0))
    return float(fleiss_kappa_of(fleiss_parts(votes, raters), raters))


def coincidences(votes: FloatArray) -> FloatArray:
    """``(k, k)`` table of the pairs of values within units, as Krippendorff counts them; of votes ``(n, k)``."""
    raters = votes.sum(1)
    votes, raters = votes[raters > 1], raters[raters > 1]
    weighted = votes / (raters - 1)[:, None]
    return weighted.T @ votes - np.diag(weighted.sum(0))


def krippendorff_alpha(table: FloatArray) -> FloatArray:
    """Krippendorff's alpha for names (nominal), of tables of `coincidences`."""
    said = table.sum(-1)
    total = said.sum(-1)
    apart = total - np.trace(table, axis1=-2, axis2=-1)
    expected = divide(total**2 - (said**2).sum(-1), total - 1)
    return 1 - divide(apart, expected)
