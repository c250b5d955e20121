"""A copy of a video in which every face is covered, for those who must see the scene but not the child.

Every frame is searched as a whole, with a lower limit of the detector's score than for analysis: a poster
covered in vain does no harm, a face that is shown does. Every `SEARCH` s, and where the scene changes, it is
searched in tiles at its full size (`enicfer.faces.tiles`), so that small faces in a large picture are found;
those are followed from frame to frame in between. A face covers its place for `REACH` s before and after as
well, and the way between two sightings of it up to `BRIDGE` s apart, where detection failed in between. What is
covered is painted over in one colour, because blurring can be undone.

The copy has one track, that of the pictures: sound (a voice identifies, too), subtitles, attachments, cover
pictures, chapters and everything that the container or the camera wrote about the video are left out. A face
that is never found is never covered; look at the copy before you share it.

Conventions: boxes are ``(left, top, right, bottom)`` px of the upright picture; times are s of video time,
and those of the copy are those of the video, in ticks of 1/90000 s.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from enicfer.errors import InputError, OutputError
from enicfer.faces.detectors import load_detector
from enicfer.faces.detectors.base import (
    Detections,
    Detector,
    intersection_over_union,
    join_detections,
    suppress_overlaps,
)
from enicfer.faces.scene import Scene
from enicfer.faces.square import cut_square, find_face
from enicfer.faces.tiles import find_in_tiles, smallest_face
from enicfer.io.files.atomic import replacing
from enicfer.io.files.places import check_free
from enicfer.io.files.private import write_private
from enicfer.io.video.frame import Frame
from enicfer.io.video.reader import probe_video, read_frames
from enicfer.io.video.writer import CONTAINERS, to_ticks, write_video
from enicfer.records import FloatArray, Progress, UInt8Array

MIN_SCORE = 0.2
FINE_SCORE = 0.3  # in tiles, where there is much that a face could be
SEARCH = 0.5  # s from one search in tiles to the next; not more than `REACH`
REACH = 0.5
BRIDGE = 3.0
GROWTH = 0.25  # of the box's sides, on each side
MARGIN = 6.0  # px that are covered around a box at least
MOST_FOLLOWED = 64  # faces
MOST_KEPT = 32  # frames that wait for the next search in tiles
COLOUR = (128, 128, 128)


def deidentify_video(
    video: Path,
    output: Path,
    *,
    overwrite: bool = False,
    contact_sheet: Path | None = None,
    progress: Progress | None = None,
) -> tuple[int, int]:
    """Write a copy of a video with every face covered.

    Parameters
    ----------
    video
        The video.
    output
        The copy, ``.mp4``, ``.mov`` or ``.mkv`` (which rounds times to ms). Frames that do not decode are
        left out; the last row or column of a picture with odd sides, too.
    overwrite
        Replace what is there.
    contact_sheet
        A picture to write, ``.png`` or ``.jpg``, of what was covered. It shows the faces: it is for your eyes
        alone, and only you can read it.
    progress
        Called as ``progress(frames_done, frames_in_all, stage)``.

    Returns
    -------
    frames, covered
        Number of frames written, and of those in which something is covered.

    Raises
    ------
    InputError
        If the video cannot be read, or the copy would be of another kind.
    OutputError
        If the copy is there already, or cannot be written.
    """
    if output.suffix.lower() not in CONTAINERS:
        raise InputError(
            f"The copy {output.name} is of a kind that is not written",
            place=output,
            remedy=f"give it one of the endings {', '.join(CONTAINERS)}",
        )
    if contact_sheet is not None and contact_sheet.suffix.lower() not in SHEETS:
        raise InputError(
            f"The contact sheet {contact_sheet.name} is of a kind that is not written",
            place=contact_sheet,
            remedy=f"give it one of the endings {', '.join(SHEETS)}",
        )
    probe_video(video)
    if output.exists() and output.samefile(video):
        raise OutputError(
            f"{output} is the video itself", place=output, remedy="give another name for the copy"
        )
    check_free(output, overwrite)
    if contact_sheet is not None:
        check_free(contact_sheet, overwrite)
    time, boxes = find_faces(video, progress)
    if not len(time):
        raise InputError(f"{video.name} has no frame that can be read", remedy="give a complete video")
    covers = cover(time, boxes)
    output.parent.mkdir(parents=True, exist_ok=True)
    sheet = ContactSheet() if contact_sheet is not None else None
    with replacing(output) as partial:
        write_video(partial, _covered(video, covers, progress, sheet), suffix=output.suffix)
    if sheet is not None and contact_sheet is not None:
        sheet.write(contact_sheet)
    return len(time), sum(len(found) > 0 for found in covers)


def find_smallest(video: Path) -> int:
    """Height in px of the smallest face that is searched for reliably in this video; a smaller one may stay."""
    info = probe_video(video)
    return smallest_face(info.width, info.height)


def find_faces(video: Path, progress: Progress | None = None) -> tuple[FloatArray, list[FloatArray]]:
    """Times (n,) s and boxes (m, 4) px of all faces of each frame that decodes."""
    finder = _Finder(load_detector(min_score=MIN_SCORE))
    total = probe_video(video).n_frames
    times: list[float] = []
    boxes: list[FloatArray] = []
    for frame in read_frames(video):
        if not frame.decodable:
            continue
        boxes.append(np.empty((0, 4)))
        finder.find(frame, boxes)
        times.append(frame.video_time)
        if progress is not None and len(times) % 10 == 0:
            progress(len(times), max(total, len(times)), "finding faces")
    return np.array(times), boxes


@dataclass
class _Finder:
    """Finds the faces of one frame after the other, and follows those that only tiles show, there and back."""

    detector: Detector
    _scene: Scene = field(default_factory=Scene)
    _known: FloatArray = field(default_factory=lambda: np.empty((0, 4)))
    _since: deque[Frame] = field(default_factory=lambda: deque(maxlen=MOST_KEPT))  # the last search in tiles
    _last: float = -np.inf
    _size: tuple[int, int] = (0, 0)

    def find(self, frame: Frame, boxes: list[FloatArray]) -> None:
        """Put the boxes (m, 4) px of a frame into the last of ``boxes``; those before may get more."""
        size = (frame.width, frame.height)
        changed = size != self._size
        if changed:
            self._scene, self._size, self._known = Scene(), size, np.empty((0, 4))
        changed |= bool(self._scene.see(frame))
        if changed:
            self._since.clear()
        picture = frame.bgr(self.detector.long_side)
        parts = [self.detector.detect(picture).place(frame.width / picture.shape[1])]
        parts += self._follow(frame, self._lost(parts))
        if changed or not 0 <= frame.video_time - self._last < SEARCH - 1e-6:
            self._last = frame.video_time
            fine = find_in_tiles(self.detector, frame.bgr(), FINE_SCORE)
            seen = _boxes_of(parts)
            self._go_back([box for box in fine.box if not _meets(box, seen)], boxes)
            self._since.clear()
            parts.append(fine)
        found = suppress_overlaps(join_detections(parts)).box.astype(np.float64)
        self._since.append(frame)
        self._known = found[:MOST_FOLLOWED]
        boxes[-1] = found

    def _lost(self, parts: Sequence[Detections]) -> list[FloatArray]:
        """Faces of the frame before that are not among those found in this one."""
        seen = _boxes_of(parts)
        return [box for box in self._known if not _meets(box, seen)]

    def _follow(self, frame: Frame, known: Sequence[FloatArray]) -> list[Detections]:
        """Faces, each in a square around the place where it was in the next frame, or in the one before."""
        side = self.detector.region_side
        return [find_face(self.detector, cut_square(frame, box, side), box, MIN_SCORE) for box in known]

    def _go_back(self, new: Sequence[FloatArray], boxes: list[FloatArray]) -> None:
        """Follow new faces back to the last search: they may have moved since they came."""
        for back, frame in enumerate(reversed(self._since), start=2):
            found = _boxes_of(self._follow(frame, new))
            boxes[-back] = np.concatenate([boxes[-back], found])
            new = list(found)


def _boxes_of(parts: Sequence[Detections]) -> FloatArray:
    return np.concatenate([np.empty((0, 4)), *(part.box.astype(np.float64) for part in parts)])


def _meets(box: FloatArray, others: FloatArray) -> bool:
    return bool((intersection_over_union(box, others) > 0).any())


def cover(time: FloatArray, boxes: Sequence[FloatArray]) -> list[FloatArray]:
    """What to cover in each frame.

    Parameters
    ----------
    time
        ``(n,)`` s, not falling.
    boxes
        ``(m, 4)`` px of the faces found in each frame.

    Returns
    -------
    list of ndarray
        ``(k, 4)`` px for each frame: the faces themselves, those of `REACH` s before and after, and between
        two sightings of one face up to `BRIDGE` s apart the box on the way.
    """
    covers: list[list[FloatArray]] = [list(found) for found in boxes]
    # Sightings that wait for their face to be seen again: frame and box.
    open_ends: list[tuple[int, FloatArray]] = []
    for i, found in enumerate(boxes):
        open_ends = [(j, box) for j, box in open_ends if time[i] - time[j] <= BRIDGE]
        links = _link([box for _, box in open_ends], found)
        for end, here in links:
            j, before = open_ends[end]
            for k in range(j + 1, i):
                part = (time[k] - time[j]) / max(time[i] - time[j], 1e-9)
                covers[k].append((1 - part) * before + part * found[here])
        # A neighbour's face that only comes near does not end the search for the one that was lost.
        overlap = intersection_over_union([box for _, box in open_ends], found)
        taken = {end for end, here in links if overlap[end, here] > 0}
        open_ends = [pair for n, pair in enumerate(open_ends) if n not in taken]
        open_ends += [(i, box) for box in found]
    first = np.searchsorted(time, time - REACH, side="left")
    last = np.searchsorted(time, time + REACH, side="right")
    return [
        np.array([box for near in covers[first[i] : last[i]] for box in near]).reshape(-1, 4)
        for i in range(len(time))
    ]


def _link(before: Sequence[FloatArray], now: FloatArray) -> list[tuple[int, int]]:
    """Pairs of boxes that may be one face, the best first, each box once."""
    if not len(before) or not len(now):
        return []
    known = np.array(before)
    grown = grow(known, 1.0)  # a face that was lost may have moved by its own size
    overlap = intersection_over_union(grown, grow(now, 1.0))
    pairs: list[tuple[int, int]] = []
    for flat in np.argsort(-overlap, axis=None, kind="stable"):
        a, b = (int(i) for i in np.unravel_index(flat, overlap.shape))
        if overlap[a, b] <= 0:
            break
        if all(a != other for other, _ in pairs) and all(b != other for _, other in pairs):
            pairs.append((a, b))
    return pairs


def grow(boxes: FloatArray, amount: float) -> FloatArray:
    """Boxes (m, 4) px, larger by ``amount`` of their sides on each side."""
    side = boxes[:, 2:] - boxes[:, :2]
    return np.hstack([boxes[:, :2] - amount * side, boxes[:, 2:] + amount * side])


def paint(picture: UInt8Array, boxes: FloatArray) -> None:
    """Cover the boxes (m, 4) px in a picture (h, w, 3), in place."""
    for left, top, right, bottom in _corners(boxes):
        cv2.rectangle(picture, (left, top), (right, bottom), COLOUR, thickness=-1)


SHEETS = (".png", ".jpg", ".jpeg")


class ContactSheet:
    """Small pictures of what was covered, each with its time: one a second for each place.

    The picture is written for the user alone (mode 0600), because it shows what the copy hides.
    """

    SIDE, COLUMNS, MOST, EVERY = 96, 12, 2400, 1.0

    def __init__(self) -> None:
        self._cells: list[UInt8Array] = []
        self._shown: list[tuple[float, FloatArray]] = []

    def add(self, time: float, picture: UInt8Array, boxes: FloatArray) -> None:
        """Take what is to be covered in a picture that is not painted yet."""
        self._shown = [(when, box) for when, box in self._shown if time - when < self.EVERY]
        for corners in _corners(boxes):
            box = np.array(corners, np.float64)
            known = [other for _, other in self._shown]
            if len(self._cells) >= self.MOST or (intersection_over_union(box, known) > 0.1).any():
                continue
            self._shown.append((time, box))
            left, top, right, bottom = np.maximum(corners, 0).tolist()
            part = picture[top:bottom, left:right]
            if part.size:
                self._cells.append(self._draw(part, time))

    def _draw(self, part: UInt8Array, time: float) -> UInt8Array:
        cell = np.full((self.SIDE + 16, self.SIDE, 3), 255, np.uint8)
        scale = self.SIDE / max(part.shape[:2])
        small = cv2.resize(part, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        cell[: small.shape[0], : small.shape[1]] = small[: self.SIDE, : self.SIDE]
        cv2.putText(cell, f"{time:.1f} s", (2, self.SIDE + 12), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (0, 0, 0))
        return cell

    def write(self, path: Path) -> None:
        """Write the sheet; an empty one if nothing was covered."""
        blank = np.full((self.SIDE + 16, self.SIDE, 3), 255, np.uint8)
        cells = self._cells + [blank] * (
            -len(self._cells) % self.COLUMNS or (0 if self._cells else self.COLUMNS)
        )
        rows = [np.hstack(cells[i : i + self.COLUMNS]) for i in range(0, len(cells), self.COLUMNS)]
        data = cv2.imencode(path.suffix.lower(), np.vstack(rows))[1].tobytes()
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as partial:
            write_private(partial, data)


def _corners(boxes: FloatArray) -> list[list[int]]:
    """What is painted: the boxes with what surrounds them, in whole px."""
    grown = grow(boxes, GROWTH)
    grown[:, :2] = np.minimum(grown[:, :2], boxes[:, :2] - MARGIN)
    grown[:, 2:] = np.maximum(grown[:, 2:], boxes[:, 2:] + MARGIN)
    corners: npt.NDArray[np.intp] = np.round(grown).astype(np.intp)
    return np.unique(corners, axis=0).tolist()


def _covered(
    video: Path, covers: Sequence[FloatArray], progress: Progress | None, sheet: "ContactSheet | None" = None
) -> Iterator[tuple[int, UInt8Array]]:
    """Ticks and painted picture of each frame that decodes."""
    frames = (frame for frame in read_frames(video) if frame.decodable)
    for done, (frame, boxes) in enumerate(zip(frames, covers, strict=True), start=1):
        picture = frame.bgr().copy()
        if sheet is not None:
            sheet.add(frame.video_time, picture, boxes)
        paint(picture, boxes)
        yield to_ticks(frame.video_time), picture
        if progress is not None and done % 10 == 0:
            progress(done, len(covers), "covering faces")
