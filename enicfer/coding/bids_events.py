"""Codes as events of a video of behaviour, with names of the draft BEP047: ``beh/*_events.tsv`` with a JSON file.

``onset`` is s from the first frame of the run's video, which the draft calls ``beh/*_video``; each coder has files of
their own, named by ``desc``.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from enicfer import __version__
from enicfer.config.codebook import Codebook
from enicfer.export.description import BIDS_VERSION
from enicfer.export.tracks import Coded
from enicfer.io.entry_log import coder_label
from enicfer.io.files.names import stem_of
from enicfer.io.tables import write_json, write_table
from enicfer.records.coding import WATCHED, CodingEntry

_FIXED = {
    "onset": "When it begins, from the first frame of the video.",
    "duration": "How long it lasts; the code of a frame lasts to the next frame, an instant not at all.",
    "apex": "When it is strongest, from the first frame of the video.",
    "recording_onset": "When it begins on the clock of the recording.",
}
_UNITS = "s"


def write_bids_events(
    folder: Path,
    entities: Mapping[str, str],
    coder: str,
    book: Codebook,
    said: Sequence[tuple[CodingEntry, Coded]],
) -> None:
    """Write the events of one coder and run.

    Parameters
    ----------
    folder
        Root of the data set; it gets a ``dataset_description.json``.
    entities
        Of the run.
    coder
        Who coded.
    book
        The codebook.
    said
        Each code with its event, in order of onset.
    """
    levels = [f"{key}-{entities[key]}" for key in ("sub", "ses") if key in entities]
    place = folder.joinpath(*levels, "beh")
    place.mkdir(parents=True, exist_ok=True)
    stem = f"{stem_of(entities)}_desc-coder{coder_label(coder)}_events"
    further = list(dict.fromkeys(name for _, event in said for name, _ in event.modifiers))
    table = pd.DataFrame([_row(entry, event, further) for entry, event in said])
    write_table(place / f"{stem}.tsv", table)
    write_json(place / f"{stem}.json", _describe(coder, book, table, further))
    about = {
        "Name": "Codes of faces",
        "BIDSVersion": BIDS_VERSION,
        "DatasetType": "derivative",
        "GeneratedBy": [{"Name": "enicfer", "Version": __version__}],
    }
    write_json(folder / "dataset_description.json", about)


def _row(entry: CodingEntry, event: Coded, further: Sequence[str]) -> dict[str, Any]:
    more = dict(event.modifiers)
    apex = float("nan")
    if entry.apex_video_time is not None and entry.video_time is not None:
        apex = event.onset + entry.apex_video_time - entry.video_time
    return {
        "onset": event.onset,
        "duration": event.offset - event.onset,
        "trial_type": event.name,
        "kind": entry.kind,
        **{name: more.get(name, "") for name in further},
        "apex": apex,
        "recording_onset": _recording_onset(entry),
        "repeat": int(bool(entry.repeat)),
    }


def _recording_onset(entry: CodingEntry) -> float:
    at = entry.time if entry.onset is None else entry.onset
    return float("nan") if at is None else at


def _describe(coder: str, book: Codebook, table: pd.DataFrame, further: Sequence[str]) -> dict[str, Any]:
    known = {one.name: one.definition for one in book.categories}
    said = [name for name in dict.fromkeys(table["trial_type"]) if name not in known]
    others = {"cannot be coded": "It cannot be coded, for the reason.", WATCHED: "Looked at from end to end."}
    values = {modifier.name: modifier.definition for modifier in book.modifiers}
    words = {
        "reason": "Why it cannot be coded.",
        "intensity": "1 (a trace) to 5 (as strong as it can be).",
        **values,
    }
    columns: dict[str, Any] = {name: {"Description": text, "Units": _UNITS} for name, text in _FIXED.items()}
    columns["trial_type"] = {
        "Description": f"What {coder} saw, of the codebook {book.name} (version {book.version}).",
        "Levels": known | {name: others.get(name, "Of an earlier version of the codebook.") for name in said},
    }
    columns["kind"] = {
        "Description": "What was coded.",
        "Levels": {
            "frame": "a single frame",
            "interval": "a stretch",
            "point": "an instant",
            "trial": "a whole trial",
            "watched": "a stretch in which nothing else is there",
        },
    }
    columns |= {name: {"Description": words.get(name, "A modifier.")} for name in further}
    columns["repeat"] = {"Description": "1 where the coder was asked a second time."}
    return columns
