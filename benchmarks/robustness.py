"""How often damaged input, impossible output places and closed streams are survived.

Each try is a command in a process of its own, on a file that was cut, overwritten, doubled or filled at seeded
places. Survived: it ends within 30 s, with exit code 0 or with one sentence on standard error, without a traceback or
a log of a fault, and earlier results have the bytes that they had (or, with exit code 0, are new and whole).

    python benchmarks/robustness.py [--tries 40] [--seed 0] [--output FILE.md]
"""

import argparse
import contextlib
import hashlib
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from memory import write_clip

from enicfer.cli import main as command
from enicfer.config.protocol import list_protocols
from enicfer.io.frames_file import write_trace
from enicfer.pipeline.process import trace_video
from enicfer.pipeline.publish import write_outputs
from tests.factory import make_run
from tests.io.test_eeg import write_brainvision, write_edf
from tests.limits import wait_for
from tests.xdf_writer import make_stream, write_xdf

LIMIT, MEMORY = 30, 6 << 30  # s, bytes
SALT = [
    b"\x00" * 8,
    b"\xff" * 8,
    b"nan",
    b"-1",
    b"1e999",
    b"\n",
    b"[[[",
    b'"',
    b"9" * 40,
    b"=",
    b"\xf0\x9f\x98\x80",
]


def damage(content: bytes, rng: random.Random) -> bytes:
    """Cut, overwrite, insert, double or remove at one to four places."""
    for _ in range(rng.randint(1, 4)):
        at, salt = rng.randrange(len(content) + 1), rng.choice([*SALT, rng.randbytes(12)])
        how = rng.choice(["cut", "write", "insert", "double", "remove"])
        if how == "cut":
            content = content[:at]
        elif how == "write":
            content = content[:at] + salt + content[at + len(salt) :]
        elif how == "insert":
            content = content[:at] + salt + content[at:]
        elif how == "double":
            content = content[:at] + content[at : at + 64] * 2 + content[at + 64 :]
        else:
            content = content[:at] + content[at + rng.randint(1, 64) :]
    return content


def content_of(folder: Path) -> dict[str, str]:
    """Hashes of the files below a folder, but for hidden ones."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {
        str(path): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
        if not any(part.startswith(".") for part in path.relative_to(folder).parts)
    }


def run(
    arguments: Sequence[str], place: Path, prepare: Callable[[], object] = lambda: None
) -> tuple[int, str]:
    """Exit code (negative: a signal) and standard error of a command in a fork."""
    errors = place / "stderr.txt"
    sys.stdout.flush()
    pid = os.fork()
    if not pid:
        code = 97
        try:
            out = os.open(os.devnull, os.O_WRONLY)
            err = os.open(errors, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            os.dup2(out, 1)
            os.dup2(err, 2)
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
            signal.alarm(LIMIT)
            os.chdir(place)
            tempfile.tempdir = str(place)
            prepare()
            sys.argv = ["enicfer", *arguments]
            command.main()
            code = 0
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else 0 if ended.code is None else 1
        except BaseException:
            code = 98
        finally:
            with contextlib.suppress(OSError, ValueError, AttributeError):
                sys.stdout.flush()
            os._exit(code)
    code = wait_for(pid, 4 * LIMIT)
    return code, errors.read_text(encoding="utf-8", errors="replace") if errors.exists() else ""


def judge(code: int, said: str, place: Path, silent: bool = False) -> str:
    """Why a try was not survived, or nothing."""
    if code < 0:
        return "killed after the time limit" if code == -signal.SIGALRM else f"signal {-code}"
    if "Traceback" in said or "fault of enicfer" in said or list(place.glob("enicfer-fault-*")):
        return f"a fault: {said[-160:].strip()}"
    if code >= 97:
        return "another exception"
    if code and not silent and not said.strip():
        return "an exit code without a sentence"
    return ""


class Material:
    """Whole files of every kind, made once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.protocol = next(iter(list_protocols().values()))
        self.clip = write_clip(folder / "clip.mp4", n=12)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            faces, trace = trace_video(self.clip)
        write_trace(folder / "trace.tsv", faces, trace)
        self.results = folder / "results"
        write_outputs(make_run(seed=1), self.results)
        self.eeg = write_brainvision(folder)
        write_edf(folder / "a.edf", range(10), b"EDF+C")
        words = make_stream("task", "Markers", "string", 0, [1.0, 3.0], [["a"], ["b"]])
        amp = make_stream("amp", "EEG", "float32", 100, 1 + np.arange(300) / 100, np.zeros((300, 2)))
        write_xdf(folder / "a.xdf", amp, words)
        (folder / "log.tsv").write_text(
            "onset\tcode\n" + "".join(f"{i * 1.5}\tS{i % 3}\n" for i in range(40))
        )
        (folder / "presentation.log").write_text(
            "Scenario - x\nLogfile written - 01/01/2020 10:00:00\n\nSubject\tTrial\tEvent Type\tCode\tTime\tTTime\n\n"
            + "".join(f"s\t{i}\tPulse\t30\t{10000 + 20000 * i}\t0\n" for i in range(30))
        )
        (folder / "table.csv").write_text(
            "frame,FaceScore,FaceRectX,FaceRectY,FaceRectWidth,FaceRectHeight,happiness,neutral\n"
            + "".join(f"{i},0.9,1,2,30,40,0.25,0.75\n" for i in range(12))
        )
        rng = np.random.default_rng(0)
        for end in ("png", "jpg", "bmp"):
            cv2.imwrite(str(folder / f"a.{end}"), rng.integers(0, 255, (90, 80, 3), dtype=np.uint8))
        from enicfer.models.classifier import find_model

        self.model = find_model()


class Try:
    """One try: a folder of its own, with earlier results in it, and what is done there."""

    def __init__(self, material: Material, rng: random.Random, place: Path) -> None:
        self.material, self.rng, self.place = material, rng, place
        self.earlier = place / "earlier"
        self.earlier.mkdir()
        self.settings: dict[str, Callable[[], object]] = {}

    def broken(self, path: Path, name: str = "") -> str:
        """A damaged copy of a file."""
        target = self.place / (name or path.name)
        target.write_bytes(damage(path.read_bytes(), self.rng))
        return str(target)

    def over(self) -> list[str]:
        """Options that replace an earlier trace."""
        shutil.copy(self.material.folder / "trace.tsv", self.earlier / "out.tsv")
        return ["-o", str(self.earlier / "out.tsv"), "--overwrite"]


def try_protocol(one: Try) -> list[str]:
    """A damaged TOML file."""
    return ["protocols", one.broken(one.material.protocol, "mine.toml")]


def try_model(one: Try) -> list[str]:
    """A damaged model."""
    model = one.broken(one.material.model, "mine.safetensors")
    return ["trace", str(one.material.clip), *one.over(), "--model", model]


def try_table(one: Try) -> list[str]:
    """A damaged table of another program."""
    path = one.broken(one.material.folder / "table.csv")
    return ["import", path, "--video", str(one.material.clip), *one.over()]


def try_results(one: Try) -> list[str]:
    """A damaged file of our own results."""
    results = one.place / "results"
    shutil.copytree(one.material.results, results)
    files = [path for path in results.rglob("*desc-enicfer*") if path.suffix in (".h5", ".json", ".tsv")]
    chosen = one.rng.choice([next(path for path in files if path.suffix == ".h5"), *files])
    chosen.write_bytes(damage(chosen.read_bytes(), one.rng))
    output = one.earlier / "a_raw.fif"
    output.write_bytes(b"earlier")
    return ["apply", str(results), str(one.material.eeg), "-o", str(output), "--overwrite"]


def try_eeg(one: Try) -> list[str]:
    """A damaged recording."""
    name = one.rng.choice(["a.vhdr", "a.edf", "a.xdf"])
    for beside in ("a.vmrk", "a.eeg"):
        shutil.copy(one.material.folder / beside, one.place / beside)
    return ["events", one.broken(one.material.folder / name)]


def try_video(one: Try) -> list[str]:
    """A damaged video."""
    return ["trace", one.broken(one.material.clip), *one.over()]


def try_log(one: Try) -> list[str]:
    """A damaged log."""
    return ["events", one.broken(one.material.folder / one.rng.choice(["log.tsv", "presentation.log"]))]


def try_picture(one: Try) -> list[str]:
    """A damaged picture."""
    (one.earlier / "saliency.npz").write_bytes(b"earlier")
    path = one.broken(one.material.folder / one.rng.choice(["a.png", "a.jpg", "a.bmp"]))
    return ["saliency", path, "-o", str(one.earlier), "--overwrite", "--checks", "0"]


def try_place(one: Try) -> list[str]:
    """A place that cannot be written."""
    file, clip = one.earlier / "file", str(one.material.clip)
    file.write_bytes(b"earlier")
    places = [
        *(file / "out.tsv", Path("/dev/full/out.tsv"), one.earlier / ("a" * 300 + ".tsv"), one.earlier),
        *(
            one.earlier / "out.xlsx",
            Path("/proc/out.tsv"),
            one.earlier / "b\udc80" / ("c" * 250) / "d.h5",
            Path(),
        ),
    ]
    where = one.rng.choice(places)
    table = str(one.material.folder / "table.csv")
    first = one.rng.choice(
        [
            ["trace", clip],
            ["import", table, "--video", clip],
            ["apply", str(one.material.results), str(one.material.eeg)],
            ["example-session"],
        ]
    )
    return [*first, str(file)] if first == ["example-session"] else [*first, "-o", str(where)]


def try_streams(one: Try) -> list[str]:
    """Standard streams that are closed or full."""
    closed = one.rng.choice([(0,), (1,), (2,), (1, 2), (0, 1, 2), "full"])

    def close() -> None:
        if closed == "full":
            os.dup2(os.open("/dev/full", os.O_WRONLY), 1)
        else:
            for number in closed:
                os.close(number)

    one.settings = {"prepare": close}
    over = one.over()
    return one.rng.choice(
        [
            ["protocols"],
            ["models", "list"],
            ["events", str(one.material.folder / "log.tsv")],
            ["trace", "none.mp4", *over],
            ["trace", str(one.material.clip), *over],
        ]
    )


KINDS = {
    "TOML": try_protocol,
    "models": try_model,
    "traces and face tables": try_table,
    "results and HDF5": try_results,
    "EEG": try_eeg,
    "video": try_video,
    "logs": try_log,
    "pictures": try_picture,
    "output places": try_place,
    "closed streams": try_streams,
}


def attempt(material: Material, kind: str, number: int, seed: int) -> tuple[bool, str]:
    """Whether one try was refused, and why it was not survived."""
    rng = random.Random(f"{seed} {kind} {number}")
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        one = Try(material, rng, place)
        arguments, earlier = KINDS[kind](one), one.earlier
        before = content_of(earlier)
        code, said = run(arguments, place, **one.settings)
        why = judge(code, said, place, silent=kind == "closed streams")
        if not why and code and content_of(earlier) != before:
            why = "earlier results were changed"
        if not why and any(path.suffix != ".fif" and not path.stat().st_size for path in earlier.glob("*.*")):
            why = "an empty result"
        return code != 0, f"{' '.join(arguments[:1])} {number}: {why}" if why else ""


def main() -> None:
    """Try all, and write the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tries", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "results" / "robustness.md")
    options = parser.parse_args()
    begin = time.perf_counter()
    lines = [
        "# Damaged input, output places and streams (`benchmarks/robustness.py`)", "",
        "| class | tries | refused | survived |", "| --- | --- | --- | --- |",
    ]  # fmt: skip
    failures: list[str] = []
    total: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        material = Material(Path(folder))
        for kind in KINDS:
            ended = [attempt(material, kind, number, options.seed) for number in range(options.tries)]
            lost = [why for _, why in ended if why]
            refused = sum(was for was, _ in ended)
            total.update(tries=len(ended), refused=refused, survived=len(ended) - len(lost))
            failures += [f"{kind}: {why}" for why in lost]
            lines.append(f"| {kind} | {len(ended)} | {refused} | {len(ended) - len(lost)} |")
            print(lines[-1], *lost, sep="\n", flush=True)
    lines.append(f"| all | {total['tries']} | {total['refused']} | {total['survived']} |")
    lines += [
        "", f"Seed {options.seed}. Survived: within {LIMIT} s, with exit code 0 or a sentence, no traceback, earlier",
        "results as they were. What was not refused was read: much damage changes nothing that matters, or is noted.",
    ]  # fmt: skip
    lines += ["", "Not survived:", "", *(f"- {failure}" for failure in failures)] if failures else []
    options.output.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"{time.perf_counter() - begin:.0f} s")


if __name__ == "__main__":
    main()
