"""
A bare video
============

No recording: every frame's expression on the video's own clock.
"""

# slow: 40 s

from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd

import enicfer

folder = Path("example-eeg")
if not folder.exists():
    enicfer.write_example_session(folder, modality="eeg", seed=0)

video = next(folder.glob("*.mkv"), None) or next(folder.glob("*.mp4"))
faces, expression = enicfer.trace_video(video, enicfer.ProcessingOptions(overwrite=True), output="trace.tsv")
print(f"{expression.ok.mean():.1%} of {expression.ok.size} frames are valid")

# %%
# The same as a table; missing is ``n/a`` with a reason, never a guess.
table = pd.read_csv("trace.tsv", sep="\t", na_values="n/a")
print(table.groupby("status").size())
print(table.loc[table["status"] == "ok", ["video_time", "happy", "neutral"]].head())

# %%
# A frame's time is its own stamp. This camera's rate wanders between 25 and 33 frames a second, so a frame's
# number times 1/30 s would be wrong by more and more.
wrong = table["video_time"] - table["video_time"].iloc[0] - table.index / 30
figure, (top, bottom) = plt.subplots(2, 1, figsize=(8, 4), sharex=True, layout="constrained")
top.plot(table["video_time"], table["happy"], color="#E69F00")
top.set(ylabel="happy", title="Probability of the happy expression")
bottom.plot(table["video_time"], 1000 * wrong, color="0.3")
bottom.set(xlabel="video time in s", ylabel="ms", title="Error of frame number / 30")
