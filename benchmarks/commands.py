"""Every command killed at every change of the disk, and every command where something around it is wrong.

    python benchmarks/commands.py [--kills 20] [--only NAME...] [--output FILE.md]

``--kills`` is the number of seeded moments for each command, 0 for all of them. See `tests/commands_killed.py` and
`tests/every_command.py` for what counts as survived.
"""

import argparse
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.commands_killed import COMMANDS, Trial, make_inputs_in_fork
from tests.every_command import EVERY, TROUBLES, attempt


def kill_all(
    inputs: Path, place: Path, most: int, only: list[str]
) -> Iterator[tuple[str, int, int, list[str]]]:
    """Name of each command, its changes, the moments tried, and what was wrong."""
    for name in only or COMMANDS:
        trial = Trial(name, inputs, place)
        calls = list(range(1, trial.calls + 1))
        chosen = sorted(random.Random(0).sample(calls, most)) if 0 < most < len(calls) else calls
        yield name, trial.calls, len(chosen), [why for call in chosen if (why := trial.kill(call))]
        shutil.rmtree(place)


def trouble_all(inputs: Path, place: Path) -> Iterator[tuple[str, int, list[str]]]:
    """Name of each trouble, the commands tried, and what was wrong."""
    for trouble in TROUBLES:
        found = {name: attempt(name, trouble, inputs, place) for name in EVERY}
        tried = {name: why for name, why in found.items() if why is not None}
        yield trouble, len(tried), [f"{name}: {why}" for name, why in tried.items() if why]


def main() -> None:
    """Try all, and write the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--only", nargs="+", default=[])
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "results" / "commands.md")
    given = parser.parse_args()
    begin = time.perf_counter()
    lines = ["# Commands that are killed, and commands in trouble (`benchmarks/commands.py`)", ""]
    lines += ["| command | changes of the disk | killed at | whole afterwards |", "| --- | --- | --- | --- |"]
    lost: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        inputs = Path(folder) / "inputs"
        make_inputs_in_fork(inputs)
        for name, changes, tried, wrong in kill_all(inputs, Path(folder) / "trial", given.kills, given.only):
            lines.append(f"| {name} | {changes} | {tried} | {tried - len(wrong)} |")
            lost += wrong
            print(lines[-1], *wrong, sep="\n", flush=True)
        if not given.only:
            lines += ["", "| trouble | commands | survived |", "| --- | --- | --- |"]
            for trouble, tried, wrong in trouble_all(inputs, Path(folder) / "work"):
                lines.append(f"| {trouble} | {tried} | {tried - len(wrong)} |")
                lost += [f"{trouble}: {why}" for why in wrong]
                print(lines[-1], *wrong, sep="\n", flush=True)
    lines += ["", "Not survived:", "", *(f"- {why}" for why in lost)] if lost else []
    given.output.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"{time.perf_counter() - begin:.0f} s")


if __name__ == "__main__":
    main()
