"""Codings of other programs, and plain tables of codes, as a coder's track.

Their times are s from the first frame of the video. A code begins with the first frame at or after its onset, and
ends before the first frame at or after its offset. Codes are categories by their names, or by words of expressions.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from enicfer.coding.store import check_coder, write_codings
from enicfer.config.codebook import Codebook, read_codebook
from enicfer.errors import OVERWRITE, InputError, counted, option
from enicfer.expressions import WORDS
from enicfer.io.coding_log import coding_path, read_coding_log
from enicfer.io.external.codings import CODERS, read_coding
from enicfer.io.external.spans import Span
from enicfer.io.results import read_run
from enicfer.records import FloatArray
from enicfer.records.coding import INTERVAL, POINT, REMOVE, WATCHED, standing_codings
from enicfer.review.study import ReviewRun, Study

_MOST_NAMED = 12


@dataclass(frozen=True)
class CodingImport:
    """How the export of a coding program is read.

    Attributes
    ----------
    program
        ``boris``, ``datavyu``, ``elan``, ``observer`` or ``table``; None to tell by the columns.
    of
        Subject, tier or column that is about the participant; needed where there are several with codes.
    codes
        Code of the file -> category of the codebook.
    watched
        The coder watched the whole video: where nothing is coded, nothing was seen.
    overwrite
        What was imported of a file of this name before goes.
    """

    program: str | None = None
    of: str | None = None
    codes: Mapping[str, str] | None = None
    watched: bool = False
    overwrite: bool = False


@dataclass(frozen=True)
class ImportedCoding:
    """What was imported.

    Attributes
    ----------
    run
        Into which run.
    program
        What wrote the file.
    counts
        Category -> number of codes.
    notes
        What was left out, one sentence each.
    """

    run: str
    program: str
    counts: Mapping[str, int]
    notes: tuple[str, ...]


def import_coding(
    path: str | Path,
    folders: Sequence[str | Path],
    coder: str,
    *,
    book: str | Path = "expressions",
    run: str = "",
    options: CodingImport | None = None,
) -> ImportedCoding:
    """Bring what a coder saw with another program into the coder's track.

    Parameters
    ----------
    path
        Export of BORIS, ELAN, Datavyu or The Observer, or a plain table, as ``enicfer import`` reads it.
    folders
        Session folders, folders of them, or outputs.
    coder
        Who coded.
    book
        Name or file of the codebook.
    run
        Name of the run, or a part of it; needed where there are several.
    options
        How the file is read.

    Raises
    ------
    InputError
        If the file is none of these, or it is not clear which run or whose codes are meant; if nothing of it is in
        the codebook, codes that exclude each other overlap, or it was imported already.
    OutputError
        If it cannot be written.
    """
    path, options = Path(path), options or CodingImport()
    check_coder(coder)
    codebook = read_codebook(book)
    program, spans = _read(path, options)
    target = _choose_run(Study([Path(folder) for folder in folders]), run)
    result = read_run(target.frames)
    since = result.faces.video_time - result.faces.video_time[0]
    named, notes = _name_spans(spans, codebook, path.name, options)
    contents = _earlier(target, coder, path.name, options)
    counts: Counter[str] = Counter()
    late, short = 0, 0
    for span, category in named:
        content = _place(span, category, codebook, since)
        if content is None:
            late, short = late + (span.onset > since[-1]), short + (span.onset <= since[-1])
            continue
        contents.append(content)
        counts[category] += 1
    if not counts:
        raise InputError(
            f"No code of {path.name} is within {target.name}, which lasts {since[-1]:.1f} s",
            remedy="check that it is the coding of this video",
        )
    if options.watched:
        contents.append({"kind": WATCHED, "frame": 0, "end_frame": since.size})
    if late:
        notes.append(f"Left out: {counted(late, 'code')} after the end of the video ({since[-1]:.1f} s).")
    if short:
        notes.append(f"Left out: {counted(short, 'code')} of states shorter than a frame.")
    write_codings(target, result, coder, codebook, contents, source=path.name)
    return ImportedCoding(target.name, program, dict(sorted(counts.items())), tuple(notes))


def _read(path: Path, options: CodingImport) -> tuple[str, list[Span]]:
    if not path.is_file():
        raise InputError(f"There is no file {path.name} in {path.parent.name}", remedy="check the name")
    said = read_coding(path, options.program)
    if said is None:
        raise InputError(
            f"{path.name} is no {options.program or 'coding'} that could be read",
            place=path,
            remedy=f"give an export of {', '.join(CODERS)}",
        )
    return said


def _choose_run(study: Study, run: str) -> ReviewRun:
    names = {one.name: one for one in study.runs.values()}
    found = [one for name, one in names.items() if name == run] or [
        one for name, one in sorted(names.items()) if run in name
    ]
    if len(found) != 1:
        named = ", ".join(sorted(one.name for one in found) or sorted(names))
        raise InputError(
            f"There {f'are {len(found)} runs' if found else f'is no run {run}'} ({named[:500]})",
            remedy=f"say which it is of with {option('run', '--run NAME')}",
        )
    return found[0]


def _name_spans(
    spans: Sequence[Span], book: Codebook, source: str, options: CodingImport
) -> tuple[list[tuple[Span, str]], list[str]]:
    """The spans that are of a category of the codebook, and what is said of the others."""
    given = options.codes or {}
    if wrong := sorted(set(given.values()) - set(book.names)):
        raise InputError(
            f"{', '.join(wrong)} is no category of the codebook {book.name}; allowed are {', '.join(book.names)}."
        )
    known = {word: book.expressions()[e] for word, e in WORDS.items() if e in book.expressions()}
    known |= {name.lower(): name for name in book.names} | {code.lower(): c for code, c in given.items()}
    people = sorted({span.who for span in spans if _meaning(span, known)})
    if options.of is not None and options.of not in {span.who for span in spans}:
        everyone = ", ".join(sorted({repr(span.who) for span in spans})[:_MOST_NAMED])
        raise InputError(f"{source} has no coding of {options.of!r}: it has {everyone}.")
    if options.of is None and len(people) > 1:
        raise InputError(
            f"{source} has codes of {', '.join(map(repr, people[:_MOST_NAMED]))}",
            remedy=f"say which is the participant with {option('of', '--of WHO')}",
        )
    mine = [span for span in spans if options.of in (None, span.who)]
    named = [(span, category) for span in mine if (category := _meaning(span, known))]
    other = sorted({span.code for span in mine if not _meaning(span, known)})
    if not named:
        raise InputError(
            f"{source} has no category of the codebook {book.name}; its codes are {', '.join(other[:_MOST_NAMED])}",
            remedy=f"say what they mean with {option('codes', '--code CODE=CATEGORY')}",
        )
    left = f"Codes that are no category were left out: {', '.join(other[:_MOST_NAMED])}."
    return named, [left] * bool(other)


def _meaning(span: Span, known: Mapping[str, str]) -> str | None:
    """The category that a code stands for: the whole code, or a part of it such as a modifier."""
    words = [span.code, *span.code.split(":")]
    return next((known[word.strip().lower()] for word in words if word.strip().lower() in known), None)


def _place(span: Span, category: str, book: Codebook, since: FloatArray) -> dict[str, Any] | None:
    """What is stored of a span; None where no frame is in it."""
    first, after = (int(np.searchsorted(since, at - 1e-6, "left")) for at in (span.onset, span.offset))
    if book[category].kind == "point":
        return {"kind": POINT, "frame": first, "category": category} if first < since.size else None
    if after <= first:
        return None
    return {"kind": INTERVAL, "frame": first, "end_frame": after, "category": category}


def _earlier(run: ReviewRun, coder: str, source: str, options: CodingImport) -> list[dict[str, Any]]:
    """What takes away the codes that were imported of a file of this name before."""
    held = standing_codings(read_coding_log(coding_path(run.output, run.session, coder))[0])
    old = [entry.id for entry in held if entry.source == source and entry.run == run.name]
    if old and not options.overwrite:
        raise InputError(
            f"{source} was imported for {coder} already ({counted(len(old), 'code')} of {run.name})",
            remedy=f"give {OVERWRITE} to replace them",
        )
    return [{"kind": REMOVE, "entry": one} for one in old]
