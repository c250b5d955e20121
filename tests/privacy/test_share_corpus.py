"""Each kind of leak in each kind of file is found: a corpus that is made here, one file at a time."""

import base64
import gzip
import html
import io
import json
import sqlite3
import zipfile
from urllib.parse import quote

import cv2
import h5py
import mne
import numpy as np
import pytest
from PIL import Image, PngImagePlugin
from skimage import data

from enicfer.privacy.share_check import check_share
from tests.thorough import THOROUGH

NAMES = ["Zoë Smith", "Alice"]


@pytest.fixture(scope="module")
def portrait():
    return np.ascontiguousarray(cv2.cvtColor(data.astronaut()[:240, 130:330], cv2.COLOR_RGB2BGR))


@pytest.fixture(scope="module")
def find(portrait):
    """Knows this one portrait, in colour or grey, whatever was done to it; the real detector has its own tests."""
    template = cv2.resize(cv2.cvtColor(portrait, cv2.COLOR_BGR2GRAY), (24, 24)).astype(float).ravel()

    def finder(picture):
        small = cv2.resize(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), (24, 24)).astype(float).ravel()
        return int(small.std() > 0 and np.corrcoef(small, template)[0, 1] > 0.8)

    return finder


def escape(text):
    return json.dumps(text)[1:-1]


# What gives somebody away, and under which name it is reported.
TEXTS = {
    "name": ("saw Alice today", "name"),
    "capitals": ("saw ALICE_01", "name"),
    "whole name": ("Zoë Smith", "name"),
    "name in JSON": (escape("Zoë Smith"), "name"),
    "name in JSON twice": (escape(escape("Zoë Smith")), "name"),
    "name in HTML": ("Zo&euml; Smith", "name"),
    "name in numbers of HTML": ("Zo&#235;&#x20;Smith &#65;lice", "name"),
    "name in a web address": (f"x?who={quote('Zoë Smith')}", "name"),
    "name in base64": (base64.b64encode("Zoë Smith came".encode()).decode(), "name"),
    "last name first": ("Smith, Zoë", "name"),
    "without accents": ("zoe.smith", "name"),
    "home": ("in /home/bob/study", "absolute path"),
    "home in a cell": ("<td>/home/bob/study</td>", "absolute path"),
    "file address": ("file:///home/bob/x", "absolute path"),
    "Windows": ("C:\\Users\\bob\\x", "absolute path"),
    "path in JSON": ("\\/home\\/bob\\/study", "absolute path"),
    "date": ("on 2019-12-24", "date"),
    "German date": ("am 24.12.2019", "date"),
    "date of a camera": ("VID_20191224_101500", "date"),
    "mail": ("bob@example.org", "e-mail address"),
    "place": ('"latitude": 52.5200', "place"),
}


def zipped(name, content):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return packed.getvalue()


def in_npz(text):
    packed = io.BytesIO()
    np.savez_compressed(packed, note=[text])
    return packed.getvalue()


def in_hdf5(fill):
    packed = io.BytesIO()
    with h5py.File(packed, "w") as file:
        fill(file)
    return packed.getvalue()


def in_png(text):
    packed, info = io.BytesIO(), PngImagePlugin.PngInfo()
    info.add_text("Comment", text, zip=True)
    Image.new("RGB", (32, 32)).save(packed, "PNG", pnginfo=info)
    return packed.getvalue()


def in_jpeg(text):
    packed = io.BytesIO()
    Image.new("RGB", (32, 32)).save(packed, "JPEG", comment=text.encode())
    return packed.getvalue()


def in_exif(text):
    packed, exif = io.BytesIO(), Image.Exif()
    exif[0x010E] = text
    Image.new("RGB", (32, 32)).save(packed, "TIFF", exif=exif)
    return packed.getvalue()


CARRIERS = {
    "a.tsv": lambda t: f"onset\tnote\n1\t{t}\n".encode(),
    "a.json": lambda t: f'{{"note": "{t}"}}'.encode(),
    "a.html": lambda t: f"<p>{t}</p>".encode(),
    "a.svg": lambda t: f'<svg xmlns="http://www.w3.org/2000/svg"><text>{t}</text></svg>'.encode(),
    "a.ipynb": lambda t: json.dumps({"cells": [{"source": ["x\n" + t + "\n"]}]}).encode(),
    "a.txt": lambda t: t.encode("utf-16"),
    "a.log": lambda t: t.encode("utf-16-le"),
    "a.tsv.gz": lambda t: gzip.compress(f"1\t{t}\n".encode(), mtime=0),
    "a.zip": lambda t: zipped("x/notes.txt", t),
    "a.docx": lambda t: zipped("word/document.xml", f"<w:t>{t}</w:t>"),
    "a.npz": in_npz,
    "a.vhdr": lambda t: f"Brain Vision Data Exchange Header File\n; {t}\n".encode(),
    "a.bin": lambda t: b"\x00\x01\x02" * 9 + t.encode() + b"\x00\xff\xfe" * 9,
    "attribute.h5": lambda t: in_hdf5(lambda f: f.attrs.update(note=t)),
    "texts.h5": lambda t: in_hdf5(lambda f: f.create_dataset("g/x", data=[t, "y"])),
    "bytes.h5": lambda t: in_hdf5(lambda f: f.create_dataset("x", data=np.bytes_(t.encode()))),
    "behind.png": lambda t: in_png("x") + t.encode(),
    "a.png": in_png,
    "a.jpg": in_jpeg,
    "a.tiff": in_exif,
}


def found(folder, name, content, find):
    path = folder / name
    path.write_bytes(content)
    try:
        return {finding.what for finding in check_share(folder, NAMES, find)}
    finally:
        path.unlink()


@pytest.mark.parametrize("carrier", CARRIERS)
def test_texts_are_found(carrier, find, tmp_path):
    """21 kinds of text in 20 kinds of file."""
    missed = []
    for kind, (text, what) in TEXTS.items():
        if carrier == "a.tiff" and not text.isascii():
            continue  # the tag holds ASCII alone
        if what not in found(tmp_path, carrier, CARRIERS[carrier](text), find):
            missed.append(kind)
    assert not missed
    clean = found(tmp_path, carrier, CARRIERS[carrier]("nothing 1.5 of it"), find)
    assert clean <= (
        {"unreadable"} if carrier == "a.bin" else {"appended data"} if "behind" in carrier else set()
    )


def pages(kind, *pictures):
    """Pictures as pages of one file."""
    packed = io.BytesIO()
    images = [Image.fromarray(picture[..., ::-1]) for picture in pictures]
    images[0].save(packed, kind, save_all=len(images) > 1, append_images=images[1:])
    return packed.getvalue()


@pytest.mark.parametrize("named", [True, False])
def test_a_picture_of_a_rare_kind_is_looked_at(named, portrait, tmp_path):
    """Whatever training reads; without a name's help, what its first bytes tell."""
    seen = []

    def find(picture):
        seen.append(picture.shape)
        return 1

    grey = portrait[..., 0]
    kinds = {"PPM": ".ppm", "JPEG2000": ".jp2", "SGI": ".sgi", "PCX": ".pcx", "QOI": ".qoi", "DDS": ".dds"}
    files = {ending: pages(kind, portrait) for kind, ending in kinds.items()}
    files[".j2k"] = files[".jp2"][files[".jp2"].index(b"\xff\x4f\xff\x51") :]
    files[".pgm"] = b"P5\n# by a camera\n%d %d\n255\n" % grey.shape[::-1] + grey.tobytes()
    numbers = " ".join(map(str, grey.ravel())).encode()
    files[".pnm"] = b"P2 %d %d 255\n" % grey.shape[::-1] + numbers
    files[".pbm"] = b"P4\n%d %d\n" % grey.shape[::-1] + np.packbits(grey > 99, 1).tobytes()
    files[".ras"] = cv2.imencode(".ras", portrait)[1].tobytes()
    if named:
        files |= {".tga": pages("TGA", portrait), ".dib": pages("DIB", portrait)}
    for ending, content in files.items():
        (tmp_path / f"a{ending}{'' if named else '.dat'}").write_bytes(content)
    found = {finding.file: finding.what for finding in check_share(tmp_path, find_faces=find)}
    assert found == dict.fromkeys((path.name for path in tmp_path.iterdir()), "face")
    assert {shape[:2] for shape in seen} == {portrait.shape[:2]}


def test_a_picture_of_a_rare_kind_that_nothing_reads_is_said(tmp_path):
    kinds = ("jp2", "pgm", "jfif", "cr2", "jxl", "psd")
    for kind in kinds:
        (tmp_path / f"a.{kind}").write_bytes(b"")
    found = {finding.file: finding.what for finding in check_share(tmp_path, find_faces=len)}
    assert found == {f"a.{kind}": "picture" for kind in kinds}


def test_faces_are_found(portrait, find, tmp_path):
    """A face in files, pages, texts, arrays, archives, and behind the end of files."""
    from scipy.io import savemat

    blank = np.full((240, 200, 3), 200, np.uint8)
    files = {kind: pages(kind, portrait) for kind in ("JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP")}
    later = {f"later.{k}": pages(k, blank, portrait) for k in ("GIF", "TIFF", "WEBP", "PNG")}
    jpeg, png = files["JPEG"], files["PNG"]
    b64 = {kind: base64.b64encode(content).decode() for kind, content in files.items()}
    lines = "\n".join(b64["JPEG"][i : i + 76] for i in range(0, len(b64["JPEG"]), 76))
    svg = f'<svg xmlns="http://www.w3.org/2000/svg"><image href="data:image/png;base64,{b64["PNG"]}"/></svg>'
    svg64 = base64.b64encode(svg.encode()).decode()
    grey = portrait[..., 0]
    mat, npy = io.BytesIO(), io.BytesIO()
    savemat(mat, {"s": {"crop": portrait}}, do_compression=True)
    np.save(npy, np.stack([grey] * 3))

    def h5(values, **more):
        return in_hdf5(lambda file: file.create_dataset("x", data=values, **more))

    def ragged(file):
        made = file.create_dataset("x", (1,), dtype=h5py.vlen_dtype(np.uint8))
        made[0] = np.frombuffer(jpeg, np.uint8)

    fif = tmp_path / "x_annot.fif"
    mne.Annotations([1], [1], ["x"]).save(fif, verbose="error")
    annotations = fif.read_bytes()
    fif.unlink()
    corpus = {
        **{f"plain.{kind}": content for kind, content in files.items()},
        **later,
        **{f"url-{k}.html": f'<img src="data:image/{k};base64,{b64[k]}">'.encode() for k in b64},
        "parameters.html": f'<img src="data:image/jpeg;charset=utf-8;name=x;base64,{b64["JPEG"]}">'.encode(),
        "no type.html": f'<img src="data:;base64,{b64["PNG"]}">'.encode(),
        "odd type.html": f'<object data="data:application/octet-stream;base64,{b64["PNG"]}">'.encode(),
        "lines.html": f'<img src="data:image/jpeg;base64,\n{lines}">'.encode(),
        "escaped.html": f'<img src="data&#58;image/jpeg&#59;base64,{b64["JPEG"]}">'.encode(),
        "percent.html": f'<img src="data:image/svg+xml,{quote(svg)}">'.encode(),
        "nested.html": f'<img src="data:image/svg+xml;base64,{svg64}">'.encode(),
        "nested.svg": f'<svg><image xlink:href="data:image/svg+xml;base64,{svg64}"/></svg>'.encode(),
        "inline.svg": svg.encode(),
        "style.html": f"<style>a {{background: url(data:image/png;base64,{b64['PNG']})}}</style>".encode(),
        "packed.svgz": gzip.compress(svg.encode()),
        "bare.json": json.dumps({"p": b64["JPEG"]}).encode(),
        "lines.json": json.dumps({"p": lines}).encode(),
        "slashes.json": json.dumps({"p": b64["JPEG"]}).replace("/", "\\/").encode(),
        "url letters.json": json.dumps({"p": base64.urlsafe_b64encode(jpeg).decode()}).encode(),
        "hex.json": json.dumps({"p": jpeg.hex()}).encode(),
        "output.ipynb": json.dumps({"outputs": [{"data": {"image/png": b64["PNG"] + "\n"}}]}).encode(),
        "list.ipynb": json.dumps({"image/jpeg": lines.splitlines(keepends=True)}, indent=1).encode(),
        "bare.tsv": f"id\tpicture\n1\t{b64['PNG']}\n".encode(),
        "numbers.csv": b"emotion,pixels\n0," + " ".join(map(str, grey[:48, :48].ravel())).encode(),
        "numbers.json": json.dumps({"p": grey[:40, :40].tolist()}).encode(),
        "renamed.tsv": jpeg,
        "renamed.dat": png,
        "a.zip": zipped("x.bin", jpeg),
        "zip in.zip": zipped("y.zip", zipped("x.jpg", jpeg)),
        "a.jpg.gz": gzip.compress(jpeg),
        "page.html.gz": gzip.compress(f"data:image/png;base64,{b64['PNG']}".encode()),
        "a.pdf": b"%PDF-1.4\n1 0 obj\n<</Filter /DCTDecode>>\nstream\n"
        + jpeg
        + b"\nendstream\nendobj\n%%EOF",
        "colour.h5": h5(portrait),
        "planes.h5": h5(portrait.transpose(2, 0, 1)),
        "grey.h5": h5(grey),
        "float.h5": h5(grey / 255.0),
        "stack.h5": h5(np.stack([grey] * 3), compression="gzip"),
        "batch.h5": h5(portrait.transpose(2, 0, 1)[None]),
        "last axis.h5": h5(np.stack([grey] * 4, axis=2)),
        "rows.h5": h5(cv2.resize(grey, (48, 48)).reshape(1, -1)),
        "row.h5": h5(grey.ravel()),
        "file.h5": h5(np.frombuffer(jpeg, np.uint8)),
        "signed.h5": h5(np.frombuffer(jpeg, np.int8)),
        "opaque.h5": h5(np.void(png)),
        "ragged.h5": in_hdf5(ragged),
        "attribute.h5": in_hdf5(lambda f: f.attrs.__setitem__("p", cv2.resize(grey, (64, 64)))),
        "table.h5": h5(np.array([(1, cv2.resize(grey, (48, 48)))], [("i", "i4"), ("crop", "u1", (48, 48))])),
        "a.npy": npy.getvalue(),
        "a.npz": zipped("crops.npy", npy.getvalue()),
        "a.mat": mat.getvalue(),
        "behind.png": in_png("x") + jpeg,
        "behind.jpg": in_jpeg("x") + png,
        "behind.gif": pages("GIF", blank) + b"\0\0" + jpeg,
        "behind.bmp": pages("BMP", blank) + jpeg,
        "behind.tiff": pages("TIFF", blank) + jpeg,
        "behind.tsv": b"a\tb\n1\t2\n" + jpeg,
        "behind.html": b"<p>x</p>" + png,
        "behind.tsv.gz": gzip.compress(b"a\tb\n") + jpeg,
        "behind.zip": zipped("x", "y") + jpeg,
        "behind.h5": h5([1.0]) + jpeg,
        "behind_annot.fif": annotations + jpeg,
        "before.zip": jpeg + zipped("x", "y"),
        "inside.bin": b"\0\1\2" * 99 + png,
    }
    missed = [
        name
        for name, content in corpus.items()
        if not found(tmp_path, name, content, find) & {"face", "pictures"}
    ]
    assert not missed
    assert len(corpus) + len(TEXTS) * len(CARRIERS) > 200


def test_sound_and_video_are_found_by_their_content(find, tmp_path):
    for name, content in {
        "a.dat": b"\0\0\0\x20ftypisom" + bytes(40),
        "a.tsv": b"\x1aE\xdf\xa3" + bytes(40),
        "b.bin": b"RIFF\0\0\0\0WAVEfmt " + bytes(40),
        "c.html": b'<audio src="data:audio/ogg;base64,T2dnUwAA">',
        "d.json": json.dumps({"v": base64.b64encode(b"\0\0\0\x20ftypisom" + bytes(40)).decode()}).encode(),
        "e.zip": zipped("x", b"OggS" + bytes(40)),
    }.items():
        assert "recording of sound or pictures" in found(tmp_path, name, content, find), name


def recording(folder, **changes):
    info = mne.create_info(["Fz"], 100.0, "eeg")
    raw = mne.io.RawArray(np.zeros((1, 500)), info, verbose="error")
    for key, value in changes.items():
        if key == "annotations":
            raw.set_annotations(mne.Annotations([1], [1], [value]))
        elif key == "info":
            with raw.info._unlock():
                raw.info.update(value)
        else:
            raw.info[key] = value
    raw.save(folder / "x_raw.fif", overwrite=True, verbose="error")


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"subject_info": {"his_id": "Alice"}}, "name"),
        ({"subject_info": {"first_name": "Nobody", "last_name": "Given"}}, "name"),
        ({"subject_info": {"middle_name": "Zoë Smith"}}, "name"),
        ({"experimenter": "Bob"}, "name"),
        ({"description": "Alice, second visit"}, "name"),
        ({"description": "from /home/bob/raw"}, "absolute path"),
        ({"annotations": "Alice cries"}, "name"),
        ({"annotations": "on 2019-12-24"}, "date"),
        ({"info": {"meas_date": None}}, ""),
    ],
)
def test_fif_files_are_read_whole(changes, what, find, tmp_path):
    recording(tmp_path, **changes)
    assert {finding.what for finding in check_share(tmp_path, NAMES, find)} == ({what} if what else set())


def test_a_birthday_in_a_fif_file_is_found(find, tmp_path):
    from datetime import date

    recording(tmp_path, subject_info={"birthday": date(2012, 5, 4)})
    assert [finding.what for finding in check_share(tmp_path, NAMES, find)] == ["date"]


def edf(patient="X X X X", what="Startdate X X X X", day="01.01.85", label="Fz"):
    field = lambda text, size: text.ljust(size).encode("latin-1")  # noqa: E731
    head = b"0       " + field(patient, 80) + field(what, 80) + field(day, 8) + field("10.00.00", 8)
    head += field("512", 8) + field("EDF+C", 44) + field("1", 8) + field("1", 8) + field("1", 4)
    return head + field(label, 16) + field("", 80) + bytes(160) + bytes(200)


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"patient": "Alice"}, {"name"}),
        ({"patient": "S01 F 02-MAY-2012 Somebody_Else"}, {"name", "date"}),
        ({"what": "Startdate 24-DEC-2019 X X X"}, {"date"}),
        ({"what": "Startdate X X Alice X"}, {"name"}),
        ({"day": "24.12.19"}, {"date"}),
        ({"label": "Alice"}, {"name"}),
        ({"patient": "sub-01 F X X"}, set()),
        ({}, set()),
    ],
)
def test_headers_of_edf_files(changes, what, find, tmp_path):
    (tmp_path / "a.edf").write_bytes(edf(**changes))
    assert {finding.what for finding in check_share(tmp_path, NAMES, find)} == what


def test_the_date_of_a_brainvision_marker_is_found(find, tmp_path):
    (tmp_path / "a.vmrk").write_text("Mk1=New Segment,,1,1,0,20191224101500000000\n", encoding="utf-8")
    assert [finding.what for finding in check_share(tmp_path, NAMES, find)] == ["date"]


def test_names_of_groups_and_links_in_hdf5(find, tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_group("Alice")
        file["x"] = h5py.ExternalLink("/home/bob/other.h5", "y")
    found = {finding.what for finding in check_share(tmp_path, NAMES, find)}
    assert found == {"name", "absolute path", "unreadable"}


def test_what_cannot_be_opened_is_said(find, tmp_path):
    (tmp_path / "a.pkl").write_bytes(b"\x80\x04\x95" + bytes(20))
    (tmp_path / "b.7z").write_bytes(b"7z\xbc\xaf\x27\x1c" + bytes(20))
    sqlite3.connect(tmp_path / "c.db").execute("create table t (x)").connection.close()
    np.save(tmp_path / "d.npy", np.array([{"a": 1}], object), allow_pickle=True)
    kinds = {finding.file: finding.what for finding in check_share(tmp_path, NAMES, find)}
    assert kinds == dict.fromkeys(("a.pkl", "b.7z", "c.db", "d.npy"), "unreadable")


def test_vocabularies_are_no_dates_but_other_addresses_may_be(find, tmp_path):
    rdf = '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/dc/2012/05/02/x">'
    (tmp_path / "a.svg").write_text(rdf, encoding="utf-8")
    assert check_share(tmp_path, NAMES, find) == []
    (tmp_path / "a.svg").write_text(rdf + "http://www.lab.org/1999/02/22/x", encoding="utf-8")
    assert [finding.what for finding in check_share(tmp_path, NAMES, find)] == ["date"]


def test_names_are_not_seen_where_there_are_none(find, tmp_path):
    text = "alicexyz Malice Zoë and Smithson /homework/x a/home/b 5/home ~3/4 1.2.2019.4 &alice;x"
    (tmp_path / "a.txt").write_text(text.replace("&alice;x", html.escape("<x>")), encoding="utf-8")
    noise = np.random.default_rng(0).integers(0, 256, 2_000_000).astype(np.uint8).tobytes()
    (tmp_path / "a.npy.gz").write_bytes(gzip.compress(noise[:500_000]))
    (tmp_path / "a.bin").write_bytes(noise)
    assert {finding.what for finding in check_share(tmp_path, ["Zoë Smith", "Alice", "Jo"], find)} == {
        "unreadable"
    }


@pytest.mark.parametrize("seed", range(10 if THOROUGH else 2))
@pytest.mark.parametrize("modality", ["eeg", "func"])
def test_our_own_outputs_pass(modality, seed, make_run, find, tmp_path):
    """Tables, pages, figures, arrays and annotations of twenty runs, as they were written."""
    from enicfer.pipeline.publish import write_outputs
    from enicfer.records import Modality

    write_outputs(make_run(Modality(modality), seconds=45 + seed, seed=seed), tmp_path / "out")
    assert check_share(tmp_path / "out", ["Ada Lovelace", "Zoë", "Jo", "Ann"], find) == []
