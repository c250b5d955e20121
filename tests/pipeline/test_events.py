"""All codes of a session's files, without a protocol."""

import shutil
from collections import Counter

import mne
import numpy as np
import pytest
from click.testing import CliRunner

from enicfer.cli.main import cli
from enicfer.errors import InputError
from enicfer.pipeline.events import list_events


def test_codes_are_counted_without_settings_or_protocol(tmp_path):
    (tmp_path / "log.csv").write_text("time,code\n1.5,S  1\n2.5,happy\n4,S 1\npause,x\n")
    (tmp_path / "._log.csv").write_bytes(b"\0\5")
    (found,) = list_events(tmp_path)
    assert found.codes.to_dict("list") == {
        "code": ["S 1", "happy"], "count": [2, 1], "first": [1.5, 2.5], "last": [4.0, 2.5],
        "interval": [2.5, pytest.approx(np.nan, nan_ok=True)],
    }  # fmt: skip
    assert "without a time" in found.notes[0]
    said = CliRunner().invoke(cli, ["events", str(tmp_path)])
    assert said.exit_code == 0 and "S 1" in said.output and "1.500" in said.output


def test_files_that_settings_name_come_first(tmp_path):
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text(f"time,code\n1.5,{name}\n")
    (tmp_path / "session.toml").write_text('participant = "01"\n[[run]]\ntriggers = "b.csv"\n')
    assert [events.file.name for events in list_events(tmp_path)] == ["b.csv"]
    assert [events.file.name for events in list_events(tmp_path / "a.csv")] == ["a.csv"]


def test_columns_that_the_protocol_names_are_read(tmp_path):
    """What the message of a table without a column of codes advises is seen at once."""
    (tmp_path / "e.csv").write_text("onset,emotion\n1.5,happy\n2.5,sad\n")
    settings = 'participant = "01"\nprotocol = "p.toml"\n[[run]]\nrecording = "r.edf"\nevents = "e.csv"\n'
    (tmp_path / "session.toml").write_text(settings)
    with pytest.raises(InputError, match="no column of codes"):
        list_events(tmp_path)
    (tmp_path / "p.toml").write_text('modality = "eeg"\n[log]\ncode_columns = ["emotion"]\n')
    for place in (tmp_path, tmp_path / "e.csv"):
        (found,) = list_events(place)
        assert found.codes["code"].tolist() == ["happy", "sad"]
    (tmp_path / "p.toml").write_text("no protocol yet")
    with pytest.raises(InputError, match="no column of codes"):
        list_events(tmp_path)


def test_nothing_to_list(tmp_path):
    with pytest.raises(InputError, match="no recording and no log"):
        list_events(tmp_path)
    (tmp_path / "log.csv").write_text("onset,emotion\n1,happy\n")
    with pytest.raises(InputError, match="no column of codes"):
        list_events(tmp_path)
    with pytest.raises(InputError, match="no session folder"):
        list_events(tmp_path / "none")


def test_codes_are_those_of_another_reader(shared_data):
    (found,) = list_events(shared_data / "eeg" / "eeglab_data.set")
    table = found.codes.set_index("code")
    raw = mne.io.read_raw_eeglab(shared_data / "eeg" / "eeglab_data.set", verbose="error")
    assert table["count"].to_dict() == Counter(raw.annotations.description)
    for code, row in table.iterrows():
        onset = np.sort(raw.annotations.onset[raw.annotations.description == code])
        assert (row["first"], row["last"]) == pytest.approx((onset[0], onset[-1]), abs=1e-3)
        assert row["interval"] == pytest.approx(np.median(np.diff(onset)), abs=1e-3)


def test_a_session_without_a_protocol_has_the_same_codes(example, tmp_path):
    folder = tmp_path / "session"
    shutil.copytree(example("eeg", short=True), folder)
    settings = (folder / "session.toml").read_text(encoding="utf-8")
    with_protocol = list_events(folder)[0].codes
    (folder / "session.toml").write_text(settings.replace('protocol = "eeg-led"\n', ""), encoding="utf-8")
    assert list_events(folder)[0].codes.equals(with_protocol)
    (folder / "session.toml").unlink()
    assert list_events(folder)[0].codes.equals(with_protocol)
