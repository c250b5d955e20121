"""Every command where the kernel ends a program that opens a socket to a network, and with a home that is watched."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

import enicfer
from benchmarks.memory import write_clip
from enicfer.cli.main import COMMANDS
from enicfer.config.codebook import read_codebook

GUARD = Path(__file__).with_name("seccomp.py")
# Runs commands one after the other, each in a fork of a process that has loaded the large packages.
RUN = """
import json, os, sys
import av, cv2, h5py, jinja2, matplotlib.pyplot, mne, nibabel, pandas, scipy.signal, scipy.stats, torch
import enicfer.pipeline.process, enicfer.report.page
from enicfer.cli.main import main
from enicfer.faces.detectors.centerface import import_onnxruntime
import_onnxruntime()
steps = json.loads(sys.argv[1])
if any(step[0] == "train" for step in steps):
    import captum.attr, torch._dynamo, enicfer.saliency.session, enicfer.training.commands
for step in steps:
    pid = os.fork()
    if not pid:
        sys.argv = ["enicfer", *step]
        try:
            main()
            code = 0
        except SystemExit as ended:
            code = ended.code or 0
        sys.stdout.flush()
        os._exit(code)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    print(f"ended {code}: {step}", file=sys.stderr, flush=True)
    if code < 0 or code > (step[0] == "share-check"):
        sys.exit(f"{step} ended with {code}")
"""
FROM_THE_HOME = {
    ".cache/matplotlib",
    ".config/matplotlib",
    ".cache/fontconfig",
}  # lists of the computer's fonts
RECIPE = """
name = "small"
[data]
reader = "manifest"
path = "pictures/manifest.csv"
labels = ["happy", "sad"]
split = "subject"
share = 0.25
crop = false
[schedule]
epochs = 1
batch_size = 4
"""
# Commands in an order in which each finds what it needs. Of `models`, `fetch` is for the network alone.
STEPS = {
    "session": (
        ("process-session", "session", "--output", "out"),
        ("share-check", "out"),
        ("apply", "out", "session/eeg.vhdr", "-o", "out_raw.fif"),
        ("export", "out", "--to", "eeglab,fieldtrip,elan", "-o", "exported"),
        ("events", "session"),
        ("align", "session"),
        ("bidsify", "session", "raw", "--with-faces", "--results", "out"),
        ("protocols",),
        ("doctor",),
        ("codebooks",),
        ("sample", "out", "-o", "plan.json", "-n", "20"),
        ("code", "--help"),  # it serves this machine until it is stopped
        ("import-coding", "coding.csv", "out", "--coder", "Anna"),
        ("export-coding", "session", "out", "-o", "coded"),
        ("agreement", "session", "out", "-o", "agreement", "--plan", "plan.json"),
        ("manifest", "session", "out", "-o", "crops"),
        ("models", "list"),
        ("review", "out", "--clean"),
        ("cache", "out"),
        ("forget", "out", "sub-01", "--dry-run"),
    ),
    "video": (
        ("example-session", "again", "--modality", "fmri"),
        ("trace", "clip.mp4", "-o", "trace.h5"),
        ("import", "openface.csv", "--video", "clip.mp4", "-o", "imported.h5"),
        ("deidentify", "clip.mp4", "-o", "hidden.mp4"),
    ),
    "many": (
        ("process-sessions", "session", "--output", "many"),
        ("process-dataset", "bids", "dataset-out", "participant", "--protocol", "eeg-led"),
        ("slurm-script", "session", "--output", "many"),
    ),
    "training": (
        ("dataset", "check", "pictures"),
        ("train", "small.toml", "-o", "trained"),
        ("evaluate", "ronnet-7", "pictures/manifest.csv", "-o", "evaluated"),
        ("cross-validate", "small.toml", "-o", "crossed", "--folds", "2"),
        ("cross-evaluate", "--model", "ronnet-7", "--data", "pictures/manifest.csv"),
        (
            "saliency",
            "ronnet-7",
            "pictures",
            "-o",
            "maps-a",
            "--crops",
            "--subjects",
            "image",
            "--checks",
            "0",
        ),
        (
            "saliency",
            "ronnet-5",
            "pictures",
            "-o",
            "maps-b",
            "--crops",
            "--subjects",
            "image",
            "--checks",
            "0",
        ),
        ("saliency-compare", "maps-a", "maps-b", "-o", "compared", "--permutations", "19", "--paired"),
    ),
}


def guarded(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python in ``folder`` under the guard; the test is skipped where there is none."""
    home = folder / "home"
    home.mkdir(exist_ok=True)
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("XDG_", "ORT_", "MPLCONFIGDIR"))}
    run = subprocess.run(
        [sys.executable, str(GUARD), sys.executable, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        env={**kept, "HOME": str(home), "PYTHONPATH": str(GUARD.parents[1])},
        timeout=500,
        check=False,
    )
    if run.returncode == 95:
        pytest.skip("the kernel here has no seccomp filter")
    return run


def make_inputs(folder: Path, session: Path) -> None:
    """A session, a BIDS data set without a recording of its own, a table of OpenFace, and labelled pictures."""
    shutil.copytree(session, folder / "session")
    video = next(p for p in sorted((folder / "session").iterdir()) if p.suffix in (".mkv", ".mp4"))
    if video.name != "camera.mp4":
        (folder / "session" / "camera.mp4").symlink_to(video)
    (folder / "bids" / "sub-01" / "eeg").mkdir(parents=True)
    (folder / "bids" / "dataset_description.json").write_text('{"Name": "x", "BIDSVersion": "1.9.0"}')
    for kind in ("vhdr", "vmrk", "eeg"):
        text = (session / f"eeg.{kind}").read_bytes().replace(b"eeg.", b"sub-01_task-faces_eeg.")
        (folder / "bids" / "sub-01" / "eeg" / f"sub-01_task-faces_eeg.{kind}").write_bytes(
            text if kind != "eeg" else (session / "eeg.eeg").read_bytes()
        )
    (folder / "bids" / "sub-01" / "beh").mkdir()
    shutil.copy(video, folder / "bids" / "sub-01" / "beh" / f"sub-01_task-faces_video{video.suffix}")
    names = "frame, face_id, timestamp, confidence, success, AU06_r, AU12_r"
    rows = [f"{i}, 0, {i / 30:.3f}, 0.98, 1, 2.0, 2.0" for i in range(1, 46)]
    rows_of_child = "child,happy,START,2.0\nchild,happy,STOP,3.0\n"
    (folder / "coding.csv").write_text("Subject,Behavior,Behavior type,Time\n" + rows_of_child)
    codings = folder / "out" / "codings"
    codings.mkdir(parents=True)
    version = read_codebook("expressions").version
    (codings / "sub-01_coder-Ben.jsonl").write_text(
        "".join(
            f'{{"id": "{frame}", "at": "", "coder": "Ben", "run": "sub-01_task-faces", "kind": "frame", '
            f'"frame": {frame}, "category": "happy", "book": "expressions", "version": "{version}"}}\n'
            for frame in range(100, 400, 50)
        )
    )
    (folder / "openface.csv").write_text("\n".join([names, *rows]) + "\n")
    write_clip(folder / "clip.mp4", n=45)
    (folder / "pictures").mkdir()
    manifest = ["path,label,subject"]
    for i in range(16):
        noise = np.random.default_rng(i).integers(0, 256, (48, 48), np.uint8)
        assert cv2.imwrite(str(folder / "pictures" / f"{i}.png"), noise)
        manifest.append(f"{i}.png,{('happy', 'sad')[i % 2]},child{i // 2}")
    (folder / "pictures" / "manifest.csv").write_text("\n".join(manifest) + "\n")
    (folder / "small.toml").write_text(RECIPE)


def test_every_command_is_tried():
    assert {step[0] for steps in STEPS.values() for step in steps} == set(COMMANDS)


@pytest.mark.slow
@pytest.mark.parametrize("steps", STEPS.values(), ids=STEPS)
def test_no_command_opens_a_socket_to_a_network(steps, example, tmp_path):
    make_inputs(tmp_path, example("eeg", short=True))
    run = guarded(tmp_path, "-c", RUN, json.dumps(steps))
    assert run.returncode == 0, run.stderr[-1000:]
    assert run.stderr.count("ended ") == len(steps)
    home = tmp_path / "home"
    left = {p.relative_to(home).as_posix() for p in home.rglob("*") if p.is_file()}
    assert not {name for name in left if not any(name.startswith(known) for known in FROM_THE_HOME)}


def test_the_guard_bites(tmp_path):
    code = "import socket; socket.socket(socket.AF_UNIX); print('local', flush=True); socket.socket()"
    run = guarded(tmp_path, "-c", code)
    assert run.stdout == "local\n" and run.returncode == -signal.SIGSYS


def test_telemetry_is_off_before_the_import_of_onnx_runtime():
    code = (
        "import sys, os; os.environ.pop('ORT_DISABLE_TELEMETRY', None)\n"
        "import enicfer.faces.detectors.centerface as c\n"
        "assert 'onnxruntime' not in sys.modules and 'ORT_DISABLE_TELEMETRY' not in os.environ\n"
        "c.import_onnxruntime(); print(os.environ['ORT_DISABLE_TELEMETRY'])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert run.stdout.strip() == "1"
    package = Path(enicfer.__file__).parent
    direct = [
        p
        for p in package.rglob("*.py")
        if re.search(r"^\s*(import|from) onnxruntime", p.read_text("utf-8"), re.M)
    ]
    assert not direct
