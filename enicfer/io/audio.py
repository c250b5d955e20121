"""The sound track of a video, on the video's clock.

``sound`` is ``(n, channels)`` float32 in -1..1; ``start`` is the ``video_time`` in s of its first sample, so that
an offset between picture and sound in the container is kept.
"""

from pathlib import Path

import numpy as np

from enicfer.errors import InputError
from enicfer.records import Float32Array


def read_sound(path: Path) -> tuple[Float32Array, float, float]:
    """Decode the first sound track of a video.

    Gaps between packets, which some cameras write instead of silence, are filled with zeros so that each sample
    stays at its time.

    Returns
    -------
    numpy.ndarray, float, float
        Sound, its rate in Hz, and the video time of its first sample in s.

    Raises
    ------
    InputError
        If the video has no sound track or it cannot be decoded.
    """
    import av
    from av.error import FFmpegError

    if not path.is_file():
        raise InputError(f"There is no video {path.name} in {path.parent.name}: check the name.")
    blocks: list[Float32Array] = []
    start, rate, length = 0.0, 0.0, 0
    try:
        with av.open(str(path)) as container:
            if not container.streams.audio:
                raise InputError(
                    f"{path.name} has no sound track, but the protocol's pulses are beeps: use another source in "
                    "[pulses]."
                )
            resampler = av.AudioResampler(format="fltp")
            for frame in container.decode(audio=0):
                for part in resampler.resample(frame):
                    block = np.asarray(part.to_ndarray(), np.float32).T
                    if not blocks:
                        rate, start = float(part.sample_rate), float(part.time or 0.0)
                    elif part.time is not None:
                        missing = round((part.time - start) * rate) - length
                        if missing > 1:
                            blocks.append(np.zeros((missing, block.shape[1]), np.float32))
                            length += missing
                    blocks.append(block)
                    length += len(block)
    except FFmpegError as error:
        raise InputError(f"The sound track of {path.name} cannot be decoded ({error.strerror}).") from None
    if not blocks:
        raise InputError(f"The sound track of {path.name} is empty: use another source in [pulses].")
    return np.concatenate(blocks), rate, start
