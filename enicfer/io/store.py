"""The per-frame truth on disk, and the way back from a folder of outputs to a `RunResult`.

``frames.h5`` (HDF5) has one row per decoded frame. Data sets carry ``units`` and ``description`` as
attributes, ``probability`` its ``labels``, ``status`` the ``names`` of its numbers, the file itself its
``provenance`` (JSON). Missing is NaN. Nothing in the file depends on when or where it was written.
"""

import io
import json
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import numpy as np
import pandas as pd

from enicfer.errors import InputError, OutputError
from enicfer.io.names import SUFFIXES, find_frames, sidecar_path
from enicfer.io.tables import json_ready, read_json, read_table, write_table
from enicfer.records import (
    Alignment,
    Course,
    ExpressionTrace,
    FaceTrack,
    Modality,
    Recording,
    RunResult,
    Status,
)

if TYPE_CHECKING:
    import h5py

# name: (units, description)
_DATA_SETS = {
    "video_time": ("s", "presentation time stamp of the frame in the video file"),
    "time": ("s", "the frame on the recording's clock (0 is the first sample or the first stored volume)"),
    "time_uncertainty": ("s", "half-width of the 95 % interval of time"),
    "box": ("px", "participant's face: left, top, right, bottom in the upright full-size picture"),
    "landmarks": ("px", "x, y of right eye, left eye, nose tip, right and left mouth corner"),
    "score": ("1", "score of the face detector, 0 to 1"),
    "status": ("1", "why the frame has an answer or has none; see names"),
    "n_faces": ("1", "number of faces in the picture, of whomever"),
    "probability": ("1", "probability of each expression in labels; NaN where status is not ok"),
    "other_person_present": (
        "1",
        "1 where somebody else's face is in the picture, 0 where not, NaN where unknown",
    ),
}
_CHUNK = 16384
_RECORDING_FACTS = (
    "duration",
    "sampling_rate",
    "repetition_time",
    "n_volumes",
    "gaps",
    "notes",
    "details",
)


def check_free(path: Path, overwrite: bool) -> None:
    """Refuse to write over a file that is there, or where nothing can be written, before work begins.

    Raises
    ------
    OutputError
        If it is there, and ``overwrite`` is not set; if its folder cannot be made or written.
    """
    if path.exists() and not overwrite:
        raise OutputError(f"{path} is there already: give --overwrite to replace it, or another name.")
    if path.is_dir():
        raise OutputError(f"{path} is a folder: give the name of a file.")
    try:
        try_writing(path.absolute().parents)
    except OSError as error:
        raise OutputError(
            f"{path} cannot be written ({error.strerror}): give a file in another folder."
        ) from None


def try_writing(folders: Iterable[Path]) -> None:
    """Write a file that vanishes to the first of these folders that is there; an `OSError` says why it cannot be."""
    with tempfile.TemporaryFile(dir=next(folder for folder in folders if folder.exists())):
        pass


def sync(path: Path) -> None:
    """Wait until a file's content is on the disk."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())


PARTIAL = ".partial-"  # names of files that are being written begin so


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary name beside ``path`` to write to, which replaces ``path`` if all went well.

    The name is nobody else's: of several writers the last one's file stays. It is on the disk before it is renamed,
    so that after a power failure there is the old file or the new one.

    Raises
    ------
    OutputError
        If the file cannot be written there.
    """
    partial = path.with_name(f"{PARTIAL}{uuid4().hex[:8]}-{path.name}")
    try:
        yield partial
        sync(partial)
        partial.replace(path)
    except OSError as error:
        raise OutputError(
            f"{path.name} cannot be written in {path.parent}: {error.strerror or error}."
        ) from None
    finally:
        with suppress(OSError):  # a path that cannot be had, such as one below a file
            partial.unlink()


@contextmanager
def _new_file(path: Path) -> "Iterator[h5py.File]":
    """Give an HDF5 file in memory that is written to ``path`` when it is complete.

    An hour takes 7 MB. On a full disk the HDF5 library would leave a file that crashes the interpreter when it is
    closed.
    """
    import h5py

    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        yield file
    path.write_bytes(content.getvalue())


def write_frames(path: Path, run: RunResult) -> None:
    """Write everything that is known of each frame, and the provenance, as HDF5.

    The same run gives the same bytes.
    """
    import h5py

    with _new_file(path) as file:
        _write_trace(file, run.faces, run.expression)
        _write(file, "time", run.time)
        _write(file, "time_uncertainty", run.alignment.uncertainty(run.faces.video_time).astype(np.float32))
        file.attrs["entities"] = json.dumps(dict(run.entities))
        file.attrs["provenance"] = json.dumps(json_ready(run.provenance), ensure_ascii=False)
        _write_course(file, run.course)
        triggers = run.recording.triggers
        _write(
            file, "triggers/onset", triggers["onset"].to_numpy(np.float64), ("s", "on the recording's clock")
        )
        codes = triggers["code"].astype(object).to_numpy()
        file.create_dataset("triggers/code", data=codes, dtype=h5py.string_dtype(), track_times=False).flush()


def write_trace(path: str | Path, faces: FaceTrack, expression: ExpressionTrace) -> None:
    """Write what the camera showed, on ``video_time`` alone.

    Parameters
    ----------
    path
        ``.h5`` (all columns) or ``.tsv``, ``.tsv.gz`` (without landmarks and measures).
    faces, expression
        Of one video.

    Raises
    ------
    OutputError
        For another kind of file, or if it cannot be written.
    """
    path = Path(path)
    check_trace_file(path)
    if path.suffix == ".h5":
        with replacing(path) as partial, _new_file(partial) as file:
            _write_trace(file, faces, expression)
    else:
        with replacing(path) as partial:
            write_table(partial, trace_table(faces, expression))


def check_trace_file(path: Path) -> None:
    """Refuse a name that `write_trace` does not know, before work begins.

    Raises
    ------
    OutputError
        For another kind of file.
    """
    if not path.name.endswith((".h5", ".tsv", ".tsv.gz")):
        raise OutputError(
            f"{path.name} is no kind of file that a trace is written as: use .h5, .tsv or .tsv.gz."
        )


def read_trace(path: Path) -> tuple[FaceTrack, ExpressionTrace]:
    """Read the HDF5 file that `write_trace` wrote, or that of a run.

    Raises
    ------
    InputError
        If it is no such file.
    """
    import h5py

    try:
        with h5py.File(path, "r") as file:
            return _read_trace(file)
    except (KeyError, TypeError, ValueError, AttributeError, RuntimeError, OSError) as error:
        raise InputError(
            f"{path.name} is no trace of this version of enicfer ({error}): make it again."
        ) from None


def trace_table(faces: FaceTrack, expression: ExpressionTrace) -> pd.DataFrame:
    """One row per frame: ``video_time``, the box, ``score``, ``n_faces``, ``status`` and a column per label."""
    names = np.array([status.label for status in Status])
    table = {
        "video_time": faces.video_time,
        **{f"box_{side}": faces.box[:, i] for i, side in enumerate(("left", "top", "right", "bottom"))},
        "score": faces.score,
        "n_faces": faces.n_faces,
        "other_person_present": pd.Series(faces.other_person_present).astype("Int64"),
        "status": names[expression.status],
        **{label: expression.probability[:, i] for i, label in enumerate(expression.labels)},
    }
    return pd.DataFrame(table)


def read_result(path: str | Path) -> RunResult:
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
    frames = find_frames(Path(path))
    folder, stem = frames.parent, frames.name.removesuffix(f"_{SUFFIXES['frames']}")
    files = {kind: folder / f"{stem}_{suffix}" for kind, suffix in SUFFIXES.items()}
    sync, quality = read_json(files["sync"]), read_json(files["qc"])
    try:
        content = _read_frames(frames)
        return RunResult(
            entities=content["entities"],
            recording=_recording(sync["recording"], content["triggers"]),
            faces=content["faces"],
            expression=content["expression"],
            alignment=_alignment(sync["alignment"]),
            time=content["time"],
            segments=read_segments(files["physioevents"]),
            trials=read_table(files["events"]),
            quality=quality["quality"],
            provenance=content["provenance"],
            warnings=tuple(quality["warnings"]),
            course=content["course"],
        )
    except InputError:
        raise
    except KeyError as error:
        raise InputError(
            f"The files of {stem} lack {error}: they are of another version, process the session again."
        ) from None
    # h5py raises RuntimeError and OSError for damaged data, the rest is content of another kind.
    except (TypeError, ValueError, AttributeError, IndexError, RuntimeError, OSError) as error:
        raise InputError(
            f"The files of {stem} are damaged or of another version ({error}): process the session again."
        ) from None


def read_segments(path: Path) -> pd.DataFrame:
    """Read the spans of ``physioevents.tsv.gz`` as the table of `enicfer.segments.find_segments`."""
    table = read_table(path, read_json(sidecar_path(path))["Columns"]).rename(columns={"trial_type": "label"})
    table["reason"] = table["reason"].replace("n/a", "")
    numeric = ["onset", "duration", "probability", "valid_fraction"]
    return table.astype(dict.fromkeys(numeric, np.float64))


def _write(group: "h5py.Group", name: str, data: Any, about: tuple[str, str] | None = None) -> "h5py.Dataset":
    data = np.ascontiguousarray(data)
    layout: dict[str, Any] = {}
    if data.size:
        layout = {
            "chunks": (min(len(data), _CHUNK), *data.shape[1:]),
            "compression": "gzip",
            "compression_opts": 1,
            "shuffle": True,
        }
    data_set = group.create_dataset(name, data=data, track_times=False, **layout)
    data_set.flush()  # now: else its place in the file depends on when Python frees the object
    data_set.attrs["units"], data_set.attrs["description"] = about or _DATA_SETS[name]
    return data_set


def _write_trace(file: "h5py.File", faces: FaceTrack, expression: ExpressionTrace) -> None:
    for name in ("video_time", "box", "landmarks", "score", "n_faces"):
        _write(file, name, getattr(faces, name))
    status = _write(file, "status", expression.status)
    status.attrs["names"] = [status.label for status in Status]
    _write(file, "face_status", faces.status, ("1", "status before the expression was read; see status"))
    probability = _write(file, "probability", expression.probability)
    probability.attrs["labels"] = [str(label) for label in expression.labels]
    _write(file, "other_person_present", faces.other_person_present)
    for name, values in faces.measures.items():
        _write(file, f"measures/{name}", values, ("", "measured quantity from which the status follows"))
    file.attrs["detector"], file.attrs["model"] = faces.detector, expression.model
    file.attrs["notes"] = json.dumps(list(faces.notes), ensure_ascii=False)


_COURSE = {"smoothed": "smoothing", "baseline": "baseline", "uncertain": "uncertain"}


def _write_course(file: "h5py.File", course: Course) -> None:
    """What was made of the probabilities; in ``about`` how. A relative probability is it minus its baseline."""
    for name, key in _COURSE.items():
        if getattr(course, name) is not None:
            _write(file, f"course/{name}", getattr(course, name), ("1", course.about[key]))


def _read_course(file: "h5py.File") -> Course:
    kept: dict[str, Any] = {name: file[f"course/{name}"] for name in _COURSE if f"course/{name}" in file}
    about = {_COURSE[name]: str(data.attrs["description"]) for name, data in kept.items()}
    return Course(**{name: data[:] for name, data in kept.items()}, about=about)


def _read_frames(path: Path) -> dict[str, Any]:
    import h5py

    try:
        file = h5py.File(path, "r")
    except OSError as error:
        raise InputError(f"{path.name} cannot be read as HDF5: {error}.") from None
    with file:
        faces, expression = _read_trace(file)
        triggers = {"onset": file["triggers/onset"][:], "code": file["triggers/code"].asstr()[:]}
        return {
            "faces": faces,
            "expression": expression,
            "time": file["time"][:],
            "course": _read_course(file),
            "entities": json.loads(file.attrs["entities"]),
            "provenance": json.loads(file.attrs["provenance"]),
            "triggers": pd.DataFrame(triggers).astype({"code": "str"}),
        }


def _read_trace(file: "h5py.File") -> tuple[FaceTrack, ExpressionTrace]:
    video_time, status = file["video_time"][:], file["status"][:]
    faces = FaceTrack(
        video_time=video_time,
        **{name: file[name][:] for name in ("box", "landmarks", "score", "n_faces")},
        status=file["face_status"][:],
        measures={name: data[:] for name, data in file.get("measures", {}).items()},
        detector=file.attrs["detector"],
        notes=tuple(json.loads(file.attrs["notes"])),
    )
    labels = tuple(str(label) for label in file["probability"].attrs["labels"])
    return faces, ExpressionTrace(video_time, file["probability"][:], status, labels, file.attrs["model"])


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
        details=content["details"],
    )


def _alignment(content: Mapping[str, Any]) -> Alignment:
    text: dict[str, Any] = {
        "source": content["source"],
        "details": content["details"],
        "notes": tuple(content["notes"]),
    }
    arrays: dict[str, Any] = {
        name: np.array(content[name], dtype=np.float64) for name in content if name not in text
    }
    arrays["variance"] = arrays["variance"].reshape(-1, 3)
    arrays["video_start"] = np.where(np.isnan(arrays["video_start"]), -np.inf, arrays["video_start"])
    return Alignment(**arrays, **text)


def sync_record(run: RunResult) -> dict[str, Any]:
    """What ``sync.json`` holds: the recording and the map to its clock, from which both can be rebuilt."""
    recording, alignment = run.recording, run.alignment
    return {
        "recording": {
            "modality": recording.modality.value,
            "file": recording.file.name,
            **{name: getattr(recording, name) for name in _RECORDING_FACTS},
        },
        "alignment": {field.name: getattr(alignment, field.name) for field in fields(alignment)},
    }
