"""Curves for a screen: every frame where they are few, else the least and the largest of each bin.

Times are s on the recording's clock, ascending; frames without a time are left out.
"""

from typing import Any

import numpy as np

from enicfer.records import Float32Array, FloatArray, RunResult, Status, UInt8Array

FEWEST, MOST, USUAL = 10, 20_000, 2000  # bins
# Of several statuses in a bin the first of these is shown: what a person has to see must not vanish.
_WORST = (
    Status.OTHER_PERSON, Status.AMBIGUOUS_PERSON, Status.NO_FACE, Status.UNDECODABLE, Status.OCCLUDED, Status.POSE,
    Status.BLURRED, Status.DARK, Status.TOO_SMALL, Status.NO_EXPRESSION, Status.OUTSIDE_RECORDING,
)  # fmt: skip


def curves_between(
    run: RunResult, start: float, stop: float, points: int = USUAL, series: str = "raw"
) -> dict[str, Any]:
    """Probabilities and status between two times; see the documentation of the server's routes.

    Parameters
    ----------
    run
        The run.
    start, stop
        In s on the recording's clock.
    points
        Number of bins; in a window with no more than twice as many frames every frame is given.
    series
        ``raw`` or ``smoothed``.
    """
    smoothed = run.time_course.smoothed
    values = smoothed if series == "smoothed" and smoothed is not None else run.expression.probability
    placed = np.flatnonzero(np.isfinite(run.time))
    placed = placed[np.argsort(run.time[placed], kind="stable")]
    time = run.time[placed]
    # One frame more on either side, so that lines run to the window's edge.
    first = max(0, int(np.searchsorted(time, start)) - 1)
    last = min(time.size, int(np.searchsorted(time, stop, side="right")) + 1)
    chosen = placed[first:last]
    time, probability, status = run.time[chosen], values[chosen], run.expression.status[chosen]
    exact = chosen.size <= 2 * points
    if not exact:
        time, probability, status = decimate(time, probability, status, points)
    return {
        "exact": exact,
        "start": start,
        "stop": stop,
        "n_frames": int(chosen.size),
        "time": np.round(time, 6),
        "probability": {
            label: [
                None if bad else value for value, bad in zip(column.tolist(), np.isnan(column), strict=True)
            ]
            for label, column in zip(
                run.expression.labels, np.round(probability.T.astype(float), 4), strict=True
            )
        },
        "status": status_spans(time, status),
    }


def decimate(
    time: FloatArray, probability: Float32Array, status: UInt8Array, bins: int
) -> tuple[FloatArray, Float32Array, UInt8Array]:
    """Two rows a bin: the least and the largest of each curve in it, NaN where no frame of the bin is valid.

    Rows are at the times of the bin's first and last frame; no value is made up, and none that is extreme is lost.
    """
    edges = np.unique(np.linspace(0, time.size, bins + 1).astype(np.intp))
    begin = edges[:-1]
    missing = np.isnan(probability)
    lowest = np.minimum.reduceat(np.where(missing, np.inf, probability), begin, axis=0)
    highest = np.maximum.reduceat(np.where(missing, -np.inf, probability), begin, axis=0)
    rows = np.stack([lowest, highest], axis=1).reshape(-1, probability.shape[1])
    rows[~np.isfinite(rows)] = np.nan
    times = np.stack([time[begin], time[edges[1:] - 1]], axis=1).ravel()
    rank = np.zeros(256, np.uint8)
    for place, kind in enumerate(reversed(_WORST), 1):
        rank[kind] = place
    back = np.zeros(len(_WORST) + 1, np.uint8)
    back[[rank[kind] for kind in _WORST]] = _WORST
    worst = back[np.maximum.reduceat(rank[status], begin)]
    return times, rows.astype(np.float32), np.repeat(worst, 2)


def status_spans(time: FloatArray, status: UInt8Array) -> list[dict[str, Any]]:
    """Stretches of one status: ``start``, ``stop`` (where the next begins), ``status``."""
    if not time.size:
        return []
    begin = np.r_[0, np.flatnonzero(np.diff(status)) + 1]
    step = float(np.median(np.diff(time))) if time.size > 1 else 0.0
    stop = np.r_[time[begin[1:]], time[-1] + step]
    return [
        {"start": round(float(a), 6), "stop": round(float(b), 6), "status": int(s)}
        for a, b, s in zip(time[begin], stop, status[begin], strict=True)
    ]
