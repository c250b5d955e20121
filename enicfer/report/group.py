"""``group.html``: the whole study, and which runs can be used; made from the group tables and mean time courses."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from enicfer import __version__
from enicfer.records import Status
from enicfer.report.figures import STATUS_COLORS
from enicfer.report.templates import fill_template
from enicfer.timecourse.study import FEWEST, StudyCourse, choose_expression

_STRIP = 160  # px


@dataclass(frozen=True)
class ConditionRow:
    """Trials of a condition: how many, of how many participants, with values, rejected.

    ``thin`` is the number of participants with values in less than half of theirs.
    """

    name: str
    participants: int
    trials: int
    valid: int
    rejected: int
    thin: int


@dataclass(frozen=True)
class OddRun:
    """A session or participant that is unlike the others, and in what."""

    source: str
    text: str


@dataclass(frozen=True)
class StudyFacts:
    """What the page shows besides the table of runs.

    Attributes
    ----------
    course
        Time courses, None where no trial has values.
    ages
        Participant -> years, where they are known.
    status
        Of each done run, in their order: status -> number of frames.
    conditions
        Trials by condition.
    odd
        Who is unlike the others.
    """

    course: StudyCourse | None = None
    ages: Mapping[str, float] = field(default_factory=dict)
    status: Sequence[Mapping[str, int]] = ()
    conditions: Sequence[ConditionRow] = ()
    odd: Sequence[OddRun] = ()


def render_group(rows: Sequence[Mapping[str, Any]], facts: StudyFacts) -> str:
    """The page of a whole tree, from the rows of its ``group_qc.tsv`` and what else is known of the study."""
    rows = [{key: "" if value is None else value for key, value in row.items()} for row in rows]
    done = [row for row in rows if row["state"] == "done"]
    figures = dict.fromkeys(("means", "participants", "ages"), "")
    if facts.course is not None:
        from enicfer.report.group_figures import draw_study

        figures |= draw_study(facts.course, facts.ages)
    strips = [_strip(counts) for counts in facts.status]
    reasons = [status for status in Status if any(counts.get(status.label) for counts in facts.status)]
    return fill_template(
        "group.html",
        {
            "version": __version__,
            "done": [{**row, "strip": strip} for row, strip in zip(done, strips, strict=True)],
            "failed": [row for row in rows if row["state"] == "failed"],
            "figures": figures,
            "course": facts.course,
            "expression": choose_expression(facts.course) if facts.course is not None else "",
            "few": facts.course is not None and min(facts.course.n_participants.values()) < FEWEST,
            "conditions": facts.conditions,
            "rejected": any(row.rejected for row in facts.conditions),
            "odd": facts.odd,
            "reasons": [(_name(status), STATUS_COLORS[status]) for status in reasons],
        },
        {
            "percent": lambda value: _number(value, 100, "%"),
            "milli": lambda value: _number(value, 1000, "", 1),
            "whole": lambda value: _number(value, 1, ""),
            "signed": lambda value: _number(value, 1, "", sign="+"),
        },
    )


def _strip(counts: Mapping[str, int]) -> list[tuple[float, float, str, str]]:
    """Left end and width in px, colour, and text of each part of a run's bar."""
    total, left, parts = max(1, sum(counts.values())), 0.0, []
    for status in Status:
        if n := counts.get(status.label, 0):
            width = _STRIP * n / total
            text = f"{_name(status)}: {n / total:.1%}"
            parts.append((round(left, 2), round(width, 2), STATUS_COLORS[status], text))
            left += width
    return parts


def _name(status: Status) -> str:
    return "valid" if status is Status.OK else status.label.replace("_", " ")


def _number(value: Any, factor: float, unit: str, decimals: int = 0, sign: str = "") -> str:
    """Text of a number; nothing for what is missing."""
    if not isinstance(value, int | float) or value != value:
        return ""
    return f"{value * factor:{sign}.{decimals}f}{unit}"
