"""The groups of ``frames.h5`` in which each of several cameras has its own frames; see `enicfer.io.frames_file`.

Conventions: a camera's group has the data sets of a run with one camera. Times are s.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from enicfer.config.values import LABEL
from enicfer.errors import InputError
from enicfer.io.files.hdf5 import Kind, open_hdf5
from enicfer.records import ExpressionTrace, FaceTrack, FloatArray

if TYPE_CHECKING:
    import h5py

_BOX = {"box": Kind("f", ("n", 4))}


@dataclass(frozen=True)
class CameraFrames:
    """What a ``frames.h5`` holds of several cameras.

    Attributes
    ----------
    tracks
        Camera -> faces, expression, and ``(n,)`` s of its frames on the recording's clock.
    camera, frame
        Of each row of the trace the number of its camera, and of its frame in that camera's video.
    """

    tracks: Mapping[str, tuple[FaceTrack, ExpressionTrace, FloatArray]]
    camera: npt.NDArray[np.uint8]
    frame: npt.NDArray[np.int64]


def camera_names(file: "h5py.File") -> tuple[str, ...]:
    """Names of the cameras of an open ``frames.h5``, none where it has one.

    Raises
    ------
    InputError
        If one is no label.
    """
    names = json.loads(file.attrs.get("cameras", "[]"))
    if not isinstance(names, list) or not all(
        isinstance(name, str) and LABEL.fullmatch(name) for name in names
    ):
        raise InputError("the names of the cameras are no labels")
    return tuple(names)


def layout_of(names: Sequence[str], layout: Mapping[str, Kind]) -> dict[str, Kind]:
    """What the groups of cameras may hold; each has a number of frames of its own."""
    found = {"camera": Kind("u", ("n",)), "frame": Kind("i", ("n",))} if names else {}
    for name in names:
        for data_set, kind in {**layout, "time": Kind("f", ("n",))}.items():
            shape = tuple(f"{side} of {name}" if side == "n" else side for side in kind.shape)
            found[f"cameras/{name}/{data_set}"] = Kind(kind.types, shape)
    return found


def read_cameras(
    file: "h5py.File",
    names: Sequence[str],
    read_trace: Callable[["h5py.Group"], tuple[FaceTrack, ExpressionTrace]],
) -> CameraFrames:
    """The groups of an open file; ``read_trace`` reads the faces and expressions of one.

    Raises
    ------
    InputError
        If a row is of a camera or a frame that is not there.
    """
    tracks = {}
    for name in names:
        group = file[f"cameras/{name}"]
        tracks[name] = (*read_trace(group), group["time"][:])
    cameras = CameraFrames(tracks, file["camera"][:], file["frame"][:])
    for number, (faces, _, time) in enumerate(tracks.values()):
        rows = cameras.frame[cameras.camera == number]
        if time.shape != faces.video_time.shape or (
            rows.size and not 0 <= rows.min() <= rows.max() < time.size
        ):
            raise InputError(f"a row is of a frame that the camera {names[number]} does not have")
    if cameras.camera.size and cameras.camera.max() >= len(names):
        raise InputError("a row is of a camera that there is not")
    return cameras


def read_boxes(path: Path, frames: Mapping[str, Sequence[int]]) -> dict[tuple[str, int], tuple[float, ...]]:
    """Boxes of the followed face in some frames of a run.

    Parameters
    ----------
    path
        ``frames.h5``.
    frames
        Camera ("" of one) -> numbers of frames.

    Returns
    -------
    dict
        (camera, frame) -> left, top, right, bottom in px; one in which nobody is followed, or that is not there, is
        missing.

    Raises
    ------
    InputError
        If the file is damaged or something else.
    """
    found: dict[tuple[str, int], tuple[float, ...]] = {}
    try:
        with open_hdf5(path, {}) as file:
            names = camera_names(file)
        with open_hdf5(path, {**_BOX, **layout_of(names, _BOX)}) as file:
            for name in frames.keys() & set(names or ("",)):
                box = file[f"cameras/{name}/box" if name else "box"]
                inside = sorted({frame for frame in frames[name] if 0 <= frame < len(box)})
                for frame, sides in zip(inside, box[inside].tolist() if inside else (), strict=True):
                    if np.isfinite(sides).all():
                        found[name, frame] = tuple(sides)
    except (KeyError, TypeError, ValueError, RuntimeError, OSError) as error:
        raise InputError(
            f"{path.name} cannot be read ({error})", place=path, remedy="process the session again"
        ) from None
    return found
