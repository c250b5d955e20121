"""A protocol is what a task promised: trigger codes, windows, pulses and, for fMRI, the scanner's pulses.

Protocols are TOML files. Those that ship are in the folder ``protocols`` and are called by name; a lab's own
are given as a file. All windows are in seconds relative to the trigger; codes are compared as text after
runs of blanks are made one (``"S  1"`` is ``"S 1"``).
"""

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from enicfer.errors import ProtocolError
from enicfer.records import Modality

Window = tuple[float, float]


def normalise_code(code: object) -> str:
    """Text of a trigger code with runs of blanks made one: ``"S  1"`` becomes ``"S 1"``."""
    return " ".join(str(code).split())


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
        Smallest fraction of the trial's frames that must have an answer, else the trial's numbers are
        missing (``n/a``).
    """

    window: Window = (0.0, 2.0)
    baseline: Window | None = None
    min_valid: float = 0.5


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
    wall_clock
        Half-width in s within which the clocks of camera and recording show the same time of day; above 0 the
        creation time of the video and the date of the recording choose among offsets that fit equally well.
    """

    source: str = "led"
    codes: tuple[str, ...] = ()
    region: tuple[float, float, float, float] | str = "auto"
    anchors: tuple[tuple[float, float], ...] = ()
    stream: str = ""
    max_drift: float = 1000.0
    wall_clock: float = 0.0


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
    """

    volume_codes: tuple[str, ...] = ()
    repetition_time: float | None = None
    dummy_volumes: int = 0
    first_pulse_logged: bool = False


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
        Largest rotation of the head in degrees.
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

    min_score: float = 0.5
    min_size: float = 32.0
    max_yaw: float = 45.0
    max_pitch: float = 40.0
    max_roll: float = 40.0
    min_sharpness: float = 20.0
    min_brightness: float = 20.0
    max_occlusion: float = 0.1
    max_truncated: float = 0.35


@dataclass(frozen=True)
class Expressions:
    """What is made of the probabilities over time (`enicfer.course`); all of it is off by default.

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
    quantile_window, quantile
        Length in s of that window, and the quantile (0.5 is the median).
    analysis_rate
        Frames per s whose expression is read, 0 for all. Faces are followed in all frames; those between are
        ``not_analysed``.
    """

    smoothing: float = 0.0
    min_probability: float = 0.0
    relative_to: Window | str = "nothing"
    quantile_window: float = 60.0
    quantile: float = 0.5
    analysis_rate: float = 0.0


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
    trial, pulses, scanner, quality, expression
        See the classes.
    """

    name: str
    description: str
    modality: Modality
    conditions: Mapping[str, str] = field(default_factory=dict)
    trial: Trial = field(default_factory=Trial)
    pulses: Pulses = field(default_factory=Pulses)
    scanner: Scanner = field(default_factory=Scanner)
    quality: Quality = field(default_factory=Quality)
    expression: Expressions = field(default_factory=Expressions)


MODALITIES = {"eeg": Modality.EEG, "fmri": Modality.FMRI, "none": Modality.NONE}


def protocol_folder() -> Path:
    """Folder of the protocols that ship: inside the installed package, or beside it in a checkout."""
    package = Path(__file__).parent
    inside = package / "protocols"
    return inside if inside.is_dir() else package.parent / "protocols"


def list_protocols() -> dict[str, Path]:
    """Names and files of the protocols that ship, sorted by name."""
    return {path.stem: path for path in sorted(protocol_folder().glob("*.toml"))}


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
    shipped = list_protocols()
    path = shipped.get(str(name_or_file), Path(name_or_file))
    if not path.is_file():
        raise ProtocolError(
            f"There is no protocol {str(name_or_file)!r}: give one of {', '.join(shipped)}, or a TOML file."
        )
    return parse_protocol(read_toml(path), path.stem, path.name)


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file.

    Raises
    ------
    ProtocolError
        If it cannot be read or is not TOML, with the line.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except UnicodeDecodeError as error:
        raise ProtocolError(f"{path.name} is not UTF-8 text ({error.reason}): save it as UTF-8.") from None
    except tomllib.TOMLDecodeError as error:
        raise ProtocolError(f"{path.name} is not valid TOML: {error}.") from None
    except OSError as error:
        raise ProtocolError(f"{path.name} cannot be read: {error.strerror}.") from None


def parse_protocol(data: Mapping[str, Any], name: str, source: str) -> Protocol:
    """Turn the content of a TOML file into a `Protocol`, collecting every problem before raising."""
    problems: list[str] = []
    sections = dict(trial=Trial, pulses=Pulses, scanner=Scanner, quality=Quality, expression=Expressions)
    allowed = ("description", "modality", "conditions", *sections)
    problems += unknown_keys(data, allowed, "the file")
    modality = data.get("modality")
    if not isinstance(modality, str) or modality not in MODALITIES:
        problems.append(f"modality is {modality!r}, allowed are {', '.join(MODALITIES)}")
        modality = "none"
    conditions = data.get("conditions", {})
    if not isinstance(conditions, dict) or not all(isinstance(v, str) for v in conditions.values()):
        problems.append('[conditions] must map codes to names, such as "S 11" = "happy"')
        conditions = {}
    description = data.get("description", "")
    if not isinstance(description, str):
        problems.append("description must be text")
        description = ""
    parsed: dict[str, Any] = {}
    for section, kind in sections.items():
        content = data.get(section, {})
        if not isinstance(content, dict):
            problems.append(f"[{section}] must be a table")
            content = {}
        problems += unknown_keys(content, tuple(f.name for f in fields(kind)), f"[{section}]")
        values = {}
        for key, value in content.items():
            if key not in CHECKS:
                continue
            try:
                values[key] = CHECKS[key](value)
            except (TypeError, ValueError) as error:
                problems.append(f"[{section}] {key} is {value!r}: {error}")
        parsed[section] = kind(**{k: v for k, v in values.items() if k in {f.name for f in fields(kind)}})
    if problems:
        raise ProtocolError(f"{source} cannot be used: " + "; ".join(problems) + ".")
    return Protocol(
        name=name,
        description=description,
        modality=MODALITIES[modality],
        conditions={normalise_code(code): condition for code, condition in conditions.items()},
        **parsed,
    )


def unknown_keys(data: Mapping[str, Any], allowed: tuple[str, ...], where: str) -> list[str]:
    """One sentence for the keys of ``data`` that are not ``allowed``, or nothing."""
    extra = [key for key in data if key not in allowed]
    return [f"unknown keys in {where}: {', '.join(extra)} (allowed: {', '.join(allowed)})"] if extra else []


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value or abs(value) > 1e9:
        raise ValueError("must be a number")
    return float(value)


def _positive(value: Any) -> float:
    number = _number(value)
    if number <= 0:
        raise ValueError("must be greater than 0")
    return number


def _not_negative(value: Any) -> float:
    number = _number(value)
    if number < 0:
        raise ValueError("must not be negative")
    return number


def _fraction(value: Any) -> float:
    number = _number(value)
    if not 0 <= number <= 1:
        raise ValueError("must be between 0 and 1")
    return number


def _count(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError("must be a whole number, 0 or more")
    return int(value)


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("must be true or false")
    return value


def _window(value: Any) -> Window:
    if not isinstance(value, list) or len(value) != 2:
        raise ValueError("must be two numbers, [start, stop] in seconds")
    start, stop = _number(value[0]), _number(value[1])
    if not start < stop:
        raise ValueError("must start before it stops")
    return start, stop


def _trial_window(value: Any) -> Window:
    start, stop = _window(value)
    if stop <= 0:
        raise ValueError("must stop after the trigger, which is at 0")
    return start, stop


def _codes(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(v, str | int) for v in value):
        raise ValueError('must be a list of codes, such as ["S 1"]')
    return tuple(normalise_code(v) for v in value)


def _region(value: Any) -> tuple[float, float, float, float] | str:
    if value == "auto":
        return "auto"
    if not isinstance(value, list) or len(value) != 4:
        raise ValueError('must be "auto" or four fractions of the picture, [left, top, right, bottom]')
    left, top, right, bottom = (_fraction(v) for v in value)
    if not (left < right and top < bottom):
        raise ValueError("must have left < right and top < bottom")
    return left, top, right, bottom


def _anchors(value: Any) -> tuple[tuple[float, float], ...]:
    if not isinstance(value, list) or not all(isinstance(v, list) and len(v) == 2 for v in value):
        raise ValueError("must be a list of pairs, [[video_time, time], ...] in seconds")
    return tuple((_number(a), _number(b)) for a, b in value)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("must be text")
    return value


def _rest(value: Any) -> Window | str:
    return str(value) if value in ("nothing", "quantile") else _window(value)


CHECKS: dict[str, Callable[[Any], Any]] = {
    "window": _trial_window,
    "baseline": _window,
    "min_valid": _fraction,
    "source": _text,
    "codes": _codes,
    "region": _region,
    "anchors": _anchors,
    "stream": _text,
    "max_drift": _positive,
    "wall_clock": _not_negative,
    "volume_codes": _codes,
    "repetition_time": _positive,
    "dummy_volumes": _count,
    "first_pulse_logged": _flag,
    "min_score": _fraction,
    "min_size": _positive,
    "max_yaw": _positive,
    "max_pitch": _positive,
    "max_roll": _positive,
    "min_sharpness": _not_negative,
    "min_brightness": _not_negative,
    "max_occlusion": _fraction,
    "max_truncated": _fraction,
    "smoothing": _not_negative,
    "min_probability": _fraction,
    "relative_to": _rest,
    "quantile_window": _positive,
    "quantile": _fraction,
    "analysis_rate": _not_negative,
}
