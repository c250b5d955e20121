from pathlib import Path

import pytest

from enicfer.config.shipped import list_shipped
from enicfer.errors import InputError
from enicfer.training.recipe import Recipe, find_recipe, read_recipe


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "recipe.toml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("file", list_shipped("recipe").values(), ids=lambda p: p.stem)
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
        (
            "[schedule]\nepoch = 3",
            r"unknown keys in \[schedule\]: epoch \(allowed: epochs, .*nearest: epochs",
        ),
        ("nam = 'x'", r"unknown keys in the file: nam \(allowed: name"),
        ("[data", "not valid TOML"),
        ("[schedule]\nepochs = 'many'", r"\[schedule\] epochs is 'many': must be a whole number"),
        ("[augmentation]\nflip = true", r"flip is True: must be a number"),
        ("[data]\nlabels = 'happy'", r"labels.*list"),
        ("schedule = 3", r"schedule.*table"),
        ("[network]\npadding = 'full'", r"padding.*same, valid|padding.*valid, same"),
        ("[network]\narchitecture = 'vgg'", r"architecture.*ronnet"),
        ("[network]\ninput_size = 28", r"input_size is 28.*29 pixels or more"),
        ("[network]\ninput_size = 32\narchitecture = 'googlenet'", r"input_size is 32.*33 pixels or more"),
        ("[network]\nchannels = 2", r"channels is 2: allowed are 1, 3"),
        ("[data]\ncontent = 'hapy'", r"content.*'hapy'.*happy"),
        ("[data]\nlabels = ['happy', 'sad', 'happy']", r"labels.*each a different one of angry"),
        ("[data]\nlabels = ['happy', 'bored']", r"labels.*each a different one of angry"),
        ("[network]\nchannels = 1.0", r"channels is 1.0: allowed are 1, 3"),
        ("[data]\nreader = 'fer2014'", r"reader is 'fer2014': allowed are fer2013"),
        ("[data]\npattern = '('", r"pattern is '\(': must be a regular expression"),
        ("[data]\nsplit = 'subjects'", r"split is 'subjects': allowed are given, subject"),
        ("name = '../elsewhere'", r"name is '../elsewhere': names the model's file"),
        ("[schedule]\nema = 1.0", r"ema is 1.0: must be at least 0 and less than 1"),
        ("[distillation]\ntemperature = 0", r"temperature is 0: must be greater than 0"),
        ("[augmentation]\nrotation = 1e5", r"rotation is 100000.0: must be from 0 to 180 degrees"),
        ("[schedule]\nepochs = 0", r"epochs.* is 0: must be a whole number, 1 or more"),
        ("[schedule]\nbatch_size = 0", r"batch_size.* is 0: must be a whole number, 1 or more"),
        ("[schedule]\nthreads = -1", r"threads.* is -1: must be a whole number, 1 or more"),
        ("[schedule]\ncheckpoint_steps = 0", r"checkpoint_steps.* is 0: must be a whole number, 1 or more"),
    ],
)
def test_what_cannot_be_meant_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_recipe(write(tmp_path, text))


def test_models_are_looked_for_beside_the_recipe_first(
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
    assert find_recipe(Path("ronnet-7")) == list_shipped("recipe")["ronnet-7"]


def test_a_missing_recipe_lists_the_shipped_ones(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no recipe 'ronnet-8': give one of .*ronnet-7, or a TOML file"):
        find_recipe(Path("ronnet-8"))
    with pytest.raises(InputError, match="cannot be read"):
        read_recipe(tmp_path / "none.toml")


def test_settings_go_before_those_of_the_file(tmp_path):
    path = tmp_path / "r.toml"
    path.write_text('name = "r"\n[schedule]\nepochs = 9\nbatch_size = 7\n', encoding="utf-8")
    changed = [
        "schedule.epochs=3",
        'data.labels=["happy", "sad"]',
        "schedule.optimiser=adamw",
        "data.crop=true",
    ]
    recipe = read_recipe(path, changed)
    assert (recipe.schedule.epochs, recipe.schedule.batch_size) == (3, 7)
    assert recipe.data.labels == ("happy", "sad") and recipe.data.crop is True
    assert recipe.schedule.optimiser == "adamw"


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("epochs=3", "TABLE.KEY=VALUE"),
        ("schedule.epochs", "TABLE.KEY=VALUE"),
        ("shedule.epochs=3", "data, network"),
        ("schedule.epoch=3", "unknown keys in .schedule.: epoch"),
        ("schedule.epochs=many", "must be a whole number"),
        ("schedule.epochs=0", "1 or more"),
        ("augmentation.lab=1.5", r"\[augmentation\] lab is 1.5: must be between 0 and 1"),
        ("augmentation.lab_strength=-1.0", "lab_strength is -1.0: must be between 0 and 1"),
        ("transfer.keep=0.5", "keep is 0.5 and start is '': it needs a model to begin from"),
        ("calibration.lab=nan", r"\[calibration\] lab is nan: must be a number"),
    ],
)
def test_a_setting_that_cannot_be_meant_is_refused(tmp_path, setting, said):
    path = tmp_path / "r.toml"
    path.write_text('name = "r"\n', encoding="utf-8")
    with pytest.raises(InputError, match=said):
        read_recipe(path, [setting])


def test_all_problems_of_a_recipe_are_named_at_once(tmp_path):
    text = "nam = 1\n[schedule]\nepoch = 3\nthreads = 0\n[augmentation]\nflip = 2\n[network]\nchannels = 2\n"
    with pytest.raises(InputError) as caught:
        read_recipe(write(tmp_path, text))
    said = str(caught.value)
    assert said.startswith(f"The recipe {tmp_path / 'recipe.toml'} cannot be used: ")
    found = ("file: nam ", "[schedule]: epoch ", "[schedule] threads is 0", "flip is 2", "channels is 2")
    assert [words for words in found if words not in said] == []


def test_a_recipe_with_a_byte_order_mark_is_read_as_a_protocol_is(tmp_path):
    path = tmp_path / "r.toml"
    path.write_bytes(b'\xef\xbb\xbfname = "r"\n')
    assert read_recipe(path).name == "r"
