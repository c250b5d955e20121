"""The time of a result on a recording that may have been cropped, resampled or joined since."""

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from enicfer.errors import InputError
from enicfer.io.eeg import read_triggers
from enicfer.records import FloatArray, RunResult

if TYPE_CHECKING:
    import mne

# How far (s) a trigger may be from where it was: onsets may have been corrected for the delay of a screen. Where
# fewer of them match, it is another recording.
TRIGGER_TOLERANCE, LEAST_MATCHED = 0.1, 0.5


def shift_of(raw: "mne.io.BaseRaw", result: RunResult, offset: float, first_time: float | None) -> float:
    """What to add to the result's times to get ``raw.times``."""
    shift = offset + first_time_of(result, offset, first_time) - float(raw.first_time)
    length = raw.n_times / raw.info["sfreq"]
    time = result.time[np.isfinite(result.time)]
    if time.size and not (time[0] + shift < length and time[-1] + shift > 0):
        raise InputError(
            f"The recording covers {-shift:.1f} to {length - shift:.1f} s of "
            f"{result.recording.file.name}, but the face was filmed from {time[0]:.1f} to "
            f"{time[-1]:.1f} s",
            remedy="give the recording that the result was made from, or offset= if it was concatenated",
        )
    found = match_triggers(raw, result, shift)
    if found is not None and found < LEAST_MATCHED:
        raise InputError(
            f"{found:.0%} of the recording's triggers are where they are in "
            f"{result.recording.file.name}, from which the result was made",
            remedy="give that recording, a cropped or filtered copy of it, or the right offset=",
        )
    return shift


def first_time_of(result: RunResult, offset: float, given: float | None) -> float:
    """``first_time`` in s, as it was read, of the file that the recording begins with.

    A crop moves ``raw.first_time``, so that of a concatenated recording cannot be asked for it.

    Raises
    ------
    InputError
        If it is not that of the result's own file and was not given.
    """
    if given is not None:
        return given
    own, file = result.recording.details.first_time or 0.0, result.recording.file
    if offset and (own or file.suffix.lower() == ".fif"):
        raise InputError(
            f"{file.name} began at {own:.3f} s of its acquisition, and where the first of the "
            "concatenated files began is not known",
            place=file,
            remedy="with offset= give first_time= as well, that file's raw.first_time as it was read",
        )
    return own


def match_triggers(raw: "mne.io.BaseRaw", result: RunResult, shift: float) -> float | None:
    """How many of the triggers in common are at the same times.

    Parameters
    ----------
    raw
        The recording.
    result
        Knows the triggers of the recording that it was made from.
    shift
        From the result's times to ``raw.times``, in s.

    Returns
    -------
    float or None
        Of the triggers whose codes both have, within the time that both cover, on the side that has fewer of
        them: the fraction with one of the same code on the other side within `TRIGGER_TOLERANCE`. None if there is
        no such trigger: annotations may have been renamed or left out.
    """
    there, own = read_triggers(raw), result.recording.triggers
    own = own.assign(onset=own["onset"] + shift)
    own = own[own["onset"].between(0, raw.n_times / raw.info["sfreq"])]
    there = there[there["onset"].between(shift, result.recording.duration + shift)]
    matched, fewer = 0, 0
    for code in sorted(set(own["code"]) & set(there["code"])):
        sides = [side.loc[side["code"] == code, "onset"].to_numpy() for side in (own, there)]
        few, many = sorted(sides, key=len)
        matched += int((find_nearest_onset(few, many, TRIGGER_TOLERANCE) >= 0).sum())
        fewer += len(few)
    return matched / fewer if fewer else None


def described_onsets(raw: "mne.io.BaseRaw") -> dict[str, list[float]]:
    """Onsets in ``raw.times`` of the annotations that are there, by name."""
    there: dict[str, list[float]] = {}
    for onset, name in zip(raw.annotations.onset, raw.annotations.description, strict=True):
        there.setdefault(str(name), []).append(float(onset) - float(raw.first_time))
    return there


def find_nearest_onset(time: FloatArray, onset: FloatArray, tolerance: float) -> npt.NDArray[np.intp]:
    """Index of the nearest ``onset`` to each ``time``, -1 where none is within ``tolerance``."""
    if onset.size == 0:
        return np.full(time.size, -1, dtype=np.intp)
    distance = np.abs(time[:, None] - onset[None])
    nearest = distance.argmin(axis=1)
    return np.where(distance[np.arange(time.size), nearest] <= tolerance, nearest, -1)
