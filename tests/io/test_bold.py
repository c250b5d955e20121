"""BOLD images: where the TR comes from, and what is refused."""

import json

import nibabel
import numpy as np
import pytest

from enicfer.errors import InputError
from enicfer.io.bold import read_bold


def write(path, tr=2.0, unit="sec", sidecar=None, shape=(3, 3, 3, 5)):
    image = nibabel.Nifti1Image(np.zeros(shape, np.int16), np.eye(4))
    if len(shape) == 4:
        image.header.set_zooms((1, 1, 1, tr))
    image.header.set_xyzt_units("mm", unit)
    image.to_filename(path)
    if sidecar is not None:
        path.with_name(path.name.split(".")[0] + ".json").write_text(json.dumps(sidecar))
    return path


def test_real_image(shared_data):
    bold = read_bold(shared_data / "fmri" / "functional.nii")
    assert (bold.repetition_time, bold.n_volumes, bold.notes) == (2.0, 20, ())


@pytest.mark.parametrize(
    ("tr", "unit", "expected"),
    [(2.0, "sec", 2.0), (720.0, "msec", 0.72), (2000.0, "unknown", 2.0), (0.8, "unknown", 0.8)],
)
def test_units(tmp_path, tr, unit, expected):
    assert read_bold(write(tmp_path / "a.nii.gz", tr, unit)).repetition_time == pytest.approx(expected)


def test_sidecar_goes_first_and_a_mismatch_is_reported(tmp_path):
    bold = read_bold(write(tmp_path / "a.nii.gz", 1.0, sidecar={"RepetitionTime": 2.5}))
    assert bold.repetition_time == 2.5
    assert "2.5" in bold.notes[0] and "1" in bold.notes[0]


def test_protocol_fills_in_a_missing_tr(tmp_path):
    path = write(tmp_path / "a.nii", 0.0)
    assert read_bold(path, 1.5).repetition_time == 1.5
    with pytest.raises(InputError, match="states no TR"):
        read_bold(path)


def test_protocol_that_disagrees(tmp_path):
    with pytest.raises(InputError, match=r"TR of 2 s.*repetition_time = 3"):
        read_bold(write(tmp_path / "a.nii"), 3.0)


@pytest.mark.parametrize("sidecar", [[1], {"RepetitionTime": "two"}, {"RepetitionTime": -1}])
def test_wrong_sidecar(tmp_path, sidecar):
    with pytest.raises(InputError, match=r"a\.json"):
        read_bold(write(tmp_path / "a.nii", sidecar=sidecar))


def test_no_series(tmp_path):
    with pytest.raises(InputError, match="fourth axis"):
        read_bold(write(tmp_path / "a.nii", shape=(3, 3, 3)))
    (tmp_path / "b.nii").write_bytes(b"no image")
    with pytest.raises(InputError, match=r"b\.nii cannot be read"):
        read_bold(tmp_path / "b.nii")
    with pytest.raises(InputError, match="no BOLD image"):
        read_bold(tmp_path / "c.nii")
