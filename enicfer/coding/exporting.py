"""Codes as files of other programs: BORIS, ELAN, Datavyu, and events as BIDS has them.

Conventions: times are s from the first frame of the video, as players count. The code of a frame lasts to the next
frame. Each coder has files of their own; what was decided is the coder ``adjudicated``.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from enicfer.coding.bids_events import write_bids_events
from enicfer.coding.rated import newest_book
from enicfer.coding.ratings import video_time_of
from enicfer.coding.tracks import CodedRun, read_coded_study
from enicfer.config.codebook import Codebook
from enicfer.errors import OUTPUT, OVERWRITE, InputError, OutputError
from enicfer.export.boris import boris_project
from enicfer.export.datavyu import datavyu_table
from enicfer.export.elan import elan_document
from enicfer.export.event_table import ExportRun, Notes, check_video, video_names
from enicfer.export.tracks import Coded
from enicfer.io.entry_log import coder_label
from enicfer.io.files.atomic import files_below, staged
from enicfer.io.files.places import check_folder
from enicfer.io.results import read_run
from enicfer.records import RunResult
from enicfer.records.coding import AGAIN, FRAME, INTERVAL, POINT, TRIAL, WATCHED, CodingEntry
from enicfer.review.study import Study

NOT_CODED = "cannot be coded"
_ROWS = {FRAME: "frames", TRIAL: "trials", WATCHED: "watched"}


@dataclass(frozen=True)
class ExportedCodings:
    """What was written.

    Attributes
    ----------
    paths
        The files, sorted.
    codes
        Coder -> number of codes.
    notes
        What a person should know, one sentence each.
    """

    paths: tuple[Path, ...]
    codes: Mapping[str, int]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _Track:
    """What one coder said of one run."""

    coder: str
    item: ExportRun
    said: tuple[tuple[CodingEntry, Coded], ...]
    book: Codebook

    @property
    def events(self) -> list[Coded]:
        """The codes as events."""
        return [event for _, event in self.said]


def export_codings(
    folders: Sequence[str | Path],
    output: str | Path,
    to: Sequence[str] = (),
    *,
    book: str = "",
    coder: str = "",
    overwrite: bool = False,
) -> ExportedCodings:
    """Write what coders said as files of other programs, all or none.

    Parameters
    ----------
    folders
        Session folders, folders of them, or outputs.
    output
        Folder; each program has one in it.
    to
        Names in `PROGRAMS`; by default all.
    book
        Name of the codebook; "" where only one was used.
    coder
        Of this coder alone.
    overwrite
        Replace files that are there.

    Raises
    ------
    InputError
        If there are no codings, there is no such program or coder, or BORIS or ELAN cannot take a video in parts.
    OutputError
        If a file is there already, or cannot be written.
    """
    target, places = Path(output), [Path(folder) for folder in folders]
    if unknown := [name for name in to if name not in PROGRAMS]:
        raise InputError(f"There is no program {unknown[0]}", remedy=f"name one of {', '.join(PROGRAMS)}")
    coded = read_coded_study(places, book)
    if coder and coder not in coded.coders:
        raise InputError(f"{coder} coded nothing", remedy=f"name one of {', '.join(coded.coders)}")
    study, newest = Study(places), newest_book(coded)
    tracks = [
        track
        for run in coded.runs
        for track in _gather(run, study, newest, target)
        if coder in ("", track.coder)
    ]
    notes = Notes(list(coded.notes))
    check_folder(target)
    try:
        with staged(target, make=True) as stage:
            for name in to or PROGRAMS:
                (stage.tree / name).mkdir()
                PROGRAMS[name](tracks, stage.tree / name, notes)
            there = [name for name in files_below(stage.tree) if (target / name).exists()]
            if there and not overwrite:
                raise OutputError(
                    f"{target / there[0]} is there already",
                    place=target,
                    remedy=f"give {OVERWRITE} to replace it, or another folder",
                )
            paths = tuple(stage.publish())
    except OSError as error:
        raise OutputError(
            f"{target} cannot be written: {error.strerror or error}",
            place=target,
            remedy=f"make room there, or give another {OUTPUT}",
        ) from None
    counts: dict[str, int] = {}
    for track in tracks:
        counts[track.coder] = counts.get(track.coder, 0) + len(track.said)
    return ExportedCodings(paths, counts, tuple(notes.said))


def _gather(coded: CodedRun, study: Study, book: Codebook, output: Path) -> list[_Track]:
    result = read_run(coded.run.frames).of_camera()
    names, (found, _) = video_names(result), study.find_videos(coded.run, result.provenance.inputs)
    video = found[0] if len(found) == len(names) == 1 else None
    media = names[0] if names else "video"
    if video is not None:
        media = video.absolute().as_posix()
        if video.absolute().anchor == output.absolute().anchor:  # else on another drive
            media = Path(os.path.relpath(video.absolute(), (output / "program").absolute())).as_posix()
    item = ExportRun(result, coded.run.name, pd.DataFrame(), video=video, media=media)
    return [
        _Track(coder, item, tuple(place_codes(result, entries, book)), book)
        for coder, entries in coded.tracks.items()
    ]


def place_codes(
    result: RunResult, entries: Sequence[CodingEntry], book: Codebook
) -> list[tuple[CodingEntry, Coded]]:
    """Each code with its event, in order of onset, in rows in which none overlap."""
    spans = [(*_place(result, entry, book), entry) for entry in entries]
    until: dict[str, list[float]] = {}
    found = []
    for onset, offset, entry in sorted(spans, key=lambda one: one[:2]):
        name = _row_of(entry, book) + AGAIN * bool(entry.repeat)
        free = until.setdefault(name, [])
        row = next((i for i, end in enumerate(free) if end <= onset + 1e-9), len(free))
        free[row : row + 1] = [offset]
        track = name if row == 0 else f"{name} {row + 1}"
        found.append((entry, Coded(onset, offset, _name_of(entry), track, _modifiers_of(entry))))
    return found


def _place(result: RunResult, entry: CodingEntry, book: Codebook) -> tuple[float, float]:
    """Onset and end of a code in s from the first frame."""
    times = result.faces.video_time
    first = float(times[0])
    if entry.kind == TRIAL and entry.trial is not None:
        row = result.trials.iloc[entry.trial]
        ends = np.array([row["onset"], row["onset"] + row["duration"]], np.float64)
        onset, offset = (video_time_of(result, ends) - first).tolist()
        return onset, offset
    onset = float(entry.video_time or 0.0) - first
    if entry.kind == POINT or (entry.category in book.names and book[entry.category].kind == POINT):
        return onset, onset
    if entry.end_video_time is not None:
        return onset, float(entry.end_video_time) - first
    after = (entry.frame or 0) + 1
    last = float(times[-1] + np.median(np.diff(times))) if times.size > 1 else first
    return onset, (float(times[after]) if after < times.size else last) - first


def _row_of(entry: CodingEntry, book: Codebook) -> str:
    if entry.kind not in (INTERVAL, POINT):
        return _ROWS[entry.kind]
    if not entry.category:
        return NOT_CODED
    known = entry.category in book.names
    return (book[entry.category].exclusive if known else "") or entry.category


def _name_of(entry: CodingEntry) -> str:
    """What a code is called in another program."""
    return WATCHED if entry.kind == WATCHED else entry.category or NOT_CODED


def _modifiers_of(entry: CodingEntry) -> tuple[tuple[str, str], ...]:
    """What is said of a code besides, as names with values: reason, modifiers, intensity."""
    found = [("reason", entry.reason)] if entry.reason else []
    for one in filter(None, entry.modifiers.split(",")):
        name, _, value = one.partition("=")
        found.append((name, value))
    if entry.intensity is not None:
        found.append(("intensity", str(entry.intensity)))
    return tuple(found)


def _write_boris(tracks: Sequence[_Track], folder: Path, notes: Notes) -> None:
    """A project for each coder and session, with an observation for each run."""
    files: dict[str, list[_Track]] = {}
    for track in tracks:
        check_video(track.item, "BORIS", notes)
        session = "_".join(f"{k}-{v}" for k, v in track.item.run.entities.items() if k in ("sub", "ses"))
        files.setdefault(f"{session}_coder-{coder_label(track.coder)}", []).append(track)
    for name, own in files.items():
        about = f"Codes of {own[0].coder} with the codebook {own[0].book.name}"
        text = boris_project(name, about, [(track.item, track.events) for track in own])
        (folder / f"{name}.boris").write_text(text, encoding="utf-8", newline="\n")


def _write_elan(tracks: Sequence[_Track], folder: Path, notes: Notes) -> None:
    for track in tracks:
        check_video(track.item, "ELAN", notes)
        text = elan_document(track.events, track.item.media)
        (folder / f"{_stem(track)}.eaf").write_text(text, encoding="utf-8", newline="\n")


def _write_datavyu(tracks: Sequence[_Track], folder: Path, notes: Notes) -> None:
    for track in tracks:
        text = datavyu_table(track.events)
        (folder / f"{_stem(track)}.csv").write_text(text, encoding="utf-8", newline="\n")


def _write_bids(tracks: Sequence[_Track], folder: Path, notes: Notes) -> None:
    for track in tracks:
        write_bids_events(folder, track.item.run.entities, track.coder, track.book, track.said)


def _stem(track: _Track) -> str:
    return f"{track.item.stem}_coder-{coder_label(track.coder)}"


PROGRAMS: Mapping[str, Callable[[Sequence[_Track], Path, Notes], None]] = {
    "boris": _write_boris,
    "elan": _write_elan,
    "datavyu": _write_datavyu,
    "bids": _write_bids,
}
