"""The outputs in the tools that they are for."""

import json
import warnings

import mne
import numpy as np
import pandas as pd
import pytest

from enicfer.io.files.names import output_path
from enicfer.pipeline.publish import write_outputs
from enicfer.records import Modality

ENTITIES = {"sub": "01", "ses": "01", "task": "faces", "run": "1"}


@pytest.fixture(scope="module", autouse=True)
def _no_figures():
    """Drawing takes most of the time of writing, and nothing here looks at a figure."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("enicfer.pipeline.publish.write_report", lambda runs, root: [])
        yield


@pytest.fixture(scope="module")
def fmri_dataset(make_run, tmp_path_factory):
    """A BIDS data set with one BOLD run, and its derivative in the usual place."""
    import nibabel as nib

    root = tmp_path_factory.mktemp("raw")
    folder = root / "sub-01" / "ses-01" / "func"
    folder.mkdir(parents=True)
    (root / "dataset_description.json").write_text('{"Name": "raw", "BIDSVersion": "1.10.0"}')
    image = nib.Nifti1Image(np.zeros((3, 3, 2, 30), np.int16), np.eye(4))
    image.header.set_zooms((3, 3, 3, 2.0))
    image.header.set_xyzt_units("mm", "sec")
    nib.save(image, folder / "sub-01_ses-01_task-faces_run-1_bold.nii.gz")
    (folder / "sub-01_ses-01_task-faces_run-1_bold.json").write_text(
        '{"RepetitionTime": 2.0, "TaskName": "faces"}'
    )
    write_outputs(make_run(Modality.FMRI), root / "derivatives" / "enicfer")
    return root


def test_pybids_finds_files_and_variables(fmri_dataset, make_run):
    run = make_run(Modality.FMRI)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pybids uses what pandas and sqlalchemy are about to drop
        from bids import BIDSLayout

        layout = BIDSLayout(fmri_dataset, derivatives=fmri_dataset / "derivatives" / "enicfer")
        found = layout.get(subject="01", desc="enicfer", extension=[".tsv", ".tsv.gz"])
        assert {file.entities["suffix"] for file in found} == {
            "events",
            "physio",
            "physioevents",
            "timeseries",
        }
        collection = layout.get_collections(level="run", scope="all")[0]
        variables = collection.variables
        trials, trace, volumes = variables["fer_happy_mean"], variables["happy"], variables["fer_happy"]
    np.testing.assert_allclose(
        trials.onset, run.trials["onset"][run.trials["fer_happy_mean"].notna()], atol=1e-6
    )
    assert trace.sampling_rate == 30 and len(trace.values) == 1800
    assert len(volumes.values) == 30


def test_nilearn_takes_the_tables_as_they_are(fmri_dataset):
    from nilearn.glm.first_level import make_first_level_design_matrix

    folder = fmri_dataset / "derivatives" / "enicfer"
    path = output_path(folder, ENTITIES, Modality.FMRI, "events")
    events = pd.read_csv(path, sep="\t")[["onset", "duration", "trial_type"]]
    series = pd.read_csv(output_path(folder, ENTITIES, Modality.FMRI, "timeseries"), sep="\t")
    design = make_first_level_design_matrix(
        np.arange(30) * 2.0, events, add_regs=series, add_reg_names=list(series), drift_model=None
    )
    assert {"happy", "neutral", "fer_happy", "fer_valid"} <= set(design) and design.notna().all().all()
    assert np.linalg.matrix_rank(design, rtol=1e-5) == design.shape[1]  # rounding is no rank


@pytest.mark.slow
def test_mne_bids_reads_the_trials_beside_a_recording(make_run, tmp_path):
    from mne_bids import BIDSPath, read_raw_bids, write_raw_bids

    run = make_run(Modality.EEG)
    write_outputs(run, tmp_path / "enicfer")
    info = mne.create_info(["Cz", "Pz"], 250.0, "eeg")
    raw = mne.io.RawArray(np.random.default_rng(0).normal(0, 1e-5, (2, 15000)), info, verbose="error")
    raw.set_annotations(mne.Annotations([1.0], [0.0], ["x"]))
    path = BIDSPath(root=tmp_path / "raw", subject="01", session="01", task="faces", run="1", datatype="eeg")
    write_raw_bids(raw, path, allow_preload=True, format="BrainVision", verbose="error")
    ours = BIDSPath(
        root=tmp_path / "enicfer", subject="01", session="01", task="faces", run="1", datatype="eeg",
        description="enicfer", suffix="events", extension=".tsv",
    )  # fmt: skip
    assert ours.fpath.is_file()
    theirs = path.copy().update(suffix="events", extension=".tsv").fpath
    theirs.write_bytes(ours.fpath.read_bytes())
    theirs.with_suffix(".json").write_bytes(ours.fpath.with_suffix(".json").read_bytes())
    read = read_raw_bids(path, verbose="error")
    found = {
        (round(t, 3), str(d).split("/")[-1])
        for t, d in zip(read.annotations.onset, read.annotations.description, strict=True)
    }
    wanted = {(round(t, 3), c) for t, c in zip(run.trials["onset"], run.trials["trial_type"], strict=True)}
    assert {c for _, c in found} == {c for _, c in wanted} or len(found) == len(wanted)
    np.testing.assert_allclose(sorted(t for t, _ in found), sorted(t for t, _ in wanted), atol=1 / 250)


@pytest.mark.parametrize("modality", list(Modality))
def test_json_and_tables_agree(make_run, tmp_path, modality):
    write_outputs(make_run(modality), tmp_path / "o")
    for kind in ("physio", "physioevents"):
        path = output_path(tmp_path / "o", ENTITIES, modality, kind)
        about = json.loads(path.with_name(path.name.replace(".tsv.gz", ".json")).read_text(encoding="utf-8"))
        table = pd.read_csv(path, sep="\t", header=None, names=about["Columns"], na_values="n/a")
        assert set(about["Columns"]) <= set(about) and len(table) > 5
        assert table[about["Columns"][0]].is_monotonic_increasing
    quality = output_path(tmp_path / "o", ENTITIES, modality, "qc")
    assert json.loads(quality.read_text(encoding="utf-8"))["warnings"] == [
        "The tenth pulse of the recording is missing."
    ]
