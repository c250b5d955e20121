"""A dry run names every problem at once, estimates from what is done, and writes nothing."""

import shutil
from dataclasses import replace

import pytest

from enicfer.batch.forecast import forecast, measure_done
from enicfer.batch.jobs import find_sessions, read_sessions
from enicfer.batch.markers import Marker, write_marker
from enicfer.config.options import ProcessingOptions
from enicfer.errors import OutputError


def look(folder, output, **more):
    sessions, unread = read_sessions(find_sessions([folder]), None)
    return forecast(sessions, unread, output, ProcessingOptions(), **more)


def test_all_problems_are_named_and_nothing_is_written(study, tmp_path):
    folders = study.make_study(tmp_path / "study", 3)
    (folders[2] / "camera.mkv").unlink()
    found = look(tmp_path / "study", tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert found.problems == 3
    assert [name for name, _, _ in found.work] == ["sub-01", "sub-02"]
    for _, _, problems in found.work:
        assert len(problems) == 2
        assert "camera.mkv" in problems[0]
        assert "eeg.vhdr" in problems[1]
    assert [outcome.name for outcome in found.settled] == ["s3"]
    assert found.seconds is None
    for path in (tmp_path / "study").rglob("*.json"):
        pytest.fail(f"{path} was written")


def test_what_is_done_is_left_out(without_video, tmp_path):
    without_video.make_study(tmp_path / "study", 2)
    without_video.run_study(tmp_path / "study", tmp_path / "out")
    found = look(tmp_path / "study", tmp_path / "out")
    assert found.work == ()
    assert [outcome.state for outcome in found.settled] == ["unchanged", "unchanged"]
    assert found.problems == 0


def test_the_estimate_is_the_median_of_what_was_watched(tmp_path):
    marker = Marker("done", {}, {}, {"a": 300}, seconds=10.0, frames=100)
    for i, seconds in enumerate((10.0, 30.0, 20.0)):
        write_marker(tmp_path / ".enicfer/sessions" / f"sub-{i}.json", replace(marker, seconds=seconds))
    write_marker(tmp_path / ".enicfer/sessions/sub-9.json", replace(marker, seconds=0.0, frames=0))
    write_marker(tmp_path / ".enicfer/sessions/sub-8.json", replace(marker, state="failed", seconds=900.0))
    assert measure_done(tmp_path) == (0.2, 3.0)


def test_as_many_sessions_at_a_time_as_there_are_cores(without_video, tmp_path, monkeypatch):
    without_video.make_study(tmp_path / "study", 4)
    monkeypatch.setattr("enicfer.batch.forecast.check_job", lambda job: ([], 100))
    monkeypatch.setattr("enicfer.batch.forecast.measure_done", lambda output: (1.0, None))
    monkeypatch.setattr("enicfer.batch.forecast.count_cores", lambda: 2)
    found = [look(tmp_path / "study", tmp_path / "out", n_jobs=n).seconds for n in (1, 4, -1)]
    assert found == [400.0, 100.0, 200.0]


def test_a_refusal_is_foretold(without_video, tmp_path):
    without_video.make_study(tmp_path / "study", 1)
    without_video.run_study(tmp_path / "study", tmp_path / "out")
    shutil.rmtree(tmp_path / "out" / ".enicfer")
    found = look(tmp_path / "study", tmp_path / "out")
    assert found.work == ()
    assert [outcome.kind for outcome in found.settled] == ["foreign"]
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("x")
    with pytest.raises(OutputError, match="no enicfer results"):
        look(tmp_path / "study", tmp_path / "mine")
