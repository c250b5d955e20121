from pathlib import Path

import pytest

from enicfer.errors import InputError
from enicfer.training.recipe import Recipe, find_recipe, read_recipe, recipes_folder


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "recipe.toml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("file", sorted(recipes_folder().glob("*.toml")), ids=lambda p: p.stem)
def test_shipped_recipes_can_be_read(file: Path) -> None:
    recipe = read_recipe(find_recipe(Path(file.stem)))
    assert recipe.name == file.stem


def test_the_commented_recipe_shows_the_defaults() -> None:
    recipe = read_recipe(find_recipe(Path("ronnet-7")))
    default = Recipe()
    assert recipe.schedule == default.schedule
    assert recipe.augmentation == default.augmentation
    assert recipe.network == default.network
    assert recipe.data.labels == default.data.labels


def test_paths_are_relative_to_the_recipe(tmp_path: Path) -> None:
    recipe = read_recipe(write(tmp_path, '[data]\npath = "faces/a.npz"'))
    assert Path(recipe.data.path) == (tmp_path / "faces" / "a.npz").resolve()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[schedule]\nepoch = 3", r"Unknown key epoch in \[schedule\].*allowed are epochs"),
        ("nam = 'x'", "Unknown key nam"),
        ("[data", "not valid TOML"),
        ("[schedule]\nepochs = 'many'", r"\[schedule\] epochs.*'many'.*int"),
        ("[augmentation]\nflip = true", r"flip.*float"),
        ("[data]\nlabels = 'happy'", r"labels.*list"),
        ("schedule = 3", r"schedule.*table"),
        ("[network]\npadding = 'full'", r"padding.*same, valid|padding.*valid, same"),
        ("[network]\narchitecture = 'vgg'", r"architecture.*ronnet"),
        ("[network]\ninput_size = 28", r"input_size 28.*29 pixels or more"),
        ("[network]\ninput_size = 32\narchitecture = 'googlenet'", r"input_size 32.*33 pixels or more"),
        ("[network]\nchannels = 2", r"channels 2.*1 \(grey\) or 3"),
        ("[data]\ncontent = 'hapy'", r"content.*'hapy'.*happy"),
        ("[data]\nlabels = ['happy', 'sad', 'happy']", r"labels.*each a different one of angry"),
        ("[data]\nlabels = ['happy', 'bored']", r"labels.*each a different one of angry"),
        ("[schedule]\nepochs = 0", r"epochs.* is 0; it must be 1 or more"),
        ("[schedule]\nbatch_size = 0", r"batch_size.* is 0; it must be 1 or more"),
        ("[schedule]\nthreads = -1", r"threads.* is -1; it must be 1 or more"),
        ("[schedule]\ncheckpoint_steps = 0", r"checkpoint_steps.* is 0; it must be 1 or more"),
    ],
)
def test_what_cannot_be_meant_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_recipe(write(tmp_path, text))


def test_models_are_looked_for_beside_the_recipe_before_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "a.safetensors").touch()
    text = '[transfer]\nstart = "run/a.safetensors"\n[distillation]\nteachers = ["ronnet-7", "b.safetensors"]'
    monkeypatch.chdir(tmp_path / "run")
    (tmp_path / "run" / "b.safetensors").touch()
    (tmp_path / "ronnet-7").touch()
    recipe = read_recipe(write(tmp_path, text))
    assert recipe.transfer.start == str((tmp_path / "run" / "a.safetensors").resolve())
    # A shipped name is that model, and what is not beside the recipe is as it was.
    assert recipe.distillation.teachers == ("ronnet-7", "b.safetensors")
    assert read_recipe(write(tmp_path, "")).transfer.start == ""


def test_a_folder_of_the_same_name_is_no_recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("ronnet-7").mkdir()
    assert find_recipe(Path("ronnet-7")) == recipes_folder() / "ronnet-7.toml"


def test_a_missing_recipe_lists_the_shipped_ones(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"shipped recipes are .*ronnet-7"):
        find_recipe(Path("ronnet-8"))
    with pytest.raises(InputError, match="cannot be read"):
        read_recipe(tmp_path / "none.toml")
