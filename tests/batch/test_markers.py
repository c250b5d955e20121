"""What is known of a session from an earlier time, whatever happened to it."""

import pytest

from enicfer.batch.markers import PUBLISHING, read_marker


@pytest.mark.parametrize("text", ["", "[]", "{}", "\0" * 200, '{"state": "done"}'])
def test_a_session_whose_marker_lost_its_content_is_done_again(without_video, tmp_path, text):
    (folder,) = without_video.make_study(tmp_path / "study", 1)
    output = tmp_path / "out"
    without_video.run_study(tmp_path / "study", output)
    settings = folder / "session.toml"
    settings.write_text(settings.read_text(encoding="utf-8").replace("faces", "rest"), encoding="utf-8")
    (output / "sub-01" / "ses-1").mkdir()
    other = output / "sub-01" / "ses-1" / "sub-01_ses-1_notes.tsv"
    other.write_text("of another session", encoding="utf-8")
    path = output / ".enicfer" / "sessions" / "sub-01.json"
    path.write_text(text, encoding="utf-8")
    marker = read_marker(path)
    assert marker.state == PUBLISHING
    assert marker.outputs and not any("ses-1" in name for name in marker.outputs)
    (outcome,) = without_video.run_study(tmp_path / "study", output).outcomes
    assert (outcome.state, outcome.changes) == ("done", ("marker",))
    other.unlink()
    other.parent.rmdir()
    without_video.run_study(tmp_path / "study", tmp_path / "fresh")
    assert without_video.content(output) == without_video.content(tmp_path / "fresh")
    assert read_marker(path.with_name("sub-02.json")) is None
