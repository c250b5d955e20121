# %% [markdown]
# A bare video without a recording: every frame's expression on the video's own clock.

# %%
from pathlib import Path

import pandas as pd

import enicfer

folder = Path("example-eeg")
if not folder.exists():
    enicfer.write_example_session(folder, modality="eeg", seed=0)

video = next(folder.glob("*.mkv"), None) or next(folder.glob("*.mp4"))
faces, expression = enicfer.trace_video(video, enicfer.ProcessingOptions(overwrite=True), output="trace.tsv")
print(f"{expression.ok.mean():.1%} of {expression.ok.size} frames are valid")

# %% The same as a table; missing is n/a with a reason, never a guess.
table = pd.read_csv("trace.tsv", sep="\t", na_values="n/a")
print(table.groupby("status").size())
print(table.loc[table["status"] == "ok", ["video_time", "happy", "neutral"]].head())
