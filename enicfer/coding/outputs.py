"""The files of an agreement: a page, a table, all of it as JSON, and the list of disagreements."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from enicfer.coding.adjudication import Disagreement
from enicfer.errors import OUTPUT, OVERWRITE, OutputError
from enicfer.io.files.atomic import staged
from enicfer.io.files.places import check_folder
from enicfer.io.tables import write_json, write_table
from enicfer.records.agreement import Agreement, Estimate, PairAgreement
from enicfer.report.agreement import render_agreement

NAMES = ("agreement.html", "agreement.tsv", "agreement.json", "disagreements.tsv")


def check_outputs(folder: Path, overwrite: bool) -> None:
    """Refuse a folder that cannot be written, or that has such files, before work begins.

    Raises
    ------
    OutputError
        With the reason.
    """
    check_folder(folder)
    there = [name for name in NAMES if (folder / name).exists()]
    if there and not overwrite:
        raise OutputError(
            f"{there[0]} is in {folder} already",
            place=folder,
            remedy=f"give {OVERWRITE} to replace it, or another {OUTPUT}",
        )


def write_agreement(
    agreement: Agreement, disagreements: Sequence[Disagreement], folder: Path, *, overwrite: bool = False
) -> list[Path]:
    """Write all files, or none.

    Parameters
    ----------
    agreement, disagreements
        What to write.
    folder
        Where; it is made.
    overwrite
        Replace files that are there.

    Raises
    ------
    OutputError
        If files are there already, or cannot be written.
    """
    check_outputs(folder, overwrite)
    try:
        with staged(folder, make=True) as stage:
            page = render_agreement(agreement)
            (stage.tree / NAMES[0]).write_text(page, encoding="utf-8", newline="\n")
            write_table(stage.tree / NAMES[1], pd.DataFrame(list(agreement_rows(agreement))))
            write_json(stage.tree / NAMES[2], {"agreement": agreement})
            write_table(stage.tree / NAMES[3], _disagreement_table(disagreements))
            return stage.publish(NAMES)
    except OSError as error:
        raise OutputError(
            f"The agreement cannot be written to {folder}: {error.strerror or error}."
        ) from None


def agreement_rows(agreement: Agreement) -> Iterator[dict[str, Any]]:
    """One row for each number: where it is of, ``measure``, ``value``, ``low``, ``high`` and ``n``."""
    for pair in agreement.pairs:
        where = {
            "kind": pair.kind,
            "unit": pair.unit,
            "dimension": pair.dimension,
            "raters": f"{pair.first}, {pair.second}",
        }
        for category, measure, value, n in _pair_numbers(pair):
            yield _row(where, category, measure, value, n)
    for group in agreement.groups:
        where = {"kind": "group", "unit": group.unit, "dimension": group.dimension}
        where["raters"] = ", ".join(group.coders)
        yield _row(where, "", "fleiss_kappa", group.fleiss, group.units)
        yield _row(where, "", "krippendorff_alpha", group.alpha, group.units)
    for one in agreement.accuracy:
        where = {"kind": "plan", "unit": "frame", "dimension": "", "raters": one.rater}
        yield _row(where, "", "classifier_accuracy", one.accuracy, one.codable)
        yield _row(where, "", "classifier_accuracy_in_general", one.in_general, one.codable)
    for trial in agreement.trials:
        where = {"kind": "trials", "unit": trial.unit, "dimension": trial.dimension}
        where["raters"] = ", ".join(trial.raters)
        yield _row(where, trial.category, "icc_2_1", trial.single, trial.trials)
        yield _row(where, trial.category, "icc_2_k", trial.mean, trial.trials)


def _pair_numbers(pair: PairAgreement) -> Iterator[tuple[str, str, Estimate, int]]:
    """Category ("" for all), measure, value and number of units."""
    yield from (("", name, getattr(pair, name), pair.units) for name in ("percent", "kappa", "s"))
    yield "", "kappa_standard_error", Estimate(pair.kappa_error), pair.units
    yield "", "codable_first", Estimate(pair.codable[0]), pair.units
    yield "", "codable_second", Estimate(pair.codable[1]), pair.units
    yield from (
        ("", f"kappa_within_{seconds}_s", Estimate(value), pair.units)
        for seconds, value in pair.tolerance.items()
    )
    if pair.events is not None:
        yield "", "event_kappa", Estimate(pair.events.kappa), pair.events.linked
    for one in pair.categories:
        yield one.name, "kappa", one.kappa, pair.units
        yield one.name, "specific", Estimate(one.specific), pair.units
        yield one.name, "prevalence_first", Estimate(one.prevalence[0]), pair.units
        yield one.name, "prevalence_second", Estimate(one.prevalence[1]), pair.units
        if one.onsets[0]:
            yield one.name, "onset_difference_median", Estimate(one.onsets[1], *one.onsets[2:]), one.onsets[0]


def _row(where: Mapping[str, str], category: str, measure: str, value: Estimate, n: int) -> dict[str, Any]:
    numbers = {"value": value.value, "low": value.low, "high": value.high}
    return {**where, "category": category, "measure": measure, **numbers, "n": n}


def _disagreement_table(found: Sequence[Disagreement]) -> pd.DataFrame:
    columns = ("run", "unit", "dimension", "number", "video_time", "duration")
    rows = [
        {
            **{name: getattr(one, name) for name in columns},
            "codes": " / ".join(one.unlabelled()),
            "decided": one.decided,
        }
        for one in found
    ]
    return pd.DataFrame(rows, columns=[*columns, "codes", "decided"])
