"""Alignment alone: relates the clocks of a session's videos and recordings, without looking at faces."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from enicfer.config.protocol import Pulses
from enicfer.config.runs import Run, Session
from enicfer.config.session import read_session
from enicfer.errors import OUTPUT, OVERWRITE, AlignmentError, EnicferError, InputError, OutputError
from enicfer.io.files.names import stem_of
from enicfer.io.files.places import check_folder
from enicfer.io.video.brightness import BrightnessRecorder
from enicfer.io.video.frame import Frame
from enicfer.io.video.reader import probe_video, read_frames, read_frames_near
from enicfer.io.video.stamps import note_stamps
from enicfer.pipeline.assemble import refuse_cameras
from enicfer.pipeline.dates import find_doubts
from enicfer.pipeline.evidence import check_uncertainty, collect_evidence, relate_clocks
from enicfer.records import Alignment, FloatArray, Progress, Recording, UInt8Array
from enicfer.report.alignment import write_clock_report
from enicfer.sync.aligned import AlignedRun

N_STRIPS = 5
AROUND = 2  # frames before and after the first lit one
MARGIN = 0.06  # of the picture's width, around the LED
TILE = 96  # px


def align_session(
    folder: str | Path,
    *,
    protocol: str | Path | None = None,
    output: str | Path | None = None,
    max_uncertainty: float | None = None,
    coarse_offset: tuple[float, float] | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> tuple[list[AlignedRun], list[Path]]:
    """Relate the clocks of every run of a session, and write a report of each, also if another one is refused.

    Parameters
    ----------
    folder
        The session folder; see `enicfer.config.session`.
    protocol
        Name or file; it overrides the one in ``session.toml``.
    output
        Folder for the reports, by default ``derivatives/enicfer-align`` in the session folder.
    max_uncertainty
        Largest accepted half-width in s of the 95 % interval of a frame's time; by default half a frame.
    coarse_offset
        Recording's time at video time 0 and its half-width in s, where the pulses are regular; of a session with
        one run.
    overwrite
        Replace earlier reports.
    progress
        Called as ``progress(frames_done, frames_in_all, stage)``.

    Returns
    -------
    list of AlignedRun, list of Path
        The runs, of one with several cameras each that can be aligned, and the files that were written.

    Raises
    ------
    EnicferError
        With one sentence: input that is missing or unreadable, clocks that cannot be related with certainty
        (of several runs, the first one's), or reports that are there already.
    """
    session = read_session(folder, protocol)
    _check_offset(session, coarse_offset)
    target = Path(output) if output is not None else session.folder / "derivatives" / "enicfer-align"
    check_folder(target)
    names = [_names_of(session, run) for run in session.runs]
    there = [name for own in names for name in own if (target / f"{name}_sync.html").exists()]
    if there and not overwrite:
        raise OutputError(
            f"{target} already has reports of {', '.join(there)}",
            place=target,
            remedy=f"give {OVERWRITE}, or another {OUTPUT}",
        )
    runs: list[AlignedRun] = []
    paths: list[Path] = []
    refused: list[EnicferError] = []
    for run, own in zip(session.runs, names, strict=True):
        done: list[AlignedRun] = []
        left_out: dict[str, EnicferError] = {}
        try:
            recording = _read_checked(session, run)
            for view, name in zip(run.views, own, strict=True):
                try:
                    done.append(
                        _align_run(session, view, name, recording, max_uncertainty, coarse_offset, progress)
                    )
                except EnicferError as error:
                    left_out[view.camera] = error
            if not done:
                raise refuse_cameras(run, left_out) if run.others else left_out[run.camera]
        except EnicferError as error:
            refused.append(error)
            continue
        for aligned in done:
            runs.append(_note_left_out(aligned, left_out))
            paths += write_clock_report(runs[-1], target)
    if refused:
        raise refused[0]
    return runs, paths


def align_runs(
    session: Session, max_uncertainty: float | None = None, progress: Progress | None = None
) -> list[AlignedRun]:
    """Relate the clocks of every run of a session; nothing is written.

    Raises
    ------
    EnicferError
        As `align_session`, at the first run that is refused.
    """
    runs = []
    for run in session.runs:
        recording, name = _read_checked(session, run), stem_of(session.entities(run))
        runs.append(_align_run(session, run, name, recording, max_uncertainty, None, progress))
    return runs


def _read_checked(session: Session, run: Run) -> Recording:
    """A run's recording, which has the trials and pulses that the protocol names."""
    from enicfer.pipeline.recording import find_pulses, find_trials, read_recording

    recording = read_recording(run, session.protocol)
    find_trials(run, recording, session.protocol)
    find_pulses(recording, session.protocol)
    return recording


def _names_of(session: Session, run: Run) -> list[str]:
    """What the reports of a run are called, one for each of its cameras."""
    stem = stem_of(session.entities(run))
    return [f"{stem}_camera-{view.camera}" for view in run.views] if run.others else [stem]


def _check_offset(session: Session, coarse_offset: tuple[float, float] | None) -> None:
    if coarse_offset is None:
        return
    for number, what in ((len(session.runs), "run"), (len(session.runs[0].views), "camera")):
        if number > 1:
            raise InputError(
                f"{session.folder.name} has {number} {what}s, each with an offset of its own",
                remedy=f"give coarse_offset with each {what} in session.toml, not as an option",
            )


def _note_left_out(run: AlignedRun, left_out: Mapping[str, EnicferError]) -> AlignedRun:
    if not left_out:
        return run
    notes = (f"The camera {name} was left out: {error}" for name, error in left_out.items())
    return replace(run, alignment=replace(run.alignment, notes=(*run.alignment.notes, *notes)))


def _align_run(
    session: Session,
    run: Run,
    name: str,
    recording: Recording,
    max_uncertainty: float | None,
    coarse_offset: tuple[float, float] | None,
    progress: Progress | None,
) -> AlignedRun:
    pulses = session.protocol.pulses
    total = sum(probe_video(video).n_frames for video in run.videos)
    times = []
    with BrightnessRecorder(pulses) as recorder:
        for frame in read_frames(run.videos):
            times.append(frame.video_time)
            recorder.add(frame)
            if progress is not None and len(times) % 50 == 0:
                progress(len(times), max(total, len(times)), "pulses")
        if len(times) < 2:
            raise InputError(
                f"{run.videos[0].name} has {len(times)} frames that can be read",
                remedy="give a complete video",
            )
        video_time, notes = np.array(times), note_stamps(run.videos)
        if run.frame_times is not None:
            from enicfer.io.video.frame_times import read_frame_times

            video_time, notes = read_frame_times(run.frame_times, video_time)
        evidence = collect_evidence(
            run, recording, session.protocol, video_time, recorder.finish(), coarse_offset
        )
        alignment = relate_clocks(evidence, session.protocol, recording)
    doubts = find_doubts(run, recording, alignment, video_time)
    alignment = replace(alignment, notes=(*notes, *alignment.notes, *doubts))
    check_uncertainty(alignment, recording, video_time, max_uncertainty or pulses.max_uncertainty or None)
    strips = _cut_strips(run, alignment, pulses, np.array(times), video_time)
    return AlignedRun(name, recording, evidence, alignment, strips)


def _cut_strips(
    run: Run, alignment: Alignment, pulses: Pulses, stamps: FloatArray, video_time: FloatArray
) -> tuple[tuple[float, FloatArray, UInt8Array], ...]:
    """Pictures of the LED's surroundings around a few pulses, so that a person can see it come on."""
    if alignment.source != "led" or not len(alignment.pulse_video_time):
        return ()
    chosen = np.unique(np.linspace(0, len(alignment.pulse_video_time) - 1, N_STRIPS).astype(int))
    strips = []
    for pulse in alignment.pulse_video_time[chosen]:
        lit = int(np.searchsorted(video_time, pulse))
        index = np.arange(max(lit - AROUND, 0), min(lit + AROUND + 1, len(stamps)))
        frames = read_frames_near(run.videos, stamps[index])
        tiles = [_tile(frame, _region(alignment, pulses)) for frame in frames]
        times = video_time[index[: len(tiles)]]
        if tiles:
            strips.append((float(pulse), times, np.stack(tiles)))
    return tuple(strips)


def _region(alignment: Alignment, pulses: Pulses) -> tuple[float, float, float, float]:
    """The LED's region in fractions of the picture."""
    if isinstance(pulses.region, tuple):
        return pulses.region
    if alignment.details.led_cell is None:
        raise AlignmentError("The LED's region is not known", remedy="give it in the protocol's [pulses]")
    row, column, rows, columns = alignment.details.led_cell
    return column / columns, row / rows, (column + 1) / columns, (row + 1) / rows


def _tile(frame: Frame, region: tuple[float, float, float, float]) -> UInt8Array:
    import cv2

    if not frame.decodable:
        return np.zeros((TILE, TILE), np.uint8)
    x, y = (region[0] + region[2]) / 2 * frame.width, (region[1] + region[3]) / 2 * frame.height
    half = max((region[2] - region[0]) * frame.width / 2, MARGIN * frame.width / 2)
    left, top = int(max(x - half, 0)), int(max(y - half, 0))
    part = frame.gray()[top : int(y + half) + 1, left : int(x + half) + 1]
    return np.asarray(cv2.resize(part, (TILE, TILE), interpolation=cv2.INTER_AREA), np.uint8)
