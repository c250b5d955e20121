"""Fixtures that several test modules use."""

import faulthandler
import importlib.util
import json
import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib
import pytest
from filelock import FileLock
from hypothesis import settings

settings.register_profile("enicfer", deadline=None)  # a busy machine is no fault
settings.load_profile("enicfer")
matplotlib.use("Agg")
os.environ.setdefault("OMP_NUM_THREADS", "1")  # the test workers share the cores

LONGEST = 600  # s of the clock for one test, or for making what it needs

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


@contextmanager
def _limited(item: pytest.Item) -> Iterator[None]:
    """Fail what stands still; where not even that is possible, end the process, with a trace of every thread."""

    def stop(number: int, frame: object) -> None:
        pytest.fail(f"{item.name} stood still: it had not ended after {LONGEST} s.")

    faulthandler.dump_traceback_later(LONGEST + 60, exit=True, file=sys.__stderr__)
    timed = hasattr(signal, "SIGALRM")
    if timed:
        before = signal.signal(signal.SIGALRM, stop)
        signal.alarm(LONGEST)
    try:
        yield
    finally:
        faulthandler.cancel_dump_traceback_later()
        if timed:
            signal.alarm(0)
            signal.signal(signal.SIGALRM, before)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Iterator[None]:
    with _limited(item):
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    with _limited(item):
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Iterator[None]:
    with _limited(item):
        return (yield)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real files by other people; the test is skipped where it is missing."""
    if not SHARED.is_dir():
        pytest.skip(f"needs the real data in {SHARED.parent.name}/{SHARED.name}, which is not here")
    return SHARED


@pytest.fixture(scope="session")
def once(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, Callable[[Path], object]], Path]:
    """Make a folder once for all test workers: ``once(name, make)`` calls ``make(folder)`` if nobody has."""
    base = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent

    def get(name: str, make: Callable[[Path], object]) -> Path:
        folder = base / name
        with FileLock(base / f"{name}.lock", timeout=900):
            if not (folder / ".done").exists():
                shutil.rmtree(folder, ignore_errors=True)
                folder.mkdir()
                make(folder)
                (folder / ".done").touch()
        return folder

    return get


@pytest.fixture(scope="session")
def example(once) -> Callable[..., Path]:
    """Example sessions with known answers: ``example(modality="eeg", seed=0, short=False)`` gives the folder.

    A short one lasts 20 s instead of a minute and has one trial a condition.
    """

    def get(modality: str = "eeg", seed: int = 0, short: bool = False) -> Path:
        from enicfer import write_example_session
        from enicfer.synthetic import SyntheticScene

        scene = (
            SyntheticScene(trials_per_condition=1, absences=(1.5,), visits=1) if short else SyntheticScene()
        )

        def make(folder: Path) -> None:
            write_example_session(folder / "session", modality, seed, scene=scene)

        return once(f"example-{modality}-{seed}{'-short' * short}", make) / "session"

    return get


@pytest.fixture(scope="session")
def processed(once, example) -> Callable[..., Path]:
    """Derivatives folders of example sessions, with the arguments of ``example``."""

    def get(modality: str = "eeg", seed: int = 0, short: bool = False) -> Path:
        from enicfer import process_session

        session = example(modality, seed, short)
        name = f"processed-{modality}-{seed}{'-short' * short}"
        return once(name, lambda folder: process_session(session, output=folder / "enicfer")) / "enicfer"

    return get


@pytest.fixture(scope="session")
def truth(example) -> Callable[..., dict]:
    """The known answers of an example session."""

    def get(modality: str = "eeg", seed: int = 0) -> dict:
        return json.loads((example(modality, seed) / "truth.json").read_text(encoding="utf-8"))

    return get


@pytest.fixture(scope="session")
def make_run() -> Callable[..., Any]:
    """Make a `RunResult` without a video: ``make_run(modality, seconds=60)``; see ``factory.py``."""
    spec = importlib.util.spec_from_file_location("factory", Path(__file__).with_name("factory.py"))
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.make_run
