"""A small processed study without videos: four children, one run each."""

import pytest

from enicfer.export.bids import write_run
from enicfer.records import Modality


@pytest.fixture(scope="session")
def whole_study(make_run, tmp_path_factory):
    root = tmp_path_factory.mktemp("study")
    for number in range(1, 5):
        entities = {"sub": f"0{number}", "ses": "1", "task": "faces"}
        run = make_run(Modality.EEG, seconds=40.0, n_trials=4, seed=number, entities=entities)
        write_run(root, run)
    (root / "dataset_description.json").write_text("{}", encoding="utf-8")
    return root


@pytest.fixture
def study(whole_study, tmp_path):
    """A copy that a test may write to."""
    import shutil

    return shutil.copytree(whole_study, tmp_path / "study")
