"""
A study, on a computer or a SLURM cluster
=========================================

Many sessions into one tree: each is done once, a failure costs only itself, and the same call goes on where
it stopped. Three short sessions are made here, and one of them is broken.
"""

# slow: 60 s

from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd

import enicfer
from enicfer.batch.slurm import make_slurm_script
from enicfer.synthetic import SyntheticScene

study = Path("study")
scene = SyntheticScene(trials_per_condition=1, absences=(1.5,), visits=1)
for number in range(1, 4):
    folder = study / f"sub-0{number}"
    if not folder.exists():
        enicfer.write_example_session(folder, modality="eeg", seed=number, scene=scene)
        settings = folder / "session.toml"
        settings.write_text(settings.read_text().replace('"01"', f'"0{number}"'), encoding="utf-8")
(study / "sub-03" / "camera.mp4").write_bytes(b"not a video")

# %%
# All of them
# -----------
# On the command line: ``enicfer process-sessions study/ --output results --n-jobs 2``.
result = enicfer.process_sessions(
    sorted(study.iterdir()), output="results", execution=enicfer.ExecutionOptions(n_jobs=2)
)
print(
    pd.read_csv("results/group_qc.tsv", sep="\t")[["participant_id", "state", "kind", "reason"]].to_string()
)

# %%
# Again
# -----
# What is done and unchanged is not done again.
again = enicfer.process_sessions(
    sorted(study.iterdir()), output="results", execution=enicfer.ExecutionOptions(n_jobs=2)
)
print(again)

# %%
# How good is each session?
# -------------------------
quality = pd.read_csv("results/group_qc.tsv", sep="\t", dtype={"participant_id": str})
done = quality[quality["state"] == "done"]
figure, ax = plt.subplots(figsize=(6, 2.6), layout="constrained")
ax.barh(done["participant_id"], done["valid_fraction"], color="#0072B2")
ax.set(xlim=(0, 1), xlabel="valid fraction", ylabel="participant", title="Valid frames of each session")
failed = quality.loc[quality["state"] == "failed", "participant_id"].tolist()
print("failed:", failed)
assert failed == ["sub-03"] and len(done) == 2

# %%
# The same as a SLURM job array
# -----------------------------
# ``enicfer slurm-script study/* --output results > job.sh``, then ``sbatch job.sh``. When all tasks have ended,
# ``bash job.sh`` completes the tables of the group.
print(make_slurm_script(sorted(study.iterdir()), Path("results"), cores=2, memory="4G", time="01:00:00"))
