"""Agreement of continuous codes: in units of time with a tolerance, and by events that are linked with each other.

Conventions: a stretch is ``(start, stop, category)`` in s of the video, with the number of the category from 0.
Codes of units are such numbers, -1 where nothing is known.

References: Bakeman, Quera and Gnisci 2009 (doi:10.3758/BRM.41.1.137), for units of time with a tolerance; Holle and
Rein 2015 (doi:10.3758/s13428-014-0506-7), for linked events. Of these events two are linked if they overlap by 60 %
of the longer one or more, whatever their categories. The table counts events, so that two that are linked count
twice, as in EasyDIAg of the same authors and in ELAN. It has one more row and column for events without a partner;
that both have none cannot happen, so that what chance would bring is fitted with this cell empty.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from enicfer.coding.kappa import Codes
from enicfer.records import FloatArray

UNIT = 0.1  # s
TOLERANCES = (0.0, 0.1, 0.2, 0.5, 1.0, 2.0)  # s
OVERLAP = 0.6
_FITTED, _ROUNDS = 1e-10, 10_000

Stretch = tuple[float, float, int]


def code_units(stretches: Sequence[Stretch], middle: FloatArray, otherwise: int = -1) -> Codes:
    """The code of each unit, whose middles ``(n,)`` are given in s; a later stretch goes before an earlier one."""
    codes = np.full(middle.size, otherwise, np.intp)
    for start, stop, category in stretches:
        codes[(middle >= start) & (middle < stop)] = category
    return codes


def tolerant_table(first: Codes, second: Codes, k: int, within: int) -> FloatArray:
    """Table ``(k, k)`` of units in which a code agrees if the other coder has it at most ``within`` units away.

    Each coder in turn is asked whether the other agrees, and the two tables are averaged. Units that one of them
    did not code are left out.
    """
    known = (first >= 0) & (second >= 0)
    return (_ask(first, second, known, k, within) + _ask(second, first, known, k, within).T) / 2


def _ask(one: Codes, other: Codes, known: npt.NDArray[np.bool_], k: int, within: int) -> FloatArray:
    same = np.zeros(one.size, np.bool_)
    for category in range(k):
        there = np.concatenate([[0], np.cumsum((other == category) & known)])
        low = np.maximum(np.arange(one.size) - within, 0)
        high = np.minimum(np.arange(one.size) + within + 1, one.size)
        same |= (one == category) & (there[high] > there[low])
    heard = np.where(same, one, other)
    return np.bincount(one[known] * k + heard[known], minlength=k * k).reshape(k, k).astype(np.float64)


def link_events(
    first: Sequence[Stretch], second: Sequence[Stretch], overlap: float = OVERLAP
) -> list[tuple[int, int]]:
    """Pairs of places of events that overlap enough, each event in one pair at most, those that overlap most first.

    What overlaps is measured against the longer of the two.
    """
    found = []
    for i, (start, stop, _) in enumerate(first):
        for j, (begin, end, _) in enumerate(second):
            longer = max(stop - start, end - begin)
            shared = min(stop, end) - max(start, begin)
            if longer > 0 and shared / longer >= overlap - 1e-9:
                found.append((-shared / longer, i, j))
    pairs: list[tuple[int, int]] = []
    for _, i, j in sorted(found):
        if all(i != a and j != b for a, b in pairs):
            pairs.append((i, j))
    return sorted(pairs)


def count_events(
    first: Sequence[Stretch], second: Sequence[Stretch], pairs: Sequence[tuple[int, int]], k: int
) -> FloatArray:
    """Table ``(k + 1, k + 1)`` of all events, two for each pair; in the last row and column are those alone."""
    table = np.zeros((k + 1, k + 1))
    for i, j in pairs:
        table[first[i][2], second[j][2]] += 2
    for i in set(range(len(first))) - {i for i, _ in pairs}:
        table[first[i][2], k] += 1
    for j in set(range(len(second))) - {j for _, j in pairs}:
        table[k, second[j][2]] += 1
    return table


def event_kappa(table: FloatArray) -> float:
    """Kappa of a table of `count_events`; NaN where there are none, or where chance would agree on all."""
    total = table.sum()
    if not total:
        return float("nan")
    expected = _fit_chance(table)
    observed, chance = np.trace(table) / total, np.trace(expected) / total
    return float((observed - chance) / (1 - chance)) if 1 - chance > 1e-9 else float("nan")


def _fit_chance(table: FloatArray) -> FloatArray:
    """Counts with the same sums of rows and columns, if codes were independent but for the empty cell."""
    fitted = np.ones_like(table)
    fitted[-1, -1] = 0
    rows, columns = table.sum(1), table.sum(0)
    for _ in range(_ROUNDS):
        fitted *= _ratio(rows, fitted.sum(1))[:, None]
        fitted *= _ratio(columns, fitted.sum(0))
        if np.abs(fitted.sum(1) - rows).max() < _FITTED * max(1.0, table.sum()):
            break
    return fitted


def _ratio(a: FloatArray, b: FloatArray) -> FloatArray:
    return np.divide(a, b, out=np.zeros_like(a), where=b > 0)
