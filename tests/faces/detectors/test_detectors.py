import contextlib
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from enicfer.errors import ModelError
from enicfer.faces.detectors import DETECTORS, load_detector
from enicfer.faces.detectors.base import Detections, intersection_over_union, suppress_overlaps
from enicfer.faces.detectors.centerface import decode_maps, find_centerface, import_onnxruntime
from enicfer.faces.detectors.onnx_graph import free_input_size


@pytest.fixture(scope="module")
def portrait():
    from skimage.data import astronaut

    return np.ascontiguousarray(astronaut()[..., ::-1])


# Measured by hand in the photograph: right eye, left eye, nose, mouth corners.
POINTS = np.array([[203.7, 101.3], [246.2, 103.3], [223.3, 126.7], [203.0, 139.5], [245.0, 140.8]])


@pytest.fixture(params=["centerface", "yunet"])
def detector(request, shared_data):
    if request.param == "centerface":
        return load_detector()
    return load_detector("yunet", shared_data / "models" / "face_detection_yunet_2023mar.onnx")


@pytest.mark.parametrize("size", [512, 256, 200])
def test_the_astronaut_is_found_with_her_landmarks_in_order(detector, portrait, size):
    found = detector.detect(cv2.resize(portrait, (size, size), interpolation=cv2.INTER_AREA))
    assert len(found) == 1
    place = found.place(512 / size)
    assert np.linalg.norm(place.landmarks[0] - POINTS, axis=1).max() < 12
    left, top, right, bottom = place.box[0]
    assert left < 200 and right > 250 and top < 95 and bottom > 150
    assert 0.5 < found.score[0] <= 1


def test_any_picture_size_is_taken(detector):
    for height, width in ((1, 1), (31, 97), (96, 96), (333, 32)):
        assert len(detector.detect(np.full((height, width, 3), 99, np.uint8))) == 0


def test_several_threads_may_ask_at_once(detector, portrait):
    pictures = [cv2.resize(portrait, (side, side)) for side in range(96, 352, 32)]
    alone = [detector.detect(picture).box.tobytes() for picture in pictures]
    with ThreadPoolExecutor(4) as pool:
        for _ in range(5):
            assert [found.box.tobytes() for found in pool.map(detector.detect, pictures)] == alone


def test_what_yunet_overflows_to_is_no_face(shared_data, monkeypatch):
    class Overflowed:
        def setInputSize(self, size):  # noqa: N802
            pass

        def detect(self, picture):
            rows = np.full((2, 15), 20.0, np.float32)
            rows[0, :4] = [-np.inf, 5, np.inf, 5]
            return 1, rows

    detector = load_detector("yunet", shared_data / "models" / "face_detection_yunet_2023mar.onnx")
    monkeypatch.setattr(detector, "_net", Overflowed)
    assert detector.detect(np.zeros((64, 64, 3), np.uint8)).box.tolist() == [[20, 20, 40, 40]]


def test_making_yunet_does_not_change_the_log_level(shared_data):
    level = cv2.utils.logging.getLogLevel()
    load_detector("yunet", shared_data / "models" / "face_detection_yunet_2023mar.onnx")
    assert cv2.utils.logging.getLogLevel() == level


@pytest.mark.parametrize("name", ["centerface", "yunet"])
def test_other_files_are_refused_in_one_sentence(tmp_path, name):
    wrong = tmp_path / "wrong.onnx"
    wrong.write_bytes(b"not a network at all")
    with pytest.raises(ModelError, match=r"wrong\.onnx is not the ONNX file"):
        load_detector(name, wrong)
    with pytest.raises(ModelError, match="There is no file"):
        load_detector(name, tmp_path / "none.onnx")


def test_an_unknown_detector_lists_the_known():
    with pytest.raises(ModelError, match="centerface, yunet, face-alignment"):
        load_detector("haar")
    assert next(iter(DETECTORS)) == "centerface"


@given(st.integers(0, 15), st.integers(0, 19), st.floats(0.4, 1.0), st.floats(1, 30), st.floats(1, 30))
def test_a_face_written_into_the_maps_is_read_from_them(row, column, score, height, width):
    heat, size = np.zeros((16, 20), np.float32), np.zeros((2, 16, 20), np.float32)
    offset, points = np.zeros((2, 16, 20), np.float32), np.zeros((10, 16, 20), np.float32)
    heat[row, column] = score
    size[:, row, column] = np.log([height / 4, width / 4])
    offset[:, row, column] = 0.25, -0.5
    points[:, row, column] = np.tile([0.5, 0.25], 5)
    found = decode_maps(heat, size, offset, points, 0.35)
    x, y = 4 * (column + 0.0), 4 * (row + 0.75)
    expected = [x - width / 2, y - height / 2, x + width / 2, y + height / 2]
    assert np.allclose(found.box, [expected], atol=1e-3)
    assert np.allclose(found.landmarks[0], (x - width / 4, y), atol=1e-3)
    assert found.score[0] == pytest.approx(score)
    # A log size of 86 is a box of finite numbers, which would overflow later.
    for map_, wrong in ((size, np.inf), (size, 86.0), (offset, np.inf), (points, np.nan)):
        kept, map_[0, row, column] = map_[0, row, column], wrong
        with np.errstate(all="ignore"):
            assert not len(decode_maps(heat, size, offset, points, 0.35))
        map_[0, row, column] = kept


@given(
    arrays(np.float32, (12, 2), elements=st.floats(0, 50, width=32)),
    arrays(np.float32, (12, 2), elements=st.floats(1, 40, width=32)),
    arrays(np.float32, 12, elements=st.floats(0, 1, width=32)),
)
def test_suppression_keeps_the_best_of_what_overlaps(corner, side, score):
    every = Detections(np.hstack([corner, corner + side]), np.zeros((12, 5, 2), np.float32), score)
    kept = suppress_overlaps(every)
    overlap = intersection_over_union(kept.box, kept.box)
    np.fill_diagonal(overlap, 0)
    assert (overlap <= 0.3).all()
    assert (np.diff(kept.score) <= 0).all() and kept.score[0] == score.max()
    for box, value in zip(every.box, score, strict=True):
        near = intersection_over_union([box], kept.box)[0]
        assert (near[kept.score >= value] > 0.3).any() or (kept.box == box).all(axis=1).any()


def test_the_rewritten_graph_gives_the_same_numbers():
    onnxruntime = import_onnxruntime()
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    model = find_centerface().read_bytes()
    before, after = (
        onnxruntime.InferenceSession(m, options, providers=["CPUExecutionProvider"])
        for m in (model, free_input_size(model))
    )
    picture = np.random.default_rng(0).uniform(0, 255, (10, 3, 32, 32)).astype(np.float32)
    name = before.get_inputs()[0].name
    for a, b in zip(before.run(None, {name: picture}), after.run(None, {name: picture}), strict=True):
        assert np.allclose(a, b, atol=1e-3)
    assert after.get_inputs()[0].shape == [None, 3, None, None]
    assert free_input_size(free_input_size(model)) == free_input_size(model)


@given(st.binary(max_size=200))
def test_bytes_that_are_no_graph_are_refused_or_kept(data):
    with contextlib.suppress(ValueError):
        free_input_size(data)
