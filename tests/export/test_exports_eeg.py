"""EEGLAB, FieldTrip, BrainVision, EDF+ and mne-videobrowser: read back, events are where they were planted."""

from dataclasses import replace

import mne
import numpy as np
import pandas as pd
import pytest
from scipy.io import loadmat, savemat

from enicfer.errors import InputError
from enicfer.export import ExportOptions, export_results
from enicfer.records import Modality, ProtocolCard, Provenance

STEM = "sub-01_ses-01_task-faces_run-1"
RATE, SECONDS = 250.0, 60.0
edfio = pytest.importorskip("edfio")
pytest.importorskip("eeglabio")


@pytest.fixture(scope="module")
def run(make_run):
    return make_run(Modality.EEG, seconds=SECONDS)


@pytest.fixture(scope="module")
def signal():
    return np.round(np.random.default_rng(5).normal(0, 50, (2, int(SECONDS * RATE))), 1)


def named(run, path):
    return replace(run, recording=replace(run.recording, file=path))


@pytest.fixture(scope="module")
def brainvision(run, signal, tmp_path_factory):
    import pybv

    folder = tmp_path_factory.mktemp("bv")
    onset = np.rint(run.trials["onset"] * RATE).astype(int)
    events = [
        {"onset": int(at), "duration": 1, "description": int(code[2:]), "type": "Stimulus", "channels": "all"}
        for at, code in zip(onset, run.trials["code"], strict=True)
    ]
    pybv.write_brainvision(
        data=signal * 1e-6,
        sfreq=RATE,
        ch_names=["Fz", "Cz"],
        fname_base="eeg",
        folder_out=folder,
        events=events,
    )
    return folder / "eeg.vhdr"


@pytest.fixture(scope="module", params=["edf", "bdf"])
def edf(request, signal, tmp_path_factory):
    path = tmp_path_factory.mktemp("edf") / f"eeg.{request.param}"
    kind, channel = (edfio.Edf, edfio.EdfSignal) if request.param == "edf" else (edfio.Bdf, edfio.BdfSignal)
    signals = [
        channel(data, RATE, label=name, physical_dimension="uV", physical_range=(-400, 400))
        for name, data in zip(("Fz", "Cz"), signal, strict=True)
    ]
    kind(signals, annotations=[edfio.EdfAnnotation(1.5, None, "start")]).write(path)
    return path


def make_set(run, signal, path, split, numbers=False):
    """A data set as EEGLAB saves it, with ICA weights, and its samples beside it where ``split``."""
    events = np.empty((1, len(run.trials)), dtype=[(n, object) for n in ("type", "latency", "urevent")])
    for i, trial in enumerate(run.trials.itertuples()):
        kind = float(trial.code[2:]) if numbers else trial.code
        events[0, i] = (kind, trial.onset * RATE + 1, float(i + 1))
    places = np.array([[("Fz", 0.1), ("Cz", 0.2)]], dtype=[("labels", object), ("X", object)])
    data = signal.astype(np.float32)
    if split:
        data.T.tofile(path.with_suffix(".fdt"))
    content = {
        "setname": "child", "filename": path.name, "filepath": "/elsewhere", "nbchan": 2.0, "trials": 1.0,
        "pnts": float(signal.shape[1]), "srate": RATE, "xmin": 0.0, "xmax": SECONDS - 1 / RATE, "ref": "common",
        "data": f"{path.stem}.fdt" if split else data, "icaweights": np.eye(2), "icawinv": np.eye(2),
        "icasphere": 2 * np.eye(2), "icachansind": np.array([[1.0, 2.0]]), "chanlocs": places, "event": events,
        "urevent": np.zeros((0, 0)), "epoch": np.zeros((0, 0)), "etc": {"note": "kept"}, "history": "x",
    }  # fmt: skip
    savemat(path, {"EEG": content})
    return path


@pytest.fixture(scope="module")
def split_set(run, signal, tmp_path_factory):
    return make_set(run, signal, tmp_path_factory.mktemp("set") / "eeg.set", split=True)


def planted(run):
    """Onsets and ends in s by name: trials, and segments within the recording."""
    found = {}
    for name, rows in run.trials.groupby("trial_type"):
        found[f"trial/{name}"] = (rows["onset"].to_numpy(), (rows["onset"] + rows["duration"]).to_numpy())
    for label, rows in run.segments.groupby("label"):
        name = "face/lost" if label == "lost" else f"fer/{label}"
        stop = np.minimum(rows["onset"] + rows["duration"], SECONDS)
        found[name] = (rows["onset"].clip(lower=0).to_numpy(), stop.to_numpy())
    return found


def check_annotations(run, annotations, tolerance, prefix="", by_end=None):
    """Each planted event is there, and is there once."""
    for name, (onset, stop) in planted(run).items():
        mine = [a for a in annotations if a["description"] == prefix + name]
        assert len(mine) == len(onset), name
        np.testing.assert_allclose([a["onset"] for a in mine], onset, atol=tolerance)
        ends = [a["onset"] + a["duration"] for a in mine]
        np.testing.assert_allclose(ends, stop, atol=by_end or tolerance)


def test_brainvision_markers_are_exact_and_earlier_ones_stay(run, brainvision, signal, tmp_path):
    run = named(run, brainvision)
    before = mne.io.read_raw_brainvision(brainvision, verbose="error")
    export_results(run, "brainvision", tmp_path, options=ExportOptions(recordings=(brainvision,)))
    copy = tmp_path / "brainvision" / f"{STEM}_eeg.vhdr"
    raw = mne.io.read_raw_brainvision(copy, verbose="error")
    check_annotations(run, raw.annotations, 0.5 / RATE + 1e-9, "Comment/", 1 / RATE)
    own = [
        (a["onset"], a["description"]) for a in raw.annotations if not a["description"].startswith("Comment/")
    ]
    assert own == [(a["onset"], a["description"]) for a in before.annotations]
    np.testing.assert_array_equal(raw.get_data(), before.get_data())
    marks = copy.with_suffix(".vmrk").read_text().splitlines()
    lines = [line for line in marks if line.startswith("Mk")]
    assert [int(line[2 : line.index("=")]) for line in lines] == list(range(1, len(lines) + 1))
    at = [int(line.split(",")[2]) for line in lines]
    assert at == sorted(at) and f"DataFile={STEM}_eeg.eeg" in marks
    assert sorted(path.name for path in copy.parent.iterdir()) == [
        f"{STEM}_eeg.{kind}" for kind in ("eeg", "vhdr", "vmrk")
    ]


def test_brainvision_data_can_be_shared(run, brainvision, tmp_path):
    options = ExportOptions(recordings=(brainvision,), link=True)
    export_results(named(run, brainvision), "brainvision", tmp_path, options=options)
    copy = tmp_path / "brainvision" / f"{STEM}_eeg.eeg"
    assert copy.samefile(brainvision.with_suffix(".eeg"))


def test_brainvision_of_old_programs(run, brainvision, tmp_path):
    """Windows-1252, ``$b``, line ends of Windows, and no marker file."""
    old = tmp_path / "old"
    old.mkdir()
    text = (
        brainvision.read_text(encoding="utf-8")
        .replace("=eeg.eeg", "=$b.dat")
        .replace("=eeg.vmrk", "=$b.vmrk")
    )
    text = text.replace("Codepage=UTF-8", "Codepage=ANSI")
    (old / "a.vhdr").write_bytes(text.replace("\n", "\r\n").encode("cp1252"))
    (old / "a.dat").write_bytes(brainvision.with_suffix(".eeg").read_bytes())
    marks = brainvision.with_suffix(".vmrk").read_text(encoding="utf-8")
    marks = marks.replace("Stimulus,S 11", "Stimulus,fröhlich", 1).replace("Codepage=UTF-8", "Codepage=ANSI")
    (old / "a.vmrk").write_bytes(marks.replace("\n", "\r\n").encode("cp1252"))
    options = ExportOptions(recordings=(old / "a.vhdr",))
    export_results(named(run, old / "a.vhdr"), "brainvision", tmp_path, options=options)
    raw = mne.io.read_raw_brainvision(tmp_path / "brainvision" / f"{STEM}_eeg.vhdr", verbose="error")
    check_annotations(run, raw.annotations, 0.5 / RATE + 1e-9, "Comment/", 1 / RATE)
    assert "Stimulus/fröhlich" in set(raw.annotations.description)
    (old / "a.vmrk").unlink()
    (old / "a.vhdr").write_text(text.replace("MarkerFile=$b.vmrk\n", ""), encoding="utf-8")
    export_results(named(run, old / "a.vhdr"), "brainvision", tmp_path, options=options, overwrite=True)
    raw = mne.io.read_raw_brainvision(tmp_path / "brainvision" / f"{STEM}_eeg.vhdr", verbose="error")
    check_annotations(run, raw.annotations, 0.5 / RATE + 1e-9, "Comment/", 1 / RATE)


def test_edf_annotations_are_exact_and_the_signal_is_the_same(run, edf, tmp_path):
    export_results(named(run, edf), "edf", tmp_path, options=ExportOptions(recordings=(edf,)))
    copy = tmp_path / "edf" / f"{STEM}_eeg{edf.suffix}"
    raw = mne.io.read_raw(copy, verbose="error")
    check_annotations(run, raw.annotations, 1e-5)
    assert "start" in set(raw.annotations.description)
    read = edfio.read_bdf if edf.suffix == ".bdf" else edfio.read_edf
    one, other = read(edf), read(copy)
    assert other.reserved == f"{edf.suffix[1:].upper()}+C" and other.labels == one.labels
    for a, b in zip(one.signals, other.signals, strict=True):
        np.testing.assert_array_equal(a.digital, b.digital)
    names = [a.text for a in other.annotations]
    assert names.count("trial/happy") == (run.trials["trial_type"] == "happy").sum()


def test_a_real_edf_and_a_real_bdf_become_files_with_annotations(shared_data, make_run, tmp_path):
    for name in ("test.edf", "test.bdf"):
        path = shared_data / "eeg" / name
        raw = mne.io.read_raw(path, verbose="error")
        run = make_run(Modality.EEG)
        run = replace(run, trials=run.trials.assign(onset=np.arange(len(run.trials)) * 0.11))
        facts = {"sampling_rate": raw.info["sfreq"], "duration": raw.n_times / raw.info["sfreq"]}
        recording = replace(run.recording, file=path, triggers=run.recording.triggers.iloc[:0], **facts)
        done = export_results(
            replace(run, recording=recording), "edf", tmp_path, options=ExportOptions(recordings=(path,))
        )
        copy = mne.io.read_raw(next(p for p in done.paths if p.suffix == path.suffix), verbose="error")
        here = [a["onset"] for a in copy.annotations if a["description"].startswith("trial/")]
        inside = run.trials["onset"][run.trials["onset"] < run.recording.duration]
        np.testing.assert_allclose(here, inside, atol=1e-5)
        picks = copy.ch_names[:3]
        np.testing.assert_array_equal(copy.get_data(picks=picks), raw.get_data(picks=picks))


def test_eeglab_events_go_into_a_copy_that_keeps_the_rest(run, split_set, signal, tmp_path):
    export_results(named(run, split_set), "eeglab", tmp_path, options=ExportOptions(recordings=(split_set,)))
    copy = tmp_path / "eeglab" / f"{STEM}_eeg.set"
    raw = mne.io.read_raw_eeglab(copy, verbose="error")
    check_annotations(run, raw.annotations, 1e-6)
    assert sum(a["description"] == "S 11" for a in raw.annotations) == (run.trials["code"] == "S 11").sum()
    np.testing.assert_allclose(raw.get_data(), signal * 1e-6, rtol=1e-6)
    eeg = loadmat(copy, struct_as_record=False, squeeze_me=True)["EEG"]
    assert eeg.data == eeg.datfile == f"{STEM}_eeg.fdt" and eeg.etc.note == "kept" and eeg.setname == "child"
    np.testing.assert_array_equal(eeg.icasphere, 2 * np.eye(2))
    first = next(event for event in eeg.event if event.type == "trial/happy")
    assert first.latency == pytest.approx(run.trials["onset"][0] * RATE + 1)
    assert first.duration == pytest.approx(2.0 * RATE) and first.code == "S 11"
    assert first.fer_happy_mean == pytest.approx(run.trials["fer_happy_mean"][0])
    latency = [event.latency for event in eeg.event]
    assert latency == sorted(latency)


def test_eeglab_types_that_are_numbers_become_text_with_ours(run, signal, tmp_path):
    path = make_set(run, signal, tmp_path / "eeg.set", split=False, numbers=True)
    export_results(named(run, path), "eeglab", tmp_path, options=ExportOptions(recordings=(path,)))
    eeg = loadmat(tmp_path / "eeglab" / f"{STEM}_eeg.set", struct_as_record=False, squeeze_me=True)["EEG"]
    types = {event.type for event in eeg.event}
    assert {"11", "12", "trial/happy"} <= types and all(isinstance(kind, str) for kind in types)
    assert eeg.data.shape == signal.shape


def test_eeglab_data_set_of_another_recording(run, brainvision, signal, tmp_path):
    options = ExportOptions(recordings=(brainvision,), measures=("fer_dominant",))
    export_results(named(run, brainvision), "eeglab", tmp_path, options=options)
    raw = mne.io.read_raw_eeglab(tmp_path / "eeglab" / f"{STEM}_eeg.set", verbose="error")
    check_annotations(run, raw.annotations, 1e-6)
    assert "Stimulus/S 11" in set(raw.annotations.description)
    np.testing.assert_allclose(raw.get_data(), signal * 1e-6, rtol=1e-5, atol=1e-10)


def test_eeglab_text_counts_samples_from_one(run, tmp_path):
    done = export_results(run, "eeglab", tmp_path)
    table = pd.read_csv(tmp_path / "eeglab" / f"{STEM}_events.txt", sep="\t")
    happy = table[table["type"] == "trial/happy"]
    np.testing.assert_allclose((happy["latency"] - 1) / RATE, planted(run)["trial/happy"][0], atol=1e-5)
    np.testing.assert_allclose(happy["duration"], 2.0 * RATE, atol=1e-3)
    assert any("--recording FOLDER/eeg.vhdr" in note for note in done.notes)


def test_fieldtrip_events_and_trl(run, tmp_path):
    options = ExportOptions(measures=("fer_happy_mean", "fer_dominant"))
    export_results(run, "fieldtrip", tmp_path, options=options)
    table = pd.read_csv(tmp_path / "fieldtrip" / f"{STEM}_events.tsv", sep="\t", keep_default_na=False)
    happy = table[table["value"] == "trial/happy"]
    assert set(happy["type"]) == {"fer_trial"}
    wanted = planted(run)["trial/happy"][0]
    np.testing.assert_allclose((happy["sample"].astype(float) - 1) / RATE, wanted, atol=0.5 / RATE + 1e-9)
    np.testing.assert_allclose(happy["onset"].astype(float), wanted, atol=1e-6)
    mat = loadmat(tmp_path / "fieldtrip" / f"{STEM}_trl.mat")
    trl, names = mat["trl"], [str(name[0]) for name in mat["columns"][0]]
    assert names == ["begsample", "endsample", "offset", "condition", "fer_happy_mean"]
    conditions = [str(name[0]) for name in mat["conditions"][0]]
    kept = run.trials
    assert len(trl) == len(kept)
    np.testing.assert_allclose((trl[:, 0] - 1) / RATE, kept["onset"], atol=0.5 / RATE + 1e-9)
    np.testing.assert_array_equal(trl[:, 1] - trl[:, 0] + 1, 2.0 * RATE)
    assert [conditions[int(code) - 1] for code in trl[:, 3]] == kept["trial_type"].tolist()
    np.testing.assert_allclose(trl[:, 4], kept["fer_happy_mean"])


def test_fieldtrip_trl_is_the_window_within_the_recording(run, tmp_path):
    late = run.trials.assign(onset=[0.2, *run.trials["onset"][1:-1], SECONDS - 1])
    provenance = Provenance(protocol=ProtocolCard({"trial": {"window": [-0.5, 2.0]}}))
    done = export_results(replace(run, trials=late, provenance=provenance), "fieldtrip", tmp_path)
    trl = loadmat(tmp_path / "fieldtrip" / f"{STEM}_trl.mat")["trl"]
    assert len(trl) == len(late) - 2 and any("2 trials of" in note for note in done.notes)
    assert (trl[:, 2] == -0.5 * RATE).all()
    np.testing.assert_allclose(
        (trl[:, 0] - 1 - trl[:, 2]) / RATE, late["onset"][1:-1], atol=0.5 / RATE + 1e-9
    )
    assert (trl[:, 0] >= 1).all() and (trl[:, 1] <= SECONDS * RATE).all()


def test_videobrowser_stamps_tie_samples_and_frames(run, tmp_path):
    export_results(run, "videobrowser", tmp_path)
    raw = np.load(tmp_path / "videobrowser" / f"{STEM}_raw_timestamps.npy")
    video = np.load(tmp_path / "videobrowser" / f"{STEM}_video_timestamps.npy")
    assert raw.size == SECONDS * RATE and video.size == run.faces.video_time.size
    assert (np.diff(raw) > 0).all() and (np.diff(video) >= 0).all()
    # The planted map between the clocks, which the alignment found.
    np.testing.assert_allclose(video, run.faces.video_time * (1 + 120e-6) - 3.25, atol=0.002)
    np.testing.assert_allclose(raw, np.arange(raw.size) / RATE, atol=1e-12)


def test_same_input_same_bytes(run, brainvision, split_set, tmp_path):
    for source, programs in ((brainvision, ["brainvision", "eeglab", "fieldtrip"]), (split_set, ["eeglab"])):
        for folder in ("a", "b"):
            out = tmp_path / source.suffix[1:] / folder
            export_results(named(run, source), programs, out, options=ExportOptions(recordings=(source,)))
        base = tmp_path / source.suffix[1:]
        made = [path.relative_to(base / "a") for path in (base / "a").rglob("*") if path.is_file()]
        assert made
        for path in made:
            assert (base / "a" / path).read_bytes() == (base / "b" / path).read_bytes(), path


def test_what_is_refused(run, brainvision, split_set, signal, tmp_path):
    def refuse(message, to, path, **options):
        with pytest.raises(InputError, match=message):
            export_results(named(run, path), to, tmp_path / "out", options=ExportOptions(**options))
        assert not (tmp_path / "out").exists()

    refuse("needs the recording of sub-01.*recordings FOLDER/eeg.vhdr", "brainvision", brainvision)
    refuse("eeg.set is no .vhdr file", "brainvision", split_set, recordings=(split_set,))
    refuse(r"eeg.vhdr is no .edf or .bdf file", "edf", brainvision, recordings=(brainvision,))
    refuse(
        "There is no eeg.vhdr in nowhere", "edf", brainvision, recordings=(tmp_path / "nowhere" / "eeg.vhdr",)
    )
    refuse(
        "2 files are named eeg.vhdr", "eeglab", brainvision, recordings=(brainvision, tmp_path / "eeg.vhdr")
    )
    refuse("eeg.vhdr is no .edf or .bdf file", "edf", brainvision)
    refuse(
        "other.vhdr is the recording of no run: the results are of eeg.vhdr",
        ["fieldtrip", "brainvision"],
        brainvision,
        recordings=(brainvision.with_name("other.vhdr"),),
    )
    refuse("x.mkv is the video of no run: .* camera", "boris", brainvision, videos=(tmp_path / "x.mkv",))
    refuse("A linked copy needs a recording", "brainvision", brainvision, link=True)
    alone = make_set(run, signal, tmp_path / "alone.set", split=True)
    alone.with_suffix(".fdt").unlink()
    refuse(
        "alone.set has its samples in alone.fdt, which is not beside it", "eeglab", alone, recordings=(alone,)
    )
    short = make_set(run, signal[:, :-500], tmp_path / "short.set", split=False)
    refuse("short.set has 14500 samples at 250 Hz, .* made from 15000", "eeglab", short, recordings=(short,))


def test_a_recording_too_large_for_a_data_set(run, brainvision, tmp_path, monkeypatch):
    monkeypatch.setattr("enicfer.export.eeglab.LARGEST", 1000)
    options = ExportOptions(recordings=(brainvision,))
    with pytest.raises(InputError, match="more samples than a data set of EEGLAB"):
        export_results(named(run, brainvision), "eeglab", tmp_path / "out", options=options)


def test_a_missing_package_is_named(run, edf, brainvision, tmp_path, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "edfio", None)
    monkeypatch.setitem(sys.modules, "eeglabio.raw", None)
    for program, path in (("edf", edf), ("eeglab", brainvision)):
        with pytest.raises(InputError, match=r"not installed: pip install 'enicfer\[export\]'"):
            export_results(
                named(run, path), program, tmp_path / "out", options=ExportOptions(recordings=(path,))
            )
        assert not (tmp_path / "out").exists()
