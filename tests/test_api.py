"""The public names: what a Python user meets first."""

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import mne
import pytest

import enicfer
from enicfer.errors import InputError
from enicfer.export.fmri import modulation_events
from enicfer.records import Modality, RunResult, SessionResult, only_run

STUB = Path(enicfer.__file__).with_suffix(".pyi")


@pytest.fixture
def session(make_run):
    """A session of three runs: faces twice, rest once."""
    run = make_run(Modality.EEG)
    names = ({"task": "faces", "run": "1"}, {"task": "faces", "run": "2"}, {"task": "rest"})
    runs = tuple(replace(run, entities={"sub": "01", "ses": "02", **name}) for name in names)
    return SessionResult(runs, Path("out"), ())


def test_the_stub_names_what_the_package_has():
    assert set(dir(enicfer)) == set(enicfer.__all__)
    for name in enicfer.__all__:
        assert getattr(enicfer, name) is not None
        assert f"import {name} as {name}" in STUB.read_text(encoding="utf-8")


def test_a_run_is_picked_by_its_name(session):
    assert [run.name for run in session.runs] == ["task-faces_run-1", "task-faces_run-2", "task-rest"]
    assert session["task-rest"] is session.runs[2]
    assert session["task-faces_run-2"] is session["run-2"] is session.runs[1]


@pytest.mark.parametrize(
    ("name", "found"),
    [("task-faces", "2 runs"), ("task-none", "no run"), ("faces", "no run"), ("", "no run")],
)
def test_a_name_that_picks_no_run_or_several_lists_them(session, name, found):
    with pytest.raises(
        InputError, match=f"{found} '{name}': choose one of 'task-faces_run-1', .*, 'task-rest'"
    ):
        session[name]


def test_of_several_runs_one_has_to_be_given(session, make_run):
    with pytest.raises(
        InputError, match=r"3 runs \('task-faces_run-1', .*\): give one of them, such as result\["
    ):
        only_run(session)
    raw = mne.io.RawArray([[0.0] * 100], mne.create_info(1, 100.0, "eeg"), verbose="error")
    with pytest.raises(InputError, match="3 runs"):
        enicfer.add_emotion_events(raw, session)
    with pytest.raises(InputError, match="3 runs"):
        modulation_events(session, "happy")


def test_a_session_of_one_run_is_taken_for_that_run(make_run):
    run = make_run(Modality.FMRI)
    assert modulation_events(SessionResult((run,), Path("out"), ()), "happy").equals(
        modulation_events(run, "happy")
    )


def test_results_read_back_are_of_the_kind_that_processing_returns(processed):
    output = processed("eeg", short=True)
    result = enicfer.read_result(output)
    assert isinstance(result, SessionResult) and isinstance(only_run(result), RunResult)
    assert result.output == output
    written = {path for path in (output / "sub-01" / "eeg").iterdir() if path.is_file()}
    assert set(result.paths) >= written and all(path.is_file() for path in result.paths)
    alone = enicfer.read_result(next(path for path in written if path.name.endswith("_events.tsv")))
    assert alone.runs[0].trials.equals(result.runs[0].trials)


def test_results_of_two_sessions_are_not_read_as_one(processed, tmp_path):
    for name in ("sub-01", "sub-02"):
        shutil.copytree(processed("eeg", short=True) / "sub-01", tmp_path / "out" / name)
    with pytest.raises(InputError, match=r"2 sessions \(sub-01, sub-02\)"):
        enicfer.read_result(tmp_path / "out")


@pytest.mark.slow
def test_a_type_checker_knows_a_run_from_a_session(tmp_path):
    pytest.importorskip("mypy")
    (tmp_path / "user.py").write_text(
        "import enicfer\n"
        "result = enicfer.process_session('x')\n"
        "result.trials\n"  # wrong: a run has them
        "result.runs[0].trials\n"
        "enicfer.emotion_metadata(result, result)\n"  # wrong: no epochs
        "enicfer.proces_session('x')\n",  # wrong: misspelt
        encoding="utf-8",
    )
    # What others wrote is not looked into: it takes most of the time, and nothing here depends on it.
    others = (
        "numpy",
        "pandas",
        "torch",
        "mne",
        "scipy",
        "h5py",
        "cv2",
        "click",
        "nibabel",
        "av",
        "matplotlib",
    )
    skipped = "".join(
        f"[mypy-{name},{name}.*]\nfollow_imports = skip\nignore_missing_imports = True\n" for name in others
    )
    (tmp_path / "mypy.ini").write_text(f"[mypy]\n{skipped}", encoding="utf-8")
    command = [
        sys.executable,
        "-m",
        "mypy",
        "--config-file",
        "mypy.ini",
        "--cache-dir",
        str(tmp_path / "cache"),
        "user.py",
    ]
    place = {**os.environ, "MYPYPATH": str(STUB.parents[1])}
    run = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, env=place, timeout=300, check=False
    )
    lines = {line.split(":")[1] for line in run.stdout.splitlines() if ": error:" in line}
    assert {"3", "6"} <= lines and "4" not in lines, run.stdout
