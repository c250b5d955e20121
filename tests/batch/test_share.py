"""Everything that gives somebody away is found, and clean outputs are clean."""

import base64
import gzip
import json
from datetime import date

import cv2
import h5py
import mne
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skimage import data

from enicfer.batch.share import _PATTERNS, check_share
from enicfer.export.bids import write_root, write_run


@pytest.fixture
def outputs(make_run, tmp_path):
    run = make_run(seconds=45.0)
    write_root(tmp_path, run)
    write_run(tmp_path, run)
    return tmp_path


def kinds(folder, **more) -> dict[str, str]:
    return {finding.file: finding.what for finding in check_share(folder, **more)}


def test_what_the_exports_write_is_clean(outputs):
    assert check_share(outputs, names=["Ada Lovelace"]) == []


def test_faces_are_found_in_pictures_and_inside_of_pages(tmp_path):
    face = cv2.cvtColor(data.astronaut(), cv2.COLOR_RGB2BGR)
    packed = base64.b64encode(cv2.imencode(".jpg", face)[1].tobytes()).decode()
    (tmp_path / "page.html").write_text(f'<img src="data:image/jpeg;base64,{packed}">', encoding="utf-8")
    cv2.imwrite(str(tmp_path / "face.png"), face)
    cv2.imwrite(str(tmp_path / "bars.png"), np.kron(np.arange(64).reshape(8, 8), np.ones((40, 40))) * 3)
    (tmp_path / "clip.mp4").write_bytes(b"")
    with h5py.File(tmp_path / "crops.h5", "w") as file:
        file["crop"] = np.zeros((5, 48, 48), np.uint8)
    assert kinds(tmp_path) == {
        "clip.mp4": "recording of sound or pictures",
        "crops.h5": "pictures",
        "face.png": "face",
        "page.html": "face",
    }


def test_texts_are_found_in_every_kind_of_file(outputs):
    events = next(outputs.rglob("*_events.tsv"))
    events.write_text(events.read_text(encoding="utf-8") + "1\t2\tada  LOVELACE\n", encoding="utf-8")
    (outputs / "a.json").write_text(json.dumps({"folder": "C:\\Users\\ada\\x"}), encoding="utf-8")
    (outputs / "b.tsv.gz").write_bytes(gzip.compress(b"measured on 24.12.2019\n"))
    (outputs / "c.log").write_text('"latitude": 52.5200', encoding="utf-8")
    with h5py.File(next(outputs.rglob("*_frames.h5")), "a") as file:
        file.attrs["source"] = "/home/ada/study/camera.mkv"
    mne.Annotations([1.0], [1.0], ["fer/happy"], orig_time="2019-12-24 10:00:00.000000").save(
        next(outputs.rglob("*_annot.fif")), overwrite=True, verbose="error"
    )
    found = kinds(outputs, names=["Lovelace"])
    assert {name.rpartition("_")[2]: what for name, what in found.items()} == {
        "a.json": "absolute path",
        "b.tsv.gz": "date",
        "c.log": "place",
        "events.tsv": "name",
        "frames.h5": "absolute path",
        "annot.fif": "date",
    }


@given(st.dates(min_value=date(1900, 1, 1), max_value=date(2099, 12, 31)))
def test_dates_in_the_usual_forms(day):
    for form in ("%Y-%m-%d", "%d.%m.%Y", "%m/%d/%Y", "%Y-%m-%dT10:00:00", "%d %B %Y", "%b %d, %Y"):
        assert _PATTERNS["date"].search(f"on {day.strftime(form)} we")


@given(st.floats(-1e6, 1e6), st.floats(0, 1e9))
def test_numbers_are_no_dates_and_no_places(a, b):
    text = f"{a:.6f}\t{b:.6f}\t{a}\t{b}"
    assert not _PATTERNS["date"].search(text)
    assert not _PATTERNS["place"].search(text)
    assert not _PATTERNS["absolute path"].search(text)


def test_web_addresses_and_relative_paths_are_no_absolute_paths():
    for text in (
        "https://example.org/home/x/y",
        "sub-01/tmp/x",
        "a/b/data/c",
        "s/tmp",
        "<a href='/'>",
        "http://a/",
    ):
        assert not _PATTERNS["absolute path"].search(text), text


def test_the_work_folder_is_named(tmp_path):
    (tmp_path / ".enicfer" / "seen").mkdir(parents=True)
    assert kinds(tmp_path) == {".enicfer": "work folder"}
