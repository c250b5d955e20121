from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch

from enicfer.training import export
from enicfer.training.datasets.images import FaceImages
from enicfer.training.export import cross_fitted_error, measure, visit_lab


@pytest.mark.parametrize("known", [True, False])
def test_the_temperature_is_fitted_on_other_people(known: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    generator = np.random.default_rng(0)
    person = np.repeat(np.arange(10), 8)
    logits = generator.normal(size=(80, 11))
    # The label is the person, so what is fitted says who it was.
    fitted: list[set[int]] = []
    monkeypatch.setattr(export, "fit_temperature", lambda _, label: fitted.append(set(label.tolist())) or 1.0)
    subject = np.array([f"child{i}" if known else "" for i in person])
    assert 0 < cross_fitted_error(logits, person, subject) < 1
    first, second = fitted
    assert first | second == set(range(10))
    assert bool(first & second) != known
    if known:
        assert len(first) == len(second)


def test_one_person_has_no_other_half() -> None:
    assert np.isnan(cross_fitted_error(np.zeros((4, 2)), np.array([0, 1, 0, 1]), np.full(4, "one")))


def test_the_temperature_may_be_fitted_on_other_logits() -> None:
    generator = np.random.default_rng(0)
    label = generator.integers(0, 4, 4000)
    logits = generator.normal(size=(4000, 4)) + 2.0 * (np.arange(4) == label[:, None])
    subject = np.arange(4000).astype(str)
    honest = cross_fitted_error(logits, label, subject)
    # Fitted on answers that are three times as sure, the temperature is three times as high: far too timid here.
    timid = cross_fitted_error(logits, label, subject, 3 * logits)
    assert honest < 0.03
    assert timid > 0.1


class Reader(torch.nn.Module):
    """Answers with the row of the brightest pixel, surely."""

    def __init__(self) -> None:
        super().__init__()
        self.arguments = {"input_size": 16, "channels": 1}
        self.scale = torch.nn.Parameter(torch.tensor(4.0))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.scale * torch.nn.functional.one_hot(images.flatten(1).argmax(1) // 16, 16)[:, :3].float()


def test_a_mixture_calibrates_between_clean_and_corrupted(
    stripes: Callable[..., FaceImages], monkeypatch: pytest.MonkeyPatch
) -> None:
    check = stripes(300)
    image = np.zeros((300, 16, 16), np.uint8)
    image[np.arange(300), check.label, 0] = 255
    # There, three of five pictures show something else.
    other = np.arange(300)[:, None, None] % 5 < 3
    monkeypatch.setattr(export, "visit_lab", lambda images: np.where(other, np.roll(images, 1, 0), images))
    found = {}
    for lab in (0.0, 0.5, 1.0):
        metrics, found[lab] = measure(Reader(), replace(check, image=image), {"": np.zeros(300, bool)}, lab)
        assert ("ece_lab" in metrics) == ("accuracy_lab" in metrics) == bool(lab)
    assert found[0.0] < found[0.5] < found[1.0]
    assert measure(Reader(), replace(check, image=image), {"": np.zeros(300, bool)}, 0.0, 2.5)[1] == 2.5


def test_a_visit_to_the_laboratory_keeps_kind_and_size() -> None:
    generator = np.random.default_rng(0)
    for shape in ((30, 48, 48), (30, 48, 48, 3)):
        images = generator.integers(0, 255, shape, dtype=np.uint8)
        there = visit_lab(images)
        assert there.dtype == np.uint8
        assert there.shape == shape
        assert (there != images).reshape(30, -1).any(1).all()
        np.testing.assert_array_equal(there, visit_lab(images))
