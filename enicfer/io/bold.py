"""BOLD images: what the header and the JSON sidecar say of time.

The repetition time (TR) is taken from the sidecar first, then from the header, whose unit may be seconds,
milliseconds or unknown; a disagreement is reported, never settled silently.
"""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from enicfer.errors import InputError

_TO_SECONDS = {"sec": 1.0, "msec": 1e-3, "usec": 1e-6}
_SAME_TR = 1e-3  # s; headers store a TR as float32 and sidecars round it


@dataclass(frozen=True)
class Bold:
    """The time axis of a BOLD series.

    Attributes
    ----------
    file
        The image.
    repetition_time
        TR in s.
    n_volumes
        Number of stored volumes.
    notes
        Things worth telling the user, one sentence each.
    """

    file: Path
    repetition_time: float
    n_volumes: int
    notes: tuple[str, ...] = ()


def read_bold(path: Path, expected_tr: float | None = None) -> Bold:
    """Read TR and number of volumes of a BOLD image.

    Parameters
    ----------
    path
        NIfTI image (``.nii`` or ``.nii.gz``); its BIDS sidecar is looked for beside it.
    expected_tr
        The protocol's TR in s, or None.

    Raises
    ------
    InputError
        If the image cannot be read, has no time axis, or if no TR is stated anywhere; if the protocol's TR
        differs from the image's.
    """
    import nibabel

    if not path.is_file():
        raise InputError(f"There is no BOLD image {path.name} in {path.parent.name}: check the name.")
    try:
        image: Any = nibabel.load(path)
        shape, header = image.shape, image.header
        zooms, unit = header.get_zooms(), header.get_xyzt_units()[1]
    except Exception as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise InputError(f"{path.name} cannot be read as a NIfTI image ({reason}).") from None
    if len(shape) != 4 or shape[3] < 2:
        raise InputError(f"{path.name} has the shape {shape}: a BOLD series needs a fourth axis, time.")
    header_tr = _header_tr(float(zooms[3]), unit)
    sidecar_tr = _sidecar_tr(path)
    notes = []
    if sidecar_tr and header_tr and abs(sidecar_tr - header_tr) > _SAME_TR:
        notes.append(
            f"The sidecar of {path.name} says TR {sidecar_tr:g} s and the header {header_tr:g} s: "
            "the sidecar is used."
        )
    found = sidecar_tr or header_tr
    if not found and not expected_tr:
        raise InputError(
            f"{path.name} states no TR (header: {zooms[3]:g} {unit}; no RepetitionTime in a sidecar): "
            "write repetition_time in the protocol's [scanner]."
        )
    if found and expected_tr and abs(found - expected_tr) > _SAME_TR:
        raise InputError(
            f"{path.name} has a TR of {found:g} s, but the protocol's [scanner] says repetition_time = "
            f"{expected_tr:g}: correct the one that is wrong, or leave repetition_time out."
        )
    return Bold(path, float(found or expected_tr or math.nan), int(shape[3]), tuple(notes))


def _header_tr(value: float, unit: str) -> float | None:
    if not math.isfinite(value) or value <= 0:
        return None
    if unit in _TO_SECONDS:
        return round(value * _TO_SECONDS[unit], 6)
    # Unknown unit: no scanner repeats slower than 100 s or faster than 0.1 s (for a BOLD image).
    return round(value / 1000 if value >= 100 else value, 6)


def _sidecar_tr(path: Path) -> float | None:
    sidecar = path.with_name(path.name.removesuffix(".gz").removesuffix(".nii") + ".json")
    if not sidecar.is_file():
        return None
    try:
        value = json.loads(sidecar.read_text(encoding="utf-8")).get("RepetitionTime")
    except (ValueError, AttributeError, OSError) as error:
        raise InputError(f"{sidecar.name} is not a JSON object ({error}): repair it or remove it.") from None
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1000:
        raise InputError(f"{sidecar.name} says RepetitionTime {value!r}: it must be a number of seconds.")
    return float(value)
