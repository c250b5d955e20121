"""What a coder sees: a face, large, and a short clip of exact frames with their times.

A clip is bytes: the number of its frames (uint32), their times in s (float32), the sizes of their pictures in bytes
(uint32), all little-endian, and the pictures (JPEG). Times are from the clip's own beginning or from the face that is
coded, so that they do not tell where in the run it is.
"""

from collections.abc import Sequence

import numpy as np

from enicfer.errors import EnicferError, InputError
from enicfer.records import Float32Array, FloatArray, RunResult
from enicfer.review.pictures import Box, RunVideo, encode

FACE_WIDTH, CLIP_WIDTH, QUALITY = 900, 640, 88
CLOSE, WIDE = 0.3, 0.7  # of the face, around it: in the still picture, and in a clip
AROUND = 0.5  # s before and after a face
MOST_AROUND, MOST = 31, 150  # frames of a clip


def show_face(video: RunVideo, result: RunResult, frame: int) -> bytes:
    """The face of a frame as JPEG; the whole picture where it is not known where the face is.

    Raises
    ------
    InputError
        If the video is gone or another one, or the frame cannot be decoded.
    """
    region = _region(video, result.faces.box[frame : frame + 1], frame, CLOSE)
    return video.jpeg(frame, region, FACE_WIDTH, QUALITY)


def show_around(video: RunVideo, result: RunResult, frame: int) -> bytes:
    """A clip of the second around a frame, which is in it; its time is 0.

    Raises
    ------
    InputError
        If the video is gone or another one, or nothing of it can be decoded.
    """
    times = result.faces.video_time - result.faces.video_time[frame]
    near = np.flatnonzero(np.abs(times) <= AROUND)
    step = -(-near.size // MOST_AROUND)
    near = near[(near - frame) % step == 0]
    return _make_clip(
        video, near, times[near], _region(video, result.faces.box[frame : frame + 1], frame, WIDE)
    )


def show_stretch(video: RunVideo, result: RunResult, frames: Sequence[int] | np.ndarray) -> bytes:
    """A clip of consecutive frames around the face in them; its first frame has the time 0.

    Raises
    ------
    InputError
        If the video is gone or another one, or nothing of it can be decoded.
    """
    picked = np.asarray(frames, np.intp)
    picked = picked[:: -(-picked.size // MOST)]
    times = result.faces.video_time[picked] - result.faces.video_time[picked[0]]
    return _make_clip(video, picked, times, _region(video, result.faces.box[picked], int(picked[0]), WIDE))


def _region(video: RunVideo, boxes: Float32Array, frame: int, margin: float) -> Box | None:
    """A square around all of these boxes (n, 4), as far as the picture reaches; None where there are none in it."""
    known = boxes[np.isfinite(boxes).all(axis=1)].astype(np.float64)
    if not known.size:
        return None
    if video.size is None:
        video.picture(frame)
    assert video.size is not None
    left, top = known[:, :2].min(axis=0)
    right, bottom = known[:, 2:].max(axis=0)
    half = max(right - left, bottom - top) / 2 + margin * float(np.median(known[:, 3] - known[:, 1]))
    x, y = (left + right) / 2, (top + bottom) / 2
    sides = np.array([x - half, y - half, x + half, y + half])
    low, high = np.zeros(4), np.array([*video.size, *video.size], np.float64)
    left, top, right, bottom = np.clip(sides, low, high).tolist()
    return (left, top, right, bottom) if right - left >= 2 and bottom - top >= 2 else None


def _make_clip(video: RunVideo, frames: np.ndarray, times: FloatArray, region: Box | None) -> bytes:
    pictures, shown = [], []
    with video.in_turn:
        for number, at in zip(frames.tolist(), times.tolist(), strict=True):
            try:
                picture = video.picture(number)
            except EnicferError:
                if video.state != "there":
                    raise
                continue  # a frame that does not decode
            pictures.append(encode(picture, region, CLIP_WIDTH, QUALITY))
            shown.append(at)
    if not pictures:
        raise InputError("Not one of these frames can be decoded: the video is damaged there.")
    sizes = np.array([len(data) for data in pictures], "<u4").tobytes()
    head = np.array([len(pictures)], "<u4").tobytes() + np.array(shown, "<f4").tobytes() + sizes
    return head + b"".join(pictures)
