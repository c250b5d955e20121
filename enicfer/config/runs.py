"""Which files make up a session and its runs.

Times are float64 seconds; pictures are upright, their fractions run from left to right and from top to bottom.
"""

from dataclasses import dataclass, replace
from pathlib import Path

from enicfer.config.protocol import Protocol
from enicfer.records import FacePoint

SETTINGS = "session.toml"


@dataclass(frozen=True)
class Run:
    """The files of one run.

    Attributes
    ----------
    task
        BIDS label of the task.
    run
        BIDS index of the run, or None.
    videos
        The video, or consecutive files of one camera.
    recording
        EEG, MEG, iEEG or NIRS file, or None.
    bold, triggers
        BOLD image and its trigger log, or None.
    events
        BIDS events file whose trials replace the recording's triggers, or None.
    frame_times
        CSV whose times replace the video's own, or None.
    xdf
        LSL file with a stream of frame numbers, or None.
    trace
        What another program, a coder or an earlier run said of the video's frames
        (`enicfer.pipeline.import_trace`), or None.
    coarse_offset
        Recording's time at video time 0 and how far it may be off, in s, where pulses are regular, or None.
    faces
        ``(frame, x, y)`` points in px in the participant's face in the video.
    more
        Further BIDS entities of the recording, such as ``("acq", "low")``.
    events_beside
        BIDS events file beside the recording, or None; its trials are taken where it has more of the protocol's codes
        than the recording's triggers.
    notes
        What was passed over where the files were looked for, one sentence each.
    camera
        Name of the camera that the video is of, "" where the run has but one and it has no name.
    others
        The same run as each further camera saw it, in their order.
    """

    task: str
    run: str | None
    videos: tuple[Path, ...]
    recording: Path | None = None
    bold: Path | None = None
    triggers: Path | None = None
    events: Path | None = None
    frame_times: Path | None = None
    xdf: Path | None = None
    trace: Path | None = None
    coarse_offset: tuple[float, float] | None = None
    faces: tuple[FacePoint, ...] = ()
    more: tuple[tuple[str, str], ...] = ()
    events_beside: Path | None = None
    notes: tuple[str, ...] = ()
    camera: str = ""
    others: tuple["Run", ...] = ()

    @property
    def views(self) -> tuple["Run", ...]:
        """The run as each of its cameras saw it: each with one camera's files."""
        return (replace(self, others=()), *self.others) if self.others else (self,)

    @property
    def name(self) -> str:
        """How messages call it: ``task-faces`` or ``task-faces run-2``."""
        further = "".join(f" {key}-{value}" for key, value in self.more)
        return f"task-{self.task}{further}" + (f" run-{self.run}" if self.run else "")


@dataclass(frozen=True)
class Session:
    """One visit of one participant.

    Attributes
    ----------
    folder
        Where the files are.
    participant, session
        BIDS labels; the session's may be None.
    protocol
        What the task promised.
    runs
        One or more runs.
    participant_region
        ``(left, top, right, bottom)`` in fractions of the picture where the participant sits, or None.
    face_photo
        Photo of the participant's face alone, or None.
    regions
        Pairs of a camera's name and such a region, where each camera has its own.
    whole
        Whether ``runs`` are all there are; else results of further runs stay when these are processed.
    """

    folder: Path
    participant: str
    session: str | None
    protocol: Protocol
    runs: tuple[Run, ...]
    participant_region: tuple[float, float, float, float] | None = None
    face_photo: Path | None = None
    regions: tuple[tuple[str, tuple[float, float, float, float]], ...] = ()
    whole: bool = True

    def region_of(self, camera: str) -> tuple[float, float, float, float] | None:
        """Where the participant sits in a camera's picture, or None."""
        return dict(self.regions).get(camera, self.participant_region)

    @property
    def stem(self) -> str:
        """The session in names of files: ``sub-01_ses-01``."""
        return f"sub-{self.participant}" + (f"_ses-{self.session}" if self.session else "")

    def entities(self, run: Run) -> dict[str, str]:
        """BIDS entities of a run, in order."""
        found = {
            "sub": self.participant,
            "ses": self.session,
            "task": run.task,
            **dict(run.more),
            "run": run.run,
        }
        return {key: value for key, value in found.items() if value}
