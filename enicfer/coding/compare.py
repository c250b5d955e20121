"""The whole comparison of coders in one call: numbers, disagreements, and their files."""

from collections.abc import Sequence
from pathlib import Path

from enicfer.coding.adjudication import Disagreement, list_disagreements
from enicfer.coding.agreement import measure_rated
from enicfer.coding.outputs import check_outputs, write_agreement
from enicfer.coding.plan import check_videos, read_plan
from enicfer.coding.rated import rate_study
from enicfer.coding.tracks import read_coded_study
from enicfer.records.agreement import Agreement
from enicfer.review.study import Study


def compare_coders(
    folders: Sequence[str | Path],
    *,
    book: str = "",
    output: str | Path | None = None,
    overwrite: bool = False,
    plan: str | Path | None = None,
) -> tuple[Agreement, list[Disagreement], list[Path]]:
    """Measure how well the coders of a study agree, list where they do not, and write both.

    Parameters
    ----------
    folders
        Session folders, folders of them, or outputs.
    book
        Name of the codebook; "" where only one was used.
    output
        Folder for ``agreement.html``, ``.tsv`` and ``.json`` and ``disagreements.tsv``, or None.
    overwrite
        Replace files that are there.
    plan
        File of `enicfer.coding.sampling.sample_frames`, by whose random part the classifier's accuracy is estimated.

    Returns
    -------
    Agreement, list of Disagreement, list of Path
        What was found, and the files.

    Raises
    ------
    InputError
        If there are no results or no codings, a file is damaged, or it is not clear which codebook is meant.
    OutputError
        If files are there already, or cannot be written.
    """
    if output is not None:
        check_outputs(Path(output), overwrite)
    drawn = None if plan is None else read_plan(Path(plan))
    if drawn is not None:
        check_videos(drawn, Study([Path(folder) for folder in folders]))
    study = read_coded_study([Path(folder) for folder in folders], book)
    rated, unknown = rate_study(study)
    found = measure_rated(study, rated, unknown, drawn)
    disagreements = list_disagreements(rated)
    paths = [] if output is None else write_agreement(found, disagreements, Path(output), overwrite=overwrite)
    return found, disagreements, paths
