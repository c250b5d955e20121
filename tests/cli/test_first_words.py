"""A command says something at once, before it loads what takes seconds; warnings are sentences."""

import os
import subprocess
import sys
import threading
import time
import warnings

import cv2
import numpy as np
import pytest

from enicfer.cli.main import COMMANDS as CLI
from enicfer.cli.main import LISTS, SLOW, main

COMMANDS = {
    "process-session": ["s"],
    "align": ["s"],
    "trace": ["v.mp4", "-o", "o.h5"],
    "train": ["own-children", "-o", "o"],
    "saliency": ["p.png", "-o", "o"],
    "deidentify": ["v.mp4", "-o", "o.mp4"],
    "process-dataset": ["s", "o", "participant"],
    "share-check": ["s"],
    "review": ["s", "--no-browser"],
    "code": ["s", "--coder", "Anna", "--no-browser"],
}


LISTED = {"doctor": [], "events": ["s"], "forget": ["s", "sub-01"], "slurm-script": ["s", "--output", "o"]}

# Everything that is heavy is imported after the first words, however slow the machine is.
WATCH = (
    "import sys, click, enicfer.cli.main as m; echo = click.echo\n"
    "def told(*a, **k):\n"
    "    heavy = {'torch', 'mne', 'cv2', 'av', 'matplotlib', 'onnxruntime', 'scipy'} & set(sys.modules)\n"
    "    echo(f'loaded: {sorted(heavy)}', err=True); click.echo = echo; return echo(*a, **k)\n"
    "click.echo = told; sys.argv[0] = 'enicfer'; m.main()"
)


@pytest.mark.parametrize("command", COMMANDS | LISTED)
def test_something_is_said_before_anything_heavy_is_loaded(tmp_path, command):
    """On standard error where the output is a list or a script for another program."""
    aside = command in LISTED
    begin = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, "-c", WATCH, command, *(COMMANDS | LISTED)[command]],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=tmp_path,
        env=dict(os.environ, OMP_NUM_THREADS="1"),
    ) as process:
        limit = threading.Timer(60, process.kill)
        limit.start()
        said = process.stderr.readline().decode()
        first = (process.stderr if aside else process.stdout).readline().decode()
        waited = time.perf_counter() - begin
        limit.cancel()
        process.kill()
    assert first.strip() == f"Starting {command} ..."
    assert said.strip() == "loaded: []"
    assert waited < 5


def test_quiet_commands_say_nothing(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["enicfer", "align", "nothing", "--quiet"])
    with pytest.raises(SystemExit):
        main()
    assert capsys.readouterr().out == ""


def test_commands_within_a_group_say_it_too(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["enicfer", "dataset", "check", str(tmp_path / "nothing")])
    with pytest.raises(SystemExit):
        main()
    assert capsys.readouterr().out == "Starting dataset check ...\n"
    assert COMMANDS.keys() <= SLOW and LISTED.keys() == LISTS


def test_every_command_that_is_not_announced_is_quick_by_itself():
    """They read a small file or one folder."""
    assert set(CLI) - SLOW - LISTS == {"protocols", "codebooks", "models", "cache"}


def test_warnings_of_a_training_are_sentences(tmp_path, monkeypatch, capsys):
    rows = ["path,label"]
    for i in range(20):
        noise = np.random.default_rng(i).integers(0, 256, (50, 50), np.uint8)
        assert cv2.imwrite(str(tmp_path / f"{i}.png"), noise)
        rows.append(f"{i}.png,{('happy', 'sad')[i % 2]}")
    (tmp_path / "manifest.csv").write_text("\n".join(rows))
    settings = (
        "data.crop=false",
        "data.split='random'",
        "data.labels=['happy', 'sad']",
        "schedule.batch_size=8",
    )
    arguments = [word for setting in settings for word in ("--set", setting)]
    monkeypatch.chdir(tmp_path)
    command = [
        "enicfer",
        "train",
        "own-children",
        "--data",
        "manifest.csv",
        "-o",
        "run",
        "--epochs",
        "1",
        *arguments,
    ]
    monkeypatch.setattr(sys, "argv", command)
    with warnings.catch_warnings(), pytest.raises(SystemExit) as end:
        warnings.simplefilter("default")  # as outside of the tests, where they are no errors
        main()
    said = capsys.readouterr().err
    assert end.value.code == 0, said
    lines = said.strip().splitlines()
    assert lines[0].startswith("Warning: A random split puts the same person into training and validation")
    assert (
        all(line.startswith("Warning: ") for line in lines)
        and ".py:" not in said
        and len(lines) == len(set(lines))
    )
