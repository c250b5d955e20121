"""How much room each package that enicfer needs takes, what it brings along, and what its import costs.

    python benchmarks/install.py > benchmarks/results/install.md

Run it in an environment that has enicfer alone. Sizes are those of the installed files, in MB of 10^6 bytes; a
package that several need counts for none of them. The import is that of a new Python whose files were read before:
seconds of the processor, the median of five, without those that Python itself takes.
"""

import re
import resource
import statistics
import subprocess
import sys
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution, packages_distributions, requires

from packaging.markers import Marker
from packaging.requirements import Requirement

REPEATS = 5
HELP = "from enicfer.cli.main import cli; cli(['--help'], standalone_mode=False)"
# Packages whose module has another name.
MODULES = {
    "opencv-python": "cv2",
    "pillow": "PIL",
    "scikit-image": "skimage",
    "face-alignment": "face_alignment",
    "lazy-loader": "lazy_loader",
}


def needed(name: str) -> list[str]:
    """Packages that a package needs here, without extras."""
    found = (Requirement(line) for line in requires(name) or ())
    return [
        one.name for one in found if one.marker is None or Marker(str(one.marker)).evaluate({"extra": ""})
    ]


@cache
def size(name: str) -> float:
    """MB of the files of one package."""
    files = distribution(name).files or ()
    return sum(path.stat().st_size for path in (file.locate() for file in files) if path.is_file()) / 1e6


def closure(name: str) -> set[str]:
    """A package and all that it needs."""
    found: set[str] = set()
    waiting = [name]
    while waiting:
        one = re.sub(r"[-_.]+", "-", waiting.pop()).lower()
        if one in found:
            continue
        try:
            waiting += needed(one)
        except PackageNotFoundError:
            continue
        found.add(one)
    return found


def seconds(statement: str) -> float:
    """Processor time of a new Python that runs a statement: the median."""
    took = []
    for _ in range(REPEATS):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-c", statement], check=True, capture_output=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        took.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return statistics.median(took)


def main() -> None:
    """Print the table."""
    direct = [name for name in needed("enicfer")]
    others = {name: closure(name) for name in direct}
    whole = closure("enicfer")
    bare = seconds("pass")
    there = packages_distributions()
    rows = []
    for name in direct:
        rest = set().union(*(others[one] for one in direct if one != name))
        alone = others[name] - rest - {name}
        module = MODULES.get(name, name.replace("-", "_"))
        assert module in there, module
        own = size(name)
        rows.append((own + sum(map(size, alone)), name, own, alone, seconds(f"import {module}") - bare))
    print("# Packages that enicfer needs (`benchmarks/install.py`)\n")
    print("| package | its files (MB) | only it brings (MB) | which | import (processor, s) |")
    print("| --- | --- | --- | --- | --- |")
    for _, name, own, alone, took in sorted(rows, reverse=True):
        brought = ", ".join(sorted(alone)) or "-"
        print(f"| {name} | {own:.1f} | {sum(map(size, alone)):.1f} | {brought} | {max(took, 0):.2f} |")
    print(
        f"\nAll {len(whole)} packages: {sum(map(size, whole)):.0f} MB, enicfer itself {size('enicfer'):.1f} MB."
    )
    print(f"`import enicfer` takes {max(seconds('import enicfer') - bare, 0):.2f} s, ", end="")
    print(f"`enicfer --help` {seconds(HELP):.2f} s with Python itself.")


if __name__ == "__main__":
    main()
