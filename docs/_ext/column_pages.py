"""Pages of every file of the outputs and of every column, made from the one dictionary of columns."""

from enicfer.batch.tables import QC_COLUMNS
from enicfer.export.columns import STATUS_LEVELS, list_columns
from enicfer.export.exports import EXPORTS
from enicfer.expressions import Expression
from enicfer.io.files.names import SUFFIXES

FILES = {  # kind in `SUFFIXES` -> what it holds
    "frames": "every frame: PTS, time, box, landmarks, probabilities, status; [its data sets](../keys.md)",
    "physio": "the trace on a regular grid; its `.json` names the columns",
    "physioevents": "segments of one dominant expression, and of a lost face",
    "events": "one row a trial",
    "annot": "EEG: the segments as annotations of MNE-Python",
    "timeseries": "fMRI: one row a volume, without gaps",
    "sync": "how the clocks were tied together; [its keys](../keys.md)",
    "qc": "how far to believe the run; [its keys](../keys.md)",
}


def cell(text: str) -> str:
    """Text for a cell of a table."""
    return " ".join(text.replace("|", "\\|").split())


def in_full() -> list[list[str]]:
    """The names of the columns that have a pattern, each written out, so that a search finds them."""
    words = {
        "label": [str(one) for one in Expression],
        "reason": [one for one in STATUS_LEVELS if one != "ok"],
    }
    return [
        [f"`{name.replace(f'{{{word}}}', value)}`" for value in values]
        for name, _, _ in list_columns()
        for word, values in words.items()
        if f"{{{word}}}" in name
    ]


def column_page() -> str:
    """The page of files and columns."""
    lines = [
        "# Files and columns",
        "",
        "What `process-session` writes, in `sub-*/[ses-*/]eeg|func|beh` of the outputs. Beside each table lies a",
        "`.json` that describes the columns that it has, with units and HED tags. Missing is `n/a`, never 0.",
        "",
        "| file ends in | what it holds |",
        "| --- | --- |",
        *(f"| `{ending}` | {FILES[kind]} |" for kind, ending in SUFFIXES.items()),
        "",
        "At the top lie `sub-*.html` (the page of a session), `dataset_description.json`, `descriptions.tsv`,",
        "`README.md`, and after many sessions the [tables of the group](#columns-of-group-qc-tsv).",
        "Files for other programs are made by `enicfer export --to`",
        ", ".join(f"`{name}`" for name in EXPORTS) + ":",
        "[what each is](../export.md).",
        "",
        "## Columns",
        "",
        "The one dictionary of columns: a name has the same meaning in every table. `{label}` stands for an",
        f"expression ({', '.join(f'`{name}`' for name in Expression)}), `{{reason}}` for [the reason](#reasons) why",
        "a frame is not valid, `{camera}` for a camera's name.",
        "",
        "| column | unit | meaning |",
        "| --- | --- | --- |",
        *(
            f"| `{name}` | {'' if unit == '1' else unit} | {cell(text)} |"
            for name, unit, text in list_columns()
        ),
        "",
        "The names with a pattern, in full:",
        "",
        *(f"- {', '.join(names)}" for names in in_full()),
        "",
        "## Reasons",
        "",
        "The status of each frame. Not `ok` means that the frame has no probabilities.",
        "",
        "| status | meaning |",
        "| --- | --- |",
        *(f"| `{name}` | {cell(text)} |" for name, text in STATUS_LEVELS.items()),
        "",
        "## Columns of `group_qc.tsv`",
        "",
        "One row for each run or failed session. `group_trials.tsv` has the columns of the trials, after those of",
        "participant, session and run.",
        "",
        "| column | meaning |",
        "| --- | --- |",
        *(f"| `{name}` | {cell(text)} |" for name, text in QC_COLUMNS.items()),
        "",
    ]
    return "\n".join(lines)
