"""One version everywhere, metadata that can be read, and a release that changes all of it."""

import ast
import importlib.util
import json
import re
import shutil
from configparser import ConfigParser
from pathlib import Path

import pytest
import yaml

import enicfer

ROOT = Path(__file__).resolve().parents[2]
VERSION = enicfer.__version__


def load(name):
    spec = importlib.util.spec_from_file_location(name, ROOT / "packaging" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def config():
    found = ConfigParser()
    found.read(ROOT / "setup.cfg", encoding="utf-8")
    return found["metadata"]


def citation(root=ROOT):
    return yaml.safe_load((root / "CITATION.cff").read_text(encoding="utf-8"))


def codemeta(root=ROOT):
    return json.loads((root / "codemeta.json").read_text(encoding="utf-8"))


def test_all_files_name_the_version_of_the_package(config):
    assert config["version"] == "attr: enicfer.__version__"
    assert citation()["version"] == codemeta()["version"] == VERSION
    assert re.fullmatch(load("release").VERSION, VERSION)


def test_the_version_stands_in_no_other_file_of_the_package():
    """What outputs say comes from `enicfer.__version__`."""
    literals = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "enicfer").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and node.value == VERSION
    }
    assert literals == {"enicfer/__init__.py"}


def test_the_files_say_the_same(config):
    cff, meta = citation(), codemeta()
    assert cff["license"] == config["license"] == meta["license"].rsplit("/", 1)[1]
    keywords = [word.strip() for word in config["keywords"].split(",")]
    assert cff["keywords"] == meta["keywords"] == keywords
    assert meta["description"] == config["description"] == cff["abstract"].strip().rstrip(".")
    assert [one["name"] for one in cff["authors"]] == [one["name"] for one in meta["author"]]
    assert cff["references"][0]["title"] == meta["referencePublication"][0]["name"]
    assert meta["runtimePlatform"].split()[1] == ">=3.11"


def test_the_citation_is_valid():
    """By the schema that cffconvert ships; the workflow of the release asks cffconvert itself."""
    cffconvert = pytest.importorskip("cffconvert", reason="needs cffconvert")
    text = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    cffconvert.Citation(text).validate()


def test_the_paper_has_the_sections_of_joss_and_cites_what_it_lists():
    text = (ROOT / "paper" / "paper.md").read_text(encoding="utf-8")
    head = yaml.safe_load(text.split("---\n")[1])
    assert {"title", "tags", "authors", "affiliations", "date", "bibliography"} <= head.keys()
    assert re.findall(r"^# (.+)$", text, re.M) == [
        "Summary",
        "Statement of need",
        "State of the field",
        "Software design",
        "Research impact statement",
        "AI usage disclosure",
        "Acknowledgements",
        "References",
    ]
    entries = re.findall(r"^@\w+\{(\w+),", (ROOT / "paper" / "paper.bib").read_text(encoding="utf-8"), re.M)
    assert set(re.findall(r"@(\w+)", text)) == set(entries) and len(entries) == len(set(entries))
    assert len(text.split("# Summary")[1].split()) < 1750


def test_the_figures_of_the_paper_are_those_that_were_measured():
    text = " ".join((ROOT / "paper" / "paper.md").read_text(encoding="utf-8").split())
    results = ROOT / "benchmarks" / "results"
    rows = [
        [cell.strip() for cell in line.strip("| \n").split("|")]
        for line in (results / "alignment.md").read_text(encoding="utf-8").splitlines()
        if line.startswith("| base")
    ]
    (base,) = rows
    median, p95, covered = base[3], base[4], float(base[8])
    assert f"{median} ms (median) and {p95} ms (95th percentile)" in text
    assert f"covered {100 * covered:.1f} % of them" in text and f"{base[2]} simulations" in text
    memory = (results / "memory.md").read_text(encoding="utf-8")
    ((peak, times),) = re.findall(r"\| 120 \| \d+ \| (\d+) \| ([\d.]+) \|", memory)
    assert f"{peak} MB" in text and f"{times} times" in text
    for script in re.findall(r"`benchmarks/(\w+\.py)`", text):
        assert (ROOT / "benchmarks" / script).exists()


@pytest.fixture
def copy(tmp_path):
    release = load("release")
    for name in (*release.PLACES, "CHANGELOG.md"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    return release, tmp_path


def test_a_release_sets_every_place(copy):
    release, root = copy
    release.set_version(root, "7.8.9rc1", "2030-01-02")
    assert citation(root)["version"] == codemeta(root)["version"] == "7.8.9rc1"
    assert str(citation(root)["date-released"]) == "2030-01-02"
    for name in release.PLACES:
        text = (root / name).read_text(encoding="utf-8")
        assert "7.8.9rc1" in text and not re.search(rf"(?<![\d.]){re.escape(VERSION)}(?![\d.])", text), name
    changes = (root / "CHANGELOG.md").read_text(encoding="utf-8")
    assert "## [Unreleased]\n\n## [7.8.9rc1] - 2030-01-02\n" in changes
    with pytest.raises(ValueError, match="nothing under"):
        release.set_version(root, "7.9.0", "2030-01-03")


def test_a_release_refuses_a_place_that_lost_its_version(copy):
    release, root = copy
    (root / "codemeta.json").write_text("{}", encoding="utf-8")
    with pytest.raises(ValueError, match=r"codemeta\.json has no version"):
        release.set_version(root, "7.8.9", "2030-01-02")


def workflows():
    return sorted((ROOT / ".github" / "workflows").glob("*.yml"))


@pytest.mark.parametrize("path", workflows(), ids=lambda path: path.stem)
def test_workflows_pin_their_actions_and_ask_for_little(path):
    text = path.read_text(encoding="utf-8")
    used = re.findall(r"uses: (\S+)( # v[\d.]+)?", text)
    assert used and all(re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", name) and told for name, told in used)
    flow = yaml.safe_load(text)
    assert flow["permissions"] in ({}, {"contents": "read"})
    assert all("timeout-minutes" in job for job in flow["jobs"].values())
    rights = {name: job["permissions"] for name, job in flow["jobs"].items() if "permissions" in job}
    allowed = (
        {"build": {"contents": "read"}, "publish": {"id-token": "write"}} if path.stem == "release" else {}
    )
    assert rights == allowed


def test_every_python_that_is_promised_is_tested(config):
    flow = yaml.safe_load((ROOT / ".github" / "workflows" / "tests.yml").read_text(encoding="utf-8"))
    matrix = flow["jobs"]["tests"]["strategy"]["matrix"]
    assert set(matrix["python"]) == set(re.findall(r"Python :: (3\.\d+)", config["classifiers"]))
    assert {name.split("-")[0] for name in matrix["os"]} == {"ubuntu", "macos", "windows"}
