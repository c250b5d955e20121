"""What every key of ``sync.json``, ``qc.json`` and ``frames.h5`` means, and the page that says so.

    python -m enicfer.export.keys > docs/keys.md

Conventions: keys are joined by dots; ``[]`` is each entry of a list, ``*`` any one key.
"""

from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Any

from enicfer.io.frames_file import FRAMES_ATTRIBUTES, frame_data_sets

SYNC_KEYS = {
    "format_version": "version of this file's layout",
    "recording.modality": "data type of BIDS: eeg, meg, ieeg, nirs, func, or beh for a video alone",
    "recording.file": "name of the recording's file",
    "recording.duration": "length of the recording in s",
    "recording.sampling_rate": "of a recording with samples, in Hz",
    "recording.repetition_time": "of the BOLD series in s",
    "recording.n_volumes": "number of stored volumes",
    "recording.gaps": "start and stop in s of parts without samples",
    "recording.notes": "what the reader of the recording had to say",
    "recording.details.first_time": "EEG: s by which the file's clock is ahead of its first sample",
    "recording.details.log_start": "fMRI: s of the log's time at which the first stored volume began",
    "recording.details.log_drift_ppm": "fMRI: by how much the scanner's clock runs faster than the log's, in ppm",
    "recording.details.missing_volume_pulses": "fMRI: numbers of the volumes whose pulse the log lacks",
    "recording.details.doubled_volume_pulses": "fMRI: numbers of the volumes whose pulse the log has twice",
    "alignment.video_start": "s of video time at which each piece of the map begins; -inf for the video's start",
    "alignment.origin": "s of video time: the centre of each piece",
    "alignment.slope": "s of the recording's time for each s of video time",
    "alignment.intercept": "s of the recording's time at the origin",
    "alignment.variance": "coefficients (1, v, v squared) of the map's variance around the origin, in s squared",
    "alignment.t_factor": "quantile of Student's t that makes a 95 % bound of a standard deviation",
    "alignment.floor": "s: systematic part of the bound",
    "alignment.jitter": "s: standard deviation of a single frame's stamp about the camera's clock",
    "alignment.pulse_video_time": "s of video time of the matched pulses",
    "alignment.pulse_time": "s of the recording's time of the matched pulses",
    "alignment.residual": "s: pulse_time minus the mapped pulse_video_time",
    "alignment.unmatched_video": "s of video time of pulses without a partner",
    "alignment.unmatched_recording": "s of the recording's time of pulses without a partner",
    "alignment.source": "how the pulses were found",
    "alignment.notes": "what a user should know of the alignment",
    "alignment.details.n_video_pulses": "pulses found in the video",
    "alignment.details.n_recording_pulses": "pulses of the recording",
    "alignment.details.n_matched": "pulses with a partner",
    "alignment.details.tolerance": "s within which two pulses can be partners",
    "alignment.details.coarse_offset": "s and half-width in s of the offset that other clocks say, or none",
    "alignment.details.drift_ppm": "by how much the camera's clock is too fast, in ppm",
    "alignment.details.pieces[].n_matched": "pulses with a partner",
    "alignment.details.pieces[].n_possible": "pulses that could have had one",
    "alignment.details.pieces[].drift_ppm": "by how much the camera's clock is too fast, in ppm",
    "alignment.details.pieces[].offset": "s of the recording's time at video time 0",
    "alignment.details.pieces[].residual_sd": "s: standard deviation of the residuals",
    "alignment.details.pieces[].log10_false_alarms": "decimal logarithm of the matches as good that chance gives",
    "alignment.details.pieces[].runner_up": "the second best way to match, or none",
    "alignment.details.pieces[].runner_up.n_matched": "pulses with a partner, if it were so",
    "alignment.details.pieces[].runner_up.offset": "s, as above",
    "alignment.details.pieces[].runner_up.drift_ppm": "ppm, as above",
    "alignment.details.pieces[].runner_up.p": "chance of so clear a difference if both were equally good",
    "alignment.details.led_cell": "row and column of the LED's cell, and how many rows and columns the picture has",
    "alignment.details.recording_bound": "s by which the recording's time 0 may be early; the bound includes it",
    "alignment.details.n_frames": "camera pulses: frames of the video",
    "alignment.details.n_pulses": "camera pulses: those of the recording",
    "alignment.details.dropped_frames": "camera pulses: exposures without a frame",
    "alignment.details.dropped_before_frame": "camera pulses: frames before which exposures are missing",
    "alignment.details.missing_pulses": "camera pulses: exposures without a pulse",
    "alignment.details.shift": "camera pulses: number of the pulse that belongs to the first frame",
    "alignment.details.residual_rms": "camera pulses: s, root mean square of the residuals",
    "cameras.*.alignment.*": "several cameras: the map of each one's clock; `alignment` is the first's",
    "cameras.*.left_out": "with several cameras: why this one could not be aligned",
}
QC_KEYS = {
    "format_version": "version of this file's layout",
    "warnings": "sentences that a user should read before the numbers",
    "provenance.enicfer": "version of enicfer",
    "provenance.packages.*": "versions of the packages that numbers depend on",
    "provenance.model.*": "the model's name and what its file says of it: data, recipe, metrics, temperature",
    "provenance.detector": "name of the face detector",
    "provenance.protocol.*": "the protocol that was used, every key with its value",
    "provenance.analysis_rate": "frames per s whose expression was read; 0 for all",
    "provenance.faces_given": "frame and point in px of each --face or face",
    "provenance.photo_given": "whether there was a photo of the participant",
    "provenance.participant_region": "left, top, right, bottom, in fractions of the picture, where it is given",
    "provenance.inputs.*": "SHA-256 of each file that the run was read from",
    "provenance.review.files.*": "SHA-256 of each file of the review, where there is one",
    "provenance.review.corrections": "hash of what in them changes results",
    "provenance.review.n_points": "points of the review by which the participant was chosen",
    "provenance.cameras.*.videos": "with several cameras: the camera's files in inputs",
    "provenance.cameras.*.faces_given": "with several cameras: frame and point in px of each --face or face",
    "provenance.cameras.*.participant_region": "with several cameras: the camera's region, where it is given",
    "quality.n_frames": "frames of the video",
    "quality.n_frames_inside": "frames within the recording",
    "quality.status.*": "number of frames of each status",
    "quality.valid_fraction": "valid frames within the recording, as a fraction",
    "quality.frame_rate": "frames for each s",
    "quality.face_size": "px: median side of the participant's face box",
    "quality.longest_loss": "s: longest stretch without a valid frame",
    "quality.video_holes.count": "places in the recording where the video has no frames for a while",
    "quality.video_holes.total": "s: all of them together",
    "quality.video_holes.longest": "s: the longest of them",
    "quality.video_holes.longest_start": "s of the recording's time at which the longest begins; none without a hole",
    "quality.n_trials": "trials",
    "quality.n_trials_valid": "trials with values",
    "quality.trials_lost.*": "trials without values whose window lacks an answer mostly for this reason",
    "quality.conditions.*.n_trials": "trials of a condition",
    "quality.conditions.*.n_trials_valid": "trials of a condition with values",
    "quality.expression_fraction.*": "fraction of the valid frames in which an expression is the most probable",
    "quality.review.coders": "who judged trials or signed, where there is a review",
    "quality.review.signed": "names with which the run was signed off",
    "quality.review.reopened": "names with which it was signed before the last verdict or correction",
    "quality.review.n_trials_reviewed": "trials that somebody judged",
    "quality.review.n_trials_rejected": "trials that somebody rejected",
    "quality.review.n_trials_disputed": "trials that one person rejected and another one accepted",
    "quality.review.n_trials_unjudged": "trials of the queue that nobody judged, where the run was signed off",
    "quality.sync.source": "how the pulses were found",
    "quality.sync.n_matched": "pulses matched between video and recording",
    "quality.sync.n_unmatched_video": "pulses of the video without a partner",
    "quality.sync.n_unmatched_recording": "pulses of the recording without a partner",
    "quality.sync.residual_rms": "s: root mean square of the residuals",
    "quality.sync.residual_max": "s: largest residual",
    "quality.sync.drift_ppm": "by how much the camera's clock is too fast, in ppm, in the first clock segment",
    "quality.sync.drifts[].video_start": "s of video time where a clock segment begins; none for the video's start",
    "quality.sync.drifts[].drift_ppm": "by how much the camera's clock is too fast, in ppm",
    "quality.sync.drifts[].uncertainty_ppm": "half-width of its 95 % interval",
    "quality.sync.max_uncertainty": "s: largest half-width of the 95 % interval of the map between the clocks",
    "quality.sync.max_frame_uncertainty": "s: the same of one frame's time, with the jitter of its stamp",
    "quality.sync.jitter": "s: standard deviation of a single frame's stamp about the camera's clock",
    "quality.cameras.left_out.*": "several cameras: why a camera could not be aligned",
    "quality.cameras.n_changes": "several cameras: how often the trace goes from one to another",
    "quality.cameras.changes[].time": "several cameras: s from which on the trace is of this camera",
    "quality.cameras.changes[].camera": "its name; the first entry is the camera with which the trace begins",
    "quality.cameras.both_valid": "several cameras: s during which two or more are valid",
    "quality.cameras.same_expression": "several cameras: fraction of that in which they name the same expression",
    "quality.cameras.cameras.*.n_frames": "frames of a camera's video",
    "quality.cameras.cameras.*.n_frames_inside": "those within the recording",
    "quality.cameras.cameras.*.status.*": "number of a camera's frames of each status",
    "quality.cameras.cameras.*.valid_fraction": "valid frames within the recording, as a fraction",
    "quality.cameras.cameras.*.n_frames_used": "a camera's frames that are rows of the trace",
    "quality.cameras.cameras.*.used_fraction": "fraction of the trace's valid time whose values are from a camera",
    "quality.cameras.cameras.*.sync.*": "as in quality.sync, which is the first camera's",
}


def walk_keys(content: Any, prefix: str = "") -> Iterator[str]:
    """Every key of JSON-ready content, joined by dots."""
    if isinstance(content, dict) and content:
        for key, value in content.items():
            yield from walk_keys(value, f"{prefix}.{key}" if prefix else str(key))
    elif isinstance(content, list | tuple) and any(isinstance(entry, dict) for entry in content):
        for entry in content:
            yield from walk_keys(entry, f"{prefix}[]")
    elif prefix and content != {}:
        yield prefix


def find_undocumented(content: Any, documented: dict[str, str]) -> list[str]:
    """Keys of JSON-ready content that no pattern of ``documented`` matches."""
    patterns = [pattern.replace("[]", "[[]]") for pattern in documented]
    keys = dict.fromkeys(walk_keys(content))
    return [
        key for key in keys if not any(fnmatchcase(key, p) or fnmatchcase(key, p + ".*") for p in patterns)
    ]


def render_page() -> str:
    """The page of all keys, as Markdown."""
    lines = [
        "# Keys of the files for programs",
        "",
        "Made by `python -m enicfer.export.keys`. `[]` is each entry of a list, `*` any one key.",
    ]
    tables = {"*_sync.json": SYNC_KEYS, "*_qc.json": QC_KEYS}
    for name, keys in tables.items():
        lines += ["", f"## `{name}`", "", "| key | meaning |", "| --- | --- |"]
        lines += [f"| `{key}` | {text} |" for key, text in keys.items()]
    lines += ["", "## `*_frames.h5`", "", "| data set | unit | meaning |", "| --- | --- | --- |"]
    lines += [f"| `{name}` | {unit} | {text} |" for name, (unit, text) in frame_data_sets().items()]
    lines += ["", "| attribute of the file | meaning |", "| --- | --- |"]
    lines += [f"| `{name}` | {text} |" for name, text in FRAMES_ATTRIBUTES.items()]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(render_page(), end="")
