from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from enicfer.cli.cross import cross_evaluate
from enicfer.cli.dataset import dataset
from enicfer.cli.evaluate import evaluate
from enicfer.cli.train import train
from enicfer.errors import InputError, ModelError


@pytest.fixture
def faces(tmp_path: Path) -> Path:
    for word in ("happy", "sad"):
        (tmp_path / "faces" / word).mkdir(parents=True)
        for i in range(4):
            noise = np.random.default_rng(i).integers(0, 256, (30, 30), np.uint8)
            assert cv2.imwrite(str(tmp_path / "faces" / word / f"{i}.png"), noise)
    return tmp_path / "faces"


READER = ("--reader", "lab=names")


def run(command: object, *arguments: object) -> str:
    result = CliRunner().invoke(command, [str(a) for a in arguments], catch_exceptions=False)  # type: ignore[arg-type]
    assert result.exit_code == 0, result.output
    return result.output


def test_evaluate_prints_and_writes(faces: Path, tmp_path: Path) -> None:
    output = run(evaluate, "ronnet-7", faces, "-o", tmp_path / "out")
    assert "accuracy" in output
    assert "happy                          precision" in output
    assert "angry                          precision" in output and "recall n/a" in output
    assert "\npictures were taken whole (--crop for the other way)\n" in f"\n{output}"
    assert (tmp_path / "out" / "confusion.png").stat().st_size > 1000


def test_evaluate_compares_two_models_on_the_same_images(faces: Path) -> None:
    output = run(evaluate, "ronnet-7", faces, "--against", "ronnet-5")
    assert "accuracy of ronnet-7 minus that of ronnet-5 on the same 8 images" in output
    assert "McNemar" in output and "kappa" in output
    same = run(evaluate, "ronnet-5", faces, "--against", "ronnet-5")
    assert "+0.0000" in same and "only ronnet-5 right: 0; only ronnet-5 right: 0" in same and "p = 1" in same


def test_too_few_subjects_have_no_interval(faces: Path) -> None:
    for word in ("happy", "sad"):
        for i, file in enumerate(sorted((faces / word).iterdir())):
            file.rename(faces / f"{i % 2}_{i}_{word}.png")
        (faces / word).rmdir()
    names = ("--reader", "names", "--pattern", "(?P<subject>[0-9]+)_[0-9]+_(?P<word>[a-z]+)")
    output = run(evaluate, "ronnet-7", faces, *names, "--against", "ronnet-5")
    assert "accuracy_low                   n/a, too few subjects for an interval" in output
    assert "(too few subjects for an interval)" in output and "nan" not in output


def test_dataset_check_counts(faces: Path) -> None:
    output = run(dataset, "check", faces)
    assert "8 images" in output
    assert "label: happy 4, sad 4" in output
    assert "equal pairs: 0 across splits, 4 with two labels" in output


def test_cross_evaluate_prints_a_row_per_model(faces: Path) -> None:
    assert run(cross_evaluate, "--model", "ronnet-7", "--data", faces).startswith("ronnet-7: faces 0.")


def test_names_are_read_by_a_pattern_in_every_command(faces: Path) -> None:
    for word in ("happy", "sad"):
        for i, file in enumerate(sorted((faces / word).iterdir())):
            file.rename(faces / f"{i}_{word}.png")
        (faces / word).rmdir()
    names = ("--reader", "names", "--pattern", "(?P<subject>[0-9]+)_(?P<word>[a-z]+)")
    assert "subject: 4 known" in run(dataset, "check", faces, *names)
    assert "subjects                       4" in run(evaluate, "ronnet-7", faces, *names)
    with pytest.raises(InputError, match="The label content"):
        run(dataset, "check", faces, *names, "--content", "hapy")
    with pytest.raises(
        InputError, match="--reader names lab, which is no name of the data: give one of faces"
    ):
        run(cross_evaluate, "--model", "ronnet-7", "--data", faces, *READER)
    assert "lab 0." in run(
        cross_evaluate, "--model", "ronnet-7", "--data", f"lab={faces}", *names[2:], *READER
    )


@pytest.mark.slow
def test_a_model_that_learnt_from_these_images_is_marked(shared_data: Path, tmp_path: Path) -> None:
    archive = shared_data / "fer2013.npz"
    output = run(cross_evaluate, "--model", "ronnet-5", "--data", f"FER={archive}:PublicTest")
    # PublicTest repeats 280 images of the training.
    assert output.startswith("ronnet-5: FER 0.6895*")


def test_bad_input_is_one_sentence(faces: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no data set"):
        run(evaluate, "ronnet-7", tmp_path / "none")
    with pytest.raises(ModelError, match="give one that is shipped"):
        run(evaluate, "ronnet-x", faces)
    with pytest.raises(InputError, match=r"give one of .*, or a TOML file"):
        run(train, "nothing", "-o", tmp_path / "run")
    with pytest.raises(InputError, match="no data set"):
        run(train, "ronnet-7", "--data", tmp_path / "none", "-o", tmp_path / "run")
