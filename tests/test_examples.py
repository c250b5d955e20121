"""The scripts in ``examples`` run as they are, with what the README says to install."""

import ast
import os
import re
import shutil
import subprocess
import sys
from configparser import ConfigParser
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = sorted((ROOT / "examples").glob("[0-9]*.py"))


@pytest.mark.parametrize("script", EXAMPLES, ids=lambda path: path.stem)
def test_what_an_example_needs_is_installed_or_named(script):
    settings = ConfigParser()
    settings.read(ROOT / "setup.cfg", encoding="utf-8")
    extra = settings["options.extras_require"].get("examples", "")
    listed = settings["options"]["install_requires"] + extra
    known = set(re.findall(r"^[\w-]+", listed, flags=re.M)) | {"enicfer", *sys.stdlib_module_names}
    known |= {"cv2"} if "opencv-python" in known else set()
    for node in ast.walk(ast.parse(script.read_text(encoding="utf-8"))):
        names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        assert {name.split(".")[0] for name in names} <= known
    assert ".[examples]" in (ROOT / "README.md").read_text(encoding="utf-8")


# The build of the site runs the others: the quick ones in CI, all of them with ENICFER_GALLERY=all.
@pytest.mark.slow
@pytest.mark.parametrize("script", EXAMPLES[:5], ids=lambda path: path.stem)
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
        timeout=300,
        check=False,
    )
    assert out.returncode == 0, out.stderr[-2000:]
    assert out.stdout.strip()
