"""The files of a run in a BIDS derivative that is valid by itself.

The same result gives the same bytes: no dates, no folders of this machine, no names or times in gzip headers.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from enicfer.export.description import (
    BIDSIGNORE,
    dataset_description,
    descriptions_sidecar,
    descriptions_table,
    readme,
)
from enicfer.export.events import events_table
from enicfer.export.fmri import timeseries_table
from enicfer.export.mne import make_annotations, write_annotations
from enicfer.export.physio import physio_table, physioevents_table
from enicfer.io.files.names import output_path, session_folder, sidecar_path
from enicfer.io.frames_file import write_frames
from enicfer.io.results import quality_record, sync_record
from enicfer.io.tables import write_json, write_table
from enicfer.records import Modality, RunResult


def write_root(root: Path, run: RunResult | None, description: Mapping[str, Any] | None = None) -> None:
    """Write the files that describe the whole derivative; ``run`` stands for all, None where none is done."""
    write_json(root / "dataset_description.json", dataset_description(description))
    write_json(root / "descriptions.json", descriptions_sidecar())
    for name, text in (
        ("descriptions.tsv", descriptions_table()),
        ("README.md", readme(run)),
        (".bidsignore", BIDSIGNORE),
    ):
        (root / name).write_text(text, encoding="utf-8", newline="\n")


def write_run(root: Path, run: RunResult) -> None:
    """Write the data files of one run below ``root``."""
    modality = run.recording.modality
    session_folder(root, run.entities, modality).mkdir(parents=True, exist_ok=True)

    def path(kind: str) -> Path:
        return output_path(root, run.entities, modality, kind)

    write_frames(path("frames"), run)
    tables = {"events": events_table, "physio": physio_table, "physioevents": physioevents_table}
    if modality is Modality.FMRI:
        tables["timeseries"] = timeseries_table
    for kind, make in tables.items():
        table, sidecar = make(run)
        write_table(path(kind), table, header=path(kind).suffix != ".gz")
        write_json(sidecar_path(path(kind)), sidecar)
    if modality.sampled:
        write_annotations(path("annot"), make_annotations(run))
    write_json(path("sync"), sync_record(run))
    write_json(path("qc"), quality_record(run))
