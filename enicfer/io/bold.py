"""BOLD images: what the header and the JSON sidecar say of time.

The repetition time (TR) is taken from the sidecar first, then from the header, whose unit may be seconds,
milliseconds or unknown; a disagreement is reported, never settled silently.
"""

import math
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from enicfer.errors import InputError
from enicfer.io.files.claims import check_image
from enicfer.io.sidecars import read_sidecars

_TO_SECONDS = {"sec": 1.0, "msec": 1e-3, "usec": 1e-6}
_NOT_TIME = ("hz", "ppm", "rads")  # units of a fourth axis that is a spectrum
_SHORTEST, _LONGEST = 0.02, 100.0  # s; no scanner repeats a volume faster or slower
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
        NIfTI image (``.nii`` or ``.nii.gz``); its BIDS sidecars are looked for beside it and up to the data set's
        root (`enicfer.io.sidecars`).
    expected_tr
        The protocol's TR in s, or None.

    Raises
    ------
    InputError
        If the image cannot be read, has no time axis, or if no TR is stated anywhere; if the protocol's TR
        differs from the image's.
    """
    if not path.is_file():
        raise InputError(f"There is no BOLD image {path.name} in {path.parent.name}", remedy="check the name")
    shape, zoom, unit = _read_header(path)
    header_tr = _header_tr(zoom, unit)
    sidecar_tr, sidecar = _sidecar_tr(path, shape[3])
    notes = []
    if sidecar_tr and header_tr and abs(sidecar_tr - header_tr) > _SAME_TR:
        notes.append(
            f"The sidecar {sidecar} of {path.name} says TR {sidecar_tr:g} s and the header {header_tr:g} s: "
            "the sidecar is used."
        )
    found = sidecar_tr or header_tr
    if not found and not expected_tr:
        raise InputError(
            f"{path.name} states no TR that can be (header: {zoom:g} {unit}; no RepetitionTime in a sidecar)",
            place=path,
            remedy="write RepetitionTime in its sidecar, or repetition_time in the protocol's [scanner]",
        )
    if found and expected_tr and abs(found - expected_tr) > _SAME_TR:
        raise InputError(
            f"{path.name} has a TR of {found:g} s, but the protocol's [scanner] says "
            f"repetition_time = {expected_tr:g}",
            place=path,
            remedy="correct the one that is wrong, or leave repetition_time out",
        )
    return Bold(path, float(found or expected_tr or math.nan), int(shape[3]), tuple(notes))


def _read_header(path: Path) -> tuple[tuple[int, ...], float, str]:
    """Shape, the step along the fourth axis as it is stored, and its unit."""
    import nibabel

    try:
        image: Any = nibabel.load(path)
    except Exception as error:
        reason = " ".join(str(error).replace(str(path), path.name).split())[:200] or type(error).__name__
        if _is_packed(path) and path.suffix != ".gz":
            reason = f"it is packed; call it {path.name}.gz"
        raise InputError(
            f"{path.name} cannot be read as a NIfTI image ({reason})",
            place=path,
            remedy="copy it again, or convert it again",
        ) from None
    if not isinstance(image, nibabel.Nifti1Pair | nibabel.Nifti1Image):
        raise InputError(
            f"{path.name} is no NIfTI image, but {type(image).__name__}",
            place=path,
            remedy="convert it to NIfTI",
        )
    try:
        shape, header = tuple(image.shape), image.header
        zooms, unit = header.get_zooms(), header.get_xyzt_units()[1]
        itemsize, offset = header.get_data_dtype().itemsize, max(0, int(getattr(image.dataobj, "offset", 0)))
    except Exception as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise InputError(
            f"{path.name} cannot be read as a NIfTI image ({reason})",
            place=path,
            remedy="copy it again, or convert it again",
        ) from None
    while len(shape) > 4 and shape[-1] == 1:  # further axes of one step
        shape = shape[:-1]
    if len(shape) != 4 or shape[3] < 2:
        raise InputError(
            f"{path.name} has the shape {shape}",
            place=path,
            remedy="give a BOLD series, which has a fourth axis, time",
        )
    if unit in _NOT_TIME:
        raise InputError(
            f"The fourth axis of {path.name} is in {unit}, not in s", place=path, remedy="give a BOLD series"
        )
    check_image(path, shape, itemsize, offset)
    return shape, float(zooms[3]), str(unit)


def _is_packed(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(2) == b"\x1f\x8b"


def _header_tr(value: float, unit: str) -> float | None:
    """TR in s, or None where the header says none that a scanner has."""
    if not math.isfinite(value) or value <= 0:
        return None
    # Without a unit, what is too slow in s is in ms.
    seconds = value * _TO_SECONDS.get(unit, 1e-3 if value >= _LONGEST else 1.0)
    return round(seconds, 6) if _SHORTEST <= seconds <= _LONGEST else None


def _sidecar_tr(path: Path, n_volumes: int) -> tuple[float | None, str]:
    """TR in s of the sidecars, or None, and the name of the one that says it."""
    said, source = read_sidecars(path)
    value = said.get("RepetitionTime")
    if value is None and "VolumeTiming" in said:
        name = source["VolumeTiming"].name
        return _read_timing(said["VolumeTiming"], n_volumes, name), name
    if value is None:
        return None, ""
    name = source["RepetitionTime"].name
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= _LONGEST:
        raise InputError(
            f"{name} says RepetitionTime {value!r}",
            remedy=f"it must be a number of seconds, up to {_LONGEST:g}",
        )
    return float(value), name


def _read_timing(times: Any, n_volumes: int, name: str) -> float:
    """The TR in s of BIDS's VolumeTiming, which says when each volume begins."""
    numbers = isinstance(times, list) and all(
        isinstance(t, int | float) and not isinstance(t, bool) and math.isfinite(t) for t in times
    )
    if not numbers or len(times) != n_volumes:
        raise InputError(
            f"{name} says VolumeTiming {str(times)[:60]}",
            remedy=f"it must be a list of {n_volumes} numbers of seconds, one for each volume",
        )
    steps = [later - earlier for earlier, later in pairwise(times)]
    if max(steps) - min(steps) > _SAME_TR or min(steps) <= 0:
        raise InputError(
            f"{name} says by VolumeTiming that volumes begin at irregular times ({min(steps):g} to "
            f"{max(steps):g} s apart)",
            remedy="only series with one TR are read",
        )
    return float(times[-1] - times[0]) / (len(times) - 1)
