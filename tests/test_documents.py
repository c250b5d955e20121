"""The code in README and docs: Python blocks run, shell lines are parsed by the commands that they name."""

import re
import shlex
import shutil
import tomllib
from pathlib import Path

import click
import numpy as np
import pytest

from enicfer.cli.main import cli
from enicfer.config.protocol import Log, parse_protocol
from enicfer.io.triggers import read_trigger_log
from enicfer.records import Modality
from enicfer.sync import Evidence, align
from enicfer.sync.sources import SOURCES

ROOT = Path(__file__).resolve().parents[1]
MADE = ("_build", "made", "gallery")  # what a build of the site leaves in docs
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *(
        page
        for page in sorted((ROOT / "docs").rglob("*.md"))
        if page.relative_to(ROOT / "docs").parts[0] not in MADE
    ),
]


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(encoding="utf-8"), re.M | re.S)


PYTHON = [
    pytest.param(code, id=f"{page.stem}-{i}")
    for page in PAGES
    for i, code in enumerate(blocks(page, "python"))
]
COMMAND_LINES = sorted(
    {
        line.split(" # ")[0].strip().removeprefix(".venv/bin/")
        for page in PAGES
        for code in blocks(page, "sh")
        for line in re.split(r"\n|&&", code)
        if re.match(r"\s*(\.venv/bin/)?enicfer ", line)
    }
)


PROTOCOLS = [
    tomllib.loads(code)
    for page in PAGES
    for code in blocks(page, "toml")
    if "[pulses]" in code and "[[run]]" not in code
]


def test_every_pulse_source_has_a_whole_protocol_in_the_docs():
    """As they stand there, and the anchors tie two clocks together."""
    found = [parse_protocol(content, "docs", "docs") for content in PROTOCOLS]
    assert {protocol.pulses.source for protocol in found} == set(SOURCES)
    assert {protocol.modality for protocol in found} == {Modality.EEG, Modality.FMRI}
    assert all(protocol.conditions for protocol in found)
    (anchors,) = (protocol.pulses for protocol in found if protocol.pulses.source == "anchors")
    alignment = align(Evidence(np.arange(0, 125, 1 / 30), np.empty(0)), anchors)
    video, time = np.transpose(anchors.anchors)
    assert alignment.time(video) == pytest.approx(time, abs=0.02)


def test_the_worked_table_of_psychopy_has_the_documented_codes(tmp_path):
    page = (ROOT / "docs" / "sessions.md").read_text(encoding="utf-8")
    (tmp_path / "log.csv").write_text(*blocks(ROOT / "docs" / "sessions.md", "csv"))
    read = read_trigger_log(tmp_path / "log.csv").table
    groups = {t: set(rows["code"]) for t, rows in read.groupby("onset")}
    assert groups == {
        10.25: {"face", "face/happy", "key_resp", "key_resp/happy"},
        10.75: {"5"},
        13.5: {"face", "face/sad", "key_resp", "key_resp/sad"},
    }
    said = page.partition("gives at 10.25 s")[2].partition("Where that")[0]
    assert all(f"`{code}`" in said for codes in groups.values() for code in codes)
    (log,) = (
        tomllib.loads(code)["log"]
        for code in blocks(ROOT / "docs" / "sessions.md", "toml")
        if "[log]" in code
    )
    columns = Log(log["onset_column"], tuple(log["code_columns"]), log["unit"])
    named = read_trigger_log(tmp_path / "log.csv", columns).table
    assert named.values.tolist() == [[10.25, "happy"], [13.5, "sad"]]


def test_there_are_blocks_to_try():
    assert PYTHON and len(COMMAND_LINES) > 15


@pytest.mark.slow
@pytest.mark.parametrize("code", PYTHON)
def test_python_block_runs(code, example, tmp_path, monkeypatch):
    shutil.copytree(example("eeg", short=True), tmp_path / "FOLDER")
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    exec(compile(code, "block", "exec"), names)
    raw = names["raw"]
    assert "fer_happy" in raw.ch_names and any(
        text.startswith("fer/") for text in raw.annotations.description
    )


@pytest.mark.parametrize("line", COMMAND_LINES)
def test_command_line_is_parsed(line):
    command: click.Command = cli
    context = click.Context(cli, info_name="enicfer")
    arguments = shlex.split(line.split(" > ")[0].replace("...", ""))[1:]
    while isinstance(command, click.Group):
        name = arguments.pop(0)
        found = command.get_command(context, name)
        assert found is not None, f"there is no command {name!r}"
        command, context = found, click.Context(found, info_name=name, parent=context)
    command.make_context(command.name, arguments, parent=context.parent)  # raises for what it does not know


def _places():
    """Path -> names that CONTRIBUTING says it has: ``path.py`: `a` and `b``, or `` `A` or `B` in `path.py` ``."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    names = r"`\w+`(?:(?:, | and | or )`\w+`)*"
    found = {}
    for path, said in re.findall(rf"`([\w/]+\.py)`: ({names})", text):
        found.setdefault(path, set()).update(
            re.findall(r"\w+", said.replace(" and ", " ").replace(" or ", " "))
        )
    for said, path in re.findall(rf"({names})(?: there)? (?:in|of) `([\w/]+\.py)`", text):
        found.setdefault(path, set()).update(re.findall(r"`(\w+)`", said))
    for path in re.findall(r"`([\w/]+\.(?:py|md))`", text):
        found.setdefault(path, set())
    return {path: names for path, names in found.items() if "NAME" not in path}


def test_every_place_that_contributing_names_is_there():
    places = _places()
    assert len(places) > 30 and sum(map(len, places.values())) > 25
    for path, names in places.items():
        file = next((base / path for base in (ROOT / "enicfer", ROOT) if (base / path).exists()), None)
        assert file is not None, path
        text = file.read_text(encoding="utf-8")
        for name in names:
            assert re.search(rf"\b{name}\b", text), (path, name)


def test_the_example_of_contributing_stands_in_the_files():
    (shown,) = re.findall(
        r"```diff\n(.*?)```", (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"), re.DOTALL
    )
    parts = re.split(r"^--- (.+)\n", shown, flags=re.MULTILINE)[1:]
    assert len(parts) == 6
    for name, lines in zip(parts[::2], parts[1::2], strict=True):
        text = "\n".join(line[1:] for line in lines.splitlines())
        assert text in (ROOT / name).read_text(encoding="utf-8"), name


def test_contributing_lists_every_room():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").split("Where to look first")[0]
    rooms = {path.parent.name for path in (ROOT / "enicfer").glob("*/__init__.py")}
    assert [room for room in sorted(rooms) if f"`{room}`" not in text] == []
