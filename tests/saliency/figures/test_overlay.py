from types import SimpleNamespace

import numpy as np
import pytest

from enicfer.faces.crop import crop_face, frame_face
from enicfer.saliency.figures import overlay
from enicfer.saliency.pictures import DISPLAY_SIZE


@pytest.mark.parametrize("side", [16, 24, 40])
def test_the_map_lies_where_the_face_was_cut_out(monkeypatch, side):
    """A pixel of the picture is four times its column; what is put back over it must be the same column."""
    picture = np.tile(np.arange(0, 240, 4, dtype=np.uint8), (60, 1))
    box = np.array([10.0, 10.0, 10 + side, 10 + side])
    crop = crop_face(picture, box, None, DISPLAY_SIZE)
    monkeypatch.setattr(overlay, "attribute", lambda *given: np.zeros((1, 1, 2, 2), np.float32))
    colour = np.repeat(crop[..., None].astype(np.float32), 3, axis=2)
    monkeypatch.setattr(
        "enicfer.saliency.figures.maps.colour_map", lambda m, s: (colour, np.ones(crop.shape, np.float32))
    )
    model = SimpleNamespace(predict=lambda crops: np.ones((1, 1)), network=None, prepare=lambda crops: None)
    waiting = [(np.zeros((60, 60, 3), np.uint8), 0.0, crop, frame_face(box, None, DISPLAY_SIZE))]
    ((placed, _),) = overlay._overlay_batch(waiting, model, "gradient")
    inside = (slice(10 + side // 4, 10 + 3 * side // 4), slice(10 + side // 4, 10 + 3 * side // 4))
    shift = (placed[inside][..., 0].astype(float) - picture[inside]).mean() / 4
    assert abs(shift) < 0.05
