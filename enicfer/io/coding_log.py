"""Codings on disk: ``<output>/codings/sub-01_ses-01_coder-Anna.jsonl``, as `enicfer.io.entry_log` has it.

An entry is a `enicfer.records.coding.CodingEntry`. Beside the files lie the codebooks that they name,
``codebooks/<name>_<version>.toml``, each as it was when the first code of that version was written.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from enicfer.config.codebook import Codebook, parse_codebook
from enicfer.config.engine import read_toml
from enicfer.errors import InputError, OutputError
from enicfer.io.entry_log import EntryLog, find_logs, log_path, new_id, time_of_day
from enicfer.io.files.atomic import replacing, settle
from enicfer.io.files.names import CODINGS
from enicfer.records.coding import KINDS, CodingEntry

BOOKS = "codebooks"
_LOG = EntryLog(CodingEntry, KINDS, "coding")


def coding_path(output: Path, session: str, coder: str) -> Path:
    """File of a coder for a session, which is named by its stem (``sub-01_ses-01``)."""
    return log_path(output / CODINGS, session, coder)


def find_codings(output: Path, session: str) -> list[Path]:
    """Codings of a session by all coders, sorted."""
    return find_logs(output / CODINGS, session)


def new_coding(coder: str, run: str, kind: str, **facts: Any) -> CodingEntry:
    """An entry of now, with an id of its own."""
    return CodingEntry(new_id(), time_of_day(), coder, run, kind, **facts)


def read_coding_log(path: Path) -> tuple[tuple[CodingEntry, ...], bool]:
    """All entries of a file in their order, and whether half a line follows them; none where there is no file.

    Raises
    ------
    InputError
        If it cannot be read, or a line before the last one is no entry.
    """
    return _LOG.read_torn(path)


def add_codings(
    path: Path, make: Callable[[Sequence[CodingEntry]], Sequence[CodingEntry]]
) -> tuple[CodingEntry, ...]:
    """Add entries, which are on the disk when this returns, all or none; see `enicfer.io.entry_log.EntryLog.add`.

    Raises
    ------
    InputError
        If the file is damaged.
    OutputError
        If it cannot be written: the disk is full, say. Then nothing of them stays.
    """
    return _LOG.add(path, make)


def keep_codebook(output: Path, book: Codebook) -> None:
    """Lay a copy of a codebook beside the codings, unless it is there.

    Parameters
    ----------
    output
        Root of the outputs.
    book
        The codebook, of a file.

    Raises
    ------
    InputError
        If a codebook of this name and number is there that says something else.
    OutputError
        If it cannot be written.
    """
    folder = output / CODINGS / BOOKS
    settle(folder)
    path = check_codebook(output, book)
    if path.is_file():
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"{folder} cannot be made: {error.strerror or error}",
            place=folder,
            remedy="make room there, or make the folder above writable",
        ) from None
    with replacing(path) as partial:
        partial.write_bytes(book.file.read_bytes())


def check_codebook(output: Path, book: Codebook) -> Path:
    """Where a codebook's copy lies beside the codings, or will lie; writes nothing.

    Raises
    ------
    InputError
        If a codebook of this name and number is there that says something else.
    """
    folder = output / CODINGS / BOOKS
    path = folder / f"{book.name}_{book.version}.toml"
    if not path.is_file() and folder.is_dir() and any(folder.glob(f"{book.name}_{book.number}-*.toml")):
        raise InputError(
            f"The codebook {book.name} says something else than when it was first used, and has the number "
            f"{book.number} still",
            place=book.file,
            remedy="raise its number, so that old codes keep their meaning",
        )
    return path


def kept_codebooks(output: Path) -> dict[tuple[str, str], Codebook]:
    """Name and version -> codebook, of those that lie beside the codings.

    Raises
    ------
    ProtocolError
        If one was changed to something that is none.
    """
    found = {}
    for path in sorted((output / CODINGS / BOOKS).glob("*.toml")):
        name, _, version = path.stem.rpartition("_")
        found[name, version] = parse_codebook(read_toml(path), name, path.name)
    return found
