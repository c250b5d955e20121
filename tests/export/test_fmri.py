from dataclasses import replace

import mne  # noqa: F401  (nilearn and MNE-Python must get along in one process)
import numpy as np
import pandas as pd
import pytest
from scipy.ndimage import gaussian_filter1d

from enicfer.errors import InputError
from enicfer.export.description import readme
from enicfer.export.fmri import (
    canonical_hrf,
    confound_columns,
    landmark_speed,
    modulation_events,
    timeseries_table,
)
from enicfer.records import Modality, ProtocolCard, Status, select_frames

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


def haemodynamic(trace, rate, at):
    """What the brain would do: the trace (m,) at ``rate`` Hz with SPM's response, at the times ``at`` (s)."""
    from nilearn.glm.first_level import spm_hrf
    from scipy.signal import fftconvolve

    response = spm_hrf(1.0, oversampling=int(rate), time_length=32.0)
    return fftconvolve(trace, response / response.sum())[np.round(np.asarray(at) * rate).astype(int)]


def shown_for(run, seconds, tr, happy, lost):
    """A run whose face shows ``happy`` (m,) at 50 Hz, filmed at 30 Hz with noise and ``lost`` (n,) frames."""
    time = np.arange(-1, seconds + 1, 1 / 30) + 0.01
    rng = np.random.default_rng(0)
    value = np.interp(time, (np.arange(happy.size) + 0.5) / 50, happy) + rng.normal(0, 0.05, time.size)
    status = np.where(lost(time), Status.NO_FACE, Status.OK).astype(np.uint8)
    probability = np.stack([value, 1 - value], axis=1).astype(np.float32)
    probability[status != Status.OK] = np.nan
    rows = np.resize(np.flatnonzero(np.isfinite(run.faces.score)), time.size)
    faces = replace(select_frames(run.faces, rows), video_time=time)
    recording = replace(run.recording, duration=seconds, n_volumes=int(seconds / tr), repetition_time=tr)
    trace = replace(
        run.expression, video_time=time, probability=probability, status=status, labels=("happy", "neutral")
    )
    return replace(run, time=time, faces=faces, expression=trace, recording=recording)


@pytest.mark.parametrize("kind", ["quick", "slow", "smiles", "blocks"])
@pytest.mark.parametrize(("spell", "share"), [(3.0, 0.2), (10.0, 0.3)])
def test_effects_keep_their_size_where_the_face_was_lost(run, kind, spell, share):
    """BOLD of a known face and a known beta of 1, with spells of lost face; mean of four sessions."""
    betas = []
    for seed in range(4):
        rng, n = np.random.default_rng(seed), 600 * 50
        time = (np.arange(n) + 0.5) / 50
        if kind in ("quick", "slow"):
            happy = gaussian_filter1d(rng.normal(size=n), {"quick": 20, "slow": 150}[kind])
            happy = 1 / (1 + np.exp(1 - 1.5 * happy / happy.std()))
        elif kind == "smiles":
            at = rng.uniform(0, 600, 60)
            happy = np.clip(0.8 * np.exp(-(((time[:, None] - at) / 1.2) ** 2)).sum(axis=1), 0, 1)
        else:
            edges = np.cumsum(rng.uniform([2.0, 4.0], [5.0, 9.0], size=(80, 2)).ravel())
            happy = 0.9 * (np.searchsorted(edges, time) % 2)
        begin = np.linspace(0, 600, int(600 * share / spell), endpoint=False) + rng.uniform(
            0, spell, int(600 * share / spell)
        )
        session = shown_for(
            run,
            600.0,
            2.0,
            happy,
            lambda t, begin=begin: ((t[:, None] > begin) & (t[:, None] < begin + spell)).any(1),
        )
        table = timeseries_table(session, convolve=True)[0]
        bold = haemodynamic(happy, 50, table.index * 2.0)
        betas.append(np.polyfit(table["fer_happy_hrf"], bold, 1)[0])
    assert 0.95 < np.mean(betas) < 1.05


@pytest.mark.parametrize("part", [0.0, 0.3, 0.5, 1.0])
def test_responses_are_sampled_at_the_slice_time(run, part):
    """nilearn's frame times are ``t_r * (volume + slice_time_ref)``; the protocol may say which."""
    time = (np.arange(30_000) + 0.5) / 50
    happy = 0.1 + 0.8 * np.exp(-(((time - 60.3) / 2) ** 2)) + 0.6 * np.exp(-(((time - 301.9) / 1) ** 2))
    session = shown_for(run, 600.0, 2.0, happy, lambda t: np.zeros(t.size, bool))
    table, about = timeseries_table(session, convolve=True, slice_time_ref=part)
    bold = haemodynamic(happy, 50, (table.index + part) * 2.0 - 1e-9)
    np.testing.assert_allclose(table["fer_happy_hrf"], bold, atol=0.02)
    assert np.abs(table["fer_happy_hrf"] - bold).max() < 0.3 * np.abs(np.gradient(bold)).max()
    assert about["SliceTimeRef"] == part and f"at {part:g} of each" in about["Method"]
    plain = timeseries_table(session)
    assert "SliceTimeRef" not in plain[1]
    pd.testing.assert_frame_equal(plain[0], timeseries_table(session, slice_time_ref=1 - part)[0])
    provenance = replace(session.provenance, protocol=ProtocolCard({"scanner": {"slice_time_ref": part}}))
    pd.testing.assert_frame_equal(
        timeseries_table(replace(session, provenance=provenance), convolve=True)[0], table
    )


@pytest.mark.parametrize("part", [-0.1, 1.1, np.nan])
def test_a_slice_time_outside_of_the_volume_is_refused(run, part):
    with pytest.raises(InputError, match=r"no slice_time_ref of .*: give 0 for the start"):
        timeseries_table(run, slice_time_ref=part)


def test_columns_that_do_not_vary_are_no_confounds(run):
    """A face that was never lost: the columns of what is valid are constant; so may an expression be."""
    table = timeseries_table(run)[0].round(6)
    assert confound_columns(table) == list(table)
    table["fer_motion_valid"] = 1.0
    table["fer_sad"] = 3e-7 * (np.arange(len(table)) % 2)  # nothing is left of it in the file
    table["twice"] = 0.3 + 2 * table["fer_happy"] - table["fer_angry"]
    chosen = confound_columns(table)
    assert chosen == [n for n in table if n not in ("fer_motion_valid", "fer_sad", "twice")]
    design = np.column_stack([np.ones(len(table)), table[chosen]])
    assert np.linalg.matrix_rank(design) == design.shape[1]
    assert confound_columns(table[:0]) == []


def test_the_code_of_the_readme_fits_without_a_warning(run, tmp_path, monkeypatch):
    """A run with a face that was never lost, so that what is valid is constant."""
    import nibabel as nib

    time = (np.arange(6000) + 0.5) / 50
    steady = shown_for(run, 120.0, 2.0, 0.5 + 0.4 * np.sin(time), lambda t: np.zeros(t.size, bool))
    table, about = timeseries_table(steady)
    assert set(table) - set(about["ConfoundColumns"]) == {"fer_valid", "fer_motion_valid"}
    code = readme(steady).split("# fMRI: ")[1].split("```")[0].partition("\n")[2]
    assert "FirstLevelModel" in code and "confounds=" in code
    bold = np.random.default_rng(0).normal(20, 1, (16, 16, 16, 60))
    bold[3:13, 3:13, 3:13] += 1000  # a brain with air around it
    monkeypatch.chdir(tmp_path)
    nib.save(nib.Nifti1Image(bold.astype(np.float32), np.eye(4)), "bold.nii.gz")
    space = {"run": steady}
    exec(code, space)
    design = space["model"].design_matrices_[0]
    assert np.linalg.cond(design / np.linalg.norm(design, axis=0)) < 1e6
    assert "happy_fer_happy" in design and "fer_happy" in design


def test_the_reference_is_what_the_others_leave(run):
    default, sidecar = timeseries_table(run, convolve=True)
    whole, about = timeseries_table(run, convolve=True, reference="sad")
    assert {"fer_neutral", "fer_neutral_hrf"} == set(whole) - set(default)
    others = default[["fer_angry", "fer_fearful", "fer_happy", "fer_sad"]].sum(axis=1)
    np.testing.assert_allclose(whole["fer_neutral"], 1 - others, atol=1e-6)
    assert sidecar["Reference"] == "neutral" and "neutral is the reference" in sidecar["Method"]
    assert about["Reference"] == "sad" and "fer_sad" not in about
    with pytest.raises(InputError, match=r"no label 'bored': give one of angry, f"):
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
    with pytest.raises(InputError, match="give an fMRI run, which a time series needs"):
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
    from nilearn.glm.first_level import spm_hrf, spm_time_derivative
    from scipy.signal import fftconvolve

    def smile(time):
        return 0.8 * np.exp(-(((time - 20.3) / 1.5) ** 2)) + 0.5 * np.exp(-(((time - 61.9) / 0.8) ** 2))

    status = np.where((run.time < 0) | (run.time > 120), Status.OUTSIDE_RECORDING, Status.OK).astype(np.uint8)
    probability = np.zeros_like(run.expression.probability)
    probability[:, 2] = smile(run.time)
    shown = replace(run, expression=replace(run.expression, status=status, probability=probability))
    table, sidecar = timeseries_table(shown, convolve=True, derivative=True)
    mine, slope = table["fer_happy_hrf"], table["fer_happy_hrf_derivative"]
    fine = 1600
    smiles = smile(np.arange(60 * fine) * 2.0 / fine)
    response = spm_hrf(2.0, oversampling=fine, time_length=32.0)
    theirs = fftconvolve(smiles, response)[: 60 * fine : fine]
    np.testing.assert_allclose(mine / mine.max(), theirs / theirs.max(), atol=0.003)
    # nilearn's is a difference over 0.1 s, which lies 0.05 s late
    late = fftconvolve(smiles, spm_time_derivative(2.0, oversampling=fine, time_length=32.0))
    ahead = late[fine * 5 // 200 :][: 60 * fine : fine]
    np.testing.assert_allclose(slope / mine.max(), ahead / theirs.max(), atol=0.004)
    assert np.abs(slope).max() / mine.max() > 0.2
    assert "takes up a response" in sidecar["fer_happy_hrf_derivative"]["Description"]
    assert "fer_neutral_hrf_derivative" not in table


def test_modulation_is_demeaned_beside_the_main_effect(run):
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
