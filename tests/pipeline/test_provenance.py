"""Which files a run is read from, and hashes that follow content alone."""

from pathlib import Path

import pytest

from enicfer.config.runs import Run
from enicfer.errors import ModelError
from enicfer.faces.weights import WEIGHTS
from enicfer.pipeline.provenance import hash_content, hash_models, hash_program, input_files


def touch(folder: Path, *names: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).write_bytes(b"x")


def names(run: Run) -> set[str]:
    return {path.name for path in input_files(run)}


def test_a_brainvision_header_brings_its_files_whatever_their_names(tmp_path):
    touch(tmp_path, "v.mp4", "other.eeg", "own.vmrk", "v2.mp4", "eeg2.vmrk", "eeg.json")
    header = "Brain Vision Data Exchange Header File Version 1.0\n[Common Infos]\nDataFile=other.eeg\n"
    (tmp_path / "eeg.vhdr").write_text(header + "MarkerFile=own.vmrk\n", encoding="utf-8")
    run = Run("a", None, (tmp_path / "v.mp4",), recording=tmp_path / "eeg.vhdr")
    assert names(run) == {"v.mp4", "eeg.vhdr", "other.eeg", "own.vmrk", "eeg.json"}


def test_an_image_brings_its_sidecar_and_a_folder_all_its_files(tmp_path):
    touch(tmp_path, "v.mp4", "x_bold.nii.gz", "x_bold.json", "y_bold.json", "log.csv", "[1].edf", "1.json")
    touch(tmp_path / "a.mff", "signal1.bin", "info.xml")
    bold = Run(
        "a", None, (tmp_path / "v.mp4",), bold=tmp_path / "x_bold.nii.gz", triggers=tmp_path / "log.csv"
    )
    assert names(bold) == {"v.mp4", "x_bold.nii.gz", "x_bold.json", "log.csv"}
    folder = Run("a", None, (tmp_path / "v.mp4",), recording=tmp_path / "a.mff")
    assert names(folder) == {"v.mp4", "signal1.bin", "info.xml"}
    brackets = Run("a", None, (), recording=tmp_path / "[1].edf")
    assert names(brackets) == {"[1].edf"}


def test_the_folder_of_a_file_does_not_count():
    x, z = Path("x"), Path("z")
    assert hash_content({"a": x / "y.mp4"}, x) == hash_content({"a": z / "y.mp4"}, z)
    assert hash_content({"a": x / "y.mp4"}, x) != hash_content({"a": x / "z/y.mp4"}, x)
    with pytest.raises(TypeError):
        hash_content({"a": x})
    assert hash_content({"a": 1, "b": (2.5, None)}) == hash_content({"b": [2.5, None], "a": 1})
    assert hash_content({"a": 1}) != hash_content({"a": 2})
    assert hash_program(("pipeline/cache.py",)) != hash_program(("pipeline/observe.py",))


def test_the_weights_that_a_detector_will_load_count(tmp_path, monkeypatch):
    monkeypatch.setenv("ENICFER_MODELS", str(tmp_path))

    def install(name: str, content: bytes) -> None:
        (tmp_path / WEIGHTS[name].file).write_bytes(content)

    def tools(detector: str = "face-alignment", weights: Path | None = None) -> str:
        return hash_models(None, detector, weights)

    with pytest.raises(ModelError, match="enicfer models fetch fan"):
        tools()
    install("fan", b"f")
    with pytest.raises(ModelError, match="enicfer models fetch sfd"):
        tools()
    install("blazeface", b"b")
    install("blazeface-anchors", b"a")
    found = [tools()]
    for name, content in (("blazeface", b"c"), ("blazeface-anchors", b"b"), ("fan", b"g"), ("sfd", b"c")):
        install(name, content)
        found.append(tools())
    install("blazeface", b"d")
    assert tools() == found[-1], "with sfd there, blazeface is not used"
    install("yunet", b"x")
    found += [tools("yunet"), tools("centerface")]
    install("yunet", b"y")
    found.append(tools("yunet"))
    (tmp_path / "mine").write_bytes(b"z")
    found += [tools(name, tmp_path / "mine") for name in ("yunet", "centerface", "face-alignment")]
    assert len(set(found)) == len(found)
    with pytest.raises(ModelError, match=r"no file .*nowhere with weights for the detector yunet"):
        tools("yunet", tmp_path / "nowhere")
    with pytest.raises(ModelError, match="no detector 'eyes'"):
        tools("eyes")
