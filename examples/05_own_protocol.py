"""
A protocol of your own
======================

Other names, another window, no baseline.
"""

# slow: 40 s

from pathlib import Path

import matplotlib.pyplot as plt

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

# %%
# What is wrong with a protocol is said all at once, in one sentence.
Path("wrong.toml").write_text(
    'modality = "meg"\n[trial]\nwindow = [2, 1]\nbasline = [0, 1]\n', encoding="utf-8"
)
try:
    enicfer.read_protocol("wrong.toml")
except enicfer.EnicferError as error:
    print(error)

# %%
# Which codes the recording has is listed by ``enicfer events FOLDER``, before there is a protocol.
folder = Path("example-eeg")
if not folder.exists():
    enicfer.write_example_session(folder, modality="eeg", seed=0)
result = enicfer.process_session(
    folder, enicfer.ProcessingOptions(protocol="my-task.toml", overwrite=True), output="smiles"
)
trials = result.runs[0].trials
print(trials.groupby("trial_type")["fer_happy_mean"].mean())

# %%
# A trial with fewer valid frames than ``min_valid`` has no number: it is missing here, and missing in the
# table.
figure, ax = plt.subplots(figsize=(5, 3.4), layout="constrained")
for place, (_, rows) in enumerate(trials.groupby("trial_type")):
    ax.plot([place] * len(rows), rows["fer_happy_mean"], "o", alpha=0.6, color=("#0072B2", "#E69F00")[place])
    ax.text(
        place, 1.06, f"{rows['fer_happy_mean'].notna().sum()} of {len(rows)} trials", ha="center", fontsize=9
    )
ax.set(
    xticks=[0, 1],
    xticklabels=sorted(trials["trial_type"].unique()),
    ylim=(-0.05, 1.15),
    xlim=(-0.5, 1.5),
    ylabel="mean probability of happy",
    title="The happy expression in trials of one second",
)
