"""What `tests/fuzz_reader.py` tries: every reader of files from outside, and the command line's parsers.

A target makes the files that a reader needs in a folder, gives whole contents to begin from, and reads one content.
"""

import gzip
import hashlib
import io
import json
from collections.abc import Callable, Iterable
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import mne
import numpy as np

from enicfer.batch.markers import read_marker
from enicfer.config.session import read_session
from enicfer.io.audio import read_sound
from enicfer.io.bold import read_bold
from enicfer.io.files.claims import unpack
from enicfer.io.files.names import SUFFIXES, find_frames
from enicfer.io.frames_file import read_trace, write_trace
from enicfer.io.results import read_run
from enicfer.io.sidecars import read_sidecars
from enicfer.models.weights import read_model
from enicfer.pipeline.cache import read_record, write_record
from enicfer.pipeline.publish import write_outputs
from enicfer.privacy.share_check import check_share
from enicfer.saliency.face_maps import read_face_maps
from enicfer.saliency.pictures import _decode
from enicfer.training.datasets import Options, read_dataset
from tests import test_fuzz as cases
from tests.factory import make_record, make_run
from tests.io.test_eeg import write_brainvision, write_edf
from tests.io.video.test_stamps import write as write_counted
from tests.xdf_writer import make_stream, write_xdf

SESSION = """participant = "01"
session = "01"
protocol = "eeg-led"
participant_region = [0.0, 0.1, 0.5, 1.0]
face_photo = "photo.png"

[[run]]
task = "faces"
run = 1
video = ["camera.mp4"]
recording = "a.vhdr"
events = "events.tsv"
face = ["120:310,205"]
frame_times = "times.csv"
coarse_offset = [1.5, 0.5]
"""


@dataclass(frozen=True)
class Target:
    """``make(folder)`` gives whole contents; ``read(folder, content)`` reads one. ``also``: modules to guide by."""

    make: Callable[[Path], Iterable[bytes]]
    read: Callable[[Path, bytes], Any]
    also: tuple[str, ...] = ()


def _file(name: str, make: Callable[[Path], object], read: Callable[[Path], Any], *also: str) -> Target:
    """A file that is made whole at its place, and damaged there."""

    def begin(folder: Path) -> list[bytes]:
        made = make(folder / name)
        return [made] if isinstance(made, bytes) else [(folder / name).read_bytes()]

    def look(folder: Path, content: bytes) -> Any:
        (folder / name).write_bytes(content)
        return read(folder / name)

    return Target(begin, look, also)


def _small(name: str) -> Target:
    make, read = cases.SMALL[name]
    return _file(name, lambda path: make(), read)


def _session(path: Path) -> bytes:
    write_brainvision(path.parent)
    for name in ("camera.mp4", "events.tsv", "times.csv", "log.csv", "photo.png"):
        (path.parent / name).write_bytes(b"x")
    return SESSION.encode()


def _brainvision(path: Path) -> None:
    write_brainvision(path.parent)


def _edf(path: Path) -> None:
    write_edf(path, range(5), path.suffix[1:].upper().encode() + b"+C")


def _fif(path: Path) -> None:
    info = mne.create_info(["a", "STI"], 100.0, ["eeg", "stim"])
    raw = mne.io.RawArray(np.zeros((2, 200)), info, verbose="error")
    raw.set_annotations(mne.Annotations([0.5, 1.0], [0.0, 0.2], ["a", "b"]))
    raw.save(path, verbose="error")


def _set(path: Path) -> None:
    from tests.test_headers_that_lie import eeglab

    eeglab(path, 4, 250)


def _streams(path: Path) -> None:
    eeg = make_stream("amp", "EEG", "float32", 250, 1000 + np.arange(40) / 250, np.zeros((40, 2)))
    words = make_stream("task", "Markers", "string", 0, [1000.01, 1000.1], [["a"], ["b"]])
    write_xdf(path, eeg, words)


def _streams_and_recording(path: Path) -> None:
    cases.look_at_streams(path)
    cases.look_at_recording(path)


def _nifti(path: Path) -> None:
    from tests.test_headers_that_lie import nifti

    nifti(path, (2, 2, 2, 5), bytes(160))


def _packed(folder: Path, content: bytes) -> Any:
    (folder / "a.nii.gz").write_bytes(gzip.compress(content, 1, mtime=0))
    return read_bold(folder / "a.nii.gz", 2.0)


def _result(kind: str) -> Target:
    """One file of a run, among the others."""

    def begin(folder: Path) -> list[bytes]:
        run = make_run(seconds=20.0, n_trials=2)
        import enicfer.pipeline.publish

        kept, enicfer.pipeline.publish.write_report = (
            enicfer.pipeline.publish.write_report,
            lambda runs, root: [],
        )
        write_outputs(run, folder / "out")
        enicfer.pipeline.publish.write_report = kept
        return [_place(folder).read_bytes()]

    def _place(folder: Path) -> Path:
        frames = find_frames(folder / "out")
        return frames.with_name(frames.name.replace(SUFFIXES["frames"], SUFFIXES[kind]))

    def look(folder: Path, content: bytes) -> Any:
        place = next((folder / "out").rglob(f"*_{SUFFIXES[kind]}"))
        place.write_bytes(content)
        return read_run(next((folder / "out").rglob(f"*_{SUFFIXES['frames']}")))

    return Target(begin, look)


def _trace(path: Path) -> None:
    run = make_run(seconds=20.0)
    write_trace(path, run.faces, run.expression)


def _seen(path: Path) -> bytes:
    write_record(path, make_record())
    return path.read_bytes()[: -hashlib.sha256().digest_size]


def _read_sealed(folder: Path, content: bytes) -> Any:
    (folder / "seen.h5").write_bytes(content + hashlib.sha256(content).digest())
    return read_record(folder / "seen.h5")


def _model() -> Target:
    """The header alone; its tensors follow."""
    file = cases.ROOT / "enicfer" / "models" / "weights" / "ronnet-7.safetensors"
    content = file.read_bytes()
    size = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:size])
    about = json.loads(header["__metadata__"]["enicfer"])
    about.pop("pictures", None)
    header["__metadata__"]["enicfer"] = json.dumps(about)

    def look(folder: Path, header: bytes) -> Any:
        (folder / "a.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + content[size:])
        return read_model(folder / "a.safetensors")

    return Target(lambda folder: [json.dumps(header).encode()], look)


def _wave(path: Path) -> None:
    from scipy.io import wavfile

    wavfile.write(path, 8000, (np.sin(np.arange(800) / 9) * 9000).astype(np.int16))


def _picture(path: Path) -> bytes:
    (path.parent / "manifest.csv").write_text(f"path,label\n{path.name},happy\n", encoding="utf-8")
    noise = np.random.default_rng(0).integers(0, 255, (24, 20, 3), dtype=np.uint8)
    return bytes(cv2.imencode(path.suffix, noise)[1].tobytes())


def _read_picture(path: Path) -> Any:
    cases.attempt(_decode, path.read_bytes(), path)
    read_dataset(path.parent / "manifest.csv", "manifest", Options())


def _video(path: Path) -> None:
    write_counted(str(path), 8, bframes=1)


def _read_video(path: Path) -> Any:
    cases.attempt(cases.probe_video, path)
    cases.attempt(cases.look_at_frames, path)
    cases.attempt(read_sound, path)


def _maps(path: Path) -> bytes:
    made = io.BytesIO()
    names = ("name", "subject", "expression", "probability", "map", "landmarks", "found")
    about = '{"format": 1, "model": "a", "method": "gradient", "checks": []}'
    text, number = np.array(["a", "b"]), np.full(2, 0.5, np.float32)
    values = (
        text,
        text,
        np.array(["happy", "sad"]),
        number,
        np.ones((2, 4, 4), np.float32),
        np.ones((2, 5, 2)),
    )
    arrays = dict(zip(names, (*values, np.ones(2, bool)), strict=True))
    np.savez_compressed(made, about=np.array(about), **arrays)
    return made.getvalue()


def _share() -> Target:
    """Bytes of any kind; beginnings of every format that is looked into."""

    def begin(folder: Path) -> list[bytes]:
        (folder / "shared").mkdir(exist_ok=True)
        seeds = [_picture(folder / f"a{end}") for end in (".png", ".jpg", ".gif")]
        _trace(folder / "a.h5")
        _edf(folder / "a.edf")
        _fif(folder / "a_raw.fif")
        seeds += [(folder / name).read_bytes() for name in ("a.h5", "a.edf", "a_raw.fif")]
        seeds.append(b'{"a": "data:image/png;base64,iVBORw0KGgo=", "b": "\\u00e9 C:\\\\Users\\\\ann"}')
        seeds.append(
            b"<svg xmlns='x'><image href='data:image/svg+xml,%3Csvg%3E'/>file:///home/ann 1999-02-22</svg>"
        )
        return seeds

    def look(folder: Path, content: bytes) -> Any:
        (folder / "shared" / "file.bin").write_bytes(content)
        found = check_share(folder / "shared", ["Ann Example"], lambda picture: 0)
        assert all(item.file == "file.bin" for item in found)

    return Target(begin, look)


# The most exposed first: what other people and programs make, then what we make.
TARGETS: dict[str, Target] = {
    "session.toml": _file("session.toml", _session, lambda path: read_session(path.parent)),
    "a.vhdr": _file("a.vhdr", _brainvision, cases.look_at_recording, "mne.io.brainvision"),
    "a.edf": _file("a.edf", _edf, cases.look_at_recording, "mne.io.edf"),
    "cli": Target(lambda folder: [b"\0\1\2process-session --face 1:2,3"], lambda folder, content: None),
    "a.xdf": _file("a.xdf", _streams, _streams_and_recording),
    "a.set": _file("a.set", _set, cases.look_at_recording, "mne.io.eeglab", "scipy.io.matlab"),
    "a.vmrk": _file(
        "a.vmrk", _brainvision, lambda path: cases.look_at_recording(path.with_suffix(".vhdr")), "mne.io.brainvision"
    ),
    "a_raw.fif": _file("a_raw.fif", _fif, cases.look_at_recording, "mne.io.fiff", "mne._fiff"),
    "a.bdf": _file("a.bdf", _edf, cases.look_at_recording, "mne.io.edf"),
    "a.nii": _file("a.nii", _nifti, lambda path: read_bold(path, 2.0), "nibabel.nifti1", "nibabel.analyze"),
    "a.nii.gz": Target(lambda folder: [*_file("a.nii", _nifti, lambda path: None).make(folder)], _packed),
    "gzip": _file("a.gz", lambda path: gzip.compress(b"abc" * 99), lambda path: sum(map(len, unpack(path)))),
    "trace.h5": _file("trace.h5", _trace, read_trace),
    "frames.h5": _result("frames"),
    "model": _model(),
    "a.mp4": _file("a.mp4", _video, _read_video),
    "a.wav": _file("a.wav", _wave, read_sound),
    "a.png": _file("a.png", _picture, _read_picture),
    "a.jpg": _file("a.jpg", _picture, _read_picture),
    **{name: _small(name) for name in cases.SMALL},
    "manifest.csv": _file(
        "manifest.csv",
        lambda path: _picture(path.with_name("a.png")) and cases.MANIFEST.encode(),
        lambda path: read_dataset(path, "manifest", Options()),
    ),
    "a_bold.json": _file(
        "a_bold.json", lambda path: b'{"RepetitionTime": 2.0}', lambda path: read_sidecars(path.with_suffix(".nii"))
    ),
    **{kind: _result(kind) for kind in ("sync", "qc", "events", "physioevents")},
    "seen.h5": Target(lambda folder: [_seen(folder / "seen.h5")], _read_sealed),
    "marker.json": _file("a.json", lambda path: b'{"name": "a", "state": "done", "files": {}}', read_marker),
    "maps.npz": _file("a.npz", _maps, read_face_maps),
    "share": _share(),
}  # fmt: skip


class Reached(BaseException):
    """The command line took its arguments and called the library."""


# What the commands call. A stub stands in its place, so that no argument can reach a file.
BORDER = {
    "enicfer.pipeline.align": ("align_session",),
    "enicfer.pipeline.process": ("process_session", "trace_video"),
    "enicfer.batch.sessions": ("collect_sessions", "process_sessions"),
    "enicfer.batch.dataset": ("collect_dataset", "process_dataset", "summarise_dataset"),
    "enicfer.privacy.forget": ("forget_participant",),
    "enicfer.batch.jobs": ("find_sessions",),
    "enicfer.privacy.share_check": ("check_share",),
    "enicfer.pipeline.cache": ("list_observations", "prune_observations"),
    "enicfer.privacy.deidentify": ("deidentify_video",),
    "enicfer.pipeline.events": ("list_events",),
    "enicfer.synthetic": ("write_example_session",),
    "enicfer.faces.weights": ("fetch_weights", "add_weights"),
    "enicfer.pipeline.import_trace": ("import_trace",),
    "enicfer.pipeline.apply": ("apply_result",),
    "enicfer.saliency.groups.files": ("compare_sources",),
    "enicfer.saliency.request": ("explain_request",),
    "enicfer.training.commands": ("evaluate_files", "prepare_recipe", "train_recipe"),
    "enicfer.training.cross": ("cross_evaluate_files",),
    "enicfer.training.datasets": ("face_cropper",),
    "enicfer.training.datasets.check": ("check_dataset",),
    "enicfer.training.paired": ("compare_classifiers",),
}


@contextmanager
def stubbed() -> Any:
    """The library's functions that commands call, each replaced by one that raises `Reached`."""
    from importlib import import_module
    from unittest.mock import patch

    def reached(*arguments: Any, **settings: Any) -> None:
        raise Reached

    patches = [
        patch.object(import_module(module), name, reached)
        for module, names in BORDER.items()
        for name in names
    ]
    for one in patches:
        one.start()
    try:
        yield
    finally:
        for one in patches:
            one.stop()
