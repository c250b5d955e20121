"""What is worth telling of an EEG file: MNE-Python's warnings, and data that end before the header says.

A warning becomes a note, unless it is known to concern nothing that is read here (positions, filters, units).
"""

import re
import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from enicfer.errors import InputError
from enicfer.io.brainvision import check_header, note_header, read_entry, read_header
from enicfer.io.cnt import check_cnt
from enicfer.io.edf import LATIN, check_edf, is_edf, note_edf
from enicfer.io.eeg_claims import check_claims
from enicfer.io.egi_video import check_video_folder
from enicfer.io.files.claims import MOST_CHANNELS
from enicfer.io.files.hdf5 import is_hdf5, read_number
from enicfer.io.persyst import check_persyst

if TYPE_CHECKING:
    import mne

# Beginnings of warnings that change neither times nor triggers, as patterns.
_HARMLESS = (
    r"File coordinates\.xml not found",
    r"No coordinate information found",
    r"Unknown types found, setting as type EEG",
    r"Channels contain different \w+ filters",
    r"Highpass cutoff frequency",
    r"Online software filter detected",
    r"Not setting position",
    r"The following EEG sensors did not have a position",
    r"(Some|The following).*(montage|positions|locations)",
    r"Invalid (patient information|measurement date)",
    r"Scaling factor (will|is) not",
    r"Physical range is not defined",
    r"Unsupported physical dimension",
    r"Loading an EDF with mixed sampling frequencies",
    r"No info on DataPoints found",
    r"Channel names are not unique",
    r"Found non-unique channel names",
    r"Data will be preloaded",
    r"This filename .* does not conform to MNE naming conventions",
    r"Channel status data not found",
    r"Number of averaged epochs not found",
    r"Number of records from the header does not match",  # said with seconds by `note_length`
    r"The data contains 'boundary' events",  # these are pauses
    r"Limited \d+ annotation",
    r"No PNT file exists",
    r"invalid value encountered in divide",  # of positions of electrodes that are all 0
    r"Could not parse meas date from the header",
    r"Trigger channel .*(non-zero initial value|initial)",  # a channel that starts high has no trigger there
)
UNREAD_CHANNEL = "cannot read the trigger channel"  # a warning of ours
_RELEVANT = (
    (
        r"Omitted (\d+) annotation",
        "{0} markers of {name} lie outside of its data and are left out.",
    ),
    (
        r"MarkerFile ('.*?') not found; no annotations",
        "The marker file {0} of {name} is missing: the recording has no markers from it.",
    ),
    (
        r"MarkerFile ('.*?') not found; (.+)",
        "The marker file {0} of {name} is missing: {1}.",
    ),
    (
        rf"{UNREAD_CHANNEL} (.+) \((.+)\)$",
        "The trigger channel {0} of {name} cannot be read, so its triggers are missing: {1}.",
    ),
    (
        r"(\d+) events have an onset that is NaN",
        "{0} events of {name} have no time and are left out.",
    ),
)
_SAMPLE_BYTES = {"INT_16": 2, "INT_32": 4, "IEEE_FLOAT_32": 4}
_CUT_FIF = "Invalid tag with only"  # what MNE-Python says of one
_SMALL_SET = 16 << 20  # bytes
IMPOSSIBLE = 3 * 86400.0  # s; no recording goes on for so long behind its end
_EGI_BYTES = {2: 2, 4: 4, 6: 8}


@contextmanager
def heed_warnings(path: Path, notes: list[str]) -> Iterator[None]:
    """Turn what MNE-Python warns of into notes on a file; what is known to be harmless is left out."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    for warning in caught:
        if issubclass(warning.category, (DeprecationWarning, PendingDeprecationWarning, FutureWarning)):
            continue
        note = translate(" ".join(str(warning.message).split()), path.name)
        if note and note not in notes:
            notes.append(note)


def translate(message: str, name: str) -> str:
    """The note on a file that a warning of MNE-Python becomes; empty for a harmless one."""
    for pattern, sentence in _RELEVANT:
        if found := re.match(pattern, message):
            return sentence.format(*found.groups(), name=name)
    if message == LATIN:
        return f"The annotations of {name} are not in UTF-8, as EDF+ has them: they were read as Latin-1."
    if any(re.match(pattern, message) for pattern in _HARMLESS):
        return ""
    return f"MNE-Python says of {name}: {message}"


def check_start(path: Path, notes: list[str]) -> None:
    """Refuse files whose data end early and that MNE-Python then does not read, with the seconds that are there.

    What is read and said comes to ``notes``.
    """
    check_claims(path)
    suffix = path.suffix.lower()
    if suffix == ".vhdr":
        check_header(path)
    if suffix == ".set":
        _check_eeglab(path)
    if is_edf(path):
        check_edf(path)
    if suffix == ".cnt":
        check_cnt(path)
    if suffix == ".lay" and (note := check_persyst(path)):
        notes.append(note)
    if suffix == ".mff" and path.is_dir():
        check_video_folder(path, notes)
    if suffix == ".raw":
        stated, there, rate = _read_egi_header(path)
        if there < stated:
            raise InputError(
                f"{path.name} is cut short: its header says {stated / rate:.2f} s, and it has "
                f"{there / rate:.2f} s",
                place=path,
                remedy="copy it again, or export what is there",
            )


def note_length(path: Path, raw: "mne.io.BaseRaw", notes: list[str]) -> "mne.io.BaseRaw":
    """Add a note where the data end before the header or the markers say, and cut off what is not there."""
    rate = float(raw.info["sfreq"])
    suffix = path.suffix.lower()
    if is_edf(path):
        if missing := note_edf(path, notes):
            _say_missing(path.name, missing, False, None, notes)
    elif suffix == ".vhdr":
        _note_brainvision(path, raw, rate, notes)
    elif any(_CUT_FIF in note for note in notes):
        return _cut_fif(path, raw, rate, notes)
    elif suffix == ".set":
        return _cut_eeglab(path, raw, rate, notes)
    elif suffix == ".data":
        return _cut_nicolet(path, raw, rate, notes)
    elif suffix == ".eeg" and any(map(is_boundary_of_blocks, raw.annotations.description)):
        notes.append(
            f"{path.name} has pauses, and does not say how long they are: its markers behind the first may be early "
            "by as much. Export each part as a recording of its own, or check the clocks with enicfer align."
        )
    return raw


def _say_missing(name: str, missing: float, least: bool, behind: int | None, notes: list[str]) -> None:
    """``missing`` in s, ``least`` where it may be more; ``behind`` markers, None where nobody knows."""
    if least and missing > IMPOSSIBLE:
        notes.append(
            f"{behind} of the markers of {name} {'lies' if behind == 1 else 'lie'} up to {missing / 86400:.1f} days "
            "behind the end of the data, and are left out. No recording is so long: the marker file is damaged, or "
            "is of another recording."
        )
        return
    if behind is None:
        lost = "markers within them are lost"
    else:
        lost = f"{behind} {'marker lies' if behind == 1 else 'markers lie'} behind the end and left out"
    notes.append(
        f"{name} is cut short: {'at least ' if least else ''}{missing:.1f} s of the data are missing at its end, and "
        f"{lost}. Copy it again from the recording computer."
    )


def _check_eeglab(path: Path) -> None:
    """Refuse a number of channels that cannot be; where there are no names, one is made for each."""
    from scipy.io import loadmat

    if path.stat().st_size > _SMALL_SET:  # its data are within it
        return
    try:
        if is_hdf5(path):
            count = read_number(path, ("EEG/nbchan", "nbchan")) or 1.0
        else:
            found = loadmat(path, squeeze_me=True, struct_as_record=False, variable_names=["EEG", "nbchan"])
            count = float(getattr(found.get("EEG"), "nbchan", found.get("nbchan", 1)))
    except Exception:  # MNE-Python says it; the readers raise every kind
        return
    if not 1 <= count <= MOST_CHANNELS:
        raise InputError(
            f"{path.name} says that it has {count:.15g} channels (nbchan): it must be from 1 to "
            f"{MOST_CHANNELS}",
            place=path,
            remedy="save it again",
        )


def _note_brainvision(path: Path, raw: "mne.io.BaseRaw", rate: float, notes: list[str]) -> None:
    header = read_header(path)
    notes += [note for note in note_header(path) if note not in notes]
    n = raw.n_times
    positions = _brainvision_markers(path, read_entry(header, "MarkerFile").replace("$b", path.stem))
    behind = [
        position for position in positions if position > n + 1
    ]  # MNE-Python keeps one that is at the end
    points = read_entry(header, "DataPoints")
    stated = int(points) if points.isdigit() else 0
    width = _SAMPLE_BYTES.get(read_entry(header, "BinaryFormat").upper(), 0) * len(raw.ch_names)
    data = Path(raw.filenames[0] or path)
    odd = bool(width and data.suffix.lower() in (".eeg", ".dat") and data.stat().st_size % width)
    last = max([*behind, stated, n + 1 if odd else n])
    if last > n:
        notes[:] = [note for note in notes if "lie outside of its data" not in note]
        _say_missing(data.name, (last - n) / rate, stated < last or not stated, len(behind), notes)


def _brainvision_markers(path: Path, name: str) -> list[int]:
    """Positions (samples from 1) of the markers in a marker file, but for those of new segments."""
    try:
        places = [p for p in (path.parent / name, path.with_suffix(".vmrk")) if name and p.is_file()]
    except ValueError:  # no name that a file can have
        places = []
    if not places:
        return []
    place = places[0]
    text = place.read_bytes().decode("latin-1")
    return [
        int(found.group(2))
        for found in re.finditer(r"^Mk\d+\s*=([^,\r\n]*),[^,\r\n]*,\s*(\d+)", text, re.MULTILINE)
        if not found.group(1).strip().lower().startswith("new segment")
    ]


def _cut_eeglab(path: Path, raw: "mne.io.BaseRaw", rate: float, notes: list[str]) -> "mne.io.BaseRaw":
    data = Path(raw.filenames[0] or path)
    if data.suffix.lower() != ".fdt" or not data.is_file():
        return raw
    there = data.stat().st_size // (4 * len(raw.ch_names))
    if there >= raw.n_times:
        return raw
    if there < 2:
        raise InputError(
            f"{data.name} of {path.name} has no data: it is cut short", place=data, remedy="copy it again"
        )
    missing = (raw.n_times - there) / rate
    behind = int((raw.annotations.onset - raw.first_time > (there - 1) / rate).sum())
    _say_missing(data.name, missing, False, behind, notes)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the markers behind the end, which are said above
        return raw.crop(tmax=(there - 1) / rate, verbose="error")


def is_boundary_of_blocks(description: str) -> bool:
    """Whether MNE-Python joined two blocks of a recording of Nihon Kohden here."""
    return str(description) == "BAD boundary"


def _cut_nicolet(path: Path, raw: "mne.io.BaseRaw", rate: float, notes: list[str]) -> "mne.io.BaseRaw":
    there = path.stat().st_size // (2 * len(raw.ch_names))
    if there >= raw.n_times:
        return raw
    if there < 2:
        raise InputError(f"{path.name} has no data: it is cut short", place=path, remedy="copy it again")
    _say_missing(path.name, (raw.n_times - there) / rate, False, None, notes)
    return raw.crop(tmax=(there - 1) / rate, verbose="error")


def _cut_fif(path: Path, raw: "mne.io.BaseRaw", rate: float, notes: list[str]) -> "mne.io.BaseRaw":
    """Leave out the block of samples at the end of a FIF file that is not whole."""
    notes[:] = [note for note in notes if _CUT_FIF not in note]

    def is_there(sample: int) -> bool:
        try:
            raw.get_data(picks=[0], start=sample, stop=sample + 1)
        except Exception:  # its readers raise every kind
            return False
        return True

    low, high = -1, raw.n_times  # the last sample that is there, and the first that is not
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if is_there(middle) else (low, middle)
    if low < 1:
        raise InputError(f"{path.name} has no data: it is cut short", place=path, remedy="copy it again")
    notes.append(
        f"{path.name} is cut short: {(low + 1) / rate:.1f} s of it can be read, and what came after is missing, with "
        "the markers in it. Copy it again from the recording computer."
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the markers behind the end
        return raw.crop(tmax=low / rate, verbose="error") if high < raw.n_times else raw


def _read_egi_header(path: Path) -> tuple[int, int, float]:
    """Samples that the header of a simple binary EGI file says and that are there, and the rate in Hz."""
    with path.open("rb") as file:
        head = file.read(36)
    if len(head) < 36:
        raise InputError(
            f"{path.name} has {len(head)} bytes, and its header alone 36: it is cut short",
            place=path,
            remedy="copy it again",
        )
    version, *_, rate, channels, _, _, _ = struct.unpack(">i6hi5h", head[:30])
    samples, events = struct.unpack(">ih", head[30:36])
    width = _EGI_BYTES.get(version, 0) * (channels + events)
    if version in _EGI_BYTES and rate <= 0:
        raise InputError(
            f"{path.name} says a sampling rate of {rate} Hz, which cannot be",
            place=path,
            remedy="export it again",
        )
    if width <= 0:  # in segments, or of another kind
        return 0, 0, 1.0
    return samples, max(0, path.stat().st_size - 36 - 4 * events) // width, float(rate)
