"""What a person said of a processed session: verdicts on trials, corrections of who the participant is, a sign-off.

Entries are only ever added. What holds follows from their order and from whom the results follow (`hold_entries`):
of two entries on the same thing the last one holds, an undone one never was, and a sign-off ends with the next
verdict or correction. A verdict or a sign-off that was given while another face was followed does not count, and
takes the place of none that does.

Times: ``onset`` and ``time`` in s on the recording's clock, ``video_time`` in s of the video; ``at`` is the time of
day (UTC) at which something was said. Points are in px of the upright full-size picture.
"""

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

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
        (`enicfer.pipeline.choice.name_choice`); "" where that was not noted.
    seen
        Of a verdict or a sign-off: where that face was in a few frames, four numbers for each: number of the camera
        (0 where there is one), frame, x and y of its middle.
    camera
        The camera of the frame, "" where the run has one.
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
    seen: tuple[int, ...] = ()
    unjudged: tuple[int, ...] = ()
    camera: str = ""

    @property
    def about(self) -> tuple[object, ...]:
        """What it is about: a later entry of the same coder on the same thing takes its place."""
        if self.kind == TRIAL:
            return self.run, TRIAL, self.trial
        if self.kind == SIGNOFF:
            return self.run, SIGNOFF
        camera = (self.camera,) if self.camera else ()
        if self.kind == PARTICIPANT:  # a person has one participant in a frame
            return self.run, PARTICIPANT, self.frame, *camera
        return self.run, self.kind, self.frame, self.x, self.y, *camera

    @property
    def when(self) -> str:
        """Day and minute at which it was said."""
        return f"{self.at[:10]} {self.at[11:16]} UTC"

    @property
    def places(self) -> tuple[tuple[int, int, int, int], ...]:
        """What `seen` holds, place by place."""
        parts = (self.seen[k::4] for k in range(4))
        return tuple(zip(*parts, strict=False))

    def is_of(self, onset: float, code: str) -> bool:
        """Whether it is about the trial at ``onset`` (s) with this code."""
        known = self.kind == TRIAL and self.onset is not None
        return known and abs(float(self.onset or 0) - onset) <= SAME_ONSET and self.code == code


@dataclass(frozen=True)
class TrialVerdict:
    """What all coders together say of a trial: it is rejected if one of them rejects it.

    ``disputed`` says that another one accepts it.
    """

    verdict: str
    reason: str = ""
    disputed: bool = False


Place = tuple[int, int]  # number of the camera, frame


@dataclass(frozen=True)
class Following:
    """Whom the results of a run follow.

    Attributes
    ----------
    name
        By what the face was chosen, as in `ReviewEntry.followed`; of results that do not follow their review yet, by
        what it will be.
    boxes
        Of the places that entries speak of, the followed face (left, top, right, bottom); a place in which nobody is
        followed is missing.
    pending
        Whether the review says of the participant what these results do not follow yet.
    pointed
        When somebody pointed at the participant last, "" for never. What was said before that lapses if it does not
        say whom it is about.
    cameras
        Names of the cameras by their numbers.
    """

    name: str
    boxes: Mapping[Place, Sequence[float]] = field(default_factory=dict)
    pending: bool = False
    pointed: str = ""
    cameras: Sequence[str] = ("",)

    def place_of(self, entry: ReviewEntry) -> Place:
        """The place of a correction; one that names no camera is of the first."""
        return self.cameras.index(entry.camera) if entry.camera in self.cameras else 0, entry.frame or 0

    def confirms(self, entry: ReviewEntry) -> bool:
        """Whether an entry points at the participant in the face that is followed, and so changes nothing."""
        at = entry.x or 0.0, entry.y or 0.0
        return entry.kind == PARTICIPANT and self.is_at(self.place_of(entry), *at) is True

    def ends_sign_off(self, entry: ReviewEntry) -> bool:
        """Whether a sign-off from before an entry has to be given again."""
        return entry.kind == TRIAL or (entry.kind in CORRECTIONS and not self.confirms(entry))

    def is_at(self, place: Place, x: float, y: float) -> bool | None:
        """Whether a point is in the followed face; None where nobody is followed."""
        box = self.boxes.get(place)
        return None if box is None else box[0] <= x <= box[2] and box[1] <= y <= box[3]

    def fits(self, entry: ReviewEntry) -> bool:
        """Whether a verdict or a sign-off is about the face that is followed; all else fits.

        Its `ReviewEntry.seen` says so where it can be compared, else by what the face was chosen.
        """
        if entry.kind not in (TRIAL, SIGNOFF):
            return True
        if not entry.followed:
            return entry.at >= self.pointed
        places = () if self.pending else entry.places
        known = [self.is_at((camera, frame), x, y) for camera, frame, x, y in places]
        told = [same for same in known if same is not None]
        return all(told) if told else entry.followed == self.name


@dataclass(frozen=True)
class Held:
    """What holds of what one coder said of a run.

    Attributes
    ----------
    counting
        Verdicts and a sign-off that are about the face that is followed, corrections and marks, in their order.
    lapsed
        Verdicts and a sign-off on another face, where nothing was said since on the face that is followed.
    reopened
        The sign-off that ended with a later verdict or correction, until it is given again.
    """

    counting: tuple[ReviewEntry, ...] = ()
    lapsed: tuple[ReviewEntry, ...] = ()
    reopened: ReviewEntry | None = None


def standing(entries: Iterable[ReviewEntry]) -> tuple[ReviewEntry, ...]:
    """The entries of one coder of which some can hold, in their order.

    What was undone is not among them, nor what was said again of the same thing while the same face was followed. A
    verdict that is `OPEN` is there only where it may take an earlier one back.
    """
    entries = tuple(entries)
    undone = {entry.entry for entry in entries if entry.kind == UNDO}
    held: dict[tuple[object, ...], ReviewEntry] = {}
    for entry in entries:
        if entry.kind == UNDO or entry.id in undone:
            continue
        key = (*entry.about, entry.followed, entry.seen)
        held.pop(key, None)
        held[key] = entry
    several = Counter(entry.about for entry in held.values())
    return tuple(entry for entry in held.values() if entry.verdict != OPEN or several[entry.about] > 1)


def hold_entries(entries: Iterable[ReviewEntry], following: Following) -> Held:
    """What holds of what one coder said of a run.

    Parameters
    ----------
    entries
        In their order; what `standing` gives is enough.
    following
        Whom the results follow.
    """
    held: dict[tuple[object, ...], ReviewEntry] = {}
    gone: dict[tuple[object, ...], ReviewEntry] = {}
    reopened: ReviewEntry | None = None
    for entry in standing(entries):
        kept = held if following.fits(entry) else gone
        kept.pop(entry.about, None)
        kept[entry.about] = entry
        if kept is gone:
            continue
        if entry.kind == SIGNOFF:
            reopened = None
        elif following.ends_sign_off(entry):
            reopened = held.pop((entry.run, SIGNOFF), reopened)
    lapsed = [e for about, e in gone.items() if about not in held and not (e.kind == SIGNOFF and reopened)]
    return Held(
        tuple(entry for entry in held.values() if entry.verdict != OPEN),
        tuple(entry for entry in lapsed if entry.verdict != OPEN),
        reopened,
    )


def hold_all(entries: Iterable[ReviewEntry], following: Following) -> dict[str, Held]:
    """Coder -> what holds of what they said of a run."""
    said: dict[str, list[ReviewEntry]] = {}
    for entry in entries:
        said.setdefault(entry.coder, []).append(entry)
    return {coder: hold_entries(own, following) for coder, own in said.items()}


def find_unjudged(entries: Iterable[ReviewEntry]) -> frozenset[int]:
    """Trials of the queue that nobody judged, of those that sign-offs name; ``entries`` are those that count."""
    entries = tuple(entries)
    judged = {entry.trial for entry in entries if entry.kind == TRIAL}
    left = (trial for entry in entries if entry.kind == SIGNOFF for trial in entry.unjudged)
    return frozenset(left) - judged


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
        disputed = bool(reasons) and any(entry.verdict == ACCEPTED for entry in said)
        verdict = TrialVerdict(REJECTED, "; ".join(reasons), disputed) if reasons else TrialVerdict(ACCEPTED)
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
