import numpy as np
from click.testing import CliRunner

from enicfer.cli.main import cli
from enicfer.errors import EnicferError
from enicfer.io.frames_file import read_trace
from enicfer.io.video.writer import write_video


def run(*arguments):
    return CliRunner().invoke(cli, ["import", *map(str, arguments)])


def test_a_coding_becomes_a_trace(tmp_path):
    gray = np.full((48, 64, 3), 90, np.uint8)
    write_video(tmp_path / "a.mp4", [(9000 * i, gray) for i in range(20)])
    coding = "Behavior,Behavior type,Start (s),Stop (s)\nsmile,STATE,0.5,1.0\n"
    (tmp_path / "boris.csv").write_text(coding, encoding="utf-8")
    given = (tmp_path / "boris.csv", "--video", tmp_path / "a.mp4", "-o", tmp_path / "out.h5")
    refused = run(*given)
    assert isinstance(refused.exception, EnicferError)
    assert "--code CODE=EXPRESSION" in refused.exception.for_command_line()
    answer = run(*given, "--code", "smile=happy", "--uncoded", "neutral")
    assert answer.exit_code == 0, answer.output
    assert "100.0% of 20 frames" in answer.output and "neutral" in answer.output
    _, trace = read_trace(tmp_path / "out.h5")
    assert trace.labels == ("happy", "neutral") and trace.model == "boris coding"
    assert np.flatnonzero(trace.probability[:, 0]).tolist() == [5, 6, 7, 8, 9]
    for more, message in (
        (("--code", "smile"), "write CODE=EXPRESSION"),
        (("--format", "openface"), "is no openface"),
        ((), "is there already"),
    ):
        target = () if message == "is there already" else ("-o", tmp_path / "new.h5")
        refused = run(*given, *target, *more)
        assert isinstance(refused.exception, EnicferError) and message in refused.exception.for_command_line()
    assert isinstance(run(*given, "-o", tmp_path / "out.png").exception, EnicferError)
    assert isinstance(run(*given, "-o", tmp_path / "a.mp4" / "out.h5").exception, EnicferError)
    assert run(*given, "--code", "smile=happy", "-o", tmp_path / "new" / "b.h5").exit_code == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mp4", "boris.csv", "new", "out.h5"]
