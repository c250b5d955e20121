# %% [markdown]
# Emotion events on a Raw: annotations, channels, and epochs chosen by what the face did.

# %%
from pathlib import Path

import mne

import enicfer

folder = Path("example-eeg")
if not folder.exists():
    enicfer.write_example_session(folder, modality="eeg", seed=0)
output = folder / "derivatives" / "enicfer"
if not (output / "sub-01").exists():
    enicfer.process_session(folder)

# %% Results are read back from their files, on another day or another machine.
result = enicfer.read_result(output)
raw = mne.io.read_raw(folder / "eeg.vhdr", preload=True, verbose="error")
enicfer.add_emotion_events(raw, result)
print(sorted(set(raw.annotations.description)))

# %% The traces beside the EEG, as misc channels; fer_valid says where they hold.
enicfer.add_emotion_channels(raw, result)
print([name for name in raw.ch_names if name.startswith("fer_")])

# %% Epochs that know what the face did.
codes = {"Stimulus/S 11": 11, "Stimulus/S 14": 14}
events, _ = mne.events_from_annotations(raw, lambda text: codes.get(" ".join(text.split())), verbose="error")
epochs = mne.Epochs(
    raw, events, {"happy": 11, "neutral": 14}, tmin=-0.2, tmax=1.0, preload=True, verbose="error"
)
epochs.metadata = enicfer.emotion_metadata(epochs, result)
print("trials with a happy face:", len(epochs["fer_happy_mean > 0.5"]), "of", len(epochs))
