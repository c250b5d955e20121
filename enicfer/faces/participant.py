"""Whose face: join tracklets to people by their looks, and choose the participant.

Tracklets are joined while their looks are alike; two that were in the picture at the same time are never one
person. The participant is named by hints, or else is who is there most, nearest to the middle, and most of one
size. A tracklet that cannot be told to be the participant's or another's stays ambiguous.

Conventions: boxes in px, rows as in `enicfer.faces.rows.ROW`, hints' points in px of the upright picture, regions
in fractions of it.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from enicfer.errors import PointError
from enicfer.faces.appearance import appearance_distance
from enicfer.faces.occlusion import measure_occlusion
from enicfer.faces.photo import compare_people
from enicfer.faces.rows import Signatures
from enicfer.records import FacePoint, Float32Array, FloatArray, Status, UInt8Array

RowArray = npt.NDArray[Any]
# Looks: below SAME two tracklets are one person's, above OTHER they are two people's; between, nobody can tell. Men
# in one room differ by 0.3 to 0.7, one man's tracklets of 20 frames by less than 0.3 (`enicfer.faces.appearance`).
SAME, OTHER = 0.3, 0.8
# Tracklets shorter than this (frames) join people but make none.
MIN_ROWS = 8
# The choice is not made below these confidences: by a photo, and by who is there most. The latter is reached where,
# all else being equal, one is there half as long again as the next.
MIN_ALIKE, MIN_LEAD = 0.6, 0.7


@dataclass(frozen=True)
class Hints:
    """Who the participant is.

    Attributes
    ----------
    faces
        ``(frame, x, y)``: frame number and a point in px in the participant's face.
    region
        ``(left, top, right, bottom)`` in fractions of the picture in which the participant sits, or None.
    photo
        Signature of the participant's face (`enicfer.faces.photo.describe_photo`), or None. Points go before it.
    """

    faces: tuple[FacePoint, ...] = ()
    region: tuple[float, float, float, float] | None = None
    photo: UInt8Array | None = None


@dataclass(frozen=True)
class Choice:
    """Who was chosen.

    Attributes
    ----------
    row
        (n,) row of the participant's face in each frame, -1 where there is none.
    reason
        (n,) `Status` of the frames without one.
    occlusion
        (number of frames with a row,) evidence for a covered face, 0..1.
    confidence
        0..1.
    notes
        Things worth telling the user, one sentence each.
    """

    row: npt.NDArray[np.int64]
    reason: UInt8Array
    occlusion: Float32Array
    confidence: float
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Summary:
    """Tracklets in numbers: rows, first and last frame, median centre and size, mean looks.

    Centres are fractions of the picture's width and height, sizes of its longer side.
    """

    count: npt.NDArray[np.intp]
    first: npt.NDArray[np.int32]
    last: npt.NDArray[np.int32]
    centre: FloatArray
    size: FloatArray
    looks: FloatArray


def choose_participant(
    rows: RowArray,
    signatures: Signatures,
    n_frames: int,
    size: npt.ArrayLike,
    hints: Hints | None = None,
    min_score: float = 0.0,
    max_truncated: float = 1.0,
) -> Choice:
    """Say which row of each frame is the participant's.

    Parameters
    ----------
    rows
        All faces seen, sorted by frame.
    signatures
        What each of them looks like.
    n_frames
        Number of frames.
    size
        Width and height of the picture in px, (2,) or, where it changes, (n_frames, 2).
    hints
        Who the participant is, or None.
    min_score
        A face with a lower score counts for nothing when who is there most is taken: it may be none.
    max_truncated
        Likewise one of which a larger part is outside the picture: it could not be read.

    Raises
    ------
    PointError
        If a hint points at no face.
    """
    row = np.full(n_frames, -1, dtype=np.int64)
    reason = np.full(n_frames, Status.NO_FACE, dtype=np.uint8)
    if not len(rows):
        if hints is not None and hints.faces:
            raise PointError(
                "No face was found, so none can be pointed at",
                remedy="check that the video shows the participant, or choose another detector",
            )
        return Choice(row, reason, np.zeros(0, np.float32), 0.0, ("No face was found in any frame.",))
    tracklets, together, person = find_people(rows, signatures, n_frames, size)
    if hints is not None and hints.faces:
        person = _join_pointed_at(rows, person, together, hints.faces)
    score = np.where(rows["truncated"] > max_truncated, 0, rows["score"])
    sure = score >= min(min_score, score[person[rows["tracklet"]] >= 0].max())
    chosen, confidence, notes = _name_participant(rows, signatures, tracklets, person, n_frames, hints, sure)
    if chosen < 0 and confidence > 0:
        identity = np.full(len(person), Status.AMBIGUOUS_PERSON, np.uint8)
    else:
        identity = identify(tracklets, together, person, chosen)
    for status in (Status.OTHER_PERSON, Status.AMBIGUOUS_PERSON):
        reason[rows["frame"][identity[rows["tracklet"]] == status]] = status
    mine = np.flatnonzero(identity[rows["tracklet"]] == Status.OK)
    # Of two faces of the participant in one frame (a picture on the wall, a mirror) the surer one.
    mine = mine[np.lexsort((-rows["score"][mine], rows["frame"][mine]))]
    frames, at = np.unique(rows["frame"][mine], return_index=True)
    row[frames] = mine[at]
    return Choice(row, reason, measure_occlusion(signatures.select(row[row >= 0])), confidence, notes)


def find_people(
    rows: RowArray, signatures: Signatures, n_frames: int, size: npt.ArrayLike
) -> tuple[Summary, npt.NDArray[np.bool_], npt.NDArray[np.int64]]:
    """Tracklets, which of them share a frame, and the person of each (see `join_people`); as `choose_participant`."""
    picture = np.broadcast_to(np.asarray(size, np.float64), (n_frames, 2))[rows["frame"]]
    tracklets = summarise_tracklets(rows, signatures, picture)
    together = find_coexisting(rows, len(tracklets.count))
    return tracklets, together, join_people(tracklets, together)


def summarise_tracklets(rows: RowArray, signatures: Signatures, picture: FloatArray) -> Summary:
    """One entry per tracklet, by its number; ``picture`` (m, 2) is the size in px of each row's picture."""
    order = np.argsort(rows["tracklet"], kind="stable")
    parts = np.split(order, np.flatnonzero(np.diff(rows["tracklet"][order])) + 1)
    box = rows["box"].astype(np.float64)
    centre = (box[:, :2] + box[:, 2:]) / 2 / picture
    extent = np.sqrt(np.prod(np.maximum(box[:, 2:] - box[:, :2], 1e-3), axis=1)) / picture.max(axis=1)
    return Summary(
        count=np.array([len(p) for p in parts]),
        first=np.array([rows["frame"][p[0]] for p in parts]),
        last=np.array([rows["frame"][p[-1]] for p in parts]),
        centre=np.array([np.median(centre[p], axis=0) for p in parts]),
        size=np.array([np.median(extent[p]) for p in parts]),
        looks=signatures.mean_of(rows["tracklet"], len(parts)),
    )


def find_coexisting(rows: RowArray, count: int) -> npt.NDArray[np.bool_]:
    """Which tracklets (count, count) share a frame."""
    together = np.zeros((count, count), dtype=np.bool_)
    most = int(np.bincount(rows["frame"]).max())
    for step in range(1, most):
        a = np.flatnonzero(rows["frame"][:-step] == rows["frame"][step:])
        i, j = rows["tracklet"][a], rows["tracklet"][a + step]
        together[i, j] = together[j, i] = True
    return together


def join_people(tracklets: Summary, together: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """Join tracklets to people, the most alike first; the person's number of each tracklet, -1 for none.

    Average linkage over the tracklets of at least `MIN_ROWS` frames, weighted with their lengths.
    """
    member = np.flatnonzero(tracklets.count >= min(MIN_ROWS, tracklets.count.max()))
    looks, weight = tracklets.looks[member].copy(), tracklets.count[member].astype(np.float64)
    apart = together[np.ix_(member, member)].copy()
    person = np.arange(len(member))
    distance = appearance_distance(looks, looks)
    distance[apart] = np.inf
    np.fill_diagonal(distance, np.inf)
    while len(member) > 1:
        i, j = np.unravel_index(int(np.argmin(distance)), distance.shape)
        if distance[i, j] >= SAME:
            break
        looks[i] = (weight[i] * looks[i] + weight[j] * looks[j]) / (weight[i] + weight[j])
        weight[i] += weight[j]
        person[person == j] = i
        apart[i] |= apart[j]
        apart[:, i] = apart[i]
        distance[j] = distance[:, j] = np.inf
        gone = ~np.isin(np.arange(len(person)), person)
        fresh = appearance_distance(looks[i], looks)[0]
        fresh[apart[i] | gone] = np.inf
        fresh[i] = np.inf
        distance[i] = distance[:, i] = fresh
    out = np.full(len(tracklets.count), -1, dtype=np.int64)
    out[member] = np.unique(person, return_inverse=True)[1]
    return out


def _name_participant(
    rows: RowArray,
    signatures: Signatures,
    tracklets: Summary,
    person: npt.NDArray[np.int64],
    n_frames: int,
    hints: Hints | None,
    sure: npt.NDArray[np.bool_],
) -> tuple[int, float, tuple[str, ...]]:
    """Person, confidence, notes; nobody (-1) where the confidence does not do. Only rows that are ``sure`` count."""
    count = int(person.max()) + 1
    if hints is not None and hints.faces:
        return _pointed_at(rows, person, hints.faces[0]), 1.0, ()
    if hints is not None and hints.photo is not None:
        best, confidence = compare_people(signatures, person[rows["tracklet"]], hints.photo)
        if confidence < MIN_ALIKE:
            return (
                -1,
                confidence,
                (
                    f"Nobody is enough like the photo (confidence {confidence:.2f}, needed {MIN_ALIKE}): say "
                    "who the participant is, with --face FRAME:X,Y, or give a photo taken in the same light.",
                ),
            )
        note = (
            f"The participant was chosen by the photo, confidence {confidence:.2f}: look whether it is right, "
            "because people who look alike can be taken for each other."
        )
        return best, confidence, (note,)
    presence = np.bincount(rows["tracklet"][sure], minlength=len(person)) / n_frames
    merit = np.zeros(count)
    for i in range(count):
        mine = person == i
        weight = tracklets.count[mine]
        centre = np.average(tracklets.centre[mine], axis=0, weights=weight)
        extent = np.average(tracklets.size[mine], weights=weight)
        steadiness = np.exp(
            -np.sqrt(np.average((np.log(tracklets.size[mine] / extent)) ** 2, weights=weight))
        )
        middle = np.exp(-2 * np.sum((centre - 0.5) ** 2))
        merit[i] = presence[mine].sum() ** 2 * middle * steadiness
        if hints is not None and hints.region is not None:
            left, top, right, bottom = hints.region
            inside = (tracklets.centre[mine] >= (left, top)).all(axis=1)
            inside &= (tracklets.centre[mine] <= (right, bottom)).all(axis=1)
            merit[i] *= weight[inside].sum() / weight.sum()
    order = np.argsort(-merit, kind="stable")
    best = int(order[0])
    if merit[best] == 0:
        return -1, 0.0, ("No face was seen in the participant's region, so none is taken for theirs.",)
    confidence = 1.0 if count == 1 else float(merit[best] / (merit[best] + merit[order[1]]))
    if confidence < MIN_LEAD:
        return (
            -1,
            confidence,
            (
                f"Two people could be the participant (confidence {confidence:.2f}, needed {MIN_LEAD}): say who is, "
                "with --face FRAME:X,Y, or with face or participant_region in session.toml.",
            ),
        )
    return best, confidence, ()


def _join_pointed_at(
    rows: RowArray,
    person: npt.NDArray[np.int64],
    together: npt.NDArray[np.bool_],
    faces: tuple[FacePoint, ...],
) -> npt.NDArray[np.int64]:
    """Make one person of those who are pointed at: in another light, say, the participant looks otherwise."""
    mine = np.isin(person, [_pointed_at(rows, person, hint) for hint in faces])
    if together[np.ix_(mine, mine)].any():
        raise PointError(
            "The faces pointed at are of two people who are both in one frame", remedy="point at one person"
        )
    joined = person.copy()
    joined[mine] = person[mine].min()
    known = joined >= 0
    joined[known] = np.unique(joined[known], return_inverse=True)[1]
    return joined


def _pointed_at(rows: RowArray, person: npt.NDArray[np.int64], hint: FacePoint) -> int:
    frame, x, y = hint
    here = rows[rows["frame"] == frame]
    left, top, right, bottom = here["box"].T if len(here) else np.zeros((4, 0))
    hit = here[(left <= x) & (x <= right) & (top <= y) & (y <= bottom)]
    hit = hit[person[hit["tracklet"]] >= 0]
    if not len(hit):
        places = "; ".join(f"{(b[0] + b[2]) / 2:.0f},{(b[1] + b[3]) / 2:.0f}" for b in here["box"])
        raise PointError(
            f"{frame}:{x:g},{y:g} points at no face that can be followed: frame {frame} has "
            + (f"faces around {places}" if places else "no face"),
            remedy="point at one of them" if places else "take another frame",
        )
    return int(person[hit["tracklet"][np.argmin(hit["box"][:, 2] - hit["box"][:, 0])]])


def identify(
    tracklets: Summary,
    together: npt.NDArray[np.bool_],
    person: npt.NDArray[np.int64],
    chosen: int,
) -> UInt8Array:
    """For each tracklet ``OK`` (the participant), ``OTHER_PERSON`` or ``AMBIGUOUS_PERSON``; nobody is -1."""
    identity = np.full(len(person), Status.OTHER_PERSON, dtype=np.uint8)
    if chosen < 0:
        return identity
    mine = person == chosen
    weight = tracklets.count[mine].astype(np.float64)
    looks = np.average(tracklets.looks[mine], axis=0, weights=weight)
    distance = appearance_distance(tracklets.looks, looks)[:, 0]
    others = [
        np.average(tracklets.looks[person == i], axis=0, weights=tracklets.count[person == i])
        for i in range(int(person.max()) + 1)
        if i != chosen
    ]
    rival = appearance_distance(tracklets.looks, np.array(others)).min(axis=1) if others else np.inf
    beside = together[:, mine].any(axis=1)
    # A face seen too briefly to be a person, and like no other one, may be the participant's, cut or covered.
    brief = (person < 0) & (distance < rival)
    identity[((distance < OTHER) | brief) & ~beside] = Status.AMBIGUOUS_PERSON
    identity[(distance < SAME) & (distance < 0.7 * rival) & ~beside & (person < 0)] = Status.OK
    identity[mine] = Status.OK
    return identity
