"""``agreement.html``: how well coders agree with each other and with the classifier, on one page."""

from collections.abc import Sequence
from math import floor
from typing import Any

from enicfer import __version__
from enicfer.errors import counted
from enicfer.records.agreement import (
    CLASSIFIER,
    CODERS,
    DECIDED,
    SELF,
    Agreement,
    Estimate,
    PairAgreement,
)
from enicfer.report.templates import fill_template

_KINDS = {
    CODERS: "coder with coder",
    SELF: "coder with themselves",
    CLASSIFIER: "coder with classifier",
    DECIDED: "adjudicated codes with classifier",
}
_UNITS = {"frame": "frames", "trial": "trials", "time": "units of 0.1 s"}
_COUNTED = {"frame": ("frame",), "trial": ("trial",), "time": ("unit of 0.1 s", "units of 0.1 s")}
_BAR = 120  # px from the lowest to 1


def render_agreement(agreement: Agreement) -> str:
    """The page as text."""
    start = _lowest(agreement.pairs)
    return fill_template(
        "agreement.html",
        {
            "version": __version__,
            "agreement": agreement,
            "pairs": [_describe(pair, start) for pair in agreement.pairs],
            "start": start,
            "zero": _place(0.0, start),
            "kinds": _KINDS,
            "units": _UNITS,
        },
        {
            "number": _number,
            "percent": _percent,
            "interval": describe_estimate,
            "counted": counted,
            "short": "{:g}".format,
        },
    )


def _describe(pair: PairAgreement, start: float) -> dict[str, Any]:
    """A pair, and its table without the categories that nobody said."""
    names = [one.name for one in pair.categories]
    return {
        "pair": pair,
        "bar": _bar(pair.kappa, start),
        "names": names,
        "rows": list(zip(names, _shrink(pair), strict=True)),
    }


def _shrink(pair: PairAgreement) -> list[list[tuple[float, float]]]:
    """Counts and shades 0..1 (of the row) of the categories that somebody said."""
    said = [i for i, row in enumerate(pair.table) if sum(row) or sum(other[i] for other in pair.table)]
    rows: list[list[tuple[float, float]]] = []
    for i in said:
        total = max(sum(pair.table[i]), 1.0)
        rows.append([(pair.table[i][j], round(pair.table[i][j] / total, 3)) for j in said])
    return rows


def _number(value: float) -> str:
    return "" if value != value else f"{value:.2f}"


def _percent(value: float) -> str:
    return "" if value != value else f"{value:.0%}"


def describe_estimate(found: Estimate) -> str:
    """A number and its interval, as text."""
    if found.value != found.value:
        return "n/a"
    ends = "" if found.low != found.low else f" ({found.low:.2f} to {found.high:.2f})"
    return f"{found.value:.2f}{ends}"


def _lowest(pairs: Sequence[PairAgreement]) -> float:
    """Where the axis of kappa begins: at 0, or at a quarter below the lowest end of an interval."""
    ends = [low for pair in pairs for low in (pair.kappa.value, pair.kappa.low) if low == low]
    return max(-1.0, min(0.0, floor(4 * min(ends, default=0.0)) / 4))


def _place(value: float, start: float) -> float:
    """Px from the begin of the axis."""
    return round(_BAR * (value - start) / (1 - start), 1)


def _bar(found: Estimate, start: float) -> tuple[float, float, float] | None:
    """Places in px of value, low and high end; None where there is no value."""
    if found.value != found.value:
        return None
    low, high = (found.value, found.value) if found.low != found.low else (found.low, found.high)
    return _place(found.value, start), _place(low, start), _place(high, start)


def describe_pair(pair: PairAgreement) -> str:
    """A pair in one line, for the command line."""
    units = counted(pair.units, *_COUNTED[pair.unit])
    where = f"{units}{f' ({pair.dimension})' if pair.dimension else ''}"
    return (
        f"{pair.first} and {pair.second}, {where} of {counted(pair.children, 'child', 'children')}: "
        f"{_percent(pair.percent.value)} equal, kappa {describe_estimate(pair.kappa)}"
    )
