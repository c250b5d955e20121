"""The tasks of a job array share the sessions among them, run by a real shell."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from enicfer.batch.slurm import make_slurm_script
from enicfer.cli.main import cli, main
from enicfer.errors import InputError

pytestmark = pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")


@pytest.fixture(scope="module")
def program(tmp_path_factory) -> Path:
    """A folder with an ``enicfer`` that prints its arguments, one in a line."""
    folder = tmp_path_factory.mktemp("bin")
    (folder / "enicfer").write_text('#!/bin/bash\nprintf "%s\\n" "$@"\n')
    (folder / "enicfer").chmod(0o755)
    return folder


@given(st.integers(1, 12), st.integers(1, 5))
@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_session_is_in_one_task(program, n, tasks):
    folders = [Path(f"/s/it's {i} $x é") for i in range(n)]
    text = make_slurm_script(folders, Path("/out put"), ["--protocol", "my protocol.toml"], tasks=tasks)
    last = int(text.split("--array=0-")[1].split()[0])
    assert last < tasks
    done = []
    for task in range(last + 1):
        environment = {
            **os.environ, "PATH": f"{program}{os.pathsep}{os.environ['PATH']}", "SLURM_ARRAY_TASK_ID": str(task)
        }  # fmt: skip
        out = subprocess.run(
            ["bash"], input=text, capture_output=True, text=True, env=environment, timeout=60, check=True
        )
        command, *arguments = out.stdout.splitlines()
        i = arguments.index("--output")
        assert command == "process-sessions"
        assert arguments[i:] == [
            "--output", "/out put", "--n-jobs", "1", "--protocol", "my protocol.toml"
        ]  # fmt: skip
        assert arguments[:i]
        done += arguments[:i]
    assert done == [str(folder) for folder in folders]


def test_without_a_task_all_sessions_are_taken(program):
    text = make_slurm_script([Path("/s/a"), Path("/s/b")], Path("/out"), tasks=2)
    environment = {**os.environ, "PATH": f"{program}{os.pathsep}{os.environ['PATH']}"}
    environment.pop("SLURM_ARRAY_TASK_ID", None)
    out = subprocess.run(
        ["bash"], input=text, capture_output=True, text=True, env=environment, timeout=60, check=True
    )
    assert out.stdout.split()[:4] == ["process-sessions", "/s/a", "/s/b", "--output"]


def test_files_in_the_options_hold_in_another_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "p.toml").write_text("")
    given = ["--protocol", "p.toml", "--model=p.toml", "--detector", "yunet", "--max-uncertainty", "p.toml"]
    last = make_slurm_script([Path("/s/a")], Path("/out"), given).splitlines()[-1]
    assert last.endswith(
        f"--protocol {tmp_path}/p.toml --model={tmp_path}/p.toml --detector yunet --max-uncertainty p.toml"
    )
    last = make_slurm_script([Path("/s/a")], Path("/out"), ["--protocol", "eeg-led"]).splitlines()[-1]
    assert last.endswith("--protocol eeg-led")


def test_options_that_do_not_end_are_one_sentence(tmp_path):
    answer = CliRunner().invoke(
        cli, ["slurm-script", str(tmp_path), "--output", "out", "--options", '--protocol "x']
    )
    assert isinstance(answer.exception, InputError)
    assert "No closing quotation" in str(answer.exception)


def test_plain_files_beside_sessions_are_passed_over_and_the_script_is_alone(tmp_path, monkeypatch, capsys):
    """``enicfer slurm-script study/* > job.sh``: the shell names every file, and what is printed is a script."""
    study = tmp_path / "study"
    for name in ("a", "b"):
        (study / name).mkdir(parents=True)
        (study / name / "session.toml").write_text('participant = "01"\n', encoding="utf-8")
    for name in ("notes.txt", "~$plan.docx", "video.mp4"):
        (study / name).write_bytes(b"x")
    arguments = [
        "enicfer",
        "slurm-script",
        *map(str, sorted(study.iterdir())),
        "--output",
        str(tmp_path / "o"),
    ]
    monkeypatch.setattr("sys.argv", arguments)
    with pytest.raises(SystemExit) as end:
        main()
    said = capsys.readouterr()
    assert end.value.code == 0, said.err
    assert said.out.startswith("#!/bin/bash\n") and said.err == "Starting slurm-script ...\n"
    assert str(study / "a") in said.out and str(study / "b") in said.out
    assert not [name for name in ("notes.txt", "plan.docx", "video.mp4") if name in said.out]
