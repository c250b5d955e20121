"""What was seen in a video comes back from disk as it was, and only for the same inputs."""

import hashlib
import os
import time
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from enicfer.cli.main import cli
from enicfer.config.protocol import Pulses, Quality
from enicfer.config.runs import Run
from enicfer.faces.rows import Signatures
from enicfer.pipeline import cache
from enicfer.pipeline import provenance as fingerprint
from enicfer.pipeline.cache import (
    keep_cells,
    list_observations,
    name_record,
    read_record,
    write_record,
)
from enicfer.pipeline.kept import KeptRecords
from enicfer.pipeline.observe import LoadedModels
from enicfer.pipeline.provenance import PACKAGE
from tests.factory import make_record
from tests.test_architecture import MODULES, inside


def same(a, b) -> bool:
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[key], b[key]) for key in a)
    return a == b


def same_record(a, b) -> bool:
    """Whether two records hold the same, bit for bit."""
    faces = [same(getattr(a.faces, name), getattr(b.faces, name)) for name in ("rows", "frames")]
    texts = (a.faces.detector, a.faces.resized, a.notes) == (b.faces.detector, b.faces.resized, b.notes)
    rest = [same(getattr(a, name), getattr(b, name)) for name in ("probability", "read")]
    return all(faces + rest) and texts and same(a.faces.signatures[:], b.faces.signatures[:])


@pytest.mark.parametrize("brightness", ["none", "region", "grid"])
def test_it_comes_back_bit_for_bit(brightness, tmp_path):
    n, rng = 300, np.random.default_rng(0)
    values = {"none": None, "region": rng.random(n), "grid": rng.integers(0, 255, (n, 6, 8), np.uint8)}
    seen = make_record(n, brightness=values[brightness])
    write_record(tmp_path / "a.h5", seen)
    found = read_record(tmp_path / "a.h5")
    assert same_record(found, seen)
    assert same(None if found.brightness is None else np.asarray(found.brightness), seen.brightness)


@pytest.mark.parametrize("n", [1, 40])
def test_a_video_without_faces_comes_back(n, tmp_path):
    seen = make_record(n)
    seen = replace(seen, probability=seen.probability[:0], faces=no_faces(seen.faces))
    write_record(tmp_path / "a.h5", seen)
    assert same_record(read_record(tmp_path / "a.h5"), seen)


def no_faces(faces):
    return replace(faces, rows=faces.rows[:0], signatures=Signatures(), resized=None)


@given(st.integers(0, 10**9))
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_file_that_was_cut_short_counts_as_absent(tmp_path, place):
    whole = tmp_path / "a.h5"
    if not whole.exists():
        write_record(whole, make_record())
    data = whole.read_bytes()
    part = tmp_path / "b.h5"
    part.write_bytes(data[: place % len(data)])
    assert read_record(part) is None


@given(st.integers(0, 10**9), st.integers(1, 255))
@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_file_with_another_byte_counts_as_absent(tmp_path, place, change):
    whole = tmp_path / "a.h5"
    if not whole.exists():
        write_record(whole, make_record())
    data = bytearray(whole.read_bytes())
    data[place % len(data)] ^= change
    part = tmp_path / "b.h5"
    part.write_bytes(data)
    assert read_record(part) is None


def test_a_face_of_a_frame_that_is_not_there_counts_as_absent(tmp_path):
    seen = make_record(50)
    seen.faces.rows["frame"][-1] = 50
    write_record(tmp_path / "a.h5", seen)
    assert read_record(tmp_path / "a.h5") is None


def test_the_name_depends_on_what_decides_what_is_seen_alone(tmp_path):
    video = tmp_path / "a.mp4"
    video.write_bytes(b"video")
    tools, pulses = LoadedModels(None, None, Quality()), Pulses(codes=("S 1",))

    def name(tools=tools, pulses=pulses, hashed="h"):
        return name_record((video,), tools, pulses, hashed)

    first = name()
    for harmless in (
        {"pulses": replace(pulses, codes=("S 2",), max_drift=5.0)},
        {"tools": replace(tools, quality=Quality(min_score=0.6, max_yaw=20.0, max_occlusion=0.3))},
        {"tools": replace(tools, faces=((3, 1.0, 2.0),), region=(0.0, 0.0, 0.5, 1.0))},
        {"tools": replace(tools, photo=np.zeros(188, np.uint8))},
    ):
        assert name(**harmless) == first
    different = {
        name(pulses=replace(pulses, region=(0.0, 0.0, 0.1, 0.1))),
        name(pulses=None),
        name(hashed="other model"),
        name(tools=replace(tools, quality=Quality(min_score=0.3))),
        name(tools=replace(tools, analysis_rate=5.0)),
    }
    video.write_bytes(b"Video")
    assert len(different | {first, name()}) == 7


def find_or_make(video, models, folder):
    kept = KeptRecords(folder, "h", {(video, None): ()})
    return kept.find_or_make(Run("task", None, (video,)), models, None, None, 0)


def test_nobody_looks_twice(monkeypatch, tmp_path):
    video = tmp_path / "a.mp4"
    video.write_bytes(b"video")
    seen, looks = make_record(), []
    monkeypatch.setattr("enicfer.pipeline.kept.record_video", lambda *a: looks.append(a) or seen)
    for points in ((), ((3, 1.0, 2.0),), ()):
        models = LoadedModels(None, None, Quality(), points)
        assert same_record(find_or_make(video, models, tmp_path / "work"), seen)
    assert len(looks) == 1
    assert [path.suffix for path in (tmp_path / "work").iterdir()] == [".h5"]
    find_or_make(video, models, None)
    assert len(looks) == 2


# Names, errors, records of numbers, readers of settings: what they decide is hashed as content.
HARMLESS = (
    "errors",
    "expressions",
    "records",
    "config",
    "io.files",
    "io.results",
    "io.frames_file",
    "io.tables",
    "pipeline.provenance",
)


def test_every_module_that_sees_counts_as_part_of_the_program():
    counted = {path for part in cache._SOURCES for path in PACKAGE.glob(part)}
    reached, waiting = set(), ["enicfer.pipeline.observe"]
    while waiting:
        name = waiting.pop()
        part = name.removeprefix("enicfer.")
        if name in reached or any(part == h or part.startswith(f"{h}.") for h in HARMLESS):
            continue
        reached.add(name)
        waiting += inside(name)
    assert len(reached) > 20
    assert {MODULES[name] for name in reached} <= counted


def test_of_a_grid_only_what_may_be_the_led_stays(tmp_path):
    """The same cells come out of the reduced grid, for the number of pulses that it was reduced for."""
    from enicfer.sync.led import rank_cells

    rng, n = np.random.default_rng(0), 600
    grid = rng.integers(90, 110, (n, 8, 9)).astype(np.uint8)
    lit = rng.random(n) < 0.05
    grid[lit, 3, 4], grid[lit, 3, 5] = 240, 200
    seen, path = make_record(n, brightness=grid), tmp_path / "a.h5"
    write_record(path, seen)
    assert read_record(path, (7,)) is not None
    keep_cells(path, seen, (10, 30))
    found = read_record(path, (10,))
    assert read_record(path, (11,)) is None and read_record(path, (10, 11)) is None
    for count in (10, 30):
        assert rank_cells(found.brightness, count) == rank_cells(grid, count)
    shown = {(row, column) for count in (10, 30) for row, column in rank_cells(grid, count)}
    left = {(int(row), int(column)) for row, column in np.argwhere(found.brightness.any(axis=0))}
    assert left == shown and len(left) < 20
    np.testing.assert_array_equal(found.brightness[:, 3, 4], grid[:, 3, 4])
    keep_cells(path, found, (99,))
    assert read_record(path, (10,)) is not None


@pytest.mark.skipif(os.name != "posix", reason="modes are those of POSIX")
def test_only_the_owner_can_read_what_is_kept(tmp_path, monkeypatch):
    monkeypatch.setattr("enicfer.pipeline.kept.record_video", lambda *a: make_record())
    modes = []
    create = h5py.File.__init__

    def watch(self, name, *args, **kwargs):
        create(self, name, *args, **kwargs)
        modes.append(Path(name).stat().st_mode & 0o777)

    monkeypatch.setattr(h5py.File, "__init__", watch)
    before = os.umask(0)
    try:
        (tmp_path / "a.mp4").write_bytes(b"video")
        find_or_make(tmp_path / "a.mp4", LoadedModels(None, None, Quality()), tmp_path / "work")
    finally:
        os.umask(before)
    assert modes and set(modes) == {0o600}, "also while it is written"
    assert (tmp_path / "work").stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "work").iterdir()} == {0o600}


def test_what_is_kept_is_listed_and_removed(tmp_path):
    folder = tmp_path / ".enicfer" / "seen"
    folder.mkdir(parents=True)
    for i, age in enumerate((30, 20, 10)):
        (folder / f"{i}.h5").write_bytes(bytes(1000))
        os.utime(folder / f"{i}.h5", (time.time() - age * 86400,) * 2)

    def run(*options):
        answer = CliRunner().invoke(cli, ["cache", str(tmp_path), *options])
        assert answer.exit_code == 0, answer.output
        return answer.output, sorted(path.name for path in folder.iterdir())

    assert "3 files, 0.0 MB" in run()[0]
    assert run("--older-than", "25")[1] == ["1.h5", "2.h5"]
    assert run("--max-size", "0.0000015")[1] == ["2.h5"]
    assert run("--all")[1] == []
    assert list_observations(tmp_path / "nowhere") == []


def test_a_large_file_is_read_once_and_again_after_a_change(tmp_path, monkeypatch):
    path, reads = tmp_path / "video", []
    path.write_bytes(bytes(2_000_000))
    digest = hashlib.file_digest
    monkeypatch.setattr(hashlib, "file_digest", lambda *a: reads.append(1) or digest(*a))
    monkeypatch.setattr(fingerprint, "_SETTLED", -1e9)
    first = fingerprint.hash_file(path)
    assert fingerprint.hash_file(path) == first == hashlib.sha256(bytes(2_000_000)).hexdigest()
    assert len(reads) == 1
    path.write_bytes(b"x" + bytes(1_999_999))
    os.utime(path, ns=(1, 1))
    assert fingerprint.hash_file(path) == hashlib.sha256(b"x" + bytes(1_999_999)).hexdigest()
    monkeypatch.setattr(fingerprint, "_SETTLED", 1e9)
    other = tmp_path / "new"
    other.write_bytes(bytes(2_000_000))
    fingerprint.hash_file(other), fingerprint.hash_file(other)
    assert len(reads) == 4, "a file that was changed just now is read again"
