"""An HDF5 file of somebody else gives its own content or a sentence, and never that of another file."""

import h5py
import numpy as np
import pytest

from enicfer.errors import InputError
from enicfer.io.files.hdf5 import Kind, open_hdf5, refuse_links
from enicfer.io.frames_file import read_trace, write_trace
from enicfer.io.results import read_result
from enicfer.pipeline.cache import read_record, write_record
from enicfer.pipeline.provenance import hash_file
from enicfer.pipeline.publish import write_outputs
from tests.factory import make_record

SECRET = b"root:x:0:0:" * 8000


@pytest.fixture
def secret(tmp_path):
    path = tmp_path / "secret"
    path.write_bytes(SECRET)
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["box"] = np.frombuffer(SECRET[: 8 * 4000], "f8")
        file.create_group("measures")["leak"] = np.frombuffer(SECRET[: 8 * 4000], "f8")
    return path


def external_storage(file, place, n, secret):
    file.create_dataset(place, shape=(n,), dtype="f4", external=[(str(secret), 0, 4 * n)])


def external_storage_in_pieces(file, place, n, secret):
    pieces = [(str(secret), 7, 4), (str(secret), 0, 4 * n - 4)]
    file.create_dataset(place, shape=(n,), dtype="f4", external=pieces)


def external_link(file, place, n, secret):
    file[place] = h5py.ExternalLink(str(secret.with_name("other.h5")), "box")


def external_link_of_a_group(file, place, n, secret):
    group = place.rpartition("/")[0] or place
    if group in file:
        del file[group]
    file[group] = h5py.ExternalLink(str(secret.with_name("other.h5")), "measures")


def soft_link(file, place, n, secret):
    file[place] = h5py.SoftLink(f"/{'frames/' if 'frames' in file else ''}video_time")


def dangling_link(file, place, n, secret):
    file[place] = h5py.SoftLink("/nowhere")


def virtual_data_set(file, place, n, secret):
    layout = h5py.VirtualLayout(shape=(n,), dtype="f4")
    layout[:] = h5py.VirtualSource(str(secret.with_name("other.h5")), "box", shape=(4000,))[:n]
    file.create_virtual_dataset(place, layout)


def second_name(file, place, n, secret):
    file[place] = file["faces/score" if "faces" in file else "score"]


def more_than_its_bytes(file, place, n, secret):
    file.create_dataset(place, shape=(n,), dtype="f4")


KINDS = [
    external_storage, external_storage_in_pieces, external_link, external_link_of_a_group, soft_link, dangling_link,
    virtual_data_set, second_name, more_than_its_bytes,
]  # fmt: skip


def plant(path, kind, place, secret, n):
    with h5py.File(path, "r+") as file:
        if place in file:
            del file[place]
        kind(file, place, n, secret)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("place", ["measures/leak", "score", "unknown/deep/leak"])
def test_a_trace_with_data_elsewhere_is_refused(kind, place, make_run, secret, tmp_path):
    if (kind, place) in [(second_name, "score"), (more_than_its_bytes, "unknown/deep/leak")]:
        pytest.skip("is no fault there")
    run = make_run(seconds=20)
    path = tmp_path / "trace.h5"
    write_trace(path, run.faces, run.expression)
    plant(path, kind, place, secret, len(run.faces.video_time))
    with pytest.raises(InputError, match=r"trace\.h5: .*\.$"):
        read_trace(path)


@pytest.mark.parametrize("kind", KINDS)
def test_a_run_with_data_elsewhere_is_refused(kind, make_run, secret, tmp_path):
    run = make_run(seconds=20)
    write_outputs(run, tmp_path / "out")
    path = next((tmp_path / "out").rglob("*_frames.h5"))
    plant(path, kind, "measures/leak", secret, len(run.faces.video_time))
    with pytest.raises(InputError, match=r"frames\.h5: "):
        read_result(tmp_path / "out")


@pytest.mark.parametrize("kind", KINDS)
def test_a_cached_file_with_data_elsewhere_counts_as_absent(kind, secret, tmp_path):
    path, record = tmp_path / "a.h5", make_record()
    write_record(path, record)
    assert read_record(path) is not None
    path.write_bytes(path.read_bytes()[:-32])
    plant(path, kind, "faces/sharpness", secret, len(record.faces.rows))
    path.write_bytes(path.read_bytes() + bytes.fromhex(hash_file(path)))
    assert read_record(path) is None


@pytest.mark.parametrize("kind", KINDS[:-2])
def test_a_recording_in_hdf5_with_data_elsewhere_is_refused(kind, secret, tmp_path):
    from enicfer.io.eeg import open_raw

    path = tmp_path / "eeg.set"
    with h5py.File(path, "w") as file:
        file["score"], file["video_time"] = np.zeros(9, "f4"), np.zeros(9, "f4")
        kind(file, "EEG/data", 9, secret)
    with pytest.raises(InputError, match=r"eeg\.set: "):
        open_raw(path)


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("box", np.zeros((5, 4), "f4"), "does not fit the other data sets"),
        ("box", np.zeros((600, 5), "f4"), "does not fit"),
        ("box", np.zeros(600, "f4"), "2 axes"),
        ("score", np.zeros(600, "c8"), "another kind"),
        ("score", np.array(["x"] * 600, object), "another kind"),
        ("status", np.zeros(600, "f4"), "another kind"),
        ("video_time", h5py.Empty("f8"), "axes"),
    ],
)
def test_data_of_another_kind_are_refused(name, data, message, make_run, tmp_path):
    run = make_run(seconds=20)
    path = tmp_path / "trace.h5"
    write_trace(path, run.faces, run.expression)
    with h5py.File(path, "r+") as file:
        del file[name]
        file[name] = data
    with pytest.raises(InputError, match=message):
        read_trace(path)


def test_a_terabyte_that_is_said_but_not_there_is_refused(tmp_path):
    path = tmp_path / "a.h5"
    for shape, chunks in (((10**12,), (1024,)), ((4 * 10**7,), (1024,)), ((10**12,), None)):
        with h5py.File(path, "w") as file:
            made = file.create_dataset("x", shape=shape, dtype="f8", chunks=chunks)
            if chunks:
                made[:1024] = 1.0
        with (
            pytest.raises(InputError, match=r"rows|not in the file"),
            open_hdf5(path, {"x": Kind("f", ("n",))}),
        ):
            pass


def test_what_is_not_known_is_not_read_and_other_files_pass(make_run, tmp_path):
    run = make_run(seconds=20)
    path = tmp_path / "trace.h5"
    write_trace(path, run.faces, run.expression)
    with h5py.File(path, "r+") as file:
        file["more/pictures"] = np.zeros((3, 8, 8), np.uint8)
    faces, _ = read_trace(path)
    assert set(faces.measures) == set(run.faces.measures)
    (tmp_path / "no.set").write_bytes(b"not HDF5")
    refuse_links(tmp_path / "no.set")
    with h5py.File(tmp_path / "refs.set", "w", userblock_size=512) as file:
        file["a"] = np.zeros(3)
        file["b"] = file["a"]
        file.create_dataset("c", data=[file["a"].ref], dtype=h5py.ref_dtype)
    refuse_links(tmp_path / "refs.set")


def test_every_file_is_opened_in_one_place():
    """Only `enicfer.io.files.hdf5` opens HDF5 for reading, and share-check, which follows no link."""
    from enicfer.pipeline.provenance import PACKAGE

    found = {
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        for line in path.read_text(encoding="utf-8").splitlines()
        if "h5py.File(" in line and '"w"' not in line
    }
    assert found == {"io/files/hdf5.py", "privacy/arrays.py"}
