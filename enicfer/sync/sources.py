"""Where the instants come from that both the camera and the recording saw: one small function each.

`align` looks the source up in `SOURCES` and hands it the `Evidence`. A new source is a function and a line there.

Times are in s: ``video_time`` is the frames' clock, ``time`` the recording's.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from enicfer.config.protocol import Pulses
from enicfer.errors import AlignmentError
from enicfer.records import Alignment, AlignmentDetails, FloatArray
from enicfer.sync.audio import find_beeps
from enicfer.sync.drift import is_believed, note_drift
from enicfer.sync.fit import Line, fit_line
from enicfer.sync.frames import align_frame_pulses, check_residual, mean_interval, place_on_grid
from enicfer.sync.jitter import jitter_of_frames, jitter_of_stamps
from enicfer.sync.led import Onsets, find_led_onsets, rank_cells
from enicfer.sync.pieces import Breaks, align_pulses, line_alignment

LED_TOLERANCE = 0.75  # frame intervals
AUDIO_TOLERANCE = 0.005  # s; cameras and sound cards jitter by less
WALL_CLOCK = 60.0  # s; how far clocks of cameras and amplifiers are apart, unless the protocol says
HAND = 0.05  # s; what an anchor found by hand is worth
TYPED = 0.5e-3  # s; nobody types a time to less than a millisecond, also where all lie on a line


@dataclass(frozen=True)
class Evidence:
    """What was collected of one run; fill what the protocol's source needs.

    Attributes
    ----------
    video_time
        ``(n,)`` s of all frames, also the undecodable ones.
    pulse_time
        ``(m,)`` s: the recording's triggers with the protocol's pulse codes.
    brightness
        ``(n,)`` mean brightness of the LED's region, or ``(n, rows, columns)`` uint8 brightness grid of the
        whole picture (`enicfer.io.video.brightness.GRID` cells; a ``numpy.memmap`` is fine). A frame that did
        not decode is NaN, or in a grid like the frame before it.
    sound, sound_rate, sound_start
        ``(k,)`` or ``(k, channels)`` sound track, its rate in Hz, and the video time of its first sample.
    sound_bound
        Error in s of the sound's times on the video's clock, as far as its stamps show it.
    stream_frame, stream_time
        ``(s,)`` frame numbers from 0 (None if the stream has none), and the recording's time of each, from an LSL
        stream.
    stream_bound
        95 % bound in s on the map from LSL's clock to the recording's.
    coarse_offset
        Recording's time at video time 0 and its half-width in s, as far as somebody knows it.
    video_start_wall, recording_start_wall
        Wall-clock times in s (POSIX) of video time 0 and of the recording's time 0.
    video_breaks
        Video times at which a further file begins.
    gaps
        ``(start, stop)`` of the recording's pauses in s; equal where samples are missing.
    recording_stop
        Recording's time at which it ends.
    recording_bound
        Error in s that all times of the recording may share, because its time 0 is not certain.
    recording_tick
        Step in s to which the recording's times are rounded: its sampling interval, 0 if not known.
    """

    video_time: FloatArray
    pulse_time: FloatArray = field(default_factory=lambda: np.empty(0))
    brightness: npt.NDArray[np.generic] | None = None
    sound: npt.NDArray[np.generic] | None = None
    sound_rate: float = 0.0
    sound_start: float = 0.0
    sound_bound: float = 0.0
    stream_frame: npt.NDArray[np.int64] | None = None
    stream_time: FloatArray | None = None
    stream_bound: float = 0.0
    coarse_offset: tuple[float, float] | None = None
    video_start_wall: float | None = None
    recording_start_wall: float | None = None
    video_breaks: tuple[float, ...] = ()
    gaps: tuple[tuple[float, float], ...] = ()
    recording_stop: float = np.inf
    recording_bound: float = 0.0
    recording_tick: float = 0.0

    @property
    def frame_interval(self) -> float:
        """Median frame interval in s."""
        return float(np.median(np.diff(self.video_time)))

    @property
    def breaks(self) -> Breaks:
        """Where the map may break."""
        return Breaks(self.video_breaks, self.gaps, self.video_time, self.recording_stop)


def align(evidence: Evidence, pulses: Pulses) -> Alignment:
    """Relate the clocks of video and recording.

    Parameters
    ----------
    evidence
        What was collected in the video, its sound track and the recording.
    pulses
        What the protocol says of the pulses.

    Raises
    ------
    AlignmentError
        If the source is unknown, its evidence is missing, or the clocks cannot be related with certainty.
    """
    if pulses.source not in SOURCES:
        raise AlignmentError(f"There is no pulse source {pulses.source!r}: allowed are {', '.join(SOURCES)}.")
    with threadpool_limits(1, "blas"):  # sums that are split among threads are rounded otherwise
        found = SOURCES[pulses.source](evidence, pulses)
    if pulses.source in ("start", "anchors", "clock"):
        found = replace(found, jitter=jitter_of_stamps(evidence.video_time))
    if not evidence.recording_bound:
        return found
    return replace(
        found,
        floor=found.floor + evidence.recording_bound,
        details=replace(found.details, recording_bound=evidence.recording_bound),
        notes=(
            *found.notes,
            f"The bound includes {evidence.recording_bound:g} s by which the recording's time 0 may be early.",
        ),
    )


def align_led(evidence: Evidence, pulses: Pulses) -> Alignment:
    """LED or screen flash in a region of the picture, given or found."""
    brightness = evidence.brightness
    if brightness is None or len(brightness) != len(evidence.video_time):
        raise AlignmentError("The brightness of the LED's region was not collected for every frame.")
    _need_pulses(evidence, pulses)
    tolerance = LED_TOLERANCE * evidence.frame_interval
    if brightness.ndim == 1:
        onsets = find_led_onsets(evidence.video_time, brightness.astype(np.float64))
        return _align_onsets(evidence, pulses, onsets, "led", tolerance)
    results: list[Alignment] = []
    reasons: list[AlignmentError] = []
    grid = brightness.astype(np.uint8, copy=False)
    for row, column in rank_cells(grid, len(evidence.pulse_time)):
        try:
            onsets = find_led_onsets(evidence.video_time, grid[:, row, column].astype(np.float64))
            found = _align_onsets(evidence, pulses, onsets, "led", tolerance)
        except AlignmentError as error:
            reasons.append(error)
            continue
        cell = (int(row), int(column), *grid.shape[1:])
        results.append(replace(found, details=replace(found.details, led_cell=cell)))
    if not results:
        reason = f" The best candidate failed so: {reasons[0]}" if reasons else ""
        raise AlignmentError(
            f"No part of the picture flashes with the recording's {len(evidence.pulse_time)} pulses: give the LED's "
            f"region in the protocol's [pulses].{reason}"
        )
    return max(results, key=lambda r: (len(r.pulse_time), -float(np.std(r.residual))))


def align_audio(evidence: Evidence, pulses: Pulses) -> Alignment:
    """Beeps or TTL pulses on the sound track."""
    if evidence.sound is None:
        raise AlignmentError(
            "The video has no sound track, but the protocol's pulses are beeps: use another source."
        )
    _need_pulses(evidence, pulses)
    onsets = find_beeps(evidence.sound, evidence.sound_rate, evidence.sound_start)
    onsets = replace(onsets, floor=onsets.floor + evidence.sound_bound)
    return _align_onsets(evidence, pulses, onsets, "audio", AUDIO_TOLERANCE)


def align_frames(evidence: Evidence, pulses: Pulses) -> Alignment:
    """Camera pulses in the recording, one per exposure."""
    _need_pulses(evidence, pulses)
    return align_frame_pulses(
        evidence.video_time,
        evidence.pulse_time,
        pulses.max_drift * 1e-6,
        evidence.coarse_offset,
        n_files=1 + len(evidence.video_breaks),
        tick=evidence.recording_tick,
    )


def align_stream(evidence: Evidence, pulses: Pulses) -> Alignment:
    """Frame numbers with times, from an LSL stream."""
    if evidence.stream_time is None:
        raise AlignmentError("No stream of frame numbers was read: give the XDF file and the stream's name.")
    number, time = evidence.stream_frame, evidence.stream_time
    index, there = _find_numbered(number, len(time), evidence)
    video, time = evidence.video_time[index], time[there]
    line = fit_line(video, time, max_drift=pulses.max_drift * 1e-6)
    off = check_residual(line.residual, evidence.frame_interval)
    lost = int(np.sum(~there))
    said = note_drift(line.slope - 1, line.drift_error, pulses.max_drift * 1e-6)
    told = (f"{lost} frames of the stream are not in the video." if lost else "", said)
    notes = tuple(filter(None, told))
    return line_alignment(
        line,
        (video, time),
        "stream",
        floor=evidence.stream_bound + off,
        details=AlignmentDetails(drift_ppm=float(1e6 * (1 / line.slope - 1))),
        notes=notes,
        jitter=jitter_of_frames(line.residual, 0.0),
    )


def _find_numbered(
    number: npt.NDArray[np.int64] | None, count: int, evidence: Evidence
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.bool_]]:
    """Index in the video of the stream's frames, and which of them are in the video.

    A number counts the frames of the file, or the exposures, of which the file may lack some. Either way, the last
    number must be that of the last frame: else nothing tells whether both began to count at the same frame.
    """
    n = len(evidence.video_time)
    if number is None:
        if count != n:
            raise AlignmentError(
                f"The stream has no frame numbers and {count} time stamps, but the video has {n} frames: which stamp "
                "is which frame's is not known; record frame numbers, or give anchors."
            )
        return np.arange(n), np.ones(n, bool)
    exposure = place_on_grid(evidence.video_time, mean_interval(evidence.video_time))
    for place in (np.arange(n), exposure):
        if number[0] >= 0 and number[-1] == place[-1]:
            index = np.clip(np.searchsorted(place, number), 0, n - 1)
            there = place[index] == number
            if there.sum() >= 3:
                return index[there], there
    raise AlignmentError(
        f"The stream numbers frames {number[0]} to {number[-1]}, but the video has {n} frames that span "
        f"{exposure[-1] + 1} exposures: the numbers begin at 0 or later and end with the last frame, or the "
        "stream belongs to another video or one of the two stopped first; record both to the end, or give anchors."
    )


def align_start(evidence: Evidence, pulses: Pulses) -> Alignment:
    """One marker at the start of the video: the offset alone; the drift is unknown and the bound says so."""
    _need_pulses(evidence, pulses)
    if len(evidence.pulse_time) != 1:
        raise AlignmentError(
            f"The recording has {len(evidence.pulse_time)} markers of the video's start ({_codes(pulses)}): "
            "there must be one."
        )
    return _offset_only(
        float(evidence.video_time[0]), float(evidence.pulse_time[0]), evidence.frame_interval, pulses, "start"
    )


def align_clock(evidence: Evidence, pulses: Pulses) -> Alignment:
    """Wall clocks of camera and amplifier: within a minute or so, no more."""
    video, recording = evidence.video_start_wall, evidence.recording_start_wall
    if video is None or recording is None:
        missing = "video" if video is None else "recording"
        raise AlignmentError(f"The {missing} does not say at what time of day it began: use another source.")
    return _offset_only(0.0, video - recording, pulses.wall_clock or WALL_CLOCK, pulses, "clock")


def align_anchors(evidence: Evidence, pulses: Pulses) -> Alignment:
    """Two or more pairs of ``(video_time, time)`` given by hand."""
    if len(pulses.anchors) < 2:
        raise AlignmentError(
            f"The protocol gives {len(pulses.anchors)} anchors: at least two pairs [video_time, time] are needed."
        )
    video, time = (np.array(x) for x in zip(*sorted(pulses.anchors), strict=True))
    limit = pulses.max_drift * 1e-6
    slope = float((time[-1] - time[0]) / (video[-1] - video[0])) if video[-1] > video[0] else np.inf
    if abs(slope - 1) > limit + 2 * HAND / max(video[-1] - video[0], HAND):
        raise AlignmentError(
            f"The anchors say that the recording runs {slope:.4f} times as fast as the video: no pair of clocks "
            f"differs by more than {pulses.max_drift:g} ppm; check the anchors."
        )
    if len(video) >= 4:
        line = fit_line(video, time, max_drift=limit)
        said = note_drift(line.slope - 1, line.drift_error, limit)
        return line_alignment(line, (video, time), "anchors", floor=TYPED, notes=(said,) if said else ())
    centre, middle = float(video.mean()), float(time.mean())
    lever = float(np.sum((video - centre) ** 2))
    slope = float(np.sum((video - centre) * (time - middle)) / lever)
    error = 1.96 * HAND / float(np.sqrt(lever))
    if not is_believed(slope - 1, error, limit):
        slope = float(np.clip(slope, 1 - limit, 1 + limit))
    line = Line(
        origin=centre,
        slope=slope,
        intercept=middle,
        variance=(HAND**2 / len(video), 0.0, HAND**2 / lever),
        t_factor=1.96,
        residual=time - middle - slope * (video - centre),
    )
    note = f"Few anchors do not show their own error: {1000 * HAND:.0f} ms is assumed for each."
    said = note_drift(slope - 1, error, limit)
    return line_alignment(line, (video, time), "anchors", notes=(note, said) if said else (note,))


SOURCES: dict[str, Callable[[Evidence, Pulses], Alignment]] = {
    "led": align_led,
    "audio": align_audio,
    "frames": align_frames,
    "stream": align_stream,
    "start": align_start,
    "anchors": align_anchors,
    "clock": align_clock,
}


def _align_onsets(
    evidence: Evidence, pulses: Pulses, onsets: Onsets, source: str, tolerance: float
) -> Alignment:
    return align_pulses(
        onsets,
        evidence.pulse_time,
        source,
        tolerance,
        max_drift=pulses.max_drift * 1e-6,
        prior=evidence.coarse_offset,
        breaks=evidence.breaks,
    )


def _offset_only(video: float, time: float, error: float, pulses: Pulses, source: str) -> Alignment:
    line = Line(
        origin=video,
        slope=1.0,
        intercept=time,
        variance=(0.0, 0.0, (0.95 * pulses.max_drift * 1e-6) ** 2),
        t_factor=1.0,
        residual=np.zeros(1),
    )
    note = (
        f"Only the offset is known; the drift is taken as 0 and may be up to {pulses.max_drift:g} ppm, which the "
        "bound includes."
    )
    return line_alignment(line, (np.array([video]), np.array([time])), source, floor=error, notes=(note,))


def _need_pulses(evidence: Evidence, pulses: Pulses) -> None:
    if not pulses.codes and len(evidence.pulse_time) == 0:
        raise AlignmentError(
            f"The protocol's [pulses] has no codes, which the source {pulses.source} needs: write the code that the "
            'recording has at each pulse, such as codes = ["S 1"]; `enicfer events` lists those that it has.'
        )
    if len(evidence.pulse_time) == 0:
        raise AlignmentError(
            f"The recording has no pulse with the code {_codes(pulses)}: check codes in the protocol's [pulses]."
        )


def _codes(pulses: Pulses) -> str:
    return ", ".join(repr(code) for code in pulses.codes)
