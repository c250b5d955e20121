"""From the pulses on both clocks to an `Alignment`, in as many pieces as the camera and the recording have.

A restarted camera and a paused recording break the map: the pulses before and after agree with different
offsets. The stretch that the best pairing explains is the first piece; what lies before and after it is
matched in turn, on the part of the recording that is left. Between two pieces the break is put where the
evidence has it (the start of a video file, a pause of the recording, a gap in the frame times). Where there is
none, frames between the last pulse before and the first after it have no time: NaN is more honest than a guess.
Nor have those between several of them: which one moved the clocks is not known, and those of a pause have no time.
Before the first piece and after the last one, frames beyond such a break have no time either, nor where several
pulses on both sides find no partner among each other.

Times are in s, on the clocks that their names say.
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from enicfer.errors import AlignmentError
from enicfer.records import Alignment, AlignmentDetails, FloatArray, PieceDetails, RivalMatch
from enicfer.sync.doubts import doubt_light, doubt_phase, doubt_shape
from enicfer.sync.drift import note_drifts
from enicfer.sync.fit import Line
from enicfer.sync.led import Onsets
from enicfer.sync.matching import MIN_PULSES, IntArray, match_pulses
from enicfer.sync.pairing import Span
from enicfer.sync.stretch import (
    Breaks,
    Piece,
    bend_pieces,
    find_jitter,
    fit_piece,
    note_bends,
    replace_lines,
)

FRAME_GAP = 5.0  # a frame interval this many times the median is a break where one is looked for
LONG_GAP = 1.0  # s; a camera that wrote no frame for so long may have been restarted
MIN_ALONE = 2  # pulses without a partner on both sides that may end a map
MAX_ALONE_P = 0.01  # probability that so many miss each other, if they match as often as within the piece


def align_pulses(
    onsets: Onsets,
    recording: FloatArray,
    source: str,
    tolerance: float,
    max_drift: float = 1e-3,
    prior: tuple[float, float] | None = None,
    codes: tuple[Sequence[object], Sequence[object]] | None = None,
    breaks: Breaks | None = None,
) -> Alignment:
    """Match pulses and fit the map, piece by piece.

    Parameters
    ----------
    onsets
        Pulses on ``video_time``.
    recording
        ``(m,)`` s: pulses on the recording's clock, sorted.
    source
        Name of the source, for the record.
    tolerance, max_drift, prior, codes
        See `match_pulses`.
    breaks
        Where the map may break.

    Raises
    ------
    AlignmentError
        If no piece can be matched with certainty, regular pulses go on where samples are missing, or the pieces
        overlap on the recording's clock.
    """
    breaks = breaks or Breaks()
    everything = np.arange(len(onsets.time)), np.arange(len(recording))
    running = _running(recording, breaks)
    pieces = _find_pieces(onsets, recording, *everything, tolerance, max_drift, prior, codes, running)
    if prior is not None:
        _check_cuts(pieces, onsets.time, recording, tolerance, max_drift, breaks)
    t = breaks.video_time
    interval = tolerance if t is None or len(t) < 2 else float(np.median(np.diff(t)))
    pieces, bents = bend_pieces(pieces, recording, onsets, breaks, interval, tolerance, max_drift)
    limits, lines, alone = _place_breaks(pieces, onsets.time, recording, breaks)
    video = np.concatenate([p.video for p in pieces])
    rec = np.concatenate([p.recording for p in pieces])
    locked, locks = doubt_phase(pieces, bents, onsets)
    flicker = doubt_light(pieces, bents, onsets)
    notes = (
        *onsets.notes,
        *locks,
        *_notes(pieces, limits, lines),
        *alone,
        *note_drifts([(p.line.slope - 1, p.line.drift_error) for p in pieces], max_drift),
        *note_bends(bents, interval),
    )
    details = AlignmentDetails(
        n_video_pulses=len(onsets.time),
        n_recording_pulses=len(recording),
        n_matched=len(video),
        tolerance=tolerance,
        coarse_offset=prior,
        pieces=tuple(_describe(p) for p in pieces),
    )
    starts, stretches, floors = replace_lines(limits, lines, pieces, bents)
    found = _alignment(
        stretches,
        starts,
        pulses=(
            np.concatenate([p.onset for p in pieces]),
            recording[rec],
            np.concatenate([b.residual for b in bents]),
        ),
        unmatched=(np.delete(onsets.time, video), np.delete(recording, rec)),
        source=source,
        details=details,
        notes=notes,
        floor=[onsets.floor + locked + flicker + x for x in floors],
        shared=float(np.hypot(onsets.shared, doubt_shape(onsets))),
        jitter=find_jitter(pieces, bents, onsets, breaks),
    )
    if breaks.video_time is not None:
        _check_order(found, breaks.video_time)
    return found


def _running(recording: FloatArray, breaks: Breaks) -> tuple[Span, Span] | None:
    """From when to when camera and recording ran, if both are known."""
    t = breaks.video_time
    if t is None or len(t) == 0 or not np.isfinite(breaks.stop) or len(recording) == 0:
        return None
    start, stop = min(0.0, float(recording[0])), max(float(recording[-1]), breaks.stop)
    return (float(t[0]), float(t[-1])), (start, stop)


def _check_order(alignment: Alignment, video_time: FloatArray) -> None:
    """Refuse a map that gives a frame an earlier time than the frame before it."""
    time = alignment.time(video_time)
    known = np.flatnonzero(np.isfinite(time))
    back = known[1:][np.diff(time[known]) < 0]
    if len(back):
        raise AlignmentError(
            f"The pieces of the map overlap: at {video_time[back[0]]:.1f} s of video time the recording's time jumps "
            "back, perhaps because it paused without a marker; give the parts before and after as runs of their own."
        )


def _find_pieces(
    onsets: Onsets,
    recording: FloatArray,
    a: IntArray,
    b: IntArray,
    tolerance: float,
    max_drift: float,
    prior: tuple[float, float] | None,
    codes: tuple[Sequence[object], Sequence[object]] | None,
    running: tuple[Span, Span] | None = None,
) -> list[Piece]:
    """Pieces in order of time among the pulses ``a`` of the video and ``b`` of the recording."""
    some = None if codes is None else ([codes[0][i] for i in a], [codes[1][j] for j in b])
    match = match_pulses(onsets.time[a], recording[b], tolerance, max_drift, prior, some, running)
    video, rec = a[match.best.video], b[match.best.recording]
    line, onset, parameters, shared = fit_piece(onsets, video, recording[rec], max_drift)
    found = [Piece(video, rec, onset, line, match, parameters, shared)]
    sides = ((a[a < video[0]], b[b < rec[0]], 0), (a[a > video[-1]], b[b > rec[-1]], len(found)))
    for left_a, left_b, place in sides:
        if min(len(left_a), len(left_b)) < MIN_PULSES:
            continue
        try:
            more = _find_pieces(onsets, recording, left_a, left_b, tolerance, max_drift, None, codes)
        except AlignmentError:
            continue
        found = more + found if place == 0 else found + more
    return found


def _check_cuts(
    pieces: list[Piece],
    video: FloatArray,
    recording: FloatArray,
    tolerance: float,
    max_drift: float,
    breaks: Breaks,
) -> None:
    """Refuse a piece over missing samples whose pulses fit by the coarse offset alone: they do so by every period."""
    for piece in pieces:
        a, b = video[piece.video], recording[piece.recording]
        cuts = [start for start, stop in breaks.gaps if start == stop and b[0] < start < b[-1]]
        if not cuts:
            continue
        try:
            match_pulses(a, b, tolerance, max_drift)
        except AlignmentError:
            raise AlignmentError(
                f"The recording lacks samples at {cuts[0]:.1f} s, and its pulses are too regular to tell how many: "
                "they fit after a pause of any number of periods; give the parts as runs of their own, or use "
                "random intervals."
            ) from None


def _place_breaks(
    pieces: list[Piece], video: FloatArray, recording: FloatArray, breaks: Breaks
) -> tuple[list[float], list[Line | None], list[str]]:
    """Where each piece begins on ``video_time``, and notes; a None among the lines is a stretch without time."""
    limits: list[float] = [-np.inf]
    lines: list[Line | None] = [pieces[0].line]
    for before, after in pairwise(pieces):
        span = float(video[before.video[-1]]), float(video[after.video[0]])
        stop, start = _break_between(before, after, span, recording, breaks)
        if stop < start:
            limits.append(stop)
            lines.append(None)
        limits.append(start)
        lines.append(after.line)
    first, last = float(video[pieces[0].video[0]]), float(video[pieces[-1].video[-1]])
    # No pulse vouches for the time beyond a break before the first or after the last pulse.
    earlier = [v for v in _possible_breaks(pieces[0], recording, breaks) if v <= first]
    later = [v for v in _possible_breaks(pieces[-1], recording, breaks) if v > last]
    notes = []
    for piece, behind in ((pieces[0], False), (pieces[-1], True)):
        seen, recorded = _alone(piece, behind, video, recording, breaks)
        if seen and recorded:
            (later if behind else earlier).append(float(np.nextafter(last, np.inf)) if behind else first)
            where = f"after the pulse at {last:.1f} s" if behind else f"before the pulse at {first:.1f} s"
            notes.append(
                f"{seen} pulses of the video {where} of video time and {recorded} of the recording do not fit "
                "together: the camera was restarted or the recording paused; at least "
                f"{MIN_PULSES} pulses a piece are needed."
            )
    if earlier:
        limits[:1] = [-np.inf, max(earlier)]
        lines[:0] = [None]
    if later:
        limits.append(min(later))
        lines.append(None)
    return limits, lines, notes


def _possible_breaks(piece: Piece, recording: FloatArray, breaks: Breaks) -> list[float]:
    """Video times beyond which the map of a piece may not hold: of files, missing samples, and long frame gaps.

    Where the samples of a pause are there, the recording's clock goes on. A shorter frame gap is a dropped frame.
    """
    first, last = recording[piece.recording[0]], recording[piece.recording[-1]]
    cuts = [start for start, stop in breaks.gaps if start == stop and not first < start < last]
    found = [*breaks.video, *map(piece.line.video_time, cuts)]
    if breaks.video_time is None or len(breaks.video_time) < 2:
        return found
    t = breaks.video_time
    interval = np.diff(t)
    wide = interval > max(LONG_GAP, FRAME_GAP * float(np.median(interval)))
    return [v for v in (*found, *t[1:][wide].tolist()) if t[0] < v <= t[-1]]


def _alone(
    piece: Piece, after: bool, video: FloatArray, recording: FloatArray, breaks: Breaks
) -> tuple[int, int]:
    """Numbers of pulses before or after a piece on the two sides, if it is unlikely that they miss each other.

    Only pulses that the other side could have seen count: a camera or a recording may start late or stop early.
    """
    line = piece.line
    mapped = line.time(video)
    first, last = piece.video[0], piece.video[-1]
    a = mapped[last + 1 :] if after else mapped[:first]
    b = recording[piece.recording[-1] + 1 :] if after else recording[: piece.recording[0]]
    t = video if breaks.video_time is None or len(breaks.video_time) == 0 else breaks.video_time
    filmed = line.time(t[[0, -1]])
    seen = int(np.sum((a >= min(0.0, recording[0])) & (a <= max(recording[-1], breaks.stop))))
    recorded = int(np.sum((b >= filmed[0]) & (b <= filmed[1])))
    within = max(last - first, piece.recording[-1] - piece.recording[0]) + 1
    missed = 1 - len(piece.video) / (within + 1)
    fewer = min(seen, recorded)
    return (seen, recorded) if fewer >= MIN_ALONE and missed**fewer < MAX_ALONE_P else (0, 0)


def _break_between(
    before: Piece, after: Piece, span: tuple[float, float], recording: FloatArray, breaks: Breaks
) -> tuple[float, float]:
    """Video time at which the first piece ends and at which the second begins.

    A pause whose samples are there moves no clock, so that a file's start explains the break without it.
    """
    files = [v for v in breaks.video if span[0] < v <= span[1]]
    low, high = recording[before.recording[-1]], recording[after.recording[0]]
    gaps = [g for g in breaks.gaps if low <= g[0] and g[1] <= high and (g[0] == g[1] or not files)]
    if files or gaps:
        stop = min([*files, *(before.line.video_time(g[0]) for g in gaps)])
        start = max([*files, *(after.line.video_time(g[1]) for g in gaps)])
        return max(stop, span[0]), min(start, span[1])
    if breaks.video_time is not None:
        t = breaks.video_time
        inside = t[(t >= span[0]) & (t <= span[1])]
        if len(inside) > 2:
            interval = np.diff(inside)
            widest = int(np.argmax(interval))
            if interval[widest] > FRAME_GAP * np.median(np.diff(t)):
                return float(inside[widest + 1]), float(inside[widest + 1])
    return float(np.nextafter(span[0], np.inf)), span[1]


def _alignment(
    lines: Sequence[Line | None],
    limits: Sequence[float],
    pulses: tuple[FloatArray, FloatArray, FloatArray],
    unmatched: tuple[FloatArray, FloatArray],
    source: str,
    details: AlignmentDetails,
    notes: tuple[str, ...],
    floor: Sequence[float],
    jitter: float = 0.0,
    shared: float = 0.0,
) -> Alignment:
    nothing = np.nan
    return Alignment(
        video_start=np.array(limits, dtype=np.float64),
        origin=np.array([nothing if x is None else x.origin for x in lines]),
        slope=np.array([nothing if x is None else x.slope for x in lines]),
        intercept=np.array([nothing if x is None else x.intercept for x in lines]),
        variance=np.array([(nothing,) * 3 if x is None else x.variance_with(shared) for x in lines]),
        t_factor=np.array([nothing if x is None else x.t_factor for x in lines]),
        floor=np.array([nothing if x is None else more for x, more in zip(lines, floor, strict=True)]),
        pulse_video_time=pulses[0],
        pulse_time=pulses[1],
        residual=pulses[2],
        unmatched_video=unmatched[0],
        unmatched_recording=unmatched[1],
        source=source,
        details=details,
        notes=notes,
        jitter=jitter,
    )


def line_alignment(
    line: Line,
    pulses: tuple[FloatArray, FloatArray],
    source: str,
    floor: float = 0.0,
    details: AlignmentDetails | None = None,
    notes: tuple[str, ...] = (),
    unmatched: tuple[FloatArray, FloatArray] | None = None,
    jitter: float = 0.0,
) -> Alignment:
    """An `Alignment` of one piece."""
    none = np.empty(0)
    return _alignment(
        [line],
        [-np.inf],
        pulses=(*pulses, line.residual),
        unmatched=unmatched or (none, none),
        source=source,
        details=details or AlignmentDetails(),
        notes=notes,
        floor=[floor],
        jitter=jitter,
    )


def _describe(piece: Piece) -> PieceDetails:
    best, rival = piece.match.best, piece.match.rival
    return PieceDetails(
        n_matched=len(piece.video),
        n_possible=int(best.n_possible),
        drift_ppm=float(1e6 * (1 / piece.line.slope - 1)),
        offset=float(piece.line.intercept - piece.line.slope * piece.line.origin),
        residual_sd=float(np.std(piece.line.residual)),
        log10_false_alarms=float(best.log_false_alarms),
        runner_up=None
        if rival is None
        else RivalMatch(
            n_matched=len(rival.video),
            offset=float(rival.offset),
            drift_ppm=float(1e6 * (1 / rival.slope - 1)),
            p=piece.match.rival_p,
        ),
    )


def _notes(pieces: list[Piece], limits: list[float], lines: list[Line | None]) -> tuple[str, ...]:
    notes = []
    if len(pieces) > 1:
        at = ", ".join(f"{v:.1f}" for v in limits[1:])
        notes.append(
            f"The clocks agree in {len(pieces)} separate pieces (breaks at {at} s of video time): the camera "
            "was restarted or the recording paused."
        )
    for i, line in enumerate(lines):
        if line is None:
            stop = f"{limits[i + 1]:.1f} s" if i + 1 < len(limits) else "the end"
            start = "the start" if np.isneginf(limits[i]) else f"{limits[i]:.1f} s"
            notes.append(
                f"No pulse tells the time of the video from {start} to {stop}: its frames have none."
            )
    return tuple(notes)
