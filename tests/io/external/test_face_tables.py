import re

import numpy as np
import pytest

from enicfer.errors import InputError
from enicfer.io.external.face_tables import read_face_table
from enicfer.io.external.facereader import read_clock
from enicfer.io.external.openface import PROTOTYPES, expressions_from_units
from enicfer.records import Status

PYFEAT = """,FaceRectX,FaceRectY,FaceRectWidth,FaceRectHeight,FaceScore,x_0,AU01,Pitch,Roll,Yaw,anger,disgust,fear,\
happiness,sadness,surprise,neutral,input,approx_time,frame
0,10.0,20.0,30.0,40.0,0.99,1,0.3,1.0,2.0,3.0,0.1,0.0,0.0,0.7,0.0,0.0,0.2,a.mp4,00:00,0
1,,,,,,,,,,,,,,,,,,a.mp4,00:00,2
2,11.0,20.0,30.0,40.0,0.98,1,0.3,1.0,2.0,3.0,0.0,0.0,0.0,0.0,0.0,1.0,0.0,a.mp4,00:01,4
"""
OPENFACE = """frame, face_id, timestamp, confidence, success, pose_Rx, \
AU01_r, AU02_r, AU04_r, AU05_r, AU06_r, AU12_r, AU12_c
1, 0, 0.000, 0.98, 1, 0.1, 0.0, 0.0, 0.0, 0.0, 5.0, 5.0, 1
2, 0, 0.033, 0.03, 0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0
3, 0, 0.067, 0.98, 1, 0.1, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0
"""
FACEREADER = """Video analysis detailed log
Face Model:\tChildren
Filename:\ta.avi

Video Time\tNeutral\tHappy\tSad\tAngry\tSurprised\tScared\tDisgusted\tContempt\tValence
00:00:00.000\t0,5\t0,5\t0\t0\t0\t0\t0\t0,2\t0,1
00:00:00.040\tFIND_FAILED\tFIND_FAILED\tFIND_FAILED\tFIND_FAILED\tFIND_FAILED\tFIND_FAILED\tFIND_FAILED\tFIND_FAILED\t
00:00:00.080\tFIT_FAILED\tFIT_FAILED\tFIT_FAILED\tFIT_FAILED\tFIT_FAILED\tFIT_FAILED\tFIT_FAILED\tFIT_FAILED\t
01:00:00.120\t0,1\t0,3\t0\t0\t0\t0\t0\t0\t0,1
"""


@pytest.fixture
def given(tmp_path):
    def write(text, name="a.csv", encoding="utf-8"):
        path = tmp_path / name
        path.write_text(text, encoding=encoding)
        return path

    return write


def test_pyfeat(given):
    rows = read_face_table(given(PYFEAT))
    assert rows.program == "py-feat"
    assert rows.labels == ("angry", "fearful", "happy", "sad", "neutral", "disgusted", "surprised")
    assert rows.frame.tolist() == [0, 2, 4]
    np.testing.assert_allclose(rows.probability[0], [0.1, 0, 0.7, 0, 0.2, 0, 0], atol=1e-6)
    assert rows.status.tolist() == [Status.OK, Status.NO_FACE, Status.OK]
    assert np.isnan(rows.probability[1]).all()
    assert rows.box[0].tolist() == [10, 20, 40, 60]
    assert rows.measures["Yaw"][0] == 3 and rows.measures["AU01"][0] == np.float32(0.3)


def test_openface_has_no_expressions_and_says_so(given):
    rows = read_face_table(given(OPENFACE))
    assert rows.program == "openface"
    assert rows.frame.tolist() == [0, 1, 2], "OpenFace counts from 1"
    assert rows.labels[rows.probability[0].argmax()] == "happy"
    assert rows.labels[rows.probability[2].argmax()] == "neutral" and rows.probability[2].max() == 1
    assert rows.status.tolist() == [Status.OK, Status.NO_FACE, Status.OK]
    assert rows.who == ("0", "0", "0")
    assert "never calibrated" in rows.notes[0]


def test_openface_landmarks_give_five_points_and_a_box(given):
    names = [f"{axis}_{i}" for axis in "xy" for i in range(68)]
    values = [str(100 + i) for i in range(68)] + [str(200 + 2 * i) for i in range(68)]
    head, row = OPENFACE.split("\n")[:2]
    rows = read_face_table(given("\n".join([f"{head}, {', '.join(names)}", f"{row}, {', '.join(values)}"])))
    assert rows.box[0].tolist() == [100, 200, 167, 334]
    right_eye, left_eye, nose, right_mouth, left_mouth = rows.landmarks[0].tolist()
    assert right_eye == [138.5, 277.0] and left_eye == [144.5, 289.0]
    assert (nose, right_mouth, left_mouth) == ([130, 260], [148, 296], [154, 308])


@pytest.mark.parametrize("expression", PROTOTYPES)
def test_the_full_prototype_of_an_expression_is_that_expression(expression):
    numbers = {n for units in PROTOTYPES.values() for n in units}
    units = {n: np.array([5.0 if n in PROTOTYPES[expression] else 0.0]) for n in numbers}
    found = expressions_from_units(units)
    assert max(found, key=lambda label: found[label][0]) == expression
    assert found["neutral"][0] == 0


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_facereader_with_decimal_commas(given, encoding):
    rows = read_face_table(given(FACEREADER, "a.txt", encoding))
    assert rows.program == "facereader"
    assert rows.frame is None
    assert rows.time.tolist() == [0, 0.04, 0.08, 3600.12]
    assert rows.status.tolist() == [Status.OK, Status.NO_FACE, Status.NO_EXPRESSION, Status.OK]
    at = [rows.labels.index(label) for label in ("neutral", "happy")]
    assert rows.probability[3, at].tolist() == [0.25, 0.75]
    assert rows.measures["facereader_happy"][3] == np.float32(0.3), "its own intensity is kept"
    assert any("Contempt" in note for note in rows.notes)
    assert any("do not sum to 1" in note for note in rows.notes)


def test_clock():
    assert read_clock("01:02:03.5") == 3723.5
    assert read_clock("00:00:01:040") == 1.04
    assert np.isnan(read_clock("noon")) and np.isnan(read_clock(""))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (OPENFACE.replace("_r", "_x"), "run OpenFace with -aus"),
        (re.sub(r"AU\d+_r", "AU13_r", OPENFACE), "it has AU13_r"),
        (OPENFACE.replace("\n1, ", "\n1.5, "), r"frame '1\.5'"),
        (OPENFACE.replace("\n1, ", "\n0, "), "whole numbers from 1"),
        (PYFEAT.split("\n")[0], "no row"),
        (PYFEAT.replace("0.1,0.0,0.0,0.7", "-0.1,0.0,0.0,0.7"), "negative"),
        (FACEREADER.replace("01:00:00.120", "later"), "Row 4"),
        ("frame,FaceScore\n0,0.9\n", "no column of an expression"),
        (
            FACEREADER.replace("0,5", "FIT_FAILED").replace("0,1\t0,3", "FIT_FAILED\tFIT_FAILED"),
            "no frame with values",
        ),
    ],
)
def test_bad_tables(given, text, message):
    with pytest.raises(InputError, match=message):
        read_face_table(given(text))


def test_anything_else_is_none_of_them(given):
    assert read_face_table(given("a,b\n1,2\n")) is None
    assert read_face_table(given(PYFEAT), "openface") is None


# --- what each program may write: OpenFace's "Output format", Py-Feat's Fex, FaceReader's detailed log

UNITS = ("01", "02", "04", "05", "06", "07", "09", "10", "12", "14", "15", "17", "20", "23", "25", "26", "45")


def openface(rows=3, join=", ", faces=1, ids=True, success=(), units=None):
    """The columns of FeatureExtraction; ``success`` are frames without a face."""
    head = ["frame", *(["face_id"] if ids else []), "timestamp", "confidence", "success"]
    head += ["gaze_0_x", "gaze_angle_x", "eye_lmk_x_0", "pose_Tx", "pose_Rx"]
    head += [f"AU{u}_r" for u in UNITS] + [f"AU{u}_c" for u in UNITS] + ["AU28_c"]
    lines = [join.join(head)]
    for i in range(rows):
        for face in range(faces):
            cells = [str(i + 1), *([str(face)] if ids else []), f"{i / 25:.3f}"]
            cells += ["0.03", "0"] if i in success else ["0.98", "1"]
            cells += ["0.1", "0.2", "300.0", "1.5", "0.05"]
            cells += [(units or {}).get((i, u), "4.00" if u in ("06", "12") else "0.00") for u in UNITS]
            lines.append(join.join([*cells, *["1.00"] * len(UNITS), "0.00"]))
    return "\n".join(lines) + "\n"


def pyfeat(rows=3, points=0, who=None, source=None, frames=None, index=True, lost=()):
    """The columns of a Fex that was written with ``to_csv``."""
    places = [f"{axis}_{i}" for axis in "xy" for i in range(points)]
    head = ["FaceRectX", "FaceRectY", "FaceRectWidth", "FaceRectHeight", "FaceScore", *places, "AU01", "AU12"]
    head += [
        "Pitch",
        "Roll",
        "Yaw",
        "anger",
        "disgust",
        "fear",
        "happiness",
        "sadness",
        "surprise",
        "neutral",
    ]
    head += ["input", "frame", *(["Identity"] if who else [])]
    lines = [",".join([*([""] if index else []), *head])]
    for i in range(rows):
        values = ["10.0", "20.0", "30.0", "40.0", "0.99", *["100.0"] * len(places), "0.3", "0.6"]
        values += ["1.0", "2.0", "3.0", "0.1", "0", "0", "0.7", "0", "0", "0.2"]
        values = [""] * len(values) if i in lost else values
        cells = [*([str(i)] if index else []), *values, source(i) if source else "a.mp4"]
        lines.append(",".join([*cells, str(frames[i] if frames else i), *([who[i]] if who else [])]))
    return "\n".join(lines) + "\n"


WORDS = ("Neutral", "Happy", "Sad", "Angry", "Surprised", "Scared", "Disgusted")


def facereader(rows, more=(), join="\t", form="Video analysis detailed log"):
    """A detailed log: some lines on the analysis, an empty one, the table."""
    head = f"{form}\nFace Model:\tGeneral\nFilename:\ta.avi\nFrame rate:\t25\n\n"
    lines = [join.join(["Video Time", *WORDS, "Valence", "Arousal", *more])]
    return head + "\n".join([*lines, *(join.join(map(str, row)) for row in rows)]) + "\n"


SEEN = (0.2, 0.7, 0, 0, 0, 0, 0, 0.5, 0.3)
LOST = (*["FIND_FAILED"] * 7, "", "")
UNFIT = (*["FIT_FAILED"] * 7, "", "")
LOG = (("00:00:00.000", *SEEN), ("00:00:00.040", *LOST), ("00:00:00.080", *UNFIT), ("00:00:00.120", *SEEN))
OPENFACES = {
    "with blanks": openface(),
    "without blanks": openface(join=","),
    "without face ids": openface(ids=False),
    "tabs": openface(join="\t"),
    "semicolons and decimal commas": openface(join=";").replace(".", ","),
    "line ends of Windows": openface().replace("\n", "\r\n"),
    "byte order mark": "\ufeff" + openface(),
    "no line end at the end": openface().rstrip("\n"),
    "frames as fractions": openface().replace("\n2, ", "\n2.0, "),
}


@pytest.mark.parametrize("way", OPENFACES)
def test_openface_however_it_is_written(given, way):
    rows = read_face_table(given(OPENFACES[way]))
    assert (rows.program, rows.frame.tolist(), rows.status.tolist()) == ("openface", [0, 1, 2], [0, 0, 0])
    np.testing.assert_allclose(rows.time, [0, 0.04, 0.08])
    np.testing.assert_allclose(rows.score, 0.98)
    assert all(rows.labels[k] == "happy" for k in rows.probability.argmax(axis=1))
    assert rows.measures["AU06_r"][0] == 4 and rows.measures["pose_Rx"][0] == np.float32(0.05)
    assert len(rows.notes) == 1


def test_openface_of_several_faces_tells_them_apart(given):
    rows = read_face_table(given(openface(faces=2)))
    assert rows.frame.tolist() == [0, 0, 1, 1, 2, 2] and rows.who == ("0", "1") * 3


def test_openface_frames_without_success_or_numbers(given):
    units = {(2, u): "-nan(ind)" for u in UNITS}
    rows = read_face_table(given(openface(4, success=(1,), units=units)))
    assert rows.status.tolist() == [Status.OK, Status.NO_FACE, Status.NO_EXPRESSION, Status.OK]
    assert np.isnan(rows.probability[1:3]).all()


def test_openface_rows_in_any_order_and_left_out(given):
    head, one, two, three = openface().splitlines()
    rows = read_face_table(given("\n".join([head, three, one]) + "\n"))
    assert rows.frame.tolist() == [2, 0] and two


def test_openface_intensities_beyond_the_scale_are_its_end(given):
    rows = read_face_table(given(openface(units={(0, "06"): "7.0", (0, "12"): "7.0"})))
    assert rows.probability[0].max() == 1 and rows.measures["AU06_r"][0] == 7


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (openface().replace("\n2, 0,", "\n2, 0, 7,"), r"Line 3 of a\.csv has 46 cells and the header 45"),
        (openface() + openface(), "Row 4 of a.csv has the frame 'frame'"),
        (openface().replace("_r", "_q"), "no intensities of action units"),
        (openface().replace("\n2, ", "\n2.5, "), "has the frame '2.5'"),
        (openface(success=(0, 1, 2)), "no frame with values"),
    ],
)
def test_openface_that_is_refused(given, text, said):
    with pytest.raises(InputError, match=said):
        read_face_table(given(text))


def test_openface_of_pictures_has_no_frames(given):
    assert read_face_table(given("face, confidence, AU06_r, AU12_r\n0, 0.98, 1.0, 1.0\n")) is None


@pytest.mark.parametrize("text", [openface(12), pyfeat(12), facereader([LOG[0]] * 12)])
@pytest.mark.parametrize("cells", [1, 3, 9])
def test_a_row_cut_off_at_the_end_is_left_out_and_said(given, text, cells):
    *lines, last = text.rstrip("\n").split("\n")
    sign = "\t" if "\t" in last else ","
    cut = "\n".join([*lines, sign.join(last.split(sign)[:cells])])
    rows = read_face_table(given(cut))
    assert len(rows.status) == 11
    assert rows.notes[0] == "The last row of a.csv (row 12) is cut off, and was left out."


PYFEATS = {
    "with the index of pandas": pyfeat(),
    "without": pyfeat(index=False),
    "semicolons and decimal commas": pyfeat().replace(",", ";").replace(".", ",").replace("a,mp4", "a.mp4"),
    "line ends of Windows": pyfeat().replace("\n", "\r\n"),
    "no line end at the end": pyfeat().rstrip("\n"),
    "68 landmarks": pyfeat(points=68),
    "478 landmarks": pyfeat(points=478),
    "time of each frame": pyfeat().replace(",input,", ",approx_time,").replace("a.mp4", "00:00"),
    "frames as fractions": pyfeat(frames=["0.0", "1.0", "2.0"]),
    "a picture for each frame": pyfeat(source=lambda i: f"{i}.png"),
    "an identity": pyfeat(who=["Person_0"] * 3),
    "percent": pyfeat().replace("0.7", "70").replace("0.1,0", "10,0").replace("0.2", "20"),
}


@pytest.mark.parametrize("way", PYFEATS)
def test_pyfeat_however_it_is_written(given, way):
    rows = read_face_table(given(PYFEATS[way]))
    assert (rows.program, rows.frame.tolist(), rows.status.tolist()) == ("py-feat", [0, 1, 2], [0, 0, 0])
    np.testing.assert_allclose(rows.probability[:, [rows.labels.index("happy")]], 0.7, atol=1e-6)
    np.testing.assert_allclose(rows.probability[:, [rows.labels.index("angry")]], 0.1, atol=1e-6)
    assert rows.box[0].tolist() == [10, 20, 40, 60]
    assert rows.measures["AU12"][0] == np.float32(0.6)
    assert np.isfinite(rows.landmarks).all() == (way == "68 landmarks"), (
        "a mesh has other points under these names"
    )
    assert bool(rows.notes) == (way == "percent")


def test_pyfeat_skipped_frames_lost_faces_and_several_people(given):
    rows = read_face_table(given(pyfeat(frames=[0, 24, 48], lost=(1,))))
    assert rows.frame.tolist() == [0, 24, 48]
    assert rows.status.tolist() == [Status.OK, Status.NO_FACE, Status.OK]
    rows = read_face_table(given(pyfeat(frames=[0, 0, 1], who=["Person_0", "Person_1", "Person_0"])))
    assert rows.who == ("Person_0", "Person_1", "Person_0")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            pyfeat(4, frames=[0, 1, 0, 1], source=lambda i: f"{i // 2}.mp4"),
            r"frames 0 of 0\.mp4 and of 1\.mp4",
        ),
        (pyfeat().replace("a.mp4,1", "a.mp4,x"), "has the frame 'x'"),
        (pyfeat().replace("a.mp4,1", "a.mp4,-1"), "has the frame '-1'"),
        (pyfeat().replace("0.7", "-0.7"), "negative values"),
        (pyfeat(lost=(0, 1, 2)), "no frame with values"),
        (pyfeat().replace("a.mp4,1", "a.mp4,1,9"), "cells and the header"),
    ],
)
def test_pyfeat_that_is_refused(given, text, said):
    with pytest.raises(InputError, match=said):
        read_face_table(given(text))


UNIT = "Action Unit 01 - Inner Brow Raiser"
FACEREADERS = {
    "points": facereader(LOG).encode(),
    "decimal commas": facereader(LOG).replace("\t0.", "\t0,").encode(),
    "utf-16": facereader(LOG).encode("utf-16"),
    "windows-1252": facereader(LOG).replace("General", "Ältere").encode("cp1252"),
    "commas": facereader(LOG, join=",").encode(),
    "semicolons": facereader(LOG, join=";").encode(),
    "line ends of Windows": facereader(LOG).replace("\n", "\r\n").encode(),
    "no lines above the table": facereader(LOG).partition("\n\n")[2].encode(),
    "colons before the ms": facereader([(t.replace(".", ":"), *row) for t, *row in LOG]).encode(),
    "action units": facereader([(*row, "NotActive") for row in LOG], more=(UNIT,)).encode(),
    "a tab at the end of rows": facereader([(*row, "") for row in LOG]).encode(),
    "another name of the analysis": facereader(LOG, form="Camera analysis detailed log").encode(),
}


@pytest.mark.parametrize("way", FACEREADERS)
def test_facereader_however_it_is_written(tmp_path, way):
    (tmp_path / "a.txt").write_bytes(FACEREADERS[way])
    rows = read_face_table(tmp_path / "a.txt")
    assert rows.program == "facereader"
    np.testing.assert_allclose(rows.time, [0, 0.04, 0.08, 0.12])
    assert rows.status.tolist() == [Status.OK, Status.NO_FACE, Status.NO_EXPRESSION, Status.OK]
    np.testing.assert_allclose(rows.probability[0, rows.labels.index("happy")], 0.7 / 0.9, atol=1e-6)
    assert rows.measures["Valence"][0] == np.float32(0.5)
    assert rows.measures["facereader_happy"][0] == np.float32(0.7)


def test_facereader_rows_of_every_third_frame_and_unknown_words(given):
    log = [("00:00:00.000", *SEEN), ("00:00:00.120", *["UNKNOWN"] * 7, "", ""), ("00:00:00.240", *SEEN)]
    rows = read_face_table(given(facereader(log)))
    assert rows.time.tolist() == [0, 0.12, 0.24]
    assert rows.status.tolist() == [Status.OK, Status.NO_EXPRESSION, Status.OK]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "Video analysis state log\n\nVideo Time\tEmotion\n00:00:00.000\tNeutral\n",
            "state log of FaceReader, which has no values of each frame: export the detailed log",
        ),
        (facereader([("soon", *SEEN)]), "Row 1 of a.csv has no time"),
        (facereader([LOG[1], LOG[2]]), "no frame with values"),
        ("Video Time\tNeutral\n00:00:00.0\t0.5\n", "1 column of an expression"),
        (facereader([(*LOG[0], "7")]), "cells and the header"),
        (facereader([("00:00:00.000", -0.2, *SEEN[1:])]), "negative values"),
    ],
)
def test_facereader_that_is_refused(given, text, said):
    with pytest.raises(InputError, match=said):
        read_face_table(given(text))
