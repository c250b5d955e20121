"""The tables of a whole tree: complete, and no reason to lose anything else."""

from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner

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
    from enicfer.batch.dataset import summarise_dataset

    without_video.make_study(tmp_path / "study", 1)
    without_video.run_study(tmp_path / "study", tmp_path / "out")
    with pytest.raises(OutputError, match=r"group_qc\.tsv cannot be written .* close"):
        summarise_dataset(tmp_path / "out")


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
