"""What a result was made from and with."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from enicfer.records.plain import Card, optional

Names = Mapping[str, str]
_NOTHING: Names = MappingProxyType({})


@dataclass(frozen=True)
class ModelCard(Card):
    """What the file of a model says of it, or which file the expressions were imported from."""

    content: Mapping[str, object] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """What the model calls itself."""
        return self.look_up(str, "name") or ""

    @property
    def imported(self) -> str | None:
        """Name of the file that the expressions were imported from, None where a model read them."""
        return self.look_up(str, "imported")

    @property
    def accuracy(self) -> float | None:
        """Accuracy on images that the model was not trained on, 0 to 1."""
        unseen = self.look_up(float, "metrics", "accuracy_unseen")
        return self.look_up(float, "metrics", "accuracy") if unseen is None else unseen

    @property
    def calibration_error(self) -> float | None:
        """Expected calibration error on these images, 0 to 1."""
        calibrated = self.look_up(float, "metrics", "ece_calibrated")
        return self.look_up(float, "metrics", "ece") if calibrated is None else calibrated

    @property
    def data_sets(self) -> tuple[str, ...]:
        """Names of the data sets that the model learnt from."""
        return self.look_up(tuple[str, ...], "data", "sets") or ()

    @property
    def validation(self) -> str | None:
        """On which part of them it was measured."""
        return self.look_up(str, "data", "validation")


@dataclass(frozen=True)
class ProtocolCard(Card):
    """The protocol as it was when the session was processed, by whatever version."""

    content: Mapping[str, object] = field(default_factory=dict)

    @property
    def window(self) -> tuple[float, float] | None:
        """Start and stop in s of a trial, relative to its trigger."""
        return self.look_up(tuple[float, float], "trial", "window")

    @property
    def window_start(self) -> float:
        """Start in s of a trial, relative to its trigger; 0 where it is not known."""
        return self.window[0] if self.window else 0.0

    @property
    def baseline(self) -> tuple[float, float] | None:
        """Start and stop in s of the baseline, relative to the trigger."""
        return self.look_up(tuple[float, float], "trial", "baseline")

    @property
    def conditions(self) -> Names:
        """Trigger code -> condition."""
        found: Names | None = self.look_up(Names, "conditions")  # type: ignore[type-abstract]
        return found or _NOTHING

    def ahead(self, key: str) -> float | str | None:
        """A key of the section head: degrees, or ``"usual"``; None where it is not known."""
        section = self.content.get("head")
        usual = isinstance(section, Mapping) and section.get(key) == "usual"
        return "usual" if usual else self.look_up(float, "head", key)

    @property
    def slice_time_ref(self) -> float:
        """At which part of a volume responses are modelled, 0 (start) to 1 (end)."""
        return self.look_up(float, "scanner", "slice_time_ref") or 0.0


@dataclass(frozen=True)
class ReviewOrigin:
    """The review that a result follows.

    Attributes
    ----------
    files
        Name -> SHA-256 of each coder's file.
    corrections
        Hash of what in them changes results, "" for nothing.
    n_points
        Points of it by which the participant was chosen.
    """

    files: Names = field(default_factory=dict)
    corrections: str = ""
    n_points: int = field(default=0, metadata={"optional": True})


@dataclass(frozen=True)
class CameraOrigin:
    """What was given of one of several cameras.

    Attributes
    ----------
    videos
        Names of its files in ``inputs`` of the provenance.
    faces_given
        ``(frame, x, y)`` points in px of its picture that said who the participant is.
    participant_region
        ``(left, top, right, bottom)`` in fractions of its picture in which the participant sits, or None.
    """

    videos: tuple[str, ...] = ()
    faces_given: tuple[tuple[float, ...], ...] = ()
    participant_region: tuple[float, ...] | None = optional()


@dataclass(frozen=True)
class Provenance:
    """What a result was made from and with.

    Attributes
    ----------
    enicfer
        Version of the program.
    packages
        Versions of the packages that decide what is seen and written.
    model
        The classifier's card.
    detector
        Name of the face detector.
    protocol
        The protocol as it was.
    analysis_rate
        Frames per s whose expression was read, 0 for all.
    faces_given
        ``(frame, x, y)`` points in px that said who the participant is.
    photo_given
        Whether a photo said so.
    inputs
        Name -> SHA-256 of every file that the run was read from.
    review
        The review that it follows, None without one.
    cameras
        Camera -> what was given of it, None where the run has one camera.
    participant_region
        ``(left, top, right, bottom)`` in fractions of the picture in which the participant sits, or None.
    """

    enicfer: str = ""
    packages: Names = field(default_factory=dict)
    model: ModelCard = field(default_factory=ModelCard)
    detector: str = ""
    protocol: ProtocolCard = field(default_factory=ProtocolCard)
    analysis_rate: float = 0.0
    faces_given: tuple[tuple[float, ...], ...] = ()
    photo_given: bool = False
    inputs: Names = field(default_factory=dict)
    review: ReviewOrigin | None = field(default=None, metadata={"optional": True})
    cameras: Mapping[str, CameraOrigin] | None = field(default=None, metadata={"optional": True})
    participant_region: tuple[float, ...] | None = optional()

    @property
    def n_faces_given(self) -> int:
        """How many points said who the participant is, in all cameras."""
        return len(self.faces_given) + sum(len(own.faces_given) for own in (self.cameras or {}).values())

    @property
    def camera_videos(self) -> Mapping[str, tuple[str, ...]]:
        """Camera -> names of its videos in ``inputs``; empty where the run has one camera."""
        return {name: origin.videos for name, origin in (self.cameras or {}).items()}

    def inputs_of(self, camera: str) -> Names:
        """The inputs without the videos of other cameras."""
        others = {video for name, own in self.camera_videos.items() if name != camera for video in own}
        return {name: sha for name, sha in self.inputs.items() if name not in others}
