"""The scanner's volume pulses: the log's clock -> time from the first stored volume.

A scanner sends one pulse a volume and a log misses some or writes one twice. Pulses come every repetition time
(TR), so each has a number; missing and doubled ones are named, never silently filled. The first
``dummy_volumes`` pulses belong to volumes that were not stored; the next one is time 0.

Times are in s: ``pulse_time`` on the log's clock, the result on the recording's.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from enicfer.errors import InputError
from enicfer.records import FloatArray
from enicfer.sync.fit import fit_line

MAX_DUMMIES = 12  # more volumes than these are not left out at a start
OFF_GRID = 0.25  # share of a TR by which a pulse may be off its place
MAX_TR_ERROR = 0.01  # relative; a TR that differs by more is another TR


@dataclass(frozen=True)
class VolumeClock:
    """The map from the log's clock to the time from the first stored volume.

    Attributes
    ----------
    start
        Time of the first stored volume on the log's clock, in s.
    slope
        Seconds of scanner time per second of the log.
    n_pulses
        Number of volumes for which there is a pulse, dummies included.
    missing
        Numbers of the stored volumes, from 0, without a pulse of their own.
    doubled
        ``pulse_time`` in s of the pulses that repeat another.
    repetition_time
        Interval of the pulses in s on the log's clock.
    notes
        Things worth telling the user, one sentence each.
    """

    start: float
    slope: float
    n_pulses: int
    missing: tuple[int, ...]
    doubled: tuple[float, ...]
    repetition_time: float
    notes: tuple[str, ...]

    def time(self, log_time: npt.ArrayLike) -> FloatArray:
        """Map ``log_time`` (s) to the recording's ``time`` (s)."""
        return np.asarray(self.slope * (np.asarray(log_time, dtype=np.float64) - self.start))


def fit_volume_clock(
    pulse_time: npt.ArrayLike,
    repetition_time: float,
    n_volumes: int | None = None,
    dummy_volumes: int = 0,
) -> VolumeClock:
    """Number the volume pulses and map the log's clock to the scanner's.

    Parameters
    ----------
    pulse_time
        ``(p,)`` s: volume pulses on the log's clock.
    repetition_time
        TR in s.
    n_volumes
        Number of stored volumes, if the image is known.
    dummy_volumes
        Number of pulses of volumes that were not stored.

    Raises
    ------
    InputError
        If there are too few pulses, their interval is not the TR, they are not regular, or their number cannot
        belong to the image.
    """
    raw = np.sort(np.asarray(pulse_time, dtype=np.float64))
    if len(raw) < 2:
        raise InputError(
            f"The log has {len(raw)} volume pulses: at least 2 are needed; check volume_codes in [scanner]."
        )
    kept, doubled = _drop_doubled(raw, repetition_time)
    interval = _check_interval(kept, repetition_time)
    number = _number(kept, interval)
    expected = None if n_volumes is None else n_volumes + dummy_volumes
    total = int(number[-1]) + 1
    notes = []
    if expected is not None and total != expected:
        notes.append(_judge_count(total, expected, n_volumes or 0, dummy_volumes))
    slope, origin = _fit(kept, number, repetition_time)
    absent = np.setdiff1d(np.arange(total), number) - dummy_volumes
    missing = tuple(int(i) for i in absent if i >= 0)
    if len(absent):
        notes.append(
            f"The log misses {len(absent)} of {total} volume pulses; their times follow from the others."
        )
    if len(doubled):
        notes.append(f"The log has {len(doubled)} volume pulses twice; the later of each was ignored.")
    start = origin + dummy_volumes * repetition_time / slope
    return VolumeClock(
        start=float(start),
        slope=float(slope),
        n_pulses=len(kept),
        missing=missing,
        doubled=tuple(float(x) for x in doubled),
        repetition_time=float(repetition_time / slope),
        notes=tuple(notes),
    )


def _drop_doubled(raw: FloatArray, tr: float) -> tuple[FloatArray, FloatArray]:
    keep = [0]
    for i in range(1, len(raw)):
        if raw[i] - raw[keep[-1]] >= tr / 2:
            keep.append(i)
    return raw[keep], np.delete(raw, keep)


def _check_interval(kept: FloatArray, tr: float) -> float:
    if len(kept) < 2:
        raise InputError(
            f"All volume pulses of the log lie within {tr / 2:g} s: they are not one per TR of {tr:g} s."
        )
    steps = np.diff(kept)
    interval = float(np.median(steps))
    multiple = np.maximum(np.round(steps / tr), 1)
    ratio = float(np.median(steps / (multiple * tr)))
    # With most pulses at twice the TR it is the TR that is wrong.
    if abs(ratio - 1) > MAX_TR_ERROR or (len(steps) > 2 and float(np.median(multiple)) > 1):
        raise InputError(
            f"The volume pulses come every {interval:.4g} s but the TR is {tr:g} s: check volume_codes and "
            "repetition_time in [scanner], and that log and image belong together."
        )
    return ratio * tr


def _number(kept: FloatArray, interval: float) -> npt.NDArray[np.int64]:
    steps = np.diff(kept) / interval
    whole = np.round(steps)
    off = np.abs(steps - whole)
    if np.any(off > OFF_GRID) or np.any(whole < 1):
        i = int(np.argmax(off))
        raise InputError(
            f"The volume pulse at {kept[i + 1]:.3f} s of the log comes {steps[i] * interval:.3f} s after the one "
            f"before, which is not a multiple of the TR ({interval:.4g} s): the scanner was stopped and started "
            "within the log, or other codes are among the volume_codes; cut the log to one run."
        )
    return np.concatenate([[0], np.cumsum(whole)]).astype(np.int64)


def _judge_count(total: int, expected: int, n_volumes: int, dummy_volumes: int) -> str:
    image = f"the image has {n_volumes} volumes" + (f" and {dummy_volumes} dummies" if dummy_volumes else "")
    if total > expected:
        few = total - n_volumes <= MAX_DUMMIES
        advice = (
            f"set dummy_volumes to {total - n_volumes} in [scanner] if the first ones were not stored, or give"
            if few
            else "check volume_codes in [scanner], and give"
        )
        raise InputError(
            f"The log counts {total} volume pulses but {image}, so {total - expected} pulses have no volume: "
            f"{advice} the log of this run."
        )
    # Pulses lost after the last are harmless; pulses lost before the first move time 0, and nothing can tell.
    return (
        f"The log counts {total} volume pulses and {image}: the first pulse is taken as the first volume, but if the "
        "log lacks pulses at its beginning, all times are too early by as many volumes."
    )


def _fit(kept: FloatArray, number: npt.NDArray[np.int64], tr: float) -> tuple[float, float]:
    """Slope of the scanner's clock on the log's, and the log's time of pulse 0."""
    if len(kept) < 5:
        return 1.0, float(np.mean(kept - number * tr))
    line = fit_line(kept, number * tr, max_drift=2 * MAX_TR_ERROR)
    return line.slope, line.origin - line.intercept / line.slope
