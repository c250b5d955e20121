"""Annotations and channels on a recording in memory, and the FIF file of it."""

import re
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from enicfer.errors import MAKE_ROOM, InputError, OutputError
from enicfer.export.mne.annotations import forget_origin, spans_of, tags_of
from enicfer.export.mne.clock import described_onsets, shift_of
from enicfer.io.files.atomic import staged
from enicfer.io.files.places import check_free
from enicfer.records import RunResult, SessionResult, only_run
from enicfer.timecourse.head import ANGLES, head_of_run
from enicfer.timecourse.sampling import fill_values, interpolate

if TYPE_CHECKING:
    import mne


def add_emotion_events(
    raw: "mne.io.BaseRaw",
    result: RunResult | SessionResult,
    *,
    bad_lost: bool = False,
    bad_review: bool = False,
    bad: Collection[str] = (),
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
        The result of a run, or of a session with one run.
    bad_lost
        Name segments without a face ``BAD_face_lost``, so that epochs over them are dropped.
    bad_review
        Add ``BAD_review`` over the trials that were rejected in a review, so that their epochs are dropped.
    bad
        Of ``turned_away`` (the head, by more than the protocol's ``[head]`` allows), ``covered`` (the face) and
        ``other_person`` (in the picture): add ``BAD_turned_away`` ... over the spans in which it is so.
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
    run = only_run(result)
    shift = shift_of(raw, run, offset, first_time)
    onset, duration, names, extras = spans_of(run, bad_lost, bad_review, bad)
    start = np.clip(onset + shift, 0, None)
    stop = np.clip(onset + duration + shift, None, raw.n_times / raw.info["sfreq"])
    there = described_onsets(raw)
    half_sample = 0.5 / raw.info["sfreq"]
    new = [
        i
        for i in np.flatnonzero(stop > start)
        if not any(abs(start[i] - other) < half_sample for other in there.get(names[i], ()))
    ]
    if new:
        more: dict[str, list[str]] = {}
        if hasattr(raw.annotations, "hed_string"):
            tags = tags_of(run, bad_review, bad)
            more["hed_string"] = [tags[i] for i in new]
        raw.annotations.append(
            onset=start[new] + raw.first_time,  # from raw.first_samp, whether the recording has a date or not
            duration=(stop - start)[new],
            description=[names[i] for i in new],
            extras=[extras[i] for i in new],
            **more,
        )
    return raw


def add_emotion_channels(
    raw: "mne.io.BaseRaw",
    result: RunResult | SessionResult,
    *,
    head_pose: bool = True,
    offset: float = 0.0,
    first_time: float | None = None,
) -> "mne.io.BaseRaw":
    """Add a ``misc`` channel per expression, and ``fer_valid``, in place; loads the signal.

    Between valid frames the probabilities are interpolated linearly, so that filters and resampling
    work; ``fer_valid`` is 1 where the frame of that time is valid and 0 where the value fills a gap. The pose of the
    head, where it was measured, is in ``fer_head_yaw``, ``fer_head_pitch`` and ``fer_head_roll`` (degrees, whatever
    unit MNE-Python shows), filled likewise, and ``fer_head_valid`` is 1 where it was.

    Parameters
    ----------
    raw, result, offset, first_time
        As in `add_emotion_events`.
    head_pose
        Add the channels of pose.

    Returns
    -------
    mne.io.BaseRaw
        ``raw``.

    Raises
    ------
    InputError
        If the channels are there already, or result and recording do not overlap or contradict each other.
    """
    run = only_run(result)
    import mne

    run = run.analysed
    head = head_of_run(run) if head_pose else None
    names = [*(f"fer_{label}" for label in run.expression.labels), "fer_valid"]
    if head is not None:
        names += [*(f"fer_head_{name}" for name in ANGLES), "fer_head_valid"]
    if twice := [name for name in names if name in raw.ch_names]:
        raise InputError(
            f"The recording already has the channels {', '.join(twice)}",
            remedy=(
                "drop them first, and add the channels of several runs before the recordings are concatenated"
            ),
        )
    shift = shift_of(raw, run, offset, first_time)
    raw.load_data(verbose="error")
    parts = [interpolate(run, raw.times - shift)]
    if head is not None:
        parts.append(fill_values(run, raw.times - shift, head, np.isfinite(head[:, 0])))
    data = np.vstack([row for values, valid in parts for row in (*values.T, valid.astype(np.float64))])
    info = mne.create_info(names, raw.info["sfreq"], "misc", verbose="error")
    extra = mne.io.RawArray(data, info, first_samp=raw.first_samp, verbose="error")
    raw.add_channels([extra], force_update_info=True)
    return raw


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
        raise InputError(
            f"The output {path.name} has not the ending that MNE-Python expects",
            place=path,
            remedy="end it with _raw.fif or _eeg.fif",
        )
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
        with staged(path.parent, make=True) as stage:
            raw.save(stage.tree / path.name, verbose="error")
            for part in stage.tree.iterdir():
                forget_origin(part)
            older = re.compile(rf"{re.escape(path.stem)}-\d+\.fif")  # parts of a longer recording
            stage.publish(remove=[old.name for old in path.parent.iterdir() if older.fullmatch(old.name)])
    except OSError as error:
        raise OutputError(
            f"{path} cannot be written: {error.strerror or error}",
            place=path,
            remedy=MAKE_ROOM,
        ) from None
