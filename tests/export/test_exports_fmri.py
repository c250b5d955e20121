"""FSL, SPM and AFNI: what the files say, read back by other programs, is what was planted."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.io import loadmat

from enicfer.errors import InputError, OutputError
from enicfer.export import (
    EXPORTS,
    ExportOptions,
    event_table,
    export_results,
    modulation_events,
    timeseries_table,
)
from enicfer.records import Modality, ProtocolCard, Provenance, SessionResult

STEM = "sub-01_ses-01_task-faces_run-1"
PARAMETRIC = ExportOptions(measures=("fer_happy_mean", "fer_happy_peak"), parametric=True)


@pytest.fixture(scope="module")
def run(make_run):
    return make_run(Modality.FMRI, seconds=120.0, n_trials=16)


@pytest.fixture(scope="module")
def session(run, make_run):
    """Three runs: the second has no happy trial, the third was filmed with other chance."""
    third = make_run(Modality.FMRI, seconds=90.0, seed=3)
    third = replace(third, entities={**run.entities, "run": "3"})
    neutral = run.trials[run.trials["trial_type"] == "neutral"].reset_index(drop=True)
    return SessionResult(
        (run, replace(run, entities={**run.entities, "run": "2"}, trials=neutral), third), Path("out"), ()
    )


def of(run, condition):
    return run.trials[run.trials["trial_type"] == condition].reset_index(drop=True)


def change(run, column, values):
    return replace(run, trials=run.trials.assign(**{column: values}))


def read_afni(path):
    """Times, amplitudes and durations of each row, by the rules of 3dDeconvolve."""
    rows = []
    for line in path.read_text().splitlines():
        words = [word for word in line.split() if word != "*"]
        found = [re.fullmatch(r"([-+.\d]+)(?:\*([-+.\d,]+))?(?::([-+.\d]+))?", word) for word in words]
        rows.append(
            [
                (float(m[1]), [float(a) for a in (m[2] or "").split(",") if a], m[3] and float(m[3]))
                for m in found
            ]
        )
    return rows


def test_fsl_has_three_columns_of_the_planted_trials(run, tmp_path):
    export_results(run, "fsl", tmp_path)
    for condition in ("happy", "neutral"):
        ev = np.loadtxt(tmp_path / "fsl" / f"{STEM}_{condition}.txt")
        planted = of(run, condition)
        np.testing.assert_allclose(ev[:, 0], planted["onset"], atol=1e-6)
        np.testing.assert_allclose(ev[:, 1], planted["duration"], atol=1e-6)
        assert (ev[:, 2] == 1).all()
    assert len(list((tmp_path / "fsl").iterdir())) == 2


def test_fsl_pmod_twins_are_what_nilearn_gets(run, tmp_path):
    export_results(run, "fsl", tmp_path, options=PARAMETRIC)
    events = modulation_events(run, "happy")
    for condition in ("happy", "neutral"):
        ev = np.loadtxt(tmp_path / "fsl" / f"{STEM}_{condition}_fer_happy_mean_pmod.txt")
        wanted = events[events["trial_type"] == f"{condition}_fer_happy"]
        np.testing.assert_allclose(ev[:, 0], wanted["onset"], atol=1e-6)
        np.testing.assert_allclose(ev[:, 2], wanted["modulation"], atol=1e-6)


def test_all_measures_of_each_condition_come_in_one_call(run, tmp_path):
    """Read by numpy, scipy and the rules of 3dDeconvolve; a measure that does not vary modulates nothing."""
    export_results(
        run, ["fsl", "spm", "afni"], tmp_path, options=ExportOptions(measures=("all",), parametric=True)
    )
    kinds = "mean|peak|latency|auc|dwell|onset|offset|change"
    measures = [
        n for n in run.trials if re.fullmatch(rf"fer_({'|'.join(run.expression.labels)})_({kinds})", n)
    ]
    assert len(measures) == 8 * len(run.expression.labels)
    spm = loadmat(tmp_path / "spm" / f"{STEM}_conditions.mat")
    names = [str(cell[0]) for cell in spm["names"].ravel()]
    for condition in ("happy", "neutral"):
        values = {n: of(run, condition)[n].to_numpy(float) for n in measures}
        varying = [n for n, v in values.items() if np.isfinite(v).sum() > 1 and np.nanstd(v) > 1e-9]
        assert len(varying) > 20
        pmod = spm["pmod"][0, names.index(condition)]
        found = {
            str(n[0]): v.ravel() for n, v in zip(pmod["name"].ravel(), pmod["param"].ravel(), strict=True)
        }
        assert list(found) == varying
        (row,) = read_afni(tmp_path / "afni" / f"sub-01_ses-01_{condition}_amplitudes.1D")
        amplitudes = np.array([a for _, a, _ in row])
        for k, name in enumerate(varying):
            value = values[name]
            wanted = np.nan_to_num(value - np.nanmean(value))
            np.testing.assert_allclose(found[name], wanted, atol=1e-9)
            np.testing.assert_allclose(amplitudes[:, k] - amplitudes[:, k].mean(), wanted, atol=2e-6)
            fsl = np.loadtxt(tmp_path / "fsl" / f"{STEM}_{condition}_{name}_pmod.txt", ndmin=2)
            np.testing.assert_allclose(fsl[:, 2], wanted[np.isfinite(value)], atol=1e-6)


def test_fsl_of_a_run_without_the_condition_is_empty_as_feat_has_it(session, tmp_path):
    done = export_results(session, "fsl", tmp_path, options=PARAMETRIC)
    for name in ("happy", "happy_fer_happy_mean_pmod"):
        text = (tmp_path / "fsl" / f"sub-01_ses-01_task-faces_run-2_{name}.txt").read_text()
        assert text == "0 0 0\n"
    assert any("run-2_happy.txt is empty" in note for note in done.notes)


def test_a_condition_that_only_the_protocol_has_is_empty_too(run, tmp_path):
    codes = {"S 11": "happy", "S 12": "neutral", "S 13": "sad"}
    promised = Provenance(protocol=ProtocolCard({"conditions": codes}))
    export_results(replace(run, provenance=promised), "fsl", tmp_path)
    assert (tmp_path / "fsl" / f"{STEM}_sad.txt").read_text() == "0 0 0\n"


def test_trials_without_the_measure_stay_in_the_main_effect(run, tmp_path):
    values = run.trials["fer_happy_mean"].to_numpy().copy()
    values[0] = np.nan  # a happy trial
    options = ExportOptions(measures=("fer_happy_mean",), parametric=True)
    export_results(change(run, "fer_happy_mean", values), ["fsl", "spm", "afni"], tmp_path, options=options)
    values = values[::2]
    known, wanted = values[np.isfinite(values)], np.nan_to_num(values - np.nanmean(values))
    assert len(np.loadtxt(tmp_path / "fsl" / f"{STEM}_happy.txt")) == 8 > len(known)
    pmod = np.loadtxt(tmp_path / "fsl" / f"{STEM}_happy_fer_happy_mean_pmod.txt")
    np.testing.assert_allclose(pmod[:, 2], known - known.mean(), atol=1e-6)
    param = loadmat(tmp_path / "spm" / f"{STEM}_conditions.mat")["pmod"]["param"][0, 0][0, 0].ravel()
    np.testing.assert_allclose(param, wanted)
    (row,) = read_afni(tmp_path / "afni" / "sub-01_ses-01_happy_amplitudes.1D")
    amplitude = np.array([a[0] for _, a, _ in row])
    np.testing.assert_allclose(amplitude - amplitude.mean(), wanted, atol=2e-6)


def test_spm_reads_cells_of_rows(run, tmp_path):
    export_results(run, "spm", tmp_path, options=PARAMETRIC)
    mat = loadmat(tmp_path / "spm" / f"{STEM}_conditions.mat")
    assert [str(name[0]) for name in mat["names"][0]] == ["happy", "neutral"]
    for name in ("names", "onsets", "durations", "orth"):
        assert mat[name].shape == (1, 2) and mat[name].dtype == object
    assert mat["pmod"].shape == (1, 2) and mat["pmod"].dtype.names == ("name", "param", "poly")
    for i, condition in enumerate(("happy", "neutral")):
        planted = of(run, condition)
        assert mat["onsets"][0, i].shape == (1, len(planted))
        np.testing.assert_allclose(mat["onsets"][0, i][0], planted["onset"], atol=1e-9)
        np.testing.assert_allclose(mat["durations"][0, i][0], planted["duration"], atol=1e-9)
        pmod = mat["pmod"][0, i]
        assert [str(name[0]) for name in pmod["name"][0]] == list(PARAMETRIC.measures)
        assert [float(order.item()) for order in pmod["poly"][0]] == [1.0, 1.0]
        for measure, values in zip(PARAMETRIC.measures, pmod["param"][0], strict=True):
            wanted = (planted[measure] - planted[measure].mean()).fillna(0.0)  # one has too few frames
            np.testing.assert_allclose(values[0], wanted, atol=1e-9)
        assert mat["orth"][0, i].item() == 1


def test_spm_in_scans_counts_from_the_first_stored_volume(run, tmp_path):
    export_results(run, "spm", tmp_path, options=ExportOptions(units="scans"))
    mat = loadmat(tmp_path / "spm" / f"{STEM}_conditions.mat")
    np.testing.assert_allclose(mat["onsets"][0, 0][0], of(run, "happy")["onset"] / 2.0)
    np.testing.assert_allclose(mat["durations"][0, 0][0], 1.0)
    assert "pmod" not in mat


def test_spm_regressors_are_those_of_the_volumes_with_their_names(run, tmp_path):
    export_results(run, "conn", tmp_path)
    names = (tmp_path / "conn" / f"{STEM}_multi_reg_names.txt").read_text().split()
    values = np.loadtxt(tmp_path / "conn" / f"{STEM}_multi_reg.txt")
    table, about = timeseries_table(run)
    assert names == about["ConfoundColumns"] and len(values) == run.recording.n_volumes
    np.testing.assert_allclose(values, table[names], atol=1e-6)
    export_results(run, "conn", tmp_path, options=ExportOptions(convolve=True), overwrite=True)
    names = (tmp_path / "conn" / f"{STEM}_multi_reg_names.txt").read_text().split()
    assert names and all(name.endswith("_hrf") for name in names)


def test_spm_leaves_out_a_condition_without_a_trial(session, tmp_path):
    done = export_results(session, "spm", tmp_path)
    mat = loadmat(tmp_path / "spm" / "sub-01_ses-01_task-faces_run-2_conditions.mat")
    assert [str(name[0]) for name in mat["names"][0]] == ["neutral"]
    assert any("run-2 has no happy" in note for note in done.notes)


def test_afni_has_a_row_for_each_run(session, tmp_path):
    done = export_results(session, "afni", tmp_path, options=PARAMETRIC)
    start = tmp_path / "afni" / "sub-01_ses-01_happy"
    assert (start.parent / f"{start.name}_times.1D").read_text().splitlines()[1] == "*"
    mean = pd.concat([of(run, "happy") for run in session.runs])[list(PARAMETRIC.measures)].mean()
    for kind in ("times", "durations", "amplitudes", "amplitudes_durations"):
        rows = read_afni(start.parent / f"{start.name}_{kind}.1D")
        assert len(rows) == 3
        for row, run in zip(rows, session.runs, strict=True):
            planted = of(run, "happy")
            np.testing.assert_allclose([t for t, _, _ in row], planted["onset"], atol=1e-6)
            if "amplitudes" in kind:
                wanted = planted[list(PARAMETRIC.measures)].fillna(mean).to_numpy()
                np.testing.assert_allclose(np.reshape([a for _, a, _ in row], (-1, 2)), wanted, atol=1e-6)
            if "durations" in kind:
                assert all(d == 2.0 for _, _, d in row)
    assert any(
        "runs in this order: task-faces_run-1, task-faces_run-2, task-faces_run-3" in n for n in done.notes
    )


def test_afni_with_one_time_a_row_says_it_is_of_one_run(session, tmp_path):
    runs = tuple(replace(run, trials=of(run, "neutral").head(1)) for run in session.runs)
    export_results(replace(session, runs=runs), "afni", tmp_path)
    lines = (tmp_path / "afni" / "sub-01_ses-01_neutral_times.1D").read_text().splitlines()
    assert lines[0].endswith(" *") and len(lines[0].split()) == 2 and len(lines[1].split()) == 1


def test_afni_regressors_have_a_row_for_each_volume_of_all_runs(session, tmp_path):
    export_results(session, "afni", tmp_path)
    folder = tmp_path / "afni"
    whole = np.loadtxt(folder / "sub-01_ses-01_regressors.1D")
    assert len(whole) == sum(run.recording.n_volumes for run in session.runs)
    names = (folder / "sub-01_ses-01_regressors.1D").read_text().split("\n", 1)[0].split()[1:]
    table, _ = timeseries_table(session.runs[2])
    third = np.loadtxt(folder / "sub-01_ses-01_task-faces_run-3_regressors.1D")
    np.testing.assert_allclose(third, table[names], atol=1e-6)
    np.testing.assert_array_equal(whole[-len(third) :], third)


def test_no_two_exports_disagree(run, tmp_path):
    export_results(run, ["fsl", "spm", "afni"], tmp_path)
    table = event_table(run)
    for condition in ("happy", "neutral"):
        wanted = table.loc[table["name"] == condition, "onset"]
        fsl = np.loadtxt(tmp_path / "fsl" / f"{STEM}_{condition}.txt")[:, 0]
        spm = loadmat(tmp_path / "spm" / f"{STEM}_conditions.mat")
        place = [str(name[0]) for name in spm["names"][0]].index(condition)
        (afni,) = read_afni(tmp_path / "afni" / f"sub-01_ses-01_{condition}_times.1D")
        for found in (fsl, spm["onsets"][0, place][0], [t for t, _, _ in afni]):
            np.testing.assert_allclose(found, wanted, atol=1e-6)


def test_segments_can_be_the_conditions_of_a_design(run, tmp_path):
    export_results(run, "fsl", tmp_path, options=ExportOptions(conditions=("fer/happy", "happy")))
    ev = np.atleast_2d(np.loadtxt(tmp_path / "fsl" / f"{STEM}_fer_happy.txt"))
    shown = run.segments[run.segments["label"] == "happy"]
    np.testing.assert_allclose(ev[:, 0], shown["onset"], atol=1e-6)
    assert {path.name for path in (tmp_path / "fsl").iterdir()} == {
        f"{STEM}_fer_happy.txt",
        f"{STEM}_happy.txt",
    }


def test_runs_are_picked_by_name(session, tmp_path):
    export_results(session, "fsl", tmp_path, runs=["run-3"])
    assert {path.name[:30] for path in (tmp_path / "fsl").iterdir()} == {"sub-01_ses-01_task-faces_run-3"}
    with pytest.raises(InputError, match="no run 'run-9'"):
        export_results(session, "fsl", tmp_path, runs=["run-9"])


def test_same_input_same_bytes(run, tmp_path):
    for folder in ("a", "b"):
        export_results(run, ["fsl", "spm", "afni"], tmp_path / folder, options=PARAMETRIC)
    made = [path.relative_to(tmp_path / "a") for path in (tmp_path / "a").rglob("*") if path.is_file()]
    assert len(made) > 10
    for path in made:
        assert (tmp_path / "a" / path).read_bytes() == (tmp_path / "b" / path).read_bytes()


def test_nothing_is_replaced_unless_asked(run, tmp_path):
    export_results(run, "fsl", tmp_path)
    path = tmp_path / "fsl" / f"{STEM}_happy.txt"
    path.write_text("mine")
    with pytest.raises(OutputError, match="is there already: give overwrite=True"):
        export_results(run, ["spm", "fsl"], tmp_path)
    assert path.read_text() == "mine" and not (tmp_path / "spm").exists()
    export_results(run, "fsl", tmp_path, overwrite=True)
    assert path.read_text() != "mine"


def renamed(run, *names):
    return change(
        run, "trial_type", pd.Series(np.resize(np.array(names, object), len(run.trials))).astype("str")
    )


@pytest.mark.parametrize(
    ("program", "names", "message"),
    [
        ("fsl", ("happy", " "), "' ' has no letter or digit, and FSL needs a file"),
        ("fsl", ("a b", "a/b"), "'a b' and 'a/b' would be one file for FSL"),
        ("afni", ("Happy", "happy"), "'Happy' and 'happy' would be one file for AFNI"),
        ("spm", ("", "happy"), "empty name, which SPM does not take"),
        ("spm", ("x" * 64, "happy"), "has 64 letters, and a name in SPM has at most 63"),
        ("spm", ("happy", "happy "), "Two conditions are named 'happy'"),
    ],
)
def test_names_that_a_program_cannot_take(run, tmp_path, program, names, message):
    with pytest.raises(InputError, match=message):
        export_results(renamed(run, *names), program, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_what_else_is_refused(run, make_run, tmp_path):
    def refuse(message, result=run, to="fsl", **options):
        with pytest.raises(InputError, match=message):
            export_results(result, to, tmp_path / "out", options=ExportOptions(**options))
        assert not (tmp_path / "out").exists()

    refuse("no export 'matlab': choose from fsl", to="matlab")
    refuse("No program was named", to=())
    refuse("no condition 'bored': choose from happy, neutral, face/lost", conditions=("bored",))
    refuse("no column fer_bored_mean: choose one of fer_", measures=("fer_bored_mean",))
    refuse("needs a measure", parametric=True)
    refuse("fer_dominant is no number", parametric=True, measures=("fer_dominant",))
    refuse("units of SPM's design are 'hours'", to="spm", units="hours")
    refuse("eeglab is for EEG, and sub-01.* has fMRI", to="eeglab")
    refuse("afni is for fMRI, and sub-01.* has EEG", result=make_run(Modality.EEG), to="afni")
    refuse("has no trials, and fsl needs events", result=without(run))
    promised = Provenance(protocol=ProtocolCard({"conditions": {"S 13": "sad"}}))
    refuse("No run has a trial of 'sad', and AFNI", result=replace(run, provenance=promised), to="afni")
    refuse(
        "has no trial of sad, and SPM",
        result=replace(run, provenance=promised),
        to="spm",
        conditions=("sad",),
    )


def without(run):
    return replace(run, trials=run.trials.iloc[:0])


def test_every_program_is_documented_and_listed():
    page = (Path(__file__).parents[2] / "docs" / "export.md").read_text(encoding="utf-8")
    help_text = (Path(__file__).parents[2] / "enicfer" / "cli" / "export.py").read_text(encoding="utf-8")
    for name in EXPORTS:
        assert f"--to {name}" in page or f",{name}" in page, name
        assert re.search(rf"\b{name}\b", help_text), name
