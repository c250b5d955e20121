"""EEGLAB: a data set with the events, and a text file for *File > Import event info*.

Latencies count from 1, in samples, and need not be whole. In the text file they are in samples too: what EEGLAB makes
of seconds differs by a sample between its versions, so the time unit there is NaN. Of a ``.set`` everything but the
events stays as it is; other recordings become a data set through the package eeglabio.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from enicfer.errors import InputError, option
from enicfer.export.copies import check_recording, copy_binary, events_inside, sampling_rate
from enicfer.export.event_table import ExportOptions, ExportRun, Notes
from enicfer.export.matlab import struct_array, write_mat
from enicfer.io.eeg import open_raw

FIELDS = ("type", "latency", "duration")
LARGEST = 2**31  # bytes of a variable


def write_eeglab(runs: Sequence[ExportRun], folder: Path, options: ExportOptions) -> list[str]:
    """Write ``<run>_events.txt``; where the recording was given also ``<run>_eeg.set``, with its ``.fdt`` if any.

    Parameters
    ----------
    runs
        Of EEG.
    folder
        For the files.
    options
        With ``link`` the ``.fdt`` is shared with the recording.

    Returns
    -------
    list of str
        What the user should know, a sentence each.

    Raises
    ------
    InputError
        If a ``.set`` lacks its ``.fdt`` or cannot be read, or the recording is another one.
    """
    notes = Notes()
    for item in runs:
        if item.recording is not None and item.recording.suffix.lower() == ".set":
            _check_data(item.recording)
        check_recording(item)
        events = _events(item, notes)
        fields = list(dict.fromkeys(name for event in events for name in event)) or list(FIELDS)
        text = pd.DataFrame([[_cell(event.get(name)) for name in fields] for event in events], columns=fields)
        text.to_csv(folder / f"{item.stem}_events.txt", sep="\t", index=False, lineterminator="\n")
        if item.recording is None:
            notes.add(
                f"{item.stem}: the events are in a text file alone; for a data set with them give --recording "
                f"FOLDER/{item.run.recording.file.name}."
            )
        elif item.recording.suffix.lower() == ".set":
            _copy_set(item.recording, folder / f"{item.stem}_eeg.set", events, options.link, notes)
        else:
            _make_set(item, folder / f"{item.stem}_eeg.set", events)
    return notes.said


def _events(item: ExportRun, notes: Notes) -> list[dict[str, Any]]:
    """A mapping for each event, as fields of EEGLAB's structure."""
    table, rate = events_inside(item, notes), sampling_rate(item)
    events: list[dict[str, Any]] = []
    for entry in table.to_dict("records"):
        event = {
            "type": str(entry["label"]),
            "latency": float(entry["onset"]) * rate + 1,
            "duration": float(entry["duration"]) * rate,
            "code": str(entry["code"]),
        }
        events.append({**event, **{name: entry[name] for name in item.measures}})
    return events


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return "NaN" if np.isnan(value) else f"{value:.6f}"
    return "" if value is None else " ".join(str(value).split())


def _read_set(path: Path) -> dict[str, Any]:
    """The variables of a data set: those of ``EEG``, or of the file where it holds them by themselves."""
    from scipy.io import loadmat

    try:
        content = loadmat(path, mat_dtype=True, chars_as_strings=True)
    except NotImplementedError:
        raise InputError(
            f"{path.name} is a MATLAB 7.3 file, of which no copy can be made",
            place=path,
            remedy="save it in EEGLAB with the option to save as version 6 or 7",
        ) from None
    except (ValueError, TypeError, OSError) as error:
        raise InputError(
            f"{path.name} cannot be read as a data set of EEGLAB ({error})",
            place=path,
            remedy="save it again",
        ) from None
    if "EEG" in content and content["EEG"].dtype.names:
        record = content["EEG"].flat[0]
        return {name: record[name] for name in content["EEG"].dtype.names}
    return {name: value for name, value in content.items() if not name.startswith("__")}


def _data_file(path: Path, content: Mapping[str, Any]) -> Path | None:
    """The ``.fdt`` of a data set, or None if its samples are in the ``.set``."""
    data = content.get("data")
    if not isinstance(data, np.ndarray) or data.dtype.kind != "U":
        return None
    names = (str(data.flat[0]) if data.size else "", f"{path.stem}.fdt")
    found = [path.with_name(Path(name).name) for name in names if name]
    return next((file for file in found if file.is_file()), found[0])


def _check_data(path: Path) -> None:
    """Refuse a ``.set`` whose ``.fdt`` is not beside it."""
    if not path.is_file():
        return
    data = _data_file(path, _read_set(path))
    if data is not None and not data.is_file():
        raise InputError(
            f"{path.name} has its samples in {data.name}, which is not beside it",
            place=path,
            remedy="copy it there, or save the data set again",
        )


def _copy_set(
    source: Path, target: Path, events: Sequence[Mapping[str, Any]], link: bool, notes: Notes
) -> None:
    """Write a data set with further events, and its ``.fdt``."""
    content = _read_set(source)
    data = _data_file(source, content)
    content["event"] = _merged(content.get("event"), events)
    _write_set(target, content, data, link, notes)


def _write_set(target: Path, content: Mapping[str, Any], data: Path | None, link: bool, notes: Notes) -> None:
    """Write a data set under its own name, with its own ``.fdt``."""
    content = {**content, "filename": target.name, "filepath": "", "saved": "yes"}
    if data is not None:
        name = target.with_suffix(".fdt").name
        content |= {"data": name, "datfile": name}
        copy_binary(data, target.with_suffix(".fdt"), link, notes)
    write_mat(target, {"EEG": content}, compress=False)


def give_data(source: Path, copy: Path) -> None:
    """Give the copy of a data set its own ``.fdt``, where it still names that of its source."""
    content = _read_set(copy)
    lost, data = _data_file(copy, content), _data_file(source, content)
    if lost is not None and not lost.is_file() and data is not None and data.is_file():
        _write_set(copy, content, data, False, Notes())


def _make_set(item: ExportRun, target: Path, events: Sequence[Mapping[str, Any]]) -> None:
    """Make a data set of any recording, with its own events and these."""
    try:
        from eeglabio.raw import export_set
    except ImportError:
        raise InputError(
            "A data set of EEGLAB is made with the package eeglabio, which is not installed",
            remedy=f"pip install 'enicfer[export]', or leave out {option('recordings', '--recording')}",
        ) from None
    assert item.recording is not None
    raw = open_raw(item.recording)
    if 4 * raw.n_times * len(raw.ch_names) >= LARGEST:
        raise InputError(
            f"{item.recording.name} has more samples than a data set of EEGLAB in one file holds (2 GB)",
            remedy=f"leave out {option('recordings', '--recording')}, and import the text file",
        )
    annotations = raw.annotations
    own = [np.array(annotations.description), annotations.onset - raw.first_time, annotations.duration]
    place = np.array([channel["loc"][:3] for channel in raw.info["chs"]])
    known = np.isfinite(place).all(axis=1).any() and np.abs(np.nan_to_num(place)).any()
    export_set(
        str(target),
        data=raw.get_data(),
        sfreq=raw.info["sfreq"],
        ch_names=raw.ch_names,
        ch_locs=place if known else None,
        annotations=own,
        ch_types=[kind.upper() for kind in raw.get_channel_types()],
    )
    content = _read_set(target)
    content["event"] = _merged(content.get("event"), events)
    write_mat(target, {"EEG": content}, compress=False)


def _merged(there: Any, events: Sequence[Mapping[str, Any]]) -> Any:
    """EEGLAB's structure of events: those that are there with these, sorted by latency, and the fields of both."""
    records: list[Mapping[str, Any]] = []
    own: tuple[str, ...] = ()
    if isinstance(there, np.ndarray) and there.dtype.names:
        own = there.dtype.names
        records = [{name: entry[name] for name in own} for entry in there.flat]
    numbers = all(_is_number(record.get("type")) for record in records) and bool(records)
    if numbers:  # EEGLAB wants types of one kind
        records = [{**record, "type": f"{float(np.ravel(record['type'])[0]):g}"} for record in records]
    more = dict.fromkeys(name for event in events for name in event)
    fields = [*own, *(name for name in (*FIELDS, *more) if name not in own)]
    whole = sorted([*records, *events], key=lambda record: float(np.ravel(record["latency"])[0]))
    return struct_array(whole, list(dict.fromkeys(fields)))


def _is_number(value: Any) -> bool:
    return isinstance(value, np.ndarray) and value.dtype.kind in "fiu" and value.size == 1
