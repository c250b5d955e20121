from dataclasses import replace

import mne  # noqa: F401  (nilearn and MNE-Python must get along in one process)
import numpy as np
import pandas as pd
import pytest

from enicfer.errors import InputError
from enicfer.export.fmri import canonical_hrf, landmark_speed, modulation_events, timeseries_table
from enicfer.records import Modality, Status

nilearn_glm = pytest.importorskip("nilearn.glm.first_level")


@pytest.fixture(scope="module")
def run(make_run):
    return make_run(Modality.FMRI, seconds=120.0, n_trials=16)


def test_one_row_per_volume_without_gaps(run):
    table, sidecar = timeseries_table(run)
    assert len(table) == run.recording.n_volumes == 60
    assert table.notna().all().all()
    assert table["fer_valid"].between(0, 1).all()
    assert set(table) < set(sidecar) and "interpolated linearly" in sidecar["Method"]


def test_rows_are_means_over_the_volume(run):
    table, _ = timeseries_table(run)
    volume = np.floor(run.time / 2.0)
    for k in (0, 7, 33):
        inside = (volume == k) & run.expression.ok
        assert table["fer_happy"][k] == pytest.approx(run.expression.probability[inside, 2].mean(), abs=0.02)
        assert table["fer_valid"][k] == pytest.approx(1.0, abs=0.06)


def test_a_lost_volume_is_interpolated_and_says_so(run):
    table, _ = timeseries_table(run)
    lost = np.flatnonzero(table["fer_valid"] == 0)  # 36 to 42 s and some of 84 to 86.4 s have no face
    assert {19, 20} <= set(lost)
    before, after = table.loc[18, "fer_happy"], table.loc[21, "fer_happy"]
    np.testing.assert_allclose(table.loc[19:20, "fer_happy"], np.linspace(before, after, 4)[1:3])


def test_no_answer_at_all_is_zero_and_not_nan(run, make_run):
    nothing = replace(
        run,
        expression=replace(
            run.expression,
            probability=np.full_like(run.expression.probability, np.nan),
            status=np.full_like(run.expression.status, Status.NO_FACE),
        ),
    )
    table, _ = timeseries_table(nothing, convolve=True)
    assert (table.filter(regex="happy|fer_valid").to_numpy() == 0).all()


def test_the_reference_is_what_the_others_leave(run):
    default, sidecar = timeseries_table(run, convolve=True)
    whole, about = timeseries_table(run, convolve=True, reference="sad")
    assert {"fer_neutral", "fer_neutral_hrf"} == set(whole) - set(default)
    others = default[["fer_angry", "fer_fearful", "fer_happy", "fer_sad"]].sum(axis=1)
    np.testing.assert_allclose(whole["fer_neutral"], 1 - others, atol=1e-6)
    assert sidecar["Reference"] == "neutral" and "neutral is the reference" in sidecar["Method"]
    assert about["Reference"] == "sad" and "fer_sad" not in about
    with pytest.raises(InputError, match=r"no label 'bored': the reference is one of angry, f"):
        timeseries_table(run, reference="bored")
    coded = replace(run.expression, labels=("happy", "sad"), probability=run.expression.probability[:, :2])
    assert "fer_happy" in (table := timeseries_table(replace(run, expression=coded))[0])
    assert "fer_sad" not in table


def test_a_planted_effect_is_found_beside_a_constant(run):
    """All columns, rounded as they are written, in one design with nilearn's constant."""
    from nilearn.glm.contrasts import compute_contrast
    from nilearn.glm.first_level import make_first_level_design_matrix, run_glm

    table = timeseries_table(run)[0].round(6)
    design = make_first_level_design_matrix(
        np.arange(60) * 2.0, add_regs=table, add_reg_names=list(table), drift_model=None
    )
    assert np.linalg.matrix_rank(design, rtol=1e-5) == design.shape[1] == 9  # rounding is no rank
    happy = (table["fer_happy"] - table["fer_happy"].mean()) / table["fer_happy"].std()
    signal = 10 * happy.to_numpy()[:, None] + np.random.default_rng(0).normal(0, 1, (60, 50))
    labels, estimates = run_glm(signal, design.to_numpy(), noise_model="ols")
    weights = np.array([float(name == "fer_happy") for name in design])
    assert compute_contrast(labels, estimates, weights).z_score().mean() > 8


def test_movement_that_nobody_measured_is_left_out(run):
    table, sidecar = timeseries_table(run)
    volume = np.arange(60) * 2.0
    lost = (volume > 36.1) & (volume + 2 < 41.9)  # the face
    assert (table["fer_motion_valid"][lost] == 0).all() and (table["fer_head_motion"][lost] > 0).all()
    assert table["fer_motion_valid"][:10].min() > 0.9 and "fer_motion_valid" in sidecar["Method"]
    nowhere = np.full_like(run.faces.landmarks, np.nan)
    table, sidecar = timeseries_table(replace(run, faces=replace(run.faces, landmarks=nowhere)))
    assert not [name for name in [*table, *sidecar] if "motion" in name]
    assert "Movement was not measured" in sidecar["Method"]


def test_eeg_has_no_volumes(make_run):
    with pytest.raises(InputError, match="needs an fMRI run"):
        timeseries_table(make_run(Modality.EEG))


def test_response_is_that_of_spm():
    from nilearn.glm.first_level import spm_hrf

    step = 0.1
    theirs = spm_hrf(1.0, oversampling=10, time_length=32.0)
    mine = canonical_hrf(step)
    assert np.corrcoef(mine, theirs)[0, 1] > 0.999
    assert mine.argmax() * step == pytest.approx(5.0, abs=0.2)


def test_convolved_columns_agree_with_nilearn(run):
    """Two smiles without a gap, and nilearn's response a hundred times as fine."""
    from nilearn.glm.first_level import spm_hrf
    from scipy.signal import fftconvolve

    def smile(time):
        return 0.8 * np.exp(-(((time - 20.3) / 1.5) ** 2)) + 0.5 * np.exp(-(((time - 61.9) / 0.8) ** 2))

    status = np.where((run.time < 0) | (run.time > 120), Status.OUTSIDE_RECORDING, Status.OK).astype(np.uint8)
    probability = np.zeros_like(run.expression.probability)
    probability[:, 2] = smile(run.time)
    shown = replace(run, expression=replace(run.expression, status=status, probability=probability))
    mine = timeseries_table(shown, convolve=True)[0]["fer_happy_hrf"]
    fine = 1600
    response = spm_hrf(2.0, oversampling=fine, time_length=32.0)
    theirs = fftconvolve(smile(np.arange(60 * fine) * 2.0 / fine), response)[: 60 * fine : fine]
    np.testing.assert_allclose(mine / mine.max(), theirs / theirs.max(), atol=0.003)


def test_modulation_is_demeaned_without_gaps_and_beside_the_main_effect(run):
    events = modulation_events(run, "happy")
    assert events.notna().all().all() and events["onset"].is_monotonic_increasing
    for condition in ("happy", "neutral"):
        main = events[events["trial_type"] == condition]
        parametric = events[events["trial_type"] == f"{condition}_fer_happy"]
        assert (main["modulation"] == 1).all()
        assert parametric["modulation"].mean() == pytest.approx(0, abs=1e-12)
        answered = run.trials[run.trials["trial_type"] == condition]["fer_happy_mean"].notna().sum()
        assert len(parametric) == answered and len(main) >= answered
    kinds = run.trials["trial_type"].to_numpy(dtype=object, copy=True)
    kinds[np.flatnonzero(run.trials["fer_happy_mean"].notna())[0]] = "rare"
    single = replace(run, trials=run.trials.assign(trial_type=kinds))
    assert "rare" in set(kinds) and "rare_fer_happy" not in set(
        modulation_events(single, "happy")["trial_type"]
    )
    constant = replace(run, trials=run.trials.assign(fer_happy_mean=0.3))
    assert set(modulation_events(constant, "happy")["trial_type"]) == {"happy", "neutral"}
    with pytest.raises(InputError, match="no column fer_happy_size"):
        modulation_events(run, "happy", "size")


@pytest.mark.filterwarnings("ignore:.*while a mask was given:RuntimeWarning")
def test_nilearn_finds_a_planted_effect(run):
    import nibabel as nib
    from nilearn.glm.first_level import FirstLevelModel, compute_regressor

    rng = np.random.default_rng(0)
    events = modulation_events(run, "happy", "peak")
    rows = events[events["trial_type"] == "neutral_fer_happy"]
    frame_times = np.arange(60) * 2.0
    effect, _ = compute_regressor(rows[["onset", "duration", "modulation"]].to_numpy().T, "spm", frame_times)
    signal = 1000 + rng.normal(0, 1, (4, 4, 2, 60))
    signal[0, 0, 0] += 10 * effect[:, 0] / np.abs(effect).max()
    image = nib.Nifti1Image(signal.astype(np.float32), np.eye(4))
    mask = nib.Nifti1Image(np.ones((4, 4, 2), np.int8), np.eye(4))
    confounds = timeseries_table(run)[0][["fer_head_motion", "fer_face_motion"]]
    model = FirstLevelModel(t_r=2.0, mask_img=mask, hrf_model="spm", drift_model=None)
    model.fit(image, events=events, confounds=confounds)
    assert np.linalg.matrix_rank(model.design_matrices_[0]) == model.design_matrices_[0].shape[1]
    z = model.compute_contrast("neutral_fer_happy").get_fdata()
    assert z[0, 0, 0] > 5 and np.abs(np.delete(z.ravel(), 0)).max() < 4.5


def test_movement_of_the_head_is_not_movement_of_the_face(run):
    n = run.time.size
    shape = np.array([[0, 0], [60, 0], [30, 30], [10, 60], [50, 60]], dtype=np.float64)
    angle, size = 0.3 * np.sin(run.time), 1 + 0.2 * np.cos(run.time)
    turn = np.stack([np.cos(angle), -np.sin(angle), np.sin(angle), np.cos(angle)], axis=1).reshape(n, 2, 2)
    landmarks = np.einsum("nij,kj->nki", turn, shape) * size[:, None, None]
    rigid = replace(run, faces=replace(run.faces, landmarks=landmarks.astype(np.float32)))
    speed, known = landmark_speed(rigid)
    assert known[1:].mean() > 0.95
    assert speed[known, 1].max() < 1e-3 < np.median(speed[known, 0])
    landmarks[:, 3:, 0] += 5 * np.sin(20 * run.time)[:, None] * np.array([1, -1])  # the mouth opens sideways
    smiling = replace(run, faces=replace(run.faces, landmarks=landmarks.astype(np.float32)))
    assert np.median(landmark_speed(smiling)[0][known, 1]) > 0.1
    assert isinstance(timeseries_table(smiling)[0], pd.DataFrame)
