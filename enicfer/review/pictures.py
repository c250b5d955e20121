"""Exact pictures of a run's video: a frame by its number, as JPEG.

A video counts as the run's where its name and, as soon as they are known, its hash are those of the results. Frames
are numbered as in the results; boxes are in px of the upright full-size picture.
"""

from collections import OrderedDict
from pathlib import Path
from threading import Lock, Thread

import numpy as np

from enicfer.errors import EnicferError, InputError
from enicfer.io.video.finder import FrameFinder
from enicfer.io.video.frame import Frame
from enicfer.pipeline.provenance import hash_file
from enicfer.records import RunResult, UInt8Array
from enicfer.review.cover import OtherFaces, cover_faces, cover_others
from enicfer.review.recent import Recent

SMALL = 64 << 20  # bytes; a smaller video is hashed before its first picture is shown
KEPT = 64  # pictures
Box = tuple[float, float, float, float]


class VideoMissingError(InputError):
    """There is no video of a run here, or it is another one."""


class RunVideo:
    """The video of one run; several threads may ask.

    Parameters
    ----------
    run
        The results.
    paths
        Its files in their order.
    missing
        Names of those that are not where they were.
    cover
        Whether the faces of others are covered.
    others
        Where they are; None where that is not known, and all but the participant's face is covered.
    """

    def __init__(
        self,
        run: RunResult,
        paths: list[Path],
        missing: list[str],
        cover: bool = False,
        others: OtherFaces | None = None,
    ) -> None:
        self.run, self.paths, self.missing, self.cover, self.others = run, paths, missing, cover, others
        self.changed: list[str] = []
        self.size: tuple[int, int] | None = None  # of the upright picture
        self._finder: FrameFinder | None = None
        self._lock = Lock()
        self.in_turn = Lock()  # for who reads many frames: in turn they need no seeking
        self._kept: OrderedDict[tuple[object, ...], bytes] = OrderedDict()
        self._checker: Thread | None = None

    @property
    def state(self) -> str:
        """``there``, ``missing``, ``changed``, or ``none`` where the results were made without a video."""
        if self.missing:
            return "missing"
        if self.changed:
            return "changed"
        return "there" if self.paths else "none"

    @property
    def text(self) -> str:
        """What is wrong with the video, as a sentence."""
        if self.missing:
            return (
                f"The video {', '.join(self.missing)} is not where it was: start enicfer review with the folder that "
                "holds it as well."
            )
        if self.changed:
            return f"{', '.join(self.changed)} has changed since the results were made: process the session again."
        return "" if self.paths else "The results were made without a video."

    def check(self, wait: bool = False) -> None:
        """Compare the files with those of the results; large ones on the side, unless to ``wait``."""
        with self._lock:
            if self._checker is None:
                self._checker = Thread(target=self._compare, daemon=True)
                self._checker.start()
        if wait or sum(path.stat().st_size for path in self.paths if path.is_file()) <= SMALL:
            self._checker.join()

    def _compare(self) -> None:
        known = {Path(name).name: sha for name, sha in self.run.provenance.inputs.items()}
        for path in self.paths:
            try:
                if known.get(path.name) not in (None, hash_file(path)):
                    self.changed.append(path.name)
            except OSError:
                self.missing.append(path.name)

    def need(self, wait: bool = False) -> FrameFinder:
        """What finds the frames.

        Raises
        ------
        VideoMissingError
            With the reason.
        """
        for path in self.paths:
            if not path.is_file() and path.name not in self.missing:
                self.missing.append(path.name)
        if self.state == "there":
            self.check(wait)
        if self.state != "there":
            raise VideoMissingError(self.text)
        with self._lock:
            if self._finder is None:
                self._finder = FrameFinder(self.paths, self.run.faces.video_time)
        return self._finder

    def jpeg(self, number: int, box: Box | None = None, width: int | None = None, quality: int = 90) -> bytes:
        """One frame as JPEG.

        Parameters
        ----------
        number
            Of the frame.
        box
            The part to show, in px; None for all.
        width
            In px, to which it is scaled down; None for its own.
        quality
            1..95.

        Raises
        ------
        VideoMissingError
            If there is no video.
        InputError
            If there is no such frame, it did not decode, or the box is outside of it.
        """
        key = (number, box, width, quality)
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        data = encode(self.picture(number), box, width, quality)
        with self._lock:
            self._kept[key] = data
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return data

    def picture(self, number: int) -> UInt8Array:
        """``(h, w, 3)`` BGR picture of a frame, covered where that is asked for."""
        if not 0 <= number < self.run.faces.video_time.size:
            raise InputError(f"There is no frame {number}: the run has {self.run.faces.video_time.size}.")
        frame = self.need().read(number)
        if not frame.decodable:
            raise InputError(f"Frame {number} cannot be decoded: the video is damaged there.")
        self.size = frame.width, frame.height
        return self.shown(frame)

    def shown(self, frame: Frame, long_side: int | None = None) -> UInt8Array:
        """A frame's picture as it may be shown, scaled down to ``long_side`` px."""
        picture = frame.bgr(long_side)
        if not self.cover:
            return picture
        scale = picture.shape[1] / frame.width
        box = self.run.faces.box[frame.index].astype(float) * scale
        own = box if np.isfinite(box).all() else None
        if self.others is None:
            return cover_others(picture, own)
        return cover_faces(picture, self.others.of(frame.index).astype(float) * scale, own)

    @property
    def covering(self) -> bytes:
        """All that decides what is covered; nothing where nothing is."""
        if not self.cover:
            return b""
        return self.run.faces.box.tobytes() + (b"" if self.others is None else self.others.tobytes())

    def close(self) -> None:
        """Close the files."""
        if self._finder is not None:
            self._finder.close()


def encode(picture: UInt8Array, box: Box | None, width: int | None, quality: int) -> bytes:
    """A picture, or the part in ``box`` (px), as JPEG that is ``width`` px wide at most."""
    import cv2

    if box is not None:
        height, full = picture.shape[:2]
        left, top = max(0, int(box[0])), max(0, int(box[1]))
        right, bottom = min(full, round(box[2])), min(height, round(box[3]))
        if right <= left or bottom <= top:
            raise InputError("The box lies outside of the picture.")
        picture = picture[top:bottom, left:right]
    if width is not None and width < picture.shape[1]:
        size = width, max(1, round(picture.shape[0] * width / picture.shape[1]))
        picture = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)
    done, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])
    assert done
    return bytes(data)


def keep_videos(most: int) -> Recent[RunVideo]:
    """A place for the videos of a few runs, opened when they are asked for; one that was away may come back."""
    return Recent(most, lambda video: bool(video.missing or video.changed), RunVideo.close)


def measure(video: RunVideo) -> tuple[int, int] | None:
    """Width and height in px of the upright picture, from its first frame that decodes; None without a video."""
    if video.size is None and video.state == "there":
        try:
            finder = video.need()
            for number in range(min(10, video.run.faces.video_time.size)):
                frame = finder.read(number)
                if frame.decodable:
                    video.size = frame.width, frame.height
                    break
        except EnicferError:
            return None
    return video.size
