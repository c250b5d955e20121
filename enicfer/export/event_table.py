"""The one table of trials and segments that every other program's file is made from.

Conventions: ``onset`` and ``duration`` in s on the recording's clock; ``video_onset`` and ``video_offset`` in s from
the video's first frame, as players count. A trial's ``name`` is its condition, that of a segment ``fer/<label>`` or
``face/lost``. A measure that a trial does not have is NaN here; what a program makes of it, its own module says.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from enicfer.config.suffixes import VIDEO_SUFFIXES
from enicfer.errors import InputError, option, shown
from enicfer.export.mne.annotations import spans_of
from enicfer.records import FloatArray, RunResult, SessionResult
from enicfer.records.inverse import video_time_at
from enicfer.timecourse.sampling import spans_inside

TRIAL, SEGMENT = "trial", "segment"
ALL = "all"  # among the measures: every one of every expression
FIXED = ("onset", "duration", "name", "kind", "code", "video_onset", "video_offset")
VARIES = 1e-9  # differences of a measure that are rounding


@dataclass(frozen=True)
class ExportOptions:
    """What goes into the files.

    Attributes
    ----------
    conditions
        Names of the trials' conditions, or of segments (``fer/happy``, ``face/lost``); empty for all trials, and for
        all segments too where a program takes events of a recording or a video.
    measures
        Columns ``fer_*`` of the trials that go with them. By default the mean of each expression, and with
        ``parametric`` they have to be given. `ALL` stands for every measure of every expression.
    parametric
        FSL, SPM, AFNI: the measures modulate their trials.
    units
        SPM: ``"secs"`` or ``"scans"``.
    convolve
        SPM, AFNI: the regressors of the volumes are those convolved with the haemodynamic response.
    link
        Share a recording's large binary file with the copy (a hard link) where the disk can.
    recordings, videos
        The files of the runs, found by their names; those of EEG are needed where a program's file is a copy.
    """

    conditions: tuple[str, ...] = ()
    measures: tuple[str, ...] = ()
    parametric: bool = False
    units: str = "secs"
    convolve: bool = False
    link: bool = False
    recordings: tuple[Path, ...] = ()
    videos: tuple[Path, ...] = ()


@dataclass(frozen=True)
class ExportRun:
    """A run with its events, and the names that its files begin with.

    Attributes
    ----------
    run
        The result.
    stem
        ``sub-01_ses-01_task-faces_run-1``.
    events
        Table of `event_table`.
    measures
        Its columns that are measures.
    recording, video
        The files, where they were given.
    media
        The video as the files of the export name it: seen from their folder, with ``/``; its name alone where the
        file was not given.
    camera
        The camera that the video is of, where the run has several.
    """

    run: RunResult
    stem: str
    events: pd.DataFrame
    measures: tuple[str, ...] = ()
    recording: Path | None = None
    video: Path | None = None
    media: str = ""
    camera: str = ""

    @property
    def filmed(self) -> RunResult:
        """The run with the frames of the video alone."""
        return self.run.of_camera(self.camera)

    @property
    def trials(self) -> pd.DataFrame:
        """The events that are trials."""
        return self.events[self.events["kind"] == TRIAL].reset_index(drop=True)


@dataclass
class Notes:
    """Sentences that the user should read, each once."""

    said: list[str] = field(default_factory=list)

    def add(self, text: str) -> None:
        """Add a sentence that is not there yet."""
        if text not in self.said:
            self.said.append(text)


def event_table(run: RunResult, measures: Sequence[str] = (), camera: str = "") -> pd.DataFrame:
    """Trials and segments of a run, in one table.

    Parameters
    ----------
    run
        The result of a run.
    measures
        Columns of the trials to take along; segments have NaN or "" there.
    camera
        Of several cameras the one whose video a player shows, "" for the first.

    Returns
    -------
    pandas.DataFrame
        Columns `FIXED` and the measures, sorted by onset, trials first at the same instant.

    Raises
    ------
    InputError
        If the trials lack a measure.
    """
    known = list(run.trials.columns)
    if missing := [name for name in measures if name not in known]:
        there = ", ".join(name for name in known if name.startswith("fer_"))
        raise InputError(
            f"The trials have no column {missing[0][:80]}",
            remedy=f"choose one of {there or 'none, there are no trials'}",
        )
    trials = run.trials.assign(name=run.trials["trial_type"].astype("str"), kind=TRIAL)
    onset, duration, names, _ = spans_of(run, bad_lost=False)
    segments = pd.DataFrame({"onset": onset, "duration": duration, "name": names})
    segments = segments.assign(kind=SEGMENT, code="")
    columns = ["onset", "duration", "name", "kind", "code", *measures]
    parts = [part for part in (trials[columns], segments) if len(part)]
    table = (pd.concat(parts) if parts else trials).reindex(columns=columns)
    for name in measures:
        if pd.api.types.is_numeric_dtype(run.trials[name]):
            table[name] = table[name].astype(np.float64)
        else:
            table[name] = table[name].astype(object).where(table[name].notna(), "").astype("str")
    table = table.assign(order=table["kind"] != TRIAL)
    table = table.sort_values(["onset", "order"], kind="stable", ignore_index=True).drop(columns="order")
    start = table["onset"].to_numpy(np.float64)
    stop = start + table["duration"].to_numpy(np.float64)
    filmed = run.of_camera(camera)
    table["video_onset"], table["video_offset"] = player_time(filmed, start), player_time(filmed, stop)
    return table[[*FIXED, *measures]]


def player_time(run: RunResult, time: FloatArray) -> FloatArray:
    """Where a player shows what is at ``time`` (m,) s of the recording: s from the video's first frame.

    NaN where no frame has a time.
    """
    if not np.isfinite(run.time).any():
        return np.full(time.size, np.nan)
    return video_time_at(run.alignment, time) - run.faces.video_time[0]


def name_measures(run: RunResult, wanted: Sequence[str]) -> tuple[str, ...]:
    """The measures that are meant: `ALL` stands for every one of every expression that is in the trials."""
    if ALL not in wanted:
        return tuple(wanted) or default_measures(run)
    own = tuple(f"fer_{label}_" for label in run.expression.labels)
    every = [str(name) for name in run.trials if str(name).startswith(own)]
    return tuple(dict.fromkeys([*(name for name in wanted if name != ALL), *every]))


def default_measures(run: RunResult) -> tuple[str, ...]:
    """The mean of each expression, where there are trials."""
    names = (f"fer_{label}_mean" for label in run.expression.labels)
    return tuple(name for name in names if name in run.trials)


def promised_conditions(run: RunResult) -> tuple[str, ...]:
    """Conditions of the protocol, and those of the trials, in that order."""
    promised = run.provenance.protocol.conditions
    return tuple(dict.fromkeys([*promised.values(), *run.trials["trial_type"].astype("str")]))


def choose_conditions(runs: Sequence[RunResult], wanted: Sequence[str]) -> tuple[str, ...]:
    """The conditions to export: those asked for, or all of the trials.

    Raises
    ------
    InputError
        If one is in no run.
    """
    trials = tuple(dict.fromkeys(name for run in runs for name in promised_conditions(run)))
    segments = tuple(dict.fromkeys(name for run in runs for name in sorted(set(_segment_names(run)))))
    if unknown := [name for name in wanted if name not in trials + segments]:
        raise InputError(
            f"There is no condition {shown(unknown[0])}",
            remedy=f"choose from {', '.join((*trials, *segments)) or 'none'}",
        )
    return tuple(dict.fromkeys(wanted)) or trials


def _segment_names(run: RunResult) -> list[str]:
    return spans_of(run, bad_lost=False)[2] if len(spans_inside(run)) else []


def choose_runs(result: RunResult | SessionResult, names: Sequence[str]) -> tuple[RunResult, ...]:
    """The runs of a result, or those named, in the order of the session.

    Raises
    ------
    InputError
        If a name is that of no run, or of several.
    """
    runs = (result,) if isinstance(result, RunResult) else result.runs
    if not names:
        return runs
    whole = SessionResult(runs, Path(), ())
    picked = [whole[name] for name in names]
    return tuple(run for run in runs if any(run is other for other in picked))


def modulation(values: FloatArray) -> FloatArray | None:
    """A measure minus its mean, 0 where it is missing; None where it does not vary.

    A trial without the measure so stays in the main effect and has none of the modulation's.
    """
    known = np.isfinite(values)
    if not known.any() or np.ptp(values[known]) <= VARIES:
        return None
    return np.asarray(np.where(known, values - values[known].mean(), 0.0))


def find_file(files: Iterable[Path], names: Sequence[str], run: RunResult, what: str) -> Path | None:
    """The only file with one of these names, if it was given.

    Raises
    ------
    InputError
        If it is missing, or several are named so.
    """
    found = [path for path in files if path.name in names]
    if len(found) > 1:
        raise InputError(
            f"{len(found)} files are named {found[0].name}, and which belongs to {run.name} cannot be told",
            remedy=f"export one run at a time with {option('runs', '--runs')}, and its own --{what}",
        )
    if found and not found[0].exists():
        raise InputError(
            f"There is no {found[0].name} in {found[0].parent.name or 'this folder'}", remedy="check it"
        )
    return found[0] if found else None


def video_names(run: RunResult) -> tuple[str, ...]:
    """Names of the video's files, in order."""
    inputs = (Path(name).name for name in run.provenance.inputs)
    return tuple(name for name in inputs if Path(name).suffix.lower() in VIDEO_SUFFIXES)


def check_video(item: ExportRun, program: str, notes: Notes) -> None:
    """Note a video whose place is not known.

    Raises
    ------
    InputError
        If it was filmed in parts, or its name is not known.
    """
    names = video_names(item.filmed)
    if item.video is None and len(names) != 1:
        found = f"{len(names)} files ({', '.join(names)})" if names else "no video file by name"
        raise InputError(
            f"{item.stem} has {found}, and {program} ties its events to one",
            remedy=(
                f"give it with {option('videos', '--video FILE')}, or join the parts and "
                "process the session again"
            ),
        )
    if item.video is None:
        notes.add(f"{program} will ask where {item.media} is: give --video FILE to tie the events to it.")
