"""One style of docstrings: numpydoc, with the types in the signature, where mypy holds them.

Ruff (`D`, convention numpy) holds the form; here is what it does not look at: that what is described is there.
"""

import ast
import re
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "enicfer"
MODULES = {path.relative_to(PACKAGE).as_posix(): path for path in sorted(PACKAGE.rglob("*.py"))}
ORDER = ["Parameters", "Attributes", "Returns", "Yields", "Raises", "Notes", "References", "Examples"]
SECTION = re.compile(r"^(\w[\w ]*)\n-{3,}\n((?:(?!^\w[\w ]*\n-{3,}$).*\n?)*)", re.M)


def described(docstring):
    """Section -> its entries: the lines that are not indented."""
    return {
        name: [line for line in text.split("\n") if line and not line.startswith(" ")]
        for name, text in SECTION.findall(docstring)
    }


def members(node):
    """Parameters of a function; fields, properties and attributes of a class, and what it is made with."""
    if isinstance(node, ast.FunctionDef):
        given = node.args
        named = (*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg)
        return {entry.arg for entry in named if entry is not None}
    found = set()
    for inner in ast.walk(node):
        targets = inner.targets if isinstance(inner, ast.Assign) else [getattr(inner, "target", None)]
        found |= {target.id for target in targets if isinstance(target, ast.Name)}
        found |= {target.attr for target in targets if isinstance(target, ast.Attribute)}
        if isinstance(inner, ast.FunctionDef):
            found |= {inner.name} | (members(inner) if inner.name == "__init__" else set())
    return found


def find_faults(code):
    for node in ast.walk(ast.parse(code)):
        if not isinstance(node, ast.FunctionDef | ast.ClassDef) or not (text := ast.get_docstring(node)):
            continue
        sections = described(text)
        if (known := [name for name in sections if name in ORDER]) != sorted(known, key=ORDER.index):
            yield f"{node.name}: sections are in the order {', '.join(known)}"
        for section in ("Parameters", "Attributes"):
            for entry in sections.get(section, ()):
                if " : " in entry:
                    yield f"{node.name}: the type of {entry!r} stands in the signature"
                names = [name.strip().lstrip("*") for name in entry.partition(" : ")[0].split(",")]
                yield from (f"{node.name} has no {name}" for name in names if name not in members(node))


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        ("Parameters\n    ----------\n    a, b\n        One.\n", []),
        ("Parameters\n    ----------\n    a : int\n        One.\n", ["the type of 'a : int'"]),
        ("Parameters\n    ----------\n    a, c\n        One.\n", ["has no c"]),
        (
            "Raises\n    ------\n    OSError\n\n    Returns\n    -------\n    int\n",
            ["in the order Raises, Returns"],
        ),
    ],
)
def test_faults_are_found(text, faults):
    found = list(find_faults(f'def f(a, *, b):\n    """Do.\n\n    {text}    """\n'))
    assert len(found) == len(faults) and all(words in said for words, said in zip(faults, found, strict=True))


@pytest.mark.parametrize("name", MODULES)
def test_docstrings_describe_what_is_there(name):
    assert list(find_faults(MODULES[name].read_text(encoding="utf-8"))) == []
