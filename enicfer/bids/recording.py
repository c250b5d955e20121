"""The recording of a run in a BIDS data set: what has samples through mne-bids, a BOLD image as it is.

Conventions: times are s on the recording's clock. Files are copied where BIDS takes their format; else MNE-BIDS
converts them (BrainVision, MEG: FIF), and a note says so.
"""

import gzip
import re
import shutil
import warnings
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from enicfer.config.protocol import Protocol
from enicfer.config.runs import Run
from enicfer.config.suffixes import LOG_SUFFIXES
from enicfer.errors import InputError
from enicfer.export.brainvision import set_entry
from enicfer.io.brainvision import read_header
from enicfer.io.eeg import open_raw
from enicfer.io.files.names import session_folder, stem_of
from enicfer.io.physio_log import is_physio
from enicfer.io.sidecars import read_sidecars
from enicfer.io.tables import write_json
from enicfer.pipeline.recording import find_pulses, find_trials, read_recording
from enicfer.records import Modality, Recording

NO_DATE = datetime(1925, 1, 1)  # BIDS: dates up to this year are none; times between files stay true
_KEYS = {"acq": "acquisition", "run": "run", "rec": "reconstruction", "ses": "session", "sub": "subject"}


def place_recording(
    run: Run, recording: Recording, entities: dict[str, str], stage: Path, scratch: Path
) -> tuple[Run, tuple[str, ...]]:
    """Put the recording of a run, and its log, below ``stage``.

    Parameters
    ----------
    run, recording
        The run and what was read of it.
    entities
        BIDS entities of the run.
    stage
        Root of the data set.
    scratch
        Empty folder for what MNE-BIDS writes; what is not of this run stays there.

    Returns
    -------
    Run, tuple of str
        The run with the files as they lie in the data set, and what the user should know.

    Raises
    ------
    InputError
        If the recording cannot be written as BIDS has it.
    """
    folder = session_folder(stage, entities, recording.modality)
    folder.mkdir(parents=True, exist_ok=True)
    if recording.modality is Modality.FMRI:
        return _place_bold(run, recording, entities, stage, folder), ()
    path, notes = _write_samples(run, recording, entities, scratch)
    for file in sorted(path.parent.iterdir()):
        file.replace(folder / file.name)
    path = folder / path.name
    if path.suffix == ".vhdr":
        _point_to_own_files(path)
    return replace(run, recording=path, events=None), notes


def _write_samples(
    run: Run, recording: Recording, entities: dict[str, str], scratch: Path
) -> tuple[Path, tuple[str, ...]]:
    try:
        import mne_bids
    except ImportError:
        raise InputError(
            "Recordings are put into a data set with the package mne-bids, which is not installed",
            remedy="pip install 'enicfer[bids]'",
        ) from None
    source = run.recording
    assert source is not None
    names = {_KEYS.get(key, key): value for key, value in entities.items()}
    target = mne_bids.BIDSPath(**names, datatype=recording.modality.value, root=scratch, check=False)

    def write(**settings: Any) -> Path:
        raw = open_raw(source)
        if settings:
            raw.load_data(verbose="error")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # on what is converted or unknown: it is noted below
            return Path(
                mne_bids.write_raw_bids(
                    raw, target, readme=False, overwrite=True, verbose="error", **settings
                ).fpath
            )

    try:
        path = _first_that_works(
            lambda: write(),
            lambda: write(
                allow_preload=True, format="FIF" if recording.modality is Modality.MEG else "BrainVision"
            ),
        )
    except Exception as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise InputError(
            f"{source.name} cannot be put into a data set ({reason})",
            place=source,
            remedy="convert it to BrainVision, EDF or FIF",
        ) from None
    if path.suffix.lower() == source.suffix.lower():
        return path, ()
    return path, (f"{source.name} was converted to {path.name}: BIDS does not take its format.",)


def _first_that_works(copy: Callable[[], Path], convert: Callable[[], Path]) -> Path:
    """A copy of the file, or where that is not possible its samples in another format."""
    try:
        return copy()
    except Exception:
        return convert()


def _point_to_own_files(header: Path) -> None:
    """Let a BrainVision header and its markers name the files that lie beside them."""
    stem, markers = header.stem, header.with_suffix(".vmrk")
    data = next(
        (p for p in sorted(header.parent.glob(f"{stem}.*")) if p.suffix in (".eeg", ".dat", ".avg")), None
    )
    if data is None:
        return
    text = set_entry(read_header(header), "DataFile", data.name)
    header.write_bytes(set_entry(text, "MarkerFile", markers.name).encode("latin-1"))
    if markers.is_file():
        text = markers.read_bytes().decode("latin-1")
        markers.write_bytes(set_entry(text, "DataFile", data.name).encode("latin-1"))


def _place_bold(run: Run, recording: Recording, entities: dict[str, str], stage: Path, folder: Path) -> Run:
    assert run.bold is not None and run.triggers is not None
    stem = stem_of(entities)
    path = folder / f"{stem}_bold.nii.gz"
    if run.bold.name.lower().endswith(".gz"):
        shutil.copyfile(run.bold, path)
    else:
        with (
            run.bold.open("rb") as source,
            path.open("wb") as file,
            gzip.GzipFile(filename="", mode="wb", fileobj=file, compresslevel=6, mtime=0) as packed,
        ):
            shutil.copyfileobj(source, packed, 1 << 20)
    said = {key: value for key, value in read_sidecars(run.bold)[0].items() if key != "TaskName"}
    if "VolumeTiming" not in said:
        said["RepetitionTime"] = recording.repetition_time
    write_json(folder / f"{stem}_bold.json", {"TaskName": entities["task"], **said})
    if is_physio(run.triggers):
        log = folder / f"{stem}_physio.tsv.gz"
        write_json(folder / f"{stem}_physio.json", read_sidecars(run.triggers)[0])
    else:
        ending = run.triggers.suffix.lower() if run.triggers.suffix.lower() in LOG_SUFFIXES else ".txt"
        log = session_folder(stage / "sourcedata", entities, Modality.FMRI) / f"{stem}_log{ending}"
        log.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(run.triggers, log)
    return replace(run, bold=path, triggers=log, events=None)


def read_date(run: Run, recording: Recording) -> datetime | None:
    """When time 0 of the recording was, in UTC, or None where its file does not say."""
    if run.recording is None:
        return None
    date = open_raw(run.recording).info["meas_date"]
    first = recording.details.first_time or 0.0
    return None if date is None else date.astimezone(UTC) + timedelta(seconds=first)


def check_same(before: Run, after: Run, recording: Recording, protocol: Protocol) -> None:
    """Refuse a copy whose trials or pulses are not those of the session.

    Raises
    ------
    InputError
        With what differs.
    """
    copy = read_recording(after, protocol)
    step = 1.0 / recording.sampling_rate if recording.sampling_rate else 1e-3
    pairs = (
        ("trials", find_trials(before, recording, protocol), find_trials(after, copy, protocol)),
        ("pulses", find_pulses(recording, protocol), find_pulses(copy, protocol)),
    )
    for what, old, new in pairs:
        kind = "trial_type" if what == "trials" else "code"
        same = len(old) == len(new) and [*map(_bare, old[kind])] == [*map(_bare, new[kind])]
        if not same or np.abs(old["onset"].to_numpy() - new["onset"].to_numpy()).max(initial=0.0) > step / 2:
            file = after.recording or after.bold
            assert file is not None
            raise InputError(
                f"The {what} in {file.name} are not those of {recording.file.name} ({len(new)} and {len(old)}), "
                "because BIDS does not take its format",
                remedy="export the recording with its triggers to BrainVision, EDF or FIF",
            )


def _bare(code: Any) -> str:
    return re.sub(r"\s+", " ", str(code)).rpartition("/")[2]
