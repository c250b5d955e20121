"""The video with a translucent map of the predicted expression over the participant's face."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from enicfer.faces.crop import crop_face, frame_face
from enicfer.io.files.atomic import replacing
from enicfer.io.video.reader import read_frames
from enicfer.io.video.writer import to_ticks, write_video
from enicfer.records import FloatArray, RunResult, UInt8Array
from enicfer.saliency.attribution.maps import Progress, attribute
from enicfer.saliency.pictures import DISPLAY_SIZE

if TYPE_CHECKING:
    from enicfer.models import Classifier

VIDEO_SIDE = 960  # px of the longer side
_BATCH = 32


def write_overlay_video(
    path: Path,
    run: RunResult,
    videos: Sequence[Path],
    model: "Classifier",
    method: str = "gradient",
    progress: Progress | None = None,
) -> None:
    """Write the video with a translucent map of the predicted expression over the participant's face.

    Frames keep their times; invalid ones are shown as they are.

    Raises
    ------
    InputError
        If the video has no frame that can be read.
    OutputError
        If the file cannot be written.
    """
    from enicfer.saliency.figures.maps import make_folder

    make_folder(path.parent)
    frames = _overlay_frames(run, videos, model, method, progress)
    with replacing(path) as partial:
        write_video(partial, ((to_ticks(time), picture) for picture, time in frames), quality=23)


def _overlay_frames(
    run: RunResult, videos: Sequence[Path], model: "Classifier", method: str, progress: Progress | None
) -> Iterable[tuple[UInt8Array, float]]:
    """Pictures (h, w, 3) and their times in s, a batch of maps at a time."""
    waiting: list[tuple[UInt8Array, float, UInt8Array | None, Any]] = []
    for frame in read_frames(tuple(videos)):
        if not frame.decodable:
            continue
        crop = matrix = None
        picture = frame.bgr(VIDEO_SIDE)
        if frame.index < run.time.size and run.expression.ok[frame.index]:
            box, landmarks = run.faces.box[frame.index], run.faces.landmarks[frame.index]
            source = frame.gray() if model.channels == 1 else np.ascontiguousarray(frame.bgr()[..., ::-1])
            crop = crop_face(source, box, landmarks, model.input_size)
            scale = picture.shape[1] / frame.width
            matrix = frame_face(box * scale, landmarks * scale, DISPLAY_SIZE)
        waiting.append((picture, frame.video_time, crop, matrix))
        if len(waiting) == _BATCH:
            yield from _overlay_batch(waiting, model, method)
            waiting.clear()
            if progress is not None:
                progress(frame.index + 1, run.time.size, "overlay video")
    yield from _overlay_batch(waiting, model, method)


def _overlay_batch(
    waiting: Sequence[tuple[UInt8Array, float, UInt8Array | None, Any]], model: "Classifier", method: str
) -> Iterable[tuple[UInt8Array, float]]:
    from enicfer.saliency.figures.maps import colour_map

    crops = [crop for _, _, crop, _ in waiting if crop is not None]
    maps = iter(())
    if crops:
        target = model.predict(np.stack(crops)).argmax(axis=1)
        signed = attribute(model.network, model.prepare(np.stack(crops)), target, method)
        maps = iter(np.abs(signed).max(axis=1))
    for picture, video_time, crop, matrix in waiting:
        if crop is None:
            yield np.ascontiguousarray(picture), video_time
            continue
        colour, alpha = colour_map(next(maps), DISPLAY_SIZE)
        size = (picture.shape[1], picture.shape[0])
        back = cv2.WARP_INVERSE_MAP | cv2.INTER_LINEAR
        moved = count_from_centres(matrix)
        placed = cv2.warpAffine(colour, moved, size, flags=back)
        opacity = cv2.warpAffine(alpha, moved, size, flags=back)[..., None]
        mixed = (1 - opacity) * picture + opacity * placed[..., ::-1]
        yield np.asarray(mixed + 0.5, np.uint8), video_time


def count_from_centres(matrix: FloatArray) -> FloatArray:
    """A map (2, 3) between pictures whose pixel centres are at halves, for `cv2.warpAffine`: at whole numbers."""
    moved = np.array(matrix, np.float64)
    moved[:, 2] += 0.5 * (moved[:, :2].sum(axis=1) - 1)
    return moved
