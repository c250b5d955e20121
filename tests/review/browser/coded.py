"""A session whose every frame says its own number in its pixels, with hostile names of conditions.

Bit ``i`` of a frame's index is a square, white for 1 and black for 0, at `LEFT` + ``i`` * `STEP`, `TOP` px of the
picture.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from enicfer.io.video.reader import read_frames
from enicfer.io.video.writer import to_ticks, write_video
from enicfer.records import UInt8Array

WIDTH, HEIGHT = 640, 480
BITS, SIDE, LEFT, STEP, TOP = 12, 24, 40, 46, 448
SCRIPT = '<img src="x" onerror="window.attacked=1">'
CONDITIONS = {"S 11": SCRIPT, "S 12": "Größe üben", "S 13": "שמחה", "S 14": "neutral"}


def paint_number(picture: UInt8Array, number: int) -> UInt8Array:
    """The picture with its number in squares at the bottom."""
    painted = picture.copy()
    painted[TOP - 8 :] = 128
    for bit in range(BITS):
        left = LEFT + bit * STEP
        painted[TOP : TOP + SIDE, left : left + SIDE] = 255 * (number >> bit & 1)
    return painted


def code_session(folder: Path) -> None:
    """Paint the numbers into the video of an example session, and give its conditions other names."""
    plain = folder / "camera.mp4"
    coded = folder / "coded.mp4"

    def pictures() -> Iterator[tuple[int, UInt8Array]]:
        for frame in read_frames(plain):
            yield to_ticks(frame.video_time), paint_number(np.asarray(frame.bgr()), frame.index)

    write_video(coded, pictures(), quality=18, preset="veryfast")
    coded.replace(plain)
    names = "\n".join(f"\"{code}\" = '{name}'" for code, name in CONDITIONS.items())
    (folder / "faces.toml").write_text(
        f'description = "A test"\nmodality = "eeg"\n[conditions]\n{names}\n'
        "[trial]\nwindow = [0.0, 2.0]\nbaseline = [-0.5, 0.0]\nmin_valid = 0.5\n"
        '[pulses]\nsource = "led"\ncodes = ["S 1"]\nregion = [0.928, 0.013, 0.99, 0.096]\n',
        encoding="utf-8",
    )
    settings = (folder / "session.toml").read_text(encoding="utf-8")
    settings = settings.replace('protocol = "eeg-led"', 'protocol = "faces.toml"')
    (folder / "session.toml").write_text(settings, encoding="utf-8")
