"""The sound track of a video, on the video's clock.

``sound`` is ``(n, channels)`` float32 in -1..1; ``start`` is the ``video_time`` in s of its first sample, so that
an offset between picture and sound in the container is kept.

A sound card has a clock of its own, and the packets' stamps say by how much it is fast or slow on the video's, as far
as they are not counted from the samples. Each stamp is rounded (MKV: to 1 ms), so a straight line over them is taken.
"""

from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.ndimage import uniform_filter1d

from enicfer.errors import InputError
from enicfer.records import Float32Array, FloatArray

GAP = 0.005  # s; stamps that jump by more, and stay there, are behind a gap
FEW = 5  # packets before and after a jump that tell whether it stays
MAX_DRIFT = 1e-3  # of a sound card's clock
RUN = 25  # packets; so many in a row whose stamps are off the line are no rounding


def read_sound(path: Path) -> tuple[Float32Array, float, float, float]:
    """Decode the first sound track of a video.

    Gaps between packets, which some cameras write instead of silence, are filled with zeros, and single samples are
    left out or repeated where the sound card was fast or slow, so that each sample stays at its time.

    Returns
    -------
    numpy.ndarray, float, float, float
        Sound, its rate in Hz, the video time of its first sample in s, and how far in s the stamps are off a straight
        line for long.

    Raises
    ------
    InputError
        If the video has no sound track or it cannot be decoded.
    """
    import av
    from av.error import FFmpegError

    if not path.is_file():
        raise InputError(f"There is no video {path.name} in {path.parent.name}", remedy="check the name")
    blocks: list[Float32Array] = []
    stamps: list[float] = []
    rate = 0.0
    try:
        with av.open(str(path)) as container:
            if not container.streams.audio:
                raise InputError(
                    f"{path.name} has no sound track, but the protocol's pulses are beeps",
                    place=path,
                    remedy="use another source in [pulses]",
                )
            resampler = av.AudioResampler(format="fltp")
            for frame in container.decode(audio=0):
                for part in resampler.resample(frame):
                    block = np.asarray(part.to_ndarray(), np.float32).T
                    if not blocks:
                        rate = float(part.sample_rate)
                    after = stamps[-1] + len(blocks[-1]) / rate if blocks else 0.0
                    stamps.append(after if part.time is None else float(part.time))
                    blocks.append(block)
    except FFmpegError as error:
        raise InputError(
            f"The sound track of {path.name} cannot be decoded ({error.strerror})",
            place=path,
            remedy="copy it again, or convert it with ffmpeg",
        ) from None
    if not blocks:
        raise InputError(f"The sound track of {path.name} is empty", remedy="use another source in [pulses]")
    counts = np.array([len(block) for block in blocks])
    begin, stop, off = _fit_stamps(counts, np.array(stamps), rate)
    first, last = (np.rint((x - begin[0]) * rate).astype(np.int64) for x in (begin, stop))
    same = np.abs(first[1:] - last[:-1]) == 1  # one time, rounded twice
    last[:-1][same] = first[1:][same]
    return _lay_out(blocks, first, last), rate, float(begin[0]), off


def _fit_stamps(
    counts: npt.NDArray[np.int64], stamps: FloatArray, rate: float
) -> tuple[FloatArray, FloatArray, float]:
    """Begin and end of each block in s, on lines of one slope between gaps, and how far stamps are off for long."""
    sample = np.cumsum(counts) - counts
    late = stamps - sample / rate
    jump = np.abs(np.diff(late))
    limit = GAP + 4 * float(np.median(jump)) if len(jump) else GAP  # stamps of some cameras jitter by more
    stretch = np.zeros(len(stamps), np.int64)
    for i in np.flatnonzero(jump > limit) + 1:
        stays = np.median(late[i : i + FEW]) - np.median(late[max(i - FEW, 0) : i])
        stretch[i:] += abs(stays) > limit / 2
    size = np.bincount(stretch)
    x, y = (v - (np.bincount(stretch, v) / size)[stretch] for v in (sample, stamps))
    drift = float((x @ (y * rate - x)) / max(float(x @ x), 1.0))
    interval = (1 + float(np.clip(drift, -MAX_DRIFT, MAX_DRIFT))) / rate
    residual = y - interval * x
    begin = stamps - residual
    off = float(np.max(np.abs(uniform_filter1d(residual, RUN, mode="reflect"))))
    return begin, begin + counts * interval, off


def _lay_out(
    blocks: list[Float32Array], first: npt.NDArray[np.int64], last: npt.NDArray[np.int64]
) -> Float32Array:
    """Blocks at their places, of the nearest samples; 0 between, and of two at a place the earlier."""
    parts: list[Float32Array] = []
    length = 0
    for block, start, stop in zip(blocks, first.tolist(), last.tolist(), strict=True):
        if start > length:
            parts.append(np.zeros((start - length, block.shape[1]), np.float32))
        if stop - start != len(block):
            block = block[np.rint(np.linspace(0, len(block) - 1, stop - start)).astype(np.int64)]
        parts.append(block[max(length - start, 0) :])
        length = max(length, stop)
    return np.concatenate(parts)
