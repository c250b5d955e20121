"""What a person said of a processed session: verdicts on trials, corrections of who the participant is, a sign-off.

Entries are only ever added. What holds follows from their order (`standing`): of two entries on the same thing the
last one holds, an undone one never was, and a sign-off ends with the next verdict or correction. A verdict or a
sign-off that was given while another face was followed has lapsed until it is given again (`find_lapsed`).

Times: ``onset`` and ``time`` in s on the recording's clock, ``video_time`` in s of the video; ``at`` is the time of
day (UTC) at which something was said. Points are in px of the upright full-size picture.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass

from enicfer.records.types import FacePoint

TRIAL, SIGNOFF, UNDO, MARK = "trial", "signoff", "undo", "mark"
PARTICIPANT, NOT_PARTICIPANT, NEVER = "participant", "not_participant", "never"
CORRECTIONS = (PARTICIPANT, NOT_PARTICIPANT, NEVER)
KINDS = (TRIAL, *CORRECTIONS, MARK, SIGNOFF, UNDO)
ACCEPTED, REJECTED, OPEN = "accepted", "rejected", "open"
# Columns of the trials that a review adds.
REVIEWED, REVIEW_REASON = "fer_reviewed", "fer_review_reason"
SAME_ONSET = 1e-3  # s; a trial is found again by its onset and code


@dataclass(frozen=True)
class ReviewEntry:
    """One thing that a person said of a run.

    Attributes
    ----------
    id
        Of the entry.
    at
        Time of day, ``2026-11-29T12:00:00.000Z``.
    coder
        Who said it.
    run
        Name of the run with all its entities, such as ``sub-01_ses-01_task-faces``.
    kind
        One of `KINDS`.
    verdict, reason
        Of a trial: `ACCEPTED`, `REJECTED` (with a reason) or `OPEN`.
    note
        Free text.
    trial, onset, code
        Which trial: its number in order of onset from 0, its onset in s, and its code.
    frame, x, y
        Which frame, and where in it, for corrections; a mark has a frame alone.
    video_time, time
        Of the frame, in s; None where the recording's clock does not reach.
    name
        Of who signs.
    unjudged
        Numbers of the trials of the queue that had no verdict of the coder when it was signed.
    entry
        The entry that is undone.
    followed
        Of a verdict or a sign-off: by what the face was chosen that the results followed when it was given
        (`enicfer.pipeline.review.name_choice`); "" where that was not noted.
    """

    id: str
    at: str
    coder: str
    run: str
    kind: str
    verdict: str = ""
    reason: str = ""
    note: str = ""
    trial: int | None = None
    onset: float | None = None
    code: str = ""
    frame: int | None = None
    x: float | None = None
    y: float | None = None
    video_time: float | None = None
    time: float | None = None
    name: str = ""
    entry: str = ""
    followed: str = ""
    unjudged: tuple[int, ...] = ()

    @property
    def about(self) -> tuple[object, ...]:
        """What it is about: a later entry of the same coder on the same thing takes its place."""
        if self.kind == TRIAL:
            return self.run, TRIAL, self.trial
        if self.kind == SIGNOFF:
            return self.run, SIGNOFF
        if self.kind == PARTICIPANT:  # a person has one participant in a frame
            return self.run, PARTICIPANT, self.frame
        return self.run, self.kind, self.frame, self.x, self.y

    def is_of(self, onset: float, code: str) -> bool:
        """Whether it is about the trial at ``onset`` (s) with this code."""
        known = self.kind == TRIAL and self.onset is not None
        return known and abs(float(self.onset or 0) - onset) <= SAME_ONSET and self.code == code


@dataclass(frozen=True)
class TrialVerdict:
    """What all coders together say of a trial: it is rejected if one of them rejects it."""

    verdict: str
    reason: str = ""


def standing(entries: Iterable[ReviewEntry]) -> tuple[ReviewEntry, ...]:
    """The entries of one coder that hold, in their order; `OPEN` verdicts and what was undone are not among them."""
    entries = tuple(entries)
    undone = {entry.entry for entry in entries if entry.kind == UNDO}
    held: dict[tuple[object, ...], ReviewEntry] = {}
    for entry in entries:
        if entry.kind == UNDO or entry.id in undone:
            continue
        held.pop(entry.about, None)
        held[entry.about] = entry
        if entry.kind == TRIAL or entry.kind in CORRECTIONS:
            held.pop((entry.run, SIGNOFF), None)
    return tuple(entry for entry in held.values() if entry.verdict != OPEN)


def find_lapsed(entries: Iterable[ReviewEntry], followed: str) -> frozenset[str]:
    """Ids of the verdicts and sign-offs that were given while another face was followed.

    Parameters
    ----------
    entries
        All that hold of one run, of all coders.
    followed
        By what the face is chosen that is followed now, as in `ReviewEntry`. An entry that does not say it has lapsed
        if somebody pointed at the participant later.
    """
    entries = tuple(entries)
    changed = max((entry.at for entry in entries if entry.kind == PARTICIPANT), default="")
    return frozenset(
        entry.id
        for entry in entries
        if entry.kind in (TRIAL, SIGNOFF)
        and (entry.followed != followed if entry.followed else entry.at < changed)
    )


def judge_trials(
    entries: Iterable[ReviewEntry], trials: Iterable[tuple[float, str]]
) -> list[TrialVerdict | None]:
    """What the standing entries of all coders say of each trial, by onset (s) and code; None where nobody did."""
    known = sorted(
        (float(e.onset), i, e) for i, e in enumerate(entries) if e.kind == TRIAL and e.onset is not None
    )
    onsets = [onset for onset, _, _ in known]
    verdicts: list[TrialVerdict | None] = []
    for onset, code in trials:
        near = known[bisect_left(onsets, onset - SAME_ONSET) : bisect_right(onsets, onset + SAME_ONSET)]
        said = [entry for _, entry in sorted((i, e) for _, i, e in near) if entry.is_of(onset, code)]
        reasons = dict.fromkeys(entry.reason for entry in said if entry.verdict == REJECTED)
        verdict = TrialVerdict(REJECTED, "; ".join(reasons)) if reasons else TrialVerdict(ACCEPTED)
        verdicts.append(verdict if said else None)
    return verdicts


def points_of(entries: Iterable[ReviewEntry], kind: str = PARTICIPANT) -> tuple[FacePoint, ...]:
    """The points of the standing corrections of one kind, in order of the frames."""
    found = (entry for entry in entries if entry.kind == kind)
    points = (
        (entry.frame, float(entry.x), float(entry.y))
        for entry in found
        if entry.frame is not None and entry.x is not None and entry.y is not None
    )
    return tuple(sorted(dict.fromkeys(points)))
