"""FIF, EEGLAB, EGI and Neuroscan files as their formats allow them, written by MNE-Python, SciPy and by hand."""

import shutil
import struct

import h5py
import mne
import numpy as np
import pytest
from scipy.io import savemat

from enicfer.errors import InputError
from enicfer.io.eeg import open_raw, read_eeg


def found(recording):
    return [(round(t, 4), code) for t, code in recording.triggers.itertuples(index=False)]


# --- FIF


def make(kinds=("eeg",), steps=(), first=0, names=None):
    """Ten seconds at 200 Hz; ``steps`` are channel, first and last sample, and value."""
    data = np.zeros((len(kinds), 2000))
    for channel, begin, end, value in steps:
        data[channel, begin:end] = value
    info = mne.create_info(list(names or [f"C{i}" for i in range(len(kinds))]), 200.0, list(kinds))
    return mne.io.RawArray(data, info, first_samp=first, verbose="error")


@pytest.fixture
def save(tmp_path):
    def save(raw, name="a_raw.fif", **settings):
        raw.save(tmp_path / name, verbose="error", **settings)
        return tmp_path / name

    return save


@pytest.mark.parametrize("kind", ["single", "double", "int", "short"])
def test_fif_of_every_kind_of_number(save, kind):
    recording = read_eeg(save(make(("eeg", "stim"), [(1, 100, 110, 7)]), fmt=kind))
    assert (recording.duration, found(recording), recording.notes) == (10.0, [(0.5, "7")], ())


def test_packed_fif(save):
    assert found(read_eeg(save(make(("eeg", "stim"), [(1, 100, 110, 7)]), "a_raw.fif.gz"))) == [(0.5, "7")]


@pytest.mark.parametrize("kind", ["mag", "hbo", "seeg", "ecog"])
def test_fif_of_other_sensors(save, kind):
    assert found(read_eeg(save(make((kind, "stim"), [(1, 100, 110, 7)])))) == [(0.5, "7")]


def test_fif_with_a_date_and_a_late_first_sample(save):
    raw = make(first=500)
    raw.set_meas_date(1e9)
    raw.set_annotations(mne.Annotations([3.5], [0.5], ["x"], orig_time=raw.info["meas_date"]))
    assert found(read_eeg(save(raw))) == [(1.0, "x")], "2.5 s were before the first sample"


def test_fif_annotations_of_single_channels(save):
    raw = make()
    raw.set_annotations(mne.Annotations([1, 2.0], [0, 0], ["x", "y"], ch_names=[["C0"], []]))
    assert found(read_eeg(save(raw))) == [(1.0, "x"), (2.0, "y")]


def test_fif_line_that_is_always_on(save):
    raw = make(("eeg", "stim"), [(1, 0, 2000, 64), (1, 100, 110, 71)])
    assert found(read_eeg(save(raw))) == [(0.5, "71")]


def test_fif_bits_and_their_sum(save):
    steps = [(1, 100, 110, 3), (2, 100, 110, 1), (3, 100, 110, 1)]
    raw = make(("eeg", "stim", "stim", "stim"), steps, names=("Cz", "STI101", "STI001", "STI002"))
    assert ("0.5", "3") in {(str(t), code) for t, code in found(read_eeg(save(raw)))}


@pytest.mark.parametrize("what", ["epo", "ave"])
def test_fif_that_is_no_recording_is_refused(tmp_path, what):
    info = mne.create_info(["Cz"], 100.0, "eeg")
    path = tmp_path / f"a-{what}.fif"
    made = mne.EpochsArray(np.zeros((3, 1, 100)), info, verbose="error")
    (made if what == "epo" else made.average()).save(path, verbose="error")
    with pytest.raises(InputError, match=r"epochs, averages or something else") as caught:
        read_eeg(path)
    assert str(tmp_path) not in str(caught.value)


@pytest.mark.parametrize("part", [0.3, 0.6, 0.9, 0.99])
def test_fif_that_is_cut_keeps_its_triggers_and_is_said(save, part):
    path = save(make(("eeg", "stim"), [(1, 100, 110, 7), (1, 1990, 1995, 8)]))
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * part)])
    recording = read_eeg(path)
    assert found(recording) == [(0.5, "7")]
    assert 0 < recording.duration < 10 and recording.duration > 10 * part - 2.1
    (note,) = recording.notes
    assert note.startswith(f"a_raw.fif is cut short: {recording.duration:.1f} s of it can be read")
    raw = open_raw(path)
    assert raw.get_data().shape[1] == raw.n_times


@pytest.mark.parametrize(("name", "field", "was"), [(b"C1", 8, 3), (b"C0", 20, 1)])
def test_fif_with_a_channel_of_no_kind_is_refused(save, name, field, was):
    """The kind of the stimulus channel, and the sensor of the EEG channel, as a damaged file has them."""
    path = save(make(("eeg", "stim"), [(1, 100, 110, 7)]))
    content = path.read_bytes()
    place = content.index(name + bytes(10)) - 80 + field  # the name is the end of 96 bytes on a channel
    assert content[place : place + 4] == was.to_bytes(4, "big")
    path.write_bytes(content[:place] + (2097153).to_bytes(4, "big") + content[place + 4 :])
    with pytest.raises(InputError, match=r"a_raw\.fif cannot be read .*2097153"):
        read_eeg(path)


# --- EEGLAB


def events(rows):
    made = np.zeros(len(rows), dtype=[(n, object) for n in ("type", "latency", "duration", "urevent")])
    for i, (kind, latency, *duration) in enumerate(rows):
        made[i] = (kind, latency, duration[0] if duration else np.array([]), float(i + 1))
    return made


def eeglab(rows, **other):
    """The structure EEG: 10 s at 100 Hz. Latencies are samples from 1, and may be fractions."""
    channels = np.array([("Fz",), ("Cz",)], dtype=[("labels", object)])
    empty = {
        name: np.array([]) for name in ("urevent", "epoch", "icawinv", "icasphere", "icaweights", "icaact")
    }
    return {
        **empty,
        "setname": "x", "filename": "a.set", "ref": "common", "comments": "", "history": "", "saved": "yes",
        "nbchan": 2.0, "trials": 1.0, "pnts": 1000.0, "srate": 100.0, "xmin": 0.0, "xmax": 9.99,
        "data": np.zeros((2, 1000), np.float32), "chanlocs": channels, "event": events(rows), "etc": np.array([]),
    } | other  # fmt: skip


TWO = [("S  1", 101.0), ("happy face", 251.5)]
SETS = {
    "text": {},
    "single numbers": {"data": np.zeros((2, 1000), np.int16)},
    "whole rate": {"srate": np.uint16(100)},
    "no places of channels": {"chanlocs": np.array([])},
    "channels of one name": {"chanlocs": np.array([("Fz",), ("Fz",)], dtype=[("labels", object)])},
    "not in order": {"event": events(TWO[::-1])},
    "durations": {"event": events([(*row, 5.0) for row in TWO])},
    "a boundary before the first sample": {"event": events([("boundary", 0.5, 10.0), *TWO])},
}


@pytest.mark.parametrize("way", SETS)
@pytest.mark.parametrize("flat", [False, True])
def test_eeglab_however_it_is_saved(tmp_path, way, flat):
    content = eeglab(TWO, **SETS[way])
    savemat(tmp_path / "a.set", content if flat else {"EEG": content}, do_compression=flat)
    recording = read_eeg(tmp_path / "a.set")
    assert (recording.duration, recording.sampling_rate) == (10.0, 100.0)
    assert found(recording) == [(1.0, "S 1"), (2.505, "happy face")]
    assert not recording.gaps and not recording.notes


@pytest.mark.parametrize(
    ("kinds", "codes"),
    [
        ((11.0, 12.0), ["11", "12"]),
        ((np.uint8(11), np.uint8(12)), ["11", "12"]),
        ((11.0, "sad"), ["11", "sad"]),
        ((1.5, "011"), ["1.5", "011"]),
        (("fröhlich", "a/b"), ["fröhlich", "a/b"]),
    ],
)
def test_eeglab_types_of_events(tmp_path, kinds, codes):
    savemat(tmp_path / "a.set", {"EEG": eeglab(list(zip(kinds, (101.0, 201.0), strict=True)))})
    assert read_eeg(tmp_path / "a.set").triggers["code"].tolist() == codes


@pytest.mark.parametrize("kind", ["boundary", "Boundary", -99.0, "", np.array([])])
def test_eeglab_boundaries_are_pauses(tmp_path, kind):
    savemat(tmp_path / "a.set", {"EEG": eeglab([("a", 101.0), (kind, 300.5, 250.0), ("b", 401.0)])})
    recording = read_eeg(tmp_path / "a.set")
    assert recording.gaps == ((pytest.approx(2.995),) * 2,) and found(recording) == [(1.0, "a"), (4.0, "b")]


def test_eeglab_without_events_and_with_one(tmp_path):
    savemat(tmp_path / "a.set", {"EEG": eeglab([])})
    assert not found(read_eeg(tmp_path / "a.set"))
    savemat(tmp_path / "a.set", {"EEG": eeglab([("a", 101.0)])})
    assert found(read_eeg(tmp_path / "a.set")) == [(1.0, "a")]


def test_eeglab_events_without_a_time_are_counted(tmp_path):
    savemat(tmp_path / "a.set", {"EEG": eeglab([("a", 101.0), ("b", np.nan)])})
    recording = read_eeg(tmp_path / "a.set")
    assert found(recording) == [(1.0, "a")]
    assert recording.notes == ("1 events of a.set have no time and are left out.",)


def test_eeglab_data_in_a_file_of_another_name_are_said(tmp_path):
    (tmp_path / "a.fdt").write_bytes(np.zeros((1000, 2), "<f4").tobytes())
    savemat(tmp_path / "a.set", {"EEG": eeglab(TWO, data="b.fdt")})
    recording = read_eeg(tmp_path / "a.set")
    assert len(recording.triggers) == 2 and "b.fdt" in recording.notes[0]


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (
            {"trials": 10.0, "pnts": 100.0, "data": np.zeros((2, 100, 10))},
            "it holds 10 epochs, and no continuous",
        ),
        ({"srate": 0.0}, "cannot be read"),
        ({"data": "a.fdt"}, r"its file a\.fdt is missing"),
        ({"event": events([("a", -5.0)])}, "negative"),
    ],
)
def test_eeglab_that_is_no_recording_is_refused(tmp_path, other, said):
    savemat(tmp_path / "a.set", {"EEG": eeglab(TWO, **other)})
    with pytest.raises(InputError, match=said):
        read_eeg(tmp_path / "a.set")


# --- EGI simple binary


def write_egi(path, version=2, *, rate=250, names=("DIN1", "fix+"), pulses=(), bits=0, span=0):
    """Ten seconds of four channels; ``pulses`` are the event channel, and its first and last sample."""
    kind = {2: ">i2", 4: ">f4", 6: ">f8"}.get(version, ">i2")
    head = struct.pack(">i6hi5h", version, 2020, 3, 1, 10, 11, 12, 500, rate, 4, 0, bits, span)
    head += struct.pack(">ih", 2500, len(names)) + b"".join(name.encode().ljust(4) for name in names)
    data = np.zeros((2500, 4 + len(names)), kind)
    for channel, begin, end in pulses:
        data[begin:end, 4 + channel] = 1
    path.write_bytes(head + data.tobytes())
    return path


PULSES = ((0, 250, 251), (0, 500, 510), (1, 750, 751))


@pytest.mark.parametrize(
    "settings", [{"version": 2}, {"version": 4}, {"version": 6}, {"bits": 16, "span": 100}]
)
def test_egi_of_every_kind_of_number(tmp_path, settings):
    recording = read_eeg(write_egi(tmp_path / "a.raw", pulses=PULSES, **settings))
    assert (recording.duration, recording.sampling_rate, recording.notes) == (10.0, 250.0, ())
    assert found(recording) == [(1.0, "DIN1"), (2.0, "DIN1"), (3.0, "fix+")]


def test_egi_events_at_once_and_one_over_another(tmp_path):
    pulses = ((0, 250, 251), (1, 250, 251), (2, 300, 320), (0, 310, 311))
    names = ("TREV", "b b", "SESS")
    recording = read_eeg(write_egi(tmp_path / "a.raw", names=names, pulses=pulses))
    assert sorted(found(recording)) == [(1.0, "TREV"), (1.0, "b b"), (1.2, "SESS"), (1.24, "TREV")]


def test_egi_events_on_the_first_and_last_sample(tmp_path):
    recording = read_eeg(write_egi(tmp_path / "a.raw", pulses=((0, 0, 5), (1, 2499, 2500))))
    assert found(recording) == [(0.0, "DIN1"), (9.996, "fix+")]


def test_egi_without_events(tmp_path):
    assert not found(read_eeg(write_egi(tmp_path / "a.raw", names=())))


@pytest.mark.parametrize("version", [3, 5, 7])
def test_egi_segments_are_refused(tmp_path, version):
    with pytest.raises(InputError, match="Only continuous files are supported"):
        read_eeg(write_egi(tmp_path / "a.raw", version))


def test_egi_headers_that_cannot_be(tmp_path):
    path = write_egi(tmp_path / "a.raw", rate=0)
    with pytest.raises(InputError, match="a sampling rate of 0 Hz"):
        read_eeg(path)
    path.write_bytes(path.read_bytes()[:20])
    with pytest.raises(InputError, match="has 20 bytes, and its header alone 36"):
        read_eeg(path)


def test_events_of_a_real_mff_are_named_once(shared_data):
    recording = read_eeg(shared_data / "eeg" / "example_4.mff")
    assert found(recording) == [(0.01, "SPK1"), (0.03, "SPK2"), (0.05, "SPK3")] and not recording.notes


def test_an_mff_says_what_it_ties_to_a_video(shared_data, tmp_path):
    source = shared_data / "eeg" / "video_sync_2.mff"
    with pytest.raises(
        InputError, match=r"video_sync_2.mff has no signal .*\[0, 0\], \[12.1261, 15.002\]"
    ) as error:
        read_eeg(source)
    assert "[1812.15, 1815.04] and 2 more" in str(
        error.value
    ) and "copy the whole folder with its video" in str(error.value)
    folder = tmp_path / "a.mff"
    shutil.copytree(shared_data / "eeg" / "example_4.mff", folder)
    folder.chmod(0o700)
    shutil.copy(source / "movieSyncs1.xml", folder)
    (note,) = read_eeg(folder).notes
    assert note.startswith(
        "a.mff was filmed: its movieSyncs tie s of the video to s of the recording ([0, 0]"
    )


# --- Neuroscan


def write_cnt(
    path, rows=(), *, kind=2, width=2, date=b"01/02/20", channels=2, samples=2500, keys=(0, 0), places=True
):
    """Samples at 250 Hz; ``rows`` are sample from 0, and code (http://paulbourke.net/dataformats/eeg/)."""
    head = bytearray(900)
    head[:12] = b"Version 3.0\0"
    head[225:247] = date.ljust(10, b"\0") + b"10:11:12".ljust(12, b"\0")
    start, step, samples = 900 + 75 * channels, width * channels, 2500
    struct.pack_into("<H", head, 370, channels)
    struct.pack_into("<H", head, 376, 250)
    struct.pack_into("<i", head, 864, samples)
    struct.pack_into("<i", head, 886, start + step * samples)
    struct.pack_into("<f", head, 890, samples / 250)
    content = bytes(head)
    for i in range(channels):
        channel = bytearray(75)
        channel[:10] = f"E{i}".encode().ljust(10, b"\0")
        struct.pack_into("<2f", channel, 19, *((1 + i, 2) if places else (0, 0)))
        struct.pack_into("<f", channel, 59, 1.0)
        struct.pack_into("<f", channel, 71, 204.8)
        content += bytes(channel)
    content += bytes(step * samples)
    size = {1: 8, 2: 19, 3: 19}[kind]
    content += struct.pack("<Bii", kind, len(rows) * size, 0)
    for sample, code in rows:
        place = sample if kind == 3 else start + step * sample
        content += struct.pack("<HBBi", code, *keys, place).ljust(size, b"\0")
    path.write_bytes(content)
    return path


EVENTS = [(0, 9), (1, 10), (250, 11), (600, 4000), (2499, 12)]


@pytest.mark.parametrize("kind", [1, 2, 3])
@pytest.mark.parametrize("width", [2, 4])
@pytest.mark.parametrize("channels", [2, 66])
def test_neuroscan_events_lie_on_their_samples(tmp_path, kind, width, channels):
    path = write_cnt(tmp_path / "a.cnt", EVENTS, kind=kind, width=width, channels=channels)
    recording = read_eeg(path)
    assert (recording.duration, recording.sampling_rate, recording.notes) == (10.0, 250.0, ())
    assert found(recording) == [(s / 250, str(code)) for s, code in EVENTS]


def test_neuroscan_without_events_or_date(tmp_path):
    assert not found(read_eeg(write_cnt(tmp_path / "a.cnt")))
    recording = read_eeg(write_cnt(tmp_path / "b.cnt", EVENTS, date=b"99/99/99"))
    assert len(recording.triggers) == 5 and not recording.notes


def test_neuroscan_keys(tmp_path):
    recording = read_eeg(write_cnt(tmp_path / "a.cnt", [(250, 0)], keys=(0, 3)))
    assert found(recording) == [(1.0, "KeyPad Response 3")]
    recording = read_eeg(write_cnt(tmp_path / "a.cnt", [(250, 0)], keys=(3, 0)))
    assert found(recording) == [(1.0, "Keyboard Response 3")]


def test_neuroscan_events_however_the_file_is_called_and_its_electrodes_lie(tmp_path):
    rows = [(600, 13), (250, 11), (600, 12), (0, 7)]
    recording = read_eeg(write_cnt(tmp_path / "A.CNT", rows, places=False))
    assert sorted(found(recording)) == [(0.0, "7"), (1.0, "11"), (2.4, "12"), (2.4, "13")]
    assert not recording.notes


@pytest.mark.parametrize("part", [0.5, 0.9, 0.99])
def test_neuroscan_that_is_cut_is_refused(tmp_path, part):
    path = write_cnt(tmp_path / "a.cnt", EVENTS)
    path.write_bytes(path.read_bytes()[: int((900 + 150 + 10_000) * part)])
    with pytest.raises(InputError, match=r"a\.cnt cannot be read .* table of events, .* is missing"):
        read_eeg(path)


# --- what a name does not say


def test_an_eeglab_file_of_matlab_7_3_that_mne_cannot_read_is_one_sentence(tmp_path):
    with h5py.File(tmp_path / "a.set", "w") as file:
        file.create_dataset("EEG/nbchan", data=[[2.0]])
    with pytest.raises(InputError, match=r"^a\.set cannot be read as a recording"):
        read_eeg(tmp_path / "a.set")
