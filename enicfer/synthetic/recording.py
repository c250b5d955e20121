"""Writes the recordings of an example session: BrainVision EEG, or a BOLD image with a Presentation log.

Conventions: times are s on the recording's clock; EEG is in microvolt. Same seed, same bytes: no dates.
"""

import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter
from scipy.signal import lfilter

from enicfer.config.protocol import Protocol
from enicfer.records import FloatArray
from enicfer.synthetic.plan import SessionPlan

SAMPLING_RATE = 500.0  # Hz
CHANNELS = ("Fp1", "Fp2", "F3", "F4", "C3", "C4", "P3", "P4", "O1", "O2", "Fz", "Cz", "Pz", "Oz")
VOLUME_SHAPE = (24, 24, 12)
REPETITION_TIME = 2.0  # s
LOG_LEAD = 11.3471  # s from the log's time 0 to the first volume
LOG_TICKS = 10000  # per s


def recorded_pulses(plan: SessionPlan) -> FloatArray:
    """Times in s of the pulses that the recording has: those of flashes, and the extra ones."""
    return np.sort(np.concatenate([plan.flashes[plan.recorded], plan.extra]))


def condition_codes(protocol: Protocol) -> dict[str, str]:
    """Condition -> trigger code, as the protocol has it."""
    return {condition: code for code, condition in protocol.conditions.items()}


def write_eeg(folder: Path, plan: SessionPlan, protocol: Protocol, seed: int) -> None:
    """Write ``eeg.vhdr``, ``eeg.vmrk`` and ``eeg.eeg`` with the triggers of trials and pulses."""
    from pybv import write_brainvision

    codes = condition_codes(protocol)
    pulse = protocol.pulses.codes[0]
    events = [(trial.onset, codes[trial.condition]) for trial in plan.trials]
    events += [(float(time), pulse) for time in recorded_pulses(plan)]
    write_brainvision(
        data=simulate_eeg(plan, np.random.default_rng([seed, 2])) * 1e-6,
        sfreq=SAMPLING_RATE,
        ch_names=list(CHANNELS),
        fname_base="eeg",
        folder_out=str(folder),
        events=[
            {
                "onset": round(time * SAMPLING_RATE),
                "duration": 1,
                "description": int(code.split()[-1]),
                "type": "Stimulus",
            }
            for time, code in sorted(events)
        ],
        resolution=0.1,
        unit="µV",
        fmt="binary_int16",
        meas_date=None,
    )


def simulate_eeg(plan: SessionPlan, rng: np.random.Generator) -> FloatArray:
    """``(channels, samples)`` µV: pink background, alpha at the back, blinks in front, mains, a response."""
    n, m = round(plan.duration * SAMPLING_RATE), len(CHANNELS)
    time = np.arange(n) / SAMPLING_RATE
    # Pink noise from white (filter of Kellet, as given by J. O. Smith, Spectral Audio Signal Processing).
    b, a = [0.049922, -0.095993, 0.050613, -0.004409], [1, -2.494956, 2.017266, -0.522190]
    own, common = rng.normal(0, 90, (m, n + 2000)), rng.normal(0, 90, (1, n + 2000))
    signal = lfilter(b, a, 0.7 * own + 0.7 * common)[:, 2000:]
    back = np.array([{"O": 1.0, "P": 0.7, "C": 0.35, "F": 0.2}[name[0]] for name in CHANNELS])
    front = np.array([1.0 if "p" in name else 0.3 if name[0] == "F" else 0.05 for name in CHANNELS])
    envelope = 1 + 0.7 * np.sin(2 * np.pi * time / 7.3 + rng.uniform(0, 6))
    phase = 2 * np.pi * np.cumsum(10 + 0.3 * np.sin(2 * np.pi * time / 3.1)) / SAMPLING_RATE
    signal += 7 * back[:, None] * envelope * np.sin(phase)
    for blink in np.cumsum(rng.uniform(2, 6, int(plan.duration // 2))):
        signal += 120 * front[:, None] * np.exp(-0.5 * ((time - blink) / 0.07) ** 2)
    for trial in plan.trials:
        since = time - trial.onset
        wave = (
            np.exp(-0.5 * ((since - 0.17) / 0.025) ** 2) * -5
            + np.exp(-0.5 * ((since - 0.35) / 0.08) ** 2) * 6
        )
        signal += back[:, None] * wave
    return np.asarray(signal + rng.uniform(1, 3, (m, 1)) * np.sin(2 * np.pi * 50 * time + 1.0))


def write_fmri(folder: Path, plan: SessionPlan, protocol: Protocol, seed: int) -> float:
    """Write ``bold.nii``, ``bold.json`` and ``faces.log``.

    Returns
    -------
    float
        Time in s of the volume whose pulse is missing in the log.
    """
    import nibabel

    rng = np.random.default_rng([seed, 3])
    n = round(plan.duration / REPETITION_TIME)
    image = nibabel.Nifti1Image(simulate_bold(n, rng), np.diag([8.0, 8.0, 10.0, 1.0]))
    image.header.set_xyzt_units("mm", "sec")
    image.header.set_zooms((8.0, 8.0, 10.0, REPETITION_TIME))
    nibabel.save(image, folder / "bold.nii")
    sidecar = {"TaskName": "faces", "RepetitionTime": REPETITION_TIME}
    (folder / "bold.json").write_text(json.dumps(sidecar, indent=2) + "\n", encoding="utf-8", newline="\n")
    volumes = np.arange(n) * REPETITION_TIME
    lost = int(rng.integers(3, n - 3))
    codes = condition_codes(protocol)
    events = [("Pulse", protocol.scanner.volume_codes[0], float(v)) for v in np.delete(volumes, lost)]
    events += [("Picture", codes[trial.condition], trial.onset) for trial in plan.trials]
    events += [("Port Output", protocol.pulses.codes[0], float(time)) for time in recorded_pulses(plan)]
    events.append(("Picture", "instruction", -LOG_LEAD + 0.5123))
    write_log(folder / "faces.log", sorted(events, key=lambda event: event[2]))
    return float(volumes[lost])


def simulate_bold(n: int, rng: np.random.Generator) -> np.ndarray:
    """``(x, y, z, n)`` int16: an egg of a brain with bright tissue, drift and noise."""
    axes = np.meshgrid(*[np.linspace(-1, 1, size) for size in VOLUME_SHAPE], indexing="ij")
    radius = np.sqrt((axes[0] / 0.72) ** 2 + (axes[1] / 0.88) ** 2 + (axes[2] / 0.85) ** 2)
    brain = 1 / (1 + np.exp(12 * (radius - 1)))
    folds = gaussian_filter(rng.normal(0, 1, VOLUME_SHAPE), 1.1) * 450
    volume = brain * (900 + folds - 350 * np.exp(-((radius / 0.3) ** 2)))
    drift = 1 + 0.01 * np.sin(np.linspace(0, 2, n))
    series = volume[..., None] * drift + rng.normal(0, 12, (*VOLUME_SHAPE, n))
    return np.clip(series, 0, None).astype(np.int16)


def write_log(path: Path, events: Iterable[tuple[str, str, float]]) -> None:
    """Write ``(event type, code, time in s)`` as Presentation writes its log: tenths of ms, tab separated."""
    columns = (
        "Subject", "Trial", "Event Type", "Code", "Time", "TTime", "Uncertainty", "Duration", "Uncertainty",
        "ReqTime", "ReqDur", "Stim Type", "Pair Index",
    )  # fmt: skip
    lines = ["Scenario -\tfaces", "Logfile written - ", "", "\t".join(columns), ""]
    trial, trial_start = 0, 0
    for kind, code, time in events:
        ticks = round((time + LOG_LEAD) * LOG_TICKS)
        row = ["01", "", kind, code, str(ticks)]
        if kind == "Picture":
            trial, trial_start = trial + 1, ticks
            extra = ["1", "19998", "2", "0", "next", "other", "0"]
        else:
            extra = ["1", "", "", "", "", "", ""]
        row[1] = str(max(trial, 1))
        lines.append("\t".join([*row, str(ticks - trial_start), *extra]).rstrip("\t"))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")
