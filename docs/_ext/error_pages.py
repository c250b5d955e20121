"""A page of every error: the classes, and every sentence that the program raises, read from its source."""

import ast
import inspect
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import enicfer
from enicfer import errors
from enicfer.errors import EnicferError

PACKAGE = Path(enicfer.__file__).parent


def error_classes() -> list[type[EnicferError]]:
    """Every error class, the base first."""
    return [one for one in vars(errors).values() if inspect.isclass(one) and issubclass(one, EnicferError)]


def words_of(node: ast.AST) -> str:
    """A text in the source, with what it fills in shown as an ellipsis; "" where it is no text."""
    if isinstance(node, ast.Constant):
        return str(node.value) if isinstance(node.value, str) else ""
    if isinstance(node, ast.JoinedStr):
        return "".join(words_of(one) if isinstance(one, ast.Constant) else filled(one) for one in node.values)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return (words_of(node.left) or "…") + (words_of(node.right) or "…")
    if isinstance(node, ast.Name) and node.id in ("OVERWRITE", "OUTPUT"):
        return {"OVERWRITE": "--overwrite", "OUTPUT": "--output"}[node.id]
    return ""


def filled(node: ast.AST) -> str:
    """What stands for a value in a message: an option by its flag, anything else as an ellipsis."""
    value = node.value if isinstance(node, ast.FormattedValue) else node
    if isinstance(value, ast.Call) and getattr(value.func, "id", "") == "option":
        return words_of(value.args[1])
    return words_of(value) if isinstance(value, ast.Name) and words_of(value) else "…"


def sentences(path: Path, names: set[str]) -> Iterator[tuple[str, str]]:
    """Class and sentence of every error that a module makes of a text of its own."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call) or not node.args:
            continue
        name = getattr(node.func, "id", "")
        name = "InputError" if name == "error" else name  # one that was handed over, which is a kind of it
        if name not in names:
            continue
        cause = words_of(node.args[0]).strip()
        remedy = next((words_of(one.value) for one in node.keywords if one.arg == "remedy"), "")
        if len(re.findall(r"[A-Za-z]{2,}", cause)) >= 2:
            yield name, f"{cause}: {remedy}." if remedy else cause


def every_sentence() -> dict[str, list[tuple[str, str]]]:
    """Error class -> pairs of room and sentence, sorted."""
    names = {one.__name__ for one in error_classes()}
    found: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for path in sorted(PACKAGE.rglob("*.py")):
        room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        for name, text in sentences(path, names):
            found[name].add((room, " ".join(text.split())))
    return {name: sorted(texts) for name, texts in sorted(found.items())}


def escape(text: str) -> str:
    """Letter by letter in a cell of a table."""
    return re.sub(r"([\\*_<>\[\]|`$])", r"\\\1", text)


def error_page() -> str:
    """The page."""
    lines = [
        "# Errors",
        "",
        "An error says in one sentence what was found, where, and what to do. Look for its words on this page:",
        "`…` stands for what differs from case to case. In Python every error is an `EnicferError` with `cause`,",
        "`place` and `remedy`. On the command line it is the last line, and the exit code is not 0.",
        "",
        "| class | kind of | what it means |",
        "| --- | --- | --- |",
    ]
    said = every_sentence()
    for one in error_classes():
        about = (inspect.getdoc(one) or "").partition("\n\n")[0].replace("\n", " ")
        name = f"[`{one.__name__}`](#{one.__name__.lower()})" if one.__name__ in said else f"`{one.__name__}`"
        lines.append(f"| {name} | `{one.__mro__[1].__name__}` | {about} |")
    lines += [
        "",
        "What is no mistake of yours (the disk is full, a file may not be read, memory ran out) is one sentence too.",
        "What is a fault of the program ends with how to report it; `enicfer doctor` prints what a report needs.",
        "",
    ]
    for name, texts in said.items():
        lines += [f"## {name}", "", "| where | sentence |", "| --- | --- |"]
        lines += [f"| {room} | {escape(text)} |" for room, text in texts]
        lines.append("")
    return "\n".join(lines)
