"""A row of another program's table for each frame of the video.

Conventions: times are float64 s of video time; a row is the frame that it names, or the one nearest to its time.
"""

from collections import Counter
from collections.abc import Mapping

import numpy as np

from enicfer.errors import InputError, option
from enicfer.io.external.face_rows import FaceRows
from enicfer.io.video.frame_times import find_nearest
from enicfer.records import ExpressionTrace, FaceTrack, FloatArray, Status


def place_rows(
    rows: FaceRows, time: FloatArray, decodable: np.ndarray, source: str, of: str | None = None
) -> tuple[FaceTrack, ExpressionTrace]:
    """Give each frame of the video (``time``, ``(n,)`` s) its row; frames without one are ``NOT_ANALYSED``.

    A frame with several rows of unknown faces is ``AMBIGUOUS_PERSON``.
    """
    n = time.size
    frame, notes = _frames_of(rows, time, source)
    if frame.max() >= n:
        raise InputError(
            f"{source} speaks of frame {frame.max()} (counted from 0), but the video has {n} frames",
            remedy="check that it is the table of this video",
        )
    seen = rows.status != Status.NO_FACE
    n_faces = np.bincount(frame[seen], minlength=n)
    _check_face(Counter(name for name, there in zip(rows.who or (), seen, strict=False) if there), of, source)
    mine = seen if of is None else seen & np.array([name == of for name in rows.who or ()])
    order = np.flatnonzero(mine)
    count = np.bincount(frame[order], minlength=n)
    row = np.full(n, -1)
    row[frame[order]] = order
    row[count > 1] = -1
    status = np.full(n, Status.NOT_ANALYSED, np.uint8)
    status[frame] = Status.NO_FACE
    status[(n_faces > 0) & (count == 0)] = Status.OTHER_PERSON
    status[count > 1] = Status.AMBIGUOUS_PERSON
    given = row >= 0
    status[given] = rows.status[row[given]]
    status[~decodable] = Status.UNDECODABLE
    given &= decodable

    def take(values: np.ndarray) -> np.ndarray:
        taken = np.full((n, *values.shape[1:]), np.nan, np.float32)
        taken[given] = values[row[given]]
        return taken

    if (count > 1).any():
        notes.append(
            f"{int((count > 1).sum())} frames have more than one face in {source}, which does not say whose they "
            "are: those are not valid."
        )
    faces = FaceTrack(
        video_time=time,
        box=take(rows.box),
        landmarks=take(rows.landmarks),
        score=take(rows.score),
        status=status,
        n_faces=np.minimum(n_faces, 255).astype(np.uint8),
        measures={name: take(values) for name, values in rows.measures.items()},
        detector=rows.program,
        notes=(*rows.notes, *notes),
    )
    return faces, ExpressionTrace(time, take(rows.probability), status, rows.labels, rows.program)


def _check_face(names: Mapping[str, int], of: str | None, source: str) -> None:
    """Refuse a face that the table does not have, and several without a word of whose it is."""
    if of is not None and of not in names:
        raise InputError(
            f"{source} has no face {of!r}: {_listed(names) if names else 'it does not tell faces apart'}",
            place=source,
            remedy="give one that it has" if names else f"leave {option('of', '--of')} out",
        )
    if of is None and len(names) > 1:
        raise InputError(
            f"{source} has {len(names)} faces ({_listed(names)})",
            place=source,
            remedy=f"say whose it is with {option('of', '--of')} when you import it",
        )


def _listed(names: Mapping[str, int]) -> str:
    return ", ".join(f"{name!r} in {count} frames" for name, count in sorted(names.items())[:8])


def _frames_of(rows: FaceRows, time: FloatArray, source: str) -> tuple[np.ndarray, list[str]]:
    """Frame of each row, and what there is to say about the program's own times."""
    since = time - time[0]
    step = float(np.median(np.diff(time))) if time.size > 1 else 1.0
    notes: list[str] = []
    if rows.frame is not None:
        frame = rows.frame
        if rows.time is not None and frame.max() < time.size:
            off = float(np.nanmax(np.abs(rows.time - since[frame]))) if np.isfinite(rows.time).any() else 0.0
            if off > step:
                notes.append(
                    f"The times in {source} are up to {off * 1000:.0f} ms off the frames' own time stamps, which "
                    "are used."
                )
    elif rows.time is not None and rows.time.size == time.size:
        frame = np.arange(time.size)
        notes.append(f"{source} has one row for each frame: rows are frames, whatever times it gives them.")
    else:
        assert rows.time is not None
        frame = find_nearest(since, rows.time)
        off = float(np.abs(rows.time - since[frame]).max())
        if off > 2 * step:
            raise InputError(
                f"{source} has {rows.time.size} rows up to {rows.time.max():.2f} s, the video "
                f"{time.size} frames up to {since[-1]:.2f} s; their times differ by up to {off * 1000:.0f} ms",
                remedy="check that it is the table of this video",
            )
        notes.append(f"{source} has times but no frame numbers: each row is the frame nearest to it.")
    missing = time.size - np.unique(frame[frame < time.size]).size
    if missing:
        notes.append(f"{source} has no row for {missing} of {time.size} frames: they are not analysed.")
    return frame, notes
