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
    from dataclasses import replace

    nothing = replace(
        run,
        expression=replace(
            run.expression,
            probability=np.full_like(run.expression.probability, np.nan),
            status=np.full_like(run.expression.status, Status.NO_FACE),
        ),
    )
    table, _ = timeseries_table(nothing, convolve=True)
    assert (table.filter(regex="happy|valid").to_numpy() == 0).all()


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
    from nilearn.glm.first_level import compute_regressor

    table, _ = timeseries_table(run, convolve=True)
    step = 0.125
    onset = np.arange(0, 120, step)
    ok = run.expression.ok
    amplitude = np.interp(onset + step / 2, run.time[ok], run.expression.probability[ok, 2])
    theirs, _ = compute_regressor(
        (onset, np.full(onset.size, step), amplitude), "spm", np.arange(60) * 2.0, oversampling=16
    )
    assert np.corrcoef(table["fer_happy_hrf"][8:], theirs[8:, 0])[0, 1] > 0.995


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
    from dataclasses import replace

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
