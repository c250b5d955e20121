"""Release a version in one command: ``python packaging/release.py 0.2.0 --push``.

It writes the version wherever it stands (`PLACES`; the package's own is ``enicfer.__version__``), dates the
changelog, runs the tests of the release, commits and tags. Pushing the tag starts ``.github/workflows/release.yml``,
which builds, checks and publishes. Without ``--push`` everything stays here, and ``git push --follow-tags`` sends it.
"""

import argparse
import datetime
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# File -> what stands before the version, and after it.
PLACES = {
    "enicfer/__init__.py": [('__version__ = "', '"')],
    "CITATION.cff": [("\nversion: ", "\n")],
    "codemeta.json": [('"version": "', '"')],
    "packaging/conda/recipe.yaml": [('  version: "', '"')],
    "packaging/apptainer.def": [("image.version ", "\n"), ("enicfer-", "-py3")],
    "packaging/Dockerfile": [("VERSION=", " "), ("enicfer:", " ")],
}
VERSION = r"\d+\.\d+\.\d+(?:(?:a|b|rc)\d+)?"
NEXT = "## [Unreleased]"


def set_version(root: Path, version: str, date: str) -> None:
    """Write the version and the date of its release everywhere.

    Parameters
    ----------
    root
        Folder of the repository.
    version
        Such as ``0.2.0``.
    date
        Such as ``2026-12-01``.

    Raises
    ------
    ValueError
        If a place has no version, or the changelog nothing new.
    """
    for name, marks in PLACES.items():
        text = (root / name).read_text(encoding="utf-8")
        for before, after in marks:
            text, n = re.subn(
                f"({re.escape(before)}){VERSION}(?={re.escape(after)})", rf"\g<1>{version}", text
            )
            if not n:
                raise ValueError(f"{name} has no version after {before!r}.")
        if name == "CITATION.cff":
            text = re.sub(r"\ndate-released: .*", "", text)
            text = text.replace(f"\nversion: {version}", f"\nversion: {version}\ndate-released: {date}")
        (root / name).write_text(text, encoding="utf-8")
    path = root / "CHANGELOG.md"
    text = path.read_text(encoding="utf-8")
    new = text.partition(NEXT)[2].partition("\n## [")[0]
    if "\n- " not in new:
        raise ValueError("CHANGELOG.md has nothing under [Unreleased].")
    path.write_text(text.replace(NEXT, f"{NEXT}\n\n## [{version}] - {date}", 1), encoding="utf-8")


def _run(*command: str) -> str:
    return subprocess.run(command, cwd=ROOT, check=True, text=True, stdout=subprocess.PIPE).stdout


def main() -> None:
    """Release, or say in one sentence why not."""
    parser = argparse.ArgumentParser(description=str(__doc__).split("\n")[0])
    parser.add_argument("version", help="such as 0.2.0")
    parser.add_argument("--push", action="store_true", help="send the commit and the tag, which publishes")
    given = parser.parse_args()
    if not re.fullmatch(VERSION, given.version):
        sys.exit(f"{given.version} is no version: write it as 0.2.0 or 0.2.0rc1.")
    if _run("git", "status", "--porcelain"):
        sys.exit("There are changes that are not committed: commit or stash them first.")
    if _run("git", "tag", "--list", f"v{given.version}"):
        sys.exit(f"v{given.version} is released already: give the next version.")
    try:
        set_version(ROOT, given.version, datetime.date.today().isoformat())
        subprocess.run([sys.executable, "-m", "pytest", "tests/packaging"], cwd=ROOT, check=True)
    except (ValueError, subprocess.CalledProcessError) as error:
        _run("git", "checkout", "--", ".")
        sys.exit(f"Not released, and everything is as it was: {error}")
    _run("git", "commit", "--all", "--message", f"Version {given.version}")
    _run("git", "tag", "--annotate", f"v{given.version}", "--message", f"Version {given.version}")
    if given.push:
        _run("git", "push", "--follow-tags")
    print(
        f"Version {given.version} is {'sent' if given.push else 'tagged: git push --follow-tags publishes it'}."
    )


if __name__ == "__main__":
    main()
