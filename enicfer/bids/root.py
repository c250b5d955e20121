"""The files of a BIDS data set that its participants share: descriptions, tables of people and of times.

What is there stays; lines and rows are added. ``acq_time`` of ``scans.tsv`` is when a file's first sample, volume or
frame was taken, to the microsecond, all of a session on the recording's clock.
"""

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from enicfer import __version__
from enicfer.errors import InputError, OutputError
from enicfer.export.description import BIDS_VERSION
from enicfer.io.tables import read_json, write_json

# The schema has no rule yet for these; the draft BEP047 has.
BIDSIGNORE = ("*_video.*", "*_audiovideo.*")
ABOUT = "dataset_description.json"
_README = """\
# Recordings and videos

Each run has its recording, and in `beh/` the video of the participant, named as the draft BEP047 has it. `acq_time`
in `*_scans.tsv` relates the two: the difference of two files of a session is the time between their first samples.
The drift between the clocks is in the `.json` of the video: from each `VideoTime` of `ClockSegments` on, the
recording's time is `RecordingTime + Rate * (video time - VideoTime)`, in s.

Dates in or before 1925 are no dates: only the times between files are true.

Videos of faces and voices tell who somebody is. Look at `DeidentificationMethod` in the `.json` of a video before you
share it.
"""
_SCANS = {
    "filename": {"Description": "File, relative to the folder of this table."},
    "acq_time": {
        "Description": (
            "When the file's first sample, volume or frame was taken, on the recording's clock. The difference of "
            "two files of a session is true to the uncertainty of their alignment; dates up to 1925 are no dates."
        )
    },
}


def check_dataset(bids: Path) -> None:
    """Refuse a folder that is no raw data set.

    Raises
    ------
    OutputError
        If it holds other things, or is a derivative.
    """
    about = bids / ABOUT
    if about.is_file():
        kind = read_json(about).get("DatasetType", "raw")
        if kind != "raw":
            raise OutputError(
                f"{bids} is a data set of the type {kind}",
                place=bids,
                remedy="give the root of one of recordings",
            )
        return
    if bids.is_dir() and any(not path.name.startswith(".") for path in bids.iterdir()):
        raise OutputError(
            f"{bids} is not empty and is no BIDS data set (it has no {ABOUT})",
            place=bids,
            remedy="give a new folder, or the root of a data set",
        )


def write_root(stage: Path, bids: Path) -> None:
    """Write what a new data set needs at its root, and add what an older one lacks."""
    if not (bids / ABOUT).is_file():
        about = {
            "Name": "Recordings and videos",
            "BIDSVersion": BIDS_VERSION,
            "DatasetType": "raw",
            "License": "n/a",
            "Authors": ["Names of those who made the recordings"],
            "GeneratedBy": [{"Name": "enicfer", "Version": __version__}],
        }
        write_json(stage / ABOUT, about)
    if not any(bids.glob("README*")):
        (stage / "README.md").write_text(_README, encoding="utf-8", newline="\n")
    ignore = bids / ".bidsignore"
    lines = ignore.read_text(encoding="utf-8").splitlines() if ignore.is_file() else []
    lacking = [line for line in BIDSIGNORE if line not in lines]
    if lacking:
        text = "\n".join([*lines, *lacking]) + "\n"
        (stage / ".bidsignore").write_text(text, encoding="utf-8", newline="\n")


def write_participant(stage: Path, bids: Path, participant: str, known: Mapping[str, str]) -> None:
    """Add a participant to ``participants.tsv``, if it is not there; ``known`` holds age, sex and the like."""
    place = bids / "participants.tsv"
    columns, rows = read_rows(place)
    if any(row.get("participant_id") == f"sub-{participant}" for row in rows):
        return
    row = {"participant_id": f"sub-{participant}", **known}
    columns = columns or list(row)
    write_rows(stage / "participants.tsv", columns, [*rows, row])


def write_scans(
    stage: Path, bids: Path, stem: str, times: Mapping[Path, datetime], gone: Iterable[Path]
) -> None:
    """Set the ``acq_time`` of files in the table of their session.

    Parameters
    ----------
    stage, bids
        Root that is written to, and of the data set.
    stem
        ``sub-01_ses-a``.
    times
        File below ``stage`` -> when its first sample was taken; with a time zone only where that is known.
    gone
        Files below ``bids`` that are to be removed.
    """
    folder = Path(*stem.split("_"))
    name = folder / f"{stem}_scans.tsv"
    columns, rows = read_rows(bids / name)
    columns = columns or ["filename", "acq_time"]
    columns += [column for column in ("filename", "acq_time") if column not in columns]
    new = {path.relative_to(stage / folder).as_posix(): _as_text(time) for path, time in times.items()}
    old = {path.relative_to(bids / folder).as_posix() for path in gone if (bids / folder) in path.parents}
    rows = [row for row in rows if row["filename"] not in {*new, *old}]
    rows += [{"filename": file, "acq_time": time} for file, time in new.items()]
    write_rows(stage / name, columns, sorted(rows, key=lambda row: row["filename"]))
    sidecar = stage / name.with_suffix(".json")
    if not (bids / name.with_suffix(".json")).is_file():
        write_json(sidecar, _SCANS)


def _as_text(time: datetime) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S.%f") + ("Z" if time.tzinfo is not None else "")


def shift(start: datetime, seconds: float) -> datetime:
    """A moment later by ``seconds``, to the microsecond."""
    return start + timedelta(microseconds=round(seconds * 1e6))


def read_rows(path: Path) -> tuple[list[str], list[dict[str, str]]]:
    """Columns and rows of a table of the data set, as text; none where it is missing.

    Raises
    ------
    InputError
        If it is no such table.
    """
    if not path.is_file():
        return [], []
    try:
        text = path.read_text(encoding="utf-8-sig")
        reader = csv.DictReader(io.StringIO(text), delimiter="\t", quoting=csv.QUOTE_NONE, strict=True)
        rows = [dict(row) for row in reader]
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(
            f"{path.name} cannot be read as a table ({error})", place=path, remedy="repair it"
        ) from None
    if any(None in row or None in row.values() for row in rows):
        raise InputError(f"{path.name} has rows of different lengths", place=path, remedy="repair it")
    return list(reader.fieldnames or []), rows


def write_rows(path: Path, columns: Sequence[str], rows: Iterable[Mapping[str, str]]) -> None:
    """Write a table of text; what a row lacks is ``n/a``."""
    lines = [
        "\t".join(columns),
        *("\t".join(row.get(name, "n/a") or "n/a" for name in columns) for row in rows),
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")


def describe_people(stage: Path, bids: Path, scratch: Path) -> dict[str, str]:
    """What MNE-BIDS found in a recording about its participant; its description of the columns goes to ``stage``."""
    _, rows = read_rows(scratch / "participants.tsv")
    about = scratch / "participants.json"
    if about.is_file() and not (bids / "participants.tsv").is_file():
        write_json(stage / "participants.json", json.loads(about.read_text(encoding="utf-8")))
    return {key: value for key, value in (rows[0] if rows else {}).items() if key != "participant_id"}
