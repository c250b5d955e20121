"""Events as rows of a coding program, in which no two of one row may overlap, on the time of a player.

Conventions: s from the video's first frame.
"""

from dataclasses import dataclass

import numpy as np

from enicfer.export.event_table import TRIAL, ExportRun, Notes
from enicfer.records.review import REVIEW_REASON, REVIEWED

FACE, TASK, REVIEW = "face", "trials", "review"
SHORTEST = 0.001  # s


@dataclass(frozen=True)
class Coded:
    """One event: from ``onset`` to ``offset`` s, its name, and the row that it is in.

    ``modifiers`` are names with values. Where both times are the same, it is an instant.
    """

    onset: float
    offset: float
    name: str
    track: str
    modifiers: tuple[tuple[str, str], ...] = ()


def coded_events(item: ExportRun, notes: Notes) -> list[Coded]:
    """The events that the video shows, cut at its ends: segments in ``face``, trials in ``trials``, ``trials 2`` ...

    A trial that begins before another one ends is in a row of its own. What a review says of a trial (``accepted``,
    ``rejected: yawn``) is in ``review``, ``review 2`` ...
    """
    verdicts = _verdicts(item)
    time = item.filmed.faces.video_time
    end = video_length(item)
    shown = item.events[
        (item.events["video_offset"] > 0) & (item.events["video_onset"] < end) & (time.size > 0)
    ]
    if left := len(item.events) - len(shown):
        notes.add(f"{left} events of {item.stem} are outside of the video and were left out.")
    free: list[float] = []
    events = []
    for entry in shown.to_dict("records"):
        onset = max(0.0, entry["video_onset"])
        offset = max(onset + SHORTEST, min(end, entry["video_offset"]))
        track = FACE
        if entry["kind"] == TRIAL:
            row = next((i for i, until in enumerate(free) if until <= onset), len(free))
            free[row : row + 1] = [offset]
            track = TASK if row == 0 else f"{TASK} {row + 1}"
        events.append(Coded(float(onset), float(offset), str(entry["name"]), track))
        said = verdicts.get((entry["onset"], str(entry["code"]))) if entry["kind"] == TRIAL else None
        if said:
            events.append(Coded(float(onset), float(offset), said, track.replace(TASK, REVIEW)))
    return events


def _verdicts(item: ExportRun) -> dict[tuple[float, str], str]:
    """Onset and code of each trial that a person judged -> what they said of it."""
    trials = item.run.trials
    if REVIEWED not in trials:
        return {}
    columns = (trials[name] for name in ("onset", "code", REVIEWED, REVIEW_REASON))
    found = {}
    for onset, code, verdict, reason in zip(*columns, strict=True):
        if isinstance(verdict, str):
            found[(onset, str(code))] = (
                f"{verdict}: {reason}" if isinstance(reason, str) and reason else verdict
            )
    return found


def video_length(item: ExportRun) -> float:
    """Length in s: to the last frame, and as long as a usual frame more."""
    time = item.filmed.faces.video_time
    return float(time[-1] - time[0] + frame_interval(item)) if time.size else 0.0


def frame_interval(item: ExportRun) -> float:
    """The usual interval between frames in s."""
    time = item.filmed.faces.video_time
    return float(np.median(np.diff(time))) if time.size > 1 else 0.04
