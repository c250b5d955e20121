"""Any lab's own pictures: a `manifest.csv` beside them.

Conventions: one row per picture; columns `path` (relative to the manifest), `label`, and
optionally `subject`, `age` (years), `sex`, `set`, `split`, and `votes` of raters, such as
``happy=2;sad=1``.  `weight` says how many frames a picture stands for that was drawn at random.  `session` and
`frame` are for people and other programs.  An empty cell means unknown.
"""

from __future__ import annotations

from pathlib import Path

from enicfer.errors import InputError
from enicfer.expressions import WORDS
from enicfer.io.columns import explain_columns, name_nearest, split_rows
from enicfer.training.datasets.files import Entry, Options, load_entries
from enicfer.training.datasets.images import FaceImages

REQUIRED = ("path", "label")
OPTIONAL = ("subject", "age", "sex", "set", "split", "votes", "session", "frame", "weight")


def read_manifest(path: Path, options: Options) -> FaceImages:
    """Read the pictures that a manifest lists.

    Parameters
    ----------
    path
        The CSV file, or the folder that holds `manifest.csv`.
    options

    Returns
    -------
    FaceImages

    Raises
    ------
    InputError
        No such file, a missing or unknown column, an age or a weight that is no number, no rows.
    """
    file = path / "manifest.csv" if path.is_dir() else path
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"The manifest {file} cannot be read ({error})", remedy="save it as CSV in UTF-8"
        ) from error
    lines = [(i, line) for i, line in enumerate(text.split("\n"), 1) if line.strip()]
    (_, columns), *rows = split_rows(lines, ",", f"The manifest {file}") or [(0, [])]
    unknown = [column for column in columns if column not in REQUIRED + OPTIONAL]
    if unknown or not set(REQUIRED) <= set(columns):
        optional = f"allowed are also {', '.join(OPTIONAL)}"
        if set(REQUIRED) <= set(columns):
            raise InputError(
                f"The manifest {file} has the columns {', '.join(columns)}; needed are {', '.join(REQUIRED)}",
                place=file,
                remedy=f"{optional}{name_nearest(unknown, OPTIONAL)}",
            )
        raise InputError(
            explain_columns(f"The manifest {file}", columns, REQUIRED), place=file, remedy=optional
        )
    wide = next((line for line, cells in rows if any(cells[len(columns) :])), None)
    if wide is not None:
        raise InputError(
            f"Line {wide} of {file} has more cells than the header",
            remedy="put cells that hold a comma into quotes",
        )
    if not rows:
        raise InputError(f"The manifest {file} lists no picture", remedy="give each picture a line")
    return load_entries(
        [_entry(file, number, dict(zip(columns, row, strict=False))) for number, row in rows], options
    )


def _entry(file: Path, number: int, row: dict[str, str]) -> Entry:
    values = {column: (row.get(column) or "").strip() for column in REQUIRED + OPTIONAL}
    try:
        age = float(values["age"]) if values["age"] else float("nan")
    except ValueError:
        raise InputError(
            f"Line {number} of {file} has the age {values['age']!r}", remedy="write a number of years"
        ) from None
    try:
        weight = float(values["weight"]) if values["weight"] else float("nan")
    except ValueError:
        weight = -1.0
    if values["weight"] and not 0 < weight < float("inf"):
        raise InputError(
            f"Line {number} of {file} has the weight {values['weight']!r}",
            remedy="write a number above 0, or nothing",
        )
    return Entry(
        path=file.parent / values["path"],
        word=values["label"],
        subject=values["subject"],
        sex=values["sex"],
        set=values["set"] or file.parent.name,
        split=values["split"],
        age=age,
        weight=weight,
        votes=_read_votes(file, number, values["votes"]),
    )


def _read_votes(file: Path, number: int, text: str) -> dict[str, float]:
    votes: dict[str, float] = {}
    for part in text.split(";") if text else ():
        word, _, count = part.partition("=")
        label = WORDS.get(word.strip().lower())
        try:
            value = float(count)
        except ValueError:
            value = float("nan")
        if label is None or not 0 <= value < float("inf"):
            raise InputError(
                f"Line {number} of {file} has the votes {text[:80]!r}",
                remedy="write expressions and numbers, such as happy=2;sad=1",
            )
        votes[label] = votes.get(label, 0.0) + value
    return votes
