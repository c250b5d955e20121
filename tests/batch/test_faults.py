"""Whatever happens in the middle, resuming gives the bytes of an undisturbed run."""

import json
import shutil
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from tests.thorough import THOROUGH

HERE = Path(__file__).parent
MOMENTS = 20 if THOROUGH else 6  # at which it is killed
posix = pytest.mark.skipif(sys.platform == "win32", reason="needs fork and POSIX limits")


def start(code: str, *arguments: object) -> subprocess.Popen:
    """Run code that begins with the study, with no video to process."""
    head = f"""
        import sys
        sys.path.insert(0, {str(HERE)!r})
        from pathlib import Path
        import study, enicfer.pipeline.process
        enicfer.pipeline.process.process_session = study.process_without_video
    """
    text = textwrap.dedent(head) + textwrap.dedent(code)
    command = [sys.executable, "-c", text, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish(process: subprocess.Popen) -> str:
    """What it printed, once it has ended well."""
    text, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    return text.strip()


@posix
@pytest.mark.slow
def test_killed_at_any_moment_then_resumed_gives_the_same_bytes(tmp_path):
    command = [sys.executable, str(HERE / "faults.py"), str(tmp_path), str(MOMENTS), "0"]
    out = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert out.returncode == 0, out.stderr
    report = json.loads(out.stdout)
    assert len(report["found"]) == MOMENTS
    for moment in report["found"]:
        assert moment["died"] == -9
        assert moment["resumed"] == 0
        assert moment["same"], moment
        assert moment["left"] == []


@posix
@pytest.mark.slow
def test_a_full_disk_fails_the_session_and_room_repairs_it(without_video, tmp_path):
    study = without_video
    study.make_study(tmp_path / "study", 2)
    code = """
        import os, resource, signal
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, resource.RLIM_INFINITY))
        result = study.run_study(Path(sys.argv[1]), Path(sys.argv[2]))
        print([(o.state, o.kind) for o in result.outcomes], flush=True)
        os._exit(0)  # HDF5 can crash when it is closed after a failure to write
    """
    text = finish(start(code, tmp_path / "study", tmp_path / "out"))
    assert text == "[('failed', 'files'), ('failed', 'files')]"
    assert not list((tmp_path / "out").glob("sub-*"))
    study.run_study(tmp_path / "study", tmp_path / "out", retry_failed=True)
    study.run_study(tmp_path / "study", tmp_path / "fresh")
    assert study.content(tmp_path / "out") == study.content(tmp_path / "fresh")
    assert list((tmp_path / "out").glob("sub-*/**/*_frames.h5"))


def test_a_drive_that_disappears_costs_what_was_on_it_alone(without_video, tmp_path, monkeypatch):
    import enicfer.pipeline.process

    study = without_video
    study.make_study(tmp_path / "study", 3)
    process, calls = enicfer.pipeline.process.process_session, []

    def vanishing(session, *given, **settings):
        calls.append(session.participant)
        if len(calls) == 2:
            (tmp_path / "study").rename(tmp_path / "unmounted")
        return process(session, *given, **settings)

    monkeypatch.setattr(enicfer.pipeline.process, "process_session", vanishing)
    result = study.run_study(tmp_path / "study", tmp_path / "out")
    assert [(o.name, o.state, o.kind) for o in result.outcomes] == [
        ("sub-01", "done", ""), ("sub-02", "failed", "files"), ("sub-03", "failed", "files"),
    ]  # fmt: skip
    for outcome in result.failed:
        assert "cannot be read or written: No such file" in outcome.reason
        assert "network drive" in outcome.advice
        assert str(tmp_path) not in outcome.reason
    assert not list((tmp_path / "out").glob("sub-02*")) and list((tmp_path / "out").glob("sub-01*"))
    (tmp_path / "unmounted").rename(tmp_path / "study")
    again = study.run_study(tmp_path / "study", tmp_path / "out", retry_failed=True)
    assert [o.state for o in again.outcomes] == ["unchanged", "done", "done"]
    study.run_study(tmp_path / "study", tmp_path / "fresh")
    assert study.content(tmp_path / "out") == study.content(tmp_path / "fresh")


@posix
def test_an_output_drive_that_disappears_leaves_what_was_there(without_video, tmp_path, monkeypatch):
    import enicfer.pipeline.process

    study = without_video
    study.make_study(tmp_path / "study", 2)
    process, calls = enicfer.pipeline.process.process_session, []

    def vanishing(session, *given, **settings):
        calls.append(session.participant)
        if len(calls) == 2:  # an unmounted drive leaves the empty folder that it was mounted on
            (tmp_path / "out").rename(tmp_path / "unmounted")
            (tmp_path / "out").mkdir()
        return process(session, *given, **settings)

    monkeypatch.setattr(enicfer.pipeline.process, "process_session", vanishing)
    result = study.run_study(tmp_path / "study", tmp_path / "out")
    assert [(o.name, o.state, o.kind) for o in result.outcomes] == [
        ("sub-01", "done", ""), ("sub-02", "failed", "files"),
    ]  # fmt: skip
    shutil.rmtree(tmp_path / "out")
    (tmp_path / "unmounted").rename(tmp_path / "out")
    again = study.run_study(tmp_path / "study", tmp_path / "out", retry_failed=True)
    assert [o.state for o in again.outcomes] == ["unchanged", "done"]
    study.run_study(tmp_path / "study", tmp_path / "fresh")
    assert study.content(tmp_path / "out") == study.content(tmp_path / "fresh")


def test_two_processes_on_one_output_lose_nothing(without_video, tmp_path):
    study = without_video
    study.make_study(tmp_path / "study", 3)
    code = """
        result = study.run_study(Path(sys.argv[1]), Path(sys.argv[2]))
        print(*sorted({o.state for o in result.outcomes}))
    """
    both = [start(code, tmp_path / "study", tmp_path / "out") for _ in range(2)]
    assert all(set(finish(process).split()) <= {"done", "unchanged"} for process in both)
    study.run_study(tmp_path / "study", tmp_path / "fresh")
    assert study.content(tmp_path / "out") == study.content(tmp_path / "fresh")


def test_the_second_waits_for_the_first(without_video, tmp_path):
    without_video.make_study(tmp_path / "study", 1)
    code = """
        import time
        from enicfer.batch.markers import BatchFolders
        with BatchFolders(Path(sys.argv[1])).locked("sub-01"):
            print("held", flush=True)
            time.sleep(1.5)
    """
    holder = start(code, tmp_path / "out")
    assert holder.stdout is not None
    assert holder.stdout.readline().strip() == "held"
    started = time.monotonic()
    result = without_video.run_study(tmp_path / "study", tmp_path / "out")
    assert time.monotonic() - started > 1.0
    assert [outcome.state for outcome in result.outcomes] == ["done"]
    finish(holder)
