"""The studies, for the tests beside it."""

import importlib.util
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def study():
    """The module ``study.py``; see there."""
    spec = importlib.util.spec_from_file_location("study", Path(__file__).with_name("study.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def without_video(study, monkeypatch):
    """Replace the processing of a session by one that needs no video."""
    monkeypatch.setattr("enicfer.pipeline.process.process_session", study.process_without_video)
    return study
