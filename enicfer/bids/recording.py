"""The recording of a run in a BIDS data set: what has samples through mne-bids, a BOLD image as it is.

Conventions: times are s on the recording's clock. Files are copied where BIDS takes their format; else MNE-BIDS
converts them (BrainVision, MEG: FIF), and a note says so.
"""

import gzip
import re
import shutil
import warnings
from collections.abc import Sequence
from contextlib import redirect_stdout
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import StringIO
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from enicfer.config.protocol import Protocol
from enicfer.config.runs import Run
from enicfer.config.suffixes import LOG_SUFFIXES
from enicfer.errors import InputError
from enicfer.export.brainvision import NO_MARKERS, set_entry
from enicfer.export.eeglab import give_data
from enicfer.io.brainvision import read_header
from enicfer.io.eeg import SKIP, open_raw
from enicfer.io.files.names import session_folder, stem_of
from enicfer.io.physio_log import is_physio
from enicfer.io.sidecars import read_sidecars
from enicfer.io.tables import write_json
from enicfer.pipeline.recording import find_pulses, find_trials, read_recording
from enicfer.records import Modality, Recording

if TYPE_CHECKING:
    import mne_bids

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
    if path.suffix == ".set" and run.recording is not None:
        give_data(
            run.recording, path
        )  # MNE-BIDS leaves it behind where the file holds the fields of EEG alone
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
    if recording.modality is Modality.NIRS and source.suffix.lower() != ".snirf":
        raise InputError(
            f"{source.name} cannot be put into a data set: BIDS takes NIRS as SNIRF alone",
            place=source,
            remedy="export it as SNIRF",
        )
    names = {_KEYS.get(key, key): value for key, value in entities.items()}
    target = mne_bids.BIDSPath(**names, datatype=recording.modality.value, root=scratch, check=False)
    convert = {
        "allow_preload": True,
        "format": "FIF" if recording.modality is Modality.MEG else "BrainVision",
    }
    with_places = (True, False) if recording.modality in (Modality.EEG, Modality.IEEG) else (True,)
    ways: list[tuple[dict[str, Any], bool]] = [*product(({}, convert), with_places)]
    try:
        path, (settings, places) = _write_first(source, target, ways)
    except Exception as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise InputError(
            f"{source.name} cannot be put into a data set ({reason})",
            place=source,
            remedy="convert it to BrainVision, EDF or FIF",
        ) from None
    notes = []
    converted = bool(settings) or path.suffix.lower() != source.suffix.lower()
    if converted:
        notes.append(f"{source.name} was converted to {path.name}: BIDS does not take its format.")
    if converted and path.suffix == ".vhdr":
        _write_markers(path.with_suffix(".vmrk"), recording)
    if not places:
        notes.append(f"The places of the electrodes in {source.name} are not whole, so no table has them.")
    return path, tuple(notes)


def _write_first(
    source: Path, target: "mne_bids.BIDSPath", ways: Sequence[tuple[dict[str, Any], bool]]
) -> tuple[Path, tuple[dict[str, Any], bool]]:
    """Write the file in the first way that is possible: with which settings, and with the electrodes' places."""
    import mne_bids

    for settings, places in ways:
        raw = open_raw(source)
        if not places:
            raw.set_montage(None, verbose="error")
        if settings:
            raw.load_data(verbose="error")
        shutil.rmtree(target.root / f"sub-{target.subject}", ignore_errors=True)
        try:
            with warnings.catch_warnings(), redirect_stdout(StringIO()):  # some is printed at any level
                warnings.simplefilter("ignore")  # on what is converted or unknown: the notes say it
                written = mne_bids.write_raw_bids(
                    raw, target, readme=False, overwrite=True, verbose="error", **settings
                )
        except Exception:
            if (settings, places) == ways[-1]:
                raise
        else:
            path = Path(written.fpath)
            if not path.exists():  # MNE-BIDS splits what is longer than 2 GB
                stem, _, suffix = path.name.rpartition("_")
                path = path.with_name(f"{stem}_split-01_{suffix}")
            return path, (settings, places)
    raise AssertionError


def _write_markers(path: Path, recording: Recording) -> None:
    """Write the triggers of a converted recording with their own codes, and its breaks."""
    rate = recording.sampling_rate or 1.0
    rows = [(0, "New Segment,", 1)]
    for start, stop in recording.gaps:
        size = round((stop - start) * rate)
        rows.append((round(start * rate), f"{SKIP if size else 'New Segment'},", max(size, 1)))
    for onset, code in recording.triggers[["onset", "code"]].itertuples(index=False):
        kind, _, text = code.partition("/") if "/" in code else ("Stimulus", "", code)
        text = re.sub(r"([A-Z]) ([1-9]\d?)", lambda found: f"{found[1]}{found[2]:>3}", text)
        rows.append((round(onset * rate), ",".join(part.replace(",", r"\1") for part in (kind, text)), 1))
    rows.sort(key=lambda row: row[0])
    lines = [f"Mk{number}={text},{at + 1},{size},0" for number, (at, text, size) in enumerate(rows, 1)]
    path.write_text(NO_MARKERS.partition("Mk1")[0] + "\n".join(lines) + "\n", encoding="utf-8", newline="\n")


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
        ("pauses", _pauses(recording), _pauses(copy)),
    )
    for what, old, new in pairs:
        kind = {"trials": "trial_type", "pulses": "code", "pauses": "length"}[what]
        same = len(old) == len(new) and [*map(_bare, old[kind])] == [*map(_bare, new[kind])]
        if not same or np.abs(old["onset"].to_numpy() - new["onset"].to_numpy()).max(initial=0.0) > step / 2:
            file = after.recording or after.bold
            assert file is not None
            raise InputError(
                f"The {what} in {file.name} are not those of {recording.file.name} ({len(new)} and {len(old)}), "
                "because BIDS does not take its format",
                remedy="export the recording with its triggers to BrainVision, EDF or FIF",
            )


def _pauses(recording: Recording) -> pd.DataFrame:
    gaps = np.array(recording.gaps).reshape(-1, 2)
    return pd.DataFrame({"onset": gaps[:, 0], "length": np.round(gaps[:, 1] - gaps[:, 0], 2)})


def _bare(code: Any) -> str:
    return re.sub(r"\s+", " ", str(code)).rpartition("/")[2]
