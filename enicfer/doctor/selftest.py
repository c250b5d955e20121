"""A self-test of seconds: each part does a small job whose right answer is known.

No camera, network or file of the user is needed: a public-domain portrait is filmed, found and classified, simulated
pulses are aligned, and a recording and results are written to a temporary folder and read again.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

SIZE = (480, 360)  # px of the filmed picture
EDGE = 12  # px above the portrait
N_FRAMES = 25
OFFSET, DRIFT = 12.3456, 80e-6  # of the simulated clocks: s, and s/s
WITHIN = 0.005  # s of error that is allowed for times in frames of 1/30 s


@dataclass(frozen=True)
class SelfCheck:
    """One part of the self-test.

    Attributes
    ----------
    name
        What was tried.
    problem
        What was wrong, one sentence; empty if nothing was.
    seconds
        How long it took.
    """

    name: str
    problem: str
    seconds: float


def run_checks() -> Iterator[SelfCheck]:
    """Run all checks, one after the other; none stops those after it.

    Yields
    ------
    SelfCheck
        When it has ended.
    """
    with TemporaryDirectory(prefix="enicfer-doctor-") as folder:
        for name, check in CHECKS.items():
            begin = time.monotonic()
            try:
                problem = check(Path(folder))
            except Exception as error:  # whatever it is, it is what is looked for
                problem = f"{type(error).__name__}: {error}".replace(folder, "FOLDER").splitlines()[0]
            yield SelfCheck(name, problem, time.monotonic() - begin)


def _portrait() -> tuple[np.ndarray, np.ndarray]:
    """A picture (h, w, 3) of a smiling woman, and her box (4,) px."""
    from enicfer.synthetic.portraits import load_portrait

    person = load_portrait("astronaut")
    width, height = SIZE
    picture = np.full((height, width, 3), 128, np.uint8)
    part = person.image[: height - EDGE, :width].astype(np.float32)
    alpha = person.alpha[: height - EDGE, :width, None].astype(np.float32) / 255
    left = (width - part.shape[1]) // 2
    place = picture[EDGE : EDGE + part.shape[0], left : left + part.shape[1]]
    place[:] = (part + (1 - alpha) * place).round().clip(0, 255)
    return picture, np.add(person.box, (left, EDGE, left, EDGE))


def check_video(folder: Path) -> str:
    """Film some frames with uneven times, and read them again."""
    from enicfer.io.video.reader import read_frames
    from enicfer.io.video.writer import TIME_BASE, write_video

    picture, _ = _portrait()
    ticks = np.cumsum(np.resize([3000, 3003, 2990], N_FRAMES))
    write_video(folder / "film.mp4", ((int(tick), picture) for tick in ticks))
    frames = list(read_frames(folder / "film.mp4"))
    if len(frames) != N_FRAMES:
        return f"{N_FRAMES} frames were filmed and {len(frames)} read."
    wrong = np.abs(np.array([frame.video_time for frame in frames]) - ticks * float(TIME_BASE)).max()
    if wrong > 1e-4:
        return f"A frame's time is wrong by {1000 * wrong:.2g} ms."
    changed = np.abs(frames[-1].bgr().astype(int) - picture).mean()
    return "" if changed < 6 else f"The picture changed by {changed:.1f} grey values."


def check_face(folder: Path) -> str:
    """Find the face of a portrait, and say what it shows."""
    from enicfer.faces.crop import crop_face
    from enicfer.faces.detectors import load_detector
    from enicfer.models import load_model

    picture, box = _portrait()
    found = load_detector().detect(picture)
    if len(found) != 1:
        return f"One face is in the picture, and {len(found)} were found."
    middle, truth = (np.reshape(each, (2, 2)).mean(axis=0) for each in (found.box[0], box))
    if np.abs(middle - truth).max() > 0.2 * (box[2] - box[0]):
        return "The face was found in another place."
    model = load_model("ronnet-7")
    probability = model.predict(crop_face(picture, found.box[0], found.landmarks[0])[None])[0]
    if not np.isclose(probability.sum(), 1, atol=1e-4):
        return f"The probabilities sum to {probability.sum():.3f}."
    label = model.labels[int(probability.argmax())]
    return "" if label == "happy" else f"A smile was taken for {label}."


def check_clocks(folder: Path) -> str:
    """Align the pulses of two clocks whose relation is known."""
    from enicfer.config.protocol import Pulses
    from enicfer.sync import Evidence, align

    rng = np.random.default_rng(0)
    flash = np.cumsum(rng.uniform(2, 7, 40))
    frame = np.arange(1, int(30 * (flash[-1] + 5))) / 30
    lit = np.zeros(len(frame))
    for on in flash:  # the light that an exposure of a whole frame gathers
        lit += np.clip(30 * (np.minimum(frame, on + 0.2) - np.maximum(frame - 1 / 30, on)), 0, 1)
    grey = 255 * (0.02 + 0.4 * lit) ** (1 / 2.2) + rng.normal(0, 1, len(frame))
    evidence = Evidence(
        video_time=frame,
        brightness=np.clip(grey, 0, 255),
        pulse_time=OFFSET + (1 + DRIFT) * flash,
    )
    found = align(evidence, Pulses(source="led", codes=("1",)))
    wrong = np.abs(found.time(flash) - (OFFSET + (1 + DRIFT) * flash)).max()
    if wrong > WITHIN:
        return f"The clocks are wrong by {1000 * wrong:.1f} ms."
    bound = found.uncertainty(flash).max()
    return "" if wrong <= bound else f"The stated bound of {1000 * bound:.1f} ms does not hold."


def check_recording(folder: Path) -> str:
    """Write a recording with annotations, and read it again."""
    import mne

    with mne.utils.use_log_level("ERROR"):
        info = mne.create_info(["Cz", "Pz"], 250.0, "eeg")
        raw = mne.io.RawArray(np.random.default_rng(0).normal(0, 1e-5, (2, 2500)), info)
        raw.set_annotations(mne.Annotations([1.5, 4.0], [0.5, 1.0], ["emotion/happy", "BAD_face"]))
        raw.save(folder / "check_raw.fif")
        again = mne.io.read_raw_fif(folder / "check_raw.fif")
    if list(again.annotations.description) != ["emotion/happy", "BAD_face"]:
        return "The annotations of a recording were not read as they were written."
    wrong = np.abs(again.annotations.onset - [1.5, 4.0]).max()
    return "" if wrong < 1e-3 else f"An annotation is wrong by {1000 * wrong:.2g} ms."


def check_files(folder: Path) -> str:
    """Publish files as results are published, and read them again."""
    import h5py

    from enicfer.io.files.atomic import staged
    from enicfer.io.files.hdf5 import Kind, open_hdf5

    values = np.linspace(0, 1, 1000)
    with staged(folder / "results", make=True) as stage:
        with h5py.File(stage.tree / "frames.h5", "w") as file:
            file.create_dataset("probability", data=values, compression="gzip")
        stage.publish()
    with open_hdf5(folder / "results" / "frames.h5", {"probability": Kind("f", ("n",))}) as file:
        same = np.array_equal(file["probability"][:], values)
    return "" if same else "Results were not read as they were written."


CHECKS: dict[str, Callable[[Path], str]] = {
    "video is written and read": check_video,
    "a face is found and classified": check_face,
    "two clocks are related": check_clocks,
    "a recording is written and read": check_recording,
    "results are published": check_files,
}
