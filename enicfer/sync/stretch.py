"""A stretch of pulses that belong together: its line, and the steps and the curve that its pulses show.

Times are in s, on the clocks that their names say.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from enicfer.records import FloatArray
from enicfer.sync.bend import Bent, bend_line
from enicfer.sync.fit import Line, fit_line
from enicfer.sync.jitter import jitter_of_residuals, jitter_of_stamps
from enicfer.sync.led import Onsets
from enicfer.sync.matching import IntArray, Match

N_CAMERA_STEPS = 4
NEAR = (
    3.6  # frame intervals off the line at which pulses without a partner are looked for; frames may be lost
)
N_BENDS = 2  # times that the camera's parameters are fitted again without the steps and the curve
BEAT = 8.0  # Rayleigh's statistic of the steps from pulse to pulse, see `enicfer.sync.pieces.SAME_PHASE`


@dataclass(frozen=True)
class Breaks:
    """Where a map may break.

    Attributes
    ----------
    video
        Video times at which a new file or a restart begins.
    gaps
        ``(start, stop)`` of pauses on the recording's clock; equal where samples are missing.
    video_time
        ``(n,)`` times of all frames; may be empty.
    stop
        Recording's time at which it ends.
    """

    video: tuple[float, ...] = ()
    gaps: tuple[tuple[float, float], ...] = ()
    video_time: FloatArray | None = None
    stop: float = np.inf


@dataclass(frozen=True)
class Piece:
    """Indices of its pulses on both sides, their onsets in s of video time as they were fitted, and its line."""

    video: IntArray
    recording: IntArray
    onset: FloatArray  # video times of its pulses, as the fit corrected them
    line: Line
    match: Match
    parameters: FloatArray | None = None  # of the camera
    shared: tuple[FloatArray, FloatArray, FloatArray] | None = None  # see `bend_line`


def fit_piece(
    onsets: Onsets, video: IntArray, time: FloatArray, max_drift: float
) -> tuple[Line, FloatArray, FloatArray | None, tuple[FloatArray, FloatArray, FloatArray] | None]:
    """Fit the line, and with it the camera's exposure and gamma where onsets were seen in frames.

    Onsets depend on gamma by a power, so the fit is repeated from the better value (Gauss & Newton). Also given are
    the onsets as corrected, the parameters, and what `bend_line` needs of them.
    """
    if onsets.camera is None:
        line = fit_line(onsets.time[video], time, onsets.spread[video], max_drift)
        return line, onsets.time[video], None, None
    camera = onsets.camera
    parameters = camera.expected
    for _ in range(N_CAMERA_STEPS):
        onset, spread, derivative = (x[video] for x in camera.place(parameters))
        line = fit_line(
            onset, time, spread, max_drift, derivative, camera.expected - parameters, camera.spread
        )
        parameters = parameters + np.array(line.nuisance)
    onset, _, derivative = (x[video] for x in camera.place(parameters))
    shared = derivative, camera.expected - parameters, camera.spread
    return replace(line, residual=time - line.time(onset)), onset, parameters, shared


def bend_pieces(
    pieces: Sequence[Piece],
    recording: FloatArray,
    onsets: Onsets,
    breaks: Breaks,
    interval: float,
    tolerance: float,
    max_drift: float,
) -> tuple[list[Piece], list[Bent]]:
    """Each piece's map where its pulses show that the clocks leave the line.

    Behind a step pulses may be too far off the line to be matched with it, so that those without a partner are tried
    too. The camera's parameters are fitted again to what is left when steps and curve are taken out.
    """
    found, bents = [], []
    for piece in pieces:
        span = _span(piece, pieces, onsets, breaks)
        more = _add_near(piece, onsets, recording, span, interval)
        bent = _bend(more, recording, onsets, breaks, span, interval)
        if bent.straight and len(more.video) > len(piece.video):
            more, bent = piece, _bend(piece, recording, onsets, breaks, span, interval)
        for _ in range(0 if bent.straight else N_BENDS):
            fits = np.abs(bent.residual) <= tolerance
            left = (more.line.time(more.onset) + bent.residual)[fits]
            video, rec = more.video[fits], more.recording[fits]
            line, onset, parameters, shared = fit_piece(onsets, video, left, max_drift)
            more = replace(
                more, video=video, recording=rec, line=line, onset=onset, parameters=parameters, shared=shared
            )
            bent = _bend(more, recording, onsets, breaks, span, interval)
        if bent.curve and not bent.steps and _beats(more, onsets, recording):
            off = recording[more.recording] - more.line.time(more.onset)
            bent = Bent((-np.inf,), (more.line,), (bent.curve,), off)
        found.append(more)
        bents.append(bent)
    return found, bents


def _beats(piece: Piece, onsets: Onsets, recording: FloatArray) -> bool:
    """Whether pulses move evenly through the frame interval, which looks like a curve where frames do not show it."""
    if onsets.camera is None:
        return False
    interval = float(np.median(onsets.camera.interval[piece.video]))
    line = piece.line
    seen = line.origin + (recording[piece.recording] - line.intercept) / line.slope
    turn = np.exp(2j * np.pi * np.diff(onsets.camera.frame_time[piece.video] - seen) / interval)
    return bool(np.abs(turn.mean()) ** 2 * len(turn) > BEAT)


def _add_near(
    piece: Piece, onsets: Onsets, recording: FloatArray, span: tuple[float, float], interval: float
) -> Piece:
    """The piece with pulses that found no partner and are each other's nearest, some frames off the line."""
    time = piece.line.time(onsets.time)
    reach = min(NEAR * interval, 0.25 * float(np.quantile(np.diff(recording), 0.1)))
    a = np.flatnonzero((onsets.time >= span[0]) & (onsets.time <= span[1]))
    a = np.setdiff1d(a, piece.video)
    b = np.setdiff1d(np.arange(len(recording)), piece.recording)
    if not len(a) or not len(b):
        return piece
    apart = np.abs(time[a][:, None] - recording[b][None, :])
    to_b, to_a = np.argmin(apart, axis=1), np.argmin(apart, axis=0)
    mutual = (to_a[to_b] == np.arange(len(a))) & (apart[np.arange(len(a)), to_b] <= reach)
    video = np.concatenate([piece.video, a[mutual]])
    order = np.argsort(video)
    rec = np.concatenate([piece.recording, b[to_b[mutual]]])[order]
    if not mutual.any() or np.any(np.diff(rec) <= 0):
        return piece
    video = video[order]
    if onsets.camera is None or piece.parameters is None:
        return replace(piece, video=video, recording=rec, onset=onsets.time[video])
    onset, _, derivative = (x[video] for x in onsets.camera.place(piece.parameters))
    expected, spread = onsets.camera.expected - piece.parameters, onsets.camera.spread
    return replace(piece, video=video, recording=rec, onset=onset, shared=(derivative, expected, spread))


def _span(piece: Piece, pieces: Sequence[Piece], onsets: Onsets, breaks: Breaks) -> tuple[float, float]:
    """First and last video time that may belong to a piece."""
    t = onsets.time if breaks.video_time is None or not len(breaks.video_time) else breaks.video_time
    before = [onsets.time[p.video[-1]] for p in pieces if p.video[-1] < piece.video[0]]
    after = [onsets.time[p.video[0]] for p in pieces if p.video[0] > piece.video[-1]]
    return float(max([t[0], *before])), float(min([t[-1], *after]))


def _bend(
    piece: Piece,
    recording: FloatArray,
    onsets: Onsets,
    breaks: Breaks,
    span: tuple[float, float],
    interval: float,
) -> Bent:
    """The piece's map, where its pulses show that the clocks leave the line."""
    cuts = [piece.line.video_time(start) for start, stop in breaks.gaps if start == stop]
    return bend_line(
        piece.line,
        piece.onset,
        recording[piece.recording],
        onsets.spread[piece.video],
        span,
        interval,
        piece.shared,
        (*breaks.video, *cuts),
    )


def find_jitter(pieces: Sequence[Piece], bents: Sequence[Bent], onsets: Onsets, breaks: Breaks) -> float:
    """Standard deviation in s of a frame's stamp; see `enicfer.sync.jitter`."""
    of_stamps = 0.0 if breaks.video_time is None else jitter_of_stamps(breaks.video_time)
    if onsets.camera is None:
        return of_stamps
    camera = onsets.camera
    spread = [
        onsets.spread[p.video] if p.parameters is None else camera.place(p.parameters)[1][p.video]
        for p in pieces
    ]
    # An onset in a frame lit in part has that frame's stamp; else it is the middle between two frames' stamps.
    weight = np.concatenate([np.where(camera.in_part[p.video], 1.0, 0.5) for p in pieces])
    residual = np.concatenate([b.residual for b in bents])
    n_parameters = sum(2 + len(p.line.nuisance) + len(b.steps) for p, b in zip(pieces, bents, strict=True))
    return jitter_of_residuals(residual, np.concatenate(spread), weight, n_parameters, of_stamps)


def replace_lines(
    limits: Sequence[float], lines: Sequence[Line | None], pieces: Sequence[Piece], bents: Sequence[Bent]
) -> tuple[list[float], list[Line | None], list[float]]:
    """Put the stretches of each piece's map in the place of its line, with what their bounds have in addition."""
    starts: list[float] = []
    out: list[Line | None] = []
    floors: list[float] = []
    for i, line in enumerate(lines):
        begin, end = limits[i], limits[i + 1] if i + 1 < len(limits) else np.inf
        bent = next((b for p, b in zip(pieces, bents, strict=True) if p.line is line), None)
        if line is None or bent is None:
            starts, out, floors = [*starts, begin], [*out, line], [*floors, 0.0]
            continue
        stops = [*bent.start[1:], np.inf]
        for start, stop, stretch, floor in zip(bent.start, stops, bent.lines, bent.floor, strict=True):
            if stop > begin and start < end:
                starts, out, floors = [*starts, max(start, begin)], [*out, stretch], [*floors, floor]
    return starts, out, floors


def note_bends(bents: Sequence[Bent], interval: float) -> list[str]:
    """Sentences on steps and curves; ``interval`` in s is that of the frames."""
    notes = []
    for bent in bents:
        for low, high, jump in bent.steps:
            where = f"at {low:.1f} s" if low == high else f"between {low:.1f} and {high:.1f} s"
            lost = round(abs(jump) / interval)
            like = (
                f", as where {lost} frame{'s were' if lost > 1 else ' was'} "
                f"{'lost' if jump > 0 else 'written twice'} and the frames' times do not show it"
                if lost and abs(abs(jump) - lost * interval) < 0.25 * interval
                else ""
            )
            notes.append(
                f"The clocks step against each other by {1000 * jump:+.1f} ms {where} of video time{like}: the map "
                "goes on behind the step, and the frames between have no time, or a wide bound."
            )
        if bent.curve:
            notes.append(
                f"The clocks wander against each other, up to {1000 * bent.curve:.1f} ms from a straight line: the "
                "map follows the pulses as a curve, and the bound includes what they do not show."
            )
    return notes
