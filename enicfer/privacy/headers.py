"""What the headers of recordings tell of a person: FIF, EDF and BDF, NIfTI."""

import re
import struct
from collections.abc import Iterator

from enicfer.privacy.text import Found, find_strings

_STRING, _DATE = 10, 204
# Fields of FIF files in which a person is named, and what they hold.
_PEOPLE = {
    212: "experimenter",
    401: "first name",
    402: "middle name",
    403: "last name",
    410: "id of the hospital",
}
_BIRTHDAY = 404
_NOBODY = re.compile(
    r"(?i)^[\s_x?-]*$|^mne_anonymize$|^anonym\w*$|^n/?a$|^unknown$|^(?:sub-)?\d{1,4}$|^sub-\w+$"
)
_NO_DAY = ("01.01.85", "")


def read_fif(data: bytes) -> tuple[list[str], list[Found], int]:
    """Texts of a FIF file, what its fields tell of a person, and where the file ends.

    Raises
    ------
    ValueError
        If it is damaged.
    """
    texts: list[str] = []
    found: list[Found] = []
    place, end, steps = 0, 0, 0
    while place + 16 <= len(data):
        kind, type_, size, following = struct.unpack(">iiii", data[place : place + 16])
        steps += 1
        if size < 0 or place + 16 + size > len(data) or steps > 10_000_000:
            raise ValueError("a tag of the file is damaged")
        body = data[place + 16 : place + 16 + size]
        place += 16 + size
        end = max(end, place)
        if type_ == _STRING:
            text = _decode(body)
            texts.append(text)
            if kind in _PEOPLE and not _NOBODY.match(text):
                found.append(("name", f"{_PEOPLE[kind]}: {text[:80]}"))
        elif kind == _BIRTHDAY and any(body):
            found.append(("date", "birthday of the participant"))
        elif kind == _DATE and any(body):
            found.append(("date", "date of the recording"))
        if following == -1:
            break
        if following > 0:
            place = following
    return texts, found, end


def _decode(body: bytes) -> str:
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError:
        return body.decode("latin-1")


def read_edf(data: bytes) -> tuple[str, list[Found]]:
    """The header of an EDF or BDF file as text, and what its fields tell of a person."""
    patient, recording = (data[a:b].decode("latin-1").strip() for a, b in ((8, 88), (88, 168)))
    day = data[168:176].decode("latin-1").strip()
    found = list(_judge_patient(patient))
    if day not in _NO_DAY:
        found.append(("date", f"date of the recording: {day}"))
    recording = re.sub(r"(?i)Startdate 01-JAN-(?:1985|85)", "", recording)
    size = data[184:192].strip()
    end = min(int(size) if size.isdigit() else 256, len(data), 1 << 20)
    return "\n".join([patient, recording, find_strings(data[192:end])]), found


def _judge_patient(patient: str) -> Iterator[Found]:
    """EDF+ writes code, sex, birthday and name, ``X`` where they are not known."""
    words = patient.split()
    if len(words) >= 4 and words[1] in ("M", "F", "X"):
        if words[2] != "X":
            yield "date", f"birthday of the participant: {words[2]}"
        words = [words[0], *words[3:]]
    for word in words:
        if not _NOBODY.match(word):
            yield "name", f"participant in the header: {patient[:80]}"
            return


def read_nifti(data: bytes) -> str:
    """Texts in the header of a NIfTI file and in what extends it."""
    order = "<" if struct.unpack("<i", data[:4])[0] in (348, 540) else ">"
    offset = int(struct.unpack(f"{order}f", data[108:112])[0])
    return find_strings(data[4 : max(352, min(offset, len(data)))])
