"""Studies to disturb the batch layer in: one of small videos, and one without videos.

For the latter `process_session` is replaced by one that makes a `RunResult` from the content of the session's
files and writes it with the real exports; it takes a fraction of a second. The rest is the program's own: markers,
locks, files and renames.
"""

import hashlib
import importlib.util
import os
import shutil
import signal
from concurrent.futures import Future
from dataclasses import fields
from pathlib import Path
from typing import Any

from enicfer.batch import sessions as batch
from enicfer.config.options import ExecutionOptions, ProcessingOptions
from enicfer.errors import InputError
from enicfer.export.bids import write_root, write_run
from enicfer.io.files.names import session_stem
from enicfer.pipeline.review import apply_review, read_reviews
from enicfer.records import SessionResult
from enicfer.synthetic import write_example_session
from enicfer.synthetic.scene import SyntheticScene

SETTINGS = """
participant = "{participant}"
protocol = "eeg-led"

[[run]]
task = "faces"
video = "camera.mkv"
recording = "eeg.vhdr"
"""

SCENE = SyntheticScene(
    width=320, height=240, trials_per_condition=1, absences=(), covers=0, visits=0, participant_size=(40.0, 50.0),
    examiner_size=(30.0, 40.0), frame_rate=(11.0, 13.0), missing_pulses=0, extra_pulses=0, dropped=0.0,
)  # fmt: skip


class InlineSlot:
    """Does each job at once, in this process."""

    def submit(self, work: Any, job: Any) -> Any:
        future: Future = Future()
        future.set_result(work(job))
        return future

    def stop(self) -> None:
        pass


def make_study(folder: Path, n: int = 3) -> list[Path]:
    """Session folders whose content differs."""
    found = []
    for i in range(1, n + 1):
        session = folder / f"s{i}"
        session.mkdir(parents=True)
        (session / "session.toml").write_text(SETTINGS.format(participant=f"{i:02}"), encoding="utf-8")
        (session / "camera.mkv").write_bytes(f"video {i}".encode())
        (session / "eeg.vhdr").write_text("DataFile=eeg.eeg\n", encoding="utf-8")
        (session / "eeg.eeg").write_bytes(bytes([i]))
        found.append(session)
    return found


def make_filmed_study(folder: Path) -> None:
    """Two good sessions and a broken one, with small videos."""
    write_example_session(folder / "s1", "eeg", 0, scene=SCENE)
    for i in (2, 3):
        shutil.copytree(folder / "s1", folder / f"s{i}")
        settings = folder / f"s{i}" / "session.toml"
        settings.write_text(
            settings.read_text(encoding="utf-8").replace('participant = "01"', f'participant = "{i:02}"'),
            encoding="utf-8",
        )
    video = folder / "s2" / "camera.mp4"
    video.write_bytes(video.read_bytes() + bytes(8))  # another content, so that it is watched on its own
    (folder / "s3" / "camera.mp4").write_bytes(b"no video")


def load_factory() -> Any:
    place = Path(__file__).resolve().parents[1] / "factory.py"
    spec = importlib.util.spec_from_file_location("factory", place)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def process_without_video(
    session: Any, options: Any = None, *, output: Path, reviews: Path | None = None, **_: Any
) -> SessionResult:
    """A result that depends on the content of the video and on reviews alone; a video with "broken" in it fails."""
    content = b"".join(video.read_bytes() for run in session.runs for video in run.videos)
    if b"broken" in content:
        raise InputError(f"{session.folder / 'camera.mkv'} cannot be read: give another.")
    if b"wrong" in content:
        raise ZeroDivisionError(f"in {session.folder}")
    seed = int.from_bytes(hashlib.sha256(content).digest()[:4], "big")
    factory = load_factory()
    runs = [factory.make_run(seconds=45.0, seed=seed, entities=session.entities(run)) for run in session.runs]
    review = read_reviews(reviews or output, session_stem(runs[0].entities))
    runs = [apply_review(run, review) for run in runs]
    output.mkdir()
    write_root(output, runs[0])
    for run in runs:
        write_run(output, run)
    (output / f"sub-{session.participant}.html").write_text("page", encoding="utf-8")
    return SessionResult(tuple(runs), output, ())


def run_study(folder: Path, output: Path, **settings: Any) -> batch.BatchResult:
    """Process the study in this process."""
    found = batch.find_sessions([folder])
    options = settings.pop("options", ProcessingOptions())
    names = {entry.name for entry in fields(ExecutionOptions)}
    execution = ExecutionOptions(**{name: settings.pop(name) for name in names & set(settings)})
    sessions, unread = batch.read_sessions(found, options.protocol)
    return batch.run_sessions(
        sessions, unread, output, options, execution, make_slots=lambda n, threads: [InlineSlot()], **settings
    )


def content(folder: Path) -> dict[str, str]:
    """Name -> hash of every file that is a result."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not {".enicfer", "logs"} & set(path.relative_to(folder).parts)
    }


def die_at(call: int) -> None:
    """Make the ``call``-th renaming from now on the end of this process, as `kill -9` is."""
    count, replace = 0, os.replace

    def counted(*args: Any, **kwargs: Any) -> None:
        nonlocal count
        count += 1
        if count == call:
            os.kill(os.getpid(), signal.SIGKILL)
        replace(*args, **kwargs)

    os.replace = counted
    Path.replace = lambda self, target: counted(self, target)  # type: ignore[assignment,method-assign]
