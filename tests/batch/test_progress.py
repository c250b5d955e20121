from enicfer.batch import progress
from enicfer.batch.progress import progress_writer, read_progress


def test_what_is_written_is_read_and_no_more_often_than_said(tmp_path, monkeypatch):
    now = 100.0
    monkeypatch.setattr(progress.time, "monotonic", lambda: now)
    assert read_progress(tmp_path) is None
    tell = progress_writer(tmp_path)
    tell(1, 900, "faces of camera 2")
    assert read_progress(tmp_path) == (1, 900, "faces of camera 2")
    tell(2, 900, "faces of camera 2")
    assert read_progress(tmp_path)[0] == 1
    now += progress.PERIOD
    tell(30, 900, "faces of camera 2")
    assert read_progress(tmp_path)[0] == 30


def test_a_folder_that_is_gone_and_half_a_line_are_no_news(tmp_path):
    progress_writer(tmp_path / "gone")(1, 2, "faces")
    assert read_progress(tmp_path / "gone") is None
    (tmp_path / "progress").write_text("12 ")
    assert read_progress(tmp_path) is None
