"""Files say of what layout they are; an older one is read, and another is refused with what to do."""

import json

import h5py
import pytest

from enicfer.errors import InputError
from enicfer.io.files.names import find_results
from enicfer.io.frames_file import read_trace, write_trace
from enicfer.io.results import read_run
from enicfer.pipeline.publish import write_outputs


@pytest.fixture
def frames(make_run, tmp_path):
    write_outputs([make_run()], tmp_path / "out")
    return find_results(tmp_path / "out")[0]


def json_of(frames, kind):
    return frames.with_name(frames.name.replace("frames.h5", f"{kind}.json"))


def rewrite(path, **changes):
    content = {**json.loads(path.read_text(encoding="utf-8")), **changes}
    kept = {key: value for key, value in content.items() if value is not None}
    path.write_text(json.dumps(kept), encoding="utf-8")


@pytest.mark.parametrize("kind", ["sync", "qc"])
def test_json_of_a_run(frames, kind):
    path = json_of(frames, kind)
    assert json.loads(path.read_text(encoding="utf-8"))["format_version"] == 1
    rewrite(path, format_version=None)
    before = read_run(frames)
    rewrite(path, format_version=1)
    assert read_run(frames).quality == before.quality
    for version in (2, "1", 0, True, 1.0):
        rewrite(path, format_version=version)
        said = (
            rf"^{path.name} has the format version .*, and this version .* reads 1: process the session again"
        )
        with pytest.raises(InputError, match=said):
            read_run(frames)


@pytest.mark.parametrize("read", [read_run, read_trace])
def test_frames_of_a_run_and_a_trace(frames, read):
    with h5py.File(frames, "r+") as file:
        assert file.attrs["format_version"] == 1
        del file.attrs["format_version"]
    read(frames)
    with h5py.File(frames, "r+") as file:
        file.attrs["format_version"] = 7
    with pytest.raises(
        InputError, match=rf"^{frames.name} has the format version 7, .* again, or use the version"
    ):
        read(frames)


def test_a_trace_of_a_bare_video_says_it_too(make_run, tmp_path):
    run = make_run()
    write_trace(tmp_path / "a.h5", run.faces, run.expression)
    with h5py.File(tmp_path / "a.h5") as file:
        assert file.attrs["format_version"] == 1
