"""Results on an MNE-Python recording: annotations, channels, metadata of epochs.

Conventions
-----------
``RunResult`` times count from the first sample of the *file*. ``raw.times`` count from the first sample that
is left, and annotations of a ``Raw`` from the start of the acquisition (``raw.first_samp``). The way between
them is here, and only here: a sample at ``raw.times[i]`` has the recording's time ``raw.times[i] +
raw.first_time - first_time``, where ``first_time`` is that of the file as it was read (0 but for FIF). So it
holds for recordings that were cropped, resampled, anonymised or have no date. After ``concatenate_raws`` give
``offset``, the place of this result's recording in the whole, and for FIF files ``first_time``, that of the
first of them: the whole goes on counting from there.

MNE-Python drops epochs at annotations named ``BAD*``: spans in which the face was lost are ``face/lost``, and
``BAD_face_lost`` only on request. FIF stores onsets as 32-bit floats, which is 0.5 ms after 2 hours; the tables
are exact.
"""

import struct
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from enicfer.errors import InputError, OutputError
from enicfer.export.columns import HED_VERSION, LOST_HED, UNCERTAIN_HED, expression_hed
from enicfer.export.physio import time_uncertainty
from enicfer.export.sampling import interpolate, spans_inside
from enicfer.io.eeg import read_triggers
from enicfer.io.store import check_free
from enicfer.records import FloatArray, RunResult
from enicfer.segments import LOST, UNCERTAIN

if TYPE_CHECKING:
    import mne

Extras = dict[str, str | int | float | None]
LOST_NAME = "face/lost"
BAD_LOST_NAME = "BAD_face_lost"
# How far (s) a trigger may be from where it was: onsets may have been corrected for the delay of a screen. Where
# fewer of them match, it is another recording.
TRIGGER_TOLERANCE, LEAST_MATCHED = 0.1, 0.5
NO_DATE = (0, 2**31 - 1)  # seconds, microseconds


def make_annotations(run: RunResult, *, bad_lost: bool = False, hed: bool = False) -> "mne.Annotations":
    """The segments as annotations of an uncropped recording.

    Parameters
    ----------
    run
        The result.
    bad_lost
        Name spans without a face ``BAD_face_lost``, so that epochs over them are dropped.
    hed
        Make `mne.HEDAnnotations`, which name the observed action in the terms of HED; needs the package
        ``hedtools``.

    Returns
    -------
    mne.Annotations
        ``fer/<label>`` and ``face/lost``; onsets count from the first sample of the file, ``orig_time`` is
        None, and ``extras`` hold ``probability``, ``valid_fraction``, ``time_uncertainty`` (s), ``model`` and
        ``reason``.
    """
    import mne

    onset, duration, names, extras = _spans(run, bad_lost)
    if hed:
        return mne.HEDAnnotations(
            onset, duration, names, _tags(run), hed_version=HED_VERSION, orig_time=None, extras=extras
        )
    return mne.Annotations(onset, duration, names, orig_time=None, extras=extras)


def write_annotations(path: Path, annotations: "mne.Annotations") -> None:
    """Write ``..._annot.fif``, or comma-separated ``.txt``, as `mne.read_annotations` reads them.

    The FIF file is written without the date and the machine's address that MNE-Python puts there. Its ``.csv``
    would lose the time of the first annotation, which reading takes for 0.

    Raises
    ------
    OutputError
        For ``.csv``.
    """
    if path.suffix == ".csv":
        raise OutputError(
            f"{path.name}: MNE-Python reads a .csv with the first annotation at 0; give a .txt."
        )
    annotations.save(path, overwrite=True, verbose="error")
    if path.suffix == ".fif":
        _forget_origin(path)


def check_raw_file(path: Path, overwrite: bool) -> None:
    """Refuse a name that MNE-Python would not expect, or a file that is there, before work begins.

    Raises
    ------
    InputError
        If the name does not end with ``_raw.fif`` or ``_eeg.fif``.
    OutputError
        If the file is there, and ``overwrite`` is not set.
    """
    if not path.name.endswith(("_raw.fif", "_eeg.fif")):
        raise InputError(f"The output {path.name} must end with _raw.fif or _eeg.fif, as MNE-Python expects.")
    check_free(path, overwrite)


def save_raw(path: Path, raw: "mne.io.BaseRaw", *, overwrite: bool = False) -> None:
    """Write a recording as FIF, in parts of 2 GB, whole or not at all; same recording, same bytes.

    Parameters
    ----------
    path
        Its name ends with ``_raw.fif`` or ``_eeg.fif``.
    raw
        The recording, loaded or not.
    overwrite
        Replace what is there.

    Raises
    ------
    InputError
        For another name.
    OutputError
        If the file is there already, or cannot be written.
    """
    check_raw_file(path, overwrite)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # A folder of its own, because the parts of a long recording name each other.
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=".enicfer-") as unfinished:
            raw.save(Path(unfinished) / path.name, verbose="error")
            for part in sorted(Path(unfinished).iterdir(), reverse=True):
                _forget_origin(part)
                part.replace(path.parent / part.name)
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {error.strerror or error}.") from None


def _forget_origin(path: Path) -> None:
    """Blank machine and time in the ids of a FIF file, as MNE-Python does for a recording without a date."""
    size = path.stat().st_size
    with path.open("r+b") as file:
        position = 0
        while position + 16 <= size:
            file.seek(position)
            _, kind, length, _ = struct.unpack(">iIii", file.read(16))
            if kind == 31 and length == 20:  # an id: version, machine (2), seconds, microseconds
                file.seek(position + 20)
                file.write(bytes(8) + struct.pack(">ii", *NO_DATE))  # a 0 would be read as the year 1970
            position += 16 + length


def add_emotion_events(
    raw: "mne.io.BaseRaw",
    result: RunResult,
    *,
    bad_lost: bool = False,
    offset: float = 0.0,
    first_time: float | None = None,
) -> "mne.io.BaseRaw":
    """Add the segments to the annotations of a recording, in place.

    Existing annotations stay; what lies outside of the recording is left out, what reaches over its ends is
    cut. A second call adds nothing twice.

    Parameters
    ----------
    raw
        The recording that the result belongs to, cropped or not.
    result
        The result.
    bad_lost
        Name spans without a face ``BAD_face_lost``, so that epochs over them are dropped.
    offset
        Seconds from the first sample of ``raw``'s first file to the first sample of this result's recording,
        for recordings that were concatenated, cropped afterwards or not.
    first_time
        ``raw.first_time`` in s of the first of the concatenated files, as it was read; needed with ``offset`` where
        the files are FIF, whose acquisitions begin at samples of their own.

    Returns
    -------
    mne.io.BaseRaw
        ``raw``.

    Raises
    ------
    InputError
        If the result and what is left of the recording do not overlap or their triggers contradict each other,
        or ``first_time`` is needed.
    """
    shift = _shift(raw, result, offset, first_time)
    onset, duration, names, extras = _spans(result, bad_lost)
    start = np.clip(onset + shift, 0, None)
    stop = np.clip(onset + duration + shift, None, raw.n_times / raw.info["sfreq"])
    there = _described(raw)
    half_sample = 0.5 / raw.info["sfreq"]
    new = [
        i
        for i in np.flatnonzero(stop > start)
        if not any(abs(start[i] - other) < half_sample for other in there.get(names[i], ()))
    ]
    if new:
        more = (
            {"hed_string": [_tags(result)[i] for i in new]} if hasattr(raw.annotations, "hed_string") else {}
        )
        raw.annotations.append(
            onset=start[new] + raw.first_time,  # from raw.first_samp, whether the recording has a date or not
            duration=(stop - start)[new],
            description=[names[i] for i in new],
            extras=[extras[i] for i in new],
            **more,
        )
    return raw


def add_emotion_channels(
    raw: "mne.io.BaseRaw", result: RunResult, *, offset: float = 0.0, first_time: float | None = None
) -> "mne.io.BaseRaw":
    """Add a ``misc`` channel per expression, and ``fer_valid``, in place; loads the signal.

    Between frames with an answer the probabilities are interpolated linearly, so that filters and resampling
    work; ``fer_valid`` is 1 where the frame of that time has an answer and 0 where the value fills a gap.

    Parameters
    ----------
    raw, result, offset, first_time
        As in `add_emotion_events`.

    Returns
    -------
    mne.io.BaseRaw
        ``raw``.

    Raises
    ------
    InputError
        If the channels are there already, or result and recording do not overlap or contradict each other.
    """
    import mne

    names = [*(f"fer_{label}" for label in result.expression.labels), "fer_valid"]
    if twice := [name for name in names if name in raw.ch_names]:
        raise InputError(
            f"The recording already has the channels {', '.join(twice)}: drop them first, and add the channels of "
            "several runs before the recordings are concatenated."
        )
    shift = _shift(raw, result, offset, first_time)
    raw.load_data(verbose="error")
    probability, valid = interpolate(result.analysed, raw.times - shift)
    data = np.vstack([probability.T, valid[None].astype(np.float64)])
    info = mne.create_info(names, raw.info["sfreq"], "misc", verbose="error")
    extra = mne.io.RawArray(data, info, first_samp=raw.first_samp, verbose="error")
    raw.add_channels([extra], force_update_info=True)
    return raw


def emotion_metadata(
    epochs: "mne.BaseEpochs",
    result: RunResult,
    *,
    offset: float = 0.0,
    first_time: float | None = None,
    tolerance: float = 0.05,
) -> pd.DataFrame:
    """Rows of the trial table for the epochs, ready for ``epochs.metadata``.

    Parameters
    ----------
    epochs
        Made from events at the triggers of the trials.
    result
        The result.
    offset, first_time
        As in `add_emotion_events`.
    tolerance
        Largest difference in s between an epoch's event and its trial's onset.

    Returns
    -------
    pandas.DataFrame
        One row per epoch, with the columns of ``epochs.metadata``, if any, before those of the trials. Columns of
        both are those of the trials in epochs that have one, and stay as they are in the others, which may belong to
        another run. Epochs without a trial have missing values in new columns.

    Raises
    ------
    InputError
        If no epoch belongs to a trial, or ``first_time`` is needed.
    """
    time = epochs.events[:, 0] / _events_rate(epochs) - _first_time(result, offset, first_time) - offset
    trials = result.trials.reset_index(drop=True)
    row = _nearest(time, trials["onset"].to_numpy(np.float64), tolerance)
    if not (row >= 0).any():
        raise InputError(
            f"None of the {len(time)} epochs lies within {tolerance} s of one of the {len(trials)} trials: make the "
            "epochs from the triggers of the trials, or give offset= for a concatenated recording."
        )
    found = trials.reindex(np.where(row >= 0, row, len(trials))).reset_index(drop=True)
    if epochs.metadata is None:
        return found
    before = epochs.metadata.reset_index(drop=True)
    both = [name for name in found if name in before]
    for name in both:
        before[name] = found[name].where(row >= 0, before[name])
    return pd.concat([before, found.drop(columns=both)], axis=1)


def expression_events(
    raw: "mne.io.BaseRaw",
    result: RunResult,
    label: str,
    *,
    event_id: int = 1,
    within_trials: bool = True,
    offset: float = 0.0,
    first_time: float | None = None,
) -> npt.NDArray[np.int64]:
    """Events at the start of an expression, for epochs that are locked to the face.

    Only where it is seen to begin: not where the face comes back with it.

    Parameters
    ----------
    raw, result, offset, first_time
        As in `add_emotion_events`.
    label
        Expression, such as ``happy``.
    event_id
        Code of the events.
    within_trials
        Take only the first start in each trial's window.

    Returns
    -------
    numpy.ndarray
        ``(m, 3)`` sample, 0, ``event_id``, as `mne.Epochs` takes them.

    Raises
    ------
    InputError
        If the model does not know the label, or result and recording do not overlap.
    """
    if label not in result.expression.labels:
        known = ", ".join(result.expression.labels)
        raise InputError(f"The model {result.expression.model} has no label {label!r}: it has {known}.")
    segments = result.segments
    onset = segments["onset"].to_numpy(np.float64)
    before = (onset + segments["duration"].to_numpy(np.float64))[:-1]
    # Where the face was lost before, or the video has a hole, it is not seen that the expression begins.
    seen = (np.abs(onset[1:] - before) < 1e-6) & (segments["label"].to_numpy()[:-1] != LOST)
    onset = onset[(segments["label"] == label).to_numpy() & np.r_[False, seen][: len(onset)]]
    if within_trials:
        trigger = result.trials["onset"].to_numpy(np.float64)
        window = result.provenance.get("protocol", {}).get("trial", {}).get("window", (0.0,))
        start, stop = trigger + window[0], trigger + result.trials["duration"].to_numpy(np.float64)
        inside = [onset[(onset >= a) & (onset < b)][:1] for a, b in zip(start, stop, strict=True)]
        onset = np.unique(np.concatenate(inside)) if inside else onset[:0]
    sample = np.round((onset + _shift(raw, result, offset, first_time)) * raw.info["sfreq"]).astype(np.int64)
    sample = np.unique(sample[(sample >= 0) & (sample < raw.n_times)]) + raw.first_samp
    return np.stack([sample, np.zeros_like(sample), np.full_like(sample, event_id)], axis=1)


def _spans(run: RunResult, bad_lost: bool) -> tuple[FloatArray, FloatArray, list[str], list[Extras]]:
    table = spans_inside(run)
    onset = table["onset"].to_numpy(np.float64)
    lost = BAD_LOST_NAME if bad_lost else LOST_NAME
    names = [lost if label == LOST else f"fer/{label}" for label in table["label"]]
    uncertainty = time_uncertainty(run, onset)
    extras = [
        _plain(
            {
                "probability": row["probability"],
                "valid_fraction": row["valid_fraction"],
                "time_uncertainty": uncertainty[i],
                "model": run.expression.model,
                "reason": row["reason"],
            }
        )
        for i, row in enumerate(table.to_dict("records"))
    ]
    return onset, table["duration"].to_numpy(np.float64), names, extras


def _tags(run: RunResult) -> list[str]:
    """HED strings of the spans, in the order of `_spans`."""
    tags = {**expression_hed(run.expression.labels), UNCERTAIN: UNCERTAIN_HED, LOST: LOST_HED}
    return [tags[label] for label in spans_inside(run)["label"]]


def _plain(values: Mapping[str, Any]) -> Extras:
    """Values as MNE-Python takes them in ``extras``: text, rounded floats, None for missing."""
    return {
        name: value or None if isinstance(value, str) else None if np.isnan(value) else round(float(value), 6)
        for name, value in values.items()
    }


def _events_rate(epochs: "mne.BaseEpochs") -> float:
    """Sampling rate in Hz of ``epochs.events``, which epochs keep when they are resampled or decimated."""
    return float(getattr(epochs, "_raw_sfreq", None) or epochs.info["sfreq"])


def _first_time(result: RunResult, offset: float, given: float | None) -> float:
    """``first_time`` in s, as it was read, of the file that the recording begins with.

    A crop moves ``raw.first_time``, so that of a concatenated recording cannot be asked for it.

    Raises
    ------
    InputError
        If it is not that of the result's own file and was not given.
    """
    if given is not None:
        return given
    own, file = float(result.recording.details.get("first_time", 0.0)), result.recording.file
    if offset and (own or file.suffix.lower() == ".fif"):
        raise InputError(
            f"{file.name} began at {own:.3f} s of its acquisition, and where the first of the concatenated files "
            "began is not known: with offset= give first_time= as well, that file's raw.first_time as it was read."
        )
    return own


def _shift(raw: "mne.io.BaseRaw", result: RunResult, offset: float, first_time: float | None) -> float:
    """What to add to the result's times to get ``raw.times``."""
    shift = offset + _first_time(result, offset, first_time) - float(raw.first_time)
    length = raw.n_times / raw.info["sfreq"]
    time = result.time[np.isfinite(result.time)]
    if time.size and not (time[0] + shift < length and time[-1] + shift > 0):
        raise InputError(
            f"The recording covers {-shift:.1f} to {length - shift:.1f} s of {result.recording.file.name}, but the "
            f"face was filmed from {time[0]:.1f} to {time[-1]:.1f} s: give the recording that the "
            "result was made from, or offset= if it was concatenated."
        )
    found = match_triggers(raw, result, shift)
    if found is not None and found < LEAST_MATCHED:
        raise InputError(
            f"{found:.0%} of the recording's triggers are where they are in {result.recording.file.name}, from which "
            "the result was made: give that recording, a cropped or filtered copy of it, or the right offset=."
        )
    return shift


def match_triggers(raw: "mne.io.BaseRaw", result: RunResult, shift: float) -> float | None:
    """How many of the triggers in common are at the same times.

    Parameters
    ----------
    raw
        The recording.
    result
        Knows the triggers of the recording that it was made from.
    shift
        From the result's times to ``raw.times``, in s.

    Returns
    -------
    float or None
        Of the triggers whose codes both have, within the time that both cover, on the side that has fewer of
        them: the fraction with one of the same code on the other side within `TRIGGER_TOLERANCE`. None if there is
        no such trigger: annotations may have been renamed or left out.
    """
    there, own = read_triggers(raw), result.recording.triggers
    own = own.assign(onset=own["onset"] + shift)
    own = own[own["onset"].between(0, raw.n_times / raw.info["sfreq"])]
    there = there[there["onset"].between(shift, result.recording.duration + shift)]
    matched, fewer = 0, 0
    for code in sorted(set(own["code"]) & set(there["code"])):
        sides = [side.loc[side["code"] == code, "onset"].to_numpy() for side in (own, there)]
        few, many = sorted(sides, key=len)
        matched += int((_nearest(few, many, TRIGGER_TOLERANCE) >= 0).sum())
        fewer += len(few)
    return matched / fewer if fewer else None


def _described(raw: "mne.io.BaseRaw") -> dict[str, list[float]]:
    """Onsets in ``raw.times`` of the annotations that are there, by name."""
    there: dict[str, list[float]] = {}
    for onset, name in zip(raw.annotations.onset, raw.annotations.description, strict=True):
        there.setdefault(str(name), []).append(float(onset) - float(raw.first_time))
    return there


def _nearest(time: FloatArray, onset: FloatArray, tolerance: float) -> npt.NDArray[np.intp]:
    """Index of the nearest ``onset`` to each ``time``, -1 where none is within ``tolerance``."""
    if onset.size == 0:
        return np.full(time.size, -1, dtype=np.intp)
    distance = np.abs(time[:, None] - onset[None])
    nearest = distance.argmin(axis=1)
    return np.where(distance[np.arange(time.size), nearest] <= tolerance, nearest, -1)
