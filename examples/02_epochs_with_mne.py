"""
EEG epochs by expression
========================

Epochs of MNE-Python that know what the face did: chosen by a query, and compared, happy against neutral. A
response to the face is planted in the EEG here, so that there is something to find.
"""

import json
from pathlib import Path

import matplotlib.pyplot as plt
import mne
import numpy as np

import enicfer
from enicfer.export import expression_events

folder = Path("example-eeg")
if not folder.exists():
    enicfer.write_example_session(folder, modality="eeg", seed=0)
output = folder / "derivatives" / "enicfer"
if not (output / "sub-01").exists():
    enicfer.process_session(folder)

# %%
# Results are read back from their files, on another day or another machine.
result = enicfer.read_result(output)
raw = mne.io.read_raw(folder / "eeg.vhdr", preload=True, verbose="error")
enicfer.add_emotion_events(raw, result)
print(sorted(set(raw.annotations.description)))

# %%
# The traces beside the EEG
# -------------------------
# They are ``misc`` channels; ``fer_valid`` says where they hold.
enicfer.add_emotion_channels(raw, result)
print([name for name in raw.ch_names if name.startswith("fer_")])

# %%
# A planted response
# ------------------
# Where a smile truly begins we add a wave of 15 µV and 0.4 s to Cz. ``truth.json`` knows the moment.
truth = json.loads((folder / "truth.json").read_text(encoding="utf-8"))
smiles = [trial["onset"] for trial in truth["trials"] if trial["condition"] == "happy"]
channel = raw.ch_names.index("Cz")
shape = 15e-6 * np.hanning(round(0.4 * raw.info["sfreq"]))
for onset in smiles:
    first = round((onset + 0.3) * raw.info["sfreq"])
    stop = min(first + shape.size, raw.n_times)
    raw._data[channel, first:stop] += shape[: stop - first]
raw.filter(1, 20, verbose="error")

# %%
# Epochs that know what the face did
# ----------------------------------
codes = {"Stimulus/S 11": 11, "Stimulus/S 14": 14}
events, _ = mne.events_from_annotations(raw, lambda text: codes.get(" ".join(text.split())), verbose="error")
epochs = mne.Epochs(
    raw, events, {"happy": 11, "neutral": 14}, tmin=-0.2, tmax=1.0, preload=True, verbose="error"
)
epochs.metadata = enicfer.emotion_metadata(epochs, result)
print(epochs.metadata[["fer_valid", "fer_dominant", "fer_happy_mean", "fer_neutral_mean"]])

# %%
# A query chooses epochs by what the face did, not by what the picture on the screen should have made it do.
# Epochs with few valid frames have no number, and no query takes them.
happy, neutral = epochs["fer_happy_mean > 0.5"], epochs["fer_neutral_mean > 0.5"]
print("trials with a happy face:", len(happy), "of", len(epochs))
print("trials with a neutral face:", len(neutral))

# %%
# Evoked, happy against neutral
# -----------------------------
figure, ax = plt.subplots(layout="constrained")
for name, chosen, colour in (("happy", happy, "#E69F00"), ("neutral", neutral, "#0072B2")):
    data = 1e6 * chosen.get_data(picks=[channel])[:, 0]
    ax.plot(epochs.times, data.mean(axis=0), color=colour, label=f"{name} ({len(chosen)} epochs)")
ax.axvspan(0.3, 0.7, color="0.9", label="planted response")
ax.axvline(0, color="0.5", linewidth=0.8)
ax.set(title="Evoked response at Cz by what the face did", xlabel="time from the trigger in s", ylabel="µV")
ax.legend()
inside = (epochs.times > 0.4) & (epochs.times < 0.6)
difference = happy.average(picks=[channel]).data[0] - neutral.average(picks=[channel]).data[0]
print(f"happy minus neutral: {1e6 * difference[inside].mean():.1f} µV")
assert 5e-6 < difference[inside].mean() < 25e-6

# %%
# Events at the onset of an expression
# ------------------------------------
# ``expression_events`` gives the moments at which an expression is seen to begin, for epochs around them.
onsets = expression_events(raw, result, "happy")
print(len(onsets), "smiles begin in trials; the first at", onsets[0, 0] / raw.info["sfreq"], "s")
