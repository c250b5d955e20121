"""Protocols: those that ship are sound, and a wrong one says everything that is wrong."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enicfer.config.protocol import list_protocols, parse_protocol, read_protocol
from enicfer.errors import ProtocolError
from enicfer.records import Modality


@pytest.mark.parametrize("name", list_protocols())
def test_shipped_protocols_are_sound(name):
    protocol = read_protocol(name)
    assert protocol.name == name
    assert protocol.description
    assert protocol.pulses.codes


def test_the_three_promised_protocols_ship():
    assert {"eeg-led", "fmri-volumes", "resting-state"} <= set(list_protocols())
    assert read_protocol("fmri-volumes").modality is Modality.FMRI
    assert not read_protocol("resting-state").conditions


def test_own_file(tmp_path):
    path = tmp_path / "mine é.toml"
    path.write_text('modality = "eeg"\n[conditions]\n"S  7" = "calm"\n[trial]\nwindow = [0, 1]\n', "utf-8")
    protocol = read_protocol(path)
    assert protocol.conditions == {"S 7": "calm"}
    assert protocol.trial.window == (0.0, 1.0)


def test_all_problems_are_named_at_once():
    data = {
        "modality": "eyes",
        "windows": 1,
        "trial": {"window": [2, 1], "min_valid": 2},
        "pulses": {"region": [0, 0, 2, 1], "sauce": "led"},
        "conditions": {"S 1": 3},
        "scanner": {"dummy_volumes": -1},
    }
    with pytest.raises(ProtocolError) as caught:
        parse_protocol(data, "x", "x.toml")
    message = str(caught.value)
    for word in ("eyes", "windows", "window", "min_valid", "region", "sauce", "conditions", "dummy_volumes"):
        assert word in message
    assert "allowed" in message


@pytest.mark.parametrize("content", [b"modality = ", b"\xff\xfe\x00", b"[trial\n"])
def test_broken_files_are_one_sentence(tmp_path, content):
    path = tmp_path / "bad.toml"
    path.write_bytes(content)
    with pytest.raises(ProtocolError, match=r"bad\.toml"):
        read_protocol(path)


def test_unknown_name_lists_those_that_ship():
    with pytest.raises(ProtocolError, match="eeg-led"):
        read_protocol("no-such-protocol")


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
        max_leaves=12,
    ),
    st.sampled_from(["description", "modality", "conditions", "trial", "pulses", "scanner", "quality", "x"]),
)
def test_any_content_is_read_or_refused(value, key):
    try:
        parse_protocol({"modality": "eeg", key: value}, "x", "x.toml")
    except ProtocolError as error:
        assert str(error).endswith(".")


def test_columns_of_a_log_and_the_accepted_uncertainty(tmp_path):
    path = tmp_path / "p.toml"
    path.write_text(
        'modality = "eeg"\n[pulses]\nmax_uncertainty = 0.05\n'
        '[log]\nonset_column = "face.started"\ncode_columns = ["emotion"]\nunit = "ms"\n'
    )
    protocol = read_protocol(path)
    assert protocol.pulses.max_uncertainty == 0.05
    assert (protocol.log.onset_column, protocol.log.code_columns) == ("face.started", ("emotion",))
    path.write_text('modality = "eeg"\n[log]\nunit = "min"\ncode_columns = "emotion"\n')
    with pytest.raises(
        ProtocolError, match=r"code_columns .*list of column names|unit .*must be s, ms or us"
    ):
        read_protocol(path)
