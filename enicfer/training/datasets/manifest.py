"""Any lab's own pictures: a `manifest.csv` beside them.

Conventions: one row per picture; columns `path` (relative to the manifest), `label`, and
optionally `subject`, `age` (years), `sex`, `set`, `split`.  An empty cell means unknown.
"""

from __future__ import annotations

import csv
from pathlib import Path

from enicfer.errors import InputError
from enicfer.training.datasets.files import Entry, Options, load_entries
from enicfer.training.datasets.images import FaceImages

REQUIRED = ("path", "label")
OPTIONAL = ("subject", "age", "sex", "set", "split")


def read_manifest(path: Path, options: Options) -> FaceImages:
    """Read the pictures that a manifest lists.

    Parameters
    ----------
    path : Path
        The CSV file, or the folder that holds `manifest.csv`.
    options : Options

    Returns
    -------
    FaceImages

    Raises
    ------
    InputError
        No such file, a missing or unknown column, an age that is no number, no rows.
    """
    file = path / "manifest.csv" if path.is_dir() else path
    try:
        with file.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream)
            columns = reader.fieldnames or []
            rows = list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"The manifest {file} cannot be read ({error}).") from error
    missing = [column for column in REQUIRED if column not in columns]
    unknown = [column for column in columns if column not in REQUIRED + OPTIONAL]
    if missing or unknown:
        raise InputError(
            f"The manifest {file} has the columns {', '.join(columns) or 'none'}; needed are "
            f"{', '.join(REQUIRED)}, allowed are also {', '.join(OPTIONAL)}."
        )
    if not rows:
        raise InputError(f"The manifest {file} lists no picture.")
    return load_entries([_entry(file, number, row) for number, row in enumerate(rows, 2)], options)


def _entry(file: Path, number: int, row: dict[str, str]) -> Entry:
    values = {column: (row.get(column) or "").strip() for column in REQUIRED + OPTIONAL}
    try:
        age = float(values["age"]) if values["age"] else float("nan")
    except ValueError:
        raise InputError(
            f"Line {number} of {file} has the age {values['age']!r}; it must be a number of years."
        ) from None
    return Entry(
        path=file.parent / values["path"],
        word=values["label"],
        subject=values["subject"],
        sex=values["sex"],
        set=values["set"] or file.parent.name,
        split=values["split"],
        age=age,
    )
