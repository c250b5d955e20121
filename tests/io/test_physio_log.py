"""BIDS physio files as logs of volumes and pulses, written by the standard's rules."""

import gzip
import json

import numpy as np
import pytest

from enicfer.batch.dataset import Selection, find_dataset_sessions
from enicfer.config.protocol import read_protocol
from enicfer.errors import InputError
from enicfer.io.triggers import read_trigger_log
from enicfer.pipeline.events import list_events

RATE, START = 400.0, -12.5
NAME = "sub-01_task-faces_physio.tsv.gz"
SIDECAR = {"SamplingFrequency": RATE, "StartTime": START, "Columns": ["cardiac", "trigger", "led"]}


def write(folder, lines, sidecar=SIDECAR, name=NAME):
    """``lines``: column -> samples; missing ones are n/a."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = zip(*lines, strict=True)
    text = "".join("\t".join("n/a" if np.isnan(v) else f"{v:g}" for v in row) + "\n" for row in rows)
    (folder / name).write_bytes(gzip.compress(text.encode(), mtime=0))
    if sidecar is not None:
        (folder / name.replace(".tsv.gz", ".json")).write_text(json.dumps(sidecar), encoding="utf-8")
    return folder / name


def pulses(times, n=20000, value=1.0, width=8):
    line = np.zeros(n)
    for time in times:
        first = round((time - START) * RATE)
        line[first : first + width] = value
    return line


CARDIAC = np.sin(np.arange(20000) / 57.0)
VOLUMES, LED = np.arange(0, 30, 2.0), np.array([1.5, 7.25, 19.0])


def test_volumes_and_pulses_of_a_physio_file(tmp_path):
    path = write(tmp_path, [CARDIAC, pulses(VOLUMES), pulses(LED, value=5.0)])
    found = read_trigger_log(path)
    for code, times in (("trigger", VOLUMES), ("led", LED)):
        own = found.table.loc[found.table["code"] == code, "onset"]
        np.testing.assert_allclose(own, times, atol=0.5 / RATE + 1e-9)
    assert len(found.table) == len(VOLUMES) + len(LED)
    assert found.notes == (f"{NAME}: columns that are signals are passed over: cardiac.",)


def test_a_line_with_several_values_gives_them_as_codes(tmp_path):
    line = pulses([1.0, 5.0], value=11.0) + pulses([3.0], value=12.0)
    first = round((3.0 - START) * RATE) + 8
    line[first : first + 4] = 11.0  # from one value to the other without 0
    path = write(tmp_path, [CARDIAC, line, np.zeros(20000)])
    found = read_trigger_log(path).table
    assert found["code"].tolist() == ["11", "12", "11", "11"]
    assert found["onset"].tolist() == pytest.approx([1.0, 3.0, 3.02, 5.0])


def test_missing_samples_begin_no_trigger_and_are_counted(tmp_path):
    line = pulses(VOLUMES)
    line[round((4.0 - START) * RATE) + 3] = np.nan
    found = read_trigger_log(write(tmp_path, [CARDIAC, line, np.zeros(20000)]))
    assert len(found.table) == len(VOLUMES)
    assert any("1 samples of the column trigger are n/a" in note for note in found.notes)


def test_the_sidecar_may_stand_in_a_folder_above(tmp_path):
    (tmp_path / "dataset_description.json").write_text("{}")
    (tmp_path / "task-faces_physio.json").write_text(json.dumps(SIDECAR))
    path = write(tmp_path / "sub-01" / "func", [CARDIAC, pulses(VOLUMES), pulses(LED)], None)
    assert set(read_trigger_log(path).table["code"]) == {"trigger", "led"}


@pytest.mark.parametrize(
    ("sidecar", "sentence"),
    [
        (None, "lacks SamplingFrequency, StartTime, Columns"),
        (SIDECAR | {"SamplingFrequency": 0}, "SamplingFrequency 0: it must be a number of Hz"),
        (SIDECAR | {"StartTime": "0"}, "StartTime '0': it must be a number of s"),
        (SIDECAR | {"Columns": ["trigger", "trigger", "x"]}, "it must be a list of names"),
        (SIDECAR | {"Columns": ["cardiac", "trigger"]}, "has 3 columns, and its sidecar names 2"),
    ],
)
def test_what_the_times_need_is_named(tmp_path, sidecar, sentence):
    with pytest.raises(InputError, match=sentence):
        read_trigger_log(write(tmp_path, [CARDIAC, pulses(VOLUMES), pulses(LED)], sidecar))


DAMAGED = {
    "no gzip": b"x",
    "text": gzip.compress(b"a\tb\tc\n", mtime=0),
    "zeros": gzip.compress(bytes(9000), mtime=0),
}


@pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_file_is_one_sentence(tmp_path, content):
    path = write(tmp_path, [CARDIAC, pulses(VOLUMES), pulses(LED)])
    path.write_bytes(content)
    with pytest.raises(InputError, match=NAME):
        read_trigger_log(path)


def test_a_file_that_is_cut_short_is_read_and_said(tmp_path):
    path = write(tmp_path, [CARDIAC, pulses(VOLUMES), pulses(LED)])
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    found = read_trigger_log(path)
    there = found.table.loc[found.table["code"] == "trigger", "onset"].to_numpy()
    assert 3 < len(there) < len(VOLUMES)
    np.testing.assert_allclose(there, VOLUMES[: len(there)], atol=0.5 / RATE + 1e-9)
    assert any("is cut short: triggers after its" in note for note in found.notes)


def test_a_file_without_triggers_says_so(tmp_path):
    with pytest.raises(InputError, match="has no triggers: no column of whole numbers ever leaves 0"):
        read_trigger_log(write(tmp_path, [CARDIAC, np.zeros(20000), np.zeros(20000)]))


def analog(times, width=0.02, rise=0.0, levels=(0.1, 4.9), noise=0.02, n=20000):
    """A waveform that is at half its height at ``times`` and ``width`` s later; edges take ``rise`` s."""
    t = START + np.arange(n) / RATE
    line = np.zeros(n)
    for time in times:
        up, down = (np.clip((t - edge) / max(rise, 1e-9) + 0.5, 0, 1) for edge in (time, time + width))
        line = np.maximum(line, up - down)
    scatter = noise * np.random.default_rng(1).standard_normal(n)
    return levels[0] + (levels[1] - levels[0]) * line + scatter


UNEVEN = VOLUMES + np.random.default_rng(0).uniform(0, 0.01, len(VOLUMES))
LINES = {
    "steps": analog(UNEVEN),
    "one sample": analog(UNEVEN, width=1.01 / RATE),
    "slow edges": analog(UNEVEN, width=0.05, rise=0.02),
    "half of the time": analog(UNEVEN, width=1.0),
    "low is on": analog(UNEVEN, levels=(3.3, 0.0)),
    "counts": np.round(analog(UNEVEN, levels=(-21000.0, 9000.0), noise=80.0)),
    "noise": analog(UNEVEN, noise=0.2),
    "drift": analog(UNEVEN) + 0.4 * np.sin(np.arange(20000) / 3000),
}


@pytest.mark.parametrize("line", LINES.values(), ids=LINES)
def test_a_waveform_gives_its_pulses_within_half_a_sample(tmp_path, line):
    found = read_trigger_log(write(tmp_path, [CARDIAC, line, pulses(LED)]))
    own = found.table.loc[found.table["code"] == "trigger", "onset"].to_numpy()
    assert len(own) == len(UNEVEN)
    # Noise moves the crossing of an edge by as much of a sample as it is of the height: here up to 0.16.
    allowed = 0.5 + (0.2 if line is LINES["noise"] or line is LINES["drift"] else 0.03)
    assert np.abs(own - UNEVEN).max() * RATE < allowed
    assert any("the column trigger is a waveform; its 15 pulses" in note for note in found.notes)


def test_spikes_are_no_pulses_and_no_level(tmp_path):
    line = analog(UNEVEN)
    line[[700, 701, 9000]], line[[4000, 12000]] = 80.0, -60.0
    found = read_trigger_log(write(tmp_path, [CARDIAC, line, np.zeros(20000)]))
    assert len(found.table) == len(UNEVEN)
    assert any("2 spikes of twice their height are none" in note for note in found.notes)


def test_noise_about_the_middle_makes_no_second_pulse(tmp_path):
    line = analog(UNEVEN, width=0.05, rise=0.02, noise=0.35)
    assert len(read_trigger_log(write(tmp_path, [CARDIAC, line, np.zeros(20000)])).table) == len(UNEVEN)


WAVES = {
    "noise": np.random.default_rng(2).standard_normal(20000),
    "a sine": np.sin(np.arange(20000) / 57.0) + 0.01,
    "a ramp": np.arange(20000) / 3.0,
    "breathing": np.sin(np.arange(20000) / 300.0) ** 3,
    "still": np.full(20000, 0.25),
}


@pytest.mark.parametrize("line", WAVES.values(), ids=WAVES)
def test_a_waveform_without_two_levels_is_refused(tmp_path, line):
    with pytest.raises(InputError, match="the column trigger is a waveform without two levels"):
        read_trigger_log(write(tmp_path, [CARDIAC, line, np.zeros(20000)]))
    found = read_trigger_log(write(tmp_path, [CARDIAC, line, pulses(LED)]))
    assert set(found.table["code"]) == {"led"}
    assert any("trigger is a waveform without two levels, and is passed over" in note for note in found.notes)


def test_events_lists_its_codes(tmp_path):
    path = write(tmp_path, [CARDIAC, pulses(VOLUMES), pulses(LED)])
    (found,) = list_events(path)
    assert dict(zip(found.codes["code"], found.codes["count"], strict=True)) == {"trigger": 15, "led": 3}


def test_a_data_set_whose_only_log_is_the_physio_file(tmp_path):
    data = tmp_path / "data"
    func = data / "sub-01" / "func"
    write(func, [CARDIAC, pulses(VOLUMES), pulses(LED)])
    (func / "sub-01_task-faces_bold.nii.gz").write_bytes(b"")
    (func / "sub-01_task-faces_video.mp4").write_bytes(b"video")
    protocol = read_protocol("fmri-volumes")
    found = find_dataset_sessions(data, protocol, Selection(), tmp_path / "out")
    assert found.lost == []
    (session,) = found.sessions
    assert [run.triggers.name for run in session.runs] == [NAME]
