"""Impossible records are refused, where they are read and where they are written."""

import shutil
from dataclasses import replace

import h5py
import numpy as np
import pytest

from enicfer.errors import InputError, OutputError
from enicfer.io.files.portable import check_name, find_collisions
from enicfer.io.files.steady import check_unaltered, note_file, read_steadily
from enicfer.io.frames_file import read_trace, write_trace
from enicfer.saliency.face_maps import read_face_maps


@pytest.fixture(scope="module")
def trace(make_run, tmp_path_factory):
    run = make_run(seconds=30.0)
    path = tmp_path_factory.mktemp("trace") / "a.h5"
    write_trace(path, run.faces, run.expression)
    return run, path


def put(name, value):
    def change(file):
        data = file[name][...]
        data[np.flatnonzero(file["status"][...] == 0)[3]] = value
        file[name][...] = data

    return change


def relabel(file):
    labels = list(file["probability"].attrs["labels"])
    file["probability"].attrs["labels"] = [labels[0], *labels[:-1]]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (put("probability", 5.0), "not between 0 and 1"),
        (put("probability", -0.1), "not between 0 and 1"),
        (put("probability", np.nan), "not between 0 and 1"),
        (put("probability", 0.01), "sum"),
        (put("video_time", np.nan), "video_time of row"),
        (put("video_time", np.inf), "video_time of row"),
        (put("status", 200), "status of row"),
        (put("face_status", 99), "face_status of row"),
        (put("status", 1), "says that it is not valid"),
        (relabel, "different one"),
    ],
)
def test_a_trace_that_cannot_be_is_refused(trace, tmp_path, change, words):
    path = tmp_path / "b.h5"
    shutil.copyfile(trace[1], path)
    with h5py.File(path, "r+") as file:
        change(file)
    with pytest.raises(InputError, match=words):
        read_trace(path)


def test_writers_refuse_as_well(trace, tmp_path):
    run = trace[0]
    wrong = replace(run.expression, probability=np.full_like(run.expression.probability, 3.0))
    with pytest.raises(InputError):
        write_trace(tmp_path / "c.h5", run.faces, wrong)
    assert not list(tmp_path.iterdir())


def test_a_file_that_changes_while_it_is_read(tmp_path):
    path = tmp_path / "v.mp4"
    path.write_bytes(b"old")
    noted = {path: note_file(path)}
    path.touch()
    check_unaltered(noted)  # the same content
    with pytest.raises(InputError, match=r"v\.mp4 changed while it was read"), read_steadily([path]):
        path.write_bytes(b"another")
    with pytest.raises(InputError, match=r"v\.mp4 changed"):
        check_unaltered(noted)


@pytest.mark.parametrize("name", ["CON", "nul.h5", "com1.tsv", "Aux .tsv", "a.tsv.", "a ", "a:b.h5", "a?.h5"])
def test_names_that_windows_cannot_have(name):
    check_name(name, "posix")
    with pytest.raises(OutputError):
        check_name(name, "nt")


def test_names_that_are_one_file_where_capitals_make_no_difference():
    check_name("console.tsv", "nt")
    assert find_collisions(["a", "B", "b", "a"]) == [("B", "b")]


MAPS = {
    "name": np.array(["a", "b"]),
    "subject": np.array(["1", "2"]),
    "expression": np.array(["happy", "sad"]),
    "probability": np.array([0.5, 1.0], np.float32),
    "map": np.ones((2, 4, 4), np.float32),
    "landmarks": np.full((2, 5, 2), 0.5),
    "found": np.array([True, False]),
    "digest": np.array(["", ""]),
}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("map", np.ones((2, 4, 5))),
        ("map", np.ones((2, 4, 4, 1))),
        ("map", np.full((2, 4, 4), np.nan)),
        ("map", np.full((2, 4, 4), "a")),
        ("subject", np.ones((2, 4))),
        ("subject", np.array(["a"])),
        ("expression", np.array(["happy", "bored"])),
        ("probability", np.array([0.5, 1.5])),
        ("probability", np.array([0.5, -np.inf])),
        ("landmarks", np.ones((2, 5, 3))),
        ("landmarks", np.ones(2)),
        ("found", np.array([True])),
        ("digest", np.ones(2)),
    ],
)
def test_face_maps_that_cannot_be_are_refused(name, value, tmp_path):
    about = '{"format": 1, "model": "a", "method": "gradient", "checks": []}'
    np.savez(tmp_path / "saliency.npz", about=np.array(about), **MAPS)
    assert len(read_face_maps(tmp_path / "saliency.npz")) == 2
    np.savez(tmp_path / "saliency.npz", about=np.array(about), **{**MAPS, name: value})
    with pytest.raises(InputError, match=r"saliency\.npz is not a file of maps"):
        read_face_maps(tmp_path / "saliency.npz")


def test_an_archive_that_unpacks_to_far_more_than_maps_is_refused(tmp_path):
    np.savez_compressed(tmp_path / "saliency.npz", **{**MAPS, "map": np.zeros((200, 300, 300))})
    with pytest.raises(InputError, match="would unpack to"):
        read_face_maps(tmp_path / "saliency.npz")
