"""``group.html``: which runs can be used, and which sessions failed; made from the rows of ``group_qc.tsv`` alone."""

from collections.abc import Mapping, Sequence
from typing import Any

from enicfer import __version__


def render_group(rows: Sequence[Mapping[str, Any]]) -> str:
    """The page of a whole tree, from the rows of its ``group_qc.tsv``."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("enicfer", "batch"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        percent=lambda value: _number(value, 100, "%"),
        milli=lambda value: _number(value, 1000, "", 1),
        whole=lambda value: _number(value, 1, ""),
    )
    rows = [{key: "" if value is None else value for key, value in row.items()} for row in rows]
    return environment.get_template("group.html").render(
        version=__version__,
        done=[row for row in rows if row["state"] == "done"],
        failed=[row for row in rows if row["state"] == "failed"],
    )


def _number(value: Any, factor: float, unit: str, decimals: int = 0) -> str:
    """Text of a number; nothing for what is missing."""
    if not isinstance(value, int | float) or value != value:
        return ""
    return f"{value * factor:.{decimals}f}{unit}"
