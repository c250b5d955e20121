"""What was seen in a video, kept on disk, so that nobody needs to look again.

Looking takes minutes, everything after it seconds. Each `VideoRecord` is a file named by the hash of all it depends
on, so nothing ever has to be declared stale: other inputs have another name. Who the participant is and which frames
are believed is chosen from it, so it holds all faces: rows of numbers, and what each face looks like, which is a
pattern of 12 x 12 grey values and some colours (`enicfer.faces.appearance`). If an LED's place is to be found, it
holds the picture's brightness on a coarse grid. A grid shows the scene, so of it only the cells that may be the LED
are kept once the clocks are related (`keep_cells`), and all files can be read by their owner alone.
"""

import hashlib
import json
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from enicfer.config.protocol import Pulses
from enicfer.errors import InputError
from enicfer.io.files.atomic import replacing
from enicfer.io.files.hdf5 import Kind, open_hdf5
from enicfer.io.files.private import make_private_folder, write_private
from enicfer.io.video.brightness import BRIGHTNESS_SOURCES
from enicfer.pipeline.observe import LoadedModels, VideoRecord
from enicfer.pipeline.provenance import SEEING, hash_content, hash_file, hash_program

if TYPE_CHECKING:
    import h5py

    from enicfer.faces.choose import SeenFaces
    from enicfer.faces.rows import Signatures

# The parts of the program that decide what is seen.
_SOURCES = (
    "pipeline/observe.py", "pipeline/classify.py", "pipeline/cache.py", "io/video/*.py", "io/pictures.py",
    "io/files/claims.py", "faces/**/*.py", "models/**/*.py",
)  # fmt: skip
_LAYOUT = {
    "frames/video_time": Kind("f", ("n",)),
    "frames/decodable": Kind("b", ("n",)),
    "frames/n_faces": Kind("u", ("n",)),
    "frames/size": Kind("u", ("n", 2)),
    "frames/read": Kind("b", ("n",)),
    "faces/frame": Kind("i", ("m",)),
    "faces/tracklet": Kind("i", ("m",)),
    "faces/box": Kind("f", ("m", 4)),
    "faces/landmarks": Kind("f", ("m", 5, 2)),
    "faces/score": Kind("f", ("m",)),
    "faces/sharpness": Kind("f", ("m",)),
    "faces/brightness": Kind("f", ("m",)),
    "faces/truncated": Kind("f", ("m",)),
    "faces/probability": Kind("f", ("m", "k")),
    "faces/signature": Kind("u", ("m", "s")),
}
_COUNTS, _VIDEOS = "pulse_counts", "videos"
_TEXTS = ("detector", "resized", "notes")
_BLOCK = 1024  # frames


def keep_record(path: Path, record: VideoRecord, videos: Sequence[Path]) -> None:
    """Write a record in a private folder, with the hashes of its videos.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    make_private_folder(path.parent)
    write_record(path, record, videos=[hash_file(video) for video in videos])


def keep_cells(path: Path, seen: VideoRecord, counts: tuple[int, ...]) -> None:
    """Write a cached file again with those cells of its grid alone that `enicfer.sync.led.rank_cells` would choose.

    Parameters
    ----------
    path
        The file, by `name_record`; nothing is done where it is not there, or its grid is reduced already.
    seen
        What it holds.
    counts
        Numbers of pulses that the cells are chosen for; with another number the video is watched again.
    """
    from enicfer.sync.led import rank_cells

    grid = seen.brightness
    if grid is None or grid.ndim != 3 or not grid.size or not path.is_file():
        return
    with open_hdf5(path, {}) as file:
        if _COUNTS in file.attrs:
            return
        videos = list(file.attrs.get(_VIDEOS, ()))
    cells = {cell for count in counts for cell in rank_cells(grid.astype(np.uint8, copy=False), count)}
    kept = np.zeros(grid.shape[1:], bool)
    for row, column in cells:
        kept[row, column] = True
    write_record(path, seen, kept, counts, videos)


def name_record(
    videos: tuple[Path, ...], models: LoadedModels, pulses: Pulses | None, models_hash: str
) -> str:
    """Hash of everything that decides what is seen; codes, windows, thresholds and the choice of a face do not."""
    from enicfer.faces.observe import SURE

    shown = pulses is not None and pulses.source in BRIGHTNESS_SOURCES
    return hash_content(
        {
            "videos": [hash_file(video) for video in videos],
            "tools": models_hash,
            "min_score": min(SURE, models.quality.min_score),
            "analysis_rate": models.analysis_rate,
            "brightness": pulses.region if pulses is not None and shown else None,
            "program": hash_program(_SOURCES, SEEING),
        }
    )


def write_record(
    path: Path,
    seen: VideoRecord,
    kept: npt.NDArray[np.bool_] | None = None,
    counts: tuple[int, ...] = (),
    videos: Sequence[str] = (),
) -> None:
    """Write under a temporary name, then rename: a file is whole or not there. It ends with its own hash.

    Parameters
    ----------
    path, seen
        The file, and what to put there.
    kept
        ``(rows, columns)`` cells of the brightness grid that are written, others as 0; None for all.
    counts
        Numbers of pulses for which these cells are enough.
    videos
        SHA-256 of the videos, by which the file is found when a participant is to be forgotten.
    """
    import h5py

    with replacing(path) as partial:
        write_private(partial, b"")  # so that nobody else can read it while it grows
        with h5py.File(partial, "w", locking=False) as file:
            _write_faces(file, seen)
            if seen.brightness is not None:
                _write_array(file, "brightness", seen.brightness, kept)
            if videos:
                file.attrs[_VIDEOS] = list(videos)
            if kept is not None:
                file.attrs[_COUNTS] = list(counts)
        seal = bytes.fromhex(hash_file(partial))
        with partial.open("ab") as end:
            end.write(seal)


def read_record(path: Path, counts: tuple[int, ...] = ()) -> VideoRecord | None:
    """Read what `write_record` wrote; None where nothing is whole, or a grid lacks what is asked."""
    try:
        if not _is_sealed(path):
            return None
        with open_hdf5(path, _LAYOUT) as file:
            if _COUNTS in file.attrs and not set(counts) <= {int(count) for count in file.attrs[_COUNTS]}:
                return None
            faces, notes = _read_faces(file)
            probability = np.asarray(file["faces/probability"][:])
            read = np.asarray(file["frames/read"][:])
            return VideoRecord(faces, probability, read, notes, _read_brightness(file))
    except (InputError, OSError, KeyError, TypeError, ValueError, AttributeError, RuntimeError):
        return None


def _is_sealed(path: Path) -> bool:
    """Whether the file ends with the hash of what is before it: a disk can give other bytes than it was given."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        end = path.stat().st_size - digest.digest_size
        while (left := end - file.tell()) > 0 and (block := file.read(min(left, 1 << 20))):
            digest.update(block)
        return digest.digest() == file.read()


def _write_array(
    group: "h5py.Group",
    name: str,
    values: "npt.NDArray[Any] | Signatures",
    where: npt.NDArray[np.bool_] | None = None,
) -> None:
    chunks = (min(len(values), _BLOCK), *values.shape[1:]) if len(values) else None
    kept = group.create_dataset(
        name,
        shape=values.shape,
        dtype=values.dtype,
        chunks=chunks,
        compression="gzip" if chunks else None,
        compression_opts=1 if chunks else None,
        track_times=False,
    )
    for start in range(0, len(values), _BLOCK):
        block = values[start : start + _BLOCK]
        kept[start : start + _BLOCK] = block if where is None else np.where(where, block, 0)


def _write_faces(file: "h5py.File", seen: VideoRecord) -> None:
    faces = seen.faces
    for group, table in (("frames", faces.frames), ("faces", faces.rows)):
        inner = file.create_group(group)
        for name in table.dtype.names or ():
            _write_array(inner, name, table[name])
    _write_array(file["frames"], "read", seen.read)
    _write_array(file["faces"], "probability", seen.probability)
    _write_array(file["faces"], "signature", faces.signatures)
    for name, value in zip(_TEXTS, (faces.detector, faces.resized, seen.notes), strict=True):
        file.attrs[name] = json.dumps(value, ensure_ascii=False)


def _read_faces(file: "h5py.File") -> tuple["SeenFaces", tuple[str, ...]]:
    """All faces, and the notes."""
    from enicfer.faces.choose import SeenFaces
    from enicfer.faces.rows import FRAME, ROW

    frames, rows = (_read_table(file[name], kind) for name, kind in (("frames", FRAME), ("faces", ROW)))
    if len(rows) and not (rows["frame"].min() >= 0 and rows["frame"].max() < len(frames)):
        raise ValueError("a face of no frame")
    detector, resized, notes = (json.loads(file.attrs[name]) for name in _TEXTS)
    if resized is not None:
        number, before, now = resized
        resized = int(number), tuple(before), tuple(now)
    signatures = _read_signatures(file["faces/signature"])
    return SeenFaces(rows, frames, signatures, str(detector), resized), tuple(map(str, notes))


def _read_table(group: "h5py.Group", kind: np.dtype[Any]) -> npt.NDArray[Any]:
    """The columns of a group as rows of one kind."""
    names = kind.names or ()
    table = np.zeros(len(group[names[0]]), kind)
    for name in names:
        table[name] = group[name][:]
    return table


def _read_signatures(kept: "h5py.Dataset") -> "Signatures":
    from enicfer.faces.rows import Signatures

    signatures = Signatures()
    for start in range(0, len(kept), _BLOCK):
        signatures.extend_block(kept[start : start + _BLOCK])
    return signatures


def _read_brightness(file: "h5py.File") -> npt.NDArray[Any] | None:
    """The brightness; a grid goes through a temporary file, because that of an hour fills a memory."""
    if "brightness" not in file:
        return None
    kept = file["brightness"]
    if kept.ndim == 1 or not kept.size:
        return np.asarray(kept[:])
    with tempfile.TemporaryFile() as copy:
        for start in range(0, len(kept), _BLOCK):
            copy.write(kept[start : start + _BLOCK].tobytes())
        copy.flush()
        return np.memmap(copy, kept.dtype, "r", shape=kept.shape)


def list_observations(folder: Path) -> list[tuple[Path, int, float]]:
    """Path, bytes and time of the last change (s since 1970) of every cached file, the oldest first."""
    found = []
    for path in folder.glob("*.h5") if folder.is_dir() else ():
        with suppress(OSError):  # another process removed it just now
            status = path.stat()
            found.append((path, status.st_size, status.st_mtime))
    return sorted(found, key=lambda item: (item[2], item[0].name))


def find_videos(path: Path) -> set[str] | None:
    """SHA-256 of the videos that a cached file is about; None where it does not say, or cannot be read."""
    try:
        with open_hdf5(path, {}) as file:
            return {str(name) for name in file.attrs[_VIDEOS]}
    except (InputError, OSError, KeyError, TypeError, ValueError, RuntimeError):
        return None


def prune_observations(
    folder: Path, *, max_age: float | None = None, max_size: int | None = None, everything: bool = False
) -> list[Path]:
    """Remove cached files; what they hold is watched again when it is needed.

    Parameters
    ----------
    folder
        Where they are.
    max_age
        Files that were not changed for so many s are removed.
    max_size
        The oldest are removed until the rest has at most so many bytes.
    everything
        All are removed.

    Returns
    -------
    list of Path
        What was removed.
    """
    found = list_observations(folder)
    total, now = sum(size for _, size, _ in found), time.time()
    removed = []
    for path, size, changed in found:
        old = max_age is not None and now - changed > max_age
        if everything or old or (max_size is not None and total > max_size):
            path.unlink(missing_ok=True)
            total -= size
            removed.append(path)
    return removed
