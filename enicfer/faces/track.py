"""Follow faces from frame to frame: tracklets, pieces of video in which one face is seen without doubt.

A tracklet ends rather than takes a chance: which tracklets belong to one person is decided at the end, from all
of them (`enicfer.faces.participant`).

Conventions: boxes in px, time in s of video time.
"""

import math
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

from enicfer.faces.appearance import appearance_distance
from enicfer.faces.detectors.base import MAX_OVERLAP, intersection_over_union
from enicfer.records import Float32Array, FloatArray, UInt8Array

# How far a face may move (in face sizes) and grow (natural logarithm) between sightings, and how far its looks may be
# from their running mean, before it counts as another one.
MAX_SHIFT, MAX_GROWTH, MAX_CHANGE = 0.6, 0.4, 0.9
# A face changes its looks step by step, and comes back to them: one that is further than this both from the last
# sighting and from the running mean is another one. Of 44 sequences of two men in one room, one clip cut to the next,
# none became one person at 0.33, one did at 0.35 and three at 0.4 (``benchmarks/one_after_another.py``); at 0.32 a
# head that turns fast is cut.
MAX_STEP = 0.33
# A face that is out of sight for longer (s) begins a new tracklet; where frames come more seldom, for longer than so
# many of their intervals.
MAX_GAP, MAX_INTERVALS = 0.5, 1.5
# The running mean of a face's looks forgets with this factor.
MEMORY = 0.95


@dataclass
class Tracklet:
    """A face that is being followed.

    Attributes
    ----------
    number
        Its number, counted from 0.
    box
        (4,) px at the last sighting.
    velocity
        (4,) px/s of the box, smoothed.
    began, seen
        Video time of the first and the last sighting in s.
    looks, last
        (SIGNATURE,) running mean of its signatures, and the last one.
    """

    number: int
    box: FloatArray
    velocity: FloatArray
    began: float
    seen: float
    looks: FloatArray
    last: UInt8Array

    def predict(self, time: float) -> FloatArray:
        """Where the box (4,) is expected at ``time`` (s); a lost face is expected where it was lost."""
        return self.box + self.velocity * min(time - self.seen, 0.1)


class Tracker:
    """Gives every face of every frame the number of its tracklet.

    Attributes
    ----------
    live
        The faces that are followed.
    expected
        Numbers of the tracklets whose boxes the last call of `predict` gave; none after a `cut`.
    count
        Number of tracklets so far.
    forgot
        Whether the last call of `predict` forgot a face that the frame before showed: over a pause.
    """

    def __init__(self) -> None:
        self.live: list[Tracklet] = []
        self.expected: list[int] = []
        self.count = 0
        self.forgot = False
        self._time, self._interval = -math.inf, 0.0

    def predict(self, time: float) -> FloatArray:
        """Forget the faces that are lost for too long; expected boxes (m, 4) of the others at ``time`` (s).

        Where a face looks so different that it began a new tracklet, it is expected once.
        """
        interval = time - self._time
        # The shorter of the last two: one pause is no slow camera.
        gap = max(MAX_GAP, MAX_INTERVALS * min(interval, self._interval))
        kept = [t for t in self.live if time - t.seen <= gap]
        self.forgot = any(time - t.seen > gap and t.seen >= self._time for t in self.live)
        self._time, self._interval = time, interval
        self.live = kept
        expected = [t for t in kept if not self._is_replaced(t)]
        self.expected = [t.number for t in expected]
        return np.array([t.predict(time) for t in expected]).reshape(-1, 4)

    def misses(self) -> bool:
        """Whether a face is not in the last frame, nor another one in its place since."""
        return any(t.seen < self._time and not self._is_replaced(t) for t in self.live)

    def _is_replaced(self, lost: Tracklet) -> bool:
        """Whether another tracklet began in its place when it was lost: the same face, which looks different."""
        box = lost.predict(self._time)
        return any(
            other.began > lost.seen
            and intersection_over_union(box, other.predict(self._time)).item() > MAX_OVERLAP
            for other in self.live
        )

    def cut(self) -> None:
        """Forget all faces: the scene has changed."""
        self.live, self.expected = [], []

    def assign(self, time: float, boxes: Float32Array, signatures: UInt8Array) -> list[int]:
        """Numbers of the tracklets of a frame's faces, (m, 4) boxes and (m, SIGNATURE) signatures."""
        numbers = [-1] * len(boxes)
        if len(boxes) and self.live:
            cost = self._cost(time, boxes, signatures)
            for row, column in zip(*linear_sum_assignment(cost), strict=True):
                if cost[row, column] < _IMPOSSIBLE:
                    self._extend(self.live[column], time, boxes[row], signatures[row])
                    numbers[row] = self.live[column].number
        for row, number in enumerate(numbers):
            if number < 0:
                numbers[row] = self._start(time, boxes[row], signatures[row])
        return numbers

    def join(
        self, following: "Tracker", time: float, boxes: Float32Array, signatures: UInt8Array
    ) -> npt.NDArray[np.int32]:
        """Go on where another tracker stopped that followed the faces from a later frame on.

        Parameters
        ----------
        following
            The other; its first tracklets are those of the first frame in which it saw faces.
        time, boxes, signatures
            Of that frame, as for `assign`.

        Returns
        -------
        ndarray, (following.count,)
            The number that each of its tracklets has here.
        """
        self.predict(time)
        number = np.zeros(following.count, np.int32)
        number[: len(boxes)] = self.assign(time, boxes, signatures)
        number[len(boxes) :] = np.arange(following.count - len(boxes)) + self.count
        self.count += following.count - len(boxes)
        self.live = [replace(t, number=int(number[t.number])) for t in following.live]
        self._time, self._interval = following._time, following._interval
        return number

    def _cost(self, time: float, boxes: Float32Array, signatures: UInt8Array) -> FloatArray:
        expected = np.array([t.predict(time) for t in self.live])
        gap = np.array([time - t.seen for t in self.live])
        centre, size = _centre_and_size(np.asarray(boxes, dtype=np.float64))
        expected_centre, expected_size = _centre_and_size(expected)
        moved = centre[:, None] - expected_centre
        shift = np.hypot(moved[..., 0], moved[..., 1]) / np.sqrt(size[:, None] * expected_size)
        growth = np.abs(np.log(size[:, None] / expected_size))
        looks = np.array([t.looks for t in self.live] + [t.last for t in self.live])
        change, step = np.hsplit(appearance_distance(signatures, looks), 2)
        slack = 1 + 2 * gap
        cost = shift + growth + change
        allowed = (shift < MAX_SHIFT * slack) & (growth < MAX_GROWTH * slack) & (change < MAX_CHANGE)
        allowed &= np.minimum(change, step) < MAX_STEP
        return np.where(allowed, cost, _IMPOSSIBLE)

    def _extend(self, tracklet: Tracklet, time: float, box: Float32Array, signature: UInt8Array) -> None:
        elapsed = max(time - tracklet.seen, 1e-3)
        step = (box - tracklet.box) / elapsed
        tracklet.velocity = 0.5 * tracklet.velocity + 0.5 * step if elapsed < 0.2 else np.zeros(4)
        tracklet.box, tracklet.seen = box.astype(np.float64), time
        tracklet.looks = MEMORY * tracklet.looks + (1 - MEMORY) * signature
        tracklet.last = signature

    def _start(self, time: float, box: Float32Array, signature: UInt8Array) -> int:
        number = self.count
        self.count += 1
        looks = signature.astype(np.float64)
        self.live.append(Tracklet(number, box.astype(np.float64), np.zeros(4), time, time, looks, signature))
        return number


_IMPOSSIBLE = 1e6


def _centre_and_size(box: FloatArray) -> tuple[FloatArray, FloatArray]:
    width, height = np.maximum(box[:, 2:] - box[:, :2], 1e-3).T
    return (box[:, :2] + box[:, 2:]) / 2, np.sqrt(width * height)
