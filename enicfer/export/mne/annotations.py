"""Segments as MNE annotations of an uncropped recording."""

import struct
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from enicfer.errors import InputError, OutputError, shown
from enicfer.export.columns import HED_VERSION, LOST_HED, UNCERTAIN_HED, expression_hed
from enicfer.export.physio import time_uncertainty
from enicfer.records import FloatArray, RunResult, SessionResult, Status, only_run
from enicfer.records.review import REVIEW_REASON
from enicfer.timecourse.head import (
    COVERED,
    OTHER_PERSON,
    SPANS,
    TURNED_AWAY,
    find_spans,
    flag_of_run,
)
from enicfer.timecourse.sampling import cut_spans, spans_inside
from enicfer.timecourse.segments import LOST, UNCERTAIN
from enicfer.timecourse.trials import rejected_trials

if TYPE_CHECKING:
    import mne

Extras = dict[str, str | int | float | None]
LOST_NAME = "face/lost"
BAD_LOST_NAME = "BAD_face_lost"
BAD_REVIEW_NAME = "BAD_review"
BAD_NAMES = {name: f"BAD_{name}" for name in SPANS}
BAD_HED = {
    TURNED_AWAY: "(Head, Label/Turned-away)",
    COVERED: "(Face, Label/Covered)",
    OTHER_PERSON: "(Human, Label/Other-person)",
}
REJECTED_HED = "(Experimental-trial, Label/Rejected-in-review)"
NO_DATE = (0, 2**31 - 1)  # seconds, microseconds


def make_annotations(
    result: RunResult | SessionResult,
    *,
    bad_lost: bool = False,
    bad_review: bool = False,
    bad: Collection[str] = (),
    hed: bool = False,
) -> "mne.Annotations":
    """The segments as annotations of an uncropped recording.

    Parameters
    ----------
    result
        The result of a run, or of a session with one run.
    bad_lost
        Name segments without a face ``BAD_face_lost``, so that epochs over them are dropped.
    bad_review
        Add ``BAD_review`` over the trials that were rejected in a review, so that their epochs are dropped.
    bad
        Of ``turned_away`` (the head, by more than the protocol's ``[head]`` allows), ``covered`` (the face) and
        ``other_person`` (in the picture): add ``BAD_turned_away`` ... over the spans in which it is so.
    hed
        Make `mne.HEDAnnotations`, which name the observed action in the terms of HED; needs the package
        ``hedtools``, and MNE-Python 1.12.

    Returns
    -------
    mne.Annotations
        ``fer/<label>`` and ``face/lost``; onsets count from the first sample of the file, ``orig_time`` is
        None, and ``extras`` hold ``probability``, ``valid_fraction``, ``time_uncertainty`` (s), ``model`` and
        ``reason``.
    """
    run = only_run(result)
    import mne

    onset, duration, names, extras = spans_of(run, bad_lost, bad_review, bad)
    if hed:
        if getattr(mne, "HEDAnnotations", None) is None:
            raise InputError(
                f"HED annotations need MNE-Python 1.12, and {mne.__version__} is installed",
                remedy='pip install "mne>=1.12"',
            )
        return mne.HEDAnnotations(
            onset,
            duration,
            names,
            tags_of(run, bad_review, bad),
            hed_version=HED_VERSION,
            orig_time=None,
            extras=extras,
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
            f"{path.name} cannot be a .csv, which MNE-Python reads with the first annotation at 0",
            place=path,
            remedy="give a .txt",
        )
    annotations.save(path, overwrite=True, verbose="error")
    if path.suffix == ".fif":
        forget_origin(path)


def spans_of(
    run: RunResult, bad_lost: bool, bad_review: bool = False, bad: Collection[str] = ()
) -> tuple[FloatArray, FloatArray, list[str], list[Extras]]:
    """Onsets and durations in s on the recording's clock, names, and extras.

    Of segments, of rejected trials, and of the spans of `bad_spans`.
    """
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
    duration = table["duration"].to_numpy(np.float64)
    if bad_review:
        rejected = run.trials[rejected_trials(run.trials)]
        onset = np.append(onset, rejected["onset"].to_numpy(np.float64))
        duration = np.append(duration, rejected["duration"].to_numpy(np.float64))
        names += [BAD_REVIEW_NAME] * len(rejected)
        extras += [{"reason": str(reason)} for reason in rejected.get(REVIEW_REASON, ())]
    for name, spans in bad_spans(run, bad).items():
        onset, duration = np.append(onset, spans["onset"]), np.append(duration, spans["duration"])
        names += [BAD_NAMES[name]] * len(spans)
        bound = time_uncertainty(run, spans["onset"].to_numpy(np.float64))
        extras += [_plain({"time_uncertainty": value}) for value in bound]
    return onset, duration, names, extras


def bad_spans(run: RunResult, wanted: Collection[str]) -> dict[str, pd.DataFrame]:
    """Spans (``onset``, ``duration`` in s) of those of `enicfer.timecourse.head.SPANS` that are wanted, in its order.

    Raises
    ------
    InputError
        For another name, or what the run does not tell.
    """
    wanted = [wanted] if isinstance(wanted, str) else wanted
    if unknown := sorted(set(wanted) - set(SPANS)):
        raise InputError(f"There are no spans {shown(unknown[0])}", remedy=f"choose from {', '.join(SPANS)}")
    placed, found = run.analysed, {}
    for name in (name for name in SPANS if name in wanted):
        flag = flag_of_run(placed, name)
        if flag is None:
            why = "it has several cameras" if run.cameras is not None else f"from {run.faces.detector}"
            raise InputError(
                f"The run {run.name} does not tell where {BAD_NAMES[name]} is ({why})",
                remedy="leave it out, or process the video of one camera with the detector centerface",
            )
        spans = find_spans(
            placed.time, np.where(placed.expression.status == Status.OUTSIDE_RECORDING, np.nan, flag)
        )
        found[name] = cut_spans(spans, run)
    return found


def tags_of(run: RunResult, bad_review: bool = False, bad: Collection[str] = ()) -> list[str]:
    """HED strings of the segments, in the order of `spans_of`."""
    tags = {**expression_hed(run.expression.labels), UNCERTAIN: UNCERTAIN_HED, LOST: LOST_HED}
    rejected = [REJECTED_HED] * (int(rejected_trials(run.trials).sum()) if bad_review else 0)
    also = [BAD_HED[name] for name, spans in bad_spans(run, bad).items() for _ in range(len(spans))]
    return [*(tags[label] for label in spans_inside(run)["label"]), *rejected, *also]


def _plain(values: Mapping[str, Any]) -> Extras:
    """Values as MNE-Python takes them in ``extras``: text, rounded floats, None for missing."""
    return {
        name: value or None if isinstance(value, str) else None if np.isnan(value) else round(float(value), 6)
        for name, value in values.items()
    }


def forget_origin(path: Path) -> None:
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
