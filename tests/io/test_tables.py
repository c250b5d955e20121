import gzip
import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from enicfer.errors import InputError
from enicfer.io.tables import read_json, read_table, write_json, write_table
from enicfer.records import to_plain

TABLE = pd.DataFrame(
    {
        "onset": [0.1234564, -0.0, 1e6 + 1 / 3],
        "trial_type": ["happy", "", "n/a"],
        "n": [1, 2, 3],
        "value": np.array([0.1, np.nan, 1.0], dtype=np.float32),
        "nothing": [np.nan] * 3,
    }
)


@pytest.mark.parametrize("name", ["a.tsv", "a.tsv.gz"])
def test_a_table_comes_back(tmp_path, name):
    write_table(tmp_path / name, TABLE)
    back = read_table(tmp_path / name)
    np.testing.assert_allclose(back["onset"], TABLE["onset"], atol=5e-7)
    np.testing.assert_allclose(back["value"], TABLE["value"], atol=5e-7)
    assert list(back["trial_type"]) == ["happy", "n/a", "n/a"]
    assert back["nothing"].isna().all() and list(back["n"]) == [1, 2, 3]


def test_bytes_are_those_of_the_standard(tmp_path):
    write_table(tmp_path / "a.tsv", TABLE)
    lines = (tmp_path / "a.tsv").read_bytes().split(b"\n")
    assert lines[0] == b"onset\ttrial_type\tn\tvalue\tnothing"
    assert lines[1] == b"0.123456\thappy\t1\t0.1\tn/a"
    assert lines[2] == b"0.0\tn/a\t2\tn/a\tn/a"
    assert b"\r" not in (tmp_path / "a.tsv").read_bytes()
    write_table(tmp_path / "b.tsv.gz", TABLE, header=False)
    packed = (tmp_path / "b.tsv.gz").read_bytes()
    assert packed[3] == 0 and packed[4:8] == bytes(4), "neither name nor time in the header"
    assert gzip.decompress(packed).split(b"\n")[0] == lines[1]


def test_text_is_not_quoted_and_cannot_break_a_row(tmp_path):
    text = ['say "cheese"', "two\tcells", "two\r\nlines", "'", "# no comment", "\\", " blank "]
    write_table(tmp_path / "a.tsv", pd.DataFrame({"code": text, "x": 1.0}))
    assert len((tmp_path / "a.tsv").read_bytes().splitlines()) == 1 + len(text)
    back = read_table(tmp_path / "a.tsv")["code"].tolist()
    assert back == ['say "cheese"', "two cells", "two lines", "'", "# no comment", "\\", " blank "]


@settings(max_examples=50)
@given(st.lists(st.floats(-1e5, 1e5) | st.just(float("nan")), min_size=1, max_size=20))
def test_numbers_are_kept_to_the_microsecond(tmp_path_factory, values):
    path = tmp_path_factory.getbasetemp() / "numbers.tsv"
    write_table(path, pd.DataFrame({"x": values}))
    np.testing.assert_allclose(read_table(path)["x"].to_numpy(np.float64), values, atol=5.1e-7)


def test_json_has_no_infinity_and_no_folder(tmp_path):
    content = {
        "a": np.array([1.5, np.nan]),
        "b": -np.inf,
        "c": tmp_path / "eeg.vhdr",
        "d": (1, np.int64(2)),
        "é": True,
    }
    write_json(tmp_path / "a.json", content)
    text = (tmp_path / "a.json").read_text(encoding="utf-8")
    assert json.loads(text) == {"a": [1.5, None], "b": None, "c": "eeg.vhdr", "d": [1, 2], "é": True}
    assert "é" in text and str(tmp_path) not in text
    assert read_json(tmp_path / "a.json") == to_plain(content)


def test_what_is_missing_or_broken_is_named(tmp_path):
    with pytest.raises(InputError, match=r"a\.tsv is missing"):
        read_table(tmp_path / "a.tsv")
    with pytest.raises(InputError, match=r"a\.json is missing"):
        read_json(tmp_path / "a.json")
    (tmp_path / "a.json").write_text("[1]")
    with pytest.raises(InputError, match="holds a JSON list"):
        read_json(tmp_path / "a.json")
    (tmp_path / "a.json").write_text("{")
    with pytest.raises(InputError, match="not valid JSON"):
        read_json(tmp_path / "a.json")


@pytest.mark.parametrize(
    "text",
    [
        "=1+1",
        '=HYPERLINK("http://x")',
        "+cmd|' /C calc'!A0",
        "-2+3+cmd",
        "@SUM(1)",
        "-",
        " =1",
        "\t=1",
        "\r=1",
        "'=1",
        "'x",
    ],
)
@pytest.mark.parametrize("name", ["a.tsv", "a.tsv.gz"])
def test_a_spreadsheet_runs_nothing_and_the_text_comes_back(tmp_path, name, text):
    table = pd.DataFrame({"trial_type": [text, "happy"], "onset": [-1.5, 2.0]})
    write_table(tmp_path / name, table)
    data = (tmp_path / name).read_bytes()
    cell = (gzip.decompress(data) if name.endswith("gz") else data).decode().split("\n")[1].split("\t")[0]
    assert cell.startswith("'")
    back = read_table(tmp_path / name)
    assert list(back["trial_type"]) == [" ".join(text.split("\t")).replace("\r", " "), "happy"]
    assert list(back["onset"]) == [-1.5, 2.0]


@pytest.mark.parametrize("text", ["-1.5", "+3", "-1e-05", ".5", "S 11", "happy", "a=b", "5-3", ""])
def test_numbers_and_other_text_are_written_as_they_are(tmp_path, text):
    write_table(tmp_path / "a.tsv", pd.DataFrame({"code": [text, "x"]}))
    assert (tmp_path / "a.tsv").read_text(encoding="utf-8") == f"code\n{text or 'n/a'}\nx\n"


def test_columns_that_differ_in_the_sign_of_text_are_refused(tmp_path):
    (tmp_path / "a.tsv").write_text("''on\t'on\n1\t2\n", encoding="utf-8")
    with pytest.raises(InputError, match="two columns"):
        read_table(tmp_path / "a.tsv")
