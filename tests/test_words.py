"""One term for each thing: those that were renamed do not come back, and no two things share a name."""

import ast
import re
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "enicfer"

# Old term, as a pattern -> what it is called now. Prose and messages; names of columns and keys of files stay.
RENAMED = {
    r"\bframes? (that (has|have) an|with an) answer\b": "valid frame",
    r"\bframes? (that (has|have) no|without an) answer\b": "invalid frame",
    r"\b(has|have|having) (an|no) answer\b": "is valid, is not valid",
    r"\banswered (frames?|part)\b": "valid frames",
    r"\bspans? of (one|a|the) (dominant )?expression\b": "segment of an expression",
    r"\b(span|stretch) in which the face was lost\b": "segment in which the face was lost",
    r"\bgoes back, as where it paused\b": "has stamps that go back",
    r"\bkeeps its files and is none\b": "has the same files, so nothing is said of it",
}
# Names of the program that were renamed, and what they are called; "" where they are gone.
NAMES = {
    "Seen": "Observations",
    "watch_once": "KeptRecords",
    "Course": "TimeCourse",
    "follow_course": "derive_time_course",
    "Tools": "LoadedModels",
    "Team": "GradientWorkers",
    "Places": "BatchFolders",
    "_mind_size": "",
    "_say_resized": "",
    "describe_gaze": "",  # gaze is eye tracking in this field
    "Expressions": "TraceSettings",
    "json_ready": "to_plain",
}
# These rooms have their own words for now.
OTHERS = ("faces/", "sync/", "review/", "pipeline/cache.py", "pipeline/observe.py")


def prose():
    package = (
        path
        for path in sorted(PACKAGE.rglob("*"))
        if path.suffix in (".py", ".html") and not path.relative_to(PACKAGE).as_posix().startswith(OTHERS)
    )
    return [*package, *sorted((ROOT / "docs").rglob("*.md")), ROOT / "CONTRIBUTING.md"]


def defined(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            yield node.name


@pytest.mark.parametrize("old", RENAMED)
def test_renamed_terms_do_not_come_back(old):
    found = {
        path.relative_to(ROOT).as_posix(): words
        for path in prose()
        if (
            words := [
                m.group(0) for m in re.finditer(old, " ".join(path.read_text(encoding="utf-8").split()))
            ]
        )
    }
    assert found == {}, f"say: {RENAMED[old]}"


def test_renamed_names_do_not_come_back():
    names = {name for path in PACKAGE.rglob("*.py") for name in defined(path)}
    assert names & set(NAMES) == set()


def test_no_two_classes_have_one_name():
    count = Counter(
        node.name
        for path in PACKAGE.rglob("*.py")
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.ClassDef)
    )
    assert [name for name, n in count.items() if n > 1 and not name.startswith("_")] == []
