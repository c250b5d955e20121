from click.testing import CliRunner

from enicfer.cli.example_session import example_session
from enicfer.errors import OutputError


def test_refuses_a_folder_in_use(tmp_path):
    (tmp_path / "data.txt").write_text("x", encoding="utf-8")
    result = CliRunner().invoke(example_session, [str(tmp_path)])
    assert isinstance(result.exception, OutputError)
    assert "give a new name" in str(result.exception)


def test_rejects_unknown_modality(tmp_path):
    result = CliRunner().invoke(example_session, [str(tmp_path / "new"), "--modality", "meg"])
    assert result.exit_code == 2
    assert "eeg" in result.output
    assert not (tmp_path / "new").exists()
