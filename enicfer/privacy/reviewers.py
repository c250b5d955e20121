"""Names of people who reviewed or coded, in the files in which enicfer writes them.

They are known from the ``*_qc.json`` of the same tree, and from names of files of reviews, which are in the
provenance. A short code such as ``R1`` or ``coder-02`` is a pseudonym, and no finding.
"""

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from enicfer.io.files.names import SUFFIXES
from enicfer.privacy.text import Found, decode_text, fold, name_pattern, spell

_LABEL = re.compile(rb"_coder-([A-Za-z0-9]{1,40})\.jsonl")
_PSEUDONYM = re.compile(r"[A-Za-z]{0,8}[ _-]?\d{1,4}")
_HASHED = re.compile(r"x[0-9a-f]{8}$")  # with which a label ends that is not the name itself
_FILES = (".html", ".json", ".tsv")


def is_pseudonym(name: str) -> bool:
    """Whether a name is a short code."""
    return _PSEUDONYM.fullmatch(name.strip()) is not None


def find_reviewers(root: Path) -> list[str]:
    """Names of who judged or signed, of all runs below a folder, that are no pseudonyms; sorted."""
    found: set[str] = set()
    for path in root.rglob(f"*_{SUFFIXES['qc']}"):
        try:
            review = json.loads(path.read_text(encoding="utf-8"))["quality"]["review"]
            names = [name for key in ("coders", "signed", "reopened") for name in review.get(key, ())]
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            continue  # without a review, or damaged, which is said of the file itself
        found |= {name for name in names if isinstance(name, str) and name.strip() and not is_pseudonym(name)}
    return sorted(found)


def look_for_reviewers(path: Path, data: bytes, names: Sequence[str]) -> Iterator[Found]:
    """Names of reviewers in a file of results: ``names``, and those in names of files of reviews."""
    labels = dict.fromkeys(match[1].decode() for match in _LABEL.finditer(data))
    for label in labels:
        if not is_pseudonym(_HASHED.sub("", label)):
            yield _finding(f"coder-{label}")
    text = decode_text(data) if path.suffix.lower() in _FILES else None
    for name in names if text is not None else ():
        pattern: Any = name_pattern([name])
        if any(pattern.search(fold(spelling)) for spelling in spell(text or "")):
            yield _finding(name)


def _finding(name: str) -> Found:
    return (
        "reviewer",
        f"{name}, who reviewed or signed: give pseudonyms such as R1 (docs/before-you-share.md)",
    )
