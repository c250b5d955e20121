"""Errors are sentences for people and fields for programs; each reader sees options as they give them."""

import ast
import pickle
import re
from pathlib import Path

import pytest

from enicfer.errors import OUTPUT, OVERWRITE, AlignmentError, EnicferError, InputError, OutputError, option

PACKAGE = Path(__file__).resolve().parents[1] / "enicfer"
# Where a sentence is only ever read on the command line, or names an option of another program.
TOLD = ("cli", "faces", "batch/cluster.py", "batch/slurm.py")
FLAG = re.compile(r"(?<![\w-])--[a-z][a-z-]+")
OTHERS = {
    "--force",
    "--all",
    "--pictures",
    "--sha256",
}  # of pip, of `enicfer forget` and `enicfer models add`

KINDS = {
    *("EnicferError", "InputError", "FormatError", "PointError", "ProtocolError", "AlignmentError"),
    *("ModelError", "OutputError"),
}
# Errors without a remedy of their own: module -> how many, and why.
WITHOUT = {
    # Parts of a sentence: the reader that catches them names the file, and says what to do with it.
    "records/plain.py": 4,
    "records/validity.py": 17,
    "io/camera_frames.py": 3,
    "io/results.py": 1,
    "saliency/face_maps.py": 2,
}
# Rooms whose errors still say cause and remedy in one sentence: how many, which may only become fewer.
STILL = {"coding": 30, "review": 32, "sync": 39}


def refused():
    return OutputError(
        "out is there already",
        place=Path("out"),
        remedy=f"give {OVERWRITE} to replace it, or another {OUTPUT}",
    )


def test_the_parts_of_an_error_are_its_fields():
    error = refused()
    assert (error.cause, error.place) == ("out is there already", Path("out"))
    assert error.remedy == "give overwrite=True to replace it, or another output"
    assert str(error) == f"{error.cause}: {error.remedy}."


def test_the_command_line_reads_flags():
    said = "out is there already: give --overwrite to replace it, or another --output."
    assert refused().for_command_line() == said
    error = InputError(f"{option('faces', '--face')} points into one video.")
    assert (str(error), error.cause) == ("faces points into one video.",) * 2
    assert error.for_command_line() == "--face points into one video."
    assert error.remedy == "" and error.place is None


@pytest.mark.parametrize("kind", [EnicferError, InputError, AlignmentError])
def test_an_error_is_the_same_after_the_way_from_a_worker(kind):
    error = kind("a", place="b", remedy=f"give {OVERWRITE}")
    back = pickle.loads(pickle.dumps(error))
    assert type(back) is kind and str(back) == str(error) == "a: give overwrite=True."
    assert (back.cause, back.place, back.remedy) == (error.cause, error.place, error.remedy)
    assert back.for_command_line() == error.for_command_line() == "a: give --overwrite."


def test_the_command_prints_the_flag_and_python_the_keyword(tmp_path, capsys, monkeypatch):
    from enicfer.cli import main
    from enicfer.io.files.places import check_free

    there = tmp_path / "a.h5"
    there.touch()
    with pytest.raises(OutputError, match=r"a\.h5 is there already: give overwrite=True to replace it"):
        check_free(there, overwrite=False)
    monkeypatch.setattr("sys.argv", ["enicfer", "anything"])
    monkeypatch.setattr(main, "_run", lambda *_: check_free(there, overwrite=False))
    with pytest.raises(SystemExit) as left:
        main.main()
    assert left.value.code == 1
    assert "is there already: give --overwrite to replace it, or another name." in capsys.readouterr().err


def flags_in(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            named = {
                id(text)
                for call in ast.walk(node.exc)
                if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "option"
                for text in ast.walk(call)
            }
            for text in ast.walk(node.exc):
                if isinstance(text, ast.Constant) and isinstance(text.value, str) and id(text) not in named:
                    yield from (f"{node.lineno}: {flag}" for flag in set(FLAG.findall(text.value)) - OTHERS)


def test_no_error_names_a_flag_that_python_does_not_have():
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        name = path.relative_to(PACKAGE).as_posix()
        if not name.startswith(TOLD) and (flags := list(flags_in(path))):
            found[name] = flags
    assert found == {}


def without_remedy(path):
    """Lines of a module that make one of our errors and do not say what to do."""
    calls = (n for n in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(n, ast.Call))
    for call in calls:
        kind = getattr(call.func, "id", getattr(call.func, "attr", ""))
        if kind in KINDS and "remedy" not in {keyword.arg for keyword in call.keywords}:
            yield call.lineno


def test_an_error_without_remedy_is_found(tmp_path):
    module = tmp_path / "a.py"
    module.write_text(
        'raise InputError("a")\nraise errors.OutputError("b", remedy="c")\nraise ValueError("d")\n'
    )
    assert list(without_remedy(module)) == [1]


def test_every_error_says_what_to_do():
    found = {
        path.relative_to(PACKAGE).as_posix(): list(without_remedy(path)) for path in PACKAGE.rglob("*.py")
    }
    rooms = {room: sum(len(n) for name, n in found.items() if name.startswith(f"{room}/")) for room in STILL}
    others = {name: lines for name, lines in found.items() if lines and name.split("/")[0] not in STILL}
    assert {name: len(lines) for name, lines in others.items()} == WITHOUT, f"give remedy=: {others}"
    assert rooms == STILL, "give remedy=, or lower the number"


@pytest.mark.parametrize(
    ("cause", "said"),
    [
        ("a is no table", "a is no table: copy it again."),
        ("a cannot be read: no space", "a cannot be read: no space; copy it again."),
        ("a is no table. It is empty.", "a is no table. It is empty. Copy it again."),
    ],
)
def test_cause_and_remedy_make_sentences(cause, said):
    error = InputError(cause, place="a", remedy="copy it again")
    assert str(error) == error.for_command_line() == said


def test_an_error_can_be_said_of_what_it_was_found_in():
    error = refused().said_of("Fold 1")
    assert type(error) is OutputError and error.place == Path("out")
    assert str(error).startswith("Fold 1: out is there already; give overwrite=True to replace it")
    assert "--overwrite" in error.for_command_line()


LONGEST = 24  # words of a sentence, or of a part of one that a colon or semicolon ends; a value counts as one


def text_of(node):
    """What a string or f-string says, with X for each value."""
    if isinstance(node, ast.JoinedStr):
        return "".join(text_of(part) for part in node.values)
    return str(node.value) if isinstance(node, ast.Constant) else "X"


def test_sentences_of_errors_are_short():
    long = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        name = path.relative_to(PACKAGE).as_posix()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if name.split("/")[0] in STILL or not isinstance(node, ast.Call) or not node.args:
                continue
            if getattr(node.func, "id", getattr(node.func, "attr", "")) in KINDS:
                parts = [
                    text_of(node.args[0]),
                    *(text_of(k.value) for k in node.keywords if k.arg == "remedy"),
                ]
                for part in (part for text in parts for part in re.split(r"(?<=[.;:!?]) ", text)):
                    if len(part.split()) > LONGEST:
                        long[f"{name}:{node.lineno}"] = part
    assert long == {}
