"""The tables of a whole tree: complete, and no reason to lose anything else."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner

from enicfer.batch.dataset import summarise_dataset
from enicfer.batch.engine import run_jobs
from enicfer.cli.main import cli
from enicfer.errors import OutputError


@pytest.fixture
def open_elsewhere(monkeypatch):
    """Make ``group_qc.tsv`` a file that another program has open, as Windows treats it."""
    replace = Path.replace

    def refuse(self, target):
        if Path(target).name == "group_qc.tsv":
            raise PermissionError(13, "The file is being used by another process", str(target))
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", refuse)


def test_a_table_that_is_open_elsewhere_costs_no_summary(
    without_video, tmp_path, monkeypatch, open_elsewhere
):
    folders = without_video.make_study(tmp_path / "study", 2)
    (folders[1] / "camera.mkv").write_bytes(b"broken")
    monkeypatch.setattr(
        "enicfer.batch.sessions._local_slots", lambda n, threads: [without_video.InlineSlot()]
    )
    output = tmp_path / "out"
    found = CliRunner().invoke(cli, ["process-sessions", str(tmp_path / "study"), "--output", str(output)])
    assert found.exit_code == 3
    assert "done       sub-01" in found.stdout
    assert "failed     sub-02" in found.stdout
    (line,) = [line for line in found.stdout.splitlines() if "group_qc.tsv cannot be" in line]
    assert "close" in line
    assert (output / "group_trials.tsv").is_file(), "the other tables are written"
    assert not list((output / ".enicfer" / "unfinished").iterdir())


def test_the_group_level_says_so_in_one_sentence(without_video, tmp_path, open_elsewhere):
    without_video.make_study(tmp_path / "study", 1)
    without_video.run_study(tmp_path / "study", tmp_path / "out")
    with pytest.raises(OutputError, match=r"group_qc\.tsv cannot be written .* close"):
        summarise_dataset(tmp_path / "out")


def test_a_study_of_which_nothing_could_be_processed_is_a_data_set(without_video, tmp_path):
    study, output = tmp_path / "study", tmp_path / "out"
    folders = without_video.make_study(study, 2)
    for folder in folders:
        (folder / "camera.mkv").write_bytes(b"broken")
    without_video.run_study(study, output)
    assert read(output, "qc")["state"].to_list() == ["failed", "failed"]
    assert "No run is done yet" in (output / "README.md").read_text(encoding="utf-8")
    validator = [sys.executable, "-c", "from bids_validator_deno import cli; cli()", "--json", str(output)]
    found = subprocess.run(validator, capture_output=True, text=True, timeout=120, check=False)
    assert [i["code"] for i in json.loads(found.stdout)["issues"]["issues"] if i["severity"] == "error"] == []
    (folders[0] / "camera.mkv").write_bytes(b"whole")
    without_video.run_study(study, output)
    assert "Authors" in (output / "README.md").read_text(encoding="utf-8")
    assert "aligned by" in (output / "README.md").read_text(encoding="utf-8")


def test_what_was_done_before_an_interruption_is_in_the_tables(without_video, tmp_path, monkeypatch):
    without_video.make_study(tmp_path / "study", 2)

    def interrupted(jobs, *arguments, **settings):
        run_jobs(jobs[:1], *arguments, **settings)
        raise KeyboardInterrupt

    monkeypatch.setattr("enicfer.batch.sessions.run_jobs", interrupted)
    with pytest.raises(KeyboardInterrupt):
        without_video.run_study(tmp_path / "study", tmp_path / "out")
    table = pd.read_csv(tmp_path / "out" / "group_qc.tsv", sep="\t")
    assert table["source"].to_list() == ["sub-01"]


def read(output: Path, name: str) -> pd.DataFrame:
    return pd.read_csv(output / f"group_{name}.tsv", sep="\t", keep_default_na=False)


def test_runs_that_differ_in_further_entities_have_keys_of_their_own(without_video, tmp_path, monkeypatch):
    from enicfer.batch.dataset import process_dataset
    from enicfer.config.options import ProcessingOptions

    folder = tmp_path / "bids" / "sub-01" / "eeg"
    folder.mkdir(parents=True)
    for label in ("AP", "PA"):
        for end in ("eeg.edf", "video.mp4"):
            (folder / f"sub-01_task-a_acq-{label}_{end}").write_bytes(label.encode())
    monkeypatch.setattr(
        "enicfer.batch.sessions._local_slots", lambda n, threads: [without_video.InlineSlot()]
    )
    process_dataset(tmp_path / "bids", tmp_path / "out", options=ProcessingOptions(protocol="eeg-led"))
    assert read(tmp_path / "out", "qc")["acquisition"].to_list() == ["AP", "PA"]
    assert set(read(tmp_path / "out", "trials")["acquisition"]) == {"AP", "PA"}
    assert "acquisition" in (tmp_path / "out" / "group_qc.json").read_text(encoding="utf-8")
    assert "direction" not in read(tmp_path / "out", "qc")
    without_video.make_study(tmp_path / "study", 1)
    without_video.run_study(tmp_path / "study", tmp_path / "other")
    assert list(read(tmp_path / "other", "qc"))[:5] == [
        "participant_id", "session_id", "task", "run", "source",
    ]  # fmt: skip
    assert "acquisition" not in read(tmp_path / "other", "trials")


@pytest.mark.parametrize("repaired", [True, False])
def test_a_failure_under_a_label_that_was_wrong_is_forgotten(without_video, tmp_path, repaired):
    folders = without_video.make_study(tmp_path / "study", 2)
    output, settings = tmp_path / "out", folders[0] / "session.toml"
    (folders[0] / "camera.mkv").write_bytes(b"broken")
    without_video.run_study(tmp_path / "study", output)
    text = settings.read_text(encoding="utf-8")
    settings.write_text(text.replace('"01"', '"11"') if repaired else text + "x", encoding="utf-8")
    (folders[0] / "camera.mkv").write_bytes(b"good")
    without_video.run_study(tmp_path / "study", output)
    named = read(output, "qc").set_index("source")["state"].to_dict()
    assert named == ({"sub-02": "done", "sub-11": "done"} if repaired else {"sub-02": "done", "s1": "failed"})


def test_a_damaged_run_is_a_failed_row_and_costs_no_other(without_video, tmp_path):
    without_video.make_study(tmp_path / "study", 3)
    output = tmp_path / "out"
    without_video.run_study(tmp_path / "study", output)
    whole = pd.read_csv(output / "group_trials.tsv", sep="\t")
    events = next(output.rglob("sub-01*_events.tsv"))
    events.write_bytes(events.read_bytes() + "Jürgen".encode("cp1252"))
    quality = next(output.rglob("sub-02*_qc.json"))
    quality.write_text("{}", encoding="utf-8")
    summarise_dataset(output)
    table = pd.read_csv(output / "group_qc.tsv", sep="\t").set_index("participant_id")
    assert table["state"].to_list() == ["failed", "failed", "done"]
    assert "events.tsv cannot be read" in table["reason"]["sub-01"]
    assert quality.name in table["reason"]["sub-02"]
    trials = pd.read_csv(output / "group_trials.tsv", sep="\t")
    pd.testing.assert_frame_equal(
        trials, whole[whole["participant_id"] == "sub-03"].reset_index(drop=True), check_dtype=False
    )


def test_a_session_that_lacks_a_file_keeps_its_rows_and_says_so(without_video, tmp_path):
    without_video.make_study(tmp_path / "study", 2)
    output = tmp_path / "out"
    without_video.run_study(tmp_path / "study", output)
    trials = (output / "group_trials.tsv").read_bytes()
    (output / "sub-02.html").unlink()
    next(output.rglob("sub-01*_frames.h5")).unlink()
    summarise_dataset(output)
    assert (output / "group_trials.tsv").read_bytes() == trials
    warnings = pd.read_csv(output / "group_qc.tsv", sep="\t").set_index("source")["warnings"]
    assert "sub-02.html" in warnings["sub-02"] and "_frames.h5" in warnings["sub-01"]


def test_tables_stay_when_the_markers_were_removed(without_video, tmp_path):
    without_video.make_study(tmp_path / "study", 2)
    output = tmp_path / "out"
    without_video.run_study(tmp_path / "study", output)
    before = [(output / f"group_{name}.tsv").read_bytes() for name in ("qc", "trials")]
    shutil.rmtree(output / ".enicfer")
    assert [o.kind for o in without_video.run_study(tmp_path / "study", output).failed] == ["foreign"] * 2
    assert [(output / f"group_{name}.tsv").read_bytes() for name in ("qc", "trials")] == before


def test_a_session_is_done_again_for_its_review_and_counted(without_video, tmp_path):
    from enicfer.io.results import read_run
    from enicfer.io.review_log import add_entry, new_entry, review_path

    output = tmp_path / "out"
    without_video.make_study(tmp_path / "study", 2)
    without_video.run_study(tmp_path / "study", output)
    assert not any("review" in path.read_text(encoding="utf-8") for path in output.glob("group_*"))
    trials = read_run(output / "sub-01").trials
    facts = {"trial": 1, "onset": float(trials["onset"][1]), "code": trials["code"][1]}
    path = review_path(output, "sub-01", "Anna")

    def say(verdict: str, reason: str = "") -> list[str]:
        run, more = "sub-01_task-faces", {"verdict": verdict, "reason": reason, **facts}
        add_entry(path, lambda known: new_entry("Anna", run, "trial", **more))
        found = without_video.run_study(tmp_path / "study", output)
        return [outcome.state for outcome in found.outcomes]

    assert say("rejected", "=1+1") == ["done", "unchanged"]
    rows = read(output, "qc")
    assert [str(count)[:1] for count in rows["n_trials_reviewed"]] == ["1", "n"]
    assert [str(count)[:1] for count in rows["n_trials_rejected"]] == ["1", "n"]
    assert [str(count)[:1] for count in rows["n_signed"]] == ["0", "n"]
    table = read(output, "trials")
    assert len(table) == 2 * len(trials)
    assert table["fer_reviewed"].to_list() == ["n/a", "rejected", *["n/a"] * (len(table) - 2)]
    assert table["fer_review_reason"][1] == "'=1+1"
    assert say("open") == ["done", "unchanged"]
    assert "fer_reviewed" not in read(output, "trials") and "n_trials_reviewed" not in read(output, "qc")


def test_a_damaged_review_fails_its_session_alone(without_video, tmp_path):
    output = tmp_path / "out"
    without_video.make_study(tmp_path / "study", 2)
    (output / "reviews").mkdir(parents=True)
    (output / "reviews" / "sub-01_coder-Anna.jsonl").write_text("wrong\n", encoding="utf-8")
    found = without_video.run_study(tmp_path / "study", output)
    assert {outcome.name: outcome.state for outcome in found.outcomes}["sub-02"] == "done"
    (failed,) = (outcome for outcome in found.outcomes if outcome.state == "failed")
    assert "Line 1 of sub-01_coder-Anna.jsonl is no entry" in failed.reason
