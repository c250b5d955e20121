import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import av
import mne
import nibabel
import numpy as np
import pytest

from enicfer.errors import InputError, OutputError
from enicfer.synthetic import SyntheticScene, write_example_session
from tests.thorough import THOROUGH

SHORT = SyntheticScene(
    width=320, height=240, conditions=("happy",), trials_per_condition=2, absences=(1.8,), covers=0, visits=0,
    participant_size=(30.0, 34.0), examiner_size=(24.0, 40.0),
)  # fmt: skip


@pytest.fixture(scope="module", params=["eeg", "fmri"])
def session(request, once):
    """A short session of each modality."""
    name = f"short-{request.param}"
    return once(name, lambda folder: write_example_session(folder / "s", request.param, 1, scene=SHORT)) / "s"


def read_truth(session):
    return json.loads((session / "truth.json").read_text(encoding="utf-8"))


def test_video_has_the_times_of_the_truth(session):
    truth = read_truth(session)
    with av.open(str(session / "camera.mp4")) as container:
        times = [float(frame.pts * frame.time_base) for frame in container.decode(video=0)]
    np.testing.assert_allclose(times, [frame["video_time"] for frame in truth["frames"]], rtol=0, atol=1e-6)
    clock = truth["clock"]
    mapped = clock["slope"] * np.array(times) + clock["intercept"]
    np.testing.assert_allclose(mapped, [frame["time"] for frame in truth["frames"]], rtol=0, atol=1e-5)
    steps = np.diff(times)
    assert steps.min() > 1 / 34 and np.ptp(steps) > 0.002, "the frame rate varies"
    assert clock["slope"] == pytest.approx(1 / 1.00012, abs=1e-12)


def test_led_is_bright_when_the_truth_says_so(session):
    truth = read_truth(session)
    x, y = truth["led"]
    with av.open(str(session / "camera.mp4")) as container:
        brightness = np.array(
            [
                f.to_ndarray(format="gray")[y - 5 : y + 6, x - 5 : x + 6].mean()
                for f in container.decode(video=0)
            ]
        )
    end = np.array([frame["time"] for frame in truth["frames"]])
    start = end - [frame["exposure"] for frame in truth["frames"]]
    flashes = np.array([pulse["time"] for pulse in truth["pulses"] if pulse["video_time"] is not None])
    # Fraction of each exposure during which the LED was on, for 0.1 s from each flash.
    overlap = np.minimum(end[:, None], flashes + 0.1) - np.maximum(start[:, None], flashes)
    fraction = np.clip(overlap, 0, None).sum(axis=1) / (end - start)
    assert (fraction == 1).any() and (fraction == 0).any() and ((fraction > 0.2) & (fraction < 0.8)).any()
    assert np.corrcoef(fraction, brightness)[0, 1] > 0.98


def test_recording_misses_two_pulses_and_has_one_extra(session):
    truth = read_truth(session)
    if (session / "eeg.vhdr").exists():
        raw = mne.io.read_raw_brainvision(session / "eeg.vhdr", verbose="error")
        marks = zip(raw.annotations.onset, raw.annotations.description, strict=True)
        found = [onset for onset, text in marks if " ".join(text.split()) == "Stimulus/S 1"]
        tolerance = 0.001
        assert raw.times[-1] == pytest.approx(truth["duration"] - 1 / raw.info["sfreq"])
    else:
        rows = [line.split("\t") for line in (session / "faces.log").read_text(encoding="utf-8").splitlines()]
        volumes = [int(row[4]) / 1e4 for row in rows if row[2:4] == ["Pulse", "5"]]
        image = nibabel.load(session / "bold.nii")
        assert image.header.get_zooms()[3] == 2.0
        assert len(volumes) == image.shape[3] - 1, "one volume pulse is missing"
        found = [int(row[4]) / 1e4 - volumes[0] for row in rows if row[3:4] == ["sync"]]
        tolerance = 0.0001
    recorded = [pulse["time"] for pulse in truth["pulses"] if pulse["recorded"]]
    np.testing.assert_allclose(found, recorded, rtol=0, atol=tolerance + 1e-9)
    inside = [pulse for pulse in truth["pulses"] if recorded[0] <= pulse["time"] <= recorded[-1]]
    assert sum(pulse["video_time"] is not None and not pulse["recorded"] for pulse in inside) == 2
    assert sum(pulse["video_time"] is None for pulse in inside) == 1


def test_truth_knows_who_is_where(session):
    truth = read_truth(session)
    gone = [frame for frame in truth["frames"] if frame["participant"] is None]
    assert 5 < len(gone) < 60
    assert all(frame["visible"] < 0.1 and frame["landmarks"] is None for frame in gone)
    assert any(frame["other"] for frame in gone), "the examiner stays while the participant is away"
    for frame in truth["frames"]:
        if frame["participant"] and frame["visible"] == 1:
            left, top, right, bottom = frame["participant"]
            assert 0 <= left < right <= 320 and 0 <= top < bottom <= 240
            points = np.array(frame["landmarks"])
            assert (points > (left, top)).all() and (points < (right, bottom)).all()
    shown = [frame["strength"] for frame in truth["frames"] if frame["expression"] == "happy"]
    assert max(shown) > 0.9


DIGEST = """
import hashlib, sys, tempfile, pathlib
from enicfer.synthetic import write_example_session
sys.path.insert(0, sys.argv[1])
from test_write import SHORT
with tempfile.TemporaryDirectory() as folder:
    for path in sorted(write_example_session(pathlib.Path(folder) / "s", "eeg", 1, scene=SHORT).iterdir()):
        print(path.name, hashlib.sha256(path.read_bytes()).hexdigest())
"""
PROCESSORS = {
    "linear algebra of another processor": {"OPENBLAS_CORETYPE": "Prescott"},
    "one thread": {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
    "memory that holds something": {"MALLOC_PERTURB_": "85"},
    "pictures by another library": {"OPENCV_IPP": "disabled"},
}
ALL_AT_ONCE = {"all at once": {name: value for each in PROCESSORS.values() for name, value in each.items()}}
TRIED = PROCESSORS if THOROUGH else ALL_AT_ONCE


@pytest.mark.slow
@pytest.mark.parametrize("name", TRIED)
def test_same_bytes_on_other_processors(session, name):
    if not (session / "eeg.vhdr").exists():
        pytest.skip("one modality is enough for the pictures")
    command = [sys.executable, "-c", DIGEST, str(Path(__file__).parent)]
    run = subprocess.run(
        command, env=os.environ | TRIED[name], capture_output=True, text=True, timeout=300, check=True
    )
    here = [f"{p.name} {hashlib.sha256(p.read_bytes()).hexdigest()}" for p in sorted(session.iterdir())]
    assert run.stdout.splitlines() == here


def test_same_seed_same_bytes(session, tmp_path):
    modality = "eeg" if (session / "eeg.vhdr").exists() else "fmri"
    again = write_example_session(tmp_path / "again", modality, 1, scene=SHORT)
    names = sorted(path.name for path in session.iterdir())
    assert names == sorted(path.name for path in again.iterdir())
    for name in names:
        first, second = (hashlib.sha256((f / name).read_bytes()).hexdigest() for f in (session, again))
        assert first == second, name


def test_never_writes_into_a_folder_in_use(tmp_path):
    (tmp_path / "mine.txt").write_text("precious", encoding="utf-8")
    with pytest.raises(OutputError, match="not an empty folder"):
        write_example_session(tmp_path)
    with pytest.raises(InputError, match=r"'meg'.*eeg, fmri"):
        write_example_session(tmp_path / "new", "meg")
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
