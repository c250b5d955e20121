"""Fuzz one reader, guided by its coverage: ``python tests/fuzz_reader.py NAME [--runs N] [--seconds S]``.

NAME is one of `tests/fuzz_targets.py`'s `TARGETS`. Needs atheris (``pip install -e ".[fuzz]"``). Ends with another
code than 0 at the first input that gives anything but a result or an `EnicferError`, or takes more than 5 s; the
input is then in a file ``crash-*`` or ``timeout-*`` of the current folder. With ``--found DIR`` it goes on instead:
each kind of error (what was raised, and where) is kept there with its shortest input and its traceback.
"""

import argparse
import contextlib
import hashlib
import os
import re
import sys
import tempfile
import time
import traceback
import warnings
from importlib import import_module
from pathlib import Path
from typing import Any

import atheris

ROOT = Path(__file__).resolve().parents[1]
LIBRARIES = {  # by the beginning of the names that they belong to
    "a.": ("mne.io", "mne.annotations", "nibabel.nifti1", "nibabel.analyze", "scipy.io.matlab"),
    "a_raw": ("mne.io", "mne._fiff"),
    "cli": ("click",),
}
TEXTS = {".toml": ("tomllib",), ".json": ("json",), ".csv": ("csv",), ".tsv": ("csv",)}
ODD = [
    b"nan",
    b"-1",
    b"1e999",
    b"9" * 40,
    b"true",
    b"null",
    b"[[",
    b"]]",
    b'"',
    b"\\",
    b"\0",
    b"\xff\xfe",
    b"n/a",
]
SLOW = 2.0  # s

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("name")
parser.add_argument("--runs", type=int, default=-1)
parser.add_argument("--seconds", type=int, default=0)
parser.add_argument("--corpus", type=Path)
parser.add_argument("--found", type=Path)
parser.add_argument("--seed", type=int, default=1)
given = parser.parse_args()

sys.path.insert(0, str(ROOT))
guiding = ["enicfer", *(m for key, found in LIBRARIES.items() if given.name.startswith(key) for m in found)]
guiding += TEXTS.get(Path(given.name).suffix, ())
with atheris.instrument_imports(include=guiding):
    from enicfer.errors import EnicferError

    targets = import_module("tests.fuzz_targets")
    if given.name == "cli":
        commands = import_module("tests.cli.test_random_arguments")


def place_of(error: BaseException) -> str:
    """What was raised, and the last line of the package where, or the last of all."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if "enicfer/" in frame.filename and "fuzz" not in frame.filename]
    last = (own or frames)[-1]
    return f"{type(error).__name__}-{Path(last.filename).name}-{last.name}"


class Keeper:
    """The shortest input of each kind of error, in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def keep(self, kind: str, content: bytes, text: str) -> None:
        """Keep it if it is new or shorter."""
        path = self.folder / f"{kind}.bin"
        if not path.exists() or path.stat().st_size > len(content):
            path.write_bytes(content)
            path.with_suffix(".txt").write_text(text, encoding="utf-8", errors="replace")


def write_dictionary(path: Path, seeds: list[bytes]) -> None:
    """The words of the seeds, and odd ones, for libFuzzer to put in."""
    words = {word for seed in seeds for word in re.findall(rb"[A-Za-z_][\w .-]{2,30}", seed[:8000])}
    lines = ["".join(f"\\x{byte:02x}" for byte in word) for word in [*sorted(words)[:400], *ODD]]
    path.write_text("".join(f'"{line}"\n' for line in lines), encoding="ascii")


def make_arguments(content: bytes, every: dict[str, Any]) -> tuple[str, list[str]]:
    """A command's name, and its arguments: options that it has, odd words, and text."""
    source = atheris.FuzzedDataProvider(content)
    name = sorted(every)[source.ConsumeIntInRange(0, len(every) - 1)]
    options = [
        flag for one in every[name].params for flag in (*one.opts, *one.secondary_opts) if flag[:1] == "-"
    ]
    odd = commands.WORDS
    arguments: list[str] = []
    for _ in range(source.ConsumeIntInRange(0, 8)):
        kind = source.ConsumeIntInRange(0, 4)
        word = odd[source.ConsumeIntInRange(0, len(odd) - 1)]
        if kind == 0 or kind == 1:
            arguments.append(options[source.ConsumeIntInRange(0, len(options) - 1)] if options else "--help")
        elif kind == 2:
            arguments.append(word)
        else:
            arguments.append(
                source.ConsumeUnicodeNoSurrogates(source.ConsumeIntInRange(0, 12)).replace("\0", "")
            )
        if kind == 1 and options:
            arguments[-1] += "=" + source.ConsumeUnicodeNoSurrogates(8).replace("\0", "")
    return name, arguments


def run_command(folder: Path, content: bytes) -> None:
    """The command line on arguments, up to where it calls the library."""
    import click

    from enicfer.cli.main import cli

    name, arguments = make_arguments(content, commands.EVERY)
    try:
        cli([*name.split(), *arguments], standalone_mode=False)
    except (targets.Reached, click.exceptions.Exit):
        pass
    except click.ClickException as error:
        assert error.format_message().strip()
    assert not list(Path.cwd().iterdir()), "a command that was refused wrote something"


def main() -> None:
    """Try so many inputs, or for so long."""
    target = targets.TARGETS[given.name]
    keeper = Keeper(given.found) if given.found else None
    with tempfile.TemporaryDirectory() as place, contextlib.ExitStack() as stack:
        folder = Path(place) / "files"
        folder.mkdir()
        corpus = given.corpus or Path(place) / "corpus"
        corpus.mkdir(parents=True, exist_ok=True)
        seeds = list(target.make(folder))
        write_dictionary(Path(place) / "words", seeds)
        for seed in seeds:
            (corpus / hashlib.sha256(seed).hexdigest()[:16]).write_bytes(seed)
        read = target.read
        if given.name == "cli":
            read = run_command
            stack.enter_context(targets.stubbed())
            (Path(place) / "here").mkdir()
            os.chdir(Path(place) / "here")
            null = stack.enter_context(Path(os.devnull).open("w", encoding="utf-8"))
            stack.enter_context(contextlib.redirect_stdout(null))

        def try_one(content: bytes) -> None:
            begin = time.process_time()
            try:
                read(folder, content)
            except EnicferError as error:
                assert len(str(error)) > 20, error
            except Exception as error:
                if keeper is None:
                    raise
                keeper.keep(place_of(error), content, traceback.format_exc())
            took = time.process_time() - begin
            if keeper is not None and took > SLOW:
                keeper.keep("slow", content, f"{took:.1f} s")

        warnings.simplefilter("error")
        options = [f"-seed={given.seed}", f"-runs={given.runs}", f"-max_total_time={given.seconds}"]
        options += [
            "-timeout=5" if keeper is None else "-timeout=20",
            "-max_len=100000",
            "-rss_limit_mb=3000",
        ]
        options += ["-print_final_stats=1", "-reload=0", "-len_control=0", f"-dict={place}/words"]
        if keeper is not None:
            options.append(f"-artifact_prefix={given.found}/")
        atheris.Setup([sys.argv[0], *options, str(corpus)], try_one)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
