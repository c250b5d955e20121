"""Files that operating systems, office programs and clouds leave in folders: they are nobody's data.

Conventions: told by the name, as the programs document it; a placeholder of a cloud has a name like any other and
no content.
"""

import os
import re
import unicodedata
from collections.abc import Iterable
from pathlib import Path

from enicfer.errors import counted

_NAMES = frozenset({".ds_store", "desktop.ini", "thumbs.db", "ehthumbs.db", "icon\r", ".localized"})
_FOLDERS = frozenset(
    {
        "__macosx", "$recycle.bin", "recycler", "system volume information", "lost+found", "@eadir", "#recycle",
        "#snapshot", "@recycle", "@recently-snapshot", "network trash folder", "temporary items", "_gsdata_",
    }
)  # fmt: skip
_PATTERNS = (
    re.compile(r"\._.*"),  # AppleDouble
    re.compile(r"~\$.*|\.~lock\..*#|~.*\.tmp"),  # open in an office program
    re.compile(r".*\.(tmp|temp|part|partial|crdownload|swp|bak|icloud)", re.IGNORECASE),
    re.compile(r".*\.sync-conflict-\d{8}-\d{6}.*"),  # Syncthing
    re.compile(
        r".*[ _(]\(?(?:[^()]*'s? )?conflict(?:ed|ing)? copy.*", re.IGNORECASE
    ),  # Dropbox, Nextcloud, Seafile
    re.compile(
        r".*\(.*(?:konflikt-?kopie|in konflikt stehende kopie|widersprüchliche kopie|copie en conflit|"
        r"copia en conflicto|copia in conflitto|cópia em conflito|conflicterende kopie).*\).*",
        re.IGNORECASE,
    ),  # Dropbox in other languages
    re.compile(r"\.#.*"),  # open in Emacs
    re.compile(r".*\(SFConflict .*|.*_conflict-\d{8}-\d{6}.*|.*\[Conflict(?:ed)?\].*", re.IGNORECASE),
    re.compile(r".*\(Case Conflict(?: \d+)?\).*", re.IGNORECASE),
    re.compile(r"\.nfs[0-9a-f]+|\.fuse_hidden[0-9a-f]+"),  # deleted while a program had it open
)


def is_leftover(path: Path | str) -> bool:
    """Whether a file's name is one that a system, an office program or a cloud gives to files of its own."""
    name = unicodedata.normalize("NFC", Path(path).name)
    return name.lower() in _NAMES or any(pattern.fullmatch(name) for pattern in _PATTERNS)


def is_system_folder(name: str) -> bool:
    """Whether a folder's name is one that a system gives: what was deleted, or what a Mac packed beside files."""
    return name.lower() in _FOLDERS


def is_placeholder(path: Path) -> bool:
    """Whether a file has no content, as what a cloud has not downloaded."""
    try:
        return path.is_file() and path.stat().st_size == 0
    except OSError:
        return False


def find_named(folder: Path, name: str) -> Path | None:
    """The file of this name below a folder, also where one of the two is spelled with combining marks (NFD)."""
    place = folder
    for part in Path(name).parts:
        step = place / part
        if not os.path.exists(step) and place.is_dir():  # noqa: PTH110  says no to names that no file can have
            plain = unicodedata.normalize("NFC", part)
            same = [e for e in sorted(place.iterdir()) if unicodedata.normalize("NFC", e.name) == plain]
            step = same[0] if len(same) == 1 else step
        place = step
    return place if os.path.exists(place) else None  # noqa: PTH110


def describe_leftovers(names: Iterable[str], where: str) -> tuple[str, ...]:
    """A note on the files that were passed over, or none."""
    found = sorted(names)
    if not found:
        return ()
    number = counted(len(found), "file")
    return (
        f"{number} of the system or of a cloud in {where} {'is' if len(found) == 1 else 'are'} no data and "
        f"{'was' if len(found) == 1 else 'were'} passed over: "
        f"{', '.join(found[:5])}{', ...' if len(found) > 5 else ''}.",
    )


def note_leftovers(
    folder: Path, endings: Iterable[str], part: str = "", empty: bool = False
) -> tuple[str, ...]:
    """A note on files in a folder that could be taken for data and are none.

    Parameters
    ----------
    folder
        Only its own files count, not those of folders in it.
    endings
        Those of data, in lower case; ``.DS_Store`` and its like, which nobody takes for data, are not counted.
    part
        What their names hold.
    empty
        Count files without content, too.
    """
    try:
        files = [p for p in folder.iterdir() if p.name.lower().endswith(tuple(endings)) and part in p.name]
    except OSError:
        return ()
    found = [path.name for path in files if is_leftover(path) or (empty and is_placeholder(path))]
    return describe_leftovers(found, folder.name)
