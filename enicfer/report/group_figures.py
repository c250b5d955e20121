"""Figures of a whole study, as SVG text: means over participants, a small one for each, and by age."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from enicfer.report.figures import (
    EXPRESSION_COLORS,
    condition_colors,
    condition_panels,
    draw_all,
    draw_key,
    draw_means,
)
from enicfer.timecourse.study import StudyCourse, choose_expression, mean_after

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_PANELS = 60  # participants that have one of their own
_FAINT = "#8A929C"
Ages = Mapping[str, float]  # participant -> years


def draw_study(course: StudyCourse, ages: Ages) -> dict[str, str]:
    """Name -> SVG text of each figure that there is something for."""
    return draw_all(_FIGURES, "group", course, ages)


def _draw_means(figure: "Figure", course: StudyCourse, ages: Ages) -> bool:
    """Mean over participants of each expression around the triggers, by condition."""
    panels = condition_panels(figure, len(course.mean), 2.2)
    for axes, (name, mean) in zip(panels, course.mean.items(), strict=True):
        draw_means(axes, course.time, mean, course.half_width[name], course.labels)
        number = course.n_participants[name]
        axes.set_title(f"{name[:60]}  ({number} participant{'s' * (number != 1)})")
    draw_key(figure, {label: EXPRESSION_COLORS[label] for label in course.labels}, {})
    return True


def _draw_participants(figure: "Figure", course: StudyCourse, ages: Ages) -> bool:
    """One expression in a panel for each participant, a line for each condition."""
    label = choose_expression(course)
    k, colors = course.labels.index(label), condition_colors(list(course.mean))
    people = sorted(course.participants)[:MOST_PANELS]
    columns = min(6, len(people))
    rows = -(-len(people) // columns)
    figure.set_size_inches(10, 0.6 + 1.25 * rows)
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    for axes, person in zip(grid.ravel(), people, strict=False):
        axes.axvline(0, color=_FAINT, linewidth=0.6, linestyle=(0, (2, 2)))
        for name, values in course.participants[person].items():
            axes.plot(course.time, values[:, k], color=colors[name], linewidth=1.2)
        axes.set_title(person, fontsize=8.5)
        axes.set_ylim(0, 1)
        axes.tick_params(labelsize=7.5)
    for axes in grid.ravel()[len(people) :]:
        axes.set_visible(False)
    figure.supylabel(f"probability of {label}", fontsize=9)
    figure.supxlabel("time from the trigger (s)", fontsize=9)
    draw_key(figure, {f"{name[:60]}": color for name, color in colors.items()}, {})
    return True


def _draw_ages(figure: "Figure", course: StudyCourse, ages: Ages) -> bool:
    """One expression by the participants' ages, a point for each participant and condition."""
    known = {person: ages[person] for person in course.participants if person in ages}
    if len(known) < 2:
        return False
    label = choose_expression(course)
    levels, colors = mean_after(course, label), condition_colors(list(course.mean))
    figure.set_size_inches(6, 3)
    axes = figure.subplots()
    for name in course.mean:
        points = [(age, levels[person][name]) for person, age in known.items() if name in levels[person]]
        if points:
            x, y = zip(*points, strict=True)
            axes.plot(x, y, "o", color=colors[name], markersize=5, alpha=0.8)
    axes.set(xlabel="age (years)", ylabel=f"mean probability of {label}", ylim=(0, 1))
    draw_key(figure, {name[:60]: color for name, color in colors.items()}, {})
    return True


_FIGURES: Mapping[str, Callable[["Figure", StudyCourse, Ages], bool]] = {
    "means": _draw_means,
    "participants": _draw_participants,
    "ages": _draw_ages,
}
