"""What is known of a run and of a session after processing.

Times are float64 seconds on the recording's clock unless said otherwise.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd

from enicfer.errors import InputError
from enicfer.records.alignment import Alignment
from enicfer.records.cameras import Cameras
from enicfer.records.faces import FaceTrack
from enicfer.records.provenance import Provenance
from enicfer.records.quality import RunQuality
from enicfer.records.recording import Recording
from enicfer.records.trace import ExpressionTrace, TimeCourse, select_frames, take_part
from enicfer.records.types import FloatArray


@dataclass(frozen=True)
class RunResult:
    """Everything that is known of one run after processing; what the exports read.

    Attributes
    ----------
    entities
        BIDS entities in order, without the dash: ``{"sub": "01", "ses": "01", "task": "faces", "run": "1"}``
        (``ses`` and ``run`` may be missing).
    recording
        The recording; its ``modality`` decides which files are written.
    faces, expression
        What the camera showed, on ``video_time``. With several cameras each row is a frame of one of them, and
        ``video_time`` is where the first camera's clock stood then.
    alignment
        The map to the recording's clock; with several cameras the first one's.
    time
        ``(n,)`` s: each frame on the recording's clock.
    segments
        Table of `enicfer.timecourse.segments.find_segments`: segments of one dominant expression, or of a lost face.
    trials
        Table of `enicfer.timecourse.trials.summarise_trials`.
    quality
        Numbers of `enicfer.timecourse.quality.assess_quality`.
    provenance
        Versions, model, detector, protocol, source file names and hashes.
    warnings
        One sentence each.
    time_course
        What was made of the probabilities over time.
    cameras
        What each of several cameras showed, and which row is whose; None where the run has one.
    camera
        The camera that the rows are of, where `of_camera` chose one of several; else "".
    """

    entities: Mapping[str, str]
    recording: Recording
    faces: FaceTrack
    expression: ExpressionTrace
    alignment: Alignment
    time: FloatArray
    segments: pd.DataFrame
    trials: pd.DataFrame
    quality: RunQuality
    provenance: Provenance
    warnings: tuple[str, ...] = ()
    time_course: TimeCourse = field(default_factory=TimeCourse)
    cameras: Cameras | None = None
    camera: str = ""

    @property
    def name(self) -> str:
        """Its entities but for participant and session: ``task-faces_run-1``."""
        return "_".join(f"{key}-{value}" for key, value in self.entities.items() if key not in ("sub", "ses"))

    @property
    def analysed(self) -> "RunResult":
        """The same run with only the frames of `take_part`."""
        kept = take_part(self.expression, self.time)
        if kept.all():
            return self
        return replace(
            self,
            faces=select_frames(self.faces, kept),
            expression=select_frames(self.expression, kept),
            time_course=select_frames(self.time_course, kept),
            time=self.time[kept],
            cameras=None if self.cameras is None else self.cameras.select_rows(kept),
        )

    @property
    def time_uncertainty(self) -> FloatArray:
        """``(n,)`` s: half-width of the 95 % interval of each row's time, of its camera's map alone."""
        return self._bounds(Alignment.uncertainty)

    @property
    def frame_time_uncertainty(self) -> FloatArray:
        """``(n,)`` s: half-width of the 95 % interval of each row's time, with the jitter of its frame's stamp."""
        return self._bounds(Alignment.frame_uncertainty)

    def _bounds(self, bound: Callable[[Alignment, FloatArray], FloatArray]) -> FloatArray:
        if self.cameras is None:
            return bound(self.alignment, self.faces.video_time)
        found = np.full(self.time.size, np.nan)
        for number, track in enumerate(self.cameras.tracks):
            rows = self.cameras.camera == number
            found[rows] = bound(track.alignment, track.faces.video_time[self.cameras.frame[rows]])
        return found

    def of_camera(self, name: str = "") -> "RunResult":
        """The run with the rows of one of its cameras, all of its frames and no other; trials and segments stay.

        Parameters
        ----------
        name
            Of the camera, "" for the first. A run with one camera stays as it is.

        Raises
        ------
        InputError
            If there is no such camera.
        """
        if self.cameras is None:
            return self
        track = self.cameras.find(name)
        return replace(
            self,
            faces=track.faces,
            expression=track.expression,
            alignment=track.alignment,
            time=track.time,
            time_course=TimeCourse(),
            provenance=replace(self.provenance, inputs=self.provenance.inputs_of(track.name)),
            cameras=None,
            camera=track.name,
        )


@dataclass(frozen=True)
class SessionResult:
    """What `enicfer.process_session` and `enicfer.read_result` return: the runs of one session, and their files.

    What takes a run's result takes this too where there is one run. ``result["task-faces"]`` or
    ``result.runs[0]`` picks one of several.

    Attributes
    ----------
    runs
        In the order of the session.
    output
        Root of the derivatives.
    paths
        The files of these runs.
    """

    runs: tuple[RunResult, ...]
    output: Path
    paths: tuple[Path, ...]

    def __getitem__(self, name: str) -> RunResult:
        """The run whose entities are those of ``name``, such as ``"task-faces"`` or ``"task-faces_run-2"``.

        Raises
        ------
        InputError
            If there is no such run, or more than one.
        """
        wanted = dict(part.partition("-")[::2] for part in name.split("_"))
        found = [run for run in self.runs if wanted.items() <= run.entities.items()]
        if len(found) != 1:
            which = "no run" if not found else f"{len(found)} runs"
            raise InputError(f"The session has {which} {name!r}", remedy=f"choose one of {self._names()}")
        return found[0]

    def _names(self) -> str:
        return ", ".join(repr(run.name) for run in self.runs)


def only_run(result: RunResult | SessionResult) -> RunResult:
    """A run's result as it is, or the only run of a session's.

    Raises
    ------
    InputError
        If the session has several runs.
    """
    if isinstance(result, RunResult):
        return result
    if len(result.runs) == 1:
        return result.runs[0]
    raise InputError(
        f"The session has {len(result.runs)} runs ({result._names()})",
        remedy=f"give one of them, such as result[{result.runs[0].name!r}]",
    )
