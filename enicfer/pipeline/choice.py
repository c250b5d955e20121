"""Whom results follow, and whether what people said of them is about that face.

A face is told by where it is: an entry of a review notes a few places of the face that was followed when it was given
(`note_face`), and is about the face that is followed now if that is in the same places. Where no frame can be
compared, by what the participant was chosen decides: points, a photo, or a region of the picture.

Points and boxes are in px of the upright full-size picture.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from enicfer.io.pictures import PICTURES
from enicfer.pipeline.provenance import hash_content
from enicfer.records import FloatArray, Provenance, RunResult
from enicfer.records.review import PARTICIPANT, Following, Place, ReviewEntry, points_of

_Point = tuple[str, tuple[float, ...]]  # camera, and frame, x, y
Boxes = Mapping[Place, Sequence[float]]
LookUp = Callable[[Sequence[Place]], Boxes]


def follow_review(provenance: Provenance, entries: Sequence[ReviewEntry], look_up: LookUp) -> Following:
    """Whom results follow, as what all coders say of the run needs it.

    Parameters
    ----------
    provenance
        Of the results.
    entries
        What all coders say of the run (`enicfer.records.review.standing`).
    look_up
        The followed face in some places; one in which nobody is followed is missing.
    """
    cameras = tuple(provenance.cameras or ("",))
    plain = Following(name_choice(provenance), cameras=cameras)
    places = {(camera, frame) for entry in entries for camera, frame, _, _ in entry.places}
    places |= {plain.place_of(entry) for entry in entries if entry.kind == PARTICIPANT}
    boxes = look_up(sorted(places))
    known = Following(plain.name, boxes, cameras=cameras)
    pending = _is_pending(provenance, entries, known)
    return Following(
        name_next_choice(provenance, entries) if pending else plain.name,
        boxes,
        pending,
        max((entry.at for entry in entries if entry.kind == PARTICIPANT), default=""),
        cameras,
    )


def boxes_of(run: RunResult) -> LookUp:
    """The followed face in places of a run."""
    tracks = _tracks(run)

    def look_up(places: Sequence[Place]) -> Boxes:
        found = {}
        for camera, frame in places:
            box = tracks[camera][0] if camera in tracks else np.zeros((0, 4))
            if 0 <= frame < len(box) and np.isfinite(box[frame]).all():
                found[camera, frame] = tuple(float(side) for side in box[frame])
        return found

    return look_up


def note_face(run: RunResult, most: int, start: float = -math.inf, stop: float = math.inf) -> tuple[int, ...]:
    """Where the followed face of a run is, as `enicfer.records.review.ReviewEntry.seen` has it.

    Parameters
    ----------
    run
        With all its cameras.
    most
        Places of each camera.
    start, stop
        s of the recording's time between which places are taken if the face is there, else from the whole run.
    """
    noted: list[int] = []
    for number, (box, time) in _tracks(run).items():
        there = np.isfinite(box).all(axis=1)
        within = there & (time >= start) & (time <= stop)
        frames = np.flatnonzero(within if within.any() else there)
        chosen = np.linspace(0, len(frames) - 1, min(most, len(frames))).round().astype(int)
        for frame in frames[chosen].tolist():
            left, top, right, bottom = box[frame].tolist()
            noted += [number, frame, round((left + right) / 2), round((top + bottom) / 2)]
    return tuple(noted)


def _tracks(run: RunResult) -> dict[int, tuple[FloatArray, FloatArray]]:
    """Number of each camera -> the followed face's box (n, 4), and the time (n,) of each frame."""
    if run.cameras is None:
        return {0: (np.asarray(run.faces.box, np.float64), run.time)}
    numbers = {name: number for number, name in enumerate(run.provenance.cameras or run.cameras.names)}
    return {
        numbers[track.name]: (np.asarray(track.faces.box, np.float64), track.time)
        for track in run.cameras.tracks
    }


def name_choice(provenance: Provenance) -> str:
    """By what a result's face was chosen: a hash of the points, the photo or the region that said who it is."""
    return _name_choice(provenance, _given(provenance))


def name_next_choice(provenance: Provenance, entries: Sequence[ReviewEntry]) -> str:
    """`name_choice` of the results once they follow what all coders say of the run: ``entries`` that hold."""
    points, given = pointed_at(provenance, entries), _given(provenance)
    known = provenance.review.n_points if provenance.review is not None else 0
    if known == len(points) and all(point in given for point in points):
        return name_choice(provenance)
    replaced = {camera for camera, _ in points}
    kept = [point for point in given if point[0] not in replaced] if provenance.cameras else []
    return _name_choice(provenance, [*points, *kept])


def count_followed(provenance: Provenance, entries: Sequence[ReviewEntry]) -> int:
    """How many points of a review are those by which the participant was chosen; 0 where others are."""
    points, given = pointed_at(provenance, entries), _given(provenance)
    return len(points) if all(point in given for point in points) else 0


def _is_pending(provenance: Provenance, entries: Sequence[ReviewEntry], now: Following) -> bool:
    """Whether the review names another participant than the results follow, or has taken the points back."""
    given = _given(provenance)
    points = pointed_at(provenance, entries)
    agreed = set(pointed_at(provenance, [entry for entry in entries if now.confirms(entry)]))
    if any(point not in given and point not in agreed for point in points):
        return True
    known = provenance.review.n_points if provenance.review is not None else 0
    taken_back = known > sum(point in given for point in points)
    return taken_back and (provenance.cameras is not None or not points)


def _name_choice(provenance: Provenance, points: Iterable[_Point]) -> str:
    said = sorted([*([camera] if camera else []), *place] for camera, place in points)
    if said:
        return hash_content({"points": said})[:12]
    inputs = provenance.inputs.items() if provenance.photo_given else ()
    photos = sorted(sha for name, sha in inputs if Path(name).suffix.lower() in PICTURES)
    regions = _regions(provenance)
    return hash_content({"photos": photos, **({"regions": regions} if regions and not photos else {})})[:12]


def _regions(provenance: Provenance) -> list[list[object]]:
    """Camera ("" of one) and region of the picture in which the participant sits."""
    if provenance.cameras is None:
        region = provenance.participant_region
        return [["", *region]] if region is not None else []
    cameras = sorted(provenance.cameras.items())
    return [[name, *own.participant_region] for name, own in cameras if own.participant_region is not None]


def _given(provenance: Provenance) -> list[_Point]:
    """Camera ("" of one) and place of each point that said who the participant is."""
    if provenance.cameras is None:
        return [("", _plain(point)) for point in provenance.faces_given]
    return [(name, _plain(point)) for name, own in provenance.cameras.items() for point in own.faces_given]


def pointed_at(provenance: Provenance, entries: Sequence[ReviewEntry]) -> list[_Point]:
    """Camera ("" of one) and place of each point of a review."""
    if provenance.cameras is None:
        return [("", _plain(point)) for point in points_of(entries)]
    first = next(iter(provenance.cameras), "")
    return [
        (name, _plain(point))
        for name in provenance.cameras
        for point in points_of(entries_of_camera(entries, name, first))
    ]


def entries_of_camera(entries: Sequence[ReviewEntry], camera: str, first: str) -> list[ReviewEntry]:
    """Those that are of a camera; one that names none is of the first."""
    return [entry for entry in entries if (entry.camera or first) == camera]


def _plain(point: Sequence[float]) -> tuple[float, ...]:
    return tuple(float(value) for value in point)
