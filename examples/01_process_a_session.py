# %% [markdown]
# From a session folder to emotion events: the whole job in one call.

# %%
from pathlib import Path

import enicfer

folder = Path("example-eeg")
if not folder.exists():
    enicfer.write_example_session(folder, modality="eeg", seed=0)

result = enicfer.process_session(folder, enicfer.ProcessingOptions(overwrite=True))

# %% One row a trial: what the face did, how much of it was seen, how sure the time is.
run = result.runs[0]
columns = ["onset", "trial_type", "fer_valid", "fer_dominant", "fer_happy_mean", "fer_time_uncertainty"]
print(run.trials[columns].to_string(index=False))

# %% Why frames are invalid.
for reason, count in run.quality.status.items():
    if count:
        print(f"{reason:20s} {count:5d} frames")

# %% How the clocks were tied together.
print(run.quality.sync)
print("Look at", next(path for path in result.paths if path.suffix == ".html"))
