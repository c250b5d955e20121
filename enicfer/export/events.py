"""The trials with what the face did in each, as a BIDS table of events."""

from typing import Any

import pandas as pd

from enicfer.export.columns import describe_columns
from enicfer.records import RunResult


def events_table(run: RunResult) -> tuple[pd.DataFrame, dict[str, Any]]:
    """The trials sorted by onset, and their sidecar.

    Returns
    -------
    table
        As `enicfer.timecourse.trials.summarise_trials` gives it: ``onset``, ``duration`` (s, recording's clock),
        ``trial_type``, ``code`` and the ``fer_*`` columns.
    sidecar
        A description of every column, with units, levels and HED tags.
    """
    table = run.trials.sort_values("onset", kind="stable", ignore_index=True)
    sidecar = {
        "Description": " ".join(
            (
                "Trials on the recording's clock, with the facial expression of the participant in each.",
                *run.time_course.about.values(),
            )
        ),
        "StimulusPresentation": {},
        **describe_columns(table.columns, run.expression.labels, table["trial_type"]),
    }
    return table, sidecar
