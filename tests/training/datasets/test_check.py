import tracemalloc
from pathlib import Path

import cv2
import numpy as np
import pytest

from enicfer.errors import InputError
from enicfer.training.datasets import read_dataset
from enicfer.training.datasets.check import check_dataset, count_duplicates, difference_hash
from enicfer.training.datasets.images import NO_LABEL, UNREADABLE, FaceImages


def face(seed: int) -> np.ndarray:
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 6), np.uint8)
    return cv2.resize(coarse, (48, 48), interpolation=cv2.INTER_CUBIC)


def save(path: Path, image: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), image)


def test_everything_that_was_planted_is_found(tmp_path: Path) -> None:
    folder = tmp_path / "faces"
    for i in range(12):
        word = ("happy", "sad", "fear")[i % 3]
        save(folder / "train" / word / f"{i:02d}.png", face(i))
    save(folder / "test" / "happy" / "exact.png", face(0))
    noisy = np.clip(face(1).astype(int) + np.random.default_rng(0).integers(-3, 4, (48, 48)), 0, 255)
    save(folder / "test" / "sad" / "near.png", noisy.astype(np.uint8))
    save(folder / "train" / "sad" / "two_labels.png", face(3))
    save(folder / "train" / "sad" / "blank.png", np.full((48, 48), 9, np.uint8))
    save(folder / "test" / "sad" / "blank.png", np.full((48, 48), 9, np.uint8))
    (folder / "train" / "sad" / "broken.png").write_bytes(b"no image")
    report = check_dataset(folder, sheet=tmp_path / "sheet.png")
    assert report.images == 17
    assert report.counts["label"] == {"fearful": 4, "happy": 5, "sad": 8}
    assert report.counts["split"] == {"test": 3, "train": 14}
    assert report.counts["subject"] == {"unknown": 17}
    assert report.left_out == {UNREADABLE: (Path("train/sad/broken.png"),)}
    assert (Path("test/happy/exact.png"), Path("train/happy/00.png")) in report.pairs
    assert report.blank == 2
    assert report.exact == {"across splits": 1, "with two labels": 1, "with two subjects": 0}
    assert report.near == {"across splits": 1, "with two labels": 0, "with two subjects": 0}
    sheet = cv2.imread(str(tmp_path / "sheet.png"), cv2.IMREAD_GRAYSCALE)
    assert sheet.shape == (3 * 48, 16 * 48)


def test_a_hash_survives_light_and_size_but_not_another_face() -> None:
    bright = np.clip(face(0) * 0.8 + 30, 0, 255).astype(np.uint8)
    small = cv2.resize(face(0), (36, 36), interpolation=cv2.INTER_AREA)
    first, second, third = (difference_hash(x[None])[0] for x in (face(0), bright, small))
    other = difference_hash(face(1)[None])[0]
    assert np.bitwise_count(first ^ second) <= 4
    assert np.bitwise_count(first ^ third) <= 6
    assert np.bitwise_count(first ^ other) > 10


def test_a_manifest_is_looked_through_to_its_end(tmp_path: Path) -> None:
    lines = ["path,label,subject,split"]
    for i, split in enumerate(["train", "test", "train"]):
        save(tmp_path / f"{i}.png", face(i))
        lines.append(f"{i}.png,happy,child{i // 2},{split}")
    (tmp_path / "broken.png").write_bytes(b"no image")
    lines += ["broken.png,sad,child7,train", "missing.png,sad,child8,train", "0.png,contempt,child9,train"]
    (tmp_path / "manifest.csv").write_text("\n".join(lines), encoding="utf-8")
    report = check_dataset(tmp_path / "manifest.csv")
    assert report.images == 3
    assert report.left_out == {
        UNREADABLE: (Path("broken.png"), Path("missing.png")),
        NO_LABEL: (Path("0.png"),),
    }
    assert report.shared_subjects == ("child0",)


def test_alike_frames_are_counted_without_gathering_their_pixels(tmp_path: Path) -> None:
    frames = make_alike(400)
    tracemalloc.start()
    exact, near, _ = count_duplicates(frames)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert exact["across splits"] + near["across splits"] == 200 * 200
    assert exact["across splits"] == 100 * 100 * 2
    assert peak < 60e6


def make_alike(n: int) -> FaceImages:
    image = np.repeat(face(0)[None], n, axis=0)
    image[: n // 2, 0, 0] ^= 1
    empty = np.full(n, "")
    return FaceImages(
        image=image,
        label=np.zeros(n, np.int64),
        labels=("happy", "sad"),
        votes=np.full((n, 2), np.nan, np.float32),
        majority=np.full(n, -1),
        subject=empty,
        sex=empty,
        set=empty,
        split=np.array(["train", "test"])[np.arange(n) % 2],
        file=empty,
        age=np.full(n, np.nan, np.float32),
    )


def test_unlabelled_rows_and_pictures_of_other_kinds_are_counted(tmp_path):
    picture = np.random.default_rng(0).integers(0, 255, (60, 60, 3), np.uint8)
    for name in ("a.png", "b.webp", "c.jpg"):
        assert cv2.imwrite(str(tmp_path / name), picture)
    (tmp_path / "c.jpg").rename(tmp_path / "c.jfif")
    (tmp_path / "d.heic").write_bytes(b"\0\0\0\x18ftypheic")
    (tmp_path / "._a.png").write_bytes(b"\0\5")
    (tmp_path / "manifest.csv").write_text("path,label\na.png,happy\nb.webp,sad\nc.jfif,sad\na.png,\n")
    report = check_dataset(tmp_path)
    assert report.images == 3
    assert report.left_out["without a label"] == (Path("a.png"),)
    assert report.left_out["kind of picture that is not read"] == (Path("d.heic"),)
    assert report.left_out["file of the system or of a cloud"] == (Path("._a.png"),)
    counts = read_dataset(tmp_path / "manifest.csv").count_left_out(("happy", "sad"))
    assert counts["without a label"] == 1, "training leaves out what the check accepts"


def test_training_counts_what_it_cannot_read(tmp_path):
    """Pictures of other kinds, listed or beside those that are read, and files of systems."""
    for i in range(12):
        save(tmp_path / "faces" / ("happy", "sad")[i % 2] / f"{i}.png", face(i))
    (tmp_path / "faces" / "sad" / "a.HEIC").write_bytes(b"\0\0\0\x18ftypheic")
    (tmp_path / "faces" / "sad" / "b.cr2").write_bytes(b"II*\0")
    (tmp_path / "faces" / "sad" / "._0.png").write_bytes(b"\0\5")
    found = read_dataset(tmp_path / "faces")
    counts = found.count_left_out(("happy", "sad"))
    assert counts["kind of picture that is not read"] == 2 and counts["file of the system or of a cloud"] == 1
    manifest = tmp_path / "manifest.csv"
    manifest.write_text("path,label\nfaces/happy/0.png,happy\nfaces/sad/a.HEIC,sad\n")
    assert read_dataset(manifest).count_left_out(("happy",))["kind of picture that is not read"] == 1
    (tmp_path / "faces" / "happy" / "2.png").write_bytes(b"what a disk lost")
    counts = read_dataset(tmp_path / "faces").count_left_out(("happy", "sad"))
    assert counts["unreadable"] == 1, "one damaged picture does not stop a training"
    (tmp_path / "faces" / "happy" / "0.png").write_bytes(b"")
    with pytest.raises(InputError, match=r"0\.png is empty, as what a cloud has not downloaded"):
        read_dataset(manifest)
    for path in (tmp_path / "faces").rglob("*.png"):
        path.unlink()
    with pytest.raises(InputError, match=r"holds 2 of kinds that are not read \(\.cr2, \.heic\)"):
        read_dataset(tmp_path / "faces")
