"""Every command where something is wrong around it: places, names, streams, memory, inputs that nest deeply.

Survived: it ends in time, with exit code 0 or with one sentence and another, without a traceback or a fault, and
results that were there are as they were (or, with exit code 0, are new).
"""

import os
import resource
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.commands_killed import COMMANDS, content, in_fork, make_inputs_in_fork

LONG = "n" * 300
DEEP = b"[" * 200_000
MEMORY = 48 << 20  # bytes beyond what the process has

# Those that only read, after those that write; inputs of all are made by `commands_killed.make_inputs`.
READING: dict[str, tuple[str, ...]] = {
    "share-check": ("share-check", "result"),
    "events": ("events", "s1"),
    "protocols": ("protocols", "own.toml"),
    "doctor": ("doctor", "--no-test"),
    "codebooks": ("codebooks", "book.toml"),
    "models list": ("models", "list"),
    "slurm-script": ("slurm-script", "study", "--output", "many"),
    "code without a plan": ("code", "result", "--coder", "Anna"),
    "review clean": ("review", "result", "--clean"),
    "cache list": ("cache", "result"),
    "forget dry": ("forget", "result", "sub-01", "--dry-run"),
    "process-sessions dry": ("process-sessions", "study", "--output", "many", "--dry-run"),
    "dataset check": ("dataset", "check", "pictures"),
}
EVERY: dict[str, tuple[str, ...]] = {**{name: one.arguments for name, one in COMMANDS.items()}, **READING}
_OUTPUT = ("-o", "--output", "--sheet", "--contact-sheet")


@dataclass(frozen=True)
class Trouble:
    """``change`` gives other arguments, or None where it does not apply; ``first`` is done in the fork before."""

    change: Callable[[tuple[str, ...], Path], tuple[str, ...] | None] = lambda arguments, folder: arguments
    first: Callable[[], None] = lambda: None
    silent: bool = False  # what it says cannot be seen


def _outputs(arguments: Sequence[str]) -> list[int]:
    """Places of outputs among the arguments."""
    found = [i + 1 for i, word in enumerate(arguments[:-1]) if word in _OUTPUT]
    place = {"example-session": 1, "process-dataset": 2, "bidsify": 2}.get(arguments[0])
    return [*found, *([place] if place else [])]


def _inputs(arguments: Sequence[str], folder: Path) -> list[int]:
    """Places of inputs: what exists."""
    return [
        i
        for i, word in enumerate(arguments)
        if i and i not in _outputs(arguments) and (folder / word).exists()
    ]


def _put(
    places: Callable[..., list[int]], word: Callable[[str], str]
) -> Callable[..., tuple[str, ...] | None]:
    def change(arguments: tuple[str, ...], folder: Path) -> tuple[str, ...] | None:
        where = places(arguments) if places is _outputs else places(arguments, folder)
        if not where:
            return None
        return tuple(word(text) if i in where else text for i, text in enumerate(arguments))

    return change


def _deepen(arguments: tuple[str, ...], folder: Path) -> tuple[str, ...] | None:
    """The text files that are read, or that lie in the folders that are, hold brackets without an end."""
    ends = (".toml", ".json", ".csv", ".tsv", ".vhdr", ".vmrk", ".h5", ".safetensors")
    found = False
    for i in _inputs(arguments, folder):
        place = folder / arguments[i]
        for path in [place] if place.is_file() else sorted(place.rglob("*")):
            if path.is_file() and path.suffix in ends:
                head = b"a = " if path.suffix == ".toml" else b'{"a": ' if path.suffix == ".json" else b""
                path.unlink()
                path.write_bytes(head + DEEP)
                found = True
    return arguments if found else None


def _close(*numbers: int) -> Callable[[], None]:
    def close() -> None:
        import sys

        for number in numbers:
            os.close(number)
            setattr(sys, ("stdin", "stdout", "stderr")[number], None)

    return close


def _fill() -> None:
    os.dup2(os.open("/dev/full", os.O_WRONLY), 1)


def _starve() -> None:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    limit = pages * resource.getpagesize() + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def _below_file(word: str) -> str:
    return f"file/{Path(word).name}"


TROUBLES: Mapping[str, Trouble] = {
    "output below a file": Trouble(_put(_outputs, _below_file)),
    "output in a place of devices": Trouble(_put(_outputs, lambda word: f"/proc/{Path(word).name}")),
    "output of 300 letters": Trouble(_put(_outputs, lambda word: LONG + Path(word).suffix)),
    "input of 300 letters": Trouble(_put(_inputs, lambda word: LONG + Path(word).suffix)),
    "input below a file": Trouble(_put(_inputs, _below_file)),
    "deep nesting": Trouble(_deepen),
    "full output": Trouble(first=_fill),
    "closed input": Trouble(first=_close(0)),
    "closed output": Trouble(first=_close(1)),
    "closed errors": Trouble(first=_close(2), silent=True),
    "all closed": Trouble(first=_close(0, 1, 2), silent=True),
    "little memory": Trouble(first=_starve),
}
CHEAP = [
    name for name in TROUBLES if ("output" in name and "300" in name) or "below" in name or "input of" in name
]


def attempt(name: str, trouble: str, inputs: Path, place: Path) -> str | None:
    """Why a command did not survive, nothing if it did, or None where the trouble is none for it."""
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    folder = Path(shutil.copytree(inputs, place / "here", symlinks=True))
    (folder / "file").write_bytes(b"precious")
    (folder / "own.toml").write_bytes((Path(__file__).parents[1] / "protocols" / "eeg-led.toml").read_bytes())
    what = TROUBLES[trouble]
    one = COMMANDS.get(name)
    changed = what.change(EVERY[name], folder)
    if changed is None:
        return None
    for arguments in one.before if one is not None and trouble not in CHEAP else ():
        in_fork(folder, arguments)
    before = content(folder, one) if one is not None else {}
    code, _, said = in_fork(folder, changed, first=what.first)
    return _judge(name, code, said, what, before, content(folder, one) if one is not None else {}, folder)


def _judge(
    name: str,
    code: int,
    said: str,
    what: Trouble,
    before: Mapping[str, str],
    after: Mapping[str, str],
    folder: Path,
) -> str:
    if code < 0:
        return f"ended by the signal {-code}: {said[-200:]}"
    if "Traceback" in said or "fault of enicfer" in said:
        return f"a fault: {said[-400:].strip()}"
    if code not in (0, 1, 2, 3):
        return f"exit code {code}: {said[-200:]}"
    # Of 3, and of findings before sharing, standard output tells.
    if code in (1, 2) and not what.silent and not said.strip() and name != "share-check":
        return f"exit code {code} without a sentence"
    if (folder / "file").read_bytes() != b"precious":
        return "a file in the way was changed"
    printed = "command prints cannot be written" not in said  # else the new results are there, and whole
    if code == 1 and printed and any(after.get(file) != value for file, value in before.items()):
        return "earlier results were changed"
    return ""


def attempt_all(folder: str, asked: Mapping[str, list[str]]) -> dict[str, str]:
    """What did not survive, by command and trouble; ``asked`` are the troubles of each command."""
    inputs = Path(folder) / "inputs"
    make_inputs_in_fork(inputs)
    found = {
        f"{name}, {trouble}": attempt(name, trouble, inputs, Path(folder) / "work")
        for name, troubles in asked.items()
        for trouble in troubles
    }
    return {place: why for place, why in found.items() if why}
