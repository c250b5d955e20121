from click.testing import CliRunner

from enicfer.cli.main import cli


def run(*words):
    return CliRunner().invoke(cli, ["models", *words])


def test_list_says_what_is_here(tmp_path, monkeypatch, shared_data):
    monkeypatch.setenv("ENICFER_MODELS", str(tmp_path))
    file = shared_data / "models" / "face_detection_yunet_2023mar.onnx"
    assert run("add", "yunet", str(file)).exit_code == 0
    lines = {line.split()[0]: line for line in run("list").output.splitlines()}
    assert "not here" not in lines["yunet"] and "not here" in lines["sfd"]
    assert "MIT" in lines["yunet"]
