"""A plan as a file: JSON, which a person can read, and from which accuracy is estimated without bias."""

from pathlib import Path

from enicfer.coding.store import hash_video
from enicfer.errors import InputError
from enicfer.io.files.atomic import replacing
from enicfer.io.format_version import KEY, check_format
from enicfer.io.tables import read_json, write_json
from enicfer.records import FloatArray, from_plain
from enicfer.records.agreement import Estimate
from enicfer.records.intervals import share_of_these, weighted_mean
from enicfer.records.plan import RANDOM, CodingPlan
from enicfer.review.study import Study

FORMAT = 1
_REMEDY = "make the plan again with enicfer sample"


def write_plan(path: Path, plan: CodingPlan) -> None:
    """Write a plan; the file appears whole or not at all.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    with replacing(path) as partial:
        write_json(partial, {KEY: FORMAT, "plan": plan})


def read_plan(path: Path) -> CodingPlan:
    """Read what `write_plan` wrote.

    Raises
    ------
    InputError
        If it is missing or no plan.
    """
    if not path.is_file():
        raise InputError(f"There is no plan {path}", place=path, remedy=_REMEDY)
    content = read_json(path)
    check_format(content.get(KEY), (FORMAT,), path.name, _REMEDY)
    try:
        plan: CodingPlan = from_plain(CodingPlan, content.get("plan"), "plan")
    except InputError as error:
        raise InputError(f"{path.name} is no plan ({error})", place=path, remedy=_REMEDY) from None
    n = len(plan.items)
    if not all(0 <= place < n for place in plan.order) or not all(
        0 < item.probability <= 1 for item in plan.items if item.drawn == RANDOM
    ):
        raise InputError(f"{path.name} is no plan: its numbers do not fit each other", remedy=_REMEDY)
    return plan


def check_videos(plan: CodingPlan, study: Study) -> None:
    """Refuse a plan whose frames were drawn from other videos than those of the study's runs of these names.

    Raises
    ------
    InputError
        With the first such run.
    """
    for run in sorted(study.runs.values(), key=lambda one: one.name):
        drawn = plan.videos.get(run.name, "")
        if drawn and drawn != (hash_video(study.quality(run).provenance.inputs) or drawn):
            raise InputError(
                f"The plan is of another video of {run.name} than the one whose results are in {run.output}",
                place=run.output,
                remedy="make the plan of this study",
            )


def estimate_share(
    values: FloatArray, probability: FloatArray, groups: FloatArray
) -> tuple[Estimate, Estimate]:
    """Share of all frames that were drawn from, of a random part.

    Parameters
    ----------
    values
        ``(n,)`` of the frames that were drawn, 0 or 1.
    probability
        ``(n,)`` with which each was.
    groups
        ``(n,)`` number of the child of each.

    Returns
    -------
    Estimate, Estimate
        With its interval for all frames of these children, and for children in general.
    """
    return share_of_these(values, 1 / probability, groups), weighted_mean(values, 1 / probability, groups)
