"""What a drift says: a pair of clocks, a frame rate that is stated wrongly, or trains that do not belong together.

Conventions: within the program a drift is the slope of the map minus 1, above 0 where the recording's clock runs
faster. What is shown is the drift of the camera's clock in ppm, above 0 where that one is too fast.
"""

from collections.abc import Iterable

import numpy as np

from enicfer.errors import AlignmentError

NTSC = 1.001  # 30 to 29.97 frames/s, 60 to 59.94, 24 to 23.976
CRYSTAL = 150e-6  # two crystals are hardly further apart
STEP = 100.0  # ppm; a limit is proposed in such steps
ROUNDING = 1e-9


def is_believed(drift: float, error: float, max_drift: float) -> bool:
    """Whether a drift is within the limit, or is beyond it because a frame rate was stated wrongly.

    Parameters
    ----------
    drift, error
        The drift that was found without regard to the limit, and its 95 % bound; both as a share, not in ppm.
    max_drift
        Largest drift that is expected, as a share. Only a limit that admits the ratio itself lets clocks that differ
        as well go beyond it.
    """
    ratio = _find_ratio(drift)
    admitted = ratio and abs(ratio - 1) <= max_drift * (1 + ROUNDING) and error <= CRYSTAL
    return abs(drift) <= max_drift + ROUNDING or bool(admitted)


def refuse_drift(drift: float, error: float, max_drift: float) -> None:
    """Raise an error if a drift is surely beyond the limit; the parameters are those of `is_believed`.

    Raises
    ------
    AlignmentError
        If the drift is beyond the limit by more than its error.
    """
    if abs(drift) - error <= max_drift:
        return
    ratio = _find_ratio(drift)
    if ratio:
        why = f", as where {_rates(ratio)} is stated for {_rates(1 / ratio)}"
    else:
        why = ", more than two clocks differ by"
    raise AlignmentError(
        f"The drift of the camera's clock is {_shown(drift):+.0f} ppm (+: too fast){why}, but max_drift allows "
        f"{1e6 * max_drift:g} ppm: if the video's frame rate is stated wrongly, set max_drift = "
        f"{_propose(1e6 * abs(drift)):.0f} in the protocol's [pulses]; else the file closed the gaps of lost frames, "
        "or video and recording do not belong together."
    )


def _shown(drift: float) -> float:
    """By how much the camera's clock is too fast, in ppm."""
    return 1e6 * (1 / (1 + drift) - 1)


def note_drift(drift: float, error: float, max_drift: float) -> str:
    """A sentence on a drift that was moved to the limit, or is that of a frame rate stated wrongly; else empty."""
    if abs(abs(drift) - max_drift) <= ROUNDING and error > ROUNDING:
        return (
            f"The pulses tell the drift of the camera's clock to {1e6 * error:.0f} ppm only; it is taken as "
            f"{_shown(drift):+.0f} ppm, the most that max_drift allows, and the bound includes what it was moved by."
        )
    ratio = _find_ratio(drift)
    if not ratio or error > CRYSTAL:
        return ""
    rest = _shown((1 + drift) / ratio - 1)
    name = "1000/1001" if ratio > 1 else "1001/1000"
    beyond = f", so that the limit of {1e6 * max_drift:g} ppm is left" if abs(drift) > max_drift else ""
    return (
        f"The drift of the camera's clock, {_shown(drift):+.0f} ppm, is the ratio {name} and {rest:+.0f} ppm{beyond}"
        f": the video's times were probably written for {_rates(ratio)} but the camera ran at {_rates(1 / ratio)}; "
        "the map takes this out."
    )


def _find_ratio(drift: float) -> float:
    """1.001 or its inverse, if a drift is as close to it as crystals explain; else 0."""
    for ratio in (NTSC, 1 / NTSC):
        if abs((1 + drift) / ratio - 1) <= CRYSTAL:
            return ratio
    return 0.0


def _rates(ratio: float) -> str:
    return "30 (60, 24) frames/s" if ratio > 1 else "29.97 (59.94, 23.976) frames/s"


def _propose(found: float) -> float:
    return float(np.ceil((found + 1e6 * CRYSTAL) / STEP) * STEP)


def note_drifts(drifts: Iterable[tuple[float, float]], max_drift: float) -> list[str]:
    """A sentence on each of several drifts and their bounds that is worth one."""
    said = (note_drift(drift, error, max_drift) for drift, error in drifts)
    return list(dict.fromkeys(filter(None, said)))
