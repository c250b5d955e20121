"""What an EGI ``.mff`` folder says of a video that Net Station filmed along with it.

Its ``movieSyncs*.xml`` tie times of the video, in s, to times of the recording, in µs (``sampleBeginTime``). No lab
has sent a folder with its film, so these times are reported and not used.
"""

import re
from pathlib import Path

from enicfer.errors import InputError

_SYNC = re.compile(
    rb"<sampleBeginTime>\s*(\d{1,18})\s*</sampleBeginTime>.{0,1000}?"
    rb"<videoBeginTime>\s*(\d{1,9}(?:\.\d{1,9})?)\s*</videoBeginTime>",
    re.DOTALL,
)
_LARGEST = 1 << 20  # bytes
_SHOWN = 3


def read_video_syncs(folder: Path) -> list[tuple[float, float]]:
    """Pairs of video time and recording time in s, in the order of the files; none where no file has any."""
    pairs: list[tuple[float, float]] = []
    for path in sorted(folder.glob("movieSyncs*.xml")):
        if path.is_file() and path.stat().st_size <= _LARGEST:
            found = _SYNC.findall(path.read_bytes())
            pairs += [(float(video), int(sample) / 1e6) for sample, video in found]
    return pairs


def check_video_folder(folder: Path, notes: list[str]) -> None:
    """Refuse a folder without a signal, and say what it ties to a video.

    Raises
    ------
    InputError
        If it has no ``signal*.bin``.
    """
    pairs = read_video_syncs(folder)
    shown = ", ".join(f"[{video:g}, {time:g}]" for video, time in pairs[:_SHOWN])
    more = f" and {len(pairs) - _SHOWN} more" if len(pairs) > _SHOWN else ""
    tied = f"tie s of the video to s of the recording ({shown}{more})"
    if not any(folder.glob("signal*.bin")):
        raise InputError(
            f"{folder.name} has no signal (no signal*.bin){f', and its movieSyncs {tied}' if pairs else ''}",
            place=folder,
            remedy="copy the whole folder with its video, as Net Station saved it",
        )
    if pairs:
        notes.append(
            f"{folder.name} was filmed: its movieSyncs {tied}. They are not used, for there was no film to try them "
            "on: pulses that both saw are safer."
        )
