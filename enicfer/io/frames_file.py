"""The per-frame truth on disk: ``frames.h5`` of a run, and traces of a bare video.

``frames.h5`` (HDF5) has one row per decoded frame. Data sets carry ``units`` and ``description`` as
attributes, ``probability`` its ``labels``, ``status`` the ``names`` of its numbers, the file itself its
``provenance`` (JSON) and ``format_version``. Missing is NaN. Nothing in the file depends on when or where it was
written.
"""

import io
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from enicfer.errors import InputError, OutputError
from enicfer.io.camera_frames import CameraFrames, camera_names, layout_of, read_cameras
from enicfer.io.files.atomic import replacing
from enicfer.io.files.hdf5 import Kind, open_hdf5
from enicfer.io.format_version import KEY, RESULTS, check_format
from enicfer.io.tables import write_table
from enicfer.records import (
    Cameras,
    ExpressionTrace,
    FaceTrack,
    FloatArray,
    Provenance,
    RunResult,
    Status,
    TimeCourse,
    from_plain,
    to_plain,
)
from enicfer.records.validity import check_expression, check_faces

if TYPE_CHECKING:
    import h5py

# name: (units, description)
_DATA_SETS = {
    "video_time": ("s", "presentation time stamp of the frame in the video file"),
    "time": ("s", "the frame on the recording's clock (0 is the first sample or the first stored volume)"),
    "time_uncertainty": ("s", "half-width of the 95 % interval of time: of the map between the clocks alone"),
    "frame_time_uncertainty": (
        "s",
        "half-width of the 95 % interval of time: of the map and of the jitter of this frame's stamp",
    ),
    "box": ("px", "participant's face: left, top, right, bottom in the upright full-size picture"),
    "landmarks": ("px", "x, y of right eye, left eye, nose tip, right and left mouth corner"),
    "score": ("1", "score of the face detector, 0 to 1"),
    "status": ("1", "why the frame is valid or is not; see names"),
    "face_status": ("1", "status before the expression was read; see status"),
    "n_faces": ("1", "number of faces in the picture, of whomever"),
    "probability": ("1", "probability of each expression in labels; NaN where status is not ok"),
    "other_person_present": (
        "1",
        "1 where somebody else's face is in the picture, 0 where not, NaN where unknown",
    ),
}
_OF_CAMERAS = {
    "camera": ("1", "with several cameras: the camera that the frame is from; see names"),
    "frame": ("1", "with several cameras: number of the frame in that camera's video"),
}
_MEASURED = ("", "measured quantity from which the status follows")
# Data sets that are not of every frame, or whose names vary.
_FURTHER = {
    "measures/*": (
        "",
        f"{_MEASURED[1]}; pitch is about 0.3 of the head's, which tables have as head_pitch in degrees",
    ),
    "triggers/onset": ("s", "each trigger of the recording, on its clock"),
    "triggers/code": ("", "its code"),
    "course/smoothed": ("1", "smoothed probabilities, where the protocol asks for them"),
    "course/baseline": ("1", "what this child's face usually shows, where the protocol asks for it"),
    "course/uncertain": ("1", "1 where no probability is high enough, where the protocol asks for it"),
    **_OF_CAMERAS,
    "cameras/*/*": ("", "with several cameras: each one's own frames, in data sets of the names above"),
}
FRAMES_ATTRIBUTES = {
    "detector": "name of the face detector",
    "model": "name of the classifier",
    "notes": "what was noted of the video (JSON)",
    "entities": "BIDS entities of the run (JSON)",
    "provenance": "as in `*_qc.json` (JSON)",
    "cameras": "with several cameras: their names in order (JSON)",
}
# What `enicfer.io.files.hdf5` lets through; n frames, k labels, t triggers.
_LAYOUT = {
    "video_time": Kind("f", ("n",)),
    "box": Kind("f", ("n", 4)),
    "landmarks": Kind("f", ("n", 5, 2)),
    "score": Kind("f", ("n",)),
    "n_faces": Kind("iu", ("n",)),
    "status": Kind("u", ("n",)),
    "face_status": Kind("u", ("n",)),
    "probability": Kind("f", ("n", "k")),
    "measures/*": Kind("f", ("n",)),
}
_RUN_LAYOUT = {
    **_LAYOUT,
    "time": Kind("f", ("n",)),
    "triggers/onset": Kind("f", ("t",)),
    "triggers/code": Kind("O", ("t",)),
    "course/smoothed": Kind("f", ("n", "k")),
    "course/baseline": Kind("f", ("n", "k")),
    "course/uncertain": Kind("f", ("n",)),
}
_CHUNK = 16384
_COURSE = {"smoothed": "smoothing", "baseline": "baseline", "uncertain": "uncertain"}


def frame_data_sets() -> dict[str, tuple[str, str]]:
    """Unit and description of each data set in ``frames.h5``; ``*`` stands for any one name."""
    return _DATA_SETS | _FURTHER


def write_frames(path: Path, run: RunResult) -> None:
    """Write everything that is known of each frame, and the provenance, as HDF5.

    The same run gives the same bytes.
    """
    import h5py

    with _new_file(path) as file:
        _write_trace(file, run.faces, run.expression)
        _write_times(file, run.time, run.time_uncertainty, run.frame_time_uncertainty)
        file.attrs["entities"] = json.dumps(dict(run.entities))
        file.attrs["provenance"] = json.dumps(to_plain(run.provenance), ensure_ascii=False)
        _write_course(file, run.time_course)
        triggers = run.recording.triggers
        _write(
            file, "triggers/onset", triggers["onset"].to_numpy(np.float64), ("s", "on the recording's clock")
        )
        codes = triggers["code"].astype(object).to_numpy()
        file.create_dataset("triggers/code", data=codes, dtype=h5py.string_dtype(), track_times=False).flush()
        if run.cameras is not None:
            _write_cameras(file, run.cameras)


def _write_times(group: "h5py.Group", time: FloatArray, bound: FloatArray, whole: FloatArray) -> None:
    _write(group, "time", time)
    _write(group, "time_uncertainty", bound.astype(np.float32))
    _write(group, "frame_time_uncertainty", whole.astype(np.float32))


def _write_cameras(file: "h5py.File", cameras: Cameras) -> None:
    """Each camera's own frames in a group, and which row is from which."""
    file.attrs["cameras"] = json.dumps(cameras.names)
    for name, values in (("camera", cameras.camera), ("frame", cameras.frame)):
        _write(file, name, values, _OF_CAMERAS[name])
    file["camera"].attrs["names"] = list(cameras.names)
    for track in cameras.tracks:
        group = file.create_group(f"cameras/{track.name}")
        stamps, alignment = track.faces.video_time, track.alignment
        _write_trace(group, track.faces, track.expression)
        _write_times(group, track.time, alignment.uncertainty(stamps), alignment.frame_uncertainty(stamps))


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
            f"{path.name} is no kind of file that a trace is written as",
            place=path,
            remedy="use .h5, .tsv or .tsv.gz",
        )


def read_trace(path: Path) -> tuple[FaceTrack, ExpressionTrace]:
    """Read the HDF5 file that `write_trace` wrote, or that of a run.

    Raises
    ------
    InputError
        If it is no such file.
    """
    try:
        with open_hdf5(path, _LAYOUT) as file:
            check_format(_version_of(file), (RESULTS,), path.name, "make it again")
            return read_trace_of(file)
    except InputError as error:
        if str(error).startswith(path.name):  # what the file holds was refused before it was read
            raise
        raise InputError(
            f"{path.name} is no trace that can be used: {error}.", place=path, remedy="make it again"
        ) from None
    except (KeyError, TypeError, ValueError, AttributeError, RuntimeError, OSError) as error:
        raise InputError(
            f"{path.name} is no trace of this version of enicfer ({error})",
            place=path,
            remedy="make it again",
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


def _write_trace(file: "h5py.Group", faces: FaceTrack, expression: ExpressionTrace) -> None:
    check_faces(faces)
    check_expression(expression)
    for name in ("video_time", "box", "landmarks", "score", "n_faces"):
        _write(file, name, getattr(faces, name))
    status = _write(file, "status", expression.status)
    status.attrs["names"] = [status.label for status in Status]
    _write(file, "face_status", faces.status)
    probability = _write(file, "probability", expression.probability)
    probability.attrs["labels"] = [str(label) for label in expression.labels]
    _write(file, "other_person_present", faces.other_person_present)
    for name, values in faces.measures.items():
        _write(file, f"measures/{name}", values, _MEASURED)
    file.attrs[KEY] = RESULTS
    file.attrs["detector"], file.attrs["model"] = faces.detector, expression.model
    file.attrs["notes"] = json.dumps(list(faces.notes), ensure_ascii=False)


def _write_course(file: "h5py.File", time_course: TimeCourse) -> None:
    """What was made of the probabilities; in ``about`` how. A relative probability is it minus its baseline."""
    for name, key in _COURSE.items():
        if getattr(time_course, name) is not None:
            _write(file, f"course/{name}", getattr(time_course, name), ("1", time_course.about[key]))


def _read_course(file: "h5py.File") -> TimeCourse:
    kept: dict[str, Any] = {name: file[f"course/{name}"] for name in _COURSE if f"course/{name}" in file}
    about = {_COURSE[name]: str(data.attrs["description"]) for name, data in kept.items()}
    return TimeCourse(**{name: data[:] for name, data in kept.items()}, about=about)


def _version_of(file: "h5py.File") -> object:
    found = file.attrs.get(KEY)
    return found.item() if isinstance(found, np.generic) else found


@dataclass(frozen=True)
class FramesFile:
    """What a ``frames.h5`` holds: parts of a `RunResult`, and the recording's triggers (``onset`` in s, ``code``)."""

    faces: FaceTrack
    expression: ExpressionTrace
    time: FloatArray
    time_course: TimeCourse
    entities: Mapping[str, str]
    provenance: Provenance
    triggers: pd.DataFrame
    cameras: CameraFrames | None = None


def read_frames_file(path: Path) -> FramesFile:
    """Read the ``frames.h5`` of a run.

    Raises
    ------
    InputError, KeyError, TypeError, ValueError, RuntimeError, OSError
        If it is damaged or something else.
    """
    with open_hdf5(path, {}) as file:
        names = camera_names(file)
    with open_hdf5(path, {**_RUN_LAYOUT, **layout_of(names, _LAYOUT)}) as file:
        check_format(_version_of(file), (RESULTS,), path.name, "process the session again")
        faces, expression = read_trace_of(file)
        triggers = {"onset": file["triggers/onset"][:], "code": file["triggers/code"].asstr()[:]}
        return FramesFile(
            faces=faces,
            expression=expression,
            time=file["time"][:],
            time_course=_read_course(file),
            entities=json.loads(file.attrs["entities"]),
            provenance=from_plain(Provenance, json.loads(file.attrs["provenance"]), "provenance"),
            triggers=pd.DataFrame(triggers).astype({"code": "str"}),
            cameras=read_cameras(file, names, read_trace_of) if names else None,
        )


def read_trace_of(file: "h5py.Group") -> tuple[FaceTrack, ExpressionTrace]:
    """Faces and expressions of an open file."""
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
    expression = ExpressionTrace(video_time, file["probability"][:], status, labels, file.attrs["model"])
    check_faces(faces)
    check_expression(expression)
    return faces, expression
