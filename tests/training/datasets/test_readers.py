from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from enicfer.errors import InputError
from enicfer.expressions import WORDS
from enicfer.models.pictures import digest_picture
from enicfer.training.datasets import READERS, FaceImages, Options, read_dataset


def picture(path: Path, level: int = 100, size: tuple[int, int] = (60, 50)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    ok, content = cv2.imencode(path.suffix, np.full(size, level, np.uint8))
    assert ok
    content.tofile(path)


def names(data: FaceImages) -> list[str]:
    return [data.labels[i] for i in data.label]


def test_folders_are_mapped_by_name_not_by_alphabet(tmp_path: Path) -> None:
    for level, word in enumerate(["angry", "disgust", "fear", "happy", "neutral", "sad", "surprise"]):
        picture(tmp_path / "train" / word / "a.png", level * 10)
    data = read_dataset(tmp_path, "folders")
    expected = ["angry", "disgusted", "fearful", "happy", "neutral", "sad", "surprised"]
    assert names(data) == expected
    assert data.image[:, 0, 0].tolist() == [0, 10, 20, 30, 40, 50, 60]
    assert data.image.shape == (7, 48, 48)
    assert set(data.split) == {"train"}
    assert set(data.subject) == {""}


def test_contempt_is_dropped_and_content_is_a_choice(tmp_path: Path) -> None:
    for word in ("happy", "contempt", "content", "Sadness"):
        picture(tmp_path / word / "a.jpg")
    assert sorted(names(read_dataset(tmp_path))) == ["happy", "sad"]
    data = read_dataset(tmp_path, options=Options(content="neutral"))
    assert sorted(names(data)) == ["happy", "neutral", "sad"]
    picture(tmp_path / "bored" / "a.jpg")
    picture(tmp_path / "bored" / "b.jpg")
    with pytest.raises(InputError, match=r"Unknown labels: 'bored' \(2\).*surprised"):
        read_dataset(tmp_path)


def test_ckplus_takes_the_first_frame_and_the_last_three(tmp_path: Path) -> None:
    for subject, sequence, code in (("S005", "001", "3"), ("S010", "002", "2"), ("S011", "001", None)):
        for frame in range(1, 8):
            name = f"{subject}_{sequence}_{frame:08d}.png"
            picture(tmp_path / "cohn-kanade-images" / subject / sequence / name, frame)
        folder = tmp_path / "Emotion" / subject / sequence
        folder.mkdir(parents=True)
        if code:
            file = folder / f"{subject}_{sequence}_00000007_emotion.txt"
            file.write_text(f"   {code}.0000000e+00\n", encoding="ascii")
    data = read_dataset(tmp_path, "ck+")
    assert names(data) == ["neutral", "disgusted", "disgusted", "disgusted"]
    assert data.image[:, 0, 0].tolist() == [1, 5, 6, 7]
    assert set(data.subject) == {"S005"}
    for name, archive in (
        ("cohn-kanade-images", "extended-cohn-kanade-images"),
        ("Emotion", "Emotion_labels"),
    ):
        (tmp_path / archive).mkdir()
        (tmp_path / name).rename(tmp_path / archive / name)
    (tmp_path / "__MACOSX" / "Emotion").mkdir(parents=True)
    assert names(read_dataset(tmp_path, "ck+")) == names(data)
    file = next((tmp_path / "Emotion_labels").rglob("*.txt"))
    file.write_text("9", encoding="ascii")
    with pytest.raises(InputError, match=r"holds '9', which is no code of CK\+ \(0 to 7\)"):
        read_dataset(tmp_path, "ck+")


def test_ckplus_needs_its_two_folders_once(tmp_path: Path) -> None:
    (tmp_path / "Emotion").mkdir()
    with pytest.raises(InputError, match=r"must hold one folder cohn-kanade-images, .* not 0"):
        read_dataset(tmp_path, "ck+")
    (tmp_path / "cohn-kanade-images").mkdir()
    with pytest.raises(InputError, match=r"Emotion holds no S\*/\*/S\*_emotion\.txt"):
        read_dataset(tmp_path, "ck+")
    (tmp_path / "Emotion_labels" / "Emotion").mkdir(parents=True)
    with pytest.raises(InputError, match=r"one folder Emotion, .* not 2: .*Emotion_labels"):
        read_dataset(tmp_path, "ck+")


def test_rafd_takes_the_children_from_the_front(tmp_path: Path) -> None:
    for name in (
        "Rafd090_41_Kid_female_happy_frontal",
        "Rafd045_41_Kid_female_happy_left",
        "Rafd090_64_Kid_male_contemptuous_left",
        "Rafd090_64_Kid_male_surprised_left",
        "Rafd090_01_Caucasian_female_angry_frontal",
    ):
        picture(tmp_path / f"{name}.jpg")
    data = read_dataset(tmp_path, "rafd")
    assert names(data) == ["happy", "surprised"]
    assert data.subject.tolist() == ["41", "64"]
    assert data.sex.tolist() == ["female", "male"]
    picture(tmp_path / "holiday.jpg")
    with pytest.raises(InputError, match=r"holiday.jpg is not named as in this data set"):
        read_dataset(tmp_path, "rafd")


def test_chefs_reads_its_file_names(tmp_path: Path) -> None:
    for name in ("M10HS_6767", "F12NS_4986", "F40AA_9541"):
        picture(tmp_path / "chefs" / f"{name}.jpg")
    data = read_dataset(tmp_path / "chefs", "nimh-chefs")
    assert sorted(zip(data.subject, data.sex, names(data), strict=True)) == [
        ("F12", "female", "neutral"),
        ("F40", "female", "angry"),
        ("M10", "male", "happy"),
    ]


def test_cafe_is_read_as_databrary_packs_it(tmp_path: Path) -> None:
    for name in (
        "6280/9977-angry_F-AA-01",
        "6280/9978-angryopen_F-AA-01",
        "6280/9979-surprise_F-AA-01",
        "6362/10059-fearfulopen_M-AS-01",
        "6362/10060-neutralopen_M-AS-01",
        "6401/10541-happy_F-EA-14",
        "6402/disgust_M-LA-03",
    ):
        picture(tmp_path / "sessions" / f"{name}.jpg")
    data = read_dataset(tmp_path, "cafe")
    expected = ["angry", "angry", "surprised", "fearful", "neutral", "happy", "disgusted"]
    assert names(data) == expected
    assert data.subject.tolist() == ["F-AA-01"] * 3 + ["M-AS-01"] * 2 + ["F-EA-14", "M-LA-03"]
    assert data.sex.tolist() == ["female"] * 3 + ["male"] * 2 + ["female", "male"]
    picture(tmp_path / "sessions" / "6403" / "1-smirk_F-EA-15.jpg")
    with pytest.raises(InputError, match=r"Unknown labels: 'smirk' \(1\)\. Known are afraid"):
        read_dataset(tmp_path, "cafe")
    picture(tmp_path / "sessions" / "6403" / "F-EA-15.jpg")
    with pytest.raises(InputError, match=r"F-EA-15\.jpg is not named as in this data set"):
        read_dataset(tmp_path, "cafe")


@pytest.mark.parametrize("start", [".", "40Females"])
def test_ddcf_is_read_from_its_two_archives(tmp_path: Path, start: str) -> None:
    words = ["Afraid", "Angry", "Content", "Disgusted", "Happy", "Neutral", "Sad", "Surprised"]
    for sex in ("40Females", "40Males"):
        for level, word in enumerate(words):
            picture(tmp_path / sex / word / "7" / f"{sex[2]}7_a.jpg", level * 10)
            picture(tmp_path / sex / word / "7" / "Edited" / f"{sex[2]}7_a.jpg")
            (tmp_path / sex / word / "7" / f"._{sex[2]}7_a.jpg").write_bytes(b"a shadow of macOS")
    data = read_dataset(tmp_path / start, "ddcf")
    seven = ["fearful", "angry", "disgusted", "happy", "neutral", "sad", "surprised"]
    sexes = ["female"] if start == "40Females" else ["female", "male"]
    assert names(data) == seven * len(sexes)
    assert data.image[:7, 0, 0].tolist() == [0, 10, 30, 40, 50, 60, 70]
    assert data.sex.tolist() == [sex for sex in sexes for _ in seven]
    assert data.subject.tolist() == [subject for subject in ("F7", "M7")[: len(sexes)] for _ in seven]
    assert set(data.set) == {"ddcf"}
    assert np.isnan(data.age).all()
    assert len(read_dataset(tmp_path, "ddcf", Options(content="happy"))) == 16


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("40Females/Happy/F7_a.jpg", r"F7_a\.jpg is not named as in this data set .*40Females/Happy/CHILD"),
        ("40Females/Happy/7/7_a.jpg", r"7_a\.jpg is not named"),
        ("40Females/Happy/7/raw/F7_a.jpg", r"F7_a\.jpg is not named"),
        ("Females/Happy.jpg", r"Happy\.jpg is not named"),
        ("People/Happy/7/F7_a.jpg", r"F7_a\.jpg is not named"),
        ("40Males/Smug/7/M7_a.jpg", r"Unknown labels: 'Smug' \(1\)\. Known are afraid"),
        ("40Males/Sad/7/edited/M7_a.jpg", "only edited copies"),
    ],
)
def test_what_is_not_ddcf_is_refused(tmp_path: Path, name: str, message: str) -> None:
    picture(tmp_path / name)
    with pytest.raises(InputError, match=message):
        read_dataset(tmp_path, "ddcf")


def test_a_manifest_says_everything(tmp_path: Path) -> None:
    folder = tmp_path / "Kinder über 4"
    picture(folder / "Bär.png")
    picture(folder / "b.png")
    text = "path,label,subject,age,sex,set,weight\nBär.png,happy,c1,5.5,female,day1,12.5\nb.png,fear,c2,,,,\n"
    (folder / "manifest.csv").write_text(text, encoding="utf-8")
    data = read_dataset(folder)
    assert names(data) == ["happy", "fearful"]
    assert data.subject.tolist() == ["c1", "c2"]
    assert data.set.tolist() == ["day1", "Kinder über 4"]
    assert data.age[0] == 5.5
    assert np.isnan(data.age[1])
    assert data.weight[0] == 12.5 and np.isnan(data.weight[1])


def test_votes_of_a_manifest_are_shares(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        picture(tmp_path / f"{name}.png")
    text = "path,label,votes\na.png,happy,joy=3;sad=1\nb.png,sad,happy=1;sad=1\nc.png,sad,\n"
    (tmp_path / "manifest.csv").write_text(text, encoding="utf-8")
    data = read_dataset(tmp_path)
    happy, sad = data.labels.index("happy"), data.labels.index("sad")
    assert data.votes[0, [happy, sad]].tolist() == [0.75, 0.25] and data.votes[0].sum() == 1
    assert np.isnan(data.votes[2]).all()
    assert data.majority.tolist() == [happy, -1, -1]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("file,label\na.png,happy\n", "needed are path, label"),
        ("path,label,mood\na.png,happy,1\n", "allowed are also subject"),
        ("path,label\n", "lists no picture"),
        ("path,label,age\na.png,happy,four\n", "Line 2 .* age 'four'"),
        ("path,label,weight\na.png,happy,many\n", "Line 2 .* weight 'many': write a number above 0"),
        ("path,label,weight\na.png,happy,0\n", "Line 2 .* weight '0'"),
        ("path,label,weight\na.png,happy,nan\n", "Line 2 .* weight 'nan'"),
        ("path,label\nmissing.png,happy\n", "cannot be read"),
        ("path,label,votes\na.png,happy,happy\n", "Line 2 .* votes 'happy': write expressions and numbers"),
        ("path,label,votes\na.png,happy,proud=1\n", "Line 2 .* votes 'proud=1'"),
        ("path,label,votes\na.png,happy,sad=-1\n", "Line 2 .* votes 'sad=-1'"),
    ],
)
def test_a_wrong_manifest_is_refused(tmp_path: Path, text: str, message: str) -> None:
    picture(tmp_path / "a.png")
    (tmp_path / "manifest.csv").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=message):
        read_dataset(tmp_path)


def test_what_is_no_image_no_folder_or_no_reader_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no data set"):
        read_dataset(tmp_path / "none")
    with pytest.raises(InputError, match="holds no image"):
        read_dataset(tmp_path, "folders")
    with pytest.raises(InputError, match="no reader 'voc': choose one of fer2013"):
        read_dataset(tmp_path, "voc")
    (tmp_path / "happy").mkdir()
    (tmp_path / "happy" / "a.png").write_text("not an image", encoding="utf-8")
    with pytest.raises(InputError, match=r"unreadable: 1; the first is a\.png"):
        read_dataset(tmp_path, "folders")
    (tmp_path / "fer.npz").write_bytes(b"PK nothing")
    with pytest.raises(InputError, match="not a readable NumPy archive"):
        read_dataset(tmp_path / "fer.npz")
    assert "fer2013" in READERS


def test_fer2013_csv_has_its_own_codes(tmp_path: Path) -> None:
    pixels = " ".join(["7"] * 48 * 48)
    rows = [f"{code},{pixels},Training" for code in range(7)]
    file = tmp_path / "fer2013.csv"
    file.write_text("emotion,pixels,Usage\n" + "\n".join(rows), encoding="utf-8")
    expected = ["angry", "disgusted", "fearful", "happy", "sad", "surprised", "neutral"]
    assert names(read_dataset(file)) == expected
    file.write_text("emotion,pixels,Usage\n9," + pixels + ",Training", encoding="utf-8")
    with pytest.raises(InputError, match="is not the CSV of FER2013"):
        read_dataset(file)


def test_the_real_archive(shared_data: Path) -> None:
    data = read_dataset(shared_data / "fer2013.npz")
    learn, check = data.select(data.split == "Training"), data.select(data.split == "PublicTest")
    assert (len(learn), len(check)) == (28_709, 3_589)
    counts = dict(zip(data.labels, np.bincount(check.label).tolist(), strict=True))
    assert counts["happy"] == 895
    assert counts["disgusted"] == 56
    assert np.isin(check.digest, learn.digest).sum() == 280
    votes = check.votes[~np.isnan(check.votes).any(1)]
    np.testing.assert_allclose(votes.sum(1), 1, atol=1e-5)
    assert len(votes) > 3_550


def test_a_subset_of_labels_renumbers_labels_and_votes(shared_data: Path) -> None:
    data = read_dataset(shared_data / "fer2013.npz")
    two = data.select(np.arange(0, len(data), 16)).only_labels(("sad", "happy"))
    assert set(two.label.tolist()) == {0, 1}
    assert set(names(two)) == {"sad", "happy"}
    known = ~np.isnan(two.votes).any(1)
    agree = (two.votes[known].argmax(1) == two.label[known]).mean()
    assert agree > 0.8
    with pytest.raises(InputError, match="Unknown labels bored"):
        data.only_labels(("bored",))


def test_names_are_read_by_a_pattern(tmp_path: Path) -> None:
    folder = tmp_path / "children"
    for name in ("boys/007-sad-0_9y", "girls/012-Happiness-1_14y"):
        picture(folder / f"{name}.png")
    pattern = r"(?P<sex>boy|girl)s/(?P<subject>\d+)-(?P<word>[a-z]+)-\d_(?P<age>\d+)y"
    data = read_dataset(folder, "names", Options(pattern=pattern))
    assert names(data) == ["sad", "happy"]
    assert data.subject.tolist() == ["007", "012"]
    assert data.age.tolist() == [9, 14]
    assert data.sex.tolist() == ["boy", "girl"]
    assert set(data.set) == {"children"}
    picture(folder / "cover.png")
    with pytest.raises(InputError, match=r"cover\.png does not have the pattern"):
        read_dataset(folder, "names", Options(pattern=pattern))
    for wrong, message in (("(", "no regular expression"), (".*", "without a group for the label")):
        with pytest.raises(InputError, match=message):
            read_dataset(folder, "names", Options(pattern=wrong))
    with pytest.raises(InputError, match=r"age of .* is 'y', which is no number"):
        read_dataset(folder, "names", Options(pattern=r".*(?P<word>[a-z]).*(?P<age>[a-z])"))


@pytest.mark.parametrize("emotion", ["-1", "7", ""])
def test_an_emotion_out_of_range_is_refused(tmp_path: Path, emotion: str) -> None:
    path = tmp_path / "fer2013.csv"
    path.write_text(f"emotion,pixels,Usage\n{emotion},{' '.join(['7'] * 2304)},Training\n", encoding="utf-8")
    with pytest.raises(InputError, match="emotion \\(0 to 6\\)"):
        read_dataset(path, "fer2013")


def test_the_majority_counts_all_choices_of_the_raters(shared_data: Path) -> None:
    data = read_dataset(shared_data / "fer2013.npz")
    with np.load(shared_data / "fer2013.npz") as archive:
        votes, words = archive["ferplus_votes"], archive["ferplus_names"].tolist()
    check = data.split == "PublicTest"
    assert (data.majority[check] >= 0).sum() == 3372
    for row in np.flatnonzero(check)[:500]:
        most = [words[i] for i in np.flatnonzero(votes[row] == max(votes[row].max(), 1))]
        alone = len(most) == 1 and most[0] not in ("contempt", "unknown", "NF")
        said = data.labels[data.majority[row]] if data.majority[row] >= 0 else None
        assert said == (WORDS[most[0]] if alone else None)


def test_ferplus_is_read_beside_the_csv(tmp_path: Path) -> None:
    pixels = " ".join(["7"] * 48 * 48)
    rows = [f"0,{pixels},Training"] * 3
    (tmp_path / "fer2013.csv").write_text("emotion,pixels,Usage\n" + "\n".join(rows), encoding="utf-8")
    names = "neutral,happiness,surprise,sadness,anger,disgust,fear,contempt,unknown,NF"
    votes = ["0,8,0,0,0,0,0,2,0,0", "3,0,0,3,0,0,0,4,0,0", "5,0,0,0,5,0,0,0,0,0"]
    plus = tmp_path / "fer2013new.csv"
    lines = [f"Training,fer{i}.png,{text}" for i, text in enumerate(votes)]
    plus.write_text("\n".join([f"Usage,Image name,{names}", *lines]), encoding="utf-8")
    data = read_dataset(tmp_path / "fer2013.csv")
    assert data.majority.tolist() == [data.labels.index("happy"), -1, -1]
    assert data.votes[1, data.labels.index("neutral")] == 0.5
    plus_labels = read_dataset(tmp_path / "fer2013.csv", "fer+")
    assert [data.labels[i] for i in plus_labels.label] == ["happy"] and set(plus_labels.set) == {"fer+"}
    assert plus_labels.label.tolist() == plus_labels.majority.tolist()
    plus.write_text("\n".join([f"Usage,Image name,{names}", *lines[:2]]), encoding="utf-8")
    with pytest.raises(InputError, match="2 rows that are not those of the 3 rows"):
        read_dataset(tmp_path / "fer2013.csv")
    plus.unlink()
    with pytest.raises(InputError, match=r"has no votes of the FER\+ raters: put fer2013new\.csv beside"):
        read_dataset(tmp_path / "fer2013.csv", "fer+")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut"])
def test_a_cut_archive_is_one_sentence(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(InputError, match="not a readable NumPy archive"):
        read_dataset(tmp_path / "a.npz")


def test_a_picture_is_known_again_at_another_size_and_in_a_frame(tmp_path: Path) -> None:
    (tmp_path / "happy").mkdir()
    picture = np.random.default_rng(0).integers(0, 256, (60, 50, 3), np.uint8)
    assert cv2.imwrite(str(tmp_path / "happy" / "a.png"), picture)
    whole = read_dataset(tmp_path)
    framed = read_dataset(
        tmp_path, options=Options(size=64, channels=3, crop=lambda face: face[10:40, 10:40])
    )
    assert whole.digest == framed.digest == digest_picture(picture[:, :, ::-1])
    # Grey arrays are known by what they are.
    assert np.array_equal(replace(whole, digest=whole.digest[:0]).digest, [digest_picture(whole.image[0])])


def test_pictures_that_a_training_does_not_use_are_counted_by_reason(tmp_path: Path) -> None:
    labels = ["happy"] * 4 + ["sad"] * 3 + ["surprise"] * 2 + ["contempt", "happy"]
    for i in range(len(labels) - 1):
        noise = np.random.default_rng(i).integers(0, 256, (20, 20), np.uint8)
        assert cv2.imwrite(str(tmp_path / f"{i}.png"), noise)
    (tmp_path / "10.png").write_bytes(b"no picture")
    rows = [f"{i}.png,{label}" for i, label in enumerate(labels)]
    (tmp_path / "manifest.csv").write_text("\n".join(["path,label", *rows]), encoding="utf-8")
    data = read_dataset(tmp_path, options=Options(patient=True))
    expected = {"no face found": 0, "label not used": 3, "unreadable": 1}
    assert data.count_left_out(("happy", "sad")) == expected
    assert data.only_labels(("happy", "sad")).label.size == len(labels) - sum(expected.values())
