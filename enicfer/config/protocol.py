"""A protocol is what a task promised: trigger codes, windows, pulses and, for fMRI, the scanner's pulses.

Protocols are TOML files. Those that ship are in the folder ``protocols`` and are called by name; a lab's own
are given as a file. All windows are in seconds relative to the trigger; codes are compared as
`enicfer.config.codes` says.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Annotated, Any

from enicfer.config.engine import Check, read_settings, read_toml
from enicfer.config.shipped import find_settings, list_shipped
from enicfer.config.values import (
    Ahead,
    Anchors,
    AnyWindow,
    Codes,
    Columns,
    Conditions,
    Count,
    Duration,
    Fraction,
    LedRegion,
    NotNegative,
    Positive,
    RestWindow,
    SomeDuration,
    TrialWindow,
    Unit,
)  # fmt: skip
from enicfer.errors import ProtocolError
from enicfer.records import Modality


@dataclass(frozen=True)
class Trial:
    """The window of a trial.

    Attributes
    ----------
    window
        Start and stop in s relative to the trigger.
    baseline
        Start and stop in s of the window whose mean is subtracted for the ``_change`` columns, or None.
    min_valid
        Smallest fraction of the trial's frames that must be valid, else the trial's numbers are
        missing (``n/a``).
    """

    window: TrialWindow = (0.0, 2.0)
    baseline: AnyWindow | None = None
    min_valid: Fraction = 0.5


@dataclass(frozen=True)
class Pulses:
    """The instants that both the camera and the recording saw.

    Attributes
    ----------
    source
        How the video shows them: a name in `enicfer.sync.SOURCES`.
    codes
        Trigger codes of the pulses in the recording.
    region
        ``(left, top, right, bottom)`` of the LED as fractions of the picture, or ``"auto"``.
    anchors
        ``(video_time, time)`` pairs in s, given by hand, for the source ``anchors``.
    stream
        Name of the stream for the sources that read one.
    max_drift
        Largest drift to be considered, in ppm.
    max_uncertainty
        Largest accepted half-width in s of the 95 % interval of a frame's time; 0 for half a frame. The option
        ``--max-uncertainty`` overrides it.
    wall_clock
        Half-width in s within which the clocks of camera and recording show the same time of day; above 0 the
        creation time of the video and the date of the recording choose among offsets that fit equally well.
    """

    source: str = "led"
    codes: Codes = ()
    region: LedRegion = "auto"
    anchors: Anchors = ()
    stream: str = ""
    max_drift: Positive = 1000.0
    wall_clock: NotNegative = 0.0
    max_uncertainty: NotNegative = 0.0


@dataclass(frozen=True)
class Scanner:
    """The scanner's side of an fMRI run.

    Attributes
    ----------
    volume_codes
        Codes of the volume pulses in the trigger log.
    repetition_time
        Expected TR in s, or None to take the image's.
    dummy_volumes
        Number of volumes that sent a pulse but were not stored.
    first_pulse_logged
        Whether the log surely holds the first volume's pulse; those that it lacks at an end are then the last ones.
    slice_time_ref
        At which part of a volume's acquisition responses of the brain are modelled, 0 (start) to 1 (end): what the
        images' slice timing was corrected to, as nilearn's argument of this name.
    """

    volume_codes: Codes = ()
    repetition_time: SomeDuration | None = None
    dummy_volumes: Count = 0
    first_pulse_logged: bool = False
    slice_time_ref: Fraction = 0.0


@dataclass(frozen=True)
class Log:
    """Which columns of a log or of an events table are read, where their names do not say it.

    Attributes
    ----------
    onset_column
        Column of the onsets, such as ``"face.started"``; ``"onset"`` where only `code_columns` are given.
    code_columns
        Columns whose cells become codes; without any, every onset has the code ``"1"``.
    unit
        ``"s"``, ``"ms"`` or ``"us"``; s where it is not given.
    """

    onset_column: str = ""
    code_columns: Columns = ()
    unit: Unit = ""


@dataclass(frozen=True)
class Quality:
    """Thresholds below or above which a frame's face is not believed; see `enicfer.faces.quality`.

    Attributes
    ----------
    min_score
        Smallest detector score.
    min_size
        Smallest side of the face box in px.
    max_yaw, max_pitch, max_roll
        Largest rotation of the head in degrees, as the five landmarks alone give it: of pitch they show about 0.3
        (see `enicfer.timecourse.head`).
    min_sharpness
        Smallest sharpness of the crop (see `enicfer.faces.quality`); sharp faces have 45 to 100, and a blur of
        6 % of the face's width (standard deviation) leaves 20.
    min_brightness
        Smallest mean grey value of the crop, 0..255.
    max_occlusion
        Largest evidence for a covered face, 0..1 (see `enicfer.faces.occlusion`); with hands put
        over faces of real clips, 0.1 was exceeded by none of 4,597 uncovered faces and by 95 % of those of
        which half or more was covered.
    max_truncated
        Largest fraction of the face box outside of the picture.
    """

    min_score: Fraction = 0.5
    min_size: Positive = 32.0
    max_yaw: Positive = 45.0
    max_pitch: Positive = 40.0
    max_roll: Positive = 40.0
    min_sharpness: NotNegative = 20.0
    min_brightness: NotNegative = 20.0
    max_occlusion: Fraction = 0.1
    max_truncated: Fraction = 0.35


@dataclass(frozen=True)
class Head:
    """From where on a head is turned away (`enicfer.timecourse.head`). Head, not gaze; decides no status.

    Attributes
    ----------
    away_yaw, away_pitch
        Degrees to a side, and up or down.
    ahead_yaw, ahead_pitch
        Degrees at which the head looks at the task, 0 being the camera, or ``"usual"`` for the run's median. The
        zero of pitch differs between people, so it is ``"usual"`` by default.
    """

    away_yaw: Positive = 30.0
    away_pitch: Positive = 30.0
    ahead_yaw: Ahead = 0.0
    ahead_pitch: Ahead = "usual"


@dataclass(frozen=True)
class TraceSettings:
    """What is made of the probabilities over time (`enicfer.timecourse.smoothing`); all of it is off by default.

    Attributes
    ----------
    smoothing
        Full width at half maximum in s of the Gaussian that smooths the probabilities without shifting them;
        0 for none. Segments and trials are made of the smoothed ones; the raw ones are always kept.
    min_probability
        Where the highest probability is lower, the expression is ``uncertain``; 0 never. Probabilities are
        calibrated, so 0.6 asks for an answer that is right in 6 of 10 cases or more.
    relative_to
        What this child's face usually shows, against which a further column is taken: ``"nothing"``, the mean
        over a rest ``(start, stop)`` in s of the recording, or ``"quantile"``, that of a running window.
    quantile_window
        Length in s of that window.
    quantile
        Which quantile of it (0.5 is the median).
    analysis_rate
        Frames per s whose expression is read, 0 for all. Faces are followed in all frames; those between are
        ``not_analysed``.
    """

    smoothing: Duration = 0.0
    min_probability: Fraction = 0.0
    relative_to: RestWindow = "nothing"
    quantile_window: SomeDuration = 60.0
    quantile: Fraction = 0.5
    analysis_rate: NotNegative = 0.0


@dataclass(frozen=True)
class Protocol:
    """What a task promised; see the module's docstring and the files in ``protocols``.

    Attributes
    ----------
    name
        Name of the protocol.
    description
        One sentence.
    modality
        Kind of recording it is for.
    conditions
        Trigger code -> condition, which becomes ``trial_type``.
    trial, pulses, scanner, log, quality, head, expression
        See the classes.
    """

    name: str
    description: str
    modality: Modality
    conditions: Mapping[str, str] = field(default_factory=dict)
    trial: Trial = field(default_factory=Trial)
    pulses: Pulses = field(default_factory=Pulses)
    scanner: Scanner = field(default_factory=Scanner)
    log: Log = field(default_factory=Log)
    quality: Quality = field(default_factory=Quality)
    head: Head = field(default_factory=Head)
    expression: TraceSettings = field(default_factory=TraceSettings)


# "eeg" takes every recording with samples; the other three take their own kind alone.
MODALITIES = {
    "eeg": Modality.EEG,
    "meg": Modality.MEG,
    "ieeg": Modality.IEEG,
    "nirs": Modality.NIRS,
    "fmri": Modality.FMRI,
    "none": Modality.NONE,
}


def _modality(value: Any) -> Modality:
    if not isinstance(value, str) or value not in MODALITIES:
        raise ValueError(f"allowed are {', '.join(MODALITIES)}")
    return MODALITIES[value]


@dataclass(frozen=True)
class _ProtocolFile:
    """What the file of a protocol says: a `Protocol` without its name."""

    modality: Annotated[Modality, Check(_modality)]
    description: str = ""
    conditions: Conditions = field(default_factory=dict)
    trial: Trial = field(default_factory=Trial)
    pulses: Pulses = field(default_factory=Pulses)
    scanner: Scanner = field(default_factory=Scanner)
    log: Log = field(default_factory=Log)
    quality: Quality = field(default_factory=Quality)
    head: Head = field(default_factory=Head)
    expression: TraceSettings = field(default_factory=TraceSettings)


def list_protocols() -> dict[str, Path]:
    """Names and files of the protocols that ship, sorted by name."""
    return list_shipped("protocol")


def read_protocol(name_or_file: str | Path) -> Protocol:
    """Read a protocol and check it.

    Parameters
    ----------
    name_or_file
        A name in `list_protocols`, or a TOML file.

    Raises
    ------
    ProtocolError
        For an unknown name, a file that is not TOML, unknown keys or impossible values; all problems of a
        file are named at once.
    """
    path = find_settings("protocol", name_or_file, ProtocolError)
    return parse_protocol(read_toml(path), path.stem, path.name)


def parse_protocol(data: Mapping[str, Any], name: str, source: str) -> Protocol:
    """Turn the content of a TOML file into a `Protocol`, or raise with every problem of it."""
    found = read_settings(_ProtocolFile, {"modality": None, **data}, source)
    return Protocol(name, **{entry.name: getattr(found, entry.name) for entry in fields(found)})
