"""Tables that lack a column: what was found, what is needed, and what is nearly alike; quotes that join rows."""

import numpy as np
import pytest

from enicfer.batch.video_table import read_video_table
from enicfer.config.protocol import Log
from enicfer.errors import InputError
from enicfer.io.columns import read_header
from enicfer.io.external.codings import read_coding
from enicfer.io.external.face_tables import read_face_table
from enicfer.io.triggers import read_events, read_trigger_log
from enicfer.io.video.frame_times import read_frame_times
from enicfer.pipeline.import_trace import import_trace
from enicfer.records import Modality
from enicfer.training.datasets import Options
from enicfer.training.datasets.manifest import read_manifest

READERS = {
    "manifest": lambda path: read_manifest(path, Options()),
    "videos": lambda path: read_video_table(path, path.parent),
    "frame times": lambda path: read_frame_times(path, np.arange(3) / 30),
    "events": lambda path: read_events(path, Modality.EEG),
    "log": lambda path: read_trigger_log(path, Log("onset", ("emotion",))),
    "faces": read_face_table,
    "coding": read_coding,
    "trace": lambda path: import_trace(path, path.with_name("v.mp4")),
}
TABLES = (
    # reader, table, columns found, needed, the nearest of both
    ("manifest", "file,labels\na.png,happy\n", "file, labels", "path, label", "labels, perhaps label"),
    ("manifest", "path,label,subjects\na.png,happy,1\n", "path, label, subjects", "subject", "perhaps subject"),
    ("videos", "recordings,video\na,b\n", "recordings, video", "recording", "recordings, perhaps recording"),
    ("videos", "Recording\tVideo\na\tb\n", "Recording, Video", "recording", "Recording, perhaps recording"),
    ("frame times", "frame,tyme\n0,a\n1,b\n2,c\n", "frame, tyme", "time", "tyme, perhaps time"),
    ("events", "onset\tduration\ttrialtype\n1\t0\ta\n", "duration, trialtype", "trial_type", "trialtype, perhaps"),
    ("events", "begin\tduration\ttrial_type\n1\t0\ta\n", "begin, duration, trial_type", "onset", ""),
    ("log", "onset,emotions\n1,happy\n", "onset, emotions", "onset, emotion", "emotions, perhaps emotion"),
    ("coding", "Behavior,Behavior typ,Time\na,START,1\n", "Behavior typ, Time", "Behavior type", "perhaps Beh"),
    ("faces", "frame,FaceScore,Input\n0,0.9,a\n", "frame, FaceScore", "happiness", ""),
    ("trace", "frame,timestamp,confidence,sucess\n1,0,0.9,1\n", "sucess", "success", "sucess, perhaps success"),
    ("trace", "frame,FaceScores\n1,0.9\n", "frame, FaceScores", "FaceScore", "FaceScores, perhaps FaceScore"),
    ("trace", "x,y\n1,2\n", "x, y", "Py-Feat", ""),
)  # fmt: skip


@pytest.mark.parametrize(("reader", "text", "found", "needed", "near"), TABLES)
def test_what_a_table_has_and_needs_is_said(tmp_path, reader, text, found, needed, near):
    path = tmp_path / "table.csv"
    path.write_text(text)
    (tmp_path / "v.mp4").write_bytes(b"video")
    with pytest.raises(InputError) as error:
        READERS[reader](path)
    said = str(error.value)
    assert found in said and needed in said and near in said and "table.csv" in said, said


QUOTES = {
    "manifest": ("path,label\n", 'a.png,"happy\nb.png,sad\nc.png,sad\n'),
    "videos": ("recording,video\n", 'a,"b\nc,d\n'),
    "frame times": ("frame,time\n", '0,"0.0\n1,0.033\n2,0.066\n'),
    "events": ("onset\tduration\ttrial_type\n", '1\t0\t"a\n2\t0\tb\n3\t0\tc"\n'),
    "coding": ("Behavior,Behavior type,Time\n", '"smile,START,1\nsmile,STOP,2\n'),
    "faces": ("frame,FaceScore,happiness\n", '0,0.9,"1\n1,0.9,1\n'),
}


@pytest.mark.parametrize("reader", QUOTES)
def test_a_quotation_mark_joins_no_rows(tmp_path, reader):
    """Else the rows after it are gone without a word."""
    path = tmp_path / "table.csv"
    path.write_text("".join(QUOTES[reader]))
    with pytest.raises(InputError, match=r"Line 2 of .*table\.csv has a quotation mark that joins it with"):
        READERS[reader](path)


def test_a_text_of_several_lines_in_quotes_is_a_cell(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text('time,code,remark\n1,a,"he said\nno"\n2,b,"it is ""so"""\n')
    assert read_trigger_log(path).table["code"].tolist() == ["a", "b"]


def test_a_cell_without_an_end_is_no_header(tmp_path):
    (tmp_path / "a.csv").write_text("[" * 200_000)
    assert read_header(tmp_path / "a.csv") == []
