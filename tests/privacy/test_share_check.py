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

from enicfer.export.bids import write_root, write_run
from enicfer.privacy.share_check import check_share
from enicfer.privacy.text import PATTERNS as _PATTERNS


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
    for form in (
        "%Y-%m-%d", "%d.%m.%Y", "%m/%d/%Y", "%Y-%m-%dT10:00:00", "%d %B %Y", "%b %d, %Y", "%Y/%m/%d", "%d-%m-%Y",
        "%m-%d-%Y", "%Y_%m_%d", "%Y_%b_%d", "%d/%m/%y",
    ):  # fmt: skip
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


@pytest.mark.parametrize(
    "text", ["Anna_camera1", "sub-01_Anna_notes", "x anna.mp4x", "ANNA01", "Zoe\u0308 left"]
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_names_are_found_however_they_are_written(tmp_path, text, encoding):
    (tmp_path / "a.tsv").write_text(text, encoding=encoding)
    (tmp_path / f"{text}.dat").write_bytes(b"")
    found = kinds(tmp_path, names=["Anna", "Zo\u00eb"])
    assert set(found.values()) == {"name"}
    assert len(found) == 2


def test_a_name_inside_of_another_word_is_none(tmp_path):
    (tmp_path / "a.tsv").write_text("Annabel Susanna", encoding="utf-8")
    assert check_share(tmp_path, names=["Anna"]) == []


@pytest.mark.parametrize(
    "text", ["rec_20240501_1030", "S01-20240501.vhdr", '"date": "20240501"', "20240501T1030"]
)
def test_compact_dates_are_found(text):
    assert _PATTERNS["date"].search(text)


@pytest.mark.parametrize("text", ["20240501", "0.20240501", "1\t20240501\t2", "a20240501f", "2.9.0.20240316"])
def test_long_numbers_are_no_compact_dates(text):
    assert not _PATTERNS["date"].search(text)


def test_what_links_lead_to_is_looked_at_once(tmp_path):
    other, outputs = tmp_path / "other", tmp_path / "outputs"
    (other / "deep").mkdir(parents=True)
    outputs.mkdir()
    (other / "deep" / "n.txt").write_text("Anna", encoding="utf-8")
    try:
        (outputs / "linked").symlink_to(other, target_is_directory=True)
    except OSError:
        pytest.skip("no links here")
    (other / "deep" / "round").symlink_to(other, target_is_directory=True)
    (outputs / "lost.txt").symlink_to(tmp_path / "nowhere.txt")
    found = kinds(outputs, names=["Anna"])
    assert found == {"linked/deep/n.txt": "name", "lost.txt": "unreadable"}


def test_a_damaged_file_is_a_finding(tmp_path):
    for name in ("a.h5", "b_ave.fif", "c.tsv.gz", "d_annot.fif.gz"):
        (tmp_path / name).write_bytes(b"not what its name says")
    (tmp_path / "half.tsv.gz").write_bytes(gzip.compress(b"2019-12-24 " * 999)[:20])
    assert set(kinds(tmp_path).values()) == {"unreadable"}
    assert len(kinds(tmp_path)) == 5


def test_what_cannot_be_looked_into_is_reported(tmp_path):
    (tmp_path / "a.csv").write_bytes("x;Jürgen\n".encode("cp1252"))
    (tmp_path / "clip.3gp").write_bytes(b"x")
    (tmp_path / "clip.mp4.gz").write_bytes(gzip.compress(b"x"))
    (tmp_path / "page.html").write_text('<video src="data:video/mp4;base64,AAAA">', encoding="utf-8")
    (tmp_path / "photo.heic").write_bytes(b"x")
    np.savez_compressed(tmp_path / "m.npz", names=["Anna"])
    (tmp_path / "paper.pdf").write_bytes(b"%PDF-1.7 x")
    assert kinds(tmp_path, names=["Jürgen", "Anna"]) == {
        "a.csv": "name",
        "clip.3gp": "recording of sound or pictures",
        "clip.mp4.gz": "recording of sound or pictures",
        "page.html": "recording of sound or pictures",
        "photo.heic": "picture",
        "m.npz": "name",
        "paper.pdf": "unreadable",
    }


def test_names_of_reviewers_are_found_wherever_results_hold_them(make_run, tmp_path):
    """A pseudonym is none. The last line says whether anything was found."""
    from click.testing import CliRunner

    from enicfer.cli.main import cli
    from enicfer.io.review_log import add_entry, new_entry, review_path
    from enicfer.pipeline.publish import write_outputs
    from enicfer.pipeline.review import apply_review, read_reviews

    name, said = "sub-01_ses-01_task-faces_run-1", {"Anna": "Jörg K.", "R1": "R 1"}
    for coder, signature in said.items():
        out = tmp_path / coder
        entry = new_entry(coder, name, "signoff", name=signature)
        add_entry(review_path(out, "sub-01_ses-01", coder), lambda known, entry=entry: entry)
        run = apply_review(make_run(seconds=45.0), read_reviews(out, "sub-01_ses-01"))
        (out / "reviews").rename(tmp_path / f"reviews of {coder}")
        write_outputs([run], out)
        found = [item for item in check_share(out) if item.what != "work folder"]
        shown = CliRunner().invoke(cli, ["share-check", str(out)]).output.splitlines()[-1]
        if coder == "R1":
            assert found == [] and shown == "Nothing found."
            continue
        assert {item.what for item in found} == {"reviewer"}
        assert all(f"{who}, who reviewed" in str(found) for who in ("coder-Anna", "Anna", "Jörg K."))
        files = {item.file.rsplit("_", 1)[-1] for item in found}
        assert files == {"frames.h5", "qc.json", "ses-01.html"}
        assert shown == f"Not safe to share: {len(found)} findings."


def test_reviews_codings_and_small_videos_are_named(outputs):
    from enicfer.io.coding_log import add_codings, coding_path, new_coding
    from enicfer.io.review_log import add_entry, new_entry, review_path

    path = review_path(outputs, "sub-01_ses-01", "Ada Lovelace")
    add_entry(path, lambda known: new_entry("Ada Lovelace", "r", "mark", frame=1, note="Grace left"))
    found = [item for item in check_share(outputs, names=["Grace"]) if item.file.startswith("reviews/")]
    assert [item.what for item in found] == ["review", "name"]
    add_codings(
        coding_path(outputs, "sub-01", "Ada"), lambda known: [new_coding("Ada", "r", "frame", frame=1)]
    )
    assert kinds(outputs)["codings/sub-01_coder-Ada.jsonl"] == "review"
    proxies = outputs / ".enicfer" / "proxies"
    proxies.mkdir(parents=True)
    assert ".enicfer/proxies" not in kinds(outputs)
    (proxies / "sub-01_task-faces_0123.mp4").write_bytes(b"x")
    assert kinds(outputs)[".enicfer/proxies"] == "recording of sound or pictures"
