"""Whether the dates in the files of a run contradict each other, or its pulses fit worse than they should.

The same program with the same random numbers sends the same pulses on another day: their intervals fit. Dates tell,
though no clock is truth: cameras stand in other time zones or were never set. So a date moves no time; where dates
are apart by more than time zones and the files' lengths explain, a note says by how much, and not when.
"""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from enicfer.config.runs import Run
from enicfer.errors import EnicferError
from enicfer.records import Alignment, FloatArray, Recording

ZONES = 14 * 3600.0  # s; local times differ from UTC by up to this
UNSET = 2005  # a camera's clock that was never set says 1904, 1970, 1980, 2000 or the like
TAGS = (
    "com.apple.quicktime.creationdate",
    "creation_time",
    "creationdate",
    "date_time_original",
    "datetimeoriginal",
    "date-eng",
    "date",
)
FORMATS = ("%Y:%m:%d %H:%M:%S", "%Y-%m-%d %H:%M:%S UTC", "%Y/%m/%d %H:%M:%S", "%a %b %d %H:%M:%S %Y")
BY_DATE, BY_SIZE = "By their dates the video", "The pulses are off the map by"  # begin the notes
NOISY = 1.25  # times a source's own residual
BEEP = 0.0016  # s; an LED's onset is known at worst to lie between two frames


def parse_date(text: str) -> datetime | None:
    """A date with a time of day in a spelling that containers have; None for others, and for clocks never set."""
    text = text.strip()
    moment = None
    try:
        moment = datetime.fromisoformat(text) if len(text) > 10 else None
    except ValueError:
        for form in FORMATS:
            try:
                moment = datetime.strptime(text, form)
                break
            except ValueError:
                continue
    if moment is None or moment.year < UNSET:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def read_video_dates(path: Path) -> list[datetime]:
    """Dates that a container and its streams give; empty where there is none."""
    from enicfer.io.video.container import open_video

    with open_video(path) as container:
        levels = [container.metadata, *(stream.metadata for stream in container.streams)]
    found = []
    for level in levels:
        lower = {key.lower(): value for key, value in level.items()}
        found += [parse_date(lower[tag]) for tag in TAGS if tag in lower]
    return [moment for moment in found if moment is not None]


def read_recording_date(run: Run) -> datetime | None:
    """Date at which the recording's first sample was taken, or None."""
    from enicfer.io.eeg import open_raw

    if run.recording is None:
        return None
    date = open_raw(run.recording).info["meas_date"]
    return None if date is None or date.year < UNSET else date


def check_dates(
    run: Run, recording: Recording, alignment: Alignment, video_time: FloatArray
) -> tuple[str, ...]:
    """A note where the dates of video and recording contradict the map.

    A container may be dated at the video's start or end, and so may a recording; time zones move both. Of several
    dates the one that agrees best counts.
    """
    try:
        filmed, measured = read_video_dates(run.videos[0]), read_recording_date(run)
    except EnicferError:
        return ()
    if not filmed or measured is None:
        return ()
    first = float(alignment.time(video_time[0]))
    expected = first if np.isfinite(first) else 0.0
    apart = min(((date - measured).total_seconds() - expected for date in filmed), key=abs)
    allowed = ZONES + float(np.ptp(video_time)) + recording.duration
    if abs(apart) <= allowed:
        return ()
    hours = abs(apart) / 3600
    size = f"{hours:.0f} hours" if hours < 72 else f"{hours / 24:.0f} days"
    return (
        f"{BY_DATE} was made {size} {'after' if apart > 0 else 'before'} the recording, which is more "
        "than time zones and their lengths explain: they may belong to different days on which the same program ran; "
        "check that the files belong together, or that the clocks of camera and amplifier were set.",
    )


def check_residual_size(alignment: Alignment, video_time: FloatArray) -> tuple[str, ...]:
    """A note where pulses scatter about the map by more than their source does."""
    if alignment.source not in ("led", "audio") or len(alignment.residual) < 8:
        return ()
    interval = float(np.median(np.diff(video_time)))
    own = BEEP if alignment.source == "audio" else interval / float(np.sqrt(12))
    rms = float(np.sqrt(np.mean(alignment.residual**2)))
    if rms <= NOISY * own:
        return ()
    seen = "an LED seen in frames" if alignment.source == "led" else "a beep"
    return (
        f"{BY_SIZE} {1000 * rms:.1f} ms (root mean square), more than the {1000 * own:.1f} ms "
        f"that {seen} explains: the pulses of the two files may not be the same, as on another day of the same "
        "program, or the frames' stamps are late at random.",
    )


def is_doubt(note: str) -> bool:
    """Whether a note is one of `find_doubts`."""
    return note.startswith((BY_DATE, BY_SIZE))


def find_doubts(
    run: Run, recording: Recording, alignment: Alignment, video_time: FloatArray
) -> tuple[str, ...]:
    """Notes that say why video and recording may not belong together."""
    return (
        *check_dates(run, recording, alignment, video_time),
        *check_residual_size(alignment, video_time),
    )
