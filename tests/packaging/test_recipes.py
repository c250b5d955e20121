"""Recipes name the same Python, packages, bounds and commands as setup.cfg; arguments of BIDS Apps."""

import re
from configparser import ConfigParser
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

import enicfer
from enicfer.cli.bids_app import _give_flags
from enicfer.cli.main import cli

ROOT = Path(__file__).resolve().parents[2]
# conda-forge's names of what PyPI calls otherwise.
CONDA = {"opencv-python": "py-opencv", "matplotlib": "matplotlib-base", "mne": "mne-base", "torch": "pytorch"}
SYSTEM = {"libgl1", "libglib2.0-0", "libxcb1"}


@pytest.fixture(scope="module")
def config():
    found = ConfigParser()
    found.read(ROOT / "setup.cfg", encoding="utf-8")
    return found


@pytest.fixture(scope="module")
def needed(config):
    return [Requirement(line) for line in config["options"]["install_requires"].split()]


@pytest.fixture(params=["Dockerfile", "apptainer.def"])
def recipe(request):
    return (ROOT / "packaging" / request.param).read_text(encoding="utf-8")


def test_the_image_has_a_python_that_is_allowed_and_tested(recipe, config):
    (python,) = re.findall(r"^F(?:ROM|rom:) ?python:(\d\.\d+)-slim", recipe, re.M)
    assert python in SpecifierSet(config["options"]["python_requires"])
    assert f"Programming Language :: Python :: {python}" in config["metadata"]["classifiers"]


def test_the_image_has_the_pytorch_that_is_allowed(recipe, needed):
    (torch,) = re.findall(r'whl/cpu "(torch[^"]+)"', recipe)
    assert Requirement(torch) in needed
    (system,) = re.findall(r"--no-install-recommends ([^\\\n]+)", recipe)
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert set(system.split()) == SYSTEM and all(name in readme for name in SYSTEM)


def test_the_image_runs_the_bids_app_and_says_what_it_is(recipe, config):
    label = config["metadata"]
    for text in (label["description"], label["license"], f"enicfer-{enicfer.__version__}"):
        assert text in recipe.replace("enicfer:0", "enicfer-0")
    command = re.findall(r'^ENTRYPOINT (.+)$|^    exec (.+) "\$@"$', recipe, re.M)
    words = [re.findall(r"[\w-]+", given) for pair in command for given in pair if given]
    assert words == [["enicfer", "process-dataset"]]
    assert "enicfer = " in config["options.entry_points"]["console_scripts"]


def test_the_container_is_no_root():
    text = (ROOT / "packaging" / "Dockerfile").read_text(encoding="utf-8")
    last = [line for line in text.splitlines() if line.startswith("USER ")][-1]
    assert re.fullmatch(r"USER [1-9]\d*:[1-9]\d*", last)


def test_the_conda_recipe_needs_what_setup_needs(config, needed):
    recipe = yaml.safe_load((ROOT / "packaging" / "conda" / "recipe.yaml").read_text(encoding="utf-8"))
    listed = {}
    for line in recipe["requirements"]["run"]:
        name, _, bound = line.partition(" ")
        listed[name] = SpecifierSet(bound)
    assert listed.pop("python") == SpecifierSet(config["options"]["python_requires"])
    wanted = {CONDA.get(one.name, one.name): one.specifier for one in needed}
    wanted["py-opencv"] = SpecifierSet(">=4.10")  # conda-forge counts without the build of PyPI
    assert listed == wanted
    scripts = {
        line.strip() for line in config["options.entry_points"]["console_scripts"].strip().splitlines()
    }
    assert set(recipe["build"]["python"]["entry_points"]) == scripts
    assert recipe["about"]["license"] == config["metadata"]["license"]
    assert recipe["context"]["version"] == enicfer.__version__


FLAGS = {"--participant-label": "--participant-label", "--participant_label": "--participant-label"}


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("in out participant --participant_label 01 02", "in out participant {p} 01 {p} 02"),
        ("in out participant --participant-label=01 02 --quiet", "in out participant {p}=01 {p} 02 --quiet"),
        ("in out participant --quiet --n-jobs 2", "in out participant --quiet --n-jobs 2"),
        ("in out group", "in out group"),
        ("--participant-label 01 in out participant", "{p} 01 in out participant"),
        (
            "in out participant --participant_label 01 --participant_label 02 03",
            "in out participant {p} 01 {p} 02 {p} 03",
        ),
    ],
)
def test_labels_follow_one_another_as_in_other_bids_apps(given, meant):
    assert _give_flags(given.split(), FLAGS) == meant.format(p="--participant-label").split()


def test_labels_reach_the_command(tmp_path, monkeypatch):
    """As a container would call it."""
    seen = {}

    def collect(*given, **named):
        seen["selection"] = given[3]
        raise enicfer.errors.InputError("far enough")

    monkeypatch.setattr("enicfer.batch.dataset.collect_dataset", collect)
    CliRunner().invoke(
        cli,
        [
            *("process-dataset", str(tmp_path), str(tmp_path / "out"), "participant", "--dry-run"),
            *("--participant_label", "01", "02", "--session_label", "a"),
        ],
    )
    assert seen["selection"].participants == ("01", "02") and seen["selection"].sessions == ("a",)
    said = CliRunner().invoke(cli, ["process-dataset", "--version"]).output
    assert said == f"enicfer, version {enicfer.__version__}\n"
