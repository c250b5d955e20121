"""The design's dependencies, and an import without side effects."""

import ast
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "enicfer"
TOP_LEVEL = {"__init__", "errors", "expressions"}

# A room may import of the rooms before it, and of itself. Imports inside functions count.
ROOMS = (
    *("errors", "expressions", "records", "config", "io", "models", "sync", "timecourse", "faces"),
    *(
        "export",
        "report",
        "pipeline",
        "training",
        "saliency",
        "synthetic",
        "batch",
        "privacy",
        "bids",
        "review",
        "coding",
        "doctor",
    ),
    "cli",
)
# Rooms that need nothing of these, though they stand behind them.
STRANGERS = {
    "io": {"models"},
    "sync": {"io", "models"},
    "timecourse": {"io", "models", "sync"},
    "faces": {"sync", "timecourse", "models"},
    "export": {"models", "faces", "sync"},
    "report": {"models", "faces"},
    "training": {"pipeline", "export", "sync", "timecourse"},
    "saliency": {"pipeline", "export", "training", "sync"},
    "synthetic": {"pipeline", "export", "training", "sync", "faces", "models"},
    "batch": {"training", "saliency", "synthetic", "faces", "models"},
    "bids": {"training", "saliency", "synthetic", "faces", "models", "timecourse", "batch", "report"},
    "review": {"training", "saliency", "synthetic", "faces", "models", "privacy", "bids"},
    "doctor": {
        "training",
        "saliency",
        "batch",
        "privacy",
        "bids",
        "review",
        "coding",
        "export",
        "report",
        "pipeline",
    },
    "coding": {"training", "saliency", "synthetic", "sync", "models", "privacy", "bids"},
}
PURE = {"expressions", "records", "sync", "timecourse"}
OUTSIDE = {"cv2", "torch", "av", "mne", "h5py", "matplotlib", "onnxruntime", "urllib", "socket"}


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")


MODULES = {name_of(path): path for path in sorted(PACKAGE.rglob("*.py"))}


@cache
def imports(path: Path) -> frozenset[str]:
    """Every module that is imported, at the top, for types, and inside functions."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            full = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if name in MODULES else node.module for name in full}
    return frozenset(found)


def inside(name: str) -> set[str]:
    return {found for found in imports(MODULES[name]) if found in MODULES and found != "enicfer"}


def room(name: str) -> str:
    return [*name.split("."), "__init__"][1]


def test_the_top_level_is_vocabulary():
    assert {path.stem for path in PACKAGE.glob("*.py")} == TOP_LEVEL
    rooms = {path.name for path in PACKAGE.iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert rooms == set(ROOMS) - TOP_LEVEL


@pytest.mark.parametrize("name", [n for n in MODULES if n != "enicfer"])
def test_dependencies_point_one_way(name):
    mine = room(name)
    allowed = set(ROOMS[: ROOMS.index(mine) + 1]) - STRANGERS.get(mine, set())
    assert {room(found) for found in inside(name)} <= allowed


def test_no_modules_import_each_other():
    waiting = {name: inside(name) for name in MODULES}
    while ready := {name for name, needed in waiting.items() if not needed & set(waiting)}:
        waiting = {name: needed for name, needed in waiting.items() if name not in ready}
    assert not waiting, f"in a circle, or behind one: {sorted(waiting)}"


@pytest.mark.parametrize("name", [n for n in MODULES if room(n) in PURE])
def test_pure_rooms_touch_no_files_no_pictures_no_networks(name):
    assert not {found.split(".")[0] for found in imports(MODULES[name])} & OUTSIDE


def test_import_is_light_and_has_no_side_effect():
    heavy = "{'torch', 'mne', 'cv2', 'av', 'matplotlib', 'onnxruntime', 'face_alignment', 'pandas'}"
    code = f"import sys, enicfer; print(sorted(set(sys.modules) & {heavy}))"
    out = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120
    )
    assert out.stdout.strip() == "[]"
    assert out.stderr == ""


def test_every_public_name_can_be_had():
    import enicfer

    for name in enicfer.__all__:
        assert getattr(enicfer, name) is not None
