"""Recordings of every kind in a data set: copied, or converted with their triggers, or refused."""

import re

import mne
import numpy as np
import pytest
from scipy.io import loadmat, savemat

from enicfer.batch.dataset import Selection, find_dataset_sessions
from enicfer.bids.recording import check_same, place_recording
from enicfer.config.protocol import Protocol, Pulses
from enicfer.config.runs import Run
from enicfer.errors import InputError
from enicfer.io.eeg import read_eeg
from enicfer.records import Modality
from tests.io.test_other_recordings import write_snirf
from tests.xdf_writer import make_stream, write_xdf

pytest.importorskip("mne_bids")
RATE, SECONDS = 250.0, 40.0
CODES = {
    "S 9": [2.0, 9.0, 20.0],
    "S 21": [4.0, 24.0],
    "S 22": [14.0, 30.0],
}  # the pulse is not the first by name
ENTITIES = {"sub": "01", "task": "faces"}


def make(kind, n=2, codes=CODES, stim=True):
    """A recording whose codes are in a stimulus channel, or annotated."""
    data = np.random.default_rng(1).normal(0, 1e-6, (n + stim, int(SECONDS * RATE)))
    info = mne.create_info(
        [f"S1_D{i} 760" if kind == "hbo" else f"C{i}" for i in range(n)] + ["STI"] * stim,
        RATE,
        [kind] * n + ["stim"] * stim,
    )
    if stim:
        data[-1] = 0
        for code, onsets in codes.items():
            for onset in onsets:
                at = int(onset * RATE)
                data[-1, at : at + 5] = int(code.rpartition(" ")[2])
    raw = mne.io.RawArray(data, info, verbose="error")
    if not stim:
        rows = [(onset, code) for code, onsets in codes.items() for onset in onsets]
        raw.set_annotations(mne.Annotations([r[0] for r in rows], 0.0, [r[1] for r in rows]))
    return raw


def as_set(folder):
    """Without places of electrodes, as MNE-Python writes it: they are nan."""
    make("eeg", stim=False).export(folder / "eeg.set", verbose="error")
    return folder / "eeg.set"


def as_set_of_fields(folder):
    """As newer versions of EEGLAB save it: the fields of EEG alone, and the samples beside them."""
    as_set(folder)
    content = {k: v for k, v in loadmat(folder / "eeg.set").items() if not k.startswith("__")}
    content["data"].astype("<f4").T.tofile(folder / "eeg.fdt")
    savemat(folder / "eeg.set", {**content, "data": "eeg.fdt"})
    return folder / "eeg.set"


def as_fif(kind, **settings):
    def write(folder):
        make(kind, **settings).save(folder / "a_raw.fif", verbose="error")
        return folder / "a_raw.fif"

    return write


def as_split_fif(folder):
    make("mag", n=100).save(folder / "a_raw.fif", split_size="2MB", verbose="error")
    return folder / "a_raw.fif"


def as_snirf(folder):
    write_snirf(folder / "a.snirf", np.arange(400) / 10.0, CODES)
    return folder / "a.snirf"


def as_xdf(folder):
    """With names for codes, as a task program sends them."""
    times = 1000 + np.arange(SECONDS * RATE) / RATE
    rows = sorted((onset, code) for code, onsets in CODES.items() for onset in onsets)
    write_xdf(
        folder / "a.xdf",
        make_stream("amp", "EEG", "float32", RATE, times, np.zeros((len(times), 2)), labels=["Fz", "Cz"]),
        make_stream("task", "Markers", "string", 0, [1000 + r[0] for r in rows], [[r[1]] for r in rows]),
    )
    return folder / "a.xdf"


def put(source, tmp_path, words=False):
    """The run as it lies in the data set, what was said, and the protocol."""
    pulse, *conditions = (code if words else code[2:] for code in CODES)
    protocol = Protocol(
        "p", "", Modality.EEG, {code: f"c{code[-2:]}" for code in conditions}, pulses=Pulses(codes=(pulse,))
    )
    run, recording = Run("faces", None, (), recording=source), read_eeg(source)
    stage, scratch = tmp_path / "stage", tmp_path / "scratch"
    scratch.mkdir()
    copy, notes = place_recording(run, recording, ENTITIES, stage, scratch)
    check_same(run, copy, recording, protocol)
    return copy, notes, protocol


@pytest.mark.parametrize(
    ("write", "words", "name", "said"),
    [
        (as_set, True, "eeg/sub-01_task-faces_eeg.set", ["The places of the electrodes in eeg.set are not whole"]),
        (as_set_of_fields, True, "eeg/sub-01_task-faces_eeg.set", ["The places of the electrodes in eeg.set are"]),
        (as_snirf, True, "nirs/sub-01_task-faces_nirs.snirf", []),
        (as_fif("mag"), False, "meg/sub-01_task-faces_meg.fif", []),
        (as_xdf, True, "eeg/sub-01_task-faces_eeg.vhdr", ["a.xdf was converted to sub-01_task-faces_eeg.vhdr"]),
        (as_fif("eeg"), False, "eeg/sub-01_task-faces_eeg.vhdr", ["a_raw.fif was converted"]),
        (as_fif("eeg", stim=False), True, "eeg/sub-01_task-faces_eeg.vhdr", ["a_raw.fif was converted"]),
        (as_fif("ecog"), False, "ieeg/sub-01_task-faces_ieeg.vhdr", ["a_raw.fif was converted"]),
    ],
)  # fmt: skip
def test_triggers_are_those_of_the_session(tmp_path, capsys, write, words, name, said):
    copy, notes, _ = put(write(tmp_path), tmp_path, words)
    assert copy.recording == tmp_path / "stage" / "sub-01" / name
    assert len(notes) == len(said) and all(a.startswith(b) for a, b in zip(notes, said, strict=True))
    again = read_eeg(copy.recording)
    assert again.notes == ()
    found = [(round(t, 3), code.rpartition("/")[2]) for t, code in again.triggers.itertuples(index=False)]
    assert found == sorted((t, code if words else code[2:]) for code, onsets in CODES.items() for t in onsets)
    assert "".join(capsys.readouterr()) == "", "nothing is printed"


def test_converted_codes_keep_types_commas_and_pauses(tmp_path):
    codes = {"Response/R  9": [2.0, 9.0], "task/face, happy/2": [4.0], "S 21": [5.0], "boundary": [12.0]}
    make("eeg", stim=False, codes=codes).save(tmp_path / "a_raw.fif", verbose="error")
    before = read_eeg(tmp_path / "a_raw.fif")
    (tmp_path / "scratch").mkdir()
    copy, _ = place_recording(
        Run("faces", None, (), recording=tmp_path / "a_raw.fif"),
        before,
        ENTITIES,
        tmp_path,
        tmp_path / "scratch",
    )
    after = read_eeg(copy.recording)
    assert after.gaps == before.gaps == ((12.0, 12.0),)
    found = [(round(t, 3), code) for t, code in after.triggers.itertuples(index=False)]
    assert found == [
        (2.0, "Response/R 9"), (4.0, "task/face, happy/2"), (5.0, "Stimulus/S 21"), (9.0, "Response/R 9")
    ]  # fmt: skip
    assert re.search(r"Mk\d+=Stimulus,S 21,1251,1,0", copy.recording.with_suffix(".vmrk").read_text())


def test_pauses_stay_pauses_and_lost_ones_are_refused(tmp_path, monkeypatch):
    raw = make("eeg")
    raw.set_annotations(mne.Annotations([16.0, 35.0], [2.0, 0.0], ["BAD_ACQ_SKIP", "boundary"]))
    raw.save(tmp_path / "a_raw.fif", verbose="error")
    copy, *_ = put(tmp_path / "a_raw.fif", tmp_path)
    assert read_eeg(copy.recording).gaps == ((16.0, 18.0), (35.0, 35.0))
    monkeypatch.setattr("enicfer.bids.recording.SKIP", "lost")
    (tmp_path / "again").mkdir()
    with pytest.raises(
        InputError, match=r"The pauses in sub-01_.*_eeg.vhdr are not those of a_raw.fif \(1 and 2"
    ):
        put(tmp_path / "a_raw.fif", tmp_path / "again")


def test_nirs_in_another_format_is_refused(tmp_path):
    make("hbo").save(tmp_path / "a_raw.fif", verbose="error")
    with pytest.raises(InputError, match=r"BIDS takes NIRS as SNIRF alone; export it as SNIRF"):
        put(tmp_path / "a_raw.fif", tmp_path)


def test_a_long_meg_recording_is_one_run_in_parts(tmp_path, monkeypatch):
    """MNE-BIDS splits what is longer than 2 GB."""
    monkeypatch.setattr("mne_bids.write._FIFF_SPLIT_SIZE", "2MB")
    copy, notes, protocol = put(as_split_fif(tmp_path), tmp_path)
    parts = sorted(path.name for path in copy.recording.parent.glob("*_meg.fif"))
    assert parts[0] == copy.recording.name == "sub-01_task-faces_split-01_meg.fif" and len(parts) > 1
    assert notes == () and read_eeg(copy.recording).duration == pytest.approx(SECONDS)
    (tmp_path / "stage" / "sub-01" / "meg" / "sub-01_task-faces_video.mp4").write_bytes(b"video")
    (found,) = find_dataset_sessions(tmp_path / "stage", protocol, Selection(), tmp_path / "out").sessions
    assert [run.recording for run in found.runs] == [copy.recording]
