"""What a coder saw in a face: codes of single frames, of stretches and instants, and of trials.

Entries are only ever added. What holds follows from their order (`standing_codings`): of two entries on the same
thing the last one holds, an undone one never was.

Times: ``video_time`` and what ends so in s of the video, ``time`` and ``onset`` in s on the recording's clock; ``at``
is the time of day (UTC) at which something was said. Frames are counted from 0 in the whole run, over all its videos.
"""

from collections.abc import Iterable
from dataclasses import dataclass

FRAME, INTERVAL, POINT, TRIAL, WATCHED = "frame", "interval", "point", "trial", "watched"
REMOVE, UNDO, SKIP = "remove", "undo", "skip"
CODES = (FRAME, INTERVAL, POINT, TRIAL)
KINDS = (*CODES, WATCHED, REMOVE, UNDO, SKIP)
ADJUDICATED = "adjudicated"  # the coder of the track that was decided on where coders disagreed
CLASSIFIER = "classifier"
AGAIN = " again"  # after the name of a coder who was asked a second time
INTENSITIES = range(1, 6)


@dataclass(frozen=True)
class CodingEntry:
    """One thing that a coder said of a run.

    Attributes
    ----------
    id
        Of the entry.
    at
        Time of day, ``2026-11-29T12:00:00.000Z``.
    coder
        Whose track it is part of; `ADJUDICATED` for what was decided on.
    run
        Name of the run with all its entities, such as ``sub-01_ses-01_task-faces``.
    kind
        One of `KINDS`. A stretch of `WATCHED` was looked at from end to end: what is not coded in it is not there.
        What a `SKIP` is of comes later.
    book, version
        Name and version of the codebook.
    category
        What was seen; "" where it cannot be coded, for the ``reason``.
    reason
        Why it cannot be coded.
    intensity
        1 (a trace) to 5 (as strong as it can be), or None.
    modifiers
        ``name=value``, several with commas between.
    note
        Free text.
    frame, video_time, time
        The frame; of a stretch or an instant its onset. ``time`` is None where the recording's clock does not reach.
    apex_frame, apex_video_time, apex_time
        Where a stretch is strongest, or None.
    end_frame, end_video_time, end_time
        The first frame after a stretch.
    trial, onset, code
        Which trial: its number in order of onset from 0, its onset in s, and its code.
    repeat
        1 where a coder is asked the same again, to be compared with themselves; else None.
    video
        SHA-256 of the video; of several, of their hashes in a row.
    took
        s that it took to say.
    source
        File that it was imported from.
    by
        Who decided, in the track `ADJUDICATED`.
    entry
        The entry that is undone, removed, or changed.
    """

    id: str
    at: str
    coder: str
    run: str
    kind: str
    book: str = ""
    version: str = ""
    category: str = ""
    reason: str = ""
    intensity: int | None = None
    modifiers: str = ""
    note: str = ""
    frame: int | None = None
    video_time: float | None = None
    time: float | None = None
    apex_frame: int | None = None
    apex_video_time: float | None = None
    apex_time: float | None = None
    end_frame: int | None = None
    end_video_time: float | None = None
    end_time: float | None = None
    trial: int | None = None
    onset: float | None = None
    code: str = ""
    repeat: int | None = None
    video: str = ""
    took: float | None = None
    source: str = ""
    by: str = ""
    entry: str = ""

    @property
    def about(self) -> tuple[object, ...]:
        """What it is about: a later entry of the same coder on the same thing takes its place."""
        if self.kind == FRAME:
            return self.run, FRAME, self.book, self.frame, self.repeat or 0
        if self.kind == TRIAL:
            return self.run, TRIAL, self.book, self.trial, self.repeat or 0
        return self.run, self.kind, self.entry or self.id

    @property
    def codable(self) -> bool:
        """Whether a category was seen."""
        return bool(self.category)


def standing_codings(entries: Iterable[CodingEntry]) -> tuple[CodingEntry, ...]:
    """The entries of one coder that hold, in their order."""
    entries = tuple(entries)
    undone = {entry.entry for entry in entries if entry.kind == UNDO}
    held: dict[tuple[object, ...], CodingEntry] = {}
    for entry in entries:
        if entry.kind == UNDO or entry.id in undone:
            continue
        if entry.kind == REMOVE:
            held = {key: one for key, one in held.items() if entry.entry not in (one.id, one.entry)}
            continue
        held.pop(entry.about, None)
        held[entry.about] = entry
    return tuple(held.values())
