"""When two texts are one trigger code, wherever they stand."""

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from enicfer.config.codes import normalise_code
from enicfer.config.protocol import parse_protocol, read_protocol
from enicfer.errors import ProtocolError
from enicfer.io.triggers import read_events, read_trigger_log
from enicfer.records import Modality
from enicfer.timecourse.trials import build_trials, select_codes

HEAD = 'modality = "eeg"\n[pulses]\nsource = "led"\ncodes = [{pulse}]\n[conditions]\n{code} = "happy"\n'


@given(st.text())
def test_normalised_codes_stay(code):
    once = normalise_code(code)
    assert normalise_code(once) == once


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("011", "11"),
        ("1.10", "1.1"),
        ("1.1", "1"),
        ("1.0.0", "1"),
        ("01.0", "1"),
        ("1e1", "10"),
        ("S 1", "S1"),
        ("S 1.0", "S 1"),
        ("v1.0", "v1"),
        ("-1", "1"),
        ("1.0a", "1a"),
        ("\u0661.0", "1"),
    ],
)
def test_other_texts_are_other_codes(one, other):
    assert normalise_code(one) != normalise_code(other)


@pytest.mark.parametrize("code", ["11", '"11"', '"11.0"', "11.0", '"11.00"'])
def test_a_whole_number_is_one_code_however_the_protocol_and_the_table_write_it(tmp_path, code):
    (tmp_path / "p.toml").write_text(HEAD.format(code=code, pulse=code), encoding="utf-8")
    protocol = read_protocol(tmp_path / "p.toml")
    table = pd.DataFrame({"onset": [1.0, 2.0, 3.0, 4.0], "value": [11, None, 11, 12]})
    for values in (table, table.dropna(), table.dropna().astype({"value": int})):
        values.to_csv(tmp_path / "events.tsv", sep="\t", index=False, na_rep="n/a")
        found = read_events(tmp_path / "events.tsv", Modality.EEG).table
        assert build_trials(found, protocol, "events.tsv")["onset"].tolist() == [1.0, 3.0]
        assert select_codes(found, protocol.pulses.codes)["onset"].tolist() == [1.0, 3.0]


@pytest.mark.parametrize(
    "text",
    [
        "onset;value\n1,5;11,0\n2,5;12,0\n3,5;n/a\n",  # pandas with a decimal comma
        "1,5;11,0\n2,5;12,0\n",
        "1.5\t11.0\n2.5\t12.0\n",
        "1.5 11.0\n2.5 12.0\n",
        "face.started,emotion\n1.5,11.0\n2.5,12.0\n",  # PsychoPy, whose conditions came from a spreadsheet
    ],
)
def test_fractions_of_programs_are_whole_codes(tmp_path, text):
    (tmp_path / "log.csv").write_text(text, encoding="utf-8")
    found = read_trigger_log(tmp_path / "log.csv").table
    assert select_codes(found, ["11"])["onset"].tolist() == [1.5]
    assert select_codes(found, ["12.0"])["onset"].tolist() == [2.5]


def test_texts_with_a_comma_stay(tmp_path):
    (tmp_path / "log.csv").write_text("onset;value\n1,5;11,0\n2,5;a,0\n", encoding="utf-8")
    assert read_trigger_log(tmp_path / "log.csv").table["code"].tolist() == ["11,0", "a,0"]


def test_one_code_with_two_names_is_refused():
    conditions = {"11": "happy", "11.0": "sad"}
    with pytest.raises(ProtocolError, match=r"one code two names: 11 and 11\.0 are the same"):
        parse_protocol({"modality": "eeg", "conditions": conditions}, "x", "x.toml")
    protocol = parse_protocol(
        {"modality": "eeg", "conditions": {"S  1": "happy", "S 1": "happy"}}, "x", "x.toml"
    )
    assert protocol.conditions == {"S 1": "happy"}
