"""Pictures of every ending that Pillow or OpenCV reads."""

import io

import cv2
import numpy as np
import pytest
from PIL import Image

from enicfer.io.pictures import FOREIGN, PICTURES, decode_picture
from enicfer.training.datasets import read_dataset

Image.init()
# What Pillow registers and is no picture of a face: films, drawings, data, pointers, textures, or will be dropped.
OTHERS = {
    "MPEG", "FLI", "EPS", "WMF", "PDF", "HDF5", "GRIB", "BUFR", "FITS", "IPTC", "CUR", "BLP", "FTEX", "GBR", "IM",
}  # fmt: skip
ENDINGS = {e: f for e, f in Image.registered_extensions().items() if f in Image.OPEN and f not in OTHERS}
WRITTEN = {e: f for e, f in ENDINGS.items() if f in Image.SAVE}


def draw(form):
    """A grey ramp, or black and white where a format has no more."""
    ramp = np.repeat(np.arange(64, dtype=np.uint8)[None] * 4, 64, axis=0)
    two = form in ("XBM", "MSP") or form is None
    return Image.fromarray(ramp).convert("1" if two else "RGB")


def test_every_ending_of_pillow_is_known():
    assert set(ENDINGS) <= set(PICTURES)
    assert not set(PICTURES) & set(FOREIGN)


@pytest.mark.parametrize("ending", WRITTEN)
def test_what_pillow_writes_is_read(ending):
    content = io.BytesIO()
    try:
        draw(WRITTEN[ending]).save(content, WRITTEN[ending])
    except (OSError, KeyError, ValueError) as error:
        pytest.skip(f"Pillow cannot write it here: {error}")
    picture = decode_picture(content.getvalue(), f"a{ending}")
    assert picture is not None and picture.shape[2] == 3
    left, right = picture[:, : picture.shape[1] // 4].mean(), picture[:, -picture.shape[1] // 4 :].mean()
    assert right > left + 60


@pytest.mark.parametrize(
    "ending", [".png", ".jpg", ".jp2", ".tif", ".pgm", ".ppm", ".bmp", ".webp", ".ras", ".sr"]
)
def test_what_opencv_writes_is_read(ending):
    picture = np.repeat(np.arange(64, dtype=np.uint8)[None] * 4, 64, axis=0)
    done, content = cv2.imencode(ending, picture if ending == ".pgm" else np.dstack([picture] * 3))
    assert done and ending in PICTURES
    read = decode_picture(content.tobytes(), f"a{ending}")
    np.testing.assert_allclose(read[..., 0].astype(float), picture, atol=12)


def test_pictures_in_capitals_and_of_rare_kinds_are_in_a_data_set(tmp_path):
    names = ("a.PNG", "b.JPG", "c.Webp", "d.TIFF", "e.pcx", "f.sgi", "g.ICO", "h.jp2", "i.pgm")
    for label in ("happy", "sad"):
        (tmp_path / label).mkdir()
        for k, name in enumerate(names):
            ramp = np.roll(np.repeat(np.arange(64, dtype=np.uint8)[None] * 4, 64, axis=0), k * 5, axis=1)
            Image.fromarray(ramp if label == "sad" else ramp.T.copy()).convert("RGB").save(
                tmp_path / label / name
            )
    data = read_dataset(tmp_path)
    assert len(data) == 2 * len(names)
