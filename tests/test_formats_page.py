"""Every test that the page of formats names is there, and every reader has its table."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "formats.md").read_text(encoding="utf-8")
SECTIONS = {part.partition("\n")[0]: part for part in re.split(r"^## ", PAGE, flags=re.MULTILINE)[1:]}
READERS = (
    "XDF: what a file may hold",
    "BrainVision",
    "EDF, EDF+, BDF, BDF+",
    "EEGLAB",
    "FIF",
    "EGI",
    "Neuroscan",
    "GDF, Persyst, Nicolet, Nexstim, Nihon Kohden",
    "Video: what a file may hold",
    "Trigger logs and plain tables",
    "Events tables",
    "OpenFace",
    "Py-Feat",
    "FaceReader (detailed log)",
    "Codings",
    "BOLD images (NIfTI)",
    "Frame times",
    "Sidecars of BIDS, and files that are no data",
)


def test_every_named_test_exists():
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PAGE)
    assert len(named) > 40
    for file, test in named:
        assert f"def {test}(" in (ROOT / file).read_text(encoding="utf-8"), f"{file}::{test}"
    for file in re.findall(r"`(tests/[\w/]+\.py)`", PAGE):
        assert (ROOT / file).is_file(), file


@pytest.mark.parametrize("name", SECTIONS)
def test_every_named_test_is_in_the_file_of_its_section(name):
    section = SECTIONS[name]
    files = re.search(r"Rows [^`|]*`(tests/[\w/]+\.py)`", section)
    text = (ROOT / files[1]).read_text(encoding="utf-8") if files else ""
    for line in section.splitlines():
        cell = line.rpartition(" | ")[2]
        beside = re.search(r"in `(\w+\.py)`", cell)
        there = (ROOT / "tests" / "io" / beside[1]).read_text(encoding="utf-8") if beside else text
        for test in re.findall(r"`(test_\w+)`", cell):
            assert f"def {test}(" in there, f"{name}: {test}"


@pytest.mark.parametrize("name", READERS)
def test_every_reader_has_fifteen_rows_with_a_test_each(name):
    rows = [line for line in SECTIONS[name].splitlines() if line.startswith("| ") and "---" not in line][1:]
    assert len(rows) >= 15
    for row in rows:
        assert re.search(r"\| (`|the same)[^|]*\|$", row), row
