"""What was seen in a video, kept on disk, so that nobody needs to look again.

Looking takes minutes, everything after it seconds. Each `Seen` is a file named by the hash of all it depends
on, so nothing ever has to be declared stale: other inputs have another name. Files hold rows of numbers and, if
an LED's place is to be found, the picture's brightness on a coarse grid; never a picture of a face.
"""

import hashlib
import json
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from enicfer.fingerprint import SEEING, hash_content, hash_file, hash_program
from enicfer.io.brightness import BRIGHTNESS_SOURCES
from enicfer.io.store import replacing
from enicfer.protocol import Pulses
from enicfer.records import ExpressionTrace, FaceTrack
from enicfer.watch import Progress, Seen, Tools, watch_video

if TYPE_CHECKING:
    import h5py

# The parts of the program that decide what is seen.
_SOURCES = (
    "watch.py", "expression.py", "cache.py", "io/parts.py", "io/video.py", "io/frame.py", "io/interlace.py",
    "io/brightness.py", "faces/**/*.py", "models/**/*.py",
)  # fmt: skip
_RECORDS = {"faces": FaceTrack, "expression": ExpressionTrace}
_BLOCK = 1024  # frames


def watch_once(
    videos: tuple[Path, ...],
    tools: Tools,
    pulses: Pulses | None,
    folder: Path,
    tools_hash: str,
    progress: Progress | None = None,
    threads: int = 0,
) -> Seen:
    """What `enicfer.watch.watch_video` gives, from ``folder`` if it was seen before, else kept there.

    Parameters
    ----------
    videos, tools, pulses, progress, threads
        As for `watch_video`.
    folder
        Where the files are; made if it is missing.
    tools_hash
        From `enicfer.fingerprint.hash_tools`.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    path = folder / f"{name_seen(videos, tools, pulses, tools_hash)}.h5"
    found = read_seen(path)
    if found is None:
        found = watch_video(videos, tools, pulses, progress, threads)
        folder.mkdir(parents=True, exist_ok=True)
        write_seen(path, found)
    return found


def name_seen(videos: tuple[Path, ...], tools: Tools, pulses: Pulses | None, tools_hash: str) -> str:
    """Hash of everything that decides what is seen; codes and windows do not."""
    shown = pulses is not None and pulses.source in BRIGHTNESS_SOURCES
    return hash_content(
        {
            "videos": [hash_file(video) for video in videos],
            "tools": tools_hash,
            "quality": asdict(tools.quality),
            "faces": tools.faces,
            "region": tools.region,
            "analysis_rate": tools.analysis_rate,
            "photo": None if tools.photo is None else tools.photo.tolist(),
            "brightness": pulses.region if pulses is not None and shown else None,
            "program": hash_program(_SOURCES, SEEING),
        }
    )


def write_seen(path: Path, seen: Seen) -> None:
    """Write under a temporary name, then rename: a file is whole or not there. It ends with its own hash."""
    import h5py

    with replacing(path) as partial:
        with h5py.File(partial, "w") as file:
            for name in _RECORDS:
                _write_record(file.create_group(name), getattr(seen, name))
            if seen.brightness is not None:
                _write_array(file, "brightness", seen.brightness)
        seal = bytes.fromhex(hash_file(partial))
        with partial.open("ab") as end:
            end.write(seal)


def read_seen(path: Path) -> Seen | None:
    """Read what `write_seen` wrote; None where there is nothing, or nothing whole."""
    import h5py

    try:
        if not _is_sealed(path):
            return None
        with h5py.File(path, "r") as file:
            records: dict[str, Any] = {
                name: kind(**_read_record(file[name])) for name, kind in _RECORDS.items()
            }
            return Seen(**records, brightness=_read_brightness(file))
    except (OSError, KeyError, TypeError, ValueError, AttributeError, RuntimeError):
        return None


def _is_sealed(path: Path) -> bool:
    """Whether the file ends with the hash of what is before it: a disk can give other bytes than it was given."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        end = path.stat().st_size - digest.digest_size
        while (left := end - file.tell()) > 0 and (block := file.read(min(left, 1 << 20))):
            digest.update(block)
        return digest.digest() == file.read()


def _write_array(group: "h5py.Group", name: str, values: npt.NDArray[Any]) -> None:
    chunks = (min(len(values), _BLOCK), *values.shape[1:]) if values.size else None
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
        kept[start : start + _BLOCK] = values[start : start + _BLOCK]


def _write_record(group: "h5py.Group", record: FaceTrack | ExpressionTrace) -> None:
    for field in fields(record):
        value = getattr(record, field.name)
        if isinstance(value, np.ndarray):
            _write_array(group, field.name, value)
        elif isinstance(value, Mapping):
            inner = group.create_group(field.name, track_order=True)
            for name, values in value.items():
                _write_array(inner, name, values)
        else:
            group.attrs[field.name] = json.dumps(value, ensure_ascii=False)


def _read_record(group: "h5py.Group") -> dict[str, Any]:
    import h5py

    texts = {name: json.loads(value) for name, value in group.attrs.items()}
    values: dict[str, Any] = {n: tuple(v) if isinstance(v, list) else v for n, v in texts.items()}
    for name, member in group.items():
        if isinstance(member, h5py.Group):
            values[name] = {key: member[key][:] for key in member}
        else:
            values[name] = member[:]
    return values


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
