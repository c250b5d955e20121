"""Who else is in the picture: the faces of other people, from what was kept when the video was watched.

The kept record holds every face of every frame (`enicfer.pipeline.cache`); faces are put together to people as where
the participant is chosen (`enicfer.faces.participant`). Boxes are in px of the upright full-size picture.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from enicfer.io.files.names import HIDDEN
from enicfer.pipeline.cache import find_videos, list_observations, read_record
from enicfer.pipeline.observe import VideoRecord
from enicfer.records import Float32Array, FloatArray, RunResult

MOST = 8  # other people that are shown
FEWEST = 10  # frames of a person that is shown
FACES = 24  # of a person
_SAME = 0.5  # px; the followed face is in the results as it is in the record


@dataclass(frozen=True)
class KnownFaces:
    """All faces of a run's video, and whose each is.

    Attributes
    ----------
    frame
        ``(m,)`` number of the frame, ascending.
    box
        ``(m, 4)`` px.
    person
        ``(m,)`` number of the person, -1 for a face that was seen too briefly to be followed.
    tracklet
        ``(m,)`` number of the tracklet.
    followed
        ``(m,)`` whether it is the face that the results follow.
    """

    frame: npt.NDArray[np.int32]
    box: Float32Array
    person: npt.NDArray[np.int64]
    tracklet: npt.NDArray[np.int32]
    followed: npt.NDArray[np.bool_]

    @property
    def own(self) -> set[int]:
        """Numbers of the people who are followed: one, or none."""
        return set(np.unique(self.person[self.followed & (self.person >= 0)]).tolist())

    def in_frame(self, frame: int) -> slice:
        """The faces of a frame."""
        start, stop = np.searchsorted(self.frame, [frame, frame + 1])
        return slice(int(start), int(stop))

    def at(self, frame: int, x: float, y: float) -> npt.NDArray[np.intp]:
        """Numbers of the faces around a point (px) in a frame, the smallest first."""
        here = self.in_frame(frame)
        left, top, right, bottom = self.box[here].T
        hit = np.flatnonzero((left <= x) & (x <= right) & (top <= y) & (y <= bottom))
        return here.start + hit[np.argsort((right - left)[hit], kind="stable")]


def know_faces(record: VideoRecord, run: RunResult) -> KnownFaces:
    """All faces of a record, as the results of the run follow one of them."""
    from enicfer.faces.choose import group_people

    rows = record.faces.rows
    box = run.faces.box[rows["frame"]]
    followed = (
        np.abs(rows["box"] - box).max(axis=1, initial=0) <= _SAME
    )  # NaN where nobody is followed: not equal
    return KnownFaces(
        rows["frame"].copy(),
        rows["box"].copy(),
        group_people(record.faces),
        rows["tracklet"].copy(),
        followed,
    )


def find_record(output: Path, run: RunResult) -> VideoRecord | None:
    """The newest record of a run's video below its outputs, None where nothing was kept."""
    hashes = set(run.provenance.inputs.values())
    for path, _, _ in reversed(list_observations(output / HIDDEN / "seen")):
        about = find_videos(path)
        if about and about <= hashes:
            record = read_record(path)
            if record is not None and len(record.faces.frames) == len(run.faces.box):
                return record
    return None


def list_others(faces: KnownFaces) -> list[dict[str, Any]]:
    """The people who are not followed, who is there most first: ``person``, ``label``, ``n_frames``, ``faces``."""
    found = []
    for number, person in enumerate(order_others(faces)[:MOST], 1):
        own = faces.person == person
        found.append(
            {
                "person": f"other{number}",
                "label": f"{number}, in {own.sum()} frames",
                "n_frames": int(own.sum()),
                "faces": pick_faces(faces.frame[own], faces.box[own]),
            }
        )
    return found


def order_others(faces: KnownFaces) -> list[int]:
    """Numbers of the people who are not followed and are there long enough to be shown, who is there most first."""
    people, counts = np.unique(faces.person, return_counts=True)
    own = faces.own
    shown = [
        (-int(count), int(person))
        for person, count in zip(people, counts, strict=True)
        if person >= 0 and person not in own and count >= FEWEST
    ]
    return [person for _, person in sorted(shown)]


def pick_faces(frame: npt.NDArray[np.integer[Any]], box: FloatArray | Float32Array) -> list[dict[str, Any]]:
    """`FACES` of a person at most, evenly spread over the frames (n,) in which the boxes (n, 4) are."""
    chosen = np.unique(np.linspace(0, len(frame) - 1, min(FACES, len(frame))).round().astype(int))
    return [{"frame": int(frame[i]), "box": np.round(box[i].astype(float), 1).tolist()} for i in chosen]
