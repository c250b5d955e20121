"""What a coder may say of a run, checked against the run and the codebook before it is stored."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from enicfer.config.codebook import Codebook
from enicfer.config.suffixes import VIDEO_SUFFIXES
from enicfer.errors import InputError, counted, option, shown
from enicfer.io.coding_log import add_codings, coding_path, keep_codebook, new_coding
from enicfer.io.entry_log import coder_label
from enicfer.pipeline.provenance import hash_content
from enicfer.records import RunResult
from enicfer.records.coding import (
    ADJUDICATED,
    AGAIN,
    CLASSIFIER,
    FRAME,
    INTENSITIES,
    INTERVAL,
    POINT,
    REMOVE,
    SKIP,
    TRIAL,
    UNDO,
    WATCHED,
    CodingEntry,
    standing_codings,
)
from enicfer.review.study import ReviewRun

LONGEST_NOTE = 2000
_CODE = {"category", "reason", "intensity", "modifiers", "note", "took"}
_KEYS = {
    FRAME: {"frame", "repeat"} | _CODE,
    INTERVAL: {"frame", "apex_frame", "end_frame", "entry", "repeat"} | _CODE,
    POINT: {"frame", "entry", "repeat"} | _CODE,
    TRIAL: {"trial", "repeat"} | _CODE,
    WATCHED: {"frame", "end_frame", "repeat"},
    SKIP: {"frame", "end_frame", "trial", "repeat"},
    REMOVE: {"entry"},
    UNDO: {"entry"},
}


def store_coding(
    run: ReviewRun, result: RunResult, coder: str, book: Codebook, content: Mapping[str, Any]
) -> CodingEntry:
    """Check what a coder says of a run, and write it; it is on the disk when this returns.

    Parameters
    ----------
    run, result
        The run, and what ``run.frames`` holds.
    coder
        Who says it.
    book
        The codebook of which ``category`` and ``reason`` are; it was read from a file.
    content
        ``kind`` and what goes with it, as in `enicfer.records.coding.CodingEntry`; frames by their number, their
        times are added here.

    Raises
    ------
    InputError
        If it cannot be meant, or the coder's file is damaged.
    OutputError
        If it cannot be written.
    """
    check_coder(coder)
    return write_codings(run, result, coder, book, [content])[0]


def check_coder(coder: str) -> None:
    """Refuse a name that means something else in a comparison.

    Raises
    ------
    InputError
        If it is the name of the decisions, of the classifier, or of a coder who was asked again.
    """
    coder_label(coder)
    plain = " ".join(coder.split()).lower()
    if plain in (ADJUDICATED, CLASSIFIER) or plain.endswith(AGAIN):
        raise InputError(
            f"The coder cannot be called {plain!r}, which means something else",
            remedy=f"give another name with {option('coder', '--coder NAME')}",
        )


def write_codings(
    run: ReviewRun,
    result: RunResult,
    coder: str,
    book: Codebook,
    contents: Sequence[Mapping[str, Any]],
    **further: str,
) -> tuple[CodingEntry, ...]:
    """Check and write several entries at once, all or none; see `store_coding`.

    ``further`` is of each of them: ``source`` and ``by``.
    """
    checked = [check_coding(result, book, content) for content in contents]
    video = hash_video(result.provenance.inputs)
    if any(facts["kind"] in (FRAME, INTERVAL, POINT, TRIAL) for facts in checked):
        keep_codebook(run.output, book)

    def make(known: Sequence[CodingEntry]) -> list[CodingEntry]:
        made: list[CodingEntry] = []
        for facts in checked:
            kind = facts["kind"]
            rest = {name: value for name, value in facts.items() if name != "kind"}
            _check_entry(kind, rest, [*known, *made], run.name)
            if kind not in (REMOVE, UNDO):
                rest |= {"book": book.name, "version": book.version, "video": video, **further}
            entry = new_coding(coder, run.name, kind, **rest)
            if kind == INTERVAL:
                _check_exclusive(entry, book, [*known, *made])
            made.append(entry)
        return made

    return add_codings(coding_path(run.output, run.session, coder), make)


def hash_video(inputs: Mapping[str, str]) -> str:
    """SHA-256 by which a run's video is known again, of the inputs of its provenance; "" where it had none."""
    hashes = [value for name, value in inputs.items() if Path(name).suffix.lower() in VIDEO_SUFFIXES]
    return hash_content(hashes) if len(hashes) > 1 else "".join(hashes)


def check_coding(result: RunResult, book: Codebook, content: Any) -> dict[str, Any]:
    """The facts of an entry, with those that follow from the run.

    Raises
    ------
    InputError
        If it cannot be meant.
    """
    kind = content.get("kind") if isinstance(content, Mapping) else None
    if not isinstance(kind, str) or kind not in _KEYS:
        raise InputError(f"The kind of a code is {shown(kind)}; allowed are {', '.join(_KEYS)}.")
    given = {name: value for name, value in content.items() if name != "kind" and value not in (None, "")}
    if unknown := sorted(str(name)[:40] for name in given.keys() - _KEYS[kind]):
        raise InputError(
            f"A code of the kind {kind} has {', '.join(unknown)}; allowed are {', '.join(sorted(_KEYS[kind]))}."
        )
    facts: dict[str, Any] = {"kind": kind}
    if kind not in (WATCHED, REMOVE, UNDO, SKIP):
        facts |= _check_code(kind, book, given)
    if kind in (FRAME, INTERVAL, POINT, WATCHED) or (kind == SKIP and "trial" not in given):
        facts |= _check_frames(kind, result, given)
    if kind == TRIAL or (kind == SKIP and "trial" in given):
        facts |= _check_trial(result, given)
    if "repeat" in given:
        if given["repeat"] != 1 or isinstance(given["repeat"], bool):
            raise InputError(f"repeat is {shown(given['repeat'])}; it is 1, or left out.")
        facts["repeat"] = 1
    if "entry" in given:
        facts["entry"] = _text(given["entry"], "entry", 40)
    return facts


def _check_code(kind: str, book: Codebook, given: Mapping[str, Any]) -> dict[str, Any]:
    category, reason = given.get("category", ""), given.get("reason", "")
    if bool(category) == bool(reason):
        raise InputError("A code needs a category, or a reason why it cannot be coded, and not both.")
    facts: dict[str, Any] = {}
    if reason:
        if kind == POINT or reason not in book.cannot:
            allowed = "none for a point" if kind == POINT else ", ".join(book.cannot) or "none"
            raise InputError(
                f"{shown(reason)} is no reason of the codebook {book.name}; allowed are {allowed}."
            )
        facts["reason"] = reason
    else:
        if category not in book.names:
            raise InputError(
                f"{shown(category)} is no category of the codebook {book.name}; allowed are {', '.join(book.names)}."
            )
        if (book[category].kind == "point") != (kind == POINT) and kind in (INTERVAL, POINT):
            raise InputError(f"{category} is a {book[category].kind}, and was coded as {kind}.")
        facts["category"] = category
    intensity = given.get("intensity")
    if intensity is not None:
        if isinstance(intensity, bool) or not isinstance(intensity, int) or intensity not in INTENSITIES:
            raise InputError(f"The intensity is {shown(intensity)}; allowed are 1 to 5.")
        facts["intensity"] = intensity
    if "modifiers" in given:
        facts["modifiers"] = _check_modifiers(book, category, given["modifiers"])
    if "note" in given:
        facts["note"] = _text(given["note"], "note", LONGEST_NOTE)
    if (took := given.get("took")) is not None:
        if isinstance(took, bool) or not isinstance(took, int | float) or not 0 <= took < math.inf:
            raise InputError(f"took is {shown(took)}; it is a number of seconds.")
        facts["took"] = round(float(took), 3)
    return facts


def _check_modifiers(book: Codebook, category: str, given: Any) -> str:
    allowed = {
        f"{one.name}={value}": one.name
        for one in book.modifiers
        if category and one.name in book[category].modifiers
        for value in one.values
    }
    said = given.split(",") if isinstance(given, str) else [""]
    names = [allowed.get(one) for one in said]
    if None in names or len(set(names)) < len(names):
        raise InputError(
            f"The modifiers are {shown(given)}; of {category or 'what cannot be coded'} allowed are "
            f"{', '.join(allowed) or 'none'}, one of each name, with commas between."
        )
    return ",".join(sorted(said))


def _check_frames(kind: str, result: RunResult, given: Mapping[str, Any]) -> dict[str, Any]:
    n = result.faces.video_time.size
    names = [name for name in ("frame", "apex_frame", "end_frame") if name in given]
    needed = ("frame", "end_frame") if kind in (INTERVAL, WATCHED) else ("frame",)
    if missing := [name for name in needed if name not in given]:
        raise InputError(f"A code of the kind {kind} needs {' and '.join(missing)}.")
    facts: dict[str, Any] = {}
    for name in names:
        frame = given[name]
        last = n if name == "end_frame" else n - 1
        if isinstance(frame, bool) or not isinstance(frame, int) or not 0 <= frame <= last:
            raise InputError(f"{name} is {shown(frame)}; the run has {counted(n, 'frame')}, counted from 0.")
        facts[name] = frame
        start = name.removesuffix("frame")
        video_time, time = _times(result, frame)
        facts[f"{start}video_time"] = video_time
        if math.isfinite(time):
            facts[f"{start}time"] = time
    order = [facts[name] for name in names]
    if sorted(order) != order or ("end_frame" in facts and facts["frame"] == facts["end_frame"]):
        raise InputError(
            f"A stretch from frame {facts['frame']} to frame {facts.get('end_frame')} is impossible: it must "
            "begin before it ends, and its apex must lie between."
        )
    return facts


def _times(result: RunResult, frame: int) -> tuple[float, float]:
    """Both times in s of a frame; the frame after the last one comes as late as the one before it."""
    video_time = result.faces.video_time
    if frame < video_time.size:
        return float(video_time[frame]), float(result.time[frame])
    step = float(np.median(np.diff(video_time))) if video_time.size > 1 else 0.0
    last = float(video_time[-1]) + step
    return last, float(result.alignment.time(last))


def _check_trial(result: RunResult, given: Mapping[str, Any]) -> dict[str, Any]:
    trial, n = given.get("trial"), len(result.trials)
    if isinstance(trial, bool) or not isinstance(trial, int) or not 0 <= trial < n:
        raise InputError(f"trial is {shown(trial)}; the run has {counted(n, 'trial')}, counted from 0.")
    row = result.trials.iloc[trial]
    return {"trial": trial, "onset": float(row["onset"]), "code": str(row["code"])}


def _check_entry(kind: str, facts: dict[str, Any], known: Sequence[CodingEntry], run: str) -> None:
    """What is undone, removed or changed must be there, and a change is of the first entry of its thing."""
    own = [entry for entry in known if entry.run == run]
    if kind == UNDO and not facts.get("entry"):
        undone = {entry.entry for entry in own if entry.kind == UNDO}
        left = [entry for entry in own if entry.kind != UNDO and entry.id not in undone]
        if not left:
            raise InputError("There is nothing to undo.")
        facts["entry"] = left[-1].id
    if kind in (UNDO, REMOVE, INTERVAL, POINT) and (kind in (UNDO, REMOVE) or facts.get("entry")):
        among = own if kind == UNDO else standing_codings(own)
        found = [e for e in among if facts.get("entry") in (e.id, e.entry) and e.kind != UNDO]
        if not found or (kind in (INTERVAL, POINT) and found[0].kind != kind):
            raise InputError(f"There is no code with the id {shown(facts.get('entry', ''))} that holds now.")
        if kind in (INTERVAL, POINT):
            facts["entry"] = found[0].entry or found[0].id


def _check_exclusive(entry: CodingEntry, book: Codebook, known: Sequence[CodingEntry]) -> None:
    """Of categories that exclude each other, one holds at a time."""
    mine = _exclusive(entry, book)
    for other in standing_codings(known):
        if other.kind != INTERVAL or other.run != entry.run or other.book != entry.book:
            continue
        if other.about == entry.about or entry.frame is None or other.frame is None:
            continue
        if (other.repeat or 0) != (entry.repeat or 0):
            continue
        apart = (entry.end_frame or 0) <= other.frame or (other.end_frame or 0) <= entry.frame
        if not apart and (mine == _exclusive(other, book) or not (entry.codable and other.codable)):
            raise InputError(
                f"{entry.category or entry.reason} from frame {entry.frame} begins or ends within "
                f"{other.category or other.reason} (frames {other.frame} to {other.end_frame}), and only one of them "
                "holds at a time: end that one before, or change it."
            )


def _exclusive(entry: CodingEntry, book: Codebook) -> str:
    """What its category excludes: others with this word; by itself, a category excludes itself alone."""
    if entry.category not in book.names:
        return f"category {entry.category}"
    return book[entry.category].exclusive or f"category {entry.category}"


def _text(value: Any, name: str, longest: int) -> str:
    if not isinstance(value, str) or len(value) > longest:
        raise InputError(f"{name} is {shown(value)}; it is text of up to {longest} letters.")
    return value
