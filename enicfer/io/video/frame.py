"""One frame of a video, in the forms that the steps ask for.

Pictures are upright (rotations and reflections that the file states are applied), and their pixels are square: a
camcorder may store narrower ones.
Grey pictures are full-range luma (0..255); colour pictures are BGR, as OpenCV has them. Boxes are
``(left, top, right, bottom)`` in pixels of the upright full-size picture.
"""

from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from enicfer.errors import InputError
from enicfer.records import FloatArray, UInt8Array

if TYPE_CHECKING:
    from fractions import Fraction

    import av

# One 8-bit luma plane comes first in these pixel formats, chroma at half size in the next two planes.
_PLANAR_420 = ("yuv420p", "yuvj420p")
_LUMA_FIRST = (*_PLANAR_420, "yuv422p", "yuvj422p", "yuv444p", "yuvj444p", "nv12", "nv21", "gray")
# An aspect beyond this is a mistake in the file.
WIDEST = 4
_JPEG_RANGE = 2  # AVCOL_RANGE_JPEG: luma uses 0..255 already


class Frame:
    """One frame: its place, its time, and its picture in the forms that the steps ask for.

    Pictures are made on demand from the decoder's planes, because conversion costs as much as decoding.

    Parameters
    ----------
    index
        Number of the frame in the video, from 0.
    video_time
        PTS in s.
    image
        The decoded picture, or None for a frame that did not decode.
    pixel_aspect
        Width of the stored pixels by their height, as the stream states it; None or 0 where it does not.
    """

    def __init__(
        self,
        index: int,
        video_time: float,
        image: "av.VideoFrame | None",
        pixel_aspect: "Fraction | None" = None,
    ) -> None:
        self.index = index
        self.video_time = video_time
        quarter_turns = round(image.rotation / 90) % 4 if image is not None else 0
        self._mirrored = image is not None and _is_mirrored(image)
        if image is not None and pixel_aspect and pixel_aspect != 1 and 1 / WIDEST < pixel_aspect < WIDEST:
            image = image.reformat(width=max(2, round(image.width * pixel_aspect / 2) * 2))
        self._image = image
        self._turns = quarter_turns
        self.width, self.height = (0, 0) if image is None else (image.width, image.height)
        if quarter_turns % 2:
            self.width, self.height = self.height, self.width

    @property
    def decodable(self) -> bool:
        """Whether there is a picture."""
        return self._image is not None

    @property
    def _planes(self) -> "av.VideoFrame":
        if self._image is None:
            raise InputError(
                f"Frame {self.index} at {self.video_time:.3f} s could not be decoded",
                remedy="take another frame, or copy the video again",
            )
        return self._image

    @cached_property
    def _gray(self) -> UInt8Array:
        image = self._planes
        if image.format.name not in _LUMA_FIRST:
            gray = np.asarray(image.to_ndarray(format="gray"), np.uint8)
        else:
            gray = _rows(image.planes[0])[:, : image.width]
            if not _full_range(image):
                gray = _to_full_range(gray)
        return self._turn(gray)

    @property
    def _as_stored(self) -> bool:
        """Whether the stored picture is upright."""
        return not self._turns and not self._mirrored

    def _turn(self, picture: UInt8Array) -> UInt8Array:
        """Make a stored picture upright."""
        if self._as_stored:
            return picture
        return np.ascontiguousarray(np.rot90(picture[::-1] if self._mirrored else picture, self._turns))

    @cached_property
    def _luma(self) -> UInt8Array | None:
        """The decoder's own luma, as it is stored, where that is the upright picture's."""
        image = self._planes
        if not self._as_stored or image.format.name not in _LUMA_FIRST:
            return None
        return _rows(image.planes[0])[:, : image.width]

    @cached_property
    def _full_range(self) -> bool:
        return _full_range(self._planes)

    def gray(self) -> UInt8Array:
        """``(height, width)`` uint8 full-range luma of the whole picture; do not write into it."""
        return self._gray

    def gray_region(self, left: int, top: int, right: int, bottom: int) -> UInt8Array:
        """``(h, w)`` uint8 full-range luma of a region, clipped to the picture; only that is converted."""
        part = (slice(max(0, top), max(0, bottom)), slice(max(0, left), max(0, right)))
        luma = self._luma
        if luma is None or "_gray" in self.__dict__:
            return self._gray[part]
        return luma[part] if self._full_range else _to_full_range(luma[part])

    @cached_property
    def _bgr(self) -> UInt8Array:
        return self._convert(self._planes.width, self._planes.height)

    def bgr(self, long_side: int | None = None) -> UInt8Array:
        """``(h, w, 3)`` uint8 picture, scaled down to ``long_side`` px on its longer side (None: not)."""
        longest = max(self.width, self.height)
        if long_side is None or long_side >= longest:
            return self._bgr
        scale = long_side / longest
        image = self._planes
        width, height = max(1, round(image.width * scale)), max(1, round(image.height * scale))
        if self._by_planes:
            return _region_from_planes(image, (0, 0, image.width, image.height), (width, height))
        return self._convert(width, height)

    @property
    def _by_planes(self) -> bool:
        """Whether a part of the picture can be converted without the rest."""
        return self._as_stored and self._planes.format.name in _PLANAR_420

    def _convert(self, width: int, height: int) -> UInt8Array:
        picture = self._planes.reformat(width=width, height=height, format="bgr24", interpolation="AREA")
        return self._turn(np.asarray(picture.to_ndarray(), np.uint8))

    def bgr_region(
        self, left: int, top: int, right: int, bottom: int, size: tuple[int, int] | None = None
    ) -> UInt8Array:
        """``(h, w, 3)`` uint8 colour pixels of a region, clipped to the picture.

        With ``size`` (width, height) they are scaled to it before the conversion of the colours, which costs
        less; a region that does not begin at even pixels moves by up to one pixel then.
        """
        left, top = max(0, int(left)), max(0, int(top))
        right, bottom = min(self.width, int(right)), min(self.height, int(bottom))
        if self._by_planes:
            return _region_from_planes(self._planes, (left, top, right, bottom), size)
        part = self._bgr[top:bottom, left:right]
        return part if size is None else _resize(part, size)

    def bgr_warped(self, matrix: FloatArray, size: int) -> UInt8Array:
        """``(size, size, 3)`` uint8 colour pixels of what a matrix (2, 3) leads there, exact to fractions of a pixel.

        It leads from the picture's pixels, centres at whole numbers plus a half. Outside the picture is grey (128).
        """
        from enicfer.io.video.warp import warp_part

        if self._by_planes:
            return _warp_planes(self._planes, matrix, size)
        whole = self._bgr

        def cut(left: int, top: int, right: int, bottom: int) -> UInt8Array:
            return whole[top:bottom, left:right]

        return warp_part((self.height, self.width), cut, matrix, size, 128, sparse=True)

    def gray_warped(self, matrix: FloatArray, size: int) -> UInt8Array:
        """``(size, size)`` uint8 luma, likewise; outside the picture its edge is repeated."""
        from enicfer.io.video.warp import warp_part

        luma = self._luma
        whole = self._gray if luma is None else luma

        def cut(left: int, top: int, right: int, bottom: int) -> UInt8Array:
            return whole[top:bottom, left:right]

        small = warp_part((self.height, self.width), cut, matrix, size, sparse=True)
        return small if luma is None or self._full_range else _to_full_range(small)

    def brightness(self, left: int, top: int, right: int, bottom: int) -> float:
        """Mean full-range luma (0..255) of a region in px."""
        return float(self.gray_region(left, top, right, bottom).mean())

    def brightness_grid(self, rows: int, columns: int, samples: int | None = None) -> UInt8Array:
        """``(rows, columns)`` uint8 mean luma of the cells of a grid over the picture.

        With ``samples`` at least so many lines and columns of a cell count, evenly spread, which costs less.
        """
        import cv2

        luma = None if samples is None else self._luma
        if luma is None or samples is None:
            return np.asarray(
                cv2.resize(self.gray(), (columns, rows), interpolation=cv2.INTER_AREA), np.uint8
            )
        step = max(1, min(self.height // (rows * samples), self.width // (columns * samples)))
        luma = np.ascontiguousarray(luma[step // 2 :: step, step // 2 :: step])
        grid = np.asarray(cv2.resize(luma, (columns, rows), interpolation=cv2.INTER_AREA), np.uint8)
        return grid if self._full_range else _to_full_range(grid)


def _is_mirrored(image: "av.VideoFrame") -> bool:
    """Whether the picture is to be shown as in a mirror: its lines are turned upside down before the rotation."""
    matrix: Any = image.side_data.get("DISPLAYMATRIX")
    if matrix is None:
        return False
    a, b, _, c, d, *_ = np.frombuffer(matrix, np.int32).tolist()
    return bool(a * d < b * c)


def _full_range(image: "av.VideoFrame") -> bool:
    name = image.format.name
    return name.startswith("yuvj") or name == "gray" or image.color_range == _JPEG_RANGE


def _to_full_range(luma: UInt8Array) -> UInt8Array:
    import cv2

    return np.asarray(cv2.LUT(luma, _limited_to_full()), np.uint8).reshape(luma.shape)


@lru_cache(maxsize=1)
def _limited_to_full() -> UInt8Array:
    """Table from studio-range luma (16..235) to 0..255: without it, crops differ from the training data."""
    return np.clip(np.round((np.arange(256) - 16) * 255 / 219), 0, 255).astype(np.uint8)


def _rows(plane: Any) -> UInt8Array:
    """Return the plane's bytes without copying, ``(height, line_size)``: lines are padded."""
    return np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)


def _resize(picture: UInt8Array, size: tuple[int, int]) -> UInt8Array:
    import cv2

    from enicfer.io.video.warp import average_blocks

    # Two lines of the picture for each line of the result are enough; all of them cost twice as much or more.
    step = max(1, picture.shape[0] // (2 * size[1]))
    picture = picture[step // 2 :: step]
    # First blocks of whole pixels, then what is left of the scale: at once it takes three times as long.
    height, width = picture.shape[:2]
    columns, rows = max(1, width // size[0]), max(1, height // size[1])
    if columns * rows > 1:
        picture = average_blocks(picture, columns, rows)
    if (width, height) == (columns * size[0], rows * size[1]):
        return picture
    x, y = width / columns / size[0], height / rows / size[1]
    # warpAffine counts pixel centres as whole numbers, hence the halves.
    matrix = np.array([[x, 0, (x - 1) / 2], [0, y, (y - 1) / 2]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    scaled = cv2.warpAffine(picture, matrix, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(scaled, np.uint8)


def _region_from_planes(
    image: "av.VideoFrame", region: tuple[int, int, int, int], size: tuple[int, int] | None = None
) -> UInt8Array:
    """Convert only a region, from the planes; chroma is shared by 2 x 2 pixels, hence the even corner."""
    left, top, right, bottom = region
    x, y = left & ~1, top & ~1
    height, width = bottom - y, right - x
    planes = []
    for plane, shift in zip(image.planes, (0, 1, 1), strict=True):
        rows = _rows(plane)
        step = 1 << shift
        part = rows[y // step : -(-bottom // step), x // step : -(-right // step)]
        if size is not None:
            part = _resize(part, size)
        elif shift:
            part = np.repeat(np.repeat(part, 2, axis=0), 2, axis=1)[:height, :width]
        planes.append(part)
    bgr = _to_bgr(planes, _full_range(image))
    return bgr if size is not None else bgr[top - y :, left - x :]


def _warp_planes(image: "av.VideoFrame", matrix: FloatArray, size: int) -> UInt8Array:
    """Warp only what is seen, from the planes."""
    from enicfer.io.video.warp import warp_part

    full, planes = _full_range(image), []
    for plane, step, grey in zip(image.planes, (1, 2, 2), (128 if full else 126, 128, 128), strict=True):
        rows = _rows(plane)[:, : plane.width]
        smaller = matrix * (step, step, 1)

        def cut(left: int, top: int, right: int, bottom: int, rows: UInt8Array = rows) -> UInt8Array:
            return rows[top:bottom, left:right]

        planes.append(warp_part((plane.height, plane.width), cut, smaller, size, grey, sparse=True))
    return _to_bgr(planes, full)


def _to_bgr(planes: list[UInt8Array], full_range: bool) -> UInt8Array:
    """Colour picture of Y, Cb and Cr planes of one size."""
    import cv2

    if not full_range:
        tables = (_limited_to_full(), _limited_to_full_chroma(), _limited_to_full_chroma())
        planes = [np.asarray(cv2.LUT(p, table), np.uint8) for p, table in zip(planes, tables, strict=True)]
    return np.asarray(
        cv2.cvtColor(cv2.merge([planes[0], planes[2], planes[1]]), cv2.COLOR_YCrCb2BGR), np.uint8
    )


@lru_cache(maxsize=1)
def _limited_to_full_chroma() -> UInt8Array:
    return np.clip(np.round((np.arange(256) - 128) * 255 / 224 + 128), 0, 255).astype(np.uint8)
