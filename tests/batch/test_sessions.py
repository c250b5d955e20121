"""What is done is not done again, what changed is, and what is wrong is named."""

import json
import os
import shutil
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import pandas as pd
import pytest

from enicfer.config.options import ProcessingOptions
from enicfer.errors import InputError, ModelError, OutputError


def states(result) -> dict[str, str]:
    return {outcome.name: outcome.state for outcome in result.outcomes}


@pytest.fixture
def processed_study(without_video, tmp_path):
    folders = without_video.make_study(tmp_path / "study")
    result = without_video.run_study(tmp_path / "study", tmp_path / "out")
    assert set(states(result).values()) == {"done"}
    return without_video, folders, tmp_path / "study", tmp_path / "out"


def test_the_second_time_nothing_is_done(processed_study, monkeypatch):
    study, _, folder, output = processed_study
    before = study.content(output)
    monkeypatch.setattr("enicfer.pipeline.process.process_session", lambda *a, **k: pytest.fail("done again"))
    result = study.run_study(folder, output)
    assert states(result) == {"sub-01": "unchanged", "sub-02": "unchanged", "sub-03": "unchanged"}
    assert study.content(output) == before


def change_video(folders, output):
    (folders[1] / "camera.mkv").write_bytes(b"another")


def change_companion(folders, output):
    (folders[1] / "eeg.eeg").write_bytes(b"other")


def lose_an_output(folders, output):
    next(output.glob("sub-02/**/*_events.tsv")).unlink()


@pytest.mark.parametrize(
    ("change", "reason"),
    [(change_video, "inputs"), (change_companion, "inputs"), (lose_an_output, "outputs")],
)
def test_only_what_changed_is_done_again(change, reason, processed_study):
    study, folders, folder, output = processed_study
    change(folders, output)
    result = study.run_study(folder, output)
    assert states(result) == {"sub-01": "unchanged", "sub-02": "done", "sub-03": "unchanged"}
    assert next(o.changes for o in result.outcomes if o.name == "sub-02") == (reason,)
    fresh = study.run_study(folder, output.with_name("fresh"))
    assert study.content(output) == study.content(fresh.output)


def test_other_options_are_a_change_of_all(processed_study):
    study, _, folder, output = processed_study
    result = study.run_study(folder, output, options=ProcessingOptions(max_uncertainty=0.5))
    assert set(states(result).values()) == {"done"}
    assert {outcome.changes for outcome in result.outcomes} == {("options",)}


def test_times_of_files_and_clocks_do_not_count(processed_study):
    study, folders, folder, output = processed_study
    for session in folders:
        os.utime(session / "camera.mkv", (0, 0))
    assert set(states(study.run_study(folder, output)).values()) == {"unchanged"}
    moved = folder.with_name("moved")
    shutil.move(folder, moved)
    assert set(states(study.run_study(moved, output)).values()) == {"unchanged"}


def test_files_of_a_run_that_is_no_more_are_removed(processed_study):
    study, folders, folder, output = processed_study
    settings = folders[0] / "session.toml"
    settings.write_text(settings.read_text(encoding="utf-8").replace("faces", "rest"), encoding="utf-8")
    study.run_study(folder, output)
    assert not list(output.glob("sub-01/**/*task-faces*"))
    assert list(output.glob("sub-01/**/*task-rest*_events.tsv"))
    assert list(output.glob("sub-02/**/*task-faces*_events.tsv"))


def test_a_participant_who_was_renamed_is_seen_twice_and_said_so(processed_study):
    study, folders, folder, output = processed_study
    settings = folders[0] / "session.toml"
    settings.write_text(settings.read_text(encoding="utf-8").replace('"01"', '"11"'), encoding="utf-8")
    # One video of two children, each with a signal of their own, is no such case.
    (folders[2] / "camera.mkv").write_bytes((folders[1] / "camera.mkv").read_bytes())
    study.run_study(folder, output)

    def said() -> dict[str, str]:
        table = pd.read_csv(output / "group_qc.tsv", sep="\t", keep_default_na=False).set_index("source")
        return {name: text for name, text in table["warnings"].items() if "same video" in text}

    assert said().keys() == {"sub-01", "sub-11"}
    assert "as sub-11:" in said()["sub-01"] and "as sub-01:" in said()["sub-11"]
    assert "The tenth pulse" in said()["sub-01"]
    assert "same video and recording as sub-11" in (output / "group.html").read_text(encoding="utf-8")
    for path in output.rglob("sub-01*_*"):
        path.unlink()
    study.run_study(folder, output)
    assert not said()


def test_failures_are_named_and_cost_nobody_else(without_video, tmp_path):
    folders = without_video.make_study(tmp_path / "study", 6)
    (folders[0] / "camera.mkv").write_bytes(b"broken")
    (folders[1] / "camera.mkv").write_bytes(b"wrong")
    (folders[2] / "session.toml").write_text("participant = 1.5\n", encoding="utf-8")
    (folders[3] / "eeg.vhdr").unlink()
    output = tmp_path / "out"
    result = without_video.run_study(tmp_path / "study", output)
    assert states(result) == {
        "s3": "failed", "s4": "failed", "sub-01": "failed", "sub-02": "failed", "sub-05": "done", "sub-06": "done",
    }  # fmt: skip
    table = pd.read_csv(output / "group_qc.tsv", sep="\t", keep_default_na=False).set_index("source")
    assert table["state"].to_dict() == states(result)
    assert "camera.mkv cannot be read" in table["reason"]["sub-01"]
    assert "ZeroDivisionError" in table["reason"]["sub-02"]
    assert "eeg.vhdr" in table["reason"]["s4"]
    assert (table["advice"][table["state"] == "failed"] != "n/a").all()
    assert "study.py" in (output / "logs" / "sub-02.log").read_text(encoding="utf-8")
    for path in [*output.rglob("*.tsv"), *output.rglob("*.log"), *output.rglob("*.json")]:
        assert str(tmp_path) not in path.read_text(encoding="utf-8"), path
    trials = pd.read_csv(output / "group_trials.tsv", sep="\t")
    assert set(trials["participant_id"]) == {"sub-05", "sub-06"}


def test_a_failure_is_tried_again_after_a_change_or_when_asked(without_video, tmp_path, monkeypatch):
    folders = without_video.make_study(tmp_path / "study", 2)
    (folders[0] / "camera.mkv").write_bytes(b"broken")
    output = tmp_path / "out"
    without_video.run_study(tmp_path / "study", output)
    with monkeypatch.context() as patch:
        patch.setattr("enicfer.pipeline.process.process_session", lambda *a, **k: pytest.fail("done again"))
        again = without_video.run_study(tmp_path / "study", output)
        assert "--retry-failed" in again.failed[0].advice
    asked = without_video.run_study(tmp_path / "study", output, retry_failed=True)
    assert "--retry-failed" not in asked.failed[0].advice
    (folders[0] / "camera.mkv").write_bytes(b"repaired")
    assert states(without_video.run_study(tmp_path / "study", output))["sub-01"] == "done"


def test_two_sessions_of_one_name_are_refused_and_the_others_done(without_video, tmp_path):
    folders = without_video.make_study(tmp_path / "study", 3)
    shutil.copy(folders[0] / "session.toml", folders[1] / "session.toml")
    result = without_video.run_study(tmp_path / "study", tmp_path / "out")
    assert states(result) == {"sub-01 (s1)": "failed", "sub-01 (s2)": "failed", "sub-03": "done"}
    assert "2 sessions are called sub-01" in result.failed[0].reason


def test_results_of_another_command_are_not_replaced(processed_study):
    study, _, folder, output = processed_study
    shutil.rmtree(output / ".enicfer")
    before = study.content(output)
    result = study.run_study(folder, output)
    assert {outcome.state for outcome in result.outcomes} == {"failed"}
    assert "--overwrite" in result.failed[0].advice
    assert {name: before[name] for name in before if name.startswith("sub-")}.items() <= study.content(
        output
    ).items()
    replaced = study.run_study(folder, output, options=ProcessingOptions(overwrite=True))
    assert set(states(replaced).values()) == {"done"}


def test_authors_that_somebody_filled_in_stay(processed_study):
    study, folders, folder, output = processed_study
    about = output / "dataset_description.json"
    told = {**json.loads(about.read_text(encoding="utf-8")), "Authors": ["A. Person"]}
    about.write_text(json.dumps(told), encoding="utf-8")
    change_video(folders, output)
    study.run_study(folder, output)
    assert json.loads(about.read_text(encoding="utf-8")) == told
    about.write_text("{", encoding="utf-8")
    with pytest.raises(InputError, match=r"dataset_description\.json is not valid JSON"):
        study.run_study(folder, output)


def test_what_is_wrong_with_everything_is_an_error(without_video, tmp_path):
    without_video.make_study(tmp_path / "study", 1)
    from enicfer.batch.sessions import process_sessions

    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("x")
    with pytest.raises(OutputError, match="no enicfer results"):
        process_sessions([tmp_path / "study"], output=tmp_path / "mine")
    with pytest.raises(InputError, match="no folder"):
        process_sessions([tmp_path / "missing"])
    with pytest.raises(ModelError):
        process_sessions([tmp_path / "study"], options=ProcessingOptions(model="no-such-model"))


def test_inputs_are_only_read(without_video, tmp_path):
    def listing(folder: Path) -> dict:
        return {p: (p.stat().st_mtime_ns, p.is_dir() or p.read_bytes()) for p in folder.rglob("*")}

    without_video.make_study(tmp_path / "study")
    before = listing(tmp_path / "study")
    for path in (tmp_path / "study").rglob("*"):
        path.chmod(0o555 if path.is_dir() else 0o444)
    result = without_video.run_study(tmp_path / "study", tmp_path / "out")
    assert set(states(result).values()) == {"done"}
    assert listing(tmp_path / "study") == before


class DyingSlot:
    """A slot whose worker dies of the first session, as the kernel kills one that takes too much memory."""

    def __init__(self, study) -> None:
        self.inner, self.stopped = study.InlineSlot(), 0

    def submit(self, work, job):
        if job.name != "sub-01":
            return self.inner.submit(work, job)
        future: Future = Future()
        future.set_exception(BrokenProcessPool("The exit codes of the workers are {SIGKILL(-9)}"))
        return future

    def stop(self) -> None:
        self.stopped += 1


def test_a_session_that_kills_its_worker_is_named(without_video, tmp_path, monkeypatch):
    without_video.make_study(tmp_path / "study", 2)
    slot = DyingSlot(without_video)
    monkeypatch.setattr(without_video, "InlineSlot", lambda: slot)
    result = without_video.run_study(tmp_path / "study", tmp_path / "out")
    assert states(result) == {"sub-01": "failed", "sub-02": "done"}
    assert slot.stopped == 2  # after the death, and at the end
    table = pd.read_csv(tmp_path / "out" / "group_qc.tsv", sep="\t").set_index("source")
    assert table["kind"]["sub-01"] == "killed"
    assert "memory" in table["advice"]["sub-01"]
    assert "SIGKILL" in (tmp_path / "out" / "logs" / "sub-01.log").read_text(encoding="utf-8")


def test_a_tree_of_another_version_or_program_is_left_alone(without_video, tmp_path):
    without_video.make_study(tmp_path / "study", 1)
    for maker, words in (
        ({"Name": "enicfer", "Version": "0.0.9"}, "made by enicfer"),
        ({"Name": "x"}, "made by x"),
    ):
        about = tmp_path / "out" / "dataset_description.json"
        about.parent.mkdir(exist_ok=True)
        about.write_text(json.dumps({"GeneratedBy": [maker]}), encoding="utf-8")
        with pytest.raises(OutputError, match=words):
            without_video.run_study(tmp_path / "study", tmp_path / "out")
        assert [path.name for path in about.parent.iterdir()] == [about.name]
