"""The scripts in ``examples`` run as they are."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).resolve().parents[1] / "examples").glob("[0-9]*.py"))


@pytest.mark.slow
@pytest.mark.parametrize("script", EXAMPLES, ids=lambda path: path.stem)
def test_example(script, example, tmp_path):
    if "nilearn" in script.read_text(encoding="utf-8"):
        pytest.importorskip("nilearn")
    for modality in ("eeg", "fmri"):
        if f"example-{modality}" in script.read_text(encoding="utf-8"):
            session = example(modality, short=modality == "eeg")
            shutil.copytree(session, tmp_path / f"example-{modality}")
    out = subprocess.run(
        [sys.executable, str(script)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        encoding="utf-8",
        env={**os.environ, "MPLBACKEND": "Agg"},
        check=False,
    )
    assert out.returncode == 0, out.stderr[-2000:]
    assert out.stdout.strip()
