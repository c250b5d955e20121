"""
Time-frequency power against the expression
===========================================

Does the power of the EEG follow the face? The trace of an expression is a regressor in continuous time. A
rhythm of 10 Hz that grows with the true smile is planted in one channel here; the analysis knows only the
trace that was read in the video.
"""

import json
from pathlib import Path

import matplotlib.pyplot as plt
import mne
import numpy as np

import enicfer

folder = Path("example-eeg")
if not folder.exists():
    enicfer.write_example_session(folder, modality="eeg", seed=0)
output = folder / "derivatives" / "enicfer"
if not (output / "sub-01").exists():
    enicfer.process_session(folder)
result = enicfer.read_result(output)
raw = mne.io.read_raw(folder / "eeg.vhdr", preload=True, verbose="error")

# %%
# Plant the rhythm
# ----------------
# The amplitude follows the true strength of the smile, from ``truth.json``.
truth = json.loads((folder / "truth.json").read_text(encoding="utf-8"))
when = [frame["time"] for frame in truth["frames"]]
smile = [frame["strength"] if frame["expression"] == "happy" else 0.0 for frame in truth["frames"]]
eeg = mne.pick_types(raw.info, eeg=True)
spread = raw.get_data(picks=eeg[:1]).std()
rhythm = np.sin(2 * np.pi * 10 * raw.times) * np.interp(raw.times, when, smile)
raw._data[eeg[0]] += 0.3 * spread * rhythm

# %%
# The trace as channels, and power
# --------------------------------
# Channels keep their gaps in mind: ``fer_valid`` is 0 where the face was not seen, and those samples are left
# out.
enicfer.add_emotion_channels(raw, result)
raw.resample(100, verbose="error")
happy, valid = raw.get_data(picks=["fer_happy", "fer_valid"])
frequencies = np.arange(4.0, 31.0, 2.0)
signal = raw.get_data(picks=raw.ch_names[: len(eeg)])
power = mne.time_frequency.tfr_array_morlet(
    signal[None], raw.info["sfreq"], frequencies, n_cycles=frequencies / 2, output="power", verbose="error"
)[0]
used = valid > 0.5
decibel = 10 * np.log10(power[:, :, used])
print(f"{used.mean():.0%} of the samples have a valid face")


# %%
# Slope of power on the trace
# ---------------------------
# Samples that follow each other are alike, so the usual test would find too much. What chance brings is seen
# by shifting the trace against the EEG in a circle.
def slopes(trace):
    """Change of power in dB from a trace of 0 to one of 1: channels x frequencies."""
    centred = trace - trace.mean()
    return decibel @ centred / (centred @ centred)


rng = np.random.default_rng(0)
found = slopes(happy[used])
chance = np.array([slopes(np.roll(happy[used], shift)) for shift in rng.integers(500, used.sum() - 500, 200)])
limit = np.quantile(np.abs(chance).max(axis=(1, 2)), 0.95)

figure, ax = plt.subplots(layout="constrained")
ax.axhspan(-limit, limit, color="0.9", label="95 % of what chance brings, all channels and frequencies")
ax.plot(frequencies, found[1:].T, color="0.6", linewidth=0.8)
ax.plot(frequencies, found[0], color="#E69F00", linewidth=2, label=f"{raw.ch_names[0]} (planted)")
ax.set(title="Power that follows the happy expression", xlabel="frequency in Hz", ylabel="dB")
ax.legend(fontsize=8)
channel, frequency = np.unravel_index(np.abs(found).argmax(), found.shape)
print(f"largest: {raw.ch_names[channel]} at {frequencies[frequency]:.0f} Hz, {found.max():.1f} dB")
assert channel == 0 and abs(frequencies[frequency] - 10) <= 2 and found.max() > limit
