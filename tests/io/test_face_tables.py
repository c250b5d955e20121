import re

import numpy as np
import pytest

from enicfer.errors import InputError
from enicfer.io.face_tables import PROTOTYPES, expressions_from_units, read_clock, read_face_table
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
