"""What was seen in a video comes back from disk as it was, and only for the same inputs."""

from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from enicfer import cache
from enicfer.cache import name_seen, read_seen, watch_once, write_seen
from enicfer.fingerprint import PACKAGE
from enicfer.protocol import Pulses, Quality
from enicfer.watch import Seen, Tools
from tests.test_architecture import imports


def same(a, b) -> bool:
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[key], b[key]) for key in a)
    return a == b


def same_record(a, b) -> bool:
    return all(same(getattr(a, field.name), getattr(b, field.name)) for field in fields(a))


@pytest.mark.parametrize("brightness", ["none", "region", "grid"])
def test_it_comes_back_bit_for_bit(brightness, make_run, tmp_path):
    run = make_run()
    n = len(run.faces.video_time)
    rng = np.random.default_rng(0)
    values = {"none": None, "region": rng.random(n), "grid": rng.integers(0, 255, (n, 6, 8), np.uint8)}
    measures = {"yaw": run.faces.measures["yaw"], "brightness": run.faces.measures["yaw"] * 2}
    seen = Seen(replace(run.faces, measures=measures), run.expression, values[brightness])
    write_seen(tmp_path / "a.h5", seen)
    found = read_seen(tmp_path / "a.h5")
    assert same_record(found.faces, seen.faces)
    assert same_record(found.expression, seen.expression)
    assert same(None if found.brightness is None else np.asarray(found.brightness), seen.brightness)


@given(st.integers(0, 10**9))
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_file_that_was_cut_short_counts_as_absent(make_run, tmp_path, place):
    whole = tmp_path / "a.h5"
    if not whole.exists():
        run = make_run(seconds=20)
        write_seen(whole, Seen(run.faces, run.expression, None))
    data = whole.read_bytes()
    part = tmp_path / "b.h5"
    part.write_bytes(data[: place % len(data)])
    assert read_seen(part) is None


@given(st.integers(0, 10**9), st.integers(1, 255))
@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_file_with_another_byte_counts_as_absent(make_run, tmp_path, place, change):
    whole = tmp_path / "a.h5"
    if not whole.exists():
        run = make_run(seconds=20)
        write_seen(whole, Seen(run.faces, run.expression, None))
    data = bytearray(whole.read_bytes())
    data[place % len(data)] ^= change
    part = tmp_path / "b.h5"
    part.write_bytes(data)
    assert read_seen(part) is None


def test_the_name_depends_on_what_decides_what_is_seen_and_on_nothing_else(tmp_path):
    video = tmp_path / "a.mp4"
    video.write_bytes(b"video")
    tools, pulses = Tools(None, None, Quality()), Pulses(codes=("S 1",))

    def name(tools=tools, pulses=pulses, hashed="h"):
        return name_seen((video,), tools, pulses, hashed)

    first = name()
    assert name(pulses=replace(pulses, codes=("S 2",), max_drift=5.0)) == first
    different = {
        name(pulses=replace(pulses, region=(0.0, 0.0, 0.1, 0.1))),
        name(pulses=None),
        name(hashed="other model"),
        name(tools=replace(tools, quality=Quality(min_score=0.6))),
        name(tools=replace(tools, faces=((3, 1.0, 2.0),))),
    }
    video.write_bytes(b"Video")
    assert len(different | {first, name()}) == 7


def test_nobody_looks_twice(monkeypatch, make_run, tmp_path):
    video = tmp_path / "a.mp4"
    video.write_bytes(b"video")
    run = make_run(seconds=20)
    looks = []
    monkeypatch.setattr(
        "enicfer.cache.watch_video", lambda *a: looks.append(a) or Seen(run.faces, run.expression, None)
    )
    for _ in range(3):
        found = watch_once((video,), Tools(None, None, Quality()), None, tmp_path / "work", "h")
        assert same_record(found.faces, run.faces)
    assert len(looks) == 1
    assert [path.suffix for path in (tmp_path / "work").iterdir()] == [".h5"]


# Names, errors, records of numbers, readers of settings: what they decide is hashed as content.
HARMLESS = {
    "errors",
    "expressions",
    "fingerprint",
    "io.names",
    "io.store",
    "io.tables",
    "protocol",
    "records",
}


def test_every_module_that_sees_counts_as_part_of_the_program():
    def place(name):
        module = PACKAGE / f"{name.replace('.', '/')}.py"
        return module if module.is_file() else PACKAGE / name.replace(".", "/") / "__init__.py"

    counted = {path for part in cache._SOURCES for path in PACKAGE.glob(part)}
    reached, waiting = set(), ["watch"]
    while waiting:
        name = waiting.pop()
        if name in reached or name in HARMLESS:
            continue
        reached.add(name)
        waiting += (n.removeprefix("enicfer.") for n in imports(place(name)) if n.startswith("enicfer."))
    assert len(reached) > 20
    assert {place(name) for name in reached} <= counted
