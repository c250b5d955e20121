"""BORIS: a project with an observation for each run, in which segments and trials are state events.

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
    observations, events = {}, []
    for item in runs:
        check_video(item, "BORIS", notes)
        coded = coded_events(item, notes)
        events += coded
        observations[item.stem] = _observation(item, coded)
    project = {
        "time_format": "seconds",
        "project_date": _DATE,
        "project_name": session,
        "project_description": "Segments and trials of enicfer",
        "project_format_version": "7.0",
        "subjects_conf": _subjects(events),
        "behaviors_conf": _behaviours(events),
        "observations": observations,
        "behavioral_categories": [],
        "independent_variables": {},
        "coding_map": {},
        "behaviors_coding_map": [],
        "converters": {},
    }
    path = folder / f"{session}.boris"
    path.write_text(json.dumps(project, indent=1, ensure_ascii=False) + "\n", encoding="utf-8", newline="\n")
    return notes.said


def _key(number: int) -> str:
    return _KEYS[number] if number < len(_KEYS) else ""


def _subjects(events: Sequence[Coded]) -> dict[str, Any]:
    names = dict.fromkeys(event.track for event in events)
    return {str(i): {"key": "", "name": name, "description": ""} for i, name in enumerate(names)}


def _behaviours(events: Sequence[Coded]) -> dict[str, Any]:
    names = dict.fromkeys(event.name for event in events)
    return {
        str(i): {
            "type": "State event",
            "key": _key(i),
            "code": name,
            "description": "",
            "category": "",
            "modifiers": {},
            "excluded": "",
            "coding map": "",
        }
        for i, name in enumerate(names)
    }


def _observation(item: ExportRun, events: Sequence[Coded]) -> dict[str, Any]:
    media = item.media
    # A state's end comes before the start of the next at the same instant.
    marks = [(e.onset, 1, e) for e in events] + [(e.offset, 0, e) for e in events]
    marks.sort(key=lambda mark: (round(mark[0], 6), mark[1]))
    return {
        "file": {"1": [media], **{str(i): [] for i in range(2, 9)}},
        "type": "MEDIA",
        "date": _DATE,
        "description": "",
        "time offset": 0.0,
        "events": [[round(at, 6), event.track, event.name, "", ""] for at, _, event in marks],
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
