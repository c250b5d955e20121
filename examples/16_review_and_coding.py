"""
A review and a coding round
===========================

People decide. A review says which trials can be used; a coding round has two people name expressions,
blind, and compares them with each other and with the classifier. Both happen in the browser: ``enicfer
review FOLDER`` and ``enicfer code STUDY --coder Anna --plan plan.json``. Here the two coders are simulated,
so that the page can show what comes out.
"""

# slow: 60 s

import json
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import enicfer
from enicfer.coding import SamplingOptions, compare_coders, sample_frames, store_coding
from enicfer.config.codebook import read_codebook
from enicfer.review.entries import check_entry, note_followed, store_entry
from enicfer.review.study import Study

folder = Path("example-eeg")
if not folder.exists():
    enicfer.write_example_session(folder, modality="eeg", seed=0)
output = folder / "derivatives" / "enicfer"
if not (output / "sub-01").exists():
    enicfer.process_session(folder)
result = enicfer.read_result(output).runs[0]

# %%
# Which frames are worth coding
# -----------------------------
# A part is drawn at random, so that the accuracy over all frames can be estimated. The others are frames of
# which the classifier is least sure.
options = SamplingOptions(n=60, random=0.5, distance=0.2, per_trial=0)
plan = sample_frames([output], options, output="plan.json", overwrite=True)
print(f"{len(plan.items)} of {plan.population} valid frames")
figure, ax = plt.subplots(figsize=(8, 2.4), layout="constrained")
for drawn, colour in (("random", "#0072B2"), ("uncertain", "#E69F00")):
    items = [item for item in plan.items if item.drawn == drawn]
    ax.plot(
        [item.time for item in items], [item.uncertainty for item in items], "o", color=colour, label=drawn
    )
ax.set(title="Frames to be coded", xlabel="time in s", ylabel="uncertainty (entropy)")
ax.legend()

# %%
# Two coders
# ----------
# Anna sees the truth in 95 of 100 frames, Ben in 85. What a coder says is on the disk before it counts.
truth = json.loads((folder / "truth.json").read_text(encoding="utf-8"))["frames"]
study = Study([output])
(run,) = study.runs.values()
book = read_codebook("expressions")
rng = np.random.default_rng(0)
for coder, skill in (("Anna", 0.95), ("Ben", 0.85)):
    if any(output.glob(f"codings/*{coder}*")):
        continue
    for item in plan.items:
        frame = truth[item.frame]
        seen = frame["expression"] if frame["strength"] > 0.3 else "neutral"
        said = seen if rng.random() < skill else str(rng.choice(book.names))
        content = {"kind": "frame", "frame": item.frame, "category": said}
        store_coding(run, result, coder, book, content)

# %%
# How well do they agree?
# -----------------------
# ``enicfer agreement STUDY -o agreement --plan plan.json`` writes this as a page, with intervals where there
# are three children or more.
found, disagreements, paths = compare_coders([output], plan="plan.json", output="agreement", overwrite=True)
for pair in found.pairs:
    print(
        f"{pair.first} and {pair.second}: {pair.units} frames, {pair.percent.value:.0%} the same, "
        f"kappa {pair.kappa.value:.2f}"
    )
print(len(disagreements), "disagreements to be decided")

figure, axes = plt.subplots(2, 2, figsize=(8, 7.5), layout="constrained")
figure.suptitle("Who says what, in frames")
for ax, pair in zip(axes.flat, found.pairs, strict=True):
    table = np.array(pair.table)
    ax.imshow(table, cmap="Blues")
    for (row, column), count in np.ndenumerate(table):
        if count:
            ax.text(
                column,
                row,
                f"{count:.0f}",
                ha="center",
                va="center",
                color="white" if count > table.max() / 2 else "black",
            )
    ax.set(
        xticks=range(len(book.names)), yticks=range(len(book.names)), xlabel=pair.second, ylabel=pair.first
    )
    ax.set_xticklabels(book.names, rotation=60, ha="right")
    ax.set_yticklabels(book.names)

# %%
# A review
# --------
# ``enicfer review FOLDER`` shows video, trace, trials and clock on one axis. Here we store what a click on *reject*
# stores: the verdict on a trial, with its reason. ``process_session`` finds it beside the results.
verdict = {"kind": "trial", "trial": 2, "verdict": "rejected", "reason": "spoke to the examiner"}
facts = check_entry(result, verdict)
facts["seen"] = note_followed(result, facts)
store_entry(run, result, "Anna", facts, study.following(run))
reviewed = enicfer.process_session(folder, enicfer.ProcessingOptions(overwrite=True)).runs[0]

# %%
# A rejected trial stays in the table and says why; your analysis leaves it out. Had somebody pointed at another
# face, the trace would be that face's now.
columns = ["onset", "trial_type", "fer_happy_mean", "fer_reviewed", "fer_review_reason"]
print(reviewed.trials[columns].iloc[:5].to_string())
assert reviewed.trials["fer_reviewed"].tolist().count("rejected") == 1
