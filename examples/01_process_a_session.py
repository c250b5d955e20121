"""
From a session folder to emotion events
=======================================

The whole job in one call: the video is put on the clock of the EEG, the child's face is followed, its
expression is read in every frame, and each trial becomes a row. The session is drawn by the program, so
every true value is known.
"""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import enicfer

folder = Path("example-eeg")
if not folder.exists():
    enicfer.write_example_session(folder, modality="eeg", seed=0)

result = enicfer.process_session(folder, enicfer.ProcessingOptions(overwrite=True))

# %%
# One row a trial
# ---------------
# What the face did, how much of it was seen, and how sure the time is.
run = result.runs[0]
columns = ["onset", "trial_type", "fer_valid", "fer_dominant", "fer_happy_mean", "fer_time_uncertainty"]
print(run.trials[columns].to_string(index=False))

# %%
# The trace
# ---------
# Where the line is missing, the frames are not valid: nobody was there, or a hand was before the face.
figure, (trace, status) = plt.subplots(
    2, 1, figsize=(9, 4), sharex=True, height_ratios=[4, 1], layout="constrained"
)
colours = {"happy": "#E69F00", "angry": "#D55E00", "surprised": "#CC79A7", "neutral": "#0072B2"}
for name, colour in colours.items():
    trace.plot(
        run.time, run.expression.probability[:, run.expression.labels.index(name)], color=colour, label=name
    )
for trial in run.trials.itertuples():
    trace.axvspan(trial.onset, trial.onset + trial.duration, ymax=0.04, color=colours[trial.trial_type])
trace.set(ylim=(-0.03, 1.15), ylabel="probability", title="What the face shows, on the clock of the EEG")
trace.legend(ncols=4, loc="upper right", fontsize=8)
status.fill_between(run.time, ~run.expression.ok, step="mid", color="0.4")
status.set(yticks=[], ylabel="not valid", xlabel="time in s (bars at the bottom of the trace: trials)")
figure.align_ylabels()

# %%
# Why frames are not valid
# ------------------------
for reason, count in run.quality.status.items():
    if count:
        print(f"{reason:20s} {count:5d} frames")

# %%
# How the clocks were tied together
# ---------------------------------
# The bound covers 95 % of the errors. Half a frame of this video is 17 ms.
sync = run.quality.sync
print(f"{sync.n_matched} pulses matched, bound {1000 * sync.max_uncertainty:.2f} ms")
print(f"drift {sync.drift_ppm:.0f} ppm: {1000 * sync.drift_ppm * 1e-6 * 3600:.0f} ms in an hour")
print("Look at", next(path for path in result.paths if path.suffix == ".html"))
assert np.isfinite(run.trials["fer_time_uncertainty"]).all()
