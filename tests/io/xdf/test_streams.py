import struct

import numpy as np
import pytest

from enicfer.errors import InputError
from enicfer.io.eeg import read_eeg
from enicfer.io.xdf.file import Stream, read_xdf
from enicfer.io.xdf.streams import note_xdf, open_xdf, read_frame_stream, read_markers
from tests.xdf_writer import make_stream, write_xdf


def test_markers_of_a_real_recording_with_clock_resets(shared_data):
    markers = read_markers(shared_data / "xdf" / "clock_resets.xdf")
    assert len(markers) == 175
    assert markers["onset"].is_monotonic_increasing
    assert {"Test", "Blah"} <= set(markers["code"])
    # the clock was reset during the recording; synchronised, no marker lies outside of the EEG's span
    eeg = next(s for s in read_xdf(shared_data / "xdf" / "clock_resets.xdf")[0] if s.kind == "EEG")
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
    with pytest.raises(InputError, match="has 0 samples, so it was not running"):
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
    raw, _ = open_xdf(shared_data / "xdf" / "minimal.xdf")
    assert raw.info["sfreq"] == pytest.approx(10) and raw.n_times == 9
    assert raw.get_data().shape == (3, 9)
    assert raw.annotations.description.tolist()[0] == "Hello"
    assert raw.annotations.onset[0] == pytest.approx(0.2, abs=1e-6)


def test_a_gap_in_the_stream_is_a_pause(shared_data):
    path = shared_data / "xdf" / "clock_resets.xdf"
    recording = read_eeg(path)
    stamps = next(stream.time for stream in read_xdf(path)[0] if stream.kind == "EEG")
    assert recording.duration == pytest.approx(stamps[-1] - stamps[0], abs=0.1)
    (start, stop), *short = sorted(recording.gaps, key=lambda gap: gap[0] - gap[1])
    assert stop - start == pytest.approx(np.diff(stamps).max(), abs=0.1)
    assert start == pytest.approx(stamps[np.argmax(np.diff(stamps))] - stamps[0], abs=0.1)
    assert sum(b - a for a, b in short) < 0.2
    assert any("stray from a steady rate" in note for note in recording.notes)
    markers = read_markers(path)
    inside = markers["onset"].between(stamps[0], stamps[-1])
    assert len(recording.triggers) == inside.sum()
    np.testing.assert_allclose(recording.triggers["onset"], markers["onset"][inside] - stamps[0], atol=0.1)


def test_a_file_without_eeg_is_refused(shared_data):
    with pytest.raises(InputError, match="no streams of type EEG"):
        open_xdf(shared_data / "xdf" / "empty_streams.xdf")


@pytest.mark.parametrize("kind", ["Trigger", "TRIG", "trg", "STIM"])
def test_a_trigger_channel_of_the_eeg_stream_has_its_codes(tmp_path, monkeypatch, kind):
    values = np.zeros((5000, 2))
    values[[1000, 2000], 1] = 7
    time = np.arange(5000) / 500
    stream = Stream(
        "amp", "EEG", time, values, ("Fz", "TRIG"), ("microvolts", "microvolts"), ("EEG", kind), 500
    )
    monkeypatch.setattr("enicfer.io.xdf.streams.read_xdf", lambda path: ([stream], ()))
    (tmp_path / "a.xdf").write_bytes(b"XDF:")
    found = read_eeg(tmp_path / "a.xdf").triggers
    assert found["code"].tolist() == ["7", "7"]
    np.testing.assert_allclose(found["onset"], [2, 4])


UV = {"labels": ("Fz", "Photo"), "units": ("microvolts",) * 2, "kinds": ("EEG",) * 2}


def write_eeg(
    path, lost=(), rate=250, seconds=80, jitter=0.0, markers="string", marker_rate=0, more=(), **said
):
    """EEG whose second channel has a spike at the sample of every marker; (length in s, lost) for ``lost``."""
    rng = np.random.default_rng(0)
    true = np.arange(rate * seconds) / rate
    kept = np.ones(len(true), bool)
    for start, length in lost:
        kept[(true >= start) & (true < start + length)] = False
    at = np.round(np.arange(3, seconds - 3, 2.37) * rate).astype(int)
    at = np.array([i for i in at if kept[i - 5 : i + 5].all()])
    values = np.zeros((len(true), 2))
    values[at, 1] = 100
    stamps = 1000 + true + rng.normal(0, jitter, len(true))
    codes = [[f"S {i % 3}"] if markers == "string" else [1 + i % 3] for i in range(len(at))]
    write_xdf(
        path,
        make_stream("amp", "EEG", "float32", rate, stamps[kept], values[kept], **UV, **said),
        make_stream("task", "Markers", markers, marker_rate, 1000 + true[at], codes, **said),
        *more,
    )
    return true[at]


def distance_from_spikes(path):
    """Largest distance in s of a marker from its sample."""
    raw, _ = open_xdf(path)
    spikes = np.flatnonzero(raw.get_data()[1] > 50e-6) / raw.info["sfreq"]
    marks = [mark["onset"] for mark in raw.annotations if not mark["description"].startswith("BAD")]
    assert len(marks) > 10
    return max(np.abs(spikes - mark).min() for mark in marks)


@pytest.mark.parametrize("jitter", [0.0, 0.004])
@pytest.mark.parametrize("lost", [[], [(40, 0.1)], [(20, 0.4), (60, 0.9)], [(50, 1.9)], [(30, 12)]])
def test_markers_lie_on_their_samples_where_samples_were_lost(tmp_path, lost, jitter):
    write_eeg(tmp_path / "a.xdf", lost, jitter=jitter)
    assert distance_from_spikes(tmp_path / "a.xdf") < (0.004 if not jitter else 0.008)
    recording = read_eeg(tmp_path / "a.xdf")
    assert recording.duration == pytest.approx(80, abs=0.02)
    np.testing.assert_allclose(
        recording.gaps, [(start, start + length) for start, length in lost] or np.empty((0,)), atol=0.02
    )
    said = [note for note in recording.notes if "lost samples" in note]
    assert len(said) == bool(lost)
    if lost:
        assert f"at {len(lost)} place" in said[0] and f"{sum(length for _, length in lost):.1f}" in said[0]


@pytest.mark.parametrize("rate", [0, 1, 100])
@pytest.mark.parametrize("kind", ["string", "int8", "int16", "int32", "int64", "float32", "double64"])
def test_markers_of_any_type_keep_their_stamps_whatever_rate_is_declared(tmp_path, kind, rate):
    true = write_eeg(tmp_path / "a.xdf", seconds=20, markers=kind, marker_rate=rate)
    triggers = read_eeg(tmp_path / "a.xdf").triggers
    np.testing.assert_allclose(triggers["onset"], true, atol=1e-6)
    expected = [f"S {i % 3}" if kind == "string" else str(1 + i % 3) for i in range(len(true))]
    assert triggers["code"].tolist() == expected
    assert read_markers(tmp_path / "a.xdf")["code"].tolist() == expected


def test_of_several_channels_of_markers_the_first_is_read_and_said(tmp_path):
    pairs = make_stream(
        "pairs", "Events", "int32", 0, [1001.0, 1004.5], [[7, 1], [8, 2]], labels=("code", "trial")
    )
    words = make_stream("words", "Markers", "string", 0, [1002.0], [["face", "happy"]])
    write_eeg(tmp_path / "a.xdf", seconds=10, more=(pairs, words))
    recording = read_eeg(tmp_path / "a.xdf")
    assert {"7", "8", "face"} <= set(recording.triggers["code"])
    assert sum("2 channels of the stream" in note and "the first" in note for note in recording.notes) == 2
    assert any("the first (code) is read" in note for note in recording.notes)


def test_a_stream_that_holds_its_codes_has_a_marker_where_one_begins(tmp_path):
    held = np.zeros((2500, 1), int)
    held[500:700], held[1200:1210], held[1210:1300] = 5, 6, 7
    port = make_stream("port", "Stim", "int32", 250, 1000 + np.arange(2500) / 250, held)
    write_eeg(tmp_path / "a.xdf", seconds=10, more=(port,))
    recording = read_eeg(tmp_path / "a.xdf")
    found = recording.triggers[recording.triggers["code"].isin(["5", "6", "7"])]
    assert found["code"].tolist() == ["5", "6", "7"]
    np.testing.assert_allclose(found["onset"], [2, 4.8, 4.84], atol=1e-6)
    assert any("holds its codes at 250 Hz" in note for note in recording.notes)


def test_numbers_of_another_type_are_named_and_no_markers(tmp_path):
    replies = make_stream("replies", "Experiment", "int32", 0, [1001.0, 1002.0], [[2], [1]])
    write_eeg(tmp_path / "a.xdf", seconds=12, more=(replies,))
    recording = read_eeg(tmp_path / "a.xdf")
    assert set(recording.triggers["code"]) == {"S 0", "S 1", "S 2"}
    assert any(
        "stream 'replies' (type Experiment) are not read as markers" in note for note in recording.notes
    )


@pytest.mark.parametrize(
    ("jump", "said"),
    [
        (-200000, r"go back by 200000\.0 s after 4\.0 s \(sample 1000 of 2500\)"),
        (-5, r"go back by 5\.0 s"),
        (-0.5, r"go back by 0\.5 s"),
        (200000, r"jump forward by 200000 s after 4\.0 s .* more than 60 min"),
        (np.nan, "has no time stamp at sample 1000 of 2500"),
    ],
)
def test_a_clock_that_jumps_is_refused_in_one_sentence(tmp_path, jump, said):
    time = 1000 + np.arange(2500) / 250
    time[1000:] += jump
    write_xdf(
        tmp_path / "a.xdf",
        make_stream("amp", "EEG", "float32", 250, time, np.zeros((2500, 64))),
        offsets=(),
    )
    with pytest.raises(InputError, match=rf"The stream 'amp' of a\.xdf.*{said}"):
        read_eeg(tmp_path / "a.xdf")


@pytest.mark.parametrize("jump", [-200000, -0.5])
def test_frames_whose_clock_is_set_back_are_refused(tmp_path, jump):
    time = 1000 + np.arange(300) / 30
    time[100:] += jump
    write_xdf(tmp_path / "a.xdf", make_stream("cam", "frames", "int32", 30, time, np.arange(300)[:, None]))
    with pytest.raises(InputError, match="time stamps that go back"):
        read_frame_stream(tmp_path / "a.xdf", "cam")


@pytest.mark.parametrize("suffix", ["xdf", "xdfz"])
@pytest.mark.parametrize("part", [0.3, 0.6, 0.9, 0.999])
def test_a_file_that_is_cut_short_is_read_and_said(tmp_path, part, suffix):
    whole = tmp_path / f"a.{suffix}"
    write_eeg(whole, seconds=30)
    before = read_eeg(whole)
    assert not before.notes
    cut = tmp_path / f"b.{suffix}"
    cut.write_bytes(whole.read_bytes()[: int(whole.stat().st_size * part)])
    recording = read_eeg(cut)
    assert any(note.startswith(f"{cut.name} has no end") for note in recording.notes)
    kept = before.triggers[before.triggers["onset"] <= recording.duration].reset_index(drop=True)
    n = len(recording.triggers)
    assert recording.triggers.equals(kept[:n]) and n >= len(kept) - 1
    assert note_xdf(cut)


def test_a_file_cut_at_every_place_is_read_or_refused_in_a_sentence(tmp_path):
    write_eeg(tmp_path / "a.xdf", seconds=10)
    content = (tmp_path / "a.xdf").read_bytes()
    for size in [*range(4, 1500, 61), *range(1500, len(content), 1201)]:
        (tmp_path / "b.xdf").write_bytes(content[:size])
        try:
            recording = read_eeg(tmp_path / "b.xdf")
        except InputError as error:
            assert "b.xdf" in str(error)
            continue
        assert any("has no end" in note for note in recording.notes), size


def test_a_stream_that_the_program_did_not_finish_is_said(tmp_path):
    write_eeg(tmp_path / "a.xdf", seconds=10, footer=False)
    assert any(
        "has no end: the recording program did not finish it" in n for n in read_eeg(tmp_path / "a.xdf").notes
    )


def test_samples_that_the_footer_counts_and_the_file_lacks_are_said(tmp_path):
    write_xdf(
        tmp_path / "a.xdf",
        make_stream("amp", "EEG", "float32", 250, 1000 + np.arange(500) / 250, np.zeros((500, 1)), count=750),
    )
    assert any(
        "lacks 250 of the 750 samples of the stream 'amp'" in n for n in read_eeg(tmp_path / "a.xdf").notes
    )


def test_markers_outside_of_the_eeg_are_counted(tmp_path):
    late = make_stream("late", "Markers", "string", 0, [990.0, 1005.0, 1020.0], [["x"], ["y"], ["z"]])
    write_eeg(tmp_path / "a.xdf", seconds=10, more=(late,))
    recording = read_eeg(tmp_path / "a.xdf")
    assert "y" in set(recording.triggers["code"]) and not {"x", "z"} & set(recording.triggers["code"])
    assert any(note.startswith("2 markers lie before or after the EEG") for note in recording.notes)


@pytest.mark.parametrize("rate", [500, 0])
@pytest.mark.parametrize("packet", [1, 10, 32])
def test_an_amplifier_whose_packets_share_a_stamp_or_that_states_no_rate_is_read(tmp_path, rate, packet):
    """The stamp is that of a packet's last sample, as LSL has it; markers are known to half of a packet."""
    true = 100 + np.arange(16000) / 500
    stamps = true.reshape(-1, packet)[:, -1].repeat(packet)
    eeg = make_stream("amp", " EEG ", "float32", rate, stamps, np.zeros((len(true), 2)))
    markers = make_stream("m", "Markers", "string", 0, [105.0, 120.0, 131.5], [["a"], ["b"], ["c"]])
    found = read_eeg(write_xdf(tmp_path / "a.xdf", eeg, markers))
    assert found.sampling_rate == pytest.approx(500, rel=1e-3) and found.gaps == ()
    assert found.triggers["onset"].tolist() == pytest.approx([5.0, 20.0, 31.5], abs=packet / 500 / 2 + 0.002)
    said = [note for note in found.notes if "share a time stamp" in note]
    assert len(said) == (packet > 1) and all(f"about {packet:.0f} ms" in note for note in said)


def test_samples_lost_by_an_amplifier_that_states_no_rate_are_a_pause(tmp_path):
    stamps = np.delete(100 + np.arange(16000) / 500, slice(4000, 4600)) + np.random.default_rng(0).uniform(
        0, 4e-4, 15400
    )
    eeg = make_stream("amp", "EEG", "float32", 0, stamps, np.zeros((15400, 2)))
    markers = make_stream("m", "Markers", "string", 0, [105.0, 120.0], [["a"], ["b"]])
    found = read_eeg(write_xdf(tmp_path / "a.xdf", eeg, markers))
    assert found.triggers["onset"].tolist() == pytest.approx([5.0, 20.0], abs=0.002)
    assert len(found.gaps) == 1 and found.gaps[0][1] - found.gaps[0][0] == pytest.approx(1.2, abs=0.01)
