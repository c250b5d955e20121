"""mne-videobrowser: the two arrays of time stamps that its ``TimestampAligner`` ties recording and video with.

Both are float64 s on the recording's clock: one for each sample, one for each frame. Give
``timestamp_unit="seconds"``.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from enicfer.errors import InputError
from enicfer.export.copies import check_recording, sampling_rate
from enicfer.export.event_table import ExportOptions, ExportRun


def write_videobrowser(runs: Sequence[ExportRun], folder: Path, options: ExportOptions) -> list[str]:
    """Write ``<run>_raw_timestamps.npy`` and ``<run>_video_timestamps.npy``.

    Parameters
    ----------
    runs
        Of EEG.
    folder
        For the files.
    options
        Not used.

    Returns
    -------
    list of str
        Nothing.

    Raises
    ------
    InputError
        If a frame has no time, or frames go back in time.
    """
    for item in runs:
        check_recording(item)
        rate, time = sampling_rate(item), item.filmed.time
        if not np.isfinite(time).all() or (np.diff(time) < 0).any():
            raise InputError(
                f"Frames of {item.stem} have no time, or one before that of the frame before, and "
                "mne-videobrowser takes no such stamps",
                remedy="give a video without that part",
            )
        samples = np.arange(round(item.run.recording.duration * rate), dtype=np.float64) / rate
        np.save(folder / f"{item.stem}_raw_timestamps.npy", samples)
        np.save(folder / f"{item.stem}_video_timestamps.npy", np.asarray(time, np.float64))
    return []
