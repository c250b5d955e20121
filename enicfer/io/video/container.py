"""The file of a video, opened for PyAV."""

from pathlib import Path
from typing import Any

from enicfer.errors import InputError

_COVER = 0x0400  # FFmpeg's flag of a stream that is one attached picture


def select_video(container: Any) -> Any:
    """The first video stream that is no attached picture, such as a cover or a thumbnail; None if there is none."""
    return next((s for s in container.streams.video if not _flags(s) & _COVER), None)


def _flags(stream: Any) -> int:
    """The disposition as FFmpeg has it; of some versions of PyAV it is an enumeration, and no number."""
    return int(getattr(stream.disposition, "value", stream.disposition))


def open_video(path: Path) -> Any:
    """Open a file that has a video stream, for PyAV; see `read_frames` for the errors."""
    import av
    from av.error import FFmpegError

    if not path.is_file():
        raise InputError(f"There is no video {path.name} in {path.parent}", remedy="check the name")
    try:
        container = av.open(str(path))
    except FFmpegError as error:
        reason = error.strerror or type(error).__name__
        size = path.stat().st_size
        raise InputError(
            f"{path.name} ({size} bytes) cannot be read as a video ({reason})",
            place=path,
            remedy="give a complete MP4, MOV, MKV, AVI or WebM file",
        ) from None
    if select_video(container) is None:
        container.close()
        raise InputError(f"{path.name} has no video stream", place=path, remedy="give the camera's video")
    if container.streams.video[0].codec_context is None:
        container.close()
        raise InputError(
            f"{path.name} is coded in a way that is not known here",
            place=path,
            remedy="convert it to H.264 (MP4), keeping its times, or have the camera's program export it",
        )
    return container
