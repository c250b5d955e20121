"""face-alignment: boxes by SFD (or BlazeFace), 68 landmarks by FAN; slow, and its weights are fetched or added.

Only the networks of the ``face-alignment`` package are used, with local files: its own classes download behind
one's back. The five landmarks that everything here works with are taken from the 68.

References: Zhang et al. (2017), S3FD, doi:10.1109/ICCV.2017.30; Bulat and Tzimiropoulos (2017), How far are we
from solving the 2D & 3D face alignment problem?, doi:10.1109/ICCV.2017.116.
"""

import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from enicfer.errors import ModelError
from enicfer.faces.detectors.base import NO_DETECTIONS, Detections, suppress_overlaps
from enicfer.faces.detectors.files import find_files
from enicfer.records import Float32Array, UInt8Array

# Of the 68 points: those around the right and left eye, the tip of the nose, the corners of the mouth.
FIVE_OF_68 = (range(36, 42), range(42, 48), range(30, 31), range(48, 49), range(54, 55))
# FAN costs about a second a face, so of a crowd only the surest faces get landmarks.
MOST_FACES = 8


def reduce_landmarks(points: Float32Array) -> Float32Array:
    """Five landmarks (m, 5, 2), in the order of `enicfer.records`, of 68 (m, 68, 2)."""
    return np.stack([points[:, list(part)].mean(axis=1) for part in FIVE_OF_68], axis=1)


class FaceAlignment:
    """SFD or BlazeFace, then FAN.

    Parameters
    ----------
    weights
        File of SFD (``.pth``), or None for the fetched ones: SFD, or else BlazeFace. FAN's are always the
        fetched or added ones.
    min_score
        Smallest score of a detection, 0..1.
    threads
        Ignored: PyTorch's number of threads is the process's.

    Raises
    ------
    ModelError
        If weights are missing or of another network.
    """

    name = "face-alignment"
    long_side = 320
    region_side = 128

    def __init__(self, weights: Path | None = None, min_score: float = 0.35, threads: int = 1) -> None:
        files = find_files(self.name, weights)
        boxes = files["sfd"] if "sfd" in files else files["blazeface"]
        self._boxes = _load_box_network(boxes, files.get("blazeface-anchors"), min_score)
        self._fan = _load_fan(files["fan"])
        self.min_score = min_score

    def detect(self, bgr: UInt8Array) -> Detections:
        """Find the faces of a picture (h, w, 3), at the size it has."""
        rgb = cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)
        rows = np.asarray(self._boxes.detect_from_image(rgb), dtype=np.float32).reshape(-1, 5)
        rows = rows[rows[:, 4] >= self.min_score]
        if not len(rows):
            return NO_DETECTIONS
        boxes, score = rows[:, :4], np.minimum(rows[:, 4], 1.0)
        blank = np.zeros((len(rows), 5, 2), np.float32)
        found = suppress_overlaps(Detections(boxes, blank, score))
        found = found.select(np.arange(min(len(found), MOST_FACES)))
        points = np.stack([self.find_dense(np.asarray(rgb, np.uint8), box) for box in found.box])
        return Detections(found.box, reduce_landmarks(points), found.score)

    def measure_cost(self) -> float:
        """Seconds that a frame with one face takes one thread of this computer, by trying once."""
        import torch

        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        rng = np.random.default_rng(0)
        picture = rng.integers(0, 255, (self.region_side, self.region_side, 3)).astype(np.uint8)
        start = time.perf_counter()
        try:
            self._boxes.detect_from_image(picture)
            self.find_dense(picture, np.array([32, 32, 96, 96], np.float32))
            return time.perf_counter() - start
        finally:
            torch.set_num_threads(threads)

    def find_dense(self, rgb: UInt8Array, box: Float32Array) -> Float32Array:
        """All 68 landmarks (68, 2) px of the face in a box (4,) of a picture (h, w, 3), red-green-blue."""
        import torch
        from face_alignment.utils import crop, get_preds_fromhm

        left, top, right, bottom = (float(v) for v in box)
        # The framing FAN was trained with, as in the package.
        centre = np.array([(left + right) / 2, (top + bottom) / 2 - 0.12 * (bottom - top)])
        scale = (right - left + bottom - top) / self._boxes.reference_scale
        face = crop(rgb, centre, scale).transpose(2, 0, 1)[None].astype(np.float32) / 255
        with torch.inference_mode():
            maps = self._fan(torch.from_numpy(face))[-1].numpy()
        _, points, _ = get_preds_fromhm(maps, centre, scale)
        return np.asarray(points, dtype=np.float32).reshape(68, 2)


def _load_box_network(path: Path, anchors: Path | None, min_score: float) -> Any:
    from importlib import import_module

    kind, settings = "sfd", dict[str, Any](filter_threshold=min_score)
    if anchors is not None:
        kind, settings = "blazeface", {"path_to_anchor": str(anchors), "min_score_thresh": min_score}
    module = import_module(f"face_alignment.detection.{kind}")
    try:
        return module.FaceDetector(device="cpu", path_to_detector=str(path), **settings)
    except Exception as error:
        # torch.load raises several kinds; all mean that the file holds other weights.
        raise ModelError(
            f"{path.name} does not hold weights of {kind}: {_first_line(error)}",
            place=path,
            remedy="fetch them again with 'enicfer models fetch'",
        ) from None


def _load_fan(path: Path) -> Any:
    import torch
    from face_alignment.models import FAN

    try:
        network = FAN(4)
        network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    except Exception as error:
        raise ModelError(
            f"{path.name} does not hold weights of FAN: {_first_line(error)}",
            place=path,
            remedy="fetch them again with 'enicfer models fetch'",
        ) from None
    return network.eval()


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".:")
