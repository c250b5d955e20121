"""YuNet: a small and fast detector, run by OpenCV's ``FaceDetectorYN``; its weights are fetched or added.

Reference: Wu, Peng, Yu (2023), YuNet: a tiny millisecond-level face detector, Machine Intelligence Research,
doi:10.1007/s11633-023-1423-y.
"""

import threading
from pathlib import Path

import cv2
import numpy as np

from enicfer.errors import ModelError
from enicfer.faces.detectors.base import NO_DETECTIONS, Detections, only_numbers
from enicfer.faces.detectors.files import find_files
from enicfer.records import Float32Array, UInt8Array

_SILENCE = threading.Lock()


class YuNet:
    """YuNet; see `CenterFace` for the parameters.

    Raises
    ------
    ModelError
        If the weights are missing or are no YuNet.
    """

    name = "yunet"
    long_side = 320
    region_side = 80

    def __init__(self, weights: Path | None = None, min_score: float = 0.35, threads: int = 1) -> None:
        path = find_files(self.name, weights)["yunet"]
        # A buffer, because OpenCV cannot open every path on Windows.
        self._weights = np.frombuffer(path.read_bytes(), dtype=np.uint8)
        self._min_score = min_score
        self._own = threading.local()
        try:
            self._net()
        except cv2.error:
            raise ModelError(
                f"{path.name} is not the ONNX file of YuNet",
                place=path,
                remedy="fetch it again with 'enicfer models fetch yunet'",
            ) from None

    def _net(self) -> cv2.FaceDetectorYN:
        """The thread's own network: two threads cannot use one."""
        if not hasattr(self._own, "net"):
            # OpenCV 5 logs a warning for each detector that is made; it is silenced for that moment only.
            with _SILENCE:
                level = cv2.utils.logging.getLogLevel()
                cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
                try:
                    self._own.net = cv2.FaceDetectorYN.create(
                        "onnx", self._weights, np.empty(0, np.uint8), (320, 320), self._min_score, 0.3, 50
                    )
                finally:
                    cv2.utils.logging.setLogLevel(level)
        return self._own.net

    def detect(self, bgr: UInt8Array) -> Detections:
        """Find the faces of a picture (h, w, 3), at the size it has."""
        height, width = bgr.shape[:2]
        net = self._net()
        net.setInputSize((width, height))
        _, rows = net.detect(np.ascontiguousarray(bgr))
        if rows is None:
            return NO_DETECTIONS
        found: Float32Array = np.asarray(rows, dtype=np.float32).reshape(-1, 15)
        found = found[np.argsort(-found[:, 14], kind="stable")]
        with np.errstate(invalid="ignore", over="ignore"):  # the network may overflow; that is no face
            box = np.concatenate([found[:, :2], found[:, :2] + found[:, 2:4]], axis=1)
        return only_numbers(Detections(box, found[:, 4:14].reshape(-1, 5, 2), found[:, 14]))
