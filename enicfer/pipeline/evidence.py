"""Gathers what a protocol's pulse source needs from the files of a run, and relates the clocks.

`enicfer.sync` has the methods and touches no file; this module reads for it.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from enicfer.config.protocol import Protocol, Pulses
from enicfer.config.runs import Run, Session
from enicfer.errors import AlignmentError, InputError, option
from enicfer.io.files.names import stem_of
from enicfer.io.video.reader import FilePlace, place_files
from enicfer.io.video.stamps import find_restarts
from enicfer.pipeline.recording import find_pulses
from enicfer.records import Alignment, Float32Array, FloatArray, Recording, UInt8Array
from enicfer.sync import SOURCES, Evidence, align
from enicfer.sync.fit import fit_line
from enicfer.sync.matching import match_pulses
from enicfer.sync.partners import find_onsets
from enicfer.timecourse.trials import select_codes

TRIED = 5  # other codes that may be the pulses'
FEWEST, MOST_PULSES = 5, 5000  # triggers of a code that may be pulses
MOST_LISTED = 12
MARKER_TOLERANCE = 0.02  # s between a marker's LSL time and its trigger in the recording

UNCERTAINTY = option("max_uncertainty", "--max-uncertainty")


def collect_evidence(
    run: Run,
    recording: Recording,
    protocol: Protocol,
    video_time: FloatArray,
    brightness: FloatArray | UInt8Array | None = None,
    coarse_offset: tuple[float, float] | None = None,
) -> Evidence:
    """Everything that the protocol's source may need of a run.

    Parameters
    ----------
    run, recording, protocol
        The run's files, its recording, and what the protocol says of the pulses.
    video_time
        ``(n,)`` s of all frames.
    brightness
        ``(n,)`` mean luma of the LED's region, or ``(n, rows, columns)`` of the picture, where it was collected.
    coarse_offset
        Recording's time at video time 0 and its half-width in s; it overrides the run's own.

    Raises
    ------
    InputError, AlignmentError
        If a file that the source needs is missing or cannot be used.
    """
    pulses = select_codes(recording.triggers, protocol.pulses.codes)
    files = place_files(run.videos) if len(run.videos) > 1 else []
    evidence = Evidence(
        video_time=video_time,
        pulse_time=pulses["onset"].to_numpy(np.float64),
        brightness=brightness,
        coarse_offset=coarse_offset or run.coarse_offset,
        video_breaks=_find_breaks(run, files),
        gaps=recording.gaps,
        recording_stop=recording.duration,
        recording_bound=_unlogged_volumes(recording, protocol) * (recording.repetition_time or 0.0),
        recording_tick=1 / recording.sampling_rate if recording.sampling_rate else 0.0,
    )
    wanted = {protocol.pulses.source, "clock" if protocol.pulses.wall_clock else ""}
    for name in sorted(wanted & READERS.keys()):
        evidence = READERS[name](evidence, run, recording, protocol)
    return evidence


def relate_clocks(evidence: Evidence, protocol: Protocol, recording: Recording) -> Alignment:
    """Relate the clocks; see `enicfer.sync.align`.

    Raises
    ------
    AlignmentError
        If that is not possible. Where the pulses do not fit the video, another code may be the one meant: those of
        the recording are listed, and one that fits is named.
    """
    pulses = protocol.pulses
    try:
        return align(evidence, pulses)
    except AlignmentError as error:
        given = set(select_codes(recording.triggers, pulses.codes)["code"])
        counts = recording.triggers["code"].value_counts()
        others = [code for code in counts.index if code not in given]
        missing = pulses.source == "audio" and evidence.sound is None
        if pulses.source not in ("led", "audio", "frames") or not given or not others or missing:
            raise
        fits = next((code for code in others[:TRIED] if _fits(evidence, pulses, recording, code)), None)
        named = ", ".join(f"{code} ({counts[code]} times)" for code in sorted(given))
        if fits is not None:
            raise AlignmentError(
                f"The pulse code {named} of the protocol {protocol.name} does not fit the video, "
                f"and {fits} ({counts[fits]} times) does",
                remedy=f"correct codes in [pulses] of the protocol {protocol.name}",
            ) from None
        listed = ", ".join(f"{code} ({counts[code]})" for code in others[:MOST_LISTED])
        more = f", ... ({len(others)} codes in all)" if len(others) > MOST_LISTED else ""
        raise AlignmentError(
            f"The pulse code {named} of the protocol {protocol.name} does not fit the video.",
            place=recording.log or recording.file,
            remedy=(
                "check first that it is the pulses' code: "
                f"{(recording.log or recording.file).name} also has {listed}{more}. "
                f"If it is: {str(error).rstrip('.')}"
            ),
        ) from None


def _fits(evidence: Evidence, pulses: Pulses, recording: Recording, code: str) -> bool:
    """Whether the triggers of one code relate the clocks."""
    onset = recording.triggers["onset"][recording.triggers["code"] == code].to_numpy(np.float64)
    if not FEWEST <= len(onset) <= MOST_PULSES:
        return False
    try:
        align(replace(evidence, pulse_time=onset), pulses)
    except AlignmentError:
        return False
    return True


def _find_breaks(run: Run, files: list[FilePlace]) -> tuple[float, ...]:
    """Video times at which a further file begins, or a recording that was joined to another one in its file."""
    shifts = [file.shift for file in files] or [0.0]
    joined = [
        at + shift for video, shift in zip(run.videos, shifts, strict=False) for at in find_restarts(video)
    ]
    return tuple(sorted([*(file.start for file in files[1:]), *joined]))


def _unlogged_volumes(recording: Recording, protocol: Protocol) -> int:
    """Number of volumes after the last volume pulse; the log may lack as many before the first one instead."""
    if protocol.scanner.first_pulse_logged:
        return 0
    pulses = select_codes(recording.triggers, protocol.scanner.volume_codes)["onset"]
    if recording.n_volumes is None or not recording.repetition_time or pulses.empty:
        return 0
    return max(recording.n_volumes - 1 - round(float(pulses.max()) / recording.repetition_time), 0)


def _add_sound(evidence: Evidence, run: Run, recording: Recording, protocol: Protocol) -> Evidence:
    from enicfer.io.audio import read_sound

    shifts = [file.shift for file in place_files(run.videos)] if len(run.videos) > 1 else [0.0]
    for video in run.videos:
        if restarts := find_restarts(video):
            raise InputError(
                f"The time stamps of {video.name} begin again at {restarts[0]:.1f} s, so its "
                "sound cannot be placed",
                remedy=(
                    "give the recordings before they were joined, one after the other, as "
                    "video in session.toml"
                ),
            )
    parts = [read_sound(video) for video in run.videos]
    rate = parts[0][1]
    if any(part[1] != rate for part in parts):
        raise InputError(
            f"The sound tracks of {run.name} have different rates", remedy="give files of one camera"
        )
    first, off = parts[0][2], max(part[3] for part in parts)
    places = [
        round((start + shift - first) * rate) for (_, _, start, _), shift in zip(parts, shifts, strict=True)
    ]
    if len(parts) == 1:
        return replace(evidence, sound=parts[0][0], sound_rate=rate, sound_start=first, sound_bound=off)
    length = max(place + len(part[0]) for place, part in zip(places, parts, strict=True))
    sound: Float32Array = np.zeros((length, parts[0][0].shape[1]), np.float32)
    for place, part in zip(places, parts, strict=True):
        sound[max(place, 0) : place + len(part[0])] = part[0][max(-place, 0) :, : sound.shape[1]]
    return replace(evidence, sound=sound, sound_rate=rate, sound_start=first, sound_bound=off)


def _add_stream(evidence: Evidence, run: Run, recording: Recording, protocol: Protocol) -> Evidence:
    from enicfer.io.xdf.streams import read_frame_stream, read_markers

    if run.xdf is None:
        raise InputError(
            f"The pulses of {protocol.name} come from a stream, but {run.name} names no xdf file",
            remedy="give the xdf file as its recording",
        )
    number, time = read_frame_stream(run.xdf, protocol.pulses.stream)
    markers = read_markers(run.xdf)
    mapped, bound = _to_recording(time, markers, recording, protocol, run.xdf)
    return replace(evidence, stream_frame=number, stream_time=mapped, stream_bound=bound)


def _to_recording(
    time: FloatArray, markers: pd.DataFrame, recording: Recording, protocol: Protocol, path: Path
) -> tuple[FloatArray, float]:
    """LSL times on the recording's clock, by the markers that both files have, and the bound on it in s."""
    shared = sorted(set(markers["code"]) & set(recording.triggers["code"]))
    if not shared:
        raise AlignmentError(
            f"{path.name} and {recording.file.name} have no marker in common ({path.name} has "
            f"{', '.join(sorted(set(markers['code']))[:10]) or 'none'})",
            place=path,
            remedy="record the same markers in both",
        )
    ours = recording.triggers[recording.triggers["code"].isin(shared)]
    theirs = markers[markers["code"].isin(shared)]
    a, b = theirs["onset"].to_numpy(np.float64), ours["onset"].to_numpy(np.float64)
    codes = (theirs["code"].tolist(), ours["code"].tolist())
    limit = protocol.pulses.max_drift * 1e-6
    best = match_pulses(a, b, MARKER_TOLERANCE, limit, codes=codes).best
    line = fit_line(a[best.video], b[best.recording], max_drift=limit)
    away = np.array([time[0], time[-1]]) - line.origin
    c = line.variance
    bound = line.t_factor * np.sqrt(np.max(c[0] + c[1] * away + c[2] * away**2))
    return line.time(time), float(bound)


def _add_wall_clocks(evidence: Evidence, run: Run, recording: Recording, protocol: Protocol) -> Evidence:
    from enicfer.io.eeg import open_raw
    from enicfer.io.video.reader import read_creation_time

    created = read_creation_time(run.videos[0])
    filmed = None if created is None else created.timestamp()
    measured: float | None = None
    raw = open_raw(run.recording) if run.recording else None
    if raw is not None and raw.info["meas_date"] is not None:
        # The date is that of the acquisition's first sample, which a cropped file no longer has.
        measured = raw.info["meas_date"].timestamp() + raw.first_time
    evidence = replace(evidence, video_start_wall=filmed, recording_start_wall=measured)
    width = protocol.pulses.wall_clock
    if evidence.coarse_offset is None and width and filmed is not None and measured is not None:
        evidence = replace(evidence, coarse_offset=(filmed - measured, width))
    return evidence


READERS: dict[str, Callable[[Evidence, Run, Recording, Protocol], Evidence]] = {
    "audio": _add_sound,
    "stream": _add_stream,
    "clock": _add_wall_clocks,
}
assert set(READERS) <= set(SOURCES)


@contextmanager
def noting_pulses(evidence: Evidence, pulses: Pulses) -> Iterator[None]:
    """Where the run is refused in this context, say with the error what its video shows of the pulses."""
    try:
        yield
    except AlignmentError as error:
        onsets, tolerance = find_onsets(evidence, pulses)
        facts = {"onsets": [x.tolist() for x in onsets], "tolerance": tolerance}
        error.pulses = {"video": facts} if onsets else {}
        raise


@contextmanager
def noting_recordings(session: Session, refused: Run, recordings: Sequence[Recording]) -> Iterator[None]:
    """Where a run is refused in this context, say with the error what its whole session shows of the pulses.

    The error's ``pulses`` are JSON-ready: ``videos``, with the onsets in the video of the run that was refused, and
    ``recordings`` of all runs. Times are in s.
    """
    try:
        yield
    except AlignmentError as error:
        names = {id(run): stem_of(session.entities(run)) for run in session.runs}
        video = error.pulses.get("video")
        facts = {"name": names[id(refused)], "residual": None, "doubtful": True}
        trains = [find_pulses(recording, session.protocol)["onset"].tolist() for recording in recordings]
        error.pulses = {
            "videos": [] if video is None else [{**facts, **video}],
            "recordings": [
                {"name": names[id(run)], "time": time} for run, time in zip(session.runs, trains, strict=True)
            ],
        }
        raise


def check_uncertainty(
    alignment: Alignment, recording: Recording, video_time: FloatArray, limit: float | None = None
) -> None:
    """Refuse an alignment whose bound is too wide for a frame inside the recording.

    Parameters
    ----------
    alignment, recording, video_time
        The map, the recording, and ``(n,)`` s of all frames.
    limit
        Largest accepted half-width in s, by default half a frame.

    Raises
    ------
    AlignmentError
        If no frame lies in the recording, or the bound is above the limit.
    """
    allowed = float(np.median(np.diff(video_time))) / 2 if limit is None else limit
    time = alignment.time(video_time)
    inside = (time >= 0) & (time <= recording.duration)
    if not inside.any():
        raise AlignmentError(
            f"No frame of the video falls into {recording.file.name}",
            place=recording.file,
            remedy="give the video and the recording of one run",
        )
    bound = alignment.uncertainty(video_time[inside])
    worst = int(np.argmax(bound))
    if not bound[worst] <= allowed:
        unsure = alignment.details.recording_bound or 0.0
        if unsure:
            raise AlignmentError(
                f"The log has no volume pulse in the last {unsure:g} s of {recording.file.name}, or lacks pulses at "
                f"its beginning; then all times are {unsure:g} s too early.",
                place=recording.log,
                remedy=(
                    "if the log surely has the first volume's pulse, set first_pulse_logged = true in the protocol's "
                    f"[scanner]; else add the pulses it lacks, or give a {UNCERTAINTY} above {unsure:g}"
                ),
            )
        raise AlignmentError(
            f"The time of the frame at {video_time[inside][worst]:.1f} s is only known to within "
            f"{bound[worst] * 1000:.1f} ms, more than the {allowed * 1000:.1f} ms that are allowed",
            remedy=f"give more pulses, or a larger {UNCERTAINTY}",
        )
