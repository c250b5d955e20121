import copy
import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from enicfer.cli.evaluate import describe_known
from enicfer.errors import InputError
from enicfer.models import Classifier, load_model
from enicfer.models.pictures import Pictures
from enicfer.training.commands import Reading, ReadingOptions, choose_reading, evaluate_files, train_recipe
from enicfer.training.cross import cross_evaluate_files, parse_source
from enicfer.training.datasets import Options, read_dataset
from enicfer.training.datasets.fer2013 import read_fer2013
from enicfer.training.datasets.images import NO_FACE, FaceImages
from enicfer.training.evaluation import evaluate_model


@pytest.fixture(scope="module")
def model() -> Classifier:
    return load_model()


@pytest.fixture(scope="module")
def faces(shared_data: Path) -> FaceImages:
    data = read_fer2013(shared_data / "fer2013.npz")
    part = data.select(np.flatnonzero(data.split == "PublicTest")[::5][:600])
    return replace(
        part,
        subject=np.array([f"s{i // 6}" for i in range(600)]),
        sex=np.array(["female", "male"] * 300),
        age=np.tile(np.array([4, 7, 30], np.float32), 200),
    )


def test_the_numbers_agree_with_each_other(model: Classifier, faces: FaceImages, tmp_path: Path) -> None:
    result = evaluate_model(model, faces, tmp_path / "out")
    said = model.predict(faces.image).argmax(1)
    truth = np.array([model.labels.index(faces.labels[i]) for i in faces.label])
    assert result.scores.accuracy == pytest.approx((said == truth).mean())
    assert result.interval[0] < result.scores.accuracy < result.interval[1]
    assert result.subjects == 100
    assert {(row["kind"], row["group"]) for row in result.groups} == {
        ("set", "fer2013"),
        ("sex", "female"),
        ("sex", "male"),
        ("age", "0-6"),
        ("age", "6-9"),
        ("age", "18-150"),
    }
    by_sex = [row for row in result.groups if row["kind"] == "sex"]
    mean = np.average([r["accuracy"] for r in by_sex], weights=[r["count"] for r in by_sex])
    assert mean == pytest.approx(result.scores.accuracy)
    metrics = json.loads((tmp_path / "out" / "metrics.json").read_text(encoding="utf-8"))
    assert metrics["accuracy"] == pytest.approx(result.scores.accuracy, abs=1e-5)
    rows = truth < 5
    five = model.predict(faces.image)[rows, :5].argmax(1)
    assert metrics["accuracy_five_labels"] == pytest.approx((five == truth[rows]).mean(), abs=1e-5)
    with (tmp_path / "out" / "confusion.csv").open(encoding="utf-8", newline="") as file:
        table = list(csv.reader(file))
    assert table[0][1:] == list(model.labels)
    assert np.array_equal(np.array([r[1:] for r in table[1:]], int), result.scores.confusion)


def test_same_input_gives_the_same_files(model: Classifier, faces: FaceImages, tmp_path: Path) -> None:
    part = faces.select(np.arange(0, 600, 6))
    evaluate_model(model, part, tmp_path / "a")
    evaluate_model(model, part, tmp_path / "b")
    names = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert names == [
        "confusion.csv",
        "confusion.png",
        "coverage.csv",
        "coverage.png",
        "groups.csv",
        "labels.csv",
        "metrics.json",
        "reliability.png",
    ]
    for name in names:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes(), name


def test_an_answer_that_the_data_do_not_have_is_an_error(model: Classifier, faces: FaceImages) -> None:
    some = faces.select(np.isin(faces.label, [faces.labels.index("happy"), faces.labels.index("sad")]))
    result = evaluate_model(model, some)
    assert result.labels == model.labels
    said = [model.labels[i] for i in model.predict(some.image).argmax(1)]
    truth = [some.labels[i] for i in some.label]
    assert result.scores.accuracy == pytest.approx(
        np.mean([a == b for a, b in zip(said, truth, strict=True)])
    )
    assert result.summary["labels_present"] == ["happy", "sad"]
    assert result.summary["accuracy_labels_present"] > result.scores.accuracy + 0.05
    assert np.isnan(result.scores.recall[model.labels.index("angry")])
    one = evaluate_model(model, some.select(some.label == some.label[0]))
    assert one.scores.accuracy == pytest.approx(np.nanmax(one.scores.recall))
    assert "accuracy_labels_present" not in one.summary
    with pytest.raises(InputError, match="at least one must be the same"):
        evaluate_model(model, replace(some, label=np.full(len(some), -1)))


RECIPE = """
name = "lab"
[data]
reader = "manifest"
labels = ["happy", "sad"]
split = "subject"
share = 0.3
[network]
input_size = 16
padding = "same"
[schedule]
epochs = 2
batch_size = 16
vote_weight = 0.0
threads = 1
"""


def test_from_a_manifest_to_a_model_and_its_card(tmp_path: Path) -> None:
    import cv2

    generator = np.random.default_rng(0)
    lines = ["path,label,subject,age"]
    for i in range(60):
        picture = generator.integers(0, 120, (20, 20, 3), np.uint8)
        picture[10:] += np.uint8(120 * (i % 2))
        cv2.imwrite(str(tmp_path / f"{i}.png"), picture)
        lines.append(f"{i}.png,{'happy' if i % 2 else 'sadness'},child{i // 6},{4 + i % 3}")
    (tmp_path / "manifest.csv").write_text("\n".join(lines), encoding="utf-8")
    (tmp_path / "lab.toml").write_text(RECIPE, encoding="utf-8")
    messages: list[str] = []
    path = train_recipe(tmp_path / "lab.toml", tmp_path / "run", tmp_path / "manifest.csv", messages.append)
    assert path == tmp_path / "run" / "lab.safetensors"
    assert messages[0].startswith("60 of 60 pictures are used; left out: 0 no face found, 0 label not used")
    model = load_model(path)
    assert model.labels == ("happy", "sad")
    assert model.metadata["recipe"]["data"]["path"] == "manifest.csv"
    assert str(tmp_path) not in json.dumps(model.metadata)
    card = (tmp_path / "run" / "lab.md").read_text(encoding="utf-8")
    assert "| trained on | 42 images" in card
    assert (
        "| began from | nothing |\n| teachers | none |\n| validated on | 18 images (subjects not in" in card
    )
    # Another set of some of the pictures and a new one: they are known one by one.
    cv2.imwrite(str(tmp_path / "new.png"), np.random.default_rng(9).integers(0, 256, (20, 20), np.uint8))
    more = [*lines[:31], "new.png,happy,child99,5"]
    (tmp_path / "more.csv").write_text("\n".join(more), encoding="utf-8")
    summary = evaluate_files(path, tmp_path / "more.csv", reader="manifest").summary
    assert summary["images"] == 31
    assert summary["images_trained_on"] + summary.get("images_temperature_fitted_on", 0) == 30
    assert summary["images_trained_on"] % 6 == 0
    result = evaluate_files(path, tmp_path / "manifest.csv")
    assert result.summary["images"] == 60
    assert result.summary["trained_on_these"] is True
    assert result.summary["images_trained_on"] == 42
    [row] = cross_evaluate_files([path], [parse_source(f"own={tmp_path}")])
    assert (row["data"], row["trained_on_these"]) == ("own", True)
    validation = json.loads((tmp_path / "run" / "validation" / "metrics.json").read_text(encoding="utf-8"))
    assert validation["temperature_fitted_on_these"] is True
    assert validation["ece_cross_fitted"] == model.metadata["metrics"]["ece_calibrated"]
    assert "chose the epoch" not in card
    (tmp_path / "lab.toml").write_text(RECIPE + "patience = 1\n", encoding="utf-8")
    train_recipe(tmp_path / "lab.toml", tmp_path / "patient", tmp_path / "manifest.csv", messages.append)
    assert "chose the epoch" in (tmp_path / "patient" / "lab.md").read_text(encoding="utf-8")
    with pytest.raises(InputError, match="no partition 'test': name one of ''"):
        evaluate_files(path, tmp_path / "manifest.csv", split="test")


def test_only_images_with_a_majority_are_scored_against_the_raters(
    model: Classifier, faces: FaceImages
) -> None:
    result = evaluate_model(model, faces)
    assert result.summary["images_with_majority"] == (faces.majority >= 0).sum() < len(faces)
    said = np.array([faces.labels.index(model.labels[i]) for i in model.predict(faces.image).argmax(1)])
    voted = faces.majority >= 0
    assert result.summary["accuracy_votes"] == pytest.approx((said == faces.majority)[voted].mean())


def test_frames_drawn_at_random_tell_the_accuracy_over_all(model: Classifier, faces: FaceImages) -> None:
    assert "accuracy_all_frames" not in evaluate_model(model, faces).summary
    weight = np.where(np.arange(len(faces)) % 2, np.nan, 1.0 + np.arange(len(faces)) % 7)
    result = evaluate_model(model, replace(faces, weight=weight))
    drawn = np.isfinite(weight)
    right = model.predict(faces.image).argmax(axis=1) == faces.label
    assert result.summary["images_drawn_at_random"] == drawn.sum()
    assert result.summary["accuracy_all_frames"] == pytest.approx(
        np.average(right[drawn], weights=weight[drawn])
    )


def test_images_that_the_model_knows_are_named_in_any_set(model: Classifier, faces: FaceImages) -> None:
    part = faces.select(np.arange(40))
    own = copy.copy(model)
    own.pictures = Pictures(np.sort(part.digest[:10]), np.sort(part.digest[8:12]))
    own.metadata = model.metadata | {"recipe": {"schedule": {"patience": 2}}}
    summary = evaluate_model(own, part).summary
    assert (summary["trained_on_these"], summary["images_trained_on"]) == (True, 10)
    others = evaluate_model(own, part.select(np.arange(10, 40))).summary["accuracy"]
    assert summary["accuracy_unseen"] == pytest.approx(others)
    assert summary["temperature_fitted_on_these"] is True
    assert summary["images_temperature_fitted_on"] == 4
    said = list(describe_known(summary))
    assert "trained on 10 of these 40 images" in said[0]
    assert "temperature and its epoch were chosen on 4 of these images" in said[1]
    rest = evaluate_model(own, part.select(np.arange(12, 40))).summary
    assert (rest["trained_on_these"], rest["images_trained_on"]) == (False, 0)
    assert "accuracy_unseen" not in rest and "temperature_fitted_on_these" not in rest
    assert not list(describe_known(rest))
    own.pictures = Pictures(part.digest[:0], unrecorded=("older",))
    summary = evaluate_model(own, part).summary
    assert summary["trained_on_these"] is None and "images_trained_on" not in summary
    assert list(describe_known(summary)) == [
        "Whether older was trained on these images is unknown: the model file does not say."
    ]


def test_pictures_are_read_as_in_the_training(model: Classifier) -> None:
    assert choose_reading(model) == Reading(crop=False, content="", pattern="")
    assert choose_reading(model, ReadingOptions(crop=True)).crop is True
    recipe = model.metadata["recipe"]
    cropped = recipe | {"data": recipe["data"] | {"crop": True, "content": "happy"}}
    lab = copy.copy(model)
    lab.metadata = model.metadata | {"recipe": cropped}
    assert choose_reading(lab) == Reading(crop=True, content="happy", pattern="")
    assert choose_reading(lab, ReadingOptions(crop=False)) == Reading(crop=False, content="happy", pattern="")


def test_pictures_without_a_face_are_counted(model: Classifier, tmp_path: Path) -> None:
    import cv2

    for word in ("happy", "sad", "contempt"):
        (tmp_path / word).mkdir()
        for i in range(2):
            level = np.full((64, 64), 255 if word == "happy" and not i else 90, np.uint8)
            assert cv2.imwrite(str(tmp_path / word / f"{i}.png"), level)
    (tmp_path / "happy" / "damaged.png").write_bytes(b"what a disk lost")
    options = Options(crop=lambda picture: None if picture.min() == 255 else picture)
    data = read_dataset(tmp_path, options=options)
    summary = evaluate_model(model, data).summary
    assert summary["images"] == 3
    assert summary["images_without_a_face"] == 1
    assert summary["images_with_unused_label"] == 2
    assert summary["images_unreadable"] == 1 and summary["images_without_a_label"] == 0
    assert data.left_out[NO_FACE] == (str(tmp_path / "happy" / "0.png"),)
