"""Encodes the frames of an example session with their true presentation times.

Conventions: presentation times are whole ticks of `TIME_BASE`. The container is MP4, because Matroska would
round the times to milliseconds. Same frames, same bytes: one thread, fixed settings, no metadata, and no
macroblock tree, in which x264 reads memory that it has not written.
"""

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import cv2

from enicfer.errors import OutputError
from enicfer.example.portraits import as_uint8
from enicfer.records import UInt8Array

TIME_BASE = Fraction(1, 90000)
CODEC = "libx264"
SETTINGS = {"preset": "veryfast", "crf": "27", "bf": "0", "threads": "1", "x264-params": "no-mbtree=1"}


def write_video(path: Path, pictures: Iterable[tuple[int, UInt8Array]], width: int, height: int) -> None:
    """Encode pictures.

    Parameters
    ----------
    path
        MP4 file to write.
    pictures
        Presentation time in ticks of `TIME_BASE` and uint8 BGR picture of each frame, in order.
    width, height
        Of the pictures in px.

    Raises
    ------
    OutputError
        Without the codec.
    """
    import av

    if CODEC not in av.codecs_available:
        raise OutputError(
            f"PyAV was installed without {CODEC}, which writes the video: pip install --force av."
        )
    # The time scale of edit lists is set too: the start of the first frame is kept exactly.
    ticks = str(TIME_BASE.denominator)
    container_options = {"fflags": "+bitexact", "video_track_timescale": ticks, "movie_timescale": ticks}
    with av.open(str(path), "w", format="mp4", options=container_options) as container:
        stream = container.add_stream(CODEC, rate=30, options=SETTINGS)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.time_base = stream.codec_context.time_base = TIME_BASE
        stream.codec_context.thread_count = 1
        stream.codec_context.flags |= av.codec.context.Flags.bitexact
        for ticks_now, picture in pictures:
            # OpenCV's conversion is exact in whole numbers; FFmpeg's differs between processors.
            planes = cv2.cvtColor(picture, cv2.COLOR_BGR2YUV_I420)
            frame = av.VideoFrame.from_ndarray(as_uint8(planes), format="yuv420p")
            frame.pts, frame.time_base = ticks_now, TIME_BASE
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
