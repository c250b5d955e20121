"""From all faces of a video to the participant's track: who it is, and what each frame's face is worth.

Nothing of the video is needed any more: another choice or other thresholds begin here.

Conventions: as in `enicfer.faces.rows`.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from enicfer.config.protocol import Quality
from enicfer.faces.participant import Hints, choose_participant, find_people
from enicfer.faces.quality import extend_occlusion, judge, measure_faces
from enicfer.faces.rows import Signatures
from enicfer.records import FaceTrack, Float32Array, Status

# Frame number, and sizes (width, height) in px before it and from it on.
Resized = tuple[int, tuple[int, int], tuple[int, int]]


@dataclass(frozen=True)
class SeenFaces:
    """All faces of a video.

    Attributes
    ----------
    rows
        (m,) of `enicfer.faces.rows.ROW`, sorted by frame.
    frames
        (n,) of `enicfer.faces.rows.FRAME`.
    signatures
        (m, SIGNATURE), what each face looks like.
    detector
        Name of the detector.
    resized
        Where the pictures change their size for the first time, or None.
    """

    rows: npt.NDArray[Any]
    frames: npt.NDArray[Any]
    signatures: Signatures
    detector: str
    resized: Resized | None = None


def choose_track(
    seen: SeenFaces, quality: Quality, hints: Hints | None = None
) -> tuple[FaceTrack, npt.NDArray[np.int64]]:
    """Choose the participant and judge every frame.

    Parameters
    ----------
    seen
        All faces.
    quality
        Thresholds of the status.
    hints
        Who the participant is, where somebody knows; None to choose automatically.

    Returns
    -------
    track
        The participant's face in every frame.
    row
        (n,) number of the participant's face among all faces, -1 where there is none.

    Raises
    ------
    InputError
        If a hint points at no face.
    """
    rows, frames = seen.rows, seen.frames
    limits = quality.min_score, quality.max_truncated
    choice = choose_participant(rows, seen.signatures, len(frames), frames["size"], hints, *limits)
    n = len(frames)
    row = choice.row
    shown = row >= 0
    chosen = rows[row[shown]]

    def spread(values: npt.NDArray[Any]) -> Float32Array:
        out = np.full((n, *values.shape[1:]), np.nan, dtype=np.float32)
        out[shown] = values
        return out

    measures = {name: spread(v) for name, v in measure_faces(chosen, choice.occlusion).items()}
    score = spread(chosen["score"])
    judged = judge(score, measures, quality, frames["video_time"])
    status = np.where(shown, judged, choice.reason).astype(np.uint8)
    status[~frames["decodable"]] = Status.UNDECODABLE
    status = extend_occlusion(status, measures["occlusion"], quality)
    track = FaceTrack(
        video_time=frames["video_time"],
        box=spread(chosen["box"]),
        landmarks=spread(chosen["landmarks"]),
        score=score,
        status=status,
        n_faces=frames["n_faces"],
        measures=measures,
        detector=seen.detector,
        notes=(*choice.notes, *_note_resized(seen.resized)),
    )
    return track, row


def group_people(seen: SeenFaces) -> npt.NDArray[np.int64]:
    """Whose each face is: the number of a person for each row (m,), -1 where a face was seen too briefly to say."""
    rows = seen.rows
    if not len(rows):
        return np.zeros(0, np.int64)
    _, _, person = find_people(rows, seen.signatures, len(seen.frames), seen.frames["size"])
    return person[rows["tracklet"]]


def _note_resized(resized: Resized | None) -> list[str]:
    if resized is None:
        return []
    number, *sizes = resized
    before, now = (f"{width} x {height}" for width, height in sizes)
    return [
        f"The picture changes its size from {before} to {now} px in frame {number}: boxes are in each "
        "frame's own pixels."
    ]
