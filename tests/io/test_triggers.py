"""Trigger logs: each kind as its software writes it, and anything else refused in one sentence."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from enicfer.errors import InputError
from enicfer.io.triggers import READERS, read_trigger_log

PRESENTATION = (
    "Scenario -\tfaces\r\nLogfile written - 01/01/2020\r\n\r\n"
    "Subject\tTrial\tEvent Type\tCode\tTime\tTTime\tUncertainty\r\n\r\n"
    "01\t1\tPulse\t5\t100000\t0\t1\r\n01\t1\tPicture\thappy\t112345\t0\t1\r\n01\t2\tResponse\t\t120000\t0\t1\r\n"
    "\r\nEvent Type\tType\tCount\r\nPicture\thit\t3\r\n"
)
PSYCHOPY_LOG = "1.5000 \tEXP \tstart\n2.2500 \tDATA \tKeypress: 5\n4.2500 \tDATA \tKeypress: 5\n"
PSYCHOPY_CSV = (
    "trials.thisN,face.started,wait.started,wait.keys,wait.rt,participant\n"
    "0,3.5,1.0,\"['5', '5']\",\"[0.25, 2.25]\",01\n1,7.5,,,,01\n"
)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (PRESENTATION, [(10.0, "5"), (11.2345, "happy"), (12.0, "Response")]),
        (PSYCHOPY_LOG, [(1.5, "start"), (2.25, "5"), (4.25, "5")]),
        (PSYCHOPY_CSV, [(1.0, "wait"), (1.25, "5"), (3.25, "5"), (3.5, "face"), (7.5, "face")]),
        ("onset\tduration\ttrial_type\n1.5\t1\thappy\n0.5\t1\tn/a\n", [(0.5, ""), (1.5, "happy")]),
        ("onset\tvalue\ttrial_type\n1.5\t7\tn/a\n", [(1.5, "7")]),
        ("time_ms;code\n1500;S  1\n", [(1.5, "S 1")]),
        ("1.0\n3.0\n2.0\n", [(1.0, "pulse"), (2.0, "pulse"), (3.0, "pulse")]),
        ("1.0 5\n3.0 5\n", [(1.0, "5"), (3.0, "5")]),
    ],
)
def test_known_logs(tmp_path, content, expected):
    path = tmp_path / "log.txt"
    path.write_bytes(content.encode("utf-8"))
    found = read_trigger_log(path)
    assert [(pytest.approx(onset), code) for onset, code in expected] == list(
        found.itertuples(index=False, name=None)
    )


def test_real_eprime_log(shared_data):
    found = read_trigger_log(shared_data / "fmri" / "eprime_cuetask.txt")
    assert found["code"].value_counts()["PicNeut1"] == 32
    assert found["code"].value_counts()["PicSmok1"] == 32
    first = found.loc[found["code"] == "PicNeut1", "onset"].iloc[0]
    assert first == pytest.approx(145.896)
    assert (found["code"] == "Crave.RT").sum() > 0


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1"])
def test_encodings(tmp_path, encoding):
    path = tmp_path / "log.csv"
    path.write_bytes("onset,code\n1.0,fröhlich\n".encode(encoding))
    assert read_trigger_log(path)["code"].tolist() == ["fröhlich"]


@pytest.mark.parametrize(
    ("content", "word"),
    [
        ("", "no trigger log"),
        ("onset,code\n", "no entries"),
        ("a,b\n1,2\n", "columns are a, b"),
        ("\0\1\2\3", "no trigger log"),
    ],
)
def test_what_is_no_log_is_one_sentence(tmp_path, content, word):
    path = tmp_path / "log.csv"
    path.write_bytes(content.encode())
    with pytest.raises(InputError, match=word):
        read_trigger_log(path)
    with pytest.raises(InputError, match="no trigger log"):
        read_trigger_log(tmp_path / "none.csv")


@settings(max_examples=200)
@given(st.one_of(st.text(), st.text("0123456789.,\t\n[]'en"), st.sampled_from([PRESENTATION, PSYCHOPY_CSV])))
def test_any_text_is_read_or_refused(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("logs") / "log.txt"
    path.write_bytes(content.encode("utf-8", "surrogatepass"))
    try:
        found = read_trigger_log(path)
    except InputError as error:
        assert str(error).endswith(".")
    else:
        assert found["onset"].is_monotonic_increasing


def test_the_first_reader_that_fits_is_the_right_one():
    for content, reader in ((PRESENTATION, "read_presentation"), (PSYCHOPY_CSV, "read_any_table")):
        assert next(read.__name__ for is_one, read in READERS if is_one(content)) == reader
