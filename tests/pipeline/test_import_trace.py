import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from enicfer.config.options import ImportOptions
from enicfer.errors import InputError, OutputError
from enicfer.io.external.face_rows import FaceRows
from enicfer.io.external.spans import Span
from enicfer.io.frames_file import read_trace, write_trace
from enicfer.io.video.writer import write_video
from enicfer.pipeline.import_rows import place_rows
from enicfer.pipeline.import_spans import place_spans
from enicfer.pipeline.import_trace import import_trace
from enicfer.pipeline.process import process_session, trace_video
from enicfer.records import Status

TIME = np.cumsum([0.2, *np.tile([0.03, 0.05], 20)])  # variable rate, starts at 0.2 s
DECODABLE = np.ones(TIME.size, bool)


def rows(frame=None, time=None, who=None, status=None):
    n = len(frame if frame is not None else time)
    happy = np.linspace(0, 1, n)
    return FaceRows(
        program="py-feat",
        labels=("happy", "neutral"),
        probability=np.column_stack([happy, 1 - happy]).astype(np.float32),
        status=np.array(status if status is not None else [Status.OK] * n, np.uint8),
        frame=None if frame is None else np.array(frame),
        time=None if time is None else np.array(time, float),
        who=who,
        box=np.full((n, 4), 1, np.float32),
        landmarks=np.full((n, 5, 2), 1, np.float32),
        score=np.ones(n, np.float32),
        measures={"AU12": np.arange(n, dtype=np.float32)},
    )


def test_rows_take_the_times_of_their_frames():
    faces, trace = place_rows(rows(frame=range(TIME.size)), TIME, DECODABLE, "a.csv")
    np.testing.assert_array_equal(trace.video_time, TIME)
    np.testing.assert_allclose(trace.probability[:, 0], np.linspace(0, 1, TIME.size), atol=1e-6)
    assert faces.measures["AU12"].tolist() == list(range(TIME.size))
    assert trace.ok.all()


def test_frames_without_a_row_are_not_analysed():
    faces, trace = place_rows(rows(frame=range(0, TIME.size, 5)), TIME, DECODABLE, "a.csv")
    assert set(np.flatnonzero(trace.ok)) == set(range(0, TIME.size, 5))
    assert (trace.status[~trace.ok] == Status.NOT_ANALYSED).all()
    assert any(f"no row for {(~trace.ok).sum()} of" in note for note in faces.notes)


def test_frames_that_do_not_decode_have_no_answer():
    decodable = DECODABLE.copy()
    decodable[3] = False
    _, trace = place_rows(rows(frame=range(TIME.size)), TIME, decodable, "a.csv")
    assert trace.status[3] == Status.UNDECODABLE and np.isnan(trace.probability[3]).all()


def test_own_times_that_are_off_are_named():
    constant = np.arange(TIME.size) * 0.041  # as frame number / average rate would be
    faces, trace = place_rows(rows(frame=range(TIME.size), time=constant + 0.5), TIME, DECODABLE, "a.csv")
    assert any("ms off the frames' own time stamps" in note for note in faces.notes)
    np.testing.assert_array_equal(trace.video_time, TIME)


def test_several_people_need_a_choice():
    given_rows = rows(frame=[0, 0, 1], who=("0", "1", "1"))
    with pytest.raises(InputError, match=r"2 faces .*with of when"):
        place_rows(given_rows, TIME, DECODABLE, "a.csv")
    with pytest.raises(InputError, match="no face '7'"):
        place_rows(given_rows, TIME, DECODABLE, "a.csv", of="7")
    faces, trace = place_rows(given_rows, TIME, DECODABLE, "a.csv", of="0")
    assert trace.status[:3].tolist() == [Status.OK, Status.OTHER_PERSON, Status.NOT_ANALYSED]
    assert faces.n_faces[:3].tolist() == [2, 1, 0]
    assert faces.other_person_present[:2].tolist() == [1, 1]


def test_nobody_else_is_made_up_where_a_table_has_no_places():
    """FaceReader writes no boxes: the one face is the participant's, found or not, read or not."""
    status = [Status.OK, Status.NO_EXPRESSION, Status.NO_FACE, Status.OK, Status.OK]
    bare = rows(frame=[0, 1, 2, 4, 5], who=("0", "0", "0", "0", "1"), status=status)
    bare = replace(bare, box=np.full((5, 4), np.nan, np.float32))
    faces, _ = place_rows(bare, TIME, DECODABLE, "a.txt", of="0")
    np.testing.assert_array_equal(faces.other_person_present[:6], [np.nan, np.nan, 0, np.nan, np.nan, 1])
    two = rows(frame=[0, 0], who=("0", "1"))
    two = replace(two, box=np.full((2, 4), np.nan, np.float32))
    assert place_rows(two, TIME, DECODABLE, "a.txt", of="0")[0].other_person_present[0] == 1


def test_a_coder_of_expressions_says_nothing_of_other_people():
    faces, trace = place_spans("boris", [Span(0.2, 0.6, "happy", "child")], TIME, DECODABLE, "a.csv")
    assert trace.ok.any() and np.isnan(faces.other_person_present).all()


def test_two_faces_that_are_not_told_apart_are_no_guess():
    faces, trace = place_rows(rows(frame=[0, 0, 1]), TIME, DECODABLE, "a.csv")
    assert trace.status[:2].tolist() == [Status.AMBIGUOUS_PERSON, Status.OK]
    assert np.isnan(trace.probability[0]).all() and faces.n_faces[0] == 2
    with pytest.raises(InputError, match="does not tell faces apart"):
        place_rows(rows(frame=[0, 0, 1]), TIME, DECODABLE, "a.csv", of="0")


def test_a_table_of_another_video_is_refused():
    with pytest.raises(InputError, match=rf"frame 500 .* has {TIME.size} frames"):
        place_rows(rows(frame=[0, 500]), TIME, DECODABLE, "a.csv")
    with pytest.raises(InputError, match="check that it is the table of this video"):
        place_rows(rows(time=[0.0, 90.0]), TIME, DECODABLE, "a.csv")


def test_times_alone_find_their_frames():
    _, trace = place_rows(rows(time=(TIME - TIME[0])[::2] + 0.004), TIME, DECODABLE, "a.csv")
    assert np.flatnonzero(trace.ok).tolist() == list(range(0, TIME.size, 2))
    _, whole = place_rows(rows(time=np.arange(TIME.size) / 30), TIME, DECODABLE, "a.csv")
    assert whole.ok.all(), "one row a frame"


spans = st.lists(
    st.tuples(st.floats(0, 1.5), st.floats(0.01, 1), st.sampled_from(["happy", "Sadness", "blink"])),
    min_size=1,
    max_size=6,
)


@given(spans, st.sampled_from(["missing", "neutral"]))
def test_codes_hold_from_onset_to_offset(coded, uncoded):
    listed = [Span(onset, onset + length, code, "") for onset, length, code in coded]
    names = {"happy": "happy", "Sadness": "sad"}
    if not any(span.code in names for span in listed):
        with pytest.raises(InputError, match="no span of an expression; its codes are blink"):
            place_spans("boris", listed, TIME, DECODABLE, "a.csv", ImportOptions(uncoded=uncoded))
        return
    _, trace = place_spans("boris", listed, TIME, DECODABLE, "a.csv", ImportOptions(uncoded=uncoded))
    for i, t in enumerate(TIME - TIME[0]):
        held = {names[s.code] for s in listed if s.code in names and s.onset <= t < s.offset}
        if not held:
            blinks = any(s.onset <= t < s.offset for s in listed)
            assert trace.ok[i] == (uncoded == "neutral" and not blinks)
            held = {"neutral"} if trace.ok[i] else set()
        for label, value in zip(trace.labels, trace.probability[i], strict=True):
            assert np.isnan(value) if not held else value == pytest.approx((label in held) / len(held))


def test_what_the_coder_marked_otherwise_is_not_neutral():
    """The face was not visible: that is no neutral face, unless the user says so."""
    listed = [
        Span(0.2, 0.4, "happy", ""),
        Span(0.3, 0.8, "face not visible", ""),
        Span(1.5, 1.6, "happy", ""),
    ]
    since = TIME - TIME[0]
    hidden = (since >= 0.4) & (since < 0.8)
    faces, trace = place_spans("boris", listed, TIME, DECODABLE, "a.csv", ImportOptions(uncoded="neutral"))
    np.testing.assert_array_equal(trace.ok, ~hidden)
    assert (trace.status[hidden] == Status.NO_EXPRESSION).all()
    (note,) = (note for note in faces.notes if "neutral" in note)
    assert f"{hidden.sum()} frames" in note and "face not visible" in note and "--code" in note
    meant = {"face not visible": "neutral"}
    _, trace = place_spans(
        "boris", listed, TIME, DECODABLE, "a.csv", ImportOptions(codes=meant, uncoded="neutral")
    )
    assert trace.ok.all()


def test_neutral_after_the_last_code_is_said():
    """Nobody knows whether the coder watched to the end."""
    time = np.arange(0, 60, 0.1)
    for last, seconds in ((40.0, "19.9 s"), (59.5, None)):
        listed = [Span(1.0, 2.0, "happy", ""), Span(last - 1, last, "away", "")]
        faces, _ = place_spans(
            "boris", listed, time, np.ones(600, bool), "a.csv", ImportOptions(uncoded="neutral")
        )
        said = [note for note in faces.notes if "after the last code" in note]
        assert len(said) == (seconds is not None) and all(seconds in note for note in said)
        faces, _ = place_spans("boris", listed, time, np.ones(600, bool), "a.csv")
        assert not any("after the last code" in note for note in faces.notes)


def test_codes_of_a_lab_are_given_a_meaning():
    listed = [Span(0, 1, "h", "face"), Span(0, 1, "expression:sad", "face"), Span(0, 2, "away", "gaze")]
    faces, trace = place_spans(
        "datavyu", listed, TIME, DECODABLE, "a.csv", ImportOptions(codes={"h": "happy"})
    )
    assert trace.labels == ("happy", "sad") and trace.probability[0].tolist() == [0.5, 0.5]
    assert any("left out: away" in note for note in faces.notes)
    with pytest.raises(InputError, match="glad is no expression"):
        place_spans("datavyu", listed, TIME, DECODABLE, "a.csv", ImportOptions(codes={"h": "glad"}))
    two = [Span(0, 1, "happy", "child"), Span(0, 1, "sad", "parent")]
    with pytest.raises(InputError, match="expressions of 'child', 'parent'"):
        place_spans("boris", two, TIME, DECODABLE, "a.csv")
    _, child = place_spans("boris", two, TIME, DECODABLE, "a.csv", ImportOptions(of="child"))
    assert child.labels == ("happy",)
    with pytest.raises(InputError, match="no coding of 'aunt'"):
        place_spans("boris", two, TIME, DECODABLE, "a.csv", ImportOptions(of="aunt"))


@pytest.fixture(scope="module")
def traced(once, example):
    """An example session, what enicfer itself saw in it, and the same in the manner of Py-Feat."""

    def make(folder):
        shutil.copytree(example(short=True), folder / "session")
        faces, trace = trace_video(folder / "session" / "camera.mp4")
        write_trace(folder / "own.h5", faces, trace)
        write_pyfeat(folder / "pyfeat.csv", trace, faces)

    return once("imported", make)


def write_pyfeat(path, trace, faces):
    words = {
        "angry": "anger",
        "fearful": "fear",
        "happy": "happiness",
        "sad": "sadness",
        "neutral": "neutral",
    }
    words |= {"disgusted": "disgust", "surprised": "surprise"}
    table = pd.DataFrame(
        {
            "frame": np.arange(trace.status.size),
            "FaceScore": np.where(trace.ok, faces.score, np.nan),
            **{words[label]: trace.probability[:, i] for i, label in enumerate(trace.labels)},
        }
    )
    table.to_csv(path, index=False)


def with_trace(folder, target, name):
    shutil.copytree(folder / "session", target)
    shutil.copy(folder / name, target)
    text = (target / "session.toml").read_text(encoding="utf-8")
    (target / "session.toml").write_text(text + f'trace = "{name}"\n', encoding="utf-8")
    return target


@pytest.mark.slow
def test_imported_probabilities_give_the_same_trials(traced, tmp_path):
    own = process_session(traced / "session", output=tmp_path / "own").runs[0]
    for name in ("own.h5", "pyfeat.csv"):
        session = with_trace(traced, tmp_path / f"in-{name}", name)
        run = process_session(session, output=tmp_path / f"out-{name}").runs[0]
        np.testing.assert_allclose(run.time, own.time, rtol=0, atol=1e-9)
        columns = [c for c in own.trials if c.startswith("fer_happy")]
        np.testing.assert_allclose(
            run.trials[columns].astype(float), own.trials[columns].astype(float), atol=1e-5
        )
        assert run.provenance.model.imported == name
        assert name in run.provenance.inputs
        assert "not read by enicfer" in (tmp_path / f"out-{name}" / "README.md").read_text(encoding="utf-8")


def test_a_trace_of_another_video_and_other_files_are_refused(tmp_path):
    gray = np.full((48, 64, 3), 90, np.uint8)
    write_video(tmp_path / "a.mp4", [(3000 * i, gray) for i in range(10)])
    write_video(tmp_path / "b.mp4", [(3000 * i, gray) for i in range(12)])
    (tmp_path / "faces.csv").write_text(
        "frame,FaceScore,happiness,neutral\n" + "".join(f"{i},0.9,0.5,0.5\n" for i in range(10)),
        encoding="utf-8",
    )
    _, expression = import_trace(tmp_path / "faces.csv", tmp_path / "a.mp4", output=tmp_path / "trace.h5")
    _, again = import_trace(tmp_path / "trace.h5", [tmp_path / "a.mp4"])
    np.testing.assert_array_equal(again.probability, expression.probability)
    with pytest.raises(OutputError, match=r"trace\.h5 is there already: give overwrite=True"):
        import_trace(tmp_path / "faces.csv", tmp_path / "a.mp4", output=tmp_path / "trace.h5")
    options = ImportOptions(overwrite=True)
    import_trace(tmp_path / "faces.csv", tmp_path / "a.mp4", options, output=str(tmp_path / "trace.h5"))
    assert read_trace(tmp_path / "trace.h5")[1].model == "py-feat"
    with pytest.raises(InputError, match="another video"):
        import_trace(tmp_path / "trace.h5", [tmp_path / "b.mp4"])
    (tmp_path / "bad.h5").write_bytes(b"nothing")
    for name, message in (
        ("bad.h5", "no trace of this version"),
        ("a.mp4", "not a text file"),
        ("c.csv", "no file"),
    ):
        with pytest.raises(InputError, match=message):
            import_trace(tmp_path / name, [tmp_path / "a.mp4"])
    (tmp_path / "other.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"other\.csv is no table that could be read"):
        import_trace(tmp_path / "other.csv", [tmp_path / "a.mp4"])
