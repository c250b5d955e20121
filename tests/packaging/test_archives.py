"""The wheel and the source archive: what they hold, how large they are, and that two builds have the same bytes."""

import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path, PurePosixPath

import pytest

ROOT = Path(__file__).resolve().parents[2]
LARGEST = 27e6  # bytes; 24.8 MB now, 24.0 of them the weights of four classifiers
EPOCH = "1700000000"
BUILD = "from setuptools import build_meta as b; print(b.build_wheel('dist')); print(b.build_sdist('dist'))"
# What the source tree has that users need; what else is there is not to be shipped.
SHIPPED = {
    "enicfer": {".py", ".pyi", ".html", ".css", ".js", ".svg", ".txt", ".safetensors", ".typed"},
    **{name: {".toml"} for name in ("protocols", "recipes", "codebooks")},
}


def tracked() -> list[str]:
    """Files of the repository, as git has them, with those that are new."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    return [name for name in listed.stdout.splitlines() if (ROOT / name).is_file()]


def build(folder: Path, date: int) -> Path:
    """Build both in a copy of the repository whose files have this date."""
    for name in tracked():
        copy = folder / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, copy)
        os.utime(copy, (date, date))
    done = subprocess.run(
        [sys.executable, "-c", BUILD],
        cwd=folder,
        env={**os.environ, "SOURCE_DATE_EPOCH": EPOCH},
        capture_output=True,
        text=True,
        check=False,
        timeout=500,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return folder / "dist"


@pytest.fixture(scope="module")
def dist(tmp_path_factory):
    pytest.importorskip("setuptools", "77", reason="needs setuptools 77 or newer")
    return build(tmp_path_factory.mktemp("first"), 1_600_000_000)


@pytest.fixture(scope="module")
def wheel(dist):
    (path,) = dist.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def source(dist):
    (path,) = dist.glob("*.tar.gz")
    return path


def shipped_place(name: str) -> str:
    """Where a file of the repository is in the wheel."""
    return name if name.startswith("enicfer/") else f"enicfer/{name}"


def test_the_wheel_has_all_of_the_package_and_nothing_else(wheel):
    wanted = {
        shipped_place(name)
        for name in tracked()
        if PurePosixPath(name).suffix in SHIPPED.get(name.split("/")[0], ())
    }
    with zipfile.ZipFile(wheel) as file:
        held = {name for name in file.namelist() if ".dist-info/" not in name}
    assert held == wanted
    kinds = {PurePosixPath(name).suffix or PurePosixPath(name).name for name in held}
    assert kinds >= {".py", ".pyi", ".html", ".js", ".css", ".toml", ".safetensors"}
    assert "enicfer/py.typed" in held and sum(name.endswith(".safetensors") for name in held) == 4
    assert not [name for name in held if re.search(r"\.(png|jpe?g|mp4|npy|h5|onnx)$", name)], "no faces"


def test_the_source_archive_has_no_tests_and_what_one_cites(source):
    with tarfile.open(source) as file:
        top = file.getnames()[0]
        held = {name.partition("/")[2] for name in file.getnames()}
    assert {"README.md", "CHANGELOG.md", "CITATION.cff", "codemeta.json", "LICENSE", "pyproject.toml"} <= held
    assert top == source.name.removesuffix(".tar.gz")
    assert not [name for name in held if name.split("/")[0] in {"tests", "docs", "benchmarks", "examples"}]


def test_neither_grows_without_notice(wheel, source):
    assert 20e6 < wheel.stat().st_size < LARGEST
    assert 20e6 < source.stat().st_size < LARGEST


def test_two_builds_have_the_same_bytes(dist, tmp_path):
    again = build(tmp_path, 1_650_000_000)
    for path in sorted(dist.iterdir()):
        assert (again / path.name).read_bytes() == path.read_bytes(), path.name
