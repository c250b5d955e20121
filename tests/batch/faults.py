"""Run as a program: disturbs a study again and again, each time in a process of its own.

``faults.py FOLDER N SEED``: for each of ``N`` seeded moments (the k-th renaming of a file), a child process dies
there as by ``kill -9``, another resumes, and the outputs must have the bytes of an undisturbed run. Prints a
line of JSON.
"""

import json
import os
import random
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))
sys.path.insert(0, str(Path(__file__).parent))

import study

import enicfer.pipeline.process
import enicfer.report
from tests.limits import wait_for


def in_child(action) -> int:
    """Signal or exit code with which a copy of this process ended."""
    pid = os.fork()
    if not pid:
        try:
            action()
        except BaseException as error:
            print(repr(error), file=sys.stderr)
            os._exit(1)
        os._exit(0)
    return wait_for(pid)


def count_renamings(folder: Path, output: Path) -> int:
    count = [0]
    replace = Path.replace

    def counted(self, target):
        count[0] += 1
        return replace(self, target)

    Path.replace = counted
    study.run_study(folder, output)
    Path.replace = replace
    return count[0]


def main(place: Path, n: int, seed: int) -> None:
    enicfer.pipeline.process.process_session = study.process_without_video
    study.make_study(place / "study", 1)
    total = count_renamings(place / "study", place / "whole")
    whole = study.content(place / "whole")
    moments = sorted(random.Random(seed).sample(range(1, total + 1), min(n, total)))
    found = []
    for moment in moments:
        output = place / f"at-{moment}"

        def disturbed(output=output, moment=moment):
            study.die_at(moment)
            study.run_study(place / "study", output)

        died = in_child(disturbed)
        resumed = in_child(lambda output=output: study.run_study(place / "study", output))
        same = study.content(output) == whole
        left = [p.name for p in (output / ".enicfer" / "unfinished").glob("*")]
        partial = [p.name for p in output.rglob(".partial-*") if ".enicfer" not in p.parts]
        found.append(
            {"moment": moment, "died": died, "resumed": resumed, "same": same, "left": left + partial}
        )
    print(json.dumps({"total": total, "found": found}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
