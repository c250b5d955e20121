"""BOLD images: where the TR comes from, and what is refused; what NIfTI-1 and NIfTI-2 allow, written by nibabel."""

import gzip
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


def write_as(
    path, kind=nibabel.Nifti1Image, dtype=np.int16, shape=(3, 4, 5, 6), order="<", edit=None, tr=2.0
):
    image = kind(np.zeros(shape, dtype), np.eye(4), kind.header_class(endianness=order))
    image.header.set_zooms((1, 1, 1, tr) + (1,) * (len(shape) - 4))
    if hasattr(image.header, "set_xyzt_units"):
        image.header.set_xyzt_units("mm", "sec")
    if edit is not None:
        edit(image.header)
    image.to_filename(path)
    return path


KINDS = {
    "NIfTI-1": ("a.nii", {}),
    "NIfTI-1, packed": ("a.nii.gz", {}),
    "NIfTI-2": ("a.nii", {"kind": nibabel.Nifti2Image}),
    "a pair, by its image": ("a.img", {"kind": nibabel.Nifti1Pair}),
    "big-endian": ("a.nii", {"order": ">"}),
    "capitals": ("A.NII", {}),
    "one slice": ("a.nii", {"shape": (3, 4, 1, 6)}),
    "a fifth axis of one": ("a.nii", {"shape": (3, 4, 5, 6, 1)}),
    "slice duration": ("a.nii", {"edit": lambda h: h.__setitem__("slice_duration", 0.4)}),
    "time offset": ("a.nii", {"edit": lambda h: h.__setitem__("toffset", 8.0)}),
    "scaled values": ("a.nii", {"edit": lambda h: h.set_slope_inter(2.5, 10.0)}),
    "a text in the header": ("a.nii", {"edit": lambda h: h.__setitem__("descrip", b"TR=77")}),
    "no position": ("a.nii", {"edit": lambda h: (h.set_sform(None, 0), h.set_qform(None, 0))}),
    **{f"{t}": ("a.nii", {"dtype": t}) for t in ("uint8", "int8", "uint16", "int32", "float32", "float64")},
}


@pytest.mark.parametrize("kind", KINDS)
def test_one_series_however_it_is_stored(tmp_path, kind):
    name, settings = KINDS[kind]
    bold = read_bold(write_as(tmp_path / name, **settings))
    assert (bold.repetition_time, bold.n_volumes, bold.notes) == (2.0, 6, ())


def test_a_pair_by_its_header(tmp_path):
    write_as(tmp_path / "a.img", nibabel.Nifti1Pair)
    assert read_bold(tmp_path / "a.hdr").repetition_time == 2


def test_an_extension_of_the_header(tmp_path):
    def edit(header):
        header.extensions.append(nibabel.nifti1.Nifti1Extension("comment", b"TR=77" * 100))

    assert read_bold(write_as(tmp_path / "a.nii", edit=edit)).n_volumes == 6


@pytest.mark.parametrize(
    ("tr", "unit"),
    [(2.0, "msec"), (2.0, "usec"), (2000.0, "sec"), (-2.0, "sec"), (np.nan, "sec"), (0.001, "unknown")],
)
def test_a_tr_that_no_scanner_has_is_none(tmp_path, tr, unit):
    path = write_as(
        tmp_path / "a.nii", edit=lambda h: (h["pixdim"].__setitem__(4, tr), h.set_xyzt_units("mm", unit))
    )
    with pytest.raises(InputError, match=rf"states no TR that can be \(header: .*{unit}; no RepetitionTime"):
        read_bold(path)
    assert read_bold(path, 2.0).repetition_time == 2
    (tmp_path / "a.json").write_text('{"RepetitionTime": 1.5}')
    assert read_bold(path).repetition_time == 1.5


@pytest.mark.parametrize("unit", ["hz", "ppm", "rads"])
def test_a_spectrum_is_no_series(tmp_path, unit):
    with pytest.raises(InputError, match=f"is in {unit}, not in s"):
        read_bold(write_as(tmp_path / "a.nii", edit=lambda h: h.set_xyzt_units("mm", unit)))


@pytest.mark.parametrize("shape", [(3, 3, 3, 1), (3, 3, 3, 1, 4), (3, 3, 3, 4, 2), (3, 3)])
def test_other_axes_are_refused(tmp_path, shape):
    path = tmp_path / "a.nii"
    nibabel.Nifti1Image(np.zeros(shape, np.int16), np.eye(4)).to_filename(path)
    with pytest.raises(InputError, match="which has a fourth axis, time"):
        read_bold(path)


def test_when_each_volume_begins(tmp_path):
    path = write_as(tmp_path / "a.nii", tr=0.0)
    sidecar = tmp_path / "a.json"
    sidecar.write_text(
        json.dumps({"VolumeTiming": [0, 8.4, 16.8, 25.2, 33.6, 42.0], "AcquisitionDuration": 2.0})
    )
    assert read_bold(path).repetition_time == pytest.approx(8.4)
    sidecar.write_text(json.dumps({"VolumeTiming": [0, 2, 4, 9, 11, 13]}))
    with pytest.raises(
        InputError, match=r"a\.json says by VolumeTiming .* irregular times \(2 to 5 s apart\)"
    ):
        read_bold(path)
    for wrong in ([0, 2, 4], "0, 2", [0, 2, 4, 6, 8, "x"]):
        sidecar.write_text(json.dumps({"VolumeTiming": wrong}))
        with pytest.raises(InputError, match="a list of 6 numbers"):
            read_bold(path)


@pytest.mark.parametrize(
    "key", ["SliceTiming", "DelayTime", "StartTime", "NumberOfVolumesDiscardedByScanner"]
)
def test_other_keys_of_the_sidecar_move_no_volume(tmp_path, key):
    value = [0.0, 1.0] if key == "SliceTiming" else 4
    bold = read_bold(write(tmp_path / "a.nii", sidecar={"RepetitionTime": 2.0, key: value}))
    assert (bold.repetition_time, bold.notes) == (2.0, ())


@pytest.mark.parametrize("kind", [nibabel.AnalyzeImage, nibabel.Spm99AnalyzeImage])
def test_images_of_other_formats_are_refused(tmp_path, kind):
    write_as(tmp_path / "a.img", kind)
    with pytest.raises(InputError, match=r"a\.img is no NIfTI image"):
        read_bold(tmp_path / "a.img")


def test_images_that_are_cut_or_empty(tmp_path):
    path = write_as(tmp_path / "a.nii")
    content = path.read_bytes()
    path.write_bytes(content[:-100])
    with pytest.raises(InputError, match="shorter than its header says"):
        read_bold(path)
    packed = tmp_path / "b.nii.gz"
    noise = np.random.default_rng(0).integers(0, 1000, (9, 9, 9, 20), np.int16)
    nibabel.Nifti1Image(noise, np.eye(4)).to_filename(packed)
    packed.write_bytes(packed.read_bytes()[:10_000])
    with pytest.raises(InputError, match="shorter than its header says"):
        read_bold(packed)
    for short in (content[:300], b""):
        path.write_bytes(short)
        with pytest.raises(InputError, match=r"a\.nii cannot be read as a NIfTI image"):
            read_bold(path)


def test_a_packed_image_whose_name_does_not_say_so(tmp_path):
    path = write_as(tmp_path / "a.nii")
    path.write_bytes(gzip.compress(path.read_bytes()))
    with pytest.raises(InputError, match=r"it is packed; call it a\.nii\.gz"):
        read_bold(path)


def test_echoes_of_a_multiband_series_share_their_timing(tmp_path):
    """The TR stands above the echoes, as MRI converters and curators write it; slices go in pairs."""
    func = tmp_path / "sub-01" / "func"
    func.mkdir(parents=True)
    (tmp_path / "dataset_description.json").write_text("{}")
    shared = {
        "RepetitionTime": 0.8,
        "MultibandAccelerationFactor": 2,
        "SliceTiming": [0.0, 0.4, 0.0, 0.4],
    }
    (tmp_path / "task-a_bold.json").write_text(json.dumps(shared))
    for echo, time in ((1, 0.013), (2, 0.031), (3, 0.049)):
        path = write(func / f"sub-01_task-a_echo-{echo}_bold.nii.gz", 0.0, sidecar={"EchoTime": time})
        bold = read_bold(path)
        assert (bold.repetition_time, bold.n_volumes, bold.notes) == (0.8, 5, ())


def test_volume_timing_of_echoes_may_stand_above_them(tmp_path):
    (tmp_path / "dataset_description.json").write_text("{}")
    timing = {"VolumeTiming": [0, 0.72, 1.44, 2.16, 2.88], "SliceTiming": [0.0, 0.36] * 2}
    (tmp_path / "task-a_bold.json").write_text(json.dumps(timing))
    path = write(tmp_path / "sub-01_task-a_echo-1_bold.nii.gz", 0.72, sidecar={"EchoTime": 0.013})
    assert read_bold(path).repetition_time == pytest.approx(0.72)
    (tmp_path / "task-a_echo-1_bold.json").write_text('{"VolumeTiming": [0, 0.72, 1.44, 2.16, 3.6]}')
    with pytest.raises(InputError, match="begin at irregular times"):
        read_bold(path)


def test_a_repetition_time_in_ms_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"a\.json says RepetitionTime 720: it must be a number of seconds"):
        read_bold(write(tmp_path / "a.nii", 0.72, sidecar={"RepetitionTime": 720}))
