"""Errors that all onsets of a video may share, which pulses therefore cannot show: the bound includes them.

Times are in s.
"""

from collections.abc import Sequence

import numpy as np

from enicfer.sync.bend import Bent
from enicfer.sync.led import Onsets
from enicfer.sync.matching import MIN_PULSES
from enicfer.sync.stretch import Piece

SAME_PHASE = 4.0  # Rayleigh's statistic n r^2; onsets that fall anywhere exceed it in 2 % of the cases
# Of an unexplained spread: shift of all onsets that goes with it (benchmarks/alignment.py).
FLICKER_SHIFT = 0.55
# Of the exposure: what the shape of the camera's response leaves open for all onsets that light a frame in part.
SHAPE_SHIFT = 0.013


def doubt_phase(
    pieces: Sequence[Piece], bents: Sequence[Bent], onsets: Onsets
) -> tuple[float, tuple[str, ...]]:
    """Error in s that all onsets may share because they fall at the same place of the frame interval, and a note.

    Onsets between two frames are known to fall somewhere there, which averages out only if they fall everywhere.
    Rayleigh's test says whether they do (Mardia and Jupp 2000, Directional Statistics, doi:10.1002/9780470316979).
    """
    if onsets.camera is None:
        return 0.0, ()
    doubt = 0.0
    for piece, bent in zip(pieces, bents, strict=True):
        interval = float(np.median(onsets.camera.interval[piece.video]))
        seen = piece.onset + bent.residual  # where the recording has them, but for what all may share
        phase = np.exp(2j * np.pi * (onsets.camera.frame_time[piece.video] - seen) / interval)
        length = float(np.abs(phase.mean()))
        if length**2 * len(phase) > SAME_PHASE:
            doubt = max(doubt, length * interval / 2)
    if not doubt:
        return 0.0, ()
    return doubt, (
        f"The pulses fall at the same place between two frames, so that their onset is known only to "
        f"{1000 * doubt:.0f} ms, which the bound includes: let the LED flash at irregular intervals.",
    )


def doubt_light(pieces: Sequence[Piece], bents: Sequence[Bent], onsets: Onsets) -> float:
    """Error in s that all onsets may share because the LED or the exposure is not as steady as `Camera` has it.

    An LED that is dimmed by switching it on and off is seen late, the more the slower it is switched. Frames that it
    lights in part then are off the line by more than their noise and the jitter of the stamps explain.
    """
    camera = onsets.camera
    if camera is None:
        return 0.0
    doubt = 0.0
    for piece, bent in zip(pieces, bents, strict=True):
        in_part = camera.in_part[piece.video]
        if in_part.sum() < MIN_PULSES:
            continue
        found = (1.4826 * float(np.median(np.abs(bent.residual[in_part])))) ** 2
        stated = float(np.median(onsets.spread[piece.video][in_part])) ** 2 + camera.jitter**2
        doubt = max(doubt, FLICKER_SHIFT * float(np.sqrt(max(found - stated, 0))))
    return doubt


def doubt_shape(onsets: Onsets) -> float:
    """95 % bound in s of the error that all onsets share as the shape of the camera's response is not known.

    Onsets between two exposures do not depend on it.
    """
    camera = onsets.camera
    return 0.0 if camera is None else SHAPE_SHIFT * float(camera.expected[0]) * float(camera.in_part.mean())
