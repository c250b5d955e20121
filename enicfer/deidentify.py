"""A copy of a video in which every face is covered, for those who must see the scene but not the child.

Every frame is searched as a whole, with a lower limit of the detector's score than for analysis: a poster
covered in vain does no harm, a face that is shown does. A face covers its place for `REACH` s before and after
as well, and the way between two sightings of it up to `BRIDGE` s apart, where detection failed in
between. What is covered is painted over in one colour, because blurring can be undone.

Sound is left out: a voice identifies, too. A face that is never found is never covered; look at the copy before
you share it.

Conventions: boxes are ``(left, top, right, bottom)`` px of the upright picture; times are s of video time, and
those of the copy are those of the video, in ticks of 1/90000 s.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from enicfer.errors import InputError, OutputError
from enicfer.faces.detectors import load_detector
from enicfer.faces.detectors.base import intersection_over_union
from enicfer.io.encode import CONTAINERS, to_ticks, write_video
from enicfer.io.store import check_free, replacing
from enicfer.io.video import probe_video, read_frames
from enicfer.records import FloatArray, Progress, UInt8Array

MIN_SCORE = 0.2
REACH = 0.5
BRIDGE = 3.0
GROWTH = 0.25  # of the box's sides, on each side
COLOUR = (128, 128, 128)


def deidentify_video(
    video: Path, output: Path, *, overwrite: bool = False, progress: Progress | None = None
) -> tuple[int, int]:
    """Write a copy of a video with every face covered.

    Parameters
    ----------
    video
        The video.
    output
        The copy, ``.mp4``, ``.mov`` or ``.mkv`` (which rounds times to ms). Frames that do not decode are left
        out; the last row or column of a picture with odd sides, too.
    overwrite
        Replace what is there.
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
        raise InputError(f"The copy {output.name} must be one of the kinds {', '.join(CONTAINERS)}.")
    probe_video(video)
    if output.exists() and output.samefile(video):
        raise OutputError(f"{output} is the video itself: give another name for the copy.")
    check_free(output, overwrite)
    time, boxes = find_faces(video, progress)
    if not len(time):
        raise InputError(f"{video.name} has no frame that can be read: give a complete video.")
    covers = cover(time, boxes)
    output.parent.mkdir(parents=True, exist_ok=True)
    with replacing(output) as partial:
        write_video(partial, _covered(video, covers, progress), suffix=output.suffix)
    return len(time), sum(len(found) > 0 for found in covers)


def find_faces(video: Path, progress: Progress | None = None) -> tuple[FloatArray, list[FloatArray]]:
    """Times (n,) s and boxes (m, 4) px of all faces of each frame that decodes."""
    detector = load_detector(min_score=MIN_SCORE)
    total = probe_video(video).n_frames
    times: list[float] = []
    boxes: list[FloatArray] = []
    for frame in read_frames(video):
        if not frame.decodable:
            continue
        picture = frame.bgr(detector.long_side)
        found = detector.detect(picture).place(frame.width / picture.shape[1])
        times.append(frame.video_time)
        boxes.append(found.box.astype(np.float64))
        if progress is not None and len(times) % 10 == 0:
            progress(len(times), max(total, len(times)), "finding faces")
    return np.array(times), boxes


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
        ``(k, 4)`` px for each frame: the faces themselves, those of `REACH` s before and after, and between two
        sightings of one face up to `BRIDGE` s apart the box on the way.
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
    corners: npt.NDArray[np.intp] = np.round(grow(boxes, GROWTH)).astype(np.intp)
    for left, top, right, bottom in corners.tolist():
        cv2.rectangle(picture, (left, top), (right, bottom), COLOUR, thickness=-1)


def _covered(
    video: Path, covers: Sequence[FloatArray], progress: Progress | None
) -> Iterator[tuple[int, UInt8Array]]:
    """Ticks and painted picture of each frame that decodes."""
    frames = (frame for frame in read_frames(video) if frame.decodable)
    for done, (frame, boxes) in enumerate(zip(frames, covers, strict=True), start=1):
        picture = frame.bgr().copy()
        paint(picture, boxes)
        yield to_ticks(frame.video_time), picture
        if progress is not None and done % 10 == 0:
            progress(done, len(covers), "covering faces")
