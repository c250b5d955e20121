"""``agreement.html``: how well coders agree with each other and with the classifier, on one page."""

from typing import Any

from enicfer import __version__
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
_BAR = 120  # px from 0 to 1


def render_agreement(agreement: Agreement) -> str:
    """The page as text."""
    return fill_template(
        "agreement.html",
        {
            "version": __version__,
            "agreement": agreement,
            "pairs": [_describe(pair) for pair in agreement.pairs],
            "kinds": _KINDS,
            "units": _UNITS,
        },
        {"number": _number, "percent": _percent, "interval": describe_estimate},
    )


def _describe(pair: PairAgreement) -> dict[str, Any]:
    """A pair, and its table without the categories that nobody said."""
    names = [one.name for one in pair.categories]
    return {
        "pair": pair,
        "bar": _bar(pair.kappa),
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


def _bar(found: Estimate) -> tuple[float, float, float]:
    """Places in px of value, low and high end between 0 and 1; all -1 where there is none."""
    if found.value != found.value:
        return -1.0, -1.0, -1.0
    low, high = (found.value, found.value) if found.low != found.low else (found.low, found.high)
    value, low, high = (round(_BAR * min(max(x, 0.0), 1.0), 1) for x in (found.value, low, high))
    return value, low, high


def describe_pair(pair: PairAgreement) -> str:
    """A pair in one line, for the command line."""
    where = f"{_UNITS[pair.unit]}{f' ({pair.dimension})' if pair.dimension else ''}"
    children = "one child" if pair.children == 1 else f"{pair.children} children"
    return (
        f"{pair.first} and {pair.second}, {pair.units} {where} of {children}: {_percent(pair.percent.value)} equal, "
        f"kappa {describe_estimate(pair.kappa)}"
    )
