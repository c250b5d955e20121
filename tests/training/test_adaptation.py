from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression

from enicfer.errors import InputError, ModelError
from enicfer.models import load_model, save_model
from enicfer.models.ronnet import RonNet
from enicfer.training import adaptation
from enicfer.training.adaptation import fit_last_layer, is_surely_positive, make_folds
from enicfer.training.datasets.images import FaceImages
from enicfer.training.recipe import Recipe, Transfer
from enicfer.training.refit import describe_judgement, judge, refit

Stripes = Callable[..., FaceImages]
CLASSES, FEATURES = 4, 12


def faces(n: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Features, labels, and logits of the truth and of a start that knows nothing of the last two features."""
    generator = np.random.default_rng(seed)
    weights = np.random.default_rng(99).normal(size=(FEATURES, CLASSES))
    features = generator.normal(size=(n, FEATURES)) + 1
    truth = features @ weights
    label = np.array([generator.choice(CLASSES, p=p) for p in softmax(truth, axis=1)])
    blind = weights.copy()
    blind[-2:] = 0
    return features, label, truth, features @ blind


def subjects(n: int, count: int = 10) -> np.ndarray:
    return np.array([f"child{i % count}" for i in range(n)])


def test_a_start_that_is_right_is_rarely_left_and_never_far() -> None:
    test, label, truth, _ = faces(4000, 1000)
    accuracy = (truth.argmax(1) == label).mean()
    stayed = []
    for seed in range(10):
        features, own, logits, _ = faces(60, seed)
        fit = fit_last_layer(features, logits, own, subjects(60))
        stayed.append(not np.isfinite(fit.ridge))
        assert np.any(fit.change) != stayed[-1]
        after = truth + np.column_stack([test, np.ones(len(test))]) @ fit.change
        assert (after.argmax(1) == label).mean() > accuracy - 0.03
    assert sum(stayed) >= 8


def test_what_the_start_does_not_know_is_learnt() -> None:
    test, label, truth, blind = faces(4000, 1000)
    best, first = ((one.argmax(1) == label).mean() for one in (truth, blind))
    features, own, _, logits = faces(600, 1)
    fit = fit_last_layer(features, logits, own, subjects(600))
    after = blind + np.column_stack([test, np.ones(len(test))]) @ fit.change
    assert np.isfinite(fit.ridge)
    assert fit.gain > 2 * fit.error
    assert (after.argmax(1) == label).mean() > first + 0.8 * (best - first)
    # What it says of its gain is what it gains on others.
    rows = np.arange(len(label))
    gained = np.log(softmax(after, axis=1)[rows, label]) - np.log(softmax(blind, axis=1)[rows, label])
    assert gained.mean() == pytest.approx(fit.gain, abs=4 * fit.error)


def test_the_fit_is_that_of_scikit_learn_where_the_start_says_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    features, label, _, _ = faces(300, 3)
    inputs = np.column_stack([features, np.ones(300)])
    ridge = 0.03
    change = adaptation._fit(inputs, np.zeros((300, CLASSES)), label, ridge)
    other = LogisticRegression(C=1 / (ridge * 300), fit_intercept=False, tol=1e-8, max_iter=5000).fit(
        inputs, label
    )
    np.testing.assert_allclose(inputs @ change, inputs @ other.coef_.T, atol=0.02)


def test_folds_keep_subjects_together_and_neighbouring_frames_of_few() -> None:
    many = subjects(100)
    fold = make_folds(many)
    assert set(fold) == set(range(5))
    assert all(len(set(fold[many == name])) == 1 for name in set(many))
    for few in (subjects(100, 2), np.full(100, "")):
        fold = make_folds(few)
        assert (np.diff(fold) >= 0).all()
        np.testing.assert_array_equal(np.bincount(fold), [20] * 5)


def test_what_varies_with_the_fold_is_not_sure() -> None:
    fold = np.repeat(np.arange(5), 40)
    gain = np.random.default_rng(0).normal(0.3, 1, 200)
    assert is_surely_positive(gain, fold)
    assert not is_surely_positive(gain + np.array([-3, -1, 1, 2, 1])[fold], fold)
    assert not is_surely_positive(-gain, fold)


@pytest.fixture
def source(tmp_path: Path, small: Recipe) -> Path:
    torch.manual_seed(0)
    path = tmp_path / "source.safetensors"
    save_model(path, RonNet(3, 16), name="source", architecture="ronnet", labels=small.data.labels)
    return path


def test_a_recipe_refits_and_is_judged(tmp_path: Path, source: Path, small: Recipe, stripes: Stripes) -> None:
    from enicfer.training.commands import finish_run

    plan = replace(small.schedule, vote_weight=0.0, batch_size=500)
    recipe = replace(small, schedule=plan, transfer=Transfer(str(source), refit=True))
    data, told = stripes(240), list[str]()
    data = replace(data, subject=np.array([f"child{i // 4}" for i in range(240)]))
    checkpoint = refit(recipe, data, tmp_path / "run", told.append)
    assert any("last layer fitted" in line for line in told)
    model = finish_run(recipe, data, checkpoint, tmp_path / "run", told.append)
    before, after = load_model(source).network.state_dict(), model.network.state_dict()
    same = {name for name in before if torch.equal(before[name].half(), after[name].half())}
    assert same == set(before) - {"fc2.weight", "fc2.bias"}
    check = data.select(data.split == "validation")
    found = judge(recipe, model, check)
    assert found is not None
    assert found.accuracy_after == (model.predict(check.image).argmax(1) == check.label).mean()
    assert found.accuracy_before == (load_model(source).predict(check.image).argmax(1) == check.label).mean()
    assert found.recommended
    assert found.accuracy_after > found.accuracy_before + 0.3
    assert "use it" in told[-1]
    card = (tmp_path / "run" / "small.md").read_text(encoding="utf-8")
    assert "no validation image chose anything" in card
    assert told[-1] in card
    assert refit(recipe, data, tmp_path / "run", told.append) == checkpoint
    assert told[-1] == "the last layer was fitted before"
    with pytest.raises(ModelError, match="another data"):
        refit(recipe, stripes(120), tmp_path / "run", told.append)


def test_labels_of_chance_leave_the_start_and_are_not_recommended(
    tmp_path: Path, source: Path, small: Recipe, stripes: Stripes
) -> None:
    from enicfer.training.commands import finish_run

    plan = replace(small.schedule, vote_weight=0.0)
    recipe = replace(small, schedule=plan, transfer=Transfer(str(source), refit=True))
    data = replace(stripes(), label=np.random.default_rng(1).integers(0, 3, 96))
    told: list[str] = []
    model = finish_run(
        recipe, data, refit(recipe, data, tmp_path / "run", told.append), tmp_path / "run", told.append
    )
    images = data.image[:5]
    assert any("stays as it was" in line for line in told)
    np.testing.assert_allclose(model.logits(images), load_model(source).logits(images), rtol=1e-3, atol=1e-3)
    assert "not recommended" in told[-1]
    assert "not recommended" in (tmp_path / "run" / "small.md").read_text(encoding="utf-8")


def test_what_cannot_be_refitted_is_refused(tmp_path: Path) -> None:
    from enicfer.training.recipe import read_recipe

    path = tmp_path / "r.toml"
    path.write_text("[transfer]\nrefit = true\n[schedule]\nvote_weight = 0.0\n", encoding="utf-8")
    with pytest.raises(InputError, match="needs a model to begin from"):
        read_recipe(path)
    with pytest.raises(InputError, match=r"vote_weight = 0\.5"):
        read_recipe(path, ["transfer.start=ronnet-7", "schedule.vote_weight=0.5"])
    recipe = read_recipe(path, ["transfer.start=ronnet-7"])
    assert judge(replace(recipe, transfer=Transfer()), load_model(), None) is None  # type: ignore[arg-type]
    assert describe_judgement
