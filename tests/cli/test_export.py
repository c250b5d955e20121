import numpy as np
import pytest
from click.testing import CliRunner

from enicfer.cli.main import cli
from enicfer.errors import EnicferError
from enicfer.export import write_root, write_run
from enicfer.records import Modality


def call(*arguments):
    return CliRunner().invoke(cli, ["export", *map(str, arguments)], catch_exceptions=True)


@pytest.fixture(scope="module")
def output(make_run, tmp_path_factory):
    """An output folder of two fMRI runs, without a video."""
    root = tmp_path_factory.mktemp("session") / "out"
    for number in ("1", "2"):
        entities = {"sub": "01", "task": "faces", "run": number}
        run = make_run(Modality.FMRI, seed=int(number), entities=entities)
        write_run(root, run)
    write_root(root, run)
    return root


def test_the_command_writes_every_program_that_was_named(output, make_run, tmp_path):
    arguments = ("--to", "fsl,spm", "--to", "afni", "--measure", "fer_happy_mean", "--parametric")
    answer = call(output, *arguments, "-o", tmp_path / "designs")
    assert answer.exit_code == 0, answer.output
    made = {path.relative_to(tmp_path / "designs").as_posix() for path in (tmp_path / "designs").rglob("*.*")}
    assert f"{len(made)} files. Look at" in answer.output and "note  The rows are the runs" in answer.output
    assert {name.split("/")[0] for name in made} == {"fsl", "spm", "afni"}
    planted = make_run(Modality.FMRI, seed=2).trials.query("trial_type == 'happy'")
    ev = np.loadtxt(tmp_path / "designs" / "fsl" / "sub-01_task-faces_run-2_happy.txt")
    np.testing.assert_allclose(ev[:, 0], planted["onset"], atol=2e-6)  # tables hold microseconds


def test_runs_and_conditions_are_chosen(output, tmp_path):
    answer = call(output, "--to", "fsl", "-o", tmp_path, "--runs", "run-2", "--conditions", "happy")
    assert answer.exit_code == 0, answer.output
    assert [path.name for path in (tmp_path / "fsl").iterdir()] == ["sub-01_task-faces_run-2_happy.txt"]


def test_a_second_call_needs_overwrite(output, tmp_path):
    assert call(output, "--to", "fsl", "-o", tmp_path).exit_code == 0
    again = call(output, "--to", "fsl", "-o", tmp_path)
    assert (
        isinstance(again.exception, EnicferError) and "give --overwrite" in again.exception.for_command_line()
    )
    assert call(output, "--to", "fsl", "-o", tmp_path, "--overwrite").exit_code == 0


def test_what_is_wrong_is_said_and_nothing_is_written(output, tmp_path):
    for arguments, message in (
        (("--to", "eeglab"), "eeglab is for EEG"),
        (("--to", "fls"), "no export 'fls'"),
        (("--to", ","), "No program was named"),
        (("--to", "fsl", "--parametric"), "give --measure"),
    ):
        answer = call(output, *arguments, "-o", tmp_path / "out")
        assert isinstance(answer.exception, EnicferError) and message in answer.exception.for_command_line()
        assert not (tmp_path / "out").exists()


def test_an_example_session_reaches_eeglab_and_elan(processed, example, tmp_path):
    """The whole way: a video and a BrainVision recording, processed, and exported with both files."""
    session = example(short=True)
    video = next(path for path in session.iterdir() if path.suffix in (".mp4", ".mkv"))
    answer = call(
        processed(short=True), "--to", "brainvision,eeglab,fieldtrip,elan,boris,videobrowser", "-o", tmp_path,
        "--recording", session / "eeg.vhdr", "--video", video,
    )  # fmt: skip
    assert answer.exit_code == 0, answer.output
    assert "note  BORIS will ask" not in answer.output
    assert len(list(tmp_path.rglob("*.eaf"))) == len(list(tmp_path.rglob("*.set"))) == 1
