"""Every command that writes, killed at a call that changes the disk, and run again.

A fork of a process that has loaded everything dies, as by ``kill -9``, at the k-th opening for writing, writing,
renaming, syncing, making or removing below the folder that it works in. After that no file group shows files of two
results, and the same command again makes the bytes of an undisturbed run and leaves nothing else.
"""

import builtins
import hashlib
import importlib
import io
import json
import os
import pickle
import random
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from benchmarks.memory import write_clip
from enicfer.io.files.atomic import STAGES
from tests.batch import study
from tests.factory import make_run
from tests.limits import read_all, wait_for

LIMIT = 60.0  # s for one command
CHANGES = (
    "rename",
    "replace",
    "mkdir",
    "unlink",
    "rmdir",
    "remove",
    "link",
    "symlink",
    "truncate",
    "chmod",
    "fsync",
)
RECIPE = """
name = "small"
[data]
reader = "manifest"
path = "pictures/manifest.csv"
labels = ["happy", "sad"]
split = "subject"
share = 0.5
crop = false
[schedule]
epochs = 2
batch_size = 4
"""
TABLE = "frame,FaceScore,FaceRectX,FaceRectY,FaceRectWidth,FaceRectHeight,happiness,neutral\n"


@dataclass(frozen=True)
class Command:
    """One command.

    ``before`` are commands that make what is there before it; ``outputs`` are the folders and files that it changes;
    ``group`` names the files that belong together; ``timed`` are files that hold times of the clock.
    """

    arguments: tuple[str, ...]
    outputs: tuple[str, ...]
    before: tuple[tuple[str, ...], ...] = ()
    group: Callable[[str], str] = field(default=lambda name: "")
    timed: tuple[str, ...] = ()


def _visit(name: str) -> str:
    """Results of a session appear together; the tables of a group, and the root's own files, each by themselves."""
    parts = Path(name).parts
    label = next((part for part in parts if part.startswith("sub-")), None)
    return label.split(".")[0].split("_")[0] if label else name


def _each(name: str) -> str:
    return name


_OLD_TRACE = ("import", "other.csv", "--video", "clip.mp4", "-o", "out/a.tsv")
_MAPS = ("--crops", "--subjects", "image", "--checks", "0", "--panels", "2")
_SESSION = ("process-session", "s1", "--output", "out", "--max-uncertainty", "0.2")
COMMANDS: dict[str, Command] = {
    "process-session": Command(
        (*_SESSION, "--overwrite"), ("out",), ((*_SESSION, "--analysis-rate", "5"),)
    ),
    "process-sessions": Command(
        ("process-sessions", "study", "--output", "many"), ("many",), group=_visit
    ),
    "process-sessions again": Command(
        ("process-sessions", "study", "--output", "many", "--overwrite"),
        ("many",),
        (("process-sessions", "study", "--output", "many"), ("change-study",)),
        group=_visit,
    ),
    "process-dataset": Command(
        ("process-dataset", "bids", "many", "participant", "--protocol", "eeg-led"), ("many",), group=_visit
    ),
    "process-dataset group": Command(
        ("process-dataset", "bids", "many", "group"),
        ("many",),
        (("process-sessions", "study", "--output", "many"), ("spoil-tables",)),
        group=_each,
    ),
    "apply": Command(
        ("apply", "result", "eeg/a.vhdr", "-o", "out/a_raw.fif", "--overwrite"),
        ("out",),
        (("apply", "result", "eeg/a.vhdr", "-o", "out/a_raw.fif", "--no-channels"),),
    ),
    "export": Command(
        ("export", "result", "--to", "fieldtrip", "-o", "out/exported", "--overwrite"),
        ("out",),
        (("export", "result", "--to", "fieldtrip", "--measure", "fer_sad_mean", "-o", "out/exported"),),
    ),
    "bidsify": Command(
        ("bidsify", "s1", "raw", "--with-faces", "--max-uncertainty", "0.2", "--overwrite"),
        ("raw",),
        (("bidsify", "s1", "raw", "--with-faces", "--max-uncertainty", "0.2"), ("age-data-set", "raw")),
    ),
    "trace": Command(("trace", "clip.mp4", "-o", "out/a.tsv", "--overwrite"), ("out",), (_OLD_TRACE,)),
    "import": Command(
        ("import", "table.csv", "--video", "clip.mp4", "-o", "out/a.tsv", "--overwrite"), ("out",), (_OLD_TRACE,)
    ),
    "deidentify": Command(
        ("deidentify", "clip.mp4", "-o", "out/a.mp4", "--overwrite", "--contact-sheet", "out/sheet.png"),
        ("out",),
        (("old-files", "out/a.mp4", "out/sheet.png"),),
        group=_each,
    ),
    "saliency": Command(
        ("saliency", "ronnet-7", "pictures", "-o", "maps", *_MAPS, "--overwrite"),
        ("maps",),
        (("saliency", "ronnet-7", "pictures/0.png", "-o", "maps", *_MAPS),),
    ),
    "saliency-compare": Command(
        ("saliency-compare", "maps", "others", "-o", "out", "--permutations", "19", "--paired", "--overwrite"),
        ("out",),
        (
            ("saliency", "ronnet-7", "pictures", "-o", "maps", *_MAPS),
            ("saliency", "ronnet-5", "pictures", "-o", "others", *_MAPS),
            ("saliency-compare", "others", "maps", "-o", "out", "--permutations", "19", "--paired"),
        ),
    ),
    "train": Command(("train", "small.toml", "-o", "out"), ("out",), group=_each, timed=("log.csv",)),
    "evaluate": Command(
        ("evaluate", "ronnet-7", "pictures/manifest.csv", "-o", "out"),
        ("out",),
        (("evaluate", "ronnet-5", "pictures/manifest.csv", "-o", "out"),),
    ),
    "cross-validate": Command(
        ("cross-validate", "small.toml", "-o", "out", "--folds", "2"), ("out",), group=_each, timed=("log.csv",)
    ),
    "cross-evaluate": Command(
        ("cross-evaluate", "--model", "ronnet-7", "--data", "pictures/manifest.csv", "-o", "out/a.csv"),
        ("out",),
        (
            ("old-files", "out/keep"),
            ("cross-evaluate", "--model", "ronnet-5", "--data", "pictures/manifest.csv", "-o", "out/a.csv"),
        ),
    ),
    "forget": Command(
        ("forget", "many", "sub-01"),
        ("many",),
        (("process-sessions", "study", "--output", "many"),),
        group=_each,
    ),
    "cache": Command(("cache", "many", "--all"), ("many",), (("old-cache",),), group=_each),
    "example-session": Command(("example-session", "new"), ("new",)),
    "align": Command(
        ("align", "s1", "--output", "out", "--max-uncertainty", "0.2", "--overwrite"),
        ("out",),
        (("old-report",),),
    ),
    "models add": Command(
        ("models", "add", "yunet", "weights.onnx"), ("home/models",), (("old-files", "home/models/keep"),)
    ),
    "models fetch": Command(
        ("models", "fetch", "yunet", "--sha256", hashlib.sha256(b"w" * 9000).hexdigest()), ("home/models",),
        (("old-files", "home/models/keep"),),
    ),
    "sample": Command(
        ("sample", "lab", "-o", "out/plan.json", "-n", "4", "--distance", "0.05", "--overwrite"),
        ("out",),
        (("sample", "lab", "-o", "out/plan.json", "-n", "2", "--distance", "0.05"),),
    ),
    "import-coding": Command(
        ("import-coding", "coding.csv", "lab", "--coder", "Cleo"),
        ("lab/derivatives/enicfer/codings",),
        timed=("sub-01_ses-01_coder-Cleo.jsonl",),
    ),
    "export-coding": Command(
        ("export-coding", "lab", "-o", "out", "--overwrite"),
        ("out",),
        (("code-frames", "Anna", "happy"), ("export-coding", "lab", "-o", "out"), ("code-frames", "Anna", "sad")),
    ),
    "agreement": Command(
        ("agreement", "lab", "-o", "out", "--overwrite"),
        ("out",),
        (("code-frames", "Anna", "happy"), ("code-frames", "Ben", "happy"), ("agreement", "lab", "-o", "out"),
         ("code-frames", "Ben", "sad")),
    ),
    "manifest": Command(
        ("manifest", "lab", "-o", "out", "--overwrite"),
        ("out",),
        (("code-frames", "Anna", "happy"), ("manifest", "lab", "-o", "out"), ("code-frames", "Anna", "sad")),
    ),
    "dataset check": Command(
        ("dataset", "check", "pictures", "--sheet", "out/a.png"), ("out",), (("old-files", "out/a.png"),)
    ),
}  # fmt: skip


def make_inputs(folder: Path) -> None:
    """Everything that the commands read, small."""
    from enicfer.io.frames_file import write_trace
    from enicfer.pipeline.publish import write_outputs
    from enicfer.synthetic import write_example_session
    from tests.io.test_eeg import write_brainvision

    write_clip(folder / "clip.mp4", n=8)
    write_example_session(folder / "s1", "eeg", 0, scene=study.SCENE)
    _trace_of(folder / "s1")
    settings = folder / "s1" / "session.toml"
    settings.write_text(settings.read_text("utf-8") + 'trace = "trace.h5"\n', encoding="utf-8")
    study.make_study(folder / "study", 2)
    bids = folder / "bids" / "sub-01" / "eeg"
    bids.mkdir(parents=True)
    (folder / "bids" / "dataset_description.json").write_text('{"Name": "x", "BIDSVersion": "1.9.0"}')
    (bids / "sub-01_task-faces_eeg.vhdr").write_text("DataFile=eeg.eeg\n")
    (folder / "bids" / "sub-01" / "beh").mkdir()
    (folder / "bids" / "sub-01" / "beh" / "sub-01_task-faces_video.mkv").write_bytes(b"video")
    run = make_run(seconds=18.0, n_trials=4)
    import enicfer.pipeline.publish

    kept, enicfer.pipeline.publish.write_report = enicfer.pipeline.publish.write_report, lambda runs, root: []
    write_outputs(run, folder / "result")
    enicfer.pipeline.publish.write_report = kept
    write_trace(folder / "some.h5", run.faces, run.expression)
    _film(folder, run)
    (folder / "eeg").mkdir()
    write_brainvision(folder / "eeg")
    for name, share in (("table.csv", 0.25), ("other.csv", 0.75)):
        rows = (f"{i},0.9,1,2,30,40,{share},{1 - share}\n" for i in range(8))
        (folder / name).write_text(TABLE + "".join(rows), encoding="utf-8")
    (folder / "pictures").mkdir()
    manifest = ["path,label,subject"]
    for i in range(8):
        noise = np.random.default_rng(i).integers(0, 256, (48, 48), np.uint8)
        cv2.imwrite(str(folder / "pictures" / f"{i}.png"), noise)
        manifest.append(f"{i}.png,{('happy', 'sad')[i % 2]},child{i // 2}")
    (folder / "pictures" / "manifest.csv").write_text("\n".join(manifest) + "\n", encoding="utf-8")
    (folder / "small.toml").write_text(RECIPE, encoding="utf-8")
    (folder / "weights.onnx").write_bytes(b"w" * 9000)
    (folder / "memory").symlink_to(folder.with_name("memory"))
    folder.with_name("memory").mkdir(exist_ok=True)


def _film(folder: Path, run: Any) -> None:
    """A session folder with a video, results of it, and a coding of it."""
    from enicfer.export.bids import write_run
    from enicfer.pipeline.provenance import hash_file
    from enicfer.records import Status, select_frames

    lab, n = folder / "lab", 8
    lab.mkdir()
    shutil.copy(folder / "clip.mp4", lab / "camera.mp4")
    (lab / "session.toml").write_text('participant = "01"\nsession = "01"\n', encoding="utf-8")
    first = int(np.flatnonzero(run.expression.ok)[0])
    kept = np.zeros(run.time.size, np.bool_)
    kept[first : first + n] = True
    faces, trace = select_frames(run.faces, kept), select_frames(run.expression, kept)
    times = np.arange(n) / 30
    box = np.tile(np.array([10, 10, 60, 60], np.float32), (n, 1))
    nowhere = np.full((n, 5, 2), np.nan, np.float32)
    status = np.full(n, Status.OK, np.uint8)
    made = replace(
        run,
        faces=replace(faces, video_time=times, box=box, landmarks=nowhere, status=status),
        expression=replace(trace, video_time=times),
        time=run.alignment.time(times),
        provenance=replace(run.provenance, inputs={"camera.mp4": hash_file(lab / "camera.mp4")}),
    )
    write_run(lab / "derivatives" / "enicfer", made)
    rows = "child,happy,START,0.0\nchild,happy,STOP,0.1\nchild,sad,START,0.1\nchild,sad,STOP,0.2\n"
    (folder / "coding.csv").write_text(f"Subject,Behavior,Behavior type,Time\n{rows}", encoding="utf-8")
    (folder / "book.toml").write_bytes(
        (Path(__file__).parents[1] / "codebooks" / "looking.toml").read_bytes()
    )


def make_inputs_in_fork(folder: Path) -> None:
    """`make_inputs` in a fork: threads that encode a video, if they began here, would be missing in later ones."""
    folder.mkdir(parents=True)
    code, _, said = in_fork(folder, ["inputs"])
    assert code == 0, said[-1500:]


def _trace_of(session: Path) -> None:
    """A trace of the session's own video, without looking for faces."""
    from enicfer.io.frames_file import write_trace
    from enicfer.io.video.reader import read_frames
    from tests.factory import _face

    times = np.array([frame.video_time for frame in read_frames(session / "camera.mp4")])
    import pandas as pd

    status = np.zeros(times.size, np.uint8)
    trials = pd.DataFrame({"onset": [1.0], "duration": [2.0], "trial_type": ["happy"], "code": ["S 11"]})
    faces, expression = _face(np.random.default_rng(0), times, times, status, trials)
    write_trace(session / "trace.h5", faces, expression)


def remember(do: Callable[..., Any], folder: Path) -> Callable[..., Any]:
    """The same function, whose results for a command line are kept in a folder: clocks are not what is tried here."""

    def found(*given: Any, **settings: Any) -> Any:
        name = hashlib.sha256(" ".join([do.__name__, *sys.argv]).encode()).hexdigest()
        path = folder / name
        if not path.exists():
            partial = folder / f"{name}.{os.getpid()}"
            with opened(partial, "wb") as file:
                pickle.dump(do(*given, **settings), file)
            renamed(partial, path)
        with opened(path, "rb") as file:
            return pickle.load(file)

    opened, renamed = io.open, os.replace
    return found


def prepare() -> None:
    """In a fork: fewer threads, no figures of sessions, no videos of a study, and no network."""
    import urllib.request

    import enicfer.batch.sessions
    import enicfer.faces.weights
    import enicfer.pipeline.align
    import enicfer.pipeline.process
    import enicfer.pipeline.publish
    import enicfer.report.alignment
    import enicfer.synthetic.write
    from enicfer.faces.weights import WEIGHTS, Weights

    cv2.setNumThreads(1)
    os.environ["ENICFER_MODELS"] = str(Path.cwd() / "home" / "models")
    enicfer.pipeline.publish.write_report = lambda runs, root: []
    whole = enicfer.pipeline.process.process_session

    def process(session: Any, *given: Any, **settings: Any) -> Any:
        filmed = isinstance(session, str | Path) or any(run.trace is not None for run in session.runs)
        return (whole if filmed else study.process_without_video)(session, *given, **settings)

    enicfer.pipeline.process.process_session = process
    enicfer.synthetic.write.SyntheticScene = lambda: study.SCENE
    enicfer.report.alignment.render_page = lambda run: f"page of {run.name}"
    memory = Path.cwd() / "memory"
    for module, name in ((enicfer.pipeline.align, "_align_run"), (enicfer.pipeline.process, "assemble_run")):
        setattr(module, name, remember(getattr(module, name), memory.resolve()))
    enicfer.batch.sessions._local_slots = lambda n, threads: [study.InlineSlot()]
    WEIGHTS["yunet"] = Weights("a.onnx", "https://example.org/a.onnx", "", 9000, "x", "y")

    class Answer(io.BytesIO):
        status, headers = 200, {"Content-Length": "9000"}
        url = "https://example.org/a.onnx"

        def geturl(self) -> str:
            return self.url

    def answer(*_: Any, **__: Any) -> Answer:
        return Answer(b"w" * 9000)

    urllib.request.urlopen = answer
    urllib.request.OpenerDirector.open = answer


def run_command(arguments: Iterable[str]) -> int:
    """Run a command, or one of the few helpers that make what was there before; its exit code."""
    name, *others = arguments
    if name == "inputs":
        make_inputs(Path.cwd())
    elif name == "old-files":
        for other in others:
            Path(other).parent.mkdir(parents=True, exist_ok=True)
            Path(other).write_bytes(b"old")
    elif name == "code-frames":
        _code_frames(*others)
    elif name == "change-study":
        for video in Path("study").rglob("camera.mkv"):
            video.write_bytes(video.read_bytes() + b"!")
    elif name == "spoil-tables":
        for table in Path("many").glob("group_*.tsv"):
            table.write_bytes(b"old\n")
    elif name == "age-data-set":
        for place in others:
            for path in (p for p in Path(place, "sub-01").rglob("*") if p.is_file()):
                path.write_bytes(
                    b"old" if path.suffix != ".tsv" or "_scans" not in path.name else path.read_bytes()
                )
    elif name == "old-cache":
        seen = Path("many", ".enicfer", "seen")
        seen.mkdir(parents=True)
        for i in range(3):
            (seen / f"{i}.h5").write_bytes(b"x" * i)
    elif name == "old-report":
        Path("out").mkdir()
        for end in ("html", "tsv"):
            Path("out", f"sub-01_task-faces_sync.{end}").write_bytes(b"old")
    else:
        from enicfer.cli.main import main

        sys.argv = ["enicfer", name, *others]
        try:
            main()
        except SystemExit as ended:
            return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    return 0


def _code_frames(coder: str, category: str) -> None:
    """Codes of two frames of the session with a video, written as they are on the disk."""
    from enicfer.config.codebook import read_codebook

    book = read_codebook("expressions")
    folder = Path("lab", "derivatives", "enicfer", "codings")
    (folder / "codebooks").mkdir(parents=True, exist_ok=True)
    (folder / "codebooks" / f"expressions_{book.version}.toml").write_bytes(book.file.read_bytes())
    run = "sub-01_ses-01_task-faces_run-1"
    with (folder / f"sub-01_ses-01_coder-{coder}.jsonl").open("w", encoding="utf-8") as file:
        for frame in (2, 5):
            said = {"kind": "frame", "frame": frame, "category": category, "book": book.name}
            about = {"id": f"{frame}", "at": "", "coder": coder, "run": run, "version": book.version}
            file.write(json.dumps({**about, **said}) + "\n")


def die_at(call: int, root: Path, count: list[int]) -> None:
    """Kill this process at the ``call``-th change below ``root``."""
    inside = f"{root}{os.sep}"

    def below(place: Any) -> bool:
        if isinstance(place, int):
            try:
                place = str(Path(f"/proc/self/fd/{place}").readlink())
            except OSError:
                return False
        try:
            return os.path.abspath(os.fspath(place)).startswith(inside)  # noqa: PTH100
        except TypeError:
            return False

    def step() -> None:
        count[0] += 1
        if count[0] == call:
            os.kill(os.getpid(), signal.SIGKILL)

    def counting(do: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*places: Any, **settings: Any) -> Any:
            if settings.get("dir_fd") is not None or any(below(place) for place in places[:2]):
                step()
            return do(*places, **settings)

        return counted

    opened, opened_raw, bytes_of, text_of = io.open, os.open, Path.write_bytes, Path.write_text

    def open_counted(file: Any, mode: str = "r", *others: Any, **settings: Any) -> Any:
        if set(mode) & set("wax+") and below(file):
            step()
        return opened(file, mode, *others, **settings)

    def open_raw_counted(file: Any, flags: int, *others: Any, **settings: Any) -> Any:
        if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT) and below(file):
            step()
        return opened_raw(file, flags, *others, **settings)

    def half_bytes(self: Path, data: Any) -> Any:
        if count[0] + 1 == call:
            bytes_of(self, bytes(data)[: len(data) // 2])
        step()
        return bytes_of(self, data)

    def half_text(self: Path, data: str, **settings: Any) -> Any:
        if count[0] + 1 == call:
            text_of(self, data[: len(data) // 2], **settings)
        step()
        return text_of(self, data, **settings)

    for name in CHANGES:
        setattr(os, name, counting(getattr(os, name)))
    builtins.open = io.open = open_counted  # type: ignore[assignment]
    os.open = open_raw_counted
    Path.write_bytes, Path.write_text = half_bytes, half_text  # type: ignore[method-assign,assignment]


def in_fork(
    folder: Path, command: Iterable[str], call: int | None = None, first: Callable[[], None] = lambda: None
) -> tuple[int, int, str]:
    """Exit code of a command in a fork that works in ``folder``, number of changes, and what it said.

    ``first`` is done right before the command.
    """
    read, write = os.pipe()
    errors = folder.with_name(f"{folder.name}.stderr")
    sys.stdout.flush()
    pid = os.fork()
    if not pid:
        code, count, say = 99, [0], os.write
        try:
            null = os.open(os.devnull, os.O_RDWR)
            os.dup2(null, 0)
            os.dup2(null, 1)
            os.dup2(os.open(errors, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), 2)
            sys.stdout, sys.stderr = open(1, "w", closefd=False), open(2, "w", closefd=False)  # noqa: SIM115
            os.chdir(folder)
            prepare()
            if call is not None:
                die_at(call, folder, count)
            first()
            code = run_command(command)
        except BaseException as error:
            say(2, repr(error).encode())
        try:
            names = "\n".join(sorted(sys.modules)) if call is None else ""
            say(write, f"{count[0]}\n{names}".encode())
        finally:
            os._exit(code)
    os.close(write)
    said = read_all(read, pid, time.monotonic() + LIMIT).decode()
    code = wait_for(pid)
    first, _, names = said.partition("\n")
    for name in names.split("\n") if names else ():
        if name not in sys.modules and not name.startswith("__"):
            try:
                importlib.import_module(name)
            except Exception:  # made by another module
                continue
    return code, int(first or 0), errors.read_text("utf-8", "replace")


def content(folder: Path, command: Command, hidden: bool = True) -> dict[str, str]:
    """Hashes of the outputs; of what only the batch itself reads, and of times, nothing but that it is there."""
    found = {}
    for output in command.outputs:
        place = folder / output
        for path in [place] if place.is_file() else sorted(place.rglob("*")):
            name = path.relative_to(folder).as_posix()
            parts = path.relative_to(folder).parts
            if (
                not path.is_file()
                or STAGES in parts
                or (hidden is False and any(p.startswith(".") for p in parts))
            ):
                continue
            rest = path.name in command.timed or {"logs", "locks"} & set(parts) or ".enicfer" in parts
            if rest and path.suffix == ".jsonl":
                found[name] = _said(path)
            else:
                found[name] = "" if rest else hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def _said(path: Path) -> str:
    """What a coder's file says, without times of day, names of entries, and a last line that is not whole."""
    whole = path.read_text(encoding="utf-8").rpartition("\n")[0]
    entries = [json.loads(line) for line in whole.splitlines()]
    return json.dumps([{k: v for k, v in entry.items() if k not in ("id", "at")} for entry in entries])


def find_mixture(command: Command, old: dict[str, str], new: dict[str, str], shown: dict[str, str]) -> str:
    """Why what is shown is of two results, or nothing."""
    groups: dict[str, set[bool]] = {}
    for name in (old.keys() | new.keys()) & shown.keys():
        if old.get(name) == new.get(name):
            continue
        if shown[name] not in (old.get(name), new.get(name)):
            return f"{name} is of neither result"
        groups.setdefault(command.group(name), set()).add(shown[name] == new.get(name))
    torn = [name for name, kinds in groups.items() if len(kinds) > 1]
    return f"files of two results are shown{': ' + torn[0] if torn[0] else ''}" if torn else ""


class Trial:
    """A command with what is there before and after it."""

    def __init__(self, name: str, inputs: Path, place: Path) -> None:
        self.command, self.place = COMMANDS[name], place
        place.mkdir(parents=True)
        self.start = place / "start"
        shutil.copytree(inputs, self.start, symlinks=True)
        for arguments in self.command.before:
            code, _, said = in_fork(self.start, arguments)
            assert code == 0, f"{arguments}: {said[-800:]}"
        self.old = content(self.start, self.command)
        whole = self._copy("whole")
        code, _, said = in_fork(whole, self.command.arguments)  # what it imports is loaded from now on
        assert code == 0, said[-1500:]
        self.new = content(whole, self.command)
        counted = self._copy("counted")
        code, self.calls, said = in_fork(counted, self.command.arguments, 0)
        assert code == 0 and content(counted, self.command) == self.new, said[-800:]
        assert self.old != self.new

    def _copy(self, name: str) -> Path:
        shutil.rmtree(self.place / "work", ignore_errors=True)
        (self.place / "work").mkdir()
        return Path(shutil.copytree(self.start, self.place / "work" / "here", symlinks=True))

    def kill(self, call: int) -> str:
        """What is wrong after a kill at this call, or nothing."""
        folder = self._copy(str(call))
        died, _, _ = in_fork(folder, self.command.arguments, call)
        if died != -signal.SIGKILL:
            return f"call {call}: it ended with {died} instead of being killed"
        visible = content(folder, self.command, hidden=False)
        if wrong := find_mixture(self.command, self.old, self.new, visible):
            return f"call {call}: {wrong}"
        code, _, said = in_fork(folder, self.command.arguments)
        now = content(folder, self.command)
        if now != self.new:
            differ = sorted(n for n in now.keys() | self.new.keys() if now.get(n) != self.new.get(n))
            return f"call {call}: again (code {code}) {differ[:4]} differ: {said[-300:].strip()}"
        left = [path for path in folder.rglob(STAGES)]
        return f"call {call}: {left[0].relative_to(folder)} is left" if left else ""


def kill_some(folder: str, names: list[str], kills: int) -> dict[str, list[str]]:
    """What is wrong after kills of each command at a few seeded moments."""
    inputs = Path(folder) / "inputs"
    make_inputs_in_fork(inputs)
    wrong: dict[str, list[str]] = {}
    for name in names:
        trial = Trial(name, inputs, Path(folder) / name)
        assert trial.calls >= 2
        calls = random.Random(name).sample(range(1, trial.calls + 1), kills)
        wrong[name] = [why for call in calls if (why := trial.kill(call))]
        shutil.rmtree(Path(folder) / name)
    return wrong
