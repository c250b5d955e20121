import numpy as np
import pytest

from enicfer.export.physio import physio_table, physioevents_table
from enicfer.records import Modality, Status
from enicfer.timecourse.sampling import nominal_rate


@pytest.mark.parametrize("modality", list(Modality))
def test_every_point_has_the_status_of_one_frame_and_lies_between_two(make_run, modality):
    run = make_run(modality)
    table, sidecar = physio_table(run)
    rate = sidecar["SamplingFrequency"]
    assert rate == 30.0 and sidecar["StartTime"] == 0 and sidecar["Columns"] == list(table)
    assert table.columns[0] == "timestamp" and len(table) == 60 * 30
    np.testing.assert_allclose(table["timestamp"], np.arange(len(table)) / rate)
    nearest = np.abs(run.time[None] - table["timestamp"].to_numpy()[:, None]).argmin(axis=1)
    there = table["status"].notna().to_numpy()
    assert there.mean() > 0.95
    np.testing.assert_array_equal(table["status"][there].to_numpy(int), run.expression.status[nearest[there]])
    p = run.expression.probability[:, 2]
    around = np.stack([p[np.clip(nearest[there] + step, 0, p.size - 1)] for step in (-1, 0, 1)])
    value = table["happy"].to_numpy()[there]
    known = np.isfinite(value)
    low, high = np.nanmin(around[:, known], axis=0), np.nanmax(around[:, known], axis=0)
    assert (value[known] >= low - 1e-6).all() and (value[known] <= high + 1e-6).all()
    answered = there & (table["status"].fillna(1) == Status.OK).to_numpy()
    np.testing.assert_array_equal(table["happy"].notna(), answered)


def test_holes_in_the_video_stay_holes(make_run):
    from dataclasses import fields, replace

    run = make_run()
    keep = (run.time < 20) | (run.time > 23)

    def cut(record):
        arrays = {f.name: getattr(record, f.name) for f in fields(record)}
        return replace(record, **{k: v[keep] for k, v in arrays.items() if isinstance(v, np.ndarray)})

    holed = replace(run, time=run.time[keep], expression=cut(run.expression), faces=cut(run.faces))
    table, _ = physio_table(holed)
    hole = (table["timestamp"] > 20.1) & (table["timestamp"] < 22.9)
    assert table.loc[hole, ["happy", "status"]].isna().all().all()


@pytest.mark.parametrize("rate", [12.5, 15, 23.976, 24, 25, 29.97, 30, 50, 59.94, 60, 120])
def test_rate_is_found_in_spite_of_dropped_frames_and_jitter(rate):
    rng = np.random.default_rng(1)
    time = np.arange(3000) / rate + rng.uniform(-0.1, 0.1, 3000) / rate
    time = np.delete(time, rng.choice(3000, 150, replace=False))
    assert nominal_rate(time) == rate


def test_odd_rates_get_the_default():
    assert (
        nominal_rate(np.arange(100) / 3.0)
        == nominal_rate(np.array([1.0]))
        == nominal_rate(np.empty(0))
        == 30.0
    )


def test_spans_are_cut_at_the_ends_of_the_recording(make_run):
    run = make_run()
    table, sidecar = physioevents_table(run)
    assert table["onset"].min() >= 0 and (table["onset"] + table["duration"]).max() <= run.recording.duration
    assert sidecar["Columns"] == list(table) and sidecar["OnsetSource"] == "timestamp"
    assert set(table["trial_type"]) <= set(sidecar["trial_type"]["Levels"])
    assert (table["time_uncertainty"] > 0).all()
    assert len(table) == len(run.segments)
