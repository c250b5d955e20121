"""Whether a point that a person gives is in a face, so that what no session can be processed with is never stored.

The faces are those of the record of all faces (`enicfer.pipeline.people`). Points are in px of the upright full-size
picture.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from enicfer.errors import InputError
from enicfer.pipeline.people import KnownFaces
from enicfer.records import FloatArray, RunResult
from enicfer.records.review import PARTICIPANT, ReviewEntry

UNCHECKED = (
    "No record of all faces was kept for this run, so it was not checked that there is a face: the next enicfer "
    "process-session keeps one, and refuses a point in no face."
)


def check_point(
    run: RunResult, faces: KnownFaces | None, facts: Mapping[str, Any], points: Sequence[ReviewEntry] = ()
) -> str:
    """Refuse a point at no face, or at a second participant.

    Parameters
    ----------
    run
        The results.
    faces
        All faces of its video, None where they are not known.
    facts
        ``kind``, ``frame``, ``x`` and ``y`` of the correction.
    points
        Where others, and the coder in other frames, point at the participant.

    Returns
    -------
    str
        A sentence where it could not be checked, else "".

    Raises
    ------
    InputError
        With what there is instead, and what to do.
    """
    frame, x, y = facts["frame"], facts["x"], facts["y"]
    imported = run.provenance.model.imported
    if imported is not None and facts["kind"] == PARTICIPANT:
        raise InputError(
            f"The faces of this run come from {imported}, where the face is chosen already: to point at the "
            "participant, take trace out of session.toml."
        )
    if faces is None:
        left, top, right, bottom = run.faces.box[frame]
        if left <= x <= right and top <= y <= bottom:
            return ""
        if imported is None and run.faces.n_faces[frame] == 0:
            raise InputError(_no_face(frame, np.flatnonzero(run.faces.n_faces)))
        return UNCHECKED
    hit = faces.at(frame, x, y)
    if not hit.size:
        raise InputError(_not_here(faces, frame, x, y))
    if facts["kind"] == PARTICIPANT:
        _check_participant(faces, hit, frame, points)
    return ""


def _check_participant(
    faces: KnownFaces, hit: npt.NDArray[np.intp], frame: int, points: Sequence[ReviewEntry]
) -> None:
    known = hit[faces.person[hit] >= 0]
    if not known.size:
        raise InputError(
            f"The face here in frame {frame} was seen too briefly to be followed: point at the same person in "
            "another frame."
        )
    person = faces.person[known[0]]
    with_it = faces.frame[faces.person == person]
    for entry in points:
        other = faces.at(entry.frame or 0, entry.x or 0.0, entry.y or 0.0)
        other = other[faces.person[other] >= 0]
        theirs = faces.person[other[0]] if other.size else person
        if theirs != person and np.isin(faces.frame[faces.person == theirs], with_it).any():
            raise InputError(
                f"This is not the person at whom {entry.coder} pointed in frame {entry.frame}, and both are in "
                "one picture: take that point back first, or point at the same person."
            )


def _not_here(faces: KnownFaces, frame: int, x: float, y: float) -> str:
    box = faces.box[faces.in_frame(frame)].astype(float)
    if not len(box):
        return _no_face(frame, np.unique(faces.frame))
    aside = np.maximum(np.maximum(box[:, :2] - (x, y), (x, y) - box[:, 2:]), 0)
    away = np.hypot(*aside.T)
    nearest = int(np.argmin(away))
    return (
        f"There is no face where you clicked in frame {frame}: the nearest one is {_way(box[nearest], x, y)}. Click "
        "inside a face."
    )


def _way(box: FloatArray, x: float, y: float) -> str:
    """In which direction a box (left, top, right, bottom) is from a point outside of it, in words."""
    left, top, right, bottom = box
    parts = ["above" if bottom < y else "below"] if not top <= y <= bottom else []
    parts += ["to the left" if right < x else "to the right"] if not left <= x <= right else []
    return " and ".join(parts)


def _no_face(frame: int, others: npt.NDArray[Any]) -> str:
    """``others`` are the frames with a face, ascending."""
    at = int(np.searchsorted(others, frame))
    near = [str(number) for number in others[max(0, at - 1) : at + 1].tolist()]
    if not near:
        return "No face was found in any frame of this run, so none can be pointed at."
    names = f"frame with one is {near[0]}" if len(near) == 1 else f"frames with one are {' and '.join(near)}"
    return f"Frame {frame} has no face: the nearest {names}. Go there and click on a face."
