import socket
from types import SimpleNamespace

import numpy as np
import pytest

from enicfer.errors import ModelError
from enicfer.faces.detectors import describe_cost, load_detector
from enicfer.faces.detectors.face_alignment import reduce_landmarks
from enicfer.faces.weights import WEIGHTS


def test_five_of_the_68_landmarks():
    points = np.zeros((1, 68, 2), np.float32)
    points[0, 36:42] = 30, 40
    points[0, 42:48] = 70, 40
    points[0, [30, 48, 54]] = (50, 60), (38, 80), (62, 80)
    assert reduce_landmarks(points)[0].tolist() == [[30, 40], [70, 40], [50, 60], [38, 80], [62, 80]]


def test_without_weights_it_says_how_to_get_them_and_asks_nobody(tmp_path, monkeypatch):
    monkeypatch.setenv("ENICFER_MODELS", str(tmp_path))
    monkeypatch.setattr(socket.socket, "connect", lambda *a: pytest.fail("network"))
    with pytest.raises(ModelError, match="enicfer models fetch fan"):
        load_detector("face-alignment")


@pytest.mark.slow
def test_local_weights_alone_are_used(tmp_path, monkeypatch):
    """With weights that were never trained it finds nothing sensible, but the whole way is walked."""
    import torch
    from face_alignment.detection.sfd.net_s3fd import s3fd
    from face_alignment.models import FAN

    monkeypatch.setenv("ENICFER_MODELS", str(tmp_path))
    monkeypatch.setattr(socket.socket, "connect", lambda *a: pytest.fail("network"))
    torch.manual_seed(0)
    torch.save(FAN(4).state_dict(), tmp_path / WEIGHTS["fan"].file)
    with pytest.raises(ModelError, match="enicfer models fetch sfd"):
        load_detector("face-alignment")
    wrong = tmp_path / "wrong.pth"
    torch.save({"a": torch.zeros(1)}, wrong)
    with pytest.raises(ModelError, match=r"wrong\.pth does not hold weights of sfd"):
        load_detector("face-alignment", wrong)
    torch.save(s3fd().state_dict(), tmp_path / WEIGHTS["sfd"].file)
    detector = load_detector("face-alignment", min_score=0.99)
    picture = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    points = detector.find_dense(picture, np.array([10, 10, 50, 55], np.float32))
    assert points.shape == (68, 2) and np.isfinite(points).all()
    found = detector.detect(picture)
    assert found.box.shape == (len(found), 4) and found.landmarks.shape == (len(found), 5, 2)


def test_a_slow_detector_says_what_it_will_cost():
    slow = SimpleNamespace(name="slow", measure_cost=lambda: 1.5)
    assert "1.5 s a frame" in describe_cost(slow, 9000)
    assert "3.8 hours for 9000 frames" in describe_cost(slow, 9000)


def test_fast_detectors_need_no_warning():
    assert describe_cost(load_detector(), 10**6) == ""
