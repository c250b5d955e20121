import io
from pathlib import Path

from enicfer.batch.jobs import Job, Outcome
from enicfer.batch.markers import BatchFolders
from enicfer.batch.progress import progress_writer
from enicfer.cli.session_bars import Bars
from enicfer.config.options import ProcessingOptions


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_one_bar_for_all_and_one_for_each_worker(tmp_path: Path) -> None:
    stream = Terminal()
    bars = Bars(stream)
    jobs = [Job(name, None, tmp_path, ProcessingOptions(), {}) for name in ("sub-01", "sub-02")]  # type: ignore[arg-type]
    for job, ended in zip(jobs, (120, 450), strict=True):
        stage = BatchFolders(tmp_path).stage(job.name)
        stage.mkdir(parents=True)
        progress_writer(stage)(ended, 900, "faces")
    bars.watch([*jobs, None])
    bars.report(Outcome("sub-03", "failed", "input", "camera.mp4 is missing."), 1, 3)
    bars.watch([jobs[0], None, None])
    bars.close()
    text = stream.getvalue()
    for part in ("sub-01 faces:  13%", "sub-02 faces:  50%", "120/900", "450/900", "idle", "1/3"):
        assert part in text, part
    assert "sub-03 failed after 0 s: camera.mp4 is missing." in text
