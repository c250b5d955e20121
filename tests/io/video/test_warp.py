"""Parts of pictures, exact to fractions of a pixel: where values rise evenly, each tells where it is from."""

import av
import numpy as np
import pytest

from enicfer.io.video.frame import Frame
from enicfer.io.video.warp import warp_part

SIZE = 24


def place(scale, turn, left, top):
    """Matrix from the picture to a small one whose corner lies at left, top, and where its pixels' centres lie."""
    cosine, sine = np.cos(turn), np.sin(turn)
    outwards = scale * np.array([[cosine, -sine], [sine, cosine]])
    inwards = np.linalg.inv(outwards)
    centres = np.stack(np.meshgrid(np.arange(SIZE) + 0.5, np.arange(SIZE) + 0.5), axis=-1) @ outwards.T + (
        left,
        top,
    )
    return np.hstack([inwards, -inwards @ np.array([[left], [top]])]), centres


@pytest.mark.parametrize(
    "scale, turn, left, top", [(1, 0, 10.3, 20.7), (3.4, 0.3, 60.25, 20), (0.6, -0.5, 40, 50.5)]
)
def test_every_pixel_is_from_where_the_matrix_says(scale, turn, left, top):
    x, y = np.arange(200) + 0.5, np.arange(160) + 0.5
    picture = np.rint(0.8 * x[None] + 0.5 * y[:, None]).astype(np.uint8)
    matrix, centres = place(scale, turn, left, top)
    small = warp_part(picture.shape, lambda a, b, c, d: picture[b:d, a:c], matrix, SIZE)
    inside = (centres > 4).all(axis=2) & (centres < (196, 156)).all(axis=2)
    assert inside.mean() > 0.6
    expected = centres @ (0.8, 0.5)
    assert np.abs(small - expected)[inside].max() <= 1.0  # rounded twice


@pytest.mark.parametrize("scale", [4.0, 5.0, 6.2, 8.9])
def test_lines_that_are_left_out_move_nothing(scale):
    x, y = np.arange(300) + 0.5, np.arange(340) + 0.5
    picture = np.rint(0.137 * x[None] + 0.613 * y[:, None]).astype(np.uint8)
    matrix, centres = place(scale, 0.1, 50.3, 40.8)
    small = warp_part(picture.shape, lambda a, b, c, d: picture[b:d, a:c], matrix, SIZE, sparse=True)
    inside = (centres > 20).all(axis=2) & (centres < (280, 320)).all(axis=2)
    assert abs(float((small - centres @ (0.137, 0.613))[inside].mean())) < 0.1  # half a line would be 0.3


@pytest.mark.parametrize("format", ["yuv420p", "rgb24"])
def test_a_frame_gives_colours_and_grey_outside(format):
    picture = np.zeros((120, 160, 3), np.uint8)
    picture[...] = np.linspace(40, 200, 160)[None, :, None]
    picture[..., 0] //= 2
    image = av.VideoFrame.from_ndarray(picture, format="bgr24").reformat(format=format)
    matrix, centres = place(4.0, 0.2, 100, 60)
    small = Frame(0, 0.0, image).bgr_warped(matrix, SIZE).astype(int)
    outside = (centres < -8).any(axis=2) | (centres > (168, 128)).any(axis=2)
    inside = (centres > 8).all(axis=2) & (centres < (152, 112)).all(axis=2)
    assert outside.sum() > 20 and inside.sum() > 20
    assert np.abs(small[outside] - 128).max() <= 1
    red = 40 + 160 * (centres[..., 0] - 0.5) / 159
    assert np.abs(small[..., 2] - red)[inside].max() <= 4
    assert np.abs(small[..., 0] - red / 2)[inside].max() <= 4
