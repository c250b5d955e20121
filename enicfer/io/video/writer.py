"""Writes videos: H.264 with a presentation time of its own for every frame.

Conventions: presentation times are whole ticks of `TIME_BASE`; MP4 and MOV keep them, Matroska rounds them to
ms. Same frames, same bytes: one thread, fixed settings, no metadata, whole-number colours, and no macroblock
tree, in which x264 reads memory that it has not written.
"""

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from enicfer.errors import MAKE_ROOM, InputError, OutputError
from enicfer.records import UInt8Array

TIME_BASE = Fraction(1, 90000)
CODEC = "libx264"
# Ticks from a picture to the next at least, where their times do not rise: 1 ms in Matroska, else one tick.
LEAST = {"mp4": 1, "mov": 1, "matroska": 90}
_ALWAYS = {"bf": "0", "threads": "1", "x264-params": "no-mbtree=1"}  # same pictures, same bytes
CONTAINERS = {".mp4": "mp4", ".mov": "mov", ".mkv": "matroska"}


def write_video(
    path: Path,
    pictures: Iterable[tuple[int, UInt8Array]],
    *,
    suffix: str = ".mp4",
    quality: int = 20,
    preset: str = "medium",
) -> int:
    """Encode pictures.

    Parameters
    ----------
    path
        File to write.
    pictures
        Presentation time in ticks of `TIME_BASE` and uint8 BGR picture of each frame, in order, all of one
        size. A last row or column of a picture with odd sides is left out. No two pictures of a file can have
        one time: one whose time is not later than that of the picture before comes `LEAST` after it.
    suffix
        Kind of file, one of `CONTAINERS`; ``path`` may be a temporary name.
    quality
        Constant rate factor of x264: 0 is without loss, 51 the worst.
    preset
        Of x264.

    Returns
    -------
    int
        Number of frames.

    Raises
    ------
    InputError
        If there is no picture, or one of another size.
    OutputError
        Without the codec, or if the file cannot be written.
    """
    import av

    if CODEC not in av.codecs_available:
        raise OutputError(
            f"PyAV was installed without {CODEC}, which writes the video", remedy="pip install --force av"
        )
    options = {"fflags": "+bitexact"}
    kind = CONTAINERS[suffix.lower()]
    if kind != "matroska":
        # The time scale of edit lists is set too: the start of the first frame is kept exactly.
        options |= dict.fromkeys(("video_track_timescale", "movie_timescale"), str(TIME_BASE.denominator))
    settings = {"preset": preset, "crf": str(quality), **_ALWAYS}
    stream: Any = None
    n_frames = 0
    last: int | None = None
    try:
        with av.open(str(path), "w", format=kind, options=options) as container:
            for ticks, picture in pictures:
                height, width = (side // 2 * 2 for side in picture.shape[:2])
                if stream is None:
                    stream = container.add_stream(CODEC, rate=30, options=settings)
                    stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
                    stream.time_base = stream.codec_context.time_base = TIME_BASE
                    stream.codec_context.thread_count = 1
                    stream.codec_context.flags |= av.codec.context.Flags.bitexact
                if (height, width) != (stream.height, stream.width):
                    raise InputError(
                        f"The picture changes its size at {float(ticks * TIME_BASE):.1f} s, from "
                        f"{stream.width} x {stream.height} to {width} x {height} px",
                        remedy="cut the video there",
                    )
                even = np.ascontiguousarray(picture[:height, :width])
                # OpenCV's conversion is exact in whole numbers; FFmpeg's differs between processors.
                planes = np.asarray(cv2.cvtColor(even, cv2.COLOR_BGR2YUV_I420), np.uint8)
                frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
                last = ticks if last is None else max(ticks, last + LEAST[kind])
                frame.pts, frame.time_base = last, TIME_BASE
                container.mux(stream.encode(frame))
                n_frames += 1
            if stream is None:
                raise InputError("There is no frame that can be read", remedy="give a complete video")
            container.mux(stream.encode(None))
    except av.FFmpegError as error:
        raise OutputError(
            f"{path.name} cannot be written: {error}",
            place=path,
            remedy=MAKE_ROOM,
        ) from None
    return n_frames


def to_ticks(seconds: float) -> int:
    """The tick of `TIME_BASE` nearest to a time in s."""
    return round(seconds * TIME_BASE.denominator)
