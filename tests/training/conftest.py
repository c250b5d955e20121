"""A task that a network learns in seconds, for the tests of training."""

from collections.abc import Callable

import numpy as np
import pytest

from enicfer.expressions import Expression
from enicfer.training.datasets.images import FaceImages
from enicfer.training.recipe import Data, Network, Recipe, Schedule

LABELS = tuple(str(e) for e in Expression)[:3]
SMALL_RECIPE = Recipe(
    name="small",
    data=Data(labels=LABELS),
    network=Network(input_size=16, padding="same"),
    schedule=Schedule(epochs=6, batch_size=16, checkpoint_steps=1, learning_rate=1e-3, ema=0.8),
)


def make_stripes(n: int = 96) -> FaceImages:
    """Three classes that differ in the direction of a stripe pattern, in noise."""
    generator = np.random.default_rng(0)
    label = np.arange(n) % 3
    y, x = np.mgrid[:16, :16]
    waves = np.stack([np.sin(x), np.sin(y), np.sin((x + y) * 0.8)])
    image = 128 + 60 * waves[label] + generator.normal(0, 10, (n, 16, 16))
    empty = np.full(n, "")
    return FaceImages(
        image=image.clip(0, 255).astype(np.uint8),
        label=label,
        labels=LABELS,
        votes=np.full((n, 3), np.nan, np.float32),
        majority=np.full(n, -1),
        subject=empty,
        sex=empty,
        set=np.full(n, "stripes"),
        split=np.where(np.arange(n) % 4 == 3, "validation", "train"),
        file=np.full(n, ""),
        age=np.full(n, np.nan, np.float32),
    )


@pytest.fixture
def small() -> Recipe:
    return SMALL_RECIPE


@pytest.fixture
def stripes() -> Callable[..., FaceImages]:
    return make_stripes
