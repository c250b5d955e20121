"""Find and follow all faces of a video, frame by frame; who is the participant is decided in `enicfer.faces.choose`.

A face that is not known yet is searched for where something changed: beyond a limit outside the known faces, and
at all every `FULL_EVERY` frames. The whole picture is searched at the beginning, at a cut, when a known face is
lost, and now and then. In each frame every known face is found anew in a small square around it, which costs little
and gives its box and landmarks at always the same scale. What is kept per face is one row of numbers
(`enicfer.faces.rows`), never a picture.

Conventions: px of the upright full-size picture, s of video time, rows counted from 0 over all faces of all
frames in the order in which `FaceObserver.observe` returns them.
"""

from dataclasses import dataclass
from itertools import zip_longest

import cv2
import numpy as np
import numpy.typing as npt

from enicfer.config.protocol import Quality
from enicfer.faces.appearance import SIGNATURE
from enicfer.faces.choose import Resized, SeenFaces, choose_track
from enicfer.faces.crop import Source, crop_face
from enicfer.faces.detectors.base import MAX_OVERLAP, Detector, find_distinct, intersection_over_union
from enicfer.faces.flow import Sight
from enicfer.faces.locate import Located, locate_known, locate_new
from enicfer.faces.participant import Hints
from enicfer.faces.quality import measure_sharpness, measure_truncation
from enicfer.faces.rows import FRAME, ROW, Signatures, Table
from enicfer.faces.scene import EVERYWHERE, Cells, Picture, Scene
from enicfer.faces.track import Tracker
from enicfer.records import FaceTrack, Float32Array, FloatArray, UInt8Array

# Frames from one search of all that has moved to the next, and so many times as many from one search of the whole
# picture to the next: a new face cannot come where nothing moves.
FULL_EVERY, PATIENCE = 15, 4
MAX_FACES = 8
# A new face has at least this score, or the smallest that will be believed, if that is less: thresholds above it do
# not decide what is seen.
SURE = 0.5
SHARPNESS_SIZE = 48
# Number of frames from one search to the next: of all that has moved, while no face is known, and while a known one
# is lost; and at least, of what changed, while no face is known, and elsewhere while one is.
REST_EMPTY, REST_MISSING = 6, 3
REST_CHANGES_EMPTY, REST_NEWS = 2, 6


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
        Thresholds of the status; of them only a ``min_score`` below `SURE` decides what is seen.
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
        self._sure = min(SURE, self.quality.min_score)
        self.crop_size, self.channels, self.full_every = crop_size, channels, full_every
        self._rows, self._frames, self._signatures = Table(ROW), Table(FRAME), Signatures()
        self._tracker = Tracker()
        self._sights: dict[int, Sight] = {}
        self._since_full = self._since_part = 10**9
        self._scene = self._first_scene = Scene()
        self._missing = False
        self._size = self._first_size = (0, 0)
        self._resized: Resized | None = None
        self.searches = 0.0

    def observe(self, frame: Picture) -> list[Face]:
        """Find, measure and follow all faces of the next frame."""
        if not frame.decodable:
            self._frames.append((frame.video_time, False, 0, (0, 0)))
            return []
        self._check_size((frame.width, frame.height))
        found = self._detect(frame)
        boxes = np.array([face.face.box[0] for face in found], np.float32).reshape(-1, 4)
        signatures = np.array([face.signature for face in found], np.uint8).reshape(-1, SIGNATURE)
        numbers = self._tracker.assign(frame.video_time, boxes, signatures)
        self._missing = self._tracker.misses()
        self._sights = {
            n: face.sight(frame.video_time, self._sights.get(n))
            for n, face in zip(numbers, found, strict=True)
        }
        number = self._frames.append((frame.video_time, True, min(len(found), 255), self._size))
        return [
            self._record(frame, number, tracklet, found[i], signatures[i])
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
            self._check_size(following._first_size)
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

    def _check_size(self, size: tuple[int, int]) -> None:
        """Where the size of the pictures changes, no face is expected where it was."""
        if self._size == (0, 0):
            self._first_size = size
        elif self._size != size:
            self._tracker.cut()
            self._scene = Scene()
            if self._resized is None:
                self._resized = (len(self._frames), self._size, size)
        self._size = size

    def collect(self) -> SeenFaces:
        """All faces so far."""
        rows, frames = self._rows.join(), self._frames.join()
        return SeenFaces(rows, frames, self._signatures, self.detector.name, self._resized)

    def finish(self, hints: Hints | None = None) -> tuple[FaceTrack, npt.NDArray[np.int64]]:
        """Choose the participant and judge every frame, as `enicfer.faces.choose.choose_track` does."""
        return choose_track(self.collect(), self.quality, hints)

    def _detect(self, frame: Picture) -> list[Located]:
        """The frame's faces."""
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
        if len(found) < len(known) and not self._missing and self._since_full >= REST_MISSING:
            found = self._search_regions(frame, self._add_new(frame, known, EVERYWHERE))
        return found

    def _choose_cells(self, known: FloatArray) -> Cells | None:
        """Where to search for faces that are not known."""
        if not self._scene.searched or self._since_full >= PATIENCE * self.full_every or self.full_every == 1:
            return EVERYWHERE
        rest = self.full_every if len(known) else REST_EMPTY
        if self._since_part >= (min(rest, REST_MISSING) if self._missing else rest):
            return self._scene.moved(known[:0] if self._missing else known)
        if self._since_part < (REST_NEWS if len(known) else REST_CHANGES_EMPTY):
            return None
        return self._scene.changes(known)

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
        new = found.score >= self._sure
        if len(known) and len(found):
            new &= intersection_over_union(found.box, known).max(axis=1) < MAX_OVERLAP
        return np.concatenate([known, found.box[new].astype(np.float64)])[:MAX_FACES]

    def _search_regions(self, frame: Picture, boxes: FloatArray) -> list[Located]:
        """Find the face that is expected in each box, in a square around it; each face once."""
        found = []
        for box, number in zip_longest(boxes, self._tracker.expected[: len(boxes)]):
            located = (
                locate_new(frame, self.detector, box, self._sure)
                if number is None
                else locate_known(frame, self.detector, box, self._sights.get(number), self._sure)
            )
            if located is not None:
                found.append(located)
        return [found[i] for i in find_distinct([face.found for face in found])]

    def _record(
        self, frame: Picture, number: int, tracklet: int, located: Located, signature: UInt8Array
    ) -> Face:
        """Measure one face, keep its row, cut it out for the classifier."""
        face = located.face
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
