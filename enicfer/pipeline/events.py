"""What codes a session's files hold, before any protocol exists."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from enicfer.config.engine import read_toml
from enicfer.config.leftovers import find_named, is_leftover
from enicfer.config.protocol import Log, read_protocol
from enicfer.config.runs import SETTINGS
from enicfer.config.suffixes import LOG_SUFFIXES, RECORDING_SUFFIXES, XDF_SUFFIXES
from enicfer.errors import InputError, ProtocolError
from enicfer.io.eeg import read_eeg
from enicfer.io.physio_log import is_physio
from enicfer.io.triggers import read_trigger_log

_NO_EVENTS = re.compile(
    r"(.*_)?(channels|electrodes|optodes|scans|participants|samples)\.tsv", re.IGNORECASE
)  # BIDS
_KEYS = ("recording", "triggers", "events")


@dataclass(frozen=True)
class EventList:
    """The codes of one file.

    Attributes
    ----------
    file
        The recording, log or events table.
    codes
        Columns ``code``, ``count``, ``first`` and ``last`` (s on the file's own clock), and ``interval``, the
        median s from one to the next (NaN for a single one); by count, then by code.
    notes
        What was left out, or why the file could not be read.
    """

    file: Path
    codes: pd.DataFrame
    notes: tuple[str, ...] = ()


def list_events(folder: str | Path) -> list[EventList]:
    """Every code in the recordings, logs and events tables of a session folder; no protocol is needed.

    Where its settings name a protocol, logs are read by the columns of its ``[log]``.

    Parameters
    ----------
    folder
        The session folder, or one of its files.

    Raises
    ------
    InputError
        If there is no such folder, no such file in it, or none that can be read.
    """
    folder = Path(folder)
    is_file = folder.is_file() or folder.suffix.lower() in RECORDING_SUFFIXES  # an .mff is a folder
    named = _find_named(folder.parent if is_file else folder)
    files = {folder: named.get(folder)} if is_file else named or dict.fromkeys(_find_files(folder))
    found = [_read(path, columns) for path, columns in files.items()]
    if not any(len(events.codes) for events in found):
        reasons = " ".join(note for events in found for note in events.notes) or "They hold no triggers."
        raise InputError(
            f"No code was found in {', '.join(path.name for path in files)}: {reasons}",
            place=folder,
            remedy="give the log of the task program, or a recording with its triggers",
        )
    return found


def _find_named(folder: Path) -> dict[Path, Log | None]:
    """The files that the settings of a folder name, and the columns that their protocol names for each."""
    settings = folder / SETTINGS
    if not settings.is_file():
        return {}
    content = read_toml(settings)
    columns = _find_columns(folder, content.get("protocol"))
    found: dict[Path, Log | None] = {}
    runs = content.get("run", [])
    for run in runs if isinstance(runs, list) else []:
        for key in _KEYS if isinstance(run, dict) else ():
            name = run.get(key)
            if isinstance(name, str) and (path := find_named(folder, name)):
                found[path] = columns if key == "triggers" or "triggers" not in run else None
    return found


def _find_columns(folder: Path, protocol: object) -> Log | None:
    """The [log] of the protocol that settings name; None where there is none yet that can be read."""
    if not isinstance(protocol, str):
        return None
    try:
        return read_protocol(folder / protocol if os.path.isfile(folder / protocol) else protocol).log  # noqa: PTH113
    except ProtocolError:
        return None


def _find_files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise InputError(
            f"There is no session folder {folder}", remedy="give a folder that holds a recording or a log"
        )
    endings = (*RECORDING_SUFFIXES, *XDF_SUFFIXES, *LOG_SUFFIXES)
    files = sorted(p for p in folder.iterdir() if p.suffix.lower() in endings and not is_leftover(p))
    files = [path for path in files if not _NO_EVENTS.fullmatch(path.name)]
    if not files:
        raise InputError(
            f"There is no recording and no log in {folder}", remedy=f"put one there ({', '.join(endings)})"
        )
    return files


def _read(path: Path, columns: Log | None) -> EventList:
    try:
        if re.fullmatch(r"\.(csv|tsv|log|txt)", path.suffix.lower()) or is_physio(path):
            log = read_trigger_log(path, columns)
            table, notes = log.table, log.notes
        else:
            recording = read_eeg(path)
            table, notes = recording.triggers, recording.notes
    except InputError as error:
        table, notes = pd.DataFrame({"onset": [], "code": []}), (str(error),)
    groups = table.groupby("code")["onset"]
    interval = groups.diff().groupby(table["code"]).median()
    codes = pd.DataFrame(
        {"count": groups.size(), "first": groups.min(), "last": groups.max(), "interval": interval}
    ).reset_index()
    codes = codes.sort_values(["count", "code"], ascending=[False, True], ignore_index=True)
    return EventList(path, codes, notes)
