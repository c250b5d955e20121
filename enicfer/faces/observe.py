"""See the faces of a video, frame by frame, and say at the end which of them is the participant's.

A face that is not known yet is searched for where something changed: beyond a limit outside the known faces, and
at all every `FULL_EVERY` frames. The whole picture is searched at the beginning, at a cut, when a known face is
lost, and now and then. In each frame every known face is found anew in a small square around it, which costs little
and gives its box and landmarks at always the same scale. What is kept per face is one row of numbers
(`enicfer.faces.rows`), never a picture.

Conventions: px of the upright full-size picture, s of video time, rows counted from 0 over all faces of all
frames in the order in which `FaceObserver.observe` returns them.
"""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from enicfer.faces.appearance import SIGNATURE
from enicfer.faces.crop import Source, crop_face
from enicfer.faces.detectors.base import (
    MAX_OVERLAP,
    Detections,
    Detector,
    intersection_over_union,
    join_detections,
    suppress_overlaps,
)
from enicfer.faces.participant import Hints, choose_participant
from enicfer.faces.quality import (
    extend_occlusion,
    judge,
    measure_faces,
    measure_sharpness,
    measure_truncation,
)
from enicfer.faces.rows import FRAME, ROW, Signatures, Table
from enicfer.faces.scene import EVERYWHERE, Cells, Picture, Scene
from enicfer.faces.square import cut_square, find_face
from enicfer.faces.track import Tracker
from enicfer.protocol import Quality
from enicfer.records import FaceTrack, Float32Array, FloatArray, Status, UInt8Array

# Frames from one search of all that has moved to the next, and so many times as many from one search of the whole
# picture to the next: a new face cannot come where nothing moves.
FULL_EVERY, PATIENCE = 15, 4
MAX_FACES = 8
SHARPNESS_SIZE = 48
# Number of frames from one search to the next: of all that has moved, while no face is known, and while a known one
# is lost; and at least, of what changed, while no face is known, and elsewhere while one is.
REST_EMPTY, REST_MISSING = 6, 3
REST_NEWS_EMPTY, REST_NEWS = 2, 6


@dataclass(frozen=True)
class Face:
    """One face in one frame.

    Attributes
    ----------
    row
        Its number among all faces of the video.
    tracklet
        Number of the tracklet.
    box, landmarks, score
        As in `enicfer.records.FaceTrack`.
    crop
        (s, s) or (s, s, 3) uint8, what the classifier sees.
    """

    row: int
    tracklet: int
    box: Float32Array
    landmarks: Float32Array
    score: float
    crop: UInt8Array


class FaceObserver:
    """Sees all faces of a video and chooses the participant's at the end.

    Parameters
    ----------
    detector
        From `enicfer.faces.detectors.load_detector`.
    quality
        Thresholds of the status.
    crop_size
        Side in px of the crops for the classifier.
    channels
        1 for grey crops, 3 for colour (RGB, as classifiers want it).
    full_every
        Search what has moved at least every so many frames; 1 to search the whole picture in every frame.

    Attributes
    ----------
    searches
        How many pictures were searched for faces that are not known; a part counts as its share of the picture.

    Examples
    --------
    >>> observer = FaceObserver(load_detector(), Quality())                       # doctest: +SKIP
    >>> faces = [observer.observe(frame) for frame in read_frames(path)]          # doctest: +SKIP
    >>> track, row = observer.finish()                                            # doctest: +SKIP
    """

    def __init__(
        self,
        detector: Detector,
        quality: Quality | None = None,
        crop_size: int = 48,
        channels: int = 1,
        full_every: int = FULL_EVERY,
    ) -> None:
        self.detector = detector
        self.quality = quality if quality is not None else Quality()
        self.crop_size, self.channels, self.full_every = crop_size, channels, full_every
        self._rows, self._frames, self._signatures = Table(ROW), Table(FRAME), Signatures()
        self._tracker = Tracker()
        self._since_full = self._since_part = 10**9
        self._scene = self._first_scene = Scene()
        self._missing = False
        self._size = self._first_size = (0, 0)
        self._resized: tuple[int, tuple[int, int], tuple[int, int]] | None = None
        self.searches = 0.0

    def observe(self, frame: Picture) -> list[Face]:
        """Find, measure and follow all faces of the next frame."""
        if not frame.decodable:
            self._frames.append((frame.video_time, False, 0, (0, 0)))
            return []
        self._mind_size((frame.width, frame.height))
        found, signatures = self._detect(frame)
        numbers = self._tracker.assign(frame.video_time, found.box, signatures)
        self._missing = self._tracker.misses()
        number = self._frames.append((frame.video_time, True, min(len(found), 255), self._size))
        return [
            self._record(frame, number, tracklet, found.select([i]), signatures[i])
            for i, tracklet in enumerate(numbers)
        ]

    def join(self, following: "FaceObserver") -> None:
        """Take over what another observer saw of the frames that follow; the other is of no use afterwards.

        A face that both saw keeps its tracklet, if the other's first faces continue it.
        """
        count, rows, frames = len(self._frames), following._rows.join(), following._frames.join()
        if following._size != (0, 0):
            if not self._scene.leads_to(following._first_scene):
                self._tracker.cut()
            if self._size == (0, 0):
                self._first_scene = following._first_scene
            self._mind_size(following._first_size)
            if self._resized is None and following._resized is not None:
                number, before, now = following._resized
                self._resized = (count + number, before, now)
            self._size, self._scene = following._size, following._scene
        if len(rows):
            first = rows[rows["frame"] == rows["frame"][0]]
            time = float(frames["video_time"][first["frame"][0]])
            tracklet = self._tracker.join(
                following._tracker, time, first["box"], following._signatures[: len(first)]
            )
            rows["tracklet"] = tracklet[rows["tracklet"]]
            rows["frame"] += count
        self._rows.extend(rows)
        self._frames.extend(frames)
        self._signatures.extend(following._signatures)
        self.searches += following.searches

    def _mind_size(self, size: tuple[int, int]) -> None:
        """Where the size of the pictures changes, no face is expected where it was."""
        if self._size == (0, 0):
            self._first_size = size
        elif self._size != size:
            self._tracker.cut()
            self._scene = Scene()
            if self._resized is None:
                self._resized = (len(self._frames), self._size, size)
        self._size = size

    def finish(self, hints: Hints | None = None) -> tuple[FaceTrack, npt.NDArray[np.int64]]:
        """Choose the participant and judge every frame.

        Parameters
        ----------
        hints
            Who the participant is, where somebody knows; None to choose automatically.

        Returns
        -------
        track
            The participant's face in every frame.
        row
            (n,) number of the participant's face among all faces observed, -1 where there is none.
        """
        rows, frames = self._rows.join(), self._frames.join()
        choice = choose_participant(
            rows, self._signatures, len(frames), frames["size"], hints, self.quality.min_score
        )
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
        status = np.where(shown, judge(score, measures, self.quality), choice.reason).astype(np.uint8)
        status[~frames["decodable"]] = Status.UNDECODABLE
        status = extend_occlusion(status, measures["occlusion"], self.quality)
        track = FaceTrack(
            video_time=frames["video_time"],
            box=spread(chosen["box"]),
            landmarks=spread(chosen["landmarks"]),
            score=score,
            status=status,
            n_faces=frames["n_faces"],
            measures=measures,
            detector=self.detector.name,
            notes=(*choice.notes, *self._say_resized()),
        )
        return track, row

    def _say_resized(self) -> list[str]:
        if self._resized is None:
            return []
        number, *sizes = self._resized
        before, now = (f"{width} x {height}" for width, height in sizes)
        return [
            f"The picture changes its size from {before} to {now} px in frame {number}: boxes are in each "
            "frame's own pixels."
        ]

    def _detect(self, frame: Picture) -> tuple[Detections, UInt8Array]:
        """The frame's faces and their signatures."""
        known = self._tracker.predict(frame.video_time)
        self._since_full += 1
        self._since_part += 1
        cut = self._scene.see(frame)
        if cut:
            self._tracker.cut()
            known = known[:0]
        # Nothing need have moved where a face was forgotten over a pause.
        cells = EVERYWHERE if cut or self._tracker.forgot else self._choose_cells(known)
        if cells is not None:
            known = self._add_new(frame, known, cells)
        found = self._search_regions(frame, known)
        if len(found[0]) < len(known) and not self._missing and self._since_full >= REST_MISSING:
            found = self._search_regions(frame, self._add_new(frame, known, EVERYWHERE))
        return found

    def _choose_cells(self, known: FloatArray) -> Cells | None:
        """Where to search for faces that are not known."""
        if not self._scene.searched or self._since_full >= PATIENCE * self.full_every or self.full_every == 1:
            return EVERYWHERE
        rest = self.full_every if len(known) else REST_EMPTY
        if self._since_part >= (min(rest, REST_MISSING) if self._missing else rest):
            return self._scene.moved(known[:0] if self._missing else known)
        if self._since_part < (REST_NEWS if len(known) else REST_NEWS_EMPTY):
            return None
        return self._scene.news(known)

    def _add_new(self, frame: Picture, known: FloatArray, cells: Cells) -> FloatArray:
        """Search a part of the picture; the known boxes and those of new faces."""
        self._since_part = 0
        self._scene.mark_searched(cells)
        if cells == EVERYWHERE:
            self._since_full = 0
            picture = frame.bgr(self.detector.long_side)
            left = top = 0
            scale = max(frame.width, frame.height) / max(picture.shape[:2])
        else:
            left, top, right, bottom = self._scene.region(cells)
            scale = max(1.0, max(frame.width, frame.height) / self.detector.long_side)
            size = max(1, round((right - left) / scale)), max(1, round((bottom - top) / scale))
            picture = frame.bgr_region(left, top, right, bottom, size)
        self.searches += picture.shape[0] * picture.shape[1] * scale**2 / (frame.width * frame.height)
        found = self.detector.detect(picture).place(scale, left, top)
        new = found.score >= self.quality.min_score
        if len(known) and len(found):
            new &= intersection_over_union(found.box, known).max(axis=1) < MAX_OVERLAP
        return np.concatenate([known, found.box[new].astype(np.float64)])[:MAX_FACES]

    def _search_regions(self, frame: Picture, boxes: FloatArray) -> tuple[Detections, UInt8Array]:
        """Find the face that is expected in each box, in a square around it; each face once."""
        squares, parts = [], []
        for box in boxes:
            square = cut_square(frame, box, self.detector.region_side)
            found = find_face(self.detector, square, box, self.quality.min_score)
            if len(found):
                parts.append(found)
                squares.append(square)
        kept = suppress_overlaps(join_detections(parts))
        order = [next(i for i, p in enumerate(parts) if (p.box[0] == box).all()) for box in kept.box]
        signatures = [squares[i].describe(parts[i]) for i in order]
        return kept, np.array(signatures, dtype=np.uint8).reshape(-1, SIGNATURE)

    def _record(
        self, frame: Picture, number: int, tracklet: int, face: Detections, signature: UInt8Array
    ) -> Face:
        """Measure one face, keep its row, cut it out for the classifier."""
        box, landmarks, score = face.box[0], face.landmarks[0], float(face.score[0])
        gray = Source((frame.height, frame.width), frame.gray_region)
        crop = crop_face(gray, box, landmarks, SHARPNESS_SIZE)
        sharpness, brightness = measure_sharpness(crop), float(cv2.mean(crop)[0])
        truncated = measure_truncation(box, frame.width, frame.height)
        row = self._rows.append((number, tracklet, box, landmarks, score, sharpness, brightness, truncated))
        self._signatures.append(signature)
        if self.channels == 3:
            colour = Source((frame.height, frame.width), frame.bgr_region)
            crop = crop_face(colour, box, landmarks, self.crop_size)[..., ::-1]
        elif self.crop_size != SHARPNESS_SIZE:
            crop = crop_face(gray, box, landmarks, self.crop_size)
        return Face(row, tracklet, box, landmarks, score, crop)
