"""Which files are pictures, and their decoding; one list for training and for saliency.

Conventions: a picture is uint8 (h, w, 3) RGB, turned upright as its EXIF data say.
"""

import io
import warnings

import cv2
import numpy as np
from PIL import Image, ImageOps

from enicfer.io.files.claims import check_pixels
from enicfer.records import UInt8Array

PICTURES = (
    ".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jfif", ".jp2", ".j2k", ".jpc", ".jpf", ".jpx", ".j2c", ".tif",
    ".tiff", ".bmp", ".dib", ".pbm", ".pgm", ".ppm", ".pnm", ".pfm", ".webp", ".gif", ".avif", ".avifs", ".tga",
    ".icb", ".vda", ".vst", ".ras", ".sr", ".pcx", ".dcx", ".sgi", ".rgb", ".rgba", ".bw", ".ico", ".icns", ".xbm",
    ".xpm", ".psd", ".qoi", ".dds", ".msp", ".pcd", ".pxr",
)  # fmt: skip
# Pictures that neither OpenCV nor Pillow reads without a further package.
FOREIGN = (
    ".heic", ".heif", ".raw", ".cr2", ".cr3", ".nef", ".arw", ".dng", ".orf", ".rw2", ".svg", ".jxl",
)  # fmt: skip


def decode_picture(content: bytes, name: str) -> UInt8Array | None:
    """Decode a picture with OpenCV, else with Pillow; None where neither can.

    Raises
    ------
    InputError
        If its header claims more pixels than are read.
    """
    check_pixels(content, name)
    try:
        picture = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR) if content else None
    except cv2.error:
        picture = None
    if picture is not None:
        return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), np.uint8)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of metadata that do not matter here
            with Image.open(io.BytesIO(content)) as opened:
                return np.asarray(ImageOps.exif_transpose(opened).convert("RGB"))
    except (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError):
        return None


def decode_bgr(content: bytes, name: str) -> UInt8Array | None:
    """As `decode_picture`, blue first, as OpenCV has it."""
    picture = decode_picture(content, name)
    return None if picture is None else np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), np.uint8)
