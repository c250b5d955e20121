"""Encodes the frames of an example session with their true presentation times.

Conventions: presentation times are whole ticks of `TIME_BASE`. The container is MP4, because Matroska would
round the times to milliseconds. Same frames, same bytes: one thread, fixed settings, no metadata.
"""

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

from enicfer.records import UInt8Array

TIME_BASE = Fraction(1, 90000)
CODECS: dict[str, dict[str, str]] = {
    "libx264": {"preset": "veryfast", "crf": "27", "bf": "0", "threads": "1"},
    "mpeg4": {"qscale": "5", "bf": "0", "threads": "1"},
}


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
    """
    import av

    codec = next(name for name in CODECS if name in av.codecs_available)
    # The time scale of edit lists is set too: the start of the first frame is kept exactly.
    ticks = str(TIME_BASE.denominator)
    container_options = {"fflags": "+bitexact", "video_track_timescale": ticks, "movie_timescale": ticks}
    with av.open(str(path), "w", format="mp4", options=container_options) as container:
        stream = container.add_stream(codec, rate=30, options=CODECS[codec])
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.time_base = stream.codec_context.time_base = TIME_BASE
        stream.codec_context.thread_count = 1
        stream.codec_context.flags |= av.codec.context.Flags.bitexact
        for ticks_now, picture in pictures:
            frame = av.VideoFrame.from_ndarray(picture, format="bgr24")
            frame.pts, frame.time_base = ticks_now, TIME_BASE
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
