"""Every reader of files from outside, on damaged files: one sentence, or an answer; never more.

A file of each kind is cut, overwritten, doubled or shuffled at places that hypothesis chooses. What is allowed is
an `EnicferError` with a sentence, or a result; what is not is any other exception, a warning, or more than 5 s.
"""

import json
import shutil
from datetime import timedelta
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.io import wavfile

from enicfer.config.protocol import read_protocol
from enicfer.config.session import read_session
from enicfer.errors import EnicferError
from enicfer.io.audio import read_sound
from enicfer.io.bold import read_bold
from enicfer.io.eeg import read_eeg
from enicfer.io.external.codings import read_coding
from enicfer.io.external.face_tables import read_face_table
from enicfer.io.files.names import SUFFIXES, find_frames
from enicfer.io.results import read_run
from enicfer.io.tables import read_json, read_table
from enicfer.io.triggers import read_trigger_log
from enicfer.io.video.frame_times import read_frame_times
from enicfer.io.video.reader import probe_video, read_frames
from enicfer.io.xdf.file import read_xdf
from enicfer.io.xdf.markers import find_markers
from enicfer.models.weights import read_model
from enicfer.privacy.share_check import read_names
from enicfer.training.datasets import Options, read_dataset
from enicfer.training.recipe import read_recipe
from tests.io.test_eeg import write_brainvision, write_edf
from tests.io.test_rare_eeg import EVENTS, write_gdf, write_nicolet, write_nihon, write_persyst
from tests.io.video.test_stamps import COUNT
from tests.io.video.test_stamps import write as write_counted
from tests.xdf_writer import make_stream, write_xdf

ROOT = Path(__file__).resolve().parents[1]
MANIFEST = "path,label,subject,age,sex,set\na.png,happy,1,8,f,x\nb.png,sad,2,9.5,m,x\n"
FER = "emotion,pixels,Usage\n" + "".join(f"{i % 7},{' '.join(['7'] * 2304)},Training\n" for i in range(3))
PSYCHOPY = "trials.thisN,stim.started,key_resp.rt,\n0,1.5,0.3,\n1,2.75,,\n"
EPRIME = (
    "*** Header Start ***\nSubject: 1\n*** Header End ***\n"
    "\t*** LogFrame Start ***\n\tStim.OnsetTime: 12345\n\t*** LogFrame End ***\n"
)
FRAME_TIMES = "frame,time\n" + "".join(f"{i},{i / 30:.4f}\n" for i in range(30))

PYFEAT = "frame,FaceScore,FaceRectX,FaceRectY,FaceRectWidth,FaceRectHeight,happiness,neutral\n" + "".join(
    f"{i},0.9,1,2,30,40,0.25,0.75\n" for i in range(12)
)
OPENFACE = (
    "frame, timestamp, confidence, success, AU06_r, AU12_r\n1, 0.0, 0.9, 1, 2.0, 3.0\n2, 0.03, 0.9, 1, 0, 0\n"
)
FACEREADER = (
    "Log\n\nVideo Time\tNeutral\tHappy\n00:00:00.000\t0.5\t0.2\n00:00:00.040\tFIND_FAILED\tFIND_FAILED\n"
)
BORIS = "Subject\tBehavior\tBehavior type\tTime\nkid\thappy\tSTART\t1.5\nkid\thappy\tSTOP\t2.5\n"
ELAN = "face\t00:00:01.500\t1.5\t00:00:02.500\t2.5\thappy\n" * 3
DATAVYU = "face.ordinal,face.onset,face.offset,face.code01\n1,1500,2500,happy\n2,3000,4000,sad\n"

edit = st.tuples(
    st.sampled_from(["cut", "write", "insert", "double", "remove"]),
    st.floats(0, 1),
    st.binary(min_size=1, max_size=12)
    | st.sampled_from([b"\x00" * 8, b"\xff" * 8, b"nan", b"-1", b"1e999", b"\n"]),
)
edits = st.lists(edit, min_size=1, max_size=4)


def damage(content, changes):
    """Apply the edits, each at a fraction of the length."""
    for what, where, data in changes:
        at = int(where * len(content))
        if what == "cut":
            content = content[:at]
        elif what == "write":
            content = content[:at] + data + content[at + len(data) :]
        elif what == "insert":
            content = content[:at] + data + content[at:]
        elif what == "double":
            content = content[:at] + content[at : at + 64] * 2 + content[at + 64 :]
        else:
            content = content[:at] + content[at + len(data) :]
    return content


def fuzz(n):
    """Settings for a test that touches the disk."""
    return settings(
        max_examples=n,
        deadline=timedelta(seconds=5),
        derandomize=True,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )


def attempt(read, *arguments):
    """Read, and accept a sentence."""
    try:
        return read(*arguments)
    except EnicferError as error:
        assert len(str(error)) > 20
        return None


def look_at_recording(path):
    """Read a recording, whose triggers and pauses must be in order and within it."""
    recording = read_eeg(path)
    onset = recording.triggers["onset"].to_numpy()
    assert np.isfinite(onset).all() and np.all(np.diff(onset) >= 0)
    assert recording.triggers["code"].str.strip().ne("").all()
    assert np.isfinite(recording.duration) and recording.duration > 0
    assert all(np.isfinite(gap).all() and gap[0] <= gap[1] for gap in recording.gaps)
    assert list(recording.gaps) == sorted(recording.gaps)
    assert all(len(note) > 20 for note in recording.notes)
    return recording


def look_at_streams(path):
    """Read an XDF file; every sample has a time, and every marker of a text stream is one of its samples."""
    streams, notes = read_xdf(path)
    assert all(len(stream.time) == len(stream.values) for stream in streams)
    assert all(len(note) > 20 for note in notes)
    markers, _ = find_markers(streams)
    assert np.isfinite([at for at, _ in markers]).all()
    assert len(markers) <= sum(len(stream.time) for stream in streams)


def look_at_frames(path):
    """Read a video; its frames are numbered, their times are finite and in order."""
    times = []
    for index, frame in enumerate(read_frames(path)):
        assert frame.index == index
        times.append(frame.video_time)
        if frame.decodable:
            assert frame.gray().size
    assert np.isfinite(times).all() and np.all(np.diff(times) >= 0)
    assert sum(abs(step) > 3600 for step in np.diff(times)) == 0


def sound_file(path):
    wavfile.write(path, 8000, np.sin(np.arange(8000) / 9).astype(np.float32))


SMALL = {
    "protocol.toml": (lambda: (ROOT / "protocols" / "eeg-led.toml").read_bytes(), read_protocol),
    "recipe.toml": (lambda: (ROOT / "recipes" / "ronnet-7.toml").read_bytes(), read_recipe),
    "psychopy.csv": (PSYCHOPY.encode, read_trigger_log),
    "eprime.txt": (lambda: EPRIME.encode("utf-16"), read_trigger_log),
    "volumes.txt": (lambda: b"12.0\n14.0\n16.0\n", read_trigger_log),
    "frame_times.csv": (FRAME_TIMES.encode, lambda path: read_frame_times(path, np.arange(30) / 30)),
    "table.tsv": (lambda: b"onset\tduration\ttrial_type\n1.0\t0.5\tn/a\n", read_table),
    "names.txt": (lambda: "Ada\nZoë\n".encode(), read_names),
    "sidecar.json": (lambda: json.dumps({"RepetitionTime": 2.0, "a": [1, {"b": None}]}).encode(), read_json),
    "pyfeat.csv": (PYFEAT.encode, read_face_table),
    "openface.csv": (OPENFACE.encode, read_face_table),
    "facereader.txt": (FACEREADER.encode, read_face_table),
    "boris.tsv": (BORIS.encode, read_coding),
    "elan.txt": (ELAN.encode, read_coding),
    "datavyu.csv": (DATAVYU.encode, read_coding),
    "fer2013.csv": (FER.encode, lambda path: read_dataset(path, "fer2013")),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", SMALL)
@fuzz(60)
@given(changes=edits)
def test_small_files(tmp_path, name, changes):
    make, read = SMALL[name]
    path = tmp_path / name
    path.write_bytes(damage(make(), changes))
    attempt(read, path)


@pytest.mark.slow
@fuzz(30)
@given(changes=edits)
def test_manifest(tmp_path, changes):
    for name in ("a.png", "b.png"):
        cv2.imwrite(str(tmp_path / name), np.full((48, 48), 90, np.uint8))
    (tmp_path / "manifest.csv").write_bytes(damage(MANIFEST.encode(), changes))
    attempt(read_dataset, tmp_path / "manifest.csv", "manifest", Options())


@pytest.mark.slow
@fuzz(30)
@given(changes=edits)
def test_pictures(tmp_path, changes):
    image = np.random.default_rng(0).integers(0, 255, (48, 48), dtype=np.uint8)
    (tmp_path / "manifest.csv").write_text("path,label\na.png,happy\n", encoding="utf-8")
    (tmp_path / "a.png").write_bytes(damage(cv2.imencode(".png", image)[1].tobytes(), changes))
    attempt(read_dataset, tmp_path / "manifest.csv", "manifest", Options())


@pytest.mark.slow
@fuzz(30)
@given(changes=edits)
def test_sound(tmp_path, changes):
    sound_file(tmp_path / "a.wav")
    (tmp_path / "b.wav").write_bytes(damage((tmp_path / "a.wav").read_bytes(), changes))
    attempt(read_sound, tmp_path / "b.wav")


@pytest.fixture(scope="module")
def eeg_session(example):
    """Made before the clock of the deadline starts."""
    return example(short=True)


@pytest.fixture(scope="module")
def fmri_session(example):
    return example("fmri", short=True)


@pytest.fixture(scope="module")
def results(processed):
    return find_frames(processed(short=True))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["session.toml", "eeg.vhdr", "eeg.vmrk"])
@fuzz(30)
@given(changes=edits)
def test_sessions(eeg_session, tmp_path, name, changes):
    source, folder = eeg_session, tmp_path / "session"
    folder.mkdir(exist_ok=True)
    for path in source.iterdir():
        if path.is_file() and not (folder / path.name).exists():
            (folder / path.name).hardlink_to(path)
    (folder / name).unlink()
    (folder / name).write_bytes(damage((source / name).read_bytes(), changes))
    if name == "session.toml":
        attempt(read_session, folder)
    else:
        attempt(look_at_recording, folder / "eeg.vhdr")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["faces.log", "bold.nii"])
@fuzz(30)
@given(changes=edits)
def test_scanner_files(fmri_session, tmp_path, name, changes):
    content = (fmri_session / name).read_bytes()[:40000]
    (tmp_path / name).write_bytes(damage(content, changes))
    attempt(read_trigger_log if name.endswith("log") else read_bold, tmp_path / name)


@pytest.mark.slow
@fuzz(15)
@given(changes=edits)
def test_videos(eeg_session, tmp_path, changes):
    content = (eeg_session / "camera.mp4").read_bytes()
    # The index at the end stays in reach of the edits.
    content = content[:150000] + content[-20000:]
    path = tmp_path / "camera.mp4"
    path.write_bytes(damage(content, changes))
    attempt(probe_video, path)
    attempt(look_at_frames, path)


@pytest.mark.slow
@fuzz(30)
@given(changes=edits, head=st.booleans())
def test_streams(shared_data, tmp_path, changes, head):
    content = min((shared_data / "xdf").glob("*.xdf"), key=lambda path: path.stat().st_size).read_bytes()
    content = content[:3000] if head else content[:200000]
    (tmp_path / "a.xdf").write_bytes(damage(content, changes))
    attempt(look_at_streams, tmp_path / "a.xdf")
    attempt(look_at_recording, tmp_path / "a.xdf")


@pytest.mark.slow
@fuzz(40)
@given(changes=edits, packed=st.booleans())
def test_streams_of_every_kind(tmp_path, changes, packed):
    """EEG with a loss, markers of numbers and of text: what is read is in order, and what is not read is said."""
    path = tmp_path / ("a.xdfz" if packed else "a.xdf")
    time = np.delete(1000 + np.arange(1500) / 250, slice(600, 700))
    eeg = make_stream("amp", "EEG", "float32", 250, time, np.zeros((1400, 2)))
    words = make_stream("task", "Markers", "string", 0, [1001.0, 1003.0, 1005.0], [["a"], ["b"], ["c"]])
    codes = make_stream("port", "Trigger", "int16", 100, [1001.5, 1004.5], [[5], [6]])
    write_xdf(path, eeg, words, codes)
    whole = path.read_bytes()
    path.write_bytes(damage(whole, changes))
    attempt(look_at_streams, path)
    recording = attempt(look_at_recording, path)
    if recording is not None and len(recording.triggers) < 5 and len(path.read_bytes()) < len(whole) // 2:
        assert recording.notes, "what is missing is said"


@pytest.mark.slow
@pytest.mark.parametrize("kind", [b"EDF+C", b"BDF+C"])
@fuzz(40)
@given(changes=edits)
def test_recordings_of_edf(tmp_path, kind, changes):
    path = tmp_path / f"a.{kind[:3].decode().lower()}"
    write_edf(path, range(20), kind)
    whole = path.read_bytes()
    path.write_bytes(damage(whole, changes))
    recording = attempt(look_at_recording, path)
    only_cut = all(what == "cut" for what, *_ in changes)
    if recording is not None and only_cut and recording.duration < 20:
        assert any("is cut short" in note for note in recording.notes)


RARE = {
    # file that is damaged: what writes the recording, and its name
    "a.lay": (lambda p: write_persyst(p, times="0=36000.0\n1000=36004.0\n"), "a.lay"),
    "a.dat": (write_persyst, "a.lay"),
    "a.head": (write_nicolet, "a.data"),
    "a.eeg": (write_nihon, "a.eeg"),
    "a.LOG": (write_nihon, "a.eeg"),
    "a.gdf": (lambda p: write_gdf(p, EVENTS, event_rate=1000), "a.gdf"),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", RARE)
@fuzz(40)
@given(changes=edits)
def test_recordings_of_rare_kinds(tmp_path, name, changes):
    write, main = RARE[name]
    write(tmp_path / main)
    (tmp_path / name).write_bytes(damage((tmp_path / name).read_bytes(), changes))
    attempt(look_at_recording, tmp_path / main)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["a.vhdr", "a.vmrk", "a.eeg"])
@fuzz(40)
@given(changes=edits)
def test_recordings_of_brainvision(tmp_path, name, changes):
    header = write_brainvision(tmp_path)
    (tmp_path / name).write_bytes(damage((tmp_path / name).read_bytes(), changes))
    recording = attempt(look_at_recording, header)
    only_cut = all(what == "cut" for what, *_ in changes)
    if recording is not None and name == "a.eeg" and only_cut and recording.duration < 19:
        assert any("is cut short" in note for note in recording.notes)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["a.avi", "a.h264", "a.ts"])
@fuzz(15)
@given(changes=edits, twice=st.booleans())
def test_videos_without_lasting_stamps(tmp_path, name, changes, twice):
    form = {"a.avi": None, "a.h264": "h264", "a.ts": "mpegts"}[name]
    path = tmp_path / name
    write_counted(str(path), 40, form=form, bframes=2, **({} if name == "a.ts" else COUNT))
    content = path.read_bytes() * (2 if twice and name != "a.avi" else 1)
    path.write_bytes(damage(content, changes))
    attempt(probe_video, path)
    attempt(look_at_frames, path)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["frames", "events", "sync", "qc", "physioevents"])
@fuzz(15)
@given(changes=edits)
def test_results(results, tmp_path, kind, changes):
    frames = results
    stem = frames.name.removesuffix(f"_{SUFFIXES['frames']}")
    for suffix in (SUFFIXES[name] for name in ("frames", "events", "sync", "qc", "physioevents")):
        shutil.copyfile(frames.parent / f"{stem}_{suffix}", tmp_path / f"{stem}_{suffix}")
    path = tmp_path / f"{stem}_{SUFFIXES[kind]}"
    path.write_bytes(damage(path.read_bytes(), changes))
    attempt(read_run, tmp_path / frames.name)


@pytest.mark.slow
@fuzz(30)
@given(changes=edits)
def test_models(tmp_path, changes):
    content = (ROOT / "enicfer" / "models" / "weights" / "ronnet-7.safetensors").read_bytes()
    size = 8 + int.from_bytes(content[:8], "little")
    (tmp_path / "a.safetensors").write_bytes(damage(content[:size], changes) + content[size:])
    attempt(read_model, tmp_path / "a.safetensors")
