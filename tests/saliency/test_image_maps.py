import os
import re
import time
import tracemalloc
from dataclasses import replace

import cv2
import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image
from skimage import data

from enicfer.errors import EnicferError, InputError, OutputError
from enicfer.faces.crop import REFERENCE
from enicfer.saliency.image_maps import explain_faces, explain_images, note_shared_subject
from enicfer.saliency.options import SaliencyOptions
from enicfer.saliency.output import choose_rows, draw_filter_figures, unique_stems, write_explanation
from enicfer.saliency.picture_files import find_pictures, name_subjects
from enicfer.saliency.pictures import _decode, read_faces, take_crops
from enicfer.training.datasets.files import read_image


@pytest.fixture(scope="module")
def detector():
    from enicfer.faces.detectors import load_detector

    return load_detector("centerface")


@pytest.fixture(scope="module")
def portraits(tmp_path_factory):
    """A portrait large and small, and a picture without a face."""
    folder = tmp_path_factory.mktemp("portraits")
    face = cv2.cvtColor(data.astronaut(), cv2.COLOR_RGB2BGR)
    for name, picture in (
        ("sub-01_a.png", face),
        ("sub-01_b.jpg", face[:300, 50:400]),
        ("sub-02_c.png", face[..., ::-1]),
    ):
        cv2.imwrite(str(folder / name), picture)
    (folder / "other").mkdir()
    cv2.imwrite(str(folder / "other" / "coins.png"), data.coins())
    return folder


def test_faces_are_cut_out_as_the_classifier_wants_them(portraits, detector):
    files = [portraits / "sub-01_a.png", portraits / "sub-01_b.jpg"]
    faces = read_faces(files, detector, 48)
    assert faces.crop.shape == (2, 48, 48) and faces.picture.shape == (2, 192, 192, 3)
    assert faces.found.all() and faces.subject.tolist() == ["sub-01", "sub-01"]
    assert np.corrcoef(faces.crop[0].ravel(), faces.crop[1].ravel())[0, 1] > 0.9
    # eyes above the nose above the mouth
    assert (np.diff(faces.landmarks[:, [0, 2, 3], 1]) > 0.1).all()


def test_landmarks_are_found_in_crops_too(portraits, detector):
    faces = read_faces([portraits / "sub-01_a.png"], detector, 96)
    again = take_crops(faces.crop, detector)
    assert again.found.all()
    np.testing.assert_allclose(again.landmarks, faces.landmarks, atol=0.05)
    blank = take_crops(np.full((1, 48, 48), 90, np.uint8), detector)
    assert not blank.found[0]


def test_without_a_face_in_any_picture_all_are_named(portraits, detector, tmp_path):
    with pytest.raises(InputError, match=r"no face in coins\.png: give other pictures, or crops=True"):
        read_faces([portraits / "other" / "coins.png"], detector, 48)
    cv2.imwrite(str(tmp_path / "x.png"), np.full((80, 80, 3), 90, np.uint8))
    with pytest.raises(InputError, match=r"no face in coins\.png, x\.png: "):
        read_faces([portraits / "other" / "coins.png", tmp_path / "x.png"], detector, 48)


def test_pictures_without_a_face_are_left_out_and_named(portraits, detector, tmp_path):
    blank = tmp_path / "sub-07_x.png"
    cv2.imwrite(str(blank), np.full((80, 80, 3), 90, np.uint8))
    alone = read_faces([portraits / "sub-01_a.png"], detector, 48)
    faces = read_faces([blank, portraits / "sub-01_a.png", portraits / "other" / "coins.png"], detector, 48)
    assert faces.left_out == ("sub-07_x.png", "coins.png")
    for name in ("name", "subject", "crop", "picture", "landmarks", "found", "digest"):
        np.testing.assert_array_equal(getattr(faces, name), getattr(alone, name))
    found = explain_images([blank, portraits / "sub-01_a.png"], tmp_path / "out", SaliencyOptions(checks=0))
    assert any("1 of 2 pictures show no face and are left out (sub-07_x.png)" in note for note in found.notes)


def test_results_and_hidden_files_are_no_pictures(tmp_path):
    """Results in the pictures' own folder, as `enicfer saliency faces -o faces/out` or `-o faces` write them."""
    for name in (
        "a/x.png",
        "a/._x.png",
        ".trash/y.png",
        "out/saliency.npz",
        "out/figures/means.png",
        "saliency.npz",
        "figures/sheet_sad.png",
        "figures/.DS_Store",
        "z.png",
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / name).write_bytes(b"")
    assert find_pictures([tmp_path]) == [tmp_path / "a" / "x.png", tmp_path / "z.png"]
    (tmp_path / "saliency.npz").unlink()
    assert tmp_path / "figures" / "sheet_sad.png" in find_pictures([tmp_path])
    assert find_pictures([tmp_path / ".trash"]) == [tmp_path / ".trash" / "y.png"]


def test_paths_that_hold_no_pictures_are_refused(tmp_path):
    with pytest.raises(InputError, match="There is no picture below"):
        find_pictures([tmp_path])
    with pytest.raises(InputError, match="give picture files"):
        find_pictures([tmp_path / "missing.png"])
    (tmp_path / "notes.txt").write_text("x", encoding="utf-8")
    with pytest.raises(InputError, match=r"notes\.txt is no picture: allowed are \.png"):
        find_pictures([tmp_path / "notes.txt"])


def test_a_damaged_picture_is_named(tmp_path, detector):
    (tmp_path / "a.png").write_bytes(b"no picture")
    with pytest.raises(InputError, match=r"a\.png is no picture that can be read"):
        read_faces([tmp_path / "a.png"], detector, 48)


def test_subjects_come_from_the_path(tmp_path):
    files = [tmp_path / "sub-07" / "ses-1" / "x.png", tmp_path / "anna" / "y.png"]
    assert name_subjects(files) == ["sub-07", "anna/y.png"]
    assert name_subjects(files, "folder") == ["sub-07/ses-1", "anna"]
    assert name_subjects(files, "image") == ["sub-07/ses-1/x.png", "anna/y.png"]
    assert name_subjects([tmp_path / "x.png", tmp_path / "y.png"]) == ["x.png", "y.png"]
    assert name_subjects([tmp_path / "anna" / "x.png"], "folder") == ["anna"]
    with pytest.raises(InputError, match="no rule 'age' for subjects"):
        name_subjects(files, "age")


def test_pictures_of_different_children_are_not_those_of_one(tmp_path, crops, detector, model):
    """What cuts frames out of videos names them alike in every child's folder."""
    kids = [tmp_path / f"child{i:02d}" for i in (1, 2, 3)]
    files = [kid / f"frame_{k:03d}.png" for kid in kids for k in (1, 2)]
    with pytest.raises(
        InputError, match=r"frame_001\.png is in child01 and in child02: give subjects folder"
    ):
        name_subjects(files)
    assert name_subjects(files, "folder") == [kid.name for kid in kids for _ in (1, 2)]
    assert len(set(name_subjects(files, "image"))) == 6
    unique = [kid / f"{kid.name}_{k}.png" for kid in kids for k in (1, 2)]
    for rule in ("auto", "image"):
        faces = take_crops(crops, detector, subjects=name_subjects(unique, rule))
        found = explain_faces(model, faces, checks=0)
        assert found.maps.unit == "image"
        assert any("No subject is known to have two images" in note for note in found.notes)
    sites = [tmp_path / site / "p1" / "x.png" for site in ("berlin", "paris")]
    assert name_subjects(sites, "folder") == ["berlin/p1", "paris/p1"]


def test_a_label_that_all_pictures_share_is_said(tmp_path, crops, detector, model):
    """A folder /data/sub-study is not to be told from that of one person."""
    files = [tmp_path / "sub-study" / f"p{i}.png" for i in range(6)]
    found = explain_faces(model, take_crops(crops, detector, subjects=name_subjects(files)), checks=0)
    assert found.maps.unit == "image"
    assert "All 6 images count as those of sub-study" in note_shared_subject(found.maps)[0]
    assert not note_shared_subject(replace(found.maps, subject=np.array(list("aabbcc"))))


@pytest.fixture(scope="module")
def explained(model, crops, detector):
    faces = take_crops(crops, detector, subjects=["a", "a", "b", "b", "c", "c"])
    return explain_faces(
        model, faces, expression=["sad"] * 4 + ["happy"] * 2, checks=2, methods=("gradient", "gradcam")
    )


def test_an_explanation_sums_up_and_checks(explained):
    table = explained.regions.set_index(["expression", "region"])
    assert table.loc["all"].drop("eyes and mouth")["share"].sum() == pytest.approx(1)
    assert explained.maps.unit == "subject"
    text = "\n".join(explained.sentences())
    assert "all: eyes and mouth have" in text and "With all weights random" in text
    assert "no landmarks were found" in text


def test_figures_tables_and_maps_have_the_same_bytes_again(explained, tmp_path):
    for name in "xy":
        write_explanation(explained, tmp_path / name, show_faces=True, panels=1)
    first, second = (
        {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*.*") if path.is_file()}
        for folder in (tmp_path / "x", tmp_path / "y")
    )
    assert first == second
    kinds = {path.as_posix() for path in first}
    if os.name == "posix":  # whoever may not see a face sees none
        closed = {path.name for path in tmp_path.rglob("*.*") if path.stat().st_mode & 0o777 == 0o600}
        faces = ("sheet_sad", "sheet_happy", "image_00000")
        assert closed == {f"{name}.{end}" for name in faces for end in ("png", "svg")}
    assert {"saliency.npz", "regions.tsv", "images.tsv", "checks.json"} <= kinds
    names = ("sheet_sad", "sheet_happy", "means", "regions", "checks", "image_00000")
    assert {f"figures/{name}.{end}" for name in names for end in ("png", "svg")} <= kinds
    sheet = cv2.imread(str(tmp_path / "x" / "figures" / "sheet_happy.png"))
    assert min(sheet.shape[:2]) > 600 and len(np.unique(sheet)) > 100
    assert re.search(rb"\d{4}-\d\d-\d\d", first[next(p for p in first if p.name == "means.svg")]) is None


def test_no_face_is_drawn_unless_it_is_asked_for(explained, tmp_path):
    write_explanation(explained, tmp_path, show_faces=False)
    drawn = {path.stem for path in (tmp_path / "figures").iterdir()}
    assert drawn == {"means", "regions", "checks"}


def test_results_that_are_replaced_leave_no_face_behind(explained, tmp_path):
    write_explanation(explained, tmp_path, show_faces=True, panels=2)
    figures = tmp_path / "figures"
    for stale in (
        tmp_path / "sub-01_overlay.mp4",
        tmp_path / "sub-01_task-x_overlay.mp4",
        figures / "sheet_surprised.png",
        figures / "filters_conv1.svg",
        figures / "filters_conv1.npz",
    ):
        stale.write_bytes(b"stale")
    kept = [tmp_path / "notes.txt", tmp_path / "overlay.mp4", figures / "poster.png"]
    for own in kept:
        own.write_bytes(b"the user's")
    write_explanation(replace(explained, trust=None), tmp_path, show_faces=False)
    drawn = {path.stem for path in figures.iterdir()}
    assert drawn == {"means", "regions", "poster"}
    assert all(own.exists() for own in kept) and not list(tmp_path.glob("*_overlay.mp4"))
    assert not list(tmp_path.rglob(".partial"))


def test_pictures_in_a_folder_without_results_are_not_touched(explained, tmp_path):
    own = tmp_path / "figures" / "image_1.png"
    own.parent.mkdir()
    own.write_bytes(b"the user's")
    write_explanation(explained, tmp_path, show_faces=False)
    assert own.exists()


def test_filters_are_drawn_for_each_layer(model, crops, detector, tmp_path):
    paths = draw_filter_figures(model, take_crops(crops, detector), tmp_path, rows=2)
    assert {path.name for path in paths} == {
        f"filters_conv{i}.{e}" for i in (1, 2, 3) for e in ("png", "svg", "npz")
    }


def test_sheets_show_different_people_first(explained):
    rows = choose_rows(explained.maps, "sad", 3)
    assert len({explained.maps.subject[i] for i in rows[:2]}) == 2
    assert unique_stems(["a.png", "a.jpg", "b"]) == ["image_a", "image_a-2", "image_b"]


def test_pictures_of_many_faces_are_in_memory_once(tmp_path, monkeypatch):
    (tmp_path / "x.png").write_bytes(cv2.imencode(".png", np.full((48, 48), 90, np.uint8))[1].tobytes())
    monkeypatch.setattr("enicfer.saliency.pictures.find_crop_landmarks", lambda *given: (REFERENCE, True))
    tracemalloc.start()
    faces = read_faces([tmp_path / "x.png"] * 300, None, 48, crops=True)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert faces.picture.shape == (300, 192, 192, 3) and (faces.picture == 90).all()
    assert peak < 1.4 * faces.picture.nbytes


def test_many_images_are_chosen_from_in_little_time(explained):
    n = 50_000
    rng = np.random.default_rng(0)
    many = replace(
        explained.maps,
        map=np.zeros((n, 1, 1), np.float32),
        expression=np.full(n, "sad"),
        subject=np.array([f"s{i}" for i in rng.integers(0, 20_000, n)]),
        probability=rng.random(n).astype(np.float32),
    )
    began = time.process_time()
    rows = choose_rows(many, "sad")
    assert time.process_time() - began < 2
    assert (np.diff(many.probability[rows]) <= 0).all() and len(set(many.subject[rows])) == 6


def test_the_command_explains_pictures_with_the_shipped_model(portraits, tmp_path, shared_data):
    from enicfer.cli.saliency import saliency

    pictures = [str(portraits / name) for name in ("sub-01_a.png", "sub-01_b.jpg")]
    arguments = ["ronnet-7", *pictures, "-o", str(tmp_path / "out"), "--checks", "0", "--panels", "1"]
    done = CliRunner().invoke(saliency, arguments, catch_exceptions=False)
    assert done.exit_code == 0 and "all: eyes and mouth have" in done.output
    assert (tmp_path / "out" / "figures" / "image_sub-01_a.png").is_file()
    with pytest.raises(OutputError, match="give overwrite=True"):
        explain_images(pictures, tmp_path / "out")
    with pytest.raises(InputError, match="no class 'proud'"):
        explain_images(pictures, tmp_path / "new", SaliencyOptions(expression="proud", checks=0))
    assert not (tmp_path / "new").exists()


def test_what_cannot_be_done_is_refused_before_the_pictures_are_read(portraits, tmp_path, monkeypatch):
    monkeypatch.setattr("enicfer.saliency.pictures._read_bytes", None)
    for options, sentence in (
        ({"method": "guided"}, "GoogLeNet has no ReLU modules"),
        ({"expression": "proud"}, "no class 'proud': give one of angry"),
        ({"checks": -1}, "-1 images to check: give 0 or more"),
        ({"panels": -1}, "-1 figures of single images: give 0 or more"),
        ({"subjects": "age"}, "no rule 'age' for subjects"),
        ({"filters": True}, "of GoogLeNet cannot be shown.*leave filters out"),
    ):
        with pytest.raises(EnicferError, match=sentence):
            explain_images([portraits], tmp_path / "out", SaliencyOptions(model="googlenet-7", **options))
    few = sorted(portraits.rglob("*.png"))[:2]
    with pytest.raises(EnicferError, match="there are 2"):
        explain_images(few, tmp_path / "out", SaliencyOptions(filters=True))


def test_options_that_do_not_go_with_the_input_are_refused(portraits, tmp_path):
    from enicfer.saliency.request import explain_request

    with pytest.raises(InputError, match="face_images is for a session's output, and images were given"):
        explain_request([str(portraits)], tmp_path, SaliencyOptions(face_images=True))
    with pytest.raises(InputError, match="nothing to explain"):
        explain_request(["ronnet-7"], tmp_path)


@pytest.mark.parametrize("kind", ["png", "gif", "webp", "tga", "jp2", "ppm"])
def test_pictures_that_training_reads_are_read(tmp_path, kind):
    picture = np.random.default_rng(0).integers(0, 255, (50, 50, 3), np.uint8)
    Image.fromarray(picture).convert("P" if kind == "gif" else "RGB").save(tmp_path / f"a.{kind}")
    (tmp_path / f"._a.{kind}").write_bytes(b"x")
    (file,) = find_pictures([tmp_path])
    bgr = _decode(file.read_bytes(), file)
    assert bgr.shape == (50, 50, 3) and np.array_equal(bgr[:, :, ::-1], read_image(file))
