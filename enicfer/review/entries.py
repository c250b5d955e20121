"""What a person may say, checked against the run before it is stored, and what is shown of it."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from enicfer.errors import InputError, counted
from enicfer.io.review_log import add_entry, entry_text, new_entry, review_path
from enicfer.pipeline.choice import name_choice, note_face
from enicfer.records import RunResult
from enicfer.records.review import (
    ACCEPTED,
    CORRECTIONS,
    MARK,
    OPEN,
    REJECTED,
    SIGNOFF,
    TRIAL,
    UNDO,
    Following,
    Held,
    ReviewEntry,
    hold_entries,
)
from enicfer.review.judge import pick_trials
from enicfer.review.study import ReviewRun

PLACES_OF_TRIAL, PLACES_OF_RUN = 6, 24  # in which a verdict and a sign-off note the followed face
LONGEST_REASON, LONGEST_NOTE, LONGEST_NAME = 200, 2000, 80
_KEYS = {
    TRIAL: {"trial", "verdict", "reason", "note", "followed"},
    **{kind: {"frame", "x", "y", "note"} for kind in CORRECTIONS},
    MARK: {"frame", "note"},
    SIGNOFF: {"name", "note", "followed"},
    UNDO: {"entry"},
}


def store_entry(
    run: ReviewRun, result: RunResult, coder: str, facts: Mapping[str, Any], following: Following
) -> ReviewEntry:
    """Write what a coder says of a run, as `check_entry` gave it; it is on the disk when this returns.

    ``following`` is whom the results follow.

    Raises
    ------
    InputError
        If there is nothing to take back, or the coder's file is damaged.
    OutputError
        If it cannot be written.
    """
    rest = {name: value for name, value in facts.items() if name != "kind"}
    kind = facts["kind"]

    def make(known: Sequence[ReviewEntry]) -> ReviewEntry:
        more: dict[str, Any] = {}
        if kind == UNDO:
            more["entry"] = _undone(known, run.name, rest.get("entry", ""))
        if kind == SIGNOFF:
            more["unjudged"] = _unjudged(known, run.name, result, following)
        return new_entry(coder, run.name, kind, **{**rest, **more})

    return add_entry(review_path(run.output, run.session, coder), make)


def check_entry(result: RunResult, content: Any) -> dict[str, Any]:
    """The facts of an entry, with those that follow from the run.

    Raises
    ------
    InputError
        Which says what is wrong.
    """
    kind = content.get("kind") if isinstance(content, Mapping) else None
    if not isinstance(kind, str) or kind not in _KEYS:
        raise InputError(f"An entry has a kind: one of {', '.join(_KEYS)}.")
    if unknown := sorted(set(map(str, content)) - _KEYS[kind] - {"kind"}):
        raise InputError(f"An entry of the kind {kind} has no {unknown[0][:40]}.")
    facts: dict[str, Any] = {"kind": kind}
    for name, longest in (
        ("note", LONGEST_NOTE),
        ("reason", LONGEST_REASON),
        ("name", LONGEST_NAME),
        ("entry", 40),
    ):
        if name in content:
            facts[name] = _text(content[name], name, longest)
    if kind in (TRIAL, SIGNOFF):
        facts["followed"] = _check_followed(result, content)
    if kind == TRIAL:
        facts |= _about_trial(result, content, facts.get("reason", ""))
    elif kind in (*CORRECTIONS, MARK):
        facts |= _about_frame(result, content, kind != MARK)
    elif kind == SIGNOFF and not facts.get("name"):
        raise InputError("A sign-off needs a name.")
    return facts


def note_followed(run: RunResult, facts: Mapping[str, Any]) -> tuple[int, ...]:
    """Where the followed face is in the trial that is judged, or in the run that is signed; of all its cameras."""
    if facts["kind"] == SIGNOFF:
        return note_face(run, PLACES_OF_RUN)
    start, duration = facts["onset"], float(run.trials.iloc[facts["trial"]]["duration"])
    return note_face(run, PLACES_OF_TRIAL, start, start + duration)


def describe_review(held: Mapping[str, Held], coder: str, can_undo: bool) -> dict[str, Any]:
    """What holds now of a run's review, for one coder; ``held`` is by coder."""
    own = held.get(coder, Held())
    return {
        "coder": coder,
        "entries": [*map(lapsed_text, own.lapsed), *map(shown_text, own.counting)],
        "marks": [shown_text(entry) for entry in own.counting if entry.kind == MARK],
        "signed": signed_by(own.counting),
        "signed_before": signed_by(own.lapsed),
        "reopened": _about_sign_off(own.reopened),
        "can_undo": can_undo,
        "others": [summarise_coder(name, said) for name, said in sorted(held.items()) if name != coder],
    }


def describe_log(log: Sequence[ReviewEntry]) -> dict[str, Any]:
    """How much a coder ever said of a run, and the last of it that was not undone, with its number from 0."""
    last = _last(log)
    about = None if last is None else {"id": last.id, "number": log.index(last)}
    return {"n_entries": len(log), "last": about}


def describe_stake(held: Iterable[Held]) -> dict[str, Any]:
    """What of all coders would no longer count if another face was followed: numbers, and a sentence or ""."""
    kinds = Counter(entry.kind for own in held for entry in own.counting)
    verdicts, signed = kinds[TRIAL], kinds[SIGNOFF]
    parts = [counted(verdicts, "verdict")] if verdicts else []
    parts += ["the sign-off" if signed == 1 else f"{signed} sign-offs"] if signed else []
    text = (
        f"If this is another face than the one that is followed, {' and '.join(parts)} will no longer count."
    )
    return {"n_verdicts": verdicts, "n_signed": signed, "text": text if parts else ""}


def shown_text(entry: ReviewEntry) -> dict[str, Any]:
    """What is shown of an entry."""
    return {name: value for name, value in entry_text(entry).items() if name != "seen"}


def lapsed_text(entry: ReviewEntry) -> dict[str, Any]:
    """What is shown of an entry that does not count, because it is about another face."""
    return {**shown_text(entry), "lapsed": True}


def summarise_coder(coder: str, held: Held) -> dict[str, Any]:
    """How much of what a coder said of a run counts."""
    trials = [entry for entry in held.counting if entry.kind == TRIAL]
    return {
        "coder": coder,
        "n_reviewed": len(trials),
        "n_rejected": sum(entry.verdict == REJECTED for entry in trials),
        "signed": signed_by(held.counting),
        "reopened": _about_sign_off(held.reopened),
    }


def say_reopened(entry: ReviewEntry) -> str:
    """That a sign-off does not hold any more, without a full stop."""
    return f"signed by {entry.name} on {entry.when}, before the last verdict or correction: sign again"


def signed_by(entries: Sequence[ReviewEntry]) -> dict[str, Any] | None:
    """Name and time of the sign-off among entries, and the trials of the queue that were not judged then."""
    return _about_sign_off(next((entry for entry in entries if entry.kind == SIGNOFF), None))


def _about_sign_off(entry: ReviewEntry | None) -> dict[str, Any] | None:
    if entry is None:
        return None
    return {"name": entry.name, "at": entry.at, "note": entry.note, "unjudged": list(entry.unjudged)}


def _unjudged(
    known: Sequence[ReviewEntry], run: str, result: RunResult, following: Following
) -> tuple[int, ...]:
    """Numbers of the trials of the queue that a coder has not judged, from all entries of the coder."""
    own = hold_entries((entry for entry in known if entry.run == run), following).counting
    judged = {entry.trial for entry in own if entry.kind == TRIAL}
    return tuple(sorted(row["trial"] for row in pick_trials(result, own) if row["trial"] not in judged))


def _undone(known: Sequence[ReviewEntry], run: str, wanted: str) -> str:
    """The entry that is taken back: the one that was named, or the last one that holds."""
    own = [entry for entry in known if entry.run == run]
    if wanted:
        if not any(entry.id == wanted for entry in _not_undone(own)):
            raise InputError("There is no such entry of this coder that holds: load the page again.")
        return wanted
    last = _last(own)
    if last is None:
        raise InputError("There is nothing to take back.")
    return last.id


def _not_undone(log: Sequence[ReviewEntry]) -> list[ReviewEntry]:
    gone = {entry.entry for entry in log if entry.kind == UNDO}
    return [entry for entry in log if entry.kind != UNDO and entry.id not in gone]


def _last(log: Sequence[ReviewEntry]) -> ReviewEntry | None:
    return next(reversed(_not_undone(log)), None)


def _text(value: Any, name: str, longest: int) -> str:
    if not isinstance(value, str) or len(value) > longest:
        raise InputError(f"The {name} must be text of at most {longest} letters.")
    if any(ord(letter) < 32 and letter not in "\n\t" for letter in value) or not _encodes(value):
        raise InputError(f"The {name} has letters that cannot be written.")
    return value.strip()


def _encodes(value: str) -> bool:
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:  # half of a pair
        return False
    return True


def _check_followed(result: RunResult, content: Mapping[str, Any]) -> str:
    """By what the face was chosen that is judged, where the page says so: not that of results that are gone."""
    now = name_choice(result.provenance)
    if content.get("followed", now) != now:
        raise InputError("The session was processed again since this page was opened: load the page again.")
    return now


def _about_trial(result: RunResult, content: Mapping[str, Any], reason: str) -> dict[str, Any]:
    number, verdict = content.get("trial"), content.get("verdict")
    count = len(result.trials)
    if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number < count:
        raise InputError(f"There is no such trial: the run has {count}, numbered from 0.")
    if verdict not in (ACCEPTED, REJECTED, OPEN):
        raise InputError(f"A verdict is one of {ACCEPTED}, {REJECTED}, {OPEN}.")
    if (verdict == REJECTED) != bool(reason):
        raise InputError("A rejected trial needs a reason, and no other has one.")
    row = result.trials.iloc[number]
    return {"trial": number, "verdict": verdict, "onset": float(row["onset"]), "code": str(row["code"])}


def _about_frame(result: RunResult, content: Mapping[str, Any], pointed: bool) -> dict[str, Any]:
    number, count = content.get("frame"), int(result.faces.video_time.size)
    if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number < count:
        raise InputError(f"There is no such frame: the run has {count}, numbered from 0.")
    time = float(result.time[number])
    facts: dict[str, Any] = {"frame": number, "video_time": float(result.faces.video_time[number])}
    facts |= {"time": time} if math.isfinite(time) else {}
    facts |= {"camera": result.camera} if result.camera else {}
    for name in ("x", "y") if pointed else ():
        value = content.get(name)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1e6:
            raise InputError(f"{name} must be a number of px in the picture.")
        facts[name] = float(value)
    return facts
