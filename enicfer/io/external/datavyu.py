"""Exports of Datavyu."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from enicfer.errors import InputError
from enicfer.io.external.spans import Span
from enicfer.io.external.time_codes import read_plain_times
from enicfer.io.row_tables import read_rows


def read_datavyu(path: Path) -> list[Span] | None:
    """Spans of an export of Datavyu, or None if it is none."""

    def is_header(names: Sequence[str]) -> bool:
        return any(n.endswith(".onset") for n in names) or {"onset", "offset", "ordinal"} <= set(names)

    table = read_rows(path, is_header)
    if table is None:
        return None
    prefixes = [n.removesuffix("onset") for n in table.names if n == "onset" or n.endswith(".onset")]
    spans = []
    for prefix in prefixes:
        where = f"{path.name}, column {prefix}"
        onset = read_plain_times(table.text(f"{prefix}onset"), f"{where}onset")
        offset = read_plain_times(table.text(f"{prefix}offset"), f"{where}offset")
        taken = {f"{prefix}{n}" for n in ("onset", "offset", "ordinal")} | {"file", "column"}
        names = [n for n in table.names if n.startswith(prefix) and n not in taken]
        who = table.text("column") if not prefix and "column" in table else [prefix.rstrip(".")] * len(table)
        for name in names:
            for i, cell in enumerate(table.text(name)):
                if cell and not (np.isfinite(onset[i]) and np.isfinite(offset[i])):
                    raise InputError(
                        f"Row {i + 1} of {path.name} codes {cell!r} in {name} without an onset or an offset",
                        remedy="export it again",
                    )
                if cell:
                    spans.append(Span(float(onset[i]), float(offset[i]), cell, who[i]))
    return spans
