from pathlib import Path

import numpy as np
import pytest
import skimage.data
import torch
from matplotlib import cbook, image

from enicfer.errors import InputError, ModelError
from enicfer.expressions import Expression
from enicfer.models import load_model
from enicfer.models.classifier import Classifier
from enicfer.models.ronnet import RonNet
from enicfer.models.weights import save_model


@pytest.fixture(scope="module")
def shipped() -> Classifier:
    return load_model()


@pytest.fixture(scope="module")
def portraits() -> list[np.ndarray]:
    astronaut = skimage.data.astronaut()[60:200, 155:285]
    hopper = image.imread(cbook.get_sample_data("grace_hopper.jpg", asfileobj=False))[60:230, 160:330]
    return [astronaut, hopper]


def test_the_shipped_model_is_the_default_and_describes_itself(shipped: Classifier) -> None:
    assert shipped.name == "ronnet-7"
    assert shipped.labels == tuple(str(e) for e in Expression)
    assert {"data", "metrics", "recipe", "temperature"} <= set(shipped.metadata)


def test_the_smiling_astronaut_is_happy(shipped: Classifier, portraits: list[np.ndarray]) -> None:
    probability = shipped.predict(portraits)
    assert probability.dtype == np.float32
    assert shipped.labels[int(probability[0].argmax())] == "happy"
    np.testing.assert_allclose(probability.sum(1), 1, atol=1e-5)


def test_batches_lists_and_single_images_agree(shipped: Classifier, portraits: list[np.ndarray]) -> None:
    crops = [portraits[i % 2][i : 100 + i, i : 100 + i] for i in range(29)]
    together = shipped.predict(np.stack(crops))
    np.testing.assert_allclose(shipped.predict(crops), together, atol=1e-5)
    alone = np.concatenate([shipped.predict(crop[None]) for crop in crops])
    np.testing.assert_allclose(alone, together, atol=1e-4)
    assert shipped.predict(np.stack(crops)).tobytes() == together.tobytes()


def test_grey_and_rgb_of_the_same_face_agree(shipped: Classifier) -> None:
    grey = np.asarray(skimage.data.astronaut()[60:200, 155:285, 1])
    rgb = np.repeat(grey[..., None], 3, axis=2)
    np.testing.assert_allclose(shipped.predict(grey[None]), shipped.predict(rgb[None]), atol=1e-3)


def test_exposure_does_not_change_the_answer(shipped: Classifier, portraits: list[np.ndarray]) -> None:
    darker = [(crop * 0.5).astype(np.uint8) for crop in portraits]
    np.testing.assert_allclose(shipped.predict(darker), shipped.predict(portraits), atol=0.05)


def test_no_crops_give_no_rows(shipped: Classifier) -> None:
    assert shipped.predict(np.empty((0, 48, 48), np.uint8)).shape == (0, 7)
    assert shipped.predict([]).shape == (0, 7)


@pytest.mark.parametrize(
    "crops",
    [
        np.zeros((48, 48), np.uint8),
        np.zeros((1, 48, 48), np.float32),
        np.zeros((1, 48, 48, 4), np.uint8),
        np.zeros((1, 0, 48), np.uint8),
        [np.zeros((48, 48), np.uint8), np.zeros((2, 2, 2, 2), np.uint8)],
    ],
)
def test_what_is_no_crop_is_refused(shipped: Classifier, crops: np.ndarray) -> None:
    with pytest.raises(InputError, match=r"(?i)crop"):
        shipped.predict(crops)


def test_unknown_names_list_the_known_ones() -> None:
    with pytest.raises(ModelError, match=r"no model 'ronnet-9': give one that is shipped \(ronnet-7"):
        load_model("ronnet-9")
    with pytest.raises(ModelError, match="no model file"):
        load_model("missing.safetensors")


def test_a_model_file_of_a_lab_with_colour_is_loaded_by_path(tmp_path: Path) -> None:
    torch.manual_seed(0)
    path = tmp_path / "Käfer model.safetensors"
    save_model(path, RonNet(2, 32, 3), name="lab", architecture="ronnet", labels=("happy", "sad"))
    model = load_model(path)
    assert model.labels == ("happy", "sad")
    assert model.predict(np.zeros((3, 50, 40, 3), np.uint8)).shape == (3, 2)
    assert model.predict(np.zeros((3, 50, 40), np.uint8)).shape == (3, 2)


@pytest.mark.slow
def test_the_stored_accuracy_is_the_measured_one(shipped: Classifier, shared_data: Path) -> None:
    from enicfer.training.datasets.fer2013 import read_fer2013

    data = read_fer2013(shared_data / "fer2013.npz")
    check = data.select(data.split == "PublicTest")
    columns = np.array([shipped.labels.index(label) for label in check.labels])
    said, metrics = shipped.predict(check.image).argmax(1), shipped.metadata["metrics"]
    assert (said == columns[check.label]).mean() == pytest.approx(metrics["accuracy"], abs=0.002)
    voted = check.majority >= 0
    assert voted.sum() == metrics["majority_images"]
    right = said[voted] == columns[check.majority[voted]]
    assert right.mean() == pytest.approx(metrics["accuracy_votes"], abs=0.002)


@pytest.mark.slow
def test_the_network_of_votes_says_what_most_raters_would(shared_data: Path) -> None:
    from enicfer.training.datasets.fer2013 import read_ferplus

    data = read_ferplus(shared_data / "fer2013.npz")
    check = data.select(data.split == "PublicTest")
    model, right = load_model("ronnet-7-votes"), {}
    for name in ("ronnet-7", "ronnet-7-votes"):
        right[name] = (load_model(name).predict(check.image).argmax(1) == check.label).mean()
    assert model.labels == check.labels
    assert right["ronnet-7-votes"] == pytest.approx(model.metadata["metrics"]["accuracy"], abs=0.002)
    assert right["ronnet-7-votes"] > right["ronnet-7"] + 0.1


@pytest.mark.skipif(not torch.cuda.is_available(), reason="PyTorch sees no GPU")
@pytest.mark.parametrize("name", ["ronnet-7", "googlenet-7"])
def test_a_gpu_says_what_the_processor_says(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    crops = np.random.default_rng(0).integers(0, 256, (40, 48, 48), dtype=np.uint8)
    there = load_model(name)
    assert there.device.type == "cuda"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    here = load_model(name)
    assert here.device.type == "cpu"
    np.testing.assert_allclose(there.predict(crops), here.predict(crops), atol=0.01)
