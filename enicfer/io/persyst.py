"""Persyst: what a ``.lay`` header must say before MNE-Python reads it, and pauses that it would pass over.

Conventions: ``[SampleTimes]`` has lines of a sample and its time of day in s; comments count s from the first sample.
"""

import os
import re
from itertools import pairwise
from pathlib import Path

from enicfer.errors import InputError

_LONGEST_STEP = 0.1  # s by which two entries of [SampleTimes] may differ from the sampling rate
_DRIFT = 1e-3  # of the time between them, besides
_PATIENT = {"birthdate": "BirthDate=01/01/00", "sex": "Sex=", "hand": "Hand=", "testdate": "TestDate="}
_BYTES = {"0": 2, "7": 4}  # of a sample, by DataType


def check_persyst(path: Path) -> str:
    """Refuse a header that MNE-Python cannot read, or whose data have pauses; a note where they lack their end.

    Raises
    ------
    InputError
        With the line that is missing or wrong.
    """
    sections = _read_sections(path)
    about, patient = dict(sections.get("fileinfo", ())), dict(sections.get("patient", ()))
    if path.suffix != ".lay":
        raise InputError(
            f"{path.name} is read only with an ending in small letters",
            place=path,
            remedy=f"rename it to {path.stem}.lay",
        )
    for key in ("file", "samplingrate", "waveformcount", "datatype", "calibration"):
        if not about.get(key):
            raise InputError(
                f"{path.name} does not say {key} below [FileInfo]", place=path, remedy="export it again"
            )
    data = path.parent / re.split(r"[/\\]", about["file"])[-1]
    if not data.is_file():
        raise InputError(
            f"The data file {data.name} of {path.name} is missing",
            place=data,
            remedy="copy it beside the header",
        )
    if "\\" in about["file"] and os.sep != "\\":
        raise InputError(
            f"{path.name} says File={about['file'][:80]}, which is no name here",
            place=path,
            remedy=f"write File={data.name} there",
        )
    if about.get("headerlength", "0") not in ("", "0"):
        raise InputError(
            f"{data.name} begins with a header of {about['headerlength']} bytes (HeaderLength), "
            "which is not read",
            place=data,
            remedy="export the recording from Persyst again, or as EDF+",
        )
    lacking = [line for key, line in _PATIENT.items() if key not in patient]
    if "birthdate" in patient and not re.search("[/-]", patient["birthdate"]):
        lacking.append(_PATIENT["birthdate"])
    if lacking:
        raise InputError(
            f"{path.name} lacks what is read from its section [Patient]",
            place=path,
            remedy=f"write there the lines {', '.join(lacking)} (they need not be true)",
        )
    return _check_times(path, data, about, sections.get("sampletimes", []))


def _check_times(path: Path, data: Path, about: dict[str, str], entries: list[tuple[str, str]]) -> str:
    try:
        rate, width = float(about["samplingrate"]), int(about["waveformcount"]) * _BYTES[about["datatype"]]
        times = [(float(sample), float(time)) for sample, time in entries]
    except (ValueError, KeyError):
        return ""  # MNE-Python says it
    if rate <= 0 or width <= 0:
        return ""
    there = data.stat().st_size // width
    for (before, begin), (after, end) in pairwise(times):
        meant, passed = (after - before) / rate, (end - begin) % 86400  # also over midnight
        if after < there and abs(passed - meant) > _LONGEST_STEP + _DRIFT * meant:
            raise InputError(
                f"{path.name} has a pause: between its samples {before:.0f} and {after:.0f}, "
                f"{passed:.2f} s passed and {meant:.2f} s are stored.",
                place=path,
                remedy="export each part as a recording of its own",
            )
    if times and times[-1][0] > there:
        missing = (times[-1][0] - there) / rate
        return (
            f"{data.name} is cut short: at least {missing:.1f} s of the data are missing at its end, with the "
            "markers in them. Copy it again from the recording computer."
        )
    return ""


def _read_sections(path: Path) -> dict[str, list[tuple[str, str]]]:
    """Keys in small letters, and values, of each section."""
    sections: dict[str, list[tuple[str, str]]] = {}
    name = ""
    for line in path.read_bytes().decode("latin-1").splitlines():
        if header := re.fullmatch(r"\s*\[(.+)\]\s*", line):
            name = header[1].strip().lower()
        elif "=" in line:
            key, _, value = line.partition("=")
            sections.setdefault(name, []).append((key.strip().lower(), value.strip()))
    return sections
