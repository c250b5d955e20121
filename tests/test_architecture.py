"""The design's dependencies, and an import without side effects."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "enicfer"

# What a part may import of the package, besides errors, expressions and records; DESIGN: upward only.
ALLOWED = {
    "errors": set(),
    "expressions": set(),
    "records": set(),
    "protocol": set(),
    "io": {"protocol", "io", "segments", "trials"},
    "session": {"protocol", "io"},
    "sync": {"protocol", "sync"},
    "segments": set(),
    "trials": {"protocol", "segments"},
    "course": {"protocol", "segments", "trials"},
    "quality": {"segments"},
    "models": {"models"},
    "faces": {"protocol", "io", "faces"},
    "expression": {"models", "faces"},
    "fingerprint": {"session", "models", "faces"},
    "cache": {"fingerprint", "io", "protocol", "watch"},
    "export": {"protocol", "io", "segments", "trials", "quality", "export", "report"},
    "report": {"protocol", "io", "segments", "trials", "quality", "export", "report"},
    "training": {"models", "faces", "io", "training", "report"},
    # session: the maps of a processed session are made from its video, which only the session knows; segments: of
    # the frames that stand for a part of a trial's window
    "saliency": {"models", "faces", "io", "session", "segments", "saliency"},
}
BASE = {"errors", "expressions", "records"}
PURE = {"sync", "trials", "segments", "expressions", "records", "quality", "course"}


def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module)
    return found


def part(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


MODULES = [p for p in sorted(PACKAGE.rglob("*.py")) if part(p) in ALLOWED]


@pytest.mark.parametrize("path", MODULES, ids=lambda p: p.relative_to(PACKAGE).as_posix())
def test_dependencies_point_upward(path):
    parts = {name.split(".")[1] for name in imports(path) if name.startswith("enicfer.")}
    assert parts <= ALLOWED[part(path)] | BASE


@pytest.mark.parametrize(
    "path", [p for p in MODULES if part(p) in PURE], ids=lambda p: p.relative_to(PACKAGE).as_posix()
)
def test_pure_parts_touch_no_files_no_pictures_no_networks(path):
    tops = {name.split(".")[0] for name in imports(path)}
    assert not tops & {"cv2", "torch", "av", "mne", "h5py", "matplotlib", "onnxruntime", "urllib", "socket"}


def test_import_is_light_and_has_no_side_effect():
    heavy = "{'torch', 'mne', 'cv2', 'av', 'matplotlib', 'onnxruntime', 'face_alignment', 'pandas'}"
    code = f"import sys, enicfer; print(sorted(set(sys.modules) & {heavy}))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
    assert out.stderr == ""


def test_every_public_name_can_be_had():
    import enicfer

    for name in enicfer.__all__:
        assert getattr(enicfer, name) is not None
