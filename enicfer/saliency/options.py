"""What ``enicfer saliency`` is asked for."""

from dataclasses import dataclass, fields
from pathlib import Path

from enicfer.config.options import DETECTOR
from enicfer.errors import InputError, option

CHECKED = 32  # images; deletion and insertion take 150 passes for each
PANELS = 100


@dataclass(frozen=True)
class SaliencyOptions:
    """How maps are made, of pictures or of a processed session.

    Attributes
    ----------
    model
        Name or file of the classifier; by default the shipped one, or the one that made the session's results.
    method
        As in `enicfer.saliency.attribution.maps.explain`.
    checks
        Images on which the maps are checked; 0 for none.
    overwrite
        Replace earlier results.
    expression
        Pictures: the expression to explain; by default what the model answered.
    crops
        Pictures: they are face crops already.
    subjects
        Pictures: as in `enicfer.saliency.picture_files.name_subjects`.
    filters
        Pictures: also show what single filters look for.
    panels
        Pictures: for how many of them a figure of their own is drawn.
    signed_maximum
        Pictures: third panel with the largest signed value over the channels, as in the original figures.
    detector, detector_weights
        Pictures: face detector (`enicfer.faces.detectors.DETECTORS`) and its weights.
    session
        Session: the session folder, where the video is; by default the one that the results are in.
    face_images
        Session: draw pictures of the face.
    video
        Session: also write each video with a translucent map over the face (needs ``face_images``).
    """

    model: str | Path | None = None
    method: str = "gradient"
    checks: int = CHECKED
    overwrite: bool = False
    expression: str | None = None
    crops: bool = False
    subjects: str = "auto"
    filters: bool = False
    panels: int = PANELS
    signed_maximum: bool = False
    detector: str = DETECTOR
    detector_weights: Path | None = None
    session: str | Path | None = None
    face_images: bool = False
    video: bool = False


ONLY_SESSION = ("session", "face_images", "video")
ONLY_IMAGES = (
    *("expression", "crops", "subjects", "filters", "panels", "signed_maximum"),
    *("detector", "detector_weights"),
)


def check_options(options: SaliencyOptions, *, session: bool) -> None:
    """Refuse options that do not go with what is explained.

    Raises
    ------
    InputError
        If an option for pictures was given for a session, or the other way round.
    """
    defaults = {entry.name: entry.default for entry in fields(options)}
    for name in ONLY_IMAGES if session else ONLY_SESSION:
        if getattr(options, name) != defaults[name]:
            kind = "images, and a session's output was" if session else "a session's output, and images were"
            called = option(name, f"--{name.replace('_', '-')}")
            raise InputError(f"{called} is for {kind} given", remedy="leave it out")
