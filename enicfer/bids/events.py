"""The events of a run in a BIDS data set: its trials, and every other trigger of a recording with samples.

Conventions: onsets and durations are s on the recording's clock; ``value`` is the code as the recording has it.
``fer_*`` columns stand in the rows of the trials where results are given, and are ``n/a`` in all others.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from enicfer.errors import InputError
from enicfer.export.columns import describe_columns
from enicfer.export.events import events_table
from enicfer.records import Recording, RunResult

SAME = 0.001  # s; onsets in results are rounded to the microsecond
_COLUMNS = {
    "onset": {
        "Description": "Onset on the recording's clock: 0 is its first sample or first volume.",
        "Units": "s",
    },
    "duration": {"Description": "Of the trial's window; 0 for other triggers.", "Units": "s"},
    "trial_type": {"Description": "Condition of the trial; n/a for other triggers, such as pulses."},
    "value": {"Description": "Code of the trigger, as it is in the recording or its log."},
    "sample": {"Description": "Sample of the recording that is nearest to the onset; the first is 0."},
}


def raw_events(
    recording: Recording, trials: pd.DataFrame, result: RunResult | None
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Table and sidecar.

    Parameters
    ----------
    recording
        With its triggers.
    trials
        From `enicfer.pipeline.recording.find_trials`.
    result
        What the face did in each trial, or None.

    Raises
    ------
    InputError
        If the results are of other trials.
    """
    table = trials[["onset", "duration", "trial_type"]].assign(value=trials["code"].astype("str"))
    about = dict(_COLUMNS)
    if result is not None:
        answers, described = events_table(result)
        same = len(answers) == len(table) and list(answers["trial_type"]) == list(table["trial_type"])
        if not same or np.abs(answers["onset"].to_numpy() - table["onset"].to_numpy()).max(initial=0) > SAME:
            raise InputError(
                f"The results have {len(answers)} trials of {result.name}, and not the {len(table)} of the session",
                remedy="process the session again with the same protocol",
            )
        columns = [name for name in map(str, answers.columns) if name.startswith("fer_")]
        table = pd.concat([table, answers[columns]], axis=1)
        about |= {name: _without_tags(described[name]) for name in columns}
    if recording.modality.sampled:
        others = recording.triggers
        taken = set(zip(table["onset"].round(6), table["value"], strict=True))
        keys = zip(others["onset"].round(6), others["code"].astype("str"), strict=True)
        others = others[[key not in taken for key in keys]]
        more = pd.DataFrame(
            {
                "onset": others["onset"],
                "duration": 0.0,
                "trial_type": "n/a",
                "value": others["code"].astype("str"),
            }
        )
        table = pd.concat([table, more], ignore_index=True).sort_values(
            "onset", kind="stable", ignore_index=True
        )
        table.insert(4, "sample", np.rint(table["onset"] * (recording.sampling_rate or 0)).astype(np.int64))
    else:
        about.pop("sample")
    conditions = describe_columns(["trial_type"], (), trials["trial_type"])["trial_type"]
    about["trial_type"] = {**_without_tags(conditions), **about["trial_type"]}
    return table, {"StimulusPresentation": {}, **about}


def _without_tags(described: Mapping[str, Any]) -> dict[str, Any]:
    """Without HED tags, for which the data set would have to state the version of their vocabulary."""
    return {key: value for key, value in described.items() if key != "HED"}
