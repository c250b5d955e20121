"""Which files the detectors read their weights from, without loading anything.

What a result depends on follows from here (`enicfer.pipeline.provenance`), so the detectors take their files
from here too.
"""

from collections.abc import Callable
from pathlib import Path

from enicfer.errors import ModelError
from enicfer.faces.weights import WEIGHTS, find_weights, weights_folder


def find_files(detector: str, weights: Path | None = None) -> dict[str, Path]:
    """Network -> file of the weights that a detector will load.

    Parameters
    ----------
    detector
        A name in `enicfer.faces.detectors.DETECTORS`.
    weights
        File that was given, or None for the installed or fetched ones.

    Returns
    -------
    dict
        Empty for a detector that comes with its package.

    Raises
    ------
    ModelError
        For an unknown name, and for weights that are missing.
    """
    if detector not in FILES:
        raise ModelError(f"There is no detector {detector!r}", remedy=f"choose one of {', '.join(FILES)}")
    if weights is not None and not weights.is_file():
        raise ModelError(
            f"There is no file {weights} with weights for the detector {detector}",
            place=weights,
            remedy="check the path, or leave it out",
        )
    return FILES[detector](weights)


def _centerface(weights: Path | None) -> dict[str, Path]:
    return {"centerface": weights} if weights is not None else {}


def _yunet(weights: Path | None) -> dict[str, Path]:
    return {"yunet": weights or find_weights("yunet")}


def _face_alignment(weights: Path | None) -> dict[str, Path]:
    """FAN, and SFD or, where that is missing, BlazeFace with its anchors."""
    fan = find_weights("fan", "put it there by hand")
    if weights is None and not _has("sfd") and _has("blazeface"):
        anchors = find_weights("blazeface-anchors", "put it there by hand")
        return {"fan": fan, "blazeface": find_weights("blazeface"), "blazeface-anchors": anchors}
    return {"fan": fan, "sfd": weights or find_weights("sfd")}


def _has(name: str) -> bool:
    return (weights_folder() / WEIGHTS[name].file).is_file()


# Detector -> what says which files it reads.
FILES: dict[str, Callable[[Path | None], dict[str, Path]]] = {
    "centerface": _centerface,
    "yunet": _yunet,
    "face-alignment": _face_alignment,
}
