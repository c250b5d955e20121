"""The way back from a folder of outputs to a `SessionResult` or a `RunResult`."""

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from enicfer.errors import FormatError, InputError
from enicfer.io.camera_frames import CameraFrames
from enicfer.io.files.atomic import reading
from enicfer.io.files.names import SUFFIXES, find_frames, find_results, sidecar_path, stem_of
from enicfer.io.format_version import KEY, RESULTS, check_format
from enicfer.io.frames_file import read_frames_file
from enicfer.io.tables import read_json, read_table
from enicfer.records import (
    Alignment,
    AlignmentDetails,
    Cameras,
    CameraTrack,
    Modality,
    Recording,
    RecordingDetails,
    RunQuality,
    RunResult,
    SessionResult,
    from_plain,
)
from enicfer.records.validity import check_alignment, check_time_course

_RECORDING_FACTS = (
    "duration",
    "sampling_rate",
    "repetition_time",
    "n_volumes",
    "gaps",
    "notes",
    "details",
)


def read_result(path: str | Path) -> SessionResult:
    """Read the results of a session back from their files.

    Parameters
    ----------
    path
        A folder with the results of one session (the output folder where it has one session), or any file of a
        run, for that run alone.

    Returns
    -------
    SessionResult
        As `enicfer.process_session` returned it, except that tables are rounded to the microsecond and the
        recording's file is a name without folder.

    Raises
    ------
    InputError
        If there is no run, runs of more than one session, or a file of a run is missing or was written by other
        hands.
    """
    place = Path(path)
    with reading(place):
        return _read_result(place)


def _read_result(place: Path) -> SessionResult:
    frames = (find_results(place) if place.is_dir() else []) or [find_frames(place)]
    folders = sorted({file.parent.parent for file in frames})
    if len(folders) > 1:
        names = ", ".join(folder.relative_to(place).as_posix() for folder in folders)
        raise InputError(
            f"{place.name} holds results of {len(folders)} sessions ({names})",
            place=place,
            remedy="give the folder of one of them",
        )
    runs = tuple(_read_run(file) for file in frames)
    output = folders[0].parents["ses" in runs[0].entities]
    stems = tuple(f"{stem_of(run.entities)}_" for run in runs)
    paths = (file for file in sorted(folders[0].rglob("*")) if file.name.startswith(stems))
    return SessionResult(runs, output, tuple(paths))


def read_run(path: str | Path) -> RunResult:
    """Put a `RunResult` together again from the files of one run.

    Parameters
    ----------
    path
        The output folder (or any folder in it) if there is one run in it, else any file of the run.

    Returns
    -------
    RunResult
        As it was written, except that tables are rounded to the microsecond and the recording's file is a
        name without folder.

    Raises
    ------
    InputError
        If there is no run, more than one, or a file of the run is missing or was written by other hands.
    """
    with reading(Path(path)):
        return _read_run(find_frames(Path(path)))


def _read_run(frames: Path) -> RunResult:
    folder, stem = frames.parent, frames.name.removesuffix(f"_{SUFFIXES['frames']}")
    files = {kind: folder / f"{stem}_{suffix}" for kind, suffix in SUFFIXES.items()}
    sync, quality = (read_versioned(files[kind]) for kind in ("sync", "qc"))
    segments, trials = read_segments(files["physioevents"]), read_table(files["events"])
    try:
        content = read_frames_file(frames)
        run = RunResult(
            entities=content.entities,
            recording=_recording(sync["recording"], content.triggers),
            faces=content.faces,
            expression=content.expression,
            alignment=_alignment(sync["alignment"]),
            time=content.time,
            segments=segments,
            trials=trials,
            quality=from_plain(RunQuality, quality["quality"], "quality"),
            provenance=content.provenance,
            warnings=tuple(quality["warnings"]),
            time_course=content.time_course,
            cameras=_cameras(content.cameras, sync.get("cameras", {})),
        )
        _check_run(run)
        return run
    except FormatError:
        raise
    except InputError as error:
        raise InputError(
            f"The files of {stem} are damaged or were changed: {error}.", remedy="process the session again"
        ) from None
    except KeyError as error:
        raise InputError(
            f"The files of {stem} lack {error} and are of another version", remedy="process the session again"
        ) from None
    # h5py raises RuntimeError and OSError for damaged data, the rest is content of another kind.
    except (TypeError, ValueError, AttributeError, IndexError, RuntimeError, OSError) as error:
        raise InputError(
            f"The files of {stem} are damaged or of another version ({error})",
            remedy="process the session again",
        ) from None


def read_versioned(path: Path) -> dict[str, Any]:
    """Read the ``sync.json`` or ``qc.json`` of a run.

    Raises
    ------
    InputError
        If it is missing, no JSON, or of another layout.
    """
    content = read_json(path)
    check_format(content.get(KEY), (RESULTS,), path.name, "process the session again")
    return content


def _check_run(run: RunResult) -> None:
    """Refuse a run whose parts do not fit each other (`enicfer.records.validity`)."""
    n = run.faces.video_time.size
    if run.time.shape != (n,):
        raise InputError(f"time must hold {n} numbers, and holds {run.time.size}")
    check_time_course(run.time_course, n, len(run.expression.labels))
    check_alignment(run.alignment)


def read_segments(path: Path) -> pd.DataFrame:
    """Read the segments of ``physioevents.tsv.gz`` as the table of `enicfer.timecourse.segments.find_segments`."""
    table = read_table(path, read_json(sidecar_path(path))["Columns"]).rename(columns={"trial_type": "label"})
    table["reason"] = table["reason"].replace("n/a", "")
    numeric = ["onset", "duration", "probability", "valid_fraction"]
    return table.astype(dict.fromkeys(numeric, np.float64))


def _recording(content: Mapping[str, Any], triggers: pd.DataFrame) -> Recording:
    return Recording(
        modality=Modality(content["modality"]),
        file=Path(content["file"]),
        duration=content["duration"],
        triggers=triggers,
        sampling_rate=content["sampling_rate"],
        repetition_time=content["repetition_time"],
        n_volumes=content["n_volumes"],
        gaps=tuple((start, stop) for start, stop in content["gaps"]),
        notes=tuple(content["notes"]),
        details=from_plain(RecordingDetails, content["details"], "details"),
    )


def _alignment(content: Mapping[str, Any]) -> Alignment:
    text: dict[str, Any] = {
        "source": content["source"],
        "details": from_plain(AlignmentDetails, content["details"], "details"),
        "notes": tuple(content["notes"]),
        "jitter": float(content.get("jitter") or 0.0),
    }
    arrays: dict[str, Any] = {
        name: np.array(content[name], dtype=np.float64) for name in content if name not in text
    }
    arrays["variance"] = arrays["variance"].reshape(-1, 3)
    arrays["video_start"] = np.where(np.isnan(arrays["video_start"]), -np.inf, arrays["video_start"])
    return Alignment(**arrays, **text)


def _cameras(frames: CameraFrames | None, content: Mapping[str, Any]) -> Cameras | None:
    """The cameras of a run, from its ``frames.h5`` and its ``sync.json``."""
    if frames is None:
        return None
    tracks = []
    for name, (faces, expression, time) in frames.tracks.items():
        alignment = _alignment(content[name]["alignment"])
        check_alignment(alignment)
        tracks.append(CameraTrack(name, faces, expression, alignment, time))
    left_out = {name: str(about["left_out"]) for name, about in content.items() if "left_out" in about}
    return Cameras(tuple(tracks), frames.camera, frames.frame, left_out)


def sync_record(run: RunResult) -> dict[str, Any]:
    """What ``sync.json`` holds: the recording and the map to its clock, from which both can be rebuilt."""
    recording = run.recording
    more = {} if run.cameras is None else {"cameras": _camera_records(run.cameras)}
    return {
        KEY: RESULTS,
        "recording": {
            "modality": recording.modality.value,
            "file": recording.file.name,
            **{name: getattr(recording, name) for name in _RECORDING_FACTS},
        },
        "alignment": _alignment_record(run.alignment),
        **more,
    }


def _camera_records(cameras: Cameras) -> dict[str, Any]:
    aligned = {track.name: {"alignment": _alignment_record(track.alignment)} for track in cameras.tracks}
    return {**aligned, **{name: {"left_out": reason} for name, reason in cameras.left_out.items()}}


def _alignment_record(alignment: Alignment) -> dict[str, Any]:
    return {field.name: getattr(alignment, field.name) for field in fields(alignment)}


def quality_record(run: RunResult) -> dict[str, Any]:
    """What ``qc.json`` holds."""
    return {KEY: RESULTS, "quality": run.quality, "warnings": run.warnings, "provenance": run.provenance}
