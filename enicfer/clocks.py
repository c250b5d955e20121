"""Alignment alone: relates the clocks of a session's videos and recordings, without looking at faces."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from enicfer.errors import EnicferError, InputError, OutputError
from enicfer.evidence import check_uncertainty, collect_evidence
from enicfer.io.brightness import BrightnessRecorder
from enicfer.io.frame import Frame
from enicfer.io.names import stem_of
from enicfer.io.video import probe_video, read_frames, read_frames_near
from enicfer.protocol import Pulses
from enicfer.quality import drift_text, milliseconds, summarise_alignment
from enicfer.records import Alignment, FloatArray, Progress, Recording, UInt8Array
from enicfer.session import Run, Session, read_session
from enicfer.sync import Evidence, align

N_STRIPS = 5
AROUND = 2  # frames before and after the first lit one
MARGIN = 0.06  # of the picture's width, around the LED
TILE = 96  # px


@dataclass(frozen=True)
class AlignedRun:
    """One run's clocks.

    Attributes
    ----------
    name
        BIDS-like name, ``sub-01_task-faces``.
    recording
        The recording.
    evidence
        What the alignment was made from.
    alignment
        The map.
    strips
        Up to five times: pulse's video time in s, and ``(m, h, w)`` uint8 grey pictures of the LED's surroundings
        in successive frames with their times ``(m,)``.
    """

    name: str
    recording: Recording
    evidence: Evidence
    alignment: Alignment
    strips: tuple[tuple[float, FloatArray, UInt8Array], ...] = ()


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
        The session folder; see `enicfer.session`.
    protocol
        Name or file; it goes before the one in ``session.toml``.
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
        The runs, and the files that were written.

    Raises
    ------
    EnicferError
        With one sentence: input that is missing or unreadable, clocks that cannot be related with certainty
        (of several runs, the first one's), or reports that are there already.
    """
    from enicfer.clock_report import write_clock_report
    from enicfer.recording import find_pulses, read_recording

    session = read_session(folder, protocol)
    if coarse_offset is not None and len(session.runs) > 1:
        raise InputError(
            f"{session.folder.name} has {len(session.runs)} runs, each with an offset of its own: give coarse_offset "
            "with each run in session.toml, not as an option."
        )
    target = Path(output) if output is not None else session.folder / "derivatives" / "enicfer-align"
    names = [stem_of(session.entities(run)) for run in session.runs]
    there = [name for name in names if (target / f"{name}_sync.html").exists()]
    if there and not overwrite:
        raise OutputError(
            f"{target} already has reports of {', '.join(there)}: give --overwrite, or another --output."
        )
    runs: list[AlignedRun] = []
    paths: list[Path] = []
    refused: list[EnicferError] = []
    for run, name in zip(session.runs, names, strict=True):
        try:
            recording = read_recording(run, session.protocol)
            find_pulses(recording, session.protocol)
            runs.append(_align_run(session, run, name, recording, max_uncertainty, coarse_offset, progress))
        except EnicferError as error:
            refused.append(error)
            continue
        paths += write_clock_report(runs[-1], target)
    if refused:
        raise refused[0]
    return runs, paths


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
                f"{run.videos[0].name} has {len(times)} frames that can be read: give a complete video."
            )
        video_time = np.array(times)
        if run.frame_times is not None:
            from enicfer.io.frame_times import read_frame_times

            video_time, _ = read_frame_times(run.frame_times, video_time)
        evidence = collect_evidence(
            run, recording, session.protocol, video_time, recorder.finish(), coarse_offset
        )
        alignment = align(evidence, pulses)
    check_uncertainty(alignment, recording, video_time, max_uncertainty)
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
    row, column, rows, columns = alignment.details["led_cell"]
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


def describe_alignment(run: AlignedRun) -> list[tuple[str, str]]:
    """What a reviewer asks first: names and values, as text."""
    a, e = run.alignment, run.evidence
    time = a.time(e.video_time)
    inside = (time >= 0) & (time <= run.recording.duration)
    bound = 1000 * a.uncertainty(e.video_time[inside])
    sync = summarise_alignment(a, e.video_time[inside])
    rows = [
        ("pulse source", sync["source"]),
        ("matched pulses", str(sync["n_matched"])),
        ("only in the video", str(sync["n_unmatched_video"])),
        ("only in the recording", str(sync["n_unmatched_recording"])),
        ("residual, root mean square", milliseconds(sync["residual_rms"], 2)),
        (
            "95 % bound of a frame's time",
            f"{np.median(bound):.2f} ms (median), {bound.max():.2f} ms (largest)",
        ),
    ]
    known = np.flatnonzero(np.isfinite(a.slope))
    drifts = [drift_text(drift) for drift in sync["drifts"]] or ["not measured"] * len(known)
    for number, (piece, drift) in enumerate(zip(known, drifts, strict=True), 1):
        which = f", piece {number}" if len(known) > 1 else ""
        rows.append((f"drift of the camera's clock (+: too fast){which}", drift))
        offset = a.intercept[piece] - a.slope[piece] * a.origin[piece]
        rows.append((f"recording's time at video time 0{which}", f"{offset:.4f} s"))
    for number, facts in enumerate(a.details.get("pieces", []), 1):
        which = f", piece {number}" if len(known) > 1 else ""
        rows.append(
            (
                f"chance of so many matches{which}",
                f"1e{facts['log10_false_alarms']:.0f} expected false alarms",
            )
        )
        rival = facts["runner_up"]
        text = (
            "none"
            if rival is None
            else f"{rival['n_matched']} matches at an offset of {rival['offset']:.3f} s"
        )
        rows.append((f"runner-up{which}", text))
    if "led_cell" in a.details:
        row, column, n_rows, n_columns = a.details["led_cell"]
        place = [column / n_columns, row / n_rows, (column + 1) / n_columns, (row + 1) / n_rows]
        rows.append(("LED found at", "[" + ", ".join(f"{x:.3f}" for x in place) + "] of the picture"))
    rows += [("note", note) for note in (*a.notes, *run.recording.notes)]
    return rows
