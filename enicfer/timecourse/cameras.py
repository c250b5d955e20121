"""One trace from several cameras: at each time the frames of the camera with the best view. Pure: no files.

A second without a video costs 2, without a valid frame 1, with a valid one up to half, the more the head is turned
from the camera; a change of camera costs a quarter. Of all sequences of cameras the one with the least cost is taken
(Viterbi 1967, doi:10.1109/TIT.1967.1054010). So what is valid goes before what is not, then the face that is turned
less; a camera takes over only where that gains more than the change costs, which single frames do not. The rule
looks to both sides in time, so a change is neither early nor late. The first camera is in use until another one takes
over, and where several moments for that cost the same, it is the last of them.

Rows are frames of the cameras as they were taken. Nothing is moved in time or mixed, so a row's time and its bound
are those of its own frame. Times are s on the recording's clock unless said otherwise.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from enicfer.errors import InputError
from enicfer.records import (
    CameraChange,
    CameraQuality,
    Cameras,
    CamerasQuality,
    CameraTrack,
    ExpressionTrace,
    FaceTrack,
    Float32Array,
    FloatArray,
    Status,
    take_part,
)
from enicfer.records.inverse import video_time_at
from enicfer.timecourse.quality import summarise_alignment
from enicfer.timecourse.segments import frame_support

NO_VIDEO, INVALID, CHANGE = 2.0, 1.0, 0.25  # costs: for each s, for each s, for each change
SAME = 1e-9  # costs that differ by less are equal
TURNED = 0.5 / 90  # for each s and degree of yaw of a valid frame
UNKNOWN_YAW = 45.0  # degrees; a table of another program may not say how the head is turned
SHARE = "fer_camera_"  # begins the columns of the trials that say which camera their values are from
FEW_SAME, LONG_ENOUGH = (
    0.5,
    5.0,
)  # a fraction, and s for which two cameras must be valid, to warn of what they say


@dataclass(frozen=True)
class _Stretches:
    """The time cut where any frame of a camera begins or ends to stand for it.

    Attributes
    ----------
    edges
        ``(m + 1,)`` s.
    frame
        ``(k, m)`` frame of each camera that stands for each stretch, -1 for none.
    """

    edges: FloatArray
    frame: npt.NDArray[np.intp]

    @property
    def length(self) -> FloatArray:
        """``(m,)`` s."""
        return np.asarray(np.diff(self.edges))


def merge_cameras(
    tracks: Sequence[CameraTrack], left_out: Mapping[str, str]
) -> tuple[Cameras, FaceTrack, ExpressionTrace, FloatArray]:
    """Make one trace of several cameras; see the module.

    Parameters
    ----------
    tracks
        Of the cameras whose clock is related to the recording's, one or more.
    left_out
        The others, and why.

    Returns
    -------
    cameras, faces, expression, time
        Parts of a `RunResult`. Frames without a time on the recording's clock are in no row.

    Raises
    ------
    InputError
        If the cameras' traces do not have the same labels.
    """
    for track in tracks[1:]:
        if track.expression.labels != tracks[0].expression.labels:
            raise InputError(
                f"The traces of the cameras {tracks[0].name} and {track.name} have the expressions "
                f"{', '.join(tracks[0].expression.labels)} and {', '.join(track.expression.labels)}",
                remedy="give traces of one program",
            )
    stretches = _cut(tracks)
    chosen = _choose(_costs(tracks, stretches))
    rows = []
    for number, track in enumerate(tracks):
        placed = np.flatnonzero(np.isfinite(track.time))
        if chosen.size:
            place = np.searchsorted(stretches.edges, track.time[placed], side="right") - 1
            placed = placed[chosen[np.clip(place, 0, chosen.size - 1)] == number]
        elif number:
            placed = placed[:0]
        rows.append(placed)
    camera = np.repeat(np.arange(len(tracks)), [len(frames) for frames in rows])
    frame = np.concatenate(rows)
    time = np.concatenate([track.time[frames] for track, frames in zip(tracks, rows, strict=True)])
    order = np.argsort(time, kind="stable")
    cameras = Cameras(
        tuple(tracks), camera[order].astype(np.uint8), frame[order].astype(np.int64), dict(left_out)
    )
    time = time[order]
    faces, expression = _gather(cameras, _first_clock(cameras, time))
    return cameras, faces, expression, time


def _cut(tracks: Sequence[CameraTrack]) -> _Stretches:
    read = [np.flatnonzero(take_part(track.expression, track.time)) for track in tracks]
    supports = [frame_support(track.time[frames]) for track, frames in zip(tracks, read, strict=True)]
    edges = np.unique(np.concatenate([np.concatenate(support) for support in supports]))
    middle = edges[:-1] + np.diff(edges) / 2
    frame = np.full((len(tracks), middle.size), -1, np.intp)
    for number, (frames, (start, stop)) in enumerate(zip(read, supports, strict=True)):
        if frames.size:
            place = np.searchsorted(start, middle, side="right") - 1
            inside = (place >= 0) & (middle < stop[np.clip(place, 0, None)])
            frame[number, inside] = frames[place[inside]]
    return _Stretches(edges, frame)


def _costs(tracks: Sequence[CameraTrack], stretches: _Stretches) -> FloatArray:
    """``(k, m)`` cost of each camera over each stretch."""
    found = np.full(stretches.frame.shape, NO_VIDEO)
    for number, track in enumerate(tracks):
        yaw = np.abs(track.faces.measures.get("yaw", np.full(track.time.size, np.nan)).astype(np.float64))
        turned = TURNED * np.minimum(np.where(np.isfinite(yaw), yaw, UNKNOWN_YAW), 90.0)
        cost = np.where(track.expression.ok, turned, INVALID)
        there = stretches.frame[number] >= 0
        found[number, there] = cost[stretches.frame[number, there]]
    return found * stretches.length


def _choose(cost: FloatArray) -> npt.NDArray[np.intp]:
    """Number of the camera for each stretch: the sequence of the least cost."""
    number, length = cost.shape
    before = np.zeros((length, number), np.intp)
    best = [0.0] + [CHANGE] * (number - 1)
    for i, step in enumerate(cost.T.tolist()):
        lead = min(range(number), key=best.__getitem__)
        level = best[lead] + CHANGE
        for k in range(number):
            taken = k != lead and level <= best[k] + SAME
            before[i, k] = lead if taken else k
            best[k] = (level if taken else best[k]) + step[k]
    chosen = np.zeros(length, np.intp)
    now = min(range(number), key=best.__getitem__)
    for i in range(length - 1, -1, -1):
        chosen[i] = now
        now = int(before[i, now])
    return chosen


def _first_clock(cameras: Cameras, time: FloatArray) -> FloatArray:
    """``(n,)`` s: where the first camera's clock stood at each row's time, its own stamps for its own rows."""
    first = cameras.tracks[0]
    ahead = video_time_at(first.alignment, time)
    own = cameras.camera == 0
    ahead[own] = first.faces.video_time[cameras.frame[own]]
    return ahead


def _gather(cameras: Cameras, video_time: FloatArray) -> tuple[FaceTrack, ExpressionTrace]:
    """The rows' faces and expressions."""
    tracks, order = cameras.tracks, [cameras.camera == number for number in range(len(cameras.tracks))]

    def rows(parts: Sequence[np.ndarray]) -> np.ndarray:
        out = np.empty((video_time.size, *parts[0].shape[1:]), parts[0].dtype)
        for part, own in zip(parts, order, strict=True):
            out[own] = part[cameras.frame[own]]
        return out

    faces = [track.faces for track in tracks]
    names = dict.fromkeys(name for face in faces for name in face.measures)
    unknown = [np.full(face.video_time.size, np.nan, np.float32) for face in faces]
    gathered = replace(
        faces[0],
        video_time=video_time,
        box=rows([face.box for face in faces]),
        landmarks=rows([face.landmarks for face in faces]),
        score=rows([face.score for face in faces]),
        status=rows([face.status for face in faces]),
        n_faces=rows([face.n_faces for face in faces]),
        measures={
            name: rows([face.measures.get(name, none) for face, none in zip(faces, unknown, strict=True)])
            for name in names
        },
        notes=tuple(f"Camera {track.name}: {note}" for track in tracks for note in track.faces.notes),
    )
    expressions = [track.expression for track in tracks]
    trace = replace(
        expressions[0],
        video_time=video_time,
        probability=rows([expression.probability for expression in expressions]),
        status=rows([expression.status for expression in expressions]),
    )
    return gathered, trace


def camera_shares(cameras: Cameras, expression: ExpressionTrace) -> dict[str, Float32Array]:
    """Column -> ``(n,)``: 1 in valid rows of a camera, 0 in those of the others, NaN in rows that are not valid."""
    return {
        f"{SHARE}{name}": np.where(expression.ok, cameras.camera == number, np.nan).astype(np.float32)
        for number, name in enumerate(cameras.names)
    }


def bound_trials(
    trials: pd.DataFrame, cameras: Cameras, time: FloatArray, window: tuple[float, float]
) -> pd.DataFrame:
    """The trials with the widest bound, at their middle, of the cameras that have rows in their window."""
    onset = trials["onset"].to_numpy(np.float64)
    centre = onset + sum(window) / 2
    maps = [track.alignment for track in cameras.tracks]
    bounds = np.stack([each.uncertainty(video_time_at(each, centre)) for each in maps], axis=1)
    first = np.searchsorted(time, onset + window[0], side="left")
    last = np.searchsorted(time, onset + window[1], side="right")
    for row, (a, b) in enumerate(zip(first.tolist(), last.tolist(), strict=True)):
        if b > a:
            bounds[row, ~np.isin(np.arange(len(cameras.tracks)), cameras.camera[a:b])] = np.nan
    widest = np.max(np.where(np.isfinite(bounds), bounds, -np.inf), axis=1, initial=-np.inf)
    return trials.assign(fer_time_uncertainty=np.where(np.isfinite(widest), widest, np.nan))


def bound_at(time: FloatArray, bound: FloatArray, wanted: FloatArray) -> FloatArray:
    """The larger bound of the two rows around each of the times ``wanted`` (m,); ``time`` and ``bound`` (n,) in s."""
    if not time.size:
        return np.full(wanted.size, np.nan)
    after = np.clip(np.searchsorted(time, wanted), 0, time.size - 1)
    return np.maximum(bound[after], bound[np.clip(after - 1, 0, None)])


def list_changes(cameras: Cameras, time: FloatArray) -> list[tuple[str, float, float]]:
    """Camera, and first and last time (s) of each run of rows from one camera; ``time`` (n,) of the rows."""
    if not time.size:
        return []
    cut = np.flatnonzero(np.diff(cameras.camera)) + 1
    firsts, lasts = np.r_[0, cut], np.r_[cut, time.size] - 1
    return [
        (cameras.names[cameras.camera[a]], float(time[a]), float(time[b]))
        for a, b in zip(firsts.tolist(), lasts.tolist(), strict=True)
    ]


def assess_cameras(
    cameras: Cameras, expression: ExpressionTrace, time: FloatArray, duration: float
) -> CamerasQuality:
    """The numbers by which each camera is judged.

    Parameters
    ----------
    cameras, expression, time
        Of the run.
    duration
        Of the recording, in s.
    """
    start, stop = frame_support(time)
    weight = np.where(expression.ok, np.maximum(stop - start, 0), 0.0)
    total = float(weight.sum())
    found = {}
    for number, track in enumerate(cameras.tracks):
        own = track.expression.status
        inside = (track.time >= 0) & (track.time <= duration) & (own != Status.NOT_ANALYSED)
        found[track.name] = CameraQuality(
            n_frames=int(own.size),
            status={status.label: int((own == status).sum()) for status in Status},
            n_frames_inside=int(inside.sum()),
            valid_fraction=_ratio(float(track.expression.ok.sum()), float(inside.sum())),
            n_frames_used=int((cameras.camera == number).sum()),
            used_fraction=_ratio(float(weight[cameras.camera == number].sum()), total),
            sync=summarise_alignment(track.alignment, track.faces.video_time[inside]),
        )
    both, same = _compare(cameras.tracks)
    changes = list_changes(cameras, time)
    return CamerasQuality(
        cameras=found,
        left_out=dict(cameras.left_out),
        n_changes=len(changes) - 1 if changes else 0,
        changes=tuple(CameraChange(round(start, 6), name) for name, start, _ in changes),
        both_valid=round(both, 4),
        same_expression=_ratio(same, both),
    )


def _compare(tracks: Sequence[CameraTrack]) -> tuple[float, float]:
    """For how many s two cameras or more are valid, and for how many of these they name the same expression."""
    stretches = _cut(tracks)
    named = np.full(stretches.frame.shape, -1)
    for number, track in enumerate(tracks):
        winner = np.where(
            track.expression.ok, np.nan_to_num(track.expression.probability, nan=-1).argmax(axis=1), -1
        )
        there = stretches.frame[number] >= 0
        named[number, there] = winner[stretches.frame[number, there]]
    valid = named >= 0
    several = valid.sum(axis=0) > 1
    highest, lowest = named.max(axis=0), np.where(valid, named, np.iinfo(named.dtype).max).min(axis=0)
    length = stretches.length
    return float(length[several].sum()), float(length[several & (highest == lowest)].sum())


def warn_of_cameras(quality: CamerasQuality) -> list[str]:
    """Sentences on the cameras that a user should read before the numbers."""
    found = [f"The camera {name} was left out: {reason}" for name, reason in quality.left_out.items()]
    same = quality.same_expression
    if same is not None and quality.both_valid >= LONG_ENOUGH and same < FEW_SAME:
        found.append(
            f"Where two cameras are valid ({quality.both_valid:.1f} s), they name the same expression in only "
            f"{same:.0%} of the time: look whether each follows the participant."
        )
    return found


def _ratio(part: float, whole: float) -> float | None:
    return round(part / whole, 4) if whole else None
