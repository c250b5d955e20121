"""Killed at a call that changes the disk, every writer leaves the old or the new result whole; the next makes it new.

A fork dies, as by ``kill -9``, at the k-th renaming, syncing, opening, making or removing of a file or folder, or
before or in the middle of a Python-level write: for every k from where publishing begins, and every fortieth before.
"""

import builtins
import hashlib
import io
import os
import shutil
import signal
import sys
import time
from pathlib import Path

import mne
import numpy as np
import pandas as pd
import pytest

import enicfer.io.files.atomic
from enicfer import read_result
from enicfer.export.mne import save_raw
from enicfer.io.files.atomic import STAGES, files_below, reading, replacing, settle
from enicfer.io.frames_file import write_trace
from enicfer.io.tables import write_json, write_table
from enicfer.pipeline.publish import write_outputs
from enicfer.saliency.output import writing
from tests.limits import PATIENCE, read_all, wait_for
from tests.thorough import THOROUGH

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="needs fork and signals"),
    pytest.mark.slow,
]
CALLS = ("rename", "replace", "fsync", "mkdir", "unlink", "rmdir", "open", "write")
MOMENTS = 12  # of the publishing that are tried; all of them with ENICFER_THOROUGH=1


def content(folder):
    return {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in files_below(folder)}


def die_at(call, counts):
    """Kill this process at the ``call``-th of the calls; ``counts`` gets their number and that at publishing."""
    write = Path.write_bytes

    def step():
        counts[0] += 1
        if counts[0] == call:
            os.kill(os.getpid(), signal.SIGKILL)

    def counting(do):
        def counted(*arguments, **settings):
            step()
            return do(*arguments, **settings)

        return counted

    def write_half(self, data):
        if counts[0] + 1 == call:
            write(self, data[: len(data) // 2])
        step()
        return write(self, data)

    for name in CALLS:
        setattr(os, name, counting(getattr(os, name)))
    builtins.open = io.open = counting(io.open)
    Path.write_bytes = write_half
    publish, sync = enicfer.io.files.atomic.Stage.publish, enicfer.io.files.atomic.sync

    def noted(do):
        def called(*arguments, **settings):
            counts[1] = counts[1] or counts[0]
            return do(*arguments, **settings)

        return called

    enicfer.io.files.atomic.Stage.publish, enicfer.io.files.atomic.sync = noted(publish), noted(sync)


def in_child(action, call):
    """Exit code, number of calls, and which of them was the last before publishing."""
    read, write = os.pipe()
    pid = os.fork()
    if not pid:
        say, counts, code = os.write, [0, 0], 0
        try:
            die_at(call, counts)
            action()
        except BaseException:
            code = 1
        say(write, f"{counts[0]} {counts[1]}".encode())
        os._exit(code)
    os.close(write)
    said = read_all(read, pid, time.monotonic() + PATIENCE).split()
    return wait_for(pid), *(int(number) for number in said or (0, 0))


def disturb(make_old, make_new, place, look):
    """Kill at each call; ``look(folder)`` reads what is there as users do."""
    make_old(place / "old")
    old = content(place / "old")
    shutil.copytree(place / "old", place / "whole")
    make_new(place / "whole")
    new, answers = content(place / "whole"), (look(place / "old"), look(place / "whole"))
    assert old != new and answers[0] != answers[1]
    shutil.copytree(place / "old", place / "count")
    code, total, begin = in_child(lambda: make_new(place / "count"), 0)
    assert code == 0 and 0 < begin < total
    seen = set()
    step = 1 if THOROUGH else max(1, (total - begin) // MOMENTS)
    for call in sorted({*range(1, begin, 40), *range(begin, total + 1, step), total - 1, total}):
        root = place / str(call)
        shutil.copytree(place / "old", root)
        assert in_child(lambda root=root: make_new(root), call)[0] == -signal.SIGKILL
        shown = content(root)
        differ = {name for name in old.keys() | new.keys() if old.get(name) != new.get(name)} & shown.keys()
        assert all(shown[n] == old.get(n) for n in differ) or all(shown[n] == new.get(n) for n in differ), (
            call
        )
        answer = look(root)
        assert answer in answers, call
        settle(root)
        assert content(root) in (old, new) and not (root / STAGES).exists(), call
        seen.add(answers.index(answer))
        make_new(root)
        assert content(root) == new, call
    assert seen == {0, 1}


def test_results_of_a_session(make_run, tmp_path, monkeypatch):
    monkeypatch.setattr("enicfer.pipeline.publish.write_report", lambda runs, root: [])
    runs = [make_run(seconds=40.0, seed=seed) for seed in (1, 2)]

    def look(root):
        (result,) = read_result(root).runs
        return np.nan_to_num(result.expression.probability).tobytes(), result.trials["onset"].sum()

    disturb(
        lambda root: write_outputs(runs[0], root), lambda root: write_outputs(runs[1], root), tmp_path, look
    )


def test_a_trace(make_run, tmp_path):
    runs = [make_run(seconds=40.0, seed=seed) for seed in (1, 2)]

    def make(run):
        def write(root):
            root.mkdir(exist_ok=True)
            write_trace(root / "a.tsv", run.faces, run.expression)

        return write

    disturb(make(runs[0]), make(runs[1]), tmp_path, lambda root: (root / "a.tsv").read_bytes())


def test_a_recording_with_events(tmp_path):
    """What ``apply`` writes; its parts beyond the first go with an older recording."""
    info = mne.create_info(["a", "b"], 100.0, "eeg")
    raws = [mne.io.RawArray(np.full((2, 300), 1e-6 * value), info, verbose="error") for value in (1, 2)]

    def make(raw, more):
        def write(root):
            root.mkdir(exist_ok=True)
            save_raw(root / "a_raw.fif", raw, overwrite=True)
            if more:
                (root / "a_raw-1.fif").write_bytes(b"a part of a longer recording")

        return write

    def look(root):
        with reading(root / "a_raw.fif"):
            settle(root)
            return (root / "a_raw.fif").read_bytes(), (root / "a_raw-1.fif").exists()

    disturb(make(raws[0], True), make(raws[1], False), tmp_path, look)


def test_a_folder_of_maps(tmp_path):
    """What ``saliency`` writes: several files, of which some go."""

    def make(value):
        def write(root):
            with writing(root, made=()) as stage:
                write_json(stage / "comparison.json", {"value": value})
                write_table(stage / "comparison.tsv", pd.DataFrame({"x": [value, 3]}))
                with replacing(stage / f"only{value}.txt") as partial:
                    partial.write_bytes(b"text")

        return write

    def look(root):
        settle(root)
        return (root / "comparison.json").read_bytes()

    disturb(make(1), make(2), tmp_path, look)
