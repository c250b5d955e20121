r"""Small text files: tables as TSV, records as JSON, each with the same bytes for the same content.

Conventions: UTF-8, ``\n`` line ends, tabs, no quotes, ``n/a`` for missing, numbers rounded to six decimals (1 us,
1e-6 of a probability) and written with as few digits as that needs. ``.tsv.gz`` has neither name nor time in
its header. JSON has ``null`` where a number is not finite.

Text that a spreadsheet would run as a formula, because it begins with ``=``, ``+``, ``-`` or ``@``, is written
with an apostrophe before it, which spreadsheets take for the sign of text; `read_table` takes it away again. So is
text that begins with an apostrophe itself.
"""

import csv
import gzip
import json
import re
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from enicfer.errors import InputError
from enicfer.io.files.claims import check_table
from enicfer.records import to_plain
from enicfer.records.review import REVIEW_REASON, REVIEWED

DECIMALS = 6
_LONG_LIST = re.compile(r'\[\n[^"\[\]{}]*\]')  # of numbers, over many lines: no text of JSON holds a line end
_FORMULA = re.compile(r"^(?=\s*[=+\-@'])")
_NUMBER = re.compile(r"\s*[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?\s*")
# Text that is missing where a trial has no such answer.
_SOME = ("fer_dominant", REVIEWED, REVIEW_REASON)
TEXT_COLUMNS = frozenset({"trial_type", "code", "label", "reason", "status", "model", *_SOME})


def write_table(path: Path, table: pd.DataFrame, header: bool = True) -> None:
    """Write a table as ``.tsv`` or ``.tsv.gz``.

    Parameters
    ----------
    path
        File to write; its name decides on compression.
    table
        Floats, integers and text; NaN, None and ``""`` become ``n/a``.
    header
        False for the continuous recordings of BIDS, whose columns are named in the JSON file beside them.
    """
    columns = {
        name: column.astype(np.float64).round(DECIMALS) + 0.0  # + 0.0 turns -0.0 into 0.0
        if pd.api.types.is_float_dtype(column)
        else column
        if pd.api.types.is_numeric_dtype(column)
        else _defuse(column.replace(r"[\t\r\n]+", " ", regex=True)).replace("", "n/a")
        for name, column in table.items()
    }
    columns = {str(defuse_text(name)) if header else name: column for name, column in columns.items()}
    text = pd.DataFrame(columns, index=table.index).to_csv(
        sep="\t", na_rep="n/a", index=False, header=header, lineterminator="\n", quoting=csv.QUOTE_NONE
    )
    content = text.encode("utf-8")
    path.write_bytes(gzip.compress(content, compresslevel=6, mtime=0) if path.suffix == ".gz" else content)


def _defuse(column: "pd.Series[Any]") -> "pd.Series[Any]":
    return column.map(defuse_text)


def defuse_text(value: Any) -> Any:
    """Text with an apostrophe where a spreadsheet would run it; numbers that are written as text stay."""
    if not isinstance(value, str) or _NUMBER.fullmatch(value):
        return value
    return _FORMULA.sub("'", value)


def _fuse_text(value: Any) -> Any:
    return value[1:] if isinstance(value, str) and value[:1] == "'" and _FORMULA.match(value[1:]) else value


def read_table(path: Path, columns: Iterable[str] | None = None) -> pd.DataFrame:
    """Read a table that `write_table` wrote; ``columns`` names those of a table without header.

    Raises
    ------
    InputError
        If the file is missing or is no such table.
    """
    names = list(columns) if columns is not None else None
    try:
        check_table(path)
        with warnings.catch_warnings():
            # A row with too many fields would be cut.
            warnings.simplefilter("error", pd.errors.ParserWarning)
            table = pd.read_csv(
                path,
                sep="\t",
                names=names,
                dtype=str,
                keep_default_na=False,
                encoding="utf-8",
                index_col=False,
                quoting=csv.QUOTE_NONE,
            )
    except FileNotFoundError:
        raise InputError(
            f"{path.name} is missing in {path.parent.name}", place=path, remedy="process the session again"
        ) from None
    except (ValueError, OSError, pd.errors.ParserWarning) as error:
        raise InputError(
            f"{path.name} cannot be read as a table: {error}",
            place=path,
            remedy="write it again with the command that made it",
        ) from None
    table.columns = [_fuse_text(name) for name in table.columns]
    if not table.columns.is_unique:
        twice = str(table.columns[table.columns.duplicated()][0])
        raise InputError(
            f"{path.name} has two columns {twice!r}, so it is no table that enicfer wrote",
            place=path,
            remedy="give one that it wrote",
        )
    for name in table.columns:
        table[name] = table[name].map(_fuse_text)
        if name not in TEXT_COLUMNS:
            numbers = pd.to_numeric(table[name].replace("n/a", "nan"), errors="coerce")
            if (numbers.notna() | table[name].isin(["n/a", "nan"])).all():
                table[name] = numbers
    for name in set(_SOME) & set(table):
        table[name] = table[name].where(table[name] != "n/a")
    return table


def read_text(path: Path) -> str:
    """Read a text file of another program, in UTF-8, UTF-16 or Windows-1252; line ends become line feeds.

    Raises
    ------
    InputError
        If it is missing or no text.
    """
    if not path.is_file():
        raise InputError(f"There is no file {path.name} in {path.parent.name}", remedy="check the name")
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise InputError(
            f"{path.name} cannot be read: {error.strerror}",
            place=path,
            remedy="check the path and that you may read it",
        ) from None
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        encodings = ["utf-16"]
    elif raw[:200].count(b"\x00") > 20:
        encodings = ["utf-16-le" if raw[1:2] == b"\x00" else "utf-16-be"]
    else:
        encodings = ["utf-8-sig", "cp1252"]
    for encoding in encodings:
        try:
            text = raw.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\x00" not in text:
            return text.replace("\r\n", "\n").replace("\r", "\n")
    raise InputError(
        f"{path.name} is not a text file", place=path, remedy="give the file as the program wrote it"
    )


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write ``content`` as JSON; see `enicfer.records.to_plain` for what it may hold."""
    text = json.dumps(to_plain(content), indent=2, ensure_ascii=False, allow_nan=False)
    text = _LONG_LIST.sub(lambda found: " ".join(found[0].split()), text)
    path.write_text(text + "\n", encoding="utf-8", newline="\n")


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object.

    Raises
    ------
    InputError
        If the file is missing or holds no JSON object.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise InputError(
            f"{path.name} is missing in {path.parent.name}", place=path, remedy="process the session again"
        ) from None
    except (ValueError, OSError, RecursionError) as error:
        raise InputError(
            f"{path.name} is not valid JSON: {error}",
            place=path,
            remedy="correct it, or write it again with the program that made it",
        ) from None
    if not isinstance(content, dict):
        raise InputError(
            f"{path.name} holds a JSON {type(content).__name__} where an object is expected",
            place=path,
            remedy="correct it, or write it again with the program that made it",
        )
    return content
