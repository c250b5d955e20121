"""The results of a run on a recording, as one FIF file."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from enicfer.export.mne import add_emotion_channels, add_emotion_events, check_raw_file, save_raw
from enicfer.export.mne.annotations import BAD_LOST_NAME, BAD_NAMES, BAD_REVIEW_NAME
from enicfer.io.eeg import open_raw, read_triggers
from enicfer.io.results import read_run
from enicfer.pipeline.provenance import find_changed


@dataclass(frozen=True)
class AppliedResult:
    """What came of `apply_result`.

    Attributes
    ----------
    output
        The file.
    n_annotations
        Emotion annotations on the recording.
    n_bad_review, n_bad_lost
        Those of them that are ``BAD_review`` and ``BAD_face_lost``.
    n_bad
        Name -> number, of the others that were asked for.
    notes
        What may be wrong with the pair of result and recording, one sentence each.
    """

    output: Path
    n_annotations: int
    notes: tuple[str, ...]
    n_bad_review: int = 0
    n_bad_lost: int = 0
    n_bad: Mapping[str, int] = field(default_factory=dict)


def apply_result(
    result: str | Path,
    recording: str | Path,
    output: str | Path,
    *,
    channels: bool = True,
    bad_lost: bool = False,
    bad_review: bool = False,
    bad: Collection[str] = (),
    overwrite: bool = False,
) -> AppliedResult:
    """Write a recording with the emotion events of a result.

    Parameters
    ----------
    result
        An output folder, or a file of one run in it.
    recording
        The EEG file that the run was made from, or a cropped or filtered FIF copy of it. What it holds is kept.
    output
        File to write; its name ends with ``_raw.fif`` or ``_eeg.fif``.
    channels
        Also a misc channel per expression, and the pose of the head.
    bad_lost
        Name segments without a face ``BAD_face_lost``; MNE-Python drops epochs there.
    bad_review
        Add ``BAD_review`` over the trials that were rejected in a review; MNE-Python drops their epochs.
    bad
        As in `enicfer.add_emotion_events`.
    overwrite
        Replace the file if it is there.

    Raises
    ------
    EnicferError
        If the result or the recording cannot be read, do not fit, or the file cannot be written.
    """
    output, recording = Path(output), Path(recording)
    check_raw_file(output, overwrite)
    run, raw = read_run(Path(result)), open_raw(recording)
    unknown = set(run.recording.triggers["code"]).isdisjoint(read_triggers(raw)["code"])
    add_emotion_events(raw, run, bad_lost=bad_lost, bad_review=bad_review, bad=bad)
    if channels:
        add_emotion_channels(raw, run)
    save_raw(output, raw, overwrite=overwrite)
    names = [str(name) for name in raw.annotations.description]
    own = ("fer/", "face/", "BAD_face", BAD_REVIEW_NAME, *BAD_NAMES.values())
    added = sum(name.startswith(own) for name in names)
    made, notes = run.recording.file.name, []
    if recording.name != made:
        notes.append(f"the result was made from {made}; times were taken over as they are.")
    if changed := find_changed(recording, run.provenance.inputs):
        notes.append(f"not as they were when the result was made: {', '.join(changed)}.")
    if unknown and len(run.recording.triggers):
        notes.append(
            f"{recording.name} has no trigger that {made} had: make sure that it is the same recording."
        )
    return AppliedResult(
        output,
        added,
        tuple(notes),
        names.count(BAD_REVIEW_NAME),
        names.count(BAD_LOST_NAME),
        {BAD_NAMES[name]: names.count(BAD_NAMES[name]) for name in bad},
    )
