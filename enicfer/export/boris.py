"""BORIS: a project with an observation for each run; what lasts is a state event, an instant a point event.

Times are s from the video's first frame. Subjects are the rows of `enicfer.export.tracks`: of one subject, no state
begins again before it ends.
"""

import json
import string
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from enicfer.export.event_table import ExportOptions, ExportRun, Notes, check_video
from enicfer.export.tracks import Coded, coded_events, frame_interval, video_length
from enicfer.io.files.names import session_stem

_DATE = "2000-01-01T00:00:00"  # the format needs one; the same result gives the same file
_KEYS = string.ascii_lowercase + string.digits + string.ascii_uppercase


def write_boris(runs: Sequence[ExportRun], folder: Path, options: ExportOptions) -> list[str]:
    """Write ``<session>.boris``.

    Parameters
    ----------
    runs
        Of any kind of recording, or none.
    folder
        For the file.
    options
        Not used.

    Returns
    -------
    list of str
        What the user should know, a sentence each.

    Raises
    ------
    InputError
        If a run was filmed in parts.
    """
    notes = Notes()
    session = session_stem(runs[0].run.entities)
    observations = []
    for item in runs:
        check_video(item, "BORIS", notes)
        observations.append((item, coded_events(item, notes)))
    path = folder / f"{session}.boris"
    text = boris_project(session, "Segments and trials of enicfer", observations)
    path.write_text(text, encoding="utf-8", newline="\n")
    return notes.said


def boris_project(
    name: str, description: str, observations: Sequence[tuple[ExportRun, Sequence[Coded]]]
) -> str:
    """A project with these events of runs."""
    events = [event for _, own in observations for event in own]
    project = {
        "time_format": "seconds",
        "project_date": _DATE,
        "project_name": name,
        "project_description": description,
        "project_format_version": "7.0",
        "subjects_conf": _subjects(events),
        "behaviors_conf": _behaviours(events),
        "observations": {
            item.stem: _observation(item, own, _modifiers(events)) for item, own in observations
        },
        "behavioral_categories": [],
        "independent_variables": {},
        "coding_map": {},
        "behaviors_coding_map": [],
        "converters": {},
    }
    return json.dumps(project, indent=1, ensure_ascii=False) + "\n"


def _modifiers(events: Sequence[Coded]) -> dict[str, dict[str, list[str]]]:
    """Name of an event -> its modifiers, each with the values that occur."""
    found: dict[str, dict[str, list[str]]] = {}
    for event in events:
        own = found.setdefault(event.name, {})
        for name, value in event.modifiers:
            values = own.setdefault(name, [])
            if value not in values:
                values.append(value)
    return found


def _key(number: int) -> str:
    return _KEYS[number] if number < len(_KEYS) else ""


def _subjects(events: Sequence[Coded]) -> dict[str, Any]:
    names = dict.fromkeys(event.track for event in events)
    return {str(i): {"key": "", "name": name, "description": ""} for i, name in enumerate(names)}


def _behaviours(events: Sequence[Coded]) -> dict[str, Any]:
    lasting = {event.name: False for event in events} | {e.name: True for e in events if e.offset > e.onset}
    modifiers = _modifiers(events)
    return {
        str(i): {
            "type": "State event" if lasting[name] else "Point event",
            "key": _key(i),
            "code": name,
            "description": "",
            "category": "",
            "modifiers": {
                str(place): {
                    "name": modifier,
                    "description": "",
                    "type": 0,  # one value of several
                    "ask at stop": False,
                    "values": values,
                }
                for place, (modifier, values) in enumerate(modifiers[name].items())
            },
            "excluded": "",
            "coding map": "",
        }
        for i, name in enumerate(lasting)
    }


def _observation(
    item: ExportRun, events: Sequence[Coded], modifiers: dict[str, dict[str, list[str]]]
) -> dict[str, Any]:
    media = item.media
    # A state's end comes before the start of the next at the same instant.
    marks = [(e.onset, 1, e) for e in events] + [(e.offset, 0, e) for e in events if e.offset > e.onset]
    marks.sort(key=lambda mark: (round(mark[0], 6), mark[1]))
    return {
        "file": {"1": [media], **{str(i): [] for i in range(2, 9)}},
        "type": "MEDIA",
        "date": _DATE,
        "description": "",
        "time offset": 0.0,
        "events": [
            [round(at, 6), event.track, event.name, _modify(event, modifiers[event.name]), ""]
            for at, _, event in marks
        ],
        "observation time interval": [0, 0],
        "independent_variables": {},
        "visualize_spectrogram": False,
        "visualize_waveform": False,
        "close_behaviors_between_videos": False,
        "scan_sampling_time": 0,
        "start_from_current_time": False,
        "media_info": {
            "length": {media: round(video_length(item), 6)},
            "fps": {media: round(1 / frame_interval(item), 6)},
            "hasVideo": {media: True},
            "hasAudio": {media: False},
            "offset": {"1": 0.0},
        },
    }


def _modify(event: Coded, names: dict[str, list[str]]) -> str:
    """The values of an event's modifiers, as BORIS writes them."""
    own = dict(event.modifiers)
    return "|".join(own.get(name, "None") for name in names)
