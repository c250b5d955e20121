import struct

import numpy as np
import pytest

from enicfer.errors import InputError
from enicfer.io.eeg import read_eeg
from enicfer.io.xdf import Stream, open_xdf, read_frame_stream, read_markers, read_xdf


def test_markers_of_a_real_recording_with_clock_resets(shared_data):
    markers = read_markers(shared_data / "xdf" / "clock_resets.xdf")
    assert len(markers) == 175
    assert markers["onset"].is_monotonic_increasing
    assert {"Test", "Blah"} <= set(markers["code"])
    # the clock was reset during the recording; synchronised, no marker lies outside of the EEG's span
    eeg = next(s for s in read_xdf(shared_data / "xdf" / "clock_resets.xdf") if s.kind == "EEG")
    assert markers["onset"].between(eeg.time[0] - 10, eeg.time[-1] + 10).all()


def test_a_counting_stream_gives_frame_numbers(shared_data):
    number, time = read_frame_stream(
        shared_data / "xdf" / "empty_streams.xdf", "Data stream: test stream 0 counter"
    )
    assert number.tolist() == list(range(10))
    np.testing.assert_allclose(np.diff(time), 1, atol=1e-4)


def test_a_stream_of_signals_gives_one_time_a_frame(shared_data):
    number, time = read_frame_stream(shared_data / "xdf" / "minimal.xdf", "SendDataC")
    assert number is None
    np.testing.assert_allclose(np.diff(time), 0.1, atol=1e-6)


def test_the_times_of_frames_are_not_moved_where_frames_were_lost(tmp_path):
    number = np.delete(np.arange(3000), slice(300, 315))
    time = 1000 + number / 30

    def chunk(tag, content):
        return b"\x04" + struct.pack("<I", len(content) + 2) + struct.pack("<H", tag) + content

    head, xml = struct.pack("<I", 1), b"<?xml version='1.0'?>"
    said = b"<name>cam</name><type>frames</type><channel_count>1</channel_count><nominal_srate>30</nominal_srate>"
    samples = [b"\x08" + struct.pack("<di", t, k) for t, k in zip(time, number.tolist(), strict=True)]
    (tmp_path / "cam.xdf").write_bytes(
        b"XDF:"
        + chunk(1, xml + b"<info><version>1.0</version></info>")
        + chunk(2, head + xml + b"<info>" + said + b"<channel_format>int32</channel_format></info>")
        + chunk(3, head + b"\x04" + struct.pack("<I", len(number)) + b"".join(samples))
        + chunk(6, head + xml + b"<info><sample_count>%d</sample_count></info>" % len(number))
    )
    found, at = read_frame_stream(tmp_path / "cam.xdf", "cam")
    assert np.array_equal(found, number)
    np.testing.assert_allclose(at, time, atol=1e-6)


def test_a_missing_or_empty_stream_is_refused_with_those_there(shared_data):
    with pytest.raises(
        InputError, match=r"no stream 'camera': it has 'SendDataC' \(EEG, 9 samples\), 'SendDataString'"
    ):
        read_frame_stream(shared_data / "xdf" / "minimal.xdf", "camera")
    with pytest.raises(InputError, match="has 0 samples: it was not running"):
        read_frame_stream(
            shared_data / "xdf" / "empty_streams.xdf", "Empty data stream: test stream 0 counter"
        )


def test_no_xdf_file(tmp_path):
    (tmp_path / "a.xdf").write_bytes(b"not xdf")
    with pytest.raises(InputError, match=r"a\.xdf cannot be read as an XDF file"):
        read_xdf(tmp_path / "a.xdf")
    with pytest.raises(InputError, match=r"no XDF file b\.xdf"):
        read_xdf(tmp_path / "b.xdf")


def test_the_eeg_stream_is_a_recording_with_its_markers(shared_data):
    raw = open_xdf(shared_data / "xdf" / "minimal.xdf")
    assert raw.info["sfreq"] == pytest.approx(10) and raw.n_times == 9
    assert raw.get_data().shape == (3, 9)
    assert raw.annotations.description.tolist()[0] == "Hello"
    assert raw.annotations.onset[0] == pytest.approx(0.2, abs=1e-6)


def test_a_gap_in_the_stream_is_a_pause(shared_data):
    path = shared_data / "xdf" / "clock_resets.xdf"
    recording = read_eeg(path)
    assert recording.duration == pytest.approx(1383.184 - 810.030, abs=0.02)
    assert len(recording.gaps) == 1
    start, stop = recording.gaps[0]
    assert stop - start == pytest.approx(273.88, abs=0.05)
    markers = read_markers(path)
    inside = (markers["onset"] > 810.03) & (markers["onset"] < 1383.18)
    assert len(recording.triggers) == inside.sum()
    np.testing.assert_allclose(
        recording.triggers["onset"], np.sort(markers["onset"][inside]) - 810.02979176, atol=1e-4
    )


def test_a_file_without_eeg_is_refused(shared_data):
    with pytest.raises(InputError, match="no streams of type EEG"):
        open_xdf(shared_data / "xdf" / "empty_streams.xdf")


@pytest.mark.parametrize("kind", ["Trigger", "TRIG", "trg", "STIM"])
def test_a_trigger_channel_of_the_eeg_stream_has_its_codes(tmp_path, monkeypatch, kind):
    values = np.zeros((5000, 2))
    values[[1000, 2000], 1] = 7
    time = np.arange(5000) / 500
    stream = Stream("amp", "EEG", time, values, ("Fz", "TRIG"), ("microvolts", "microvolts"), ("EEG", kind))
    monkeypatch.setattr("enicfer.io.xdf.read_xdf", lambda path: [stream])
    (tmp_path / "a.xdf").write_bytes(b"XDF:")
    found = read_eeg(tmp_path / "a.xdf").triggers
    assert found["code"].tolist() == ["7", "7"]
    np.testing.assert_allclose(found["onset"], [2, 4])
