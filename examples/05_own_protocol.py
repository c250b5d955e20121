# %% [markdown]
# A protocol of your own: other names, another window, no baseline.

# %%
from pathlib import Path

import enicfer

Path("my-task.toml").write_text(
    """
description = "Only the happy and the neutral pictures, the first second of each"
modality = "eeg"
[conditions]
"S 11" = "smile"
"S 14" = "rest"
[trial]
window = [0.0, 1.0]
min_valid = 0.8
[pulses]
source = "led"
codes = ["S 1"]
""",
    encoding="utf-8",
)
print(enicfer.read_protocol("my-task.toml"))

# %% What is wrong with a protocol is said all at once, in one sentence.
Path("wrong.toml").write_text(
    'modality = "meg"\n[trial]\nwindow = [2, 1]\nbasline = [0, 1]\n', encoding="utf-8"
)
try:
    enicfer.read_protocol("wrong.toml")
except enicfer.EnicferError as error:
    print(error)

# %%
folder = Path("example-eeg")
if not folder.exists():
    enicfer.write_example_session(folder, modality="eeg", seed=0)
result = enicfer.process_session(
    folder, enicfer.ProcessingOptions(protocol="my-task.toml", overwrite=True), output="smiles"
)
print(result.runs[0].trials.groupby("trial_type")["fer_happy_mean"].mean())
