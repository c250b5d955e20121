"""The face detectors, by name.

A new one is a class in a file of its own (see `enicfer.faces.detectors.base`), a line in `DETECTORS` and one in
`enicfer.faces.detectors.files`.
"""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from enicfer.faces.detectors.base import Detections, Detector
from enicfer.faces.detectors.files import find_files

__all__ = ["DETECTORS", "Detections", "Detector", "describe_cost", "find_files", "load_detector"]


def _load(module: str, name: str) -> Callable[..., Detector]:
    """Import a detector only when it is asked for: its libraries take seconds."""

    def build(**settings: object) -> Detector:
        detector: Detector = getattr(import_module(f"{__name__}.{module}"), name)(**settings)
        return detector

    return build


DETECTORS: dict[str, Callable[..., Detector]] = {
    "centerface": _load("centerface", "CenterFace"),
    "yunet": _load("yunet", "YuNet"),
    "face-alignment": _load("face_alignment", "FaceAlignment"),
}


def load_detector(
    name: str = "centerface", weights: Path | None = None, *, min_score: float = 0.35, threads: int = 1
) -> Detector:
    """Make a face detector ready.

    Parameters
    ----------
    name
        A name in `DETECTORS`. ``centerface`` works right after installation; the others need weights.
    weights
        File with the weights, or None for the installed or fetched ones (`enicfer.faces.weights`).
    min_score
        Smallest score of a detection, 0..1.
    threads
        Threads of one pass, where the detector's library lets us choose.

    Raises
    ------
    ModelError
        For an unknown name, and for weights that are missing or of another model.
    """
    find_files(name, weights)
    return DETECTORS[name](weights=weights, min_score=min_score, threads=threads)


def describe_cost(detector: Detector, n_frames: int, threads: int = 1) -> str:
    """One sentence on how long a slow detector will take ``threads`` for ``n_frames``, or nothing for the fast ones.

    A detector is slow if it can measure its own cost (``measure_cost``), which takes about a second or two.
    """
    measure = getattr(detector, "measure_cost", None)
    if measure is None:
        return ""
    seconds = float(measure())
    minutes = seconds * n_frames / threads / 60
    span = f"{minutes / 60:.1f} hours" if minutes >= 90 else f"{max(minutes, 1):.0f} minutes"
    return (
        f"The detector {detector.name} takes about {seconds:.1f} s a frame on this computer, about {span} for "
        f"{n_frames} frames; centerface takes some milliseconds a frame."
    )
