"""The figures of a run, as SVG text.

The same run gives the same text: no date, no random ids. Text stays text, so that figures can be edited. Long
traces are drawn as means over at most `_MAX_POINTS` bins. Times are on the recording's clock.
"""

import hashlib
import io
import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from enicfer.io.files.names import stem_of
from enicfer.records import FloatArray, RunResult, Status
from enicfer.records.trace import take_part
from enicfer.timecourse.cameras import list_changes
from enicfer.timecourse.sampling import trial_courses, window_weights
from enicfer.timecourse.segments import LOST
from enicfer.timecourse.study import START, STEP, half_width, mean_known
from enicfer.timecourse.trials import trials_that_count

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Colours that people with colour blindness can tell apart (tests/report/test_colours.py): of expressions those of
# Okabe and Ito (2008), neutral in grey.
EXPRESSION_COLORS: Mapping[str, str] = {
    "angry": "#D55E00",
    "fearful": "#CC79A7",
    "happy": "#E69F00",
    "sad": "#0072B2",
    "neutral": "#B8BDC4",
    "disgusted": "#009E73",
    "surprised": "#56B4E9",
}
CONDITION_COLORS = ("#3B4C63", "#98A8C6", "#707F5D", "#C9AE74", "#8A5F72", "#4C8B9A", "#A77143", "#8B962F")
STATUS_COLORS: Mapping[Status, str] = {
    Status.OK: "#2B6C8F",
    Status.NO_FACE: "#E6A359",
    Status.OTHER_PERSON: "#823AAC",
    Status.AMBIGUOUS_PERSON: "#B783BC",
    Status.POSE: "#E5B749",
    Status.BLURRED: "#96B587",
    Status.DARK: "#5E5E5E",
    Status.OCCLUDED: "#9C361E",
    Status.TOO_SMALL: "#EBADAE",
    Status.UNDECODABLE: "#262626",
    Status.OUTSIDE_RECORDING: "#C9CFD5",
    Status.NOT_ANALYSED: "#F3F4F5",
    Status.NO_EXPRESSION: "#8E96A0",
}
_INK, _FAINT, _ACCENT, _ALERT = "#22282F", "#8A929C", "#2B6C8F", "#B3412E"
_MAX_POINTS = 1000
_STRIP_BINS = 400
_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "text.parse_math": False,  # a condition may be named "$5"
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 9.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": _FAINT,
    "axes.labelcolor": _INK,
    "axes.titlesize": 9.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "text.color": _INK,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "axes.linewidth": 0.8,
    "legend.frameon": False,
    "hatch.linewidth": 0.5,
}


def draw_figures(run: RunResult) -> dict[str, str]:
    """Name -> SVG text of every figure of `FIGURES` that the run has something for, and of several cameras."""
    further = {} if run.cameras is None else {"cameras": draw_cameras}
    return draw_all({**FIGURES, **further}, stem_of(run.entities), run)


def draw_all(figures: Mapping[str, Callable[..., bool]], about: str, *given: Any) -> dict[str, str]:
    """Name -> SVG text of each figure that there is something for; ``about`` tells its ids from those of others."""
    import matplotlib
    from matplotlib.figure import Figure

    drawn = {}
    for name, draw in figures.items():
        with matplotlib.rc_context({**_STYLE, "svg.hashsalt": name}), warnings.catch_warnings():
            # Text stays text: a glyph that is missing here is the viewer's to draw.
            warnings.filterwarnings("ignore", message=r"Glyph \d+", category=UserWarning)
            figure = Figure(layout="constrained")
            if draw(figure, *given):
                drawn[name] = _svg(figure, f"{about}-{name}")
    return drawn


def draw_trace(figure: "Figure", run: RunResult) -> bool:
    """Trials, segments, and the probabilities as a stack over time; hatched where the face was lost."""
    figure.set_size_inches(10, 3.7)
    trials, segments, stack = figure.subplots(3, 1, sharex=True, height_ratios=[0.35, 0.35, 2.6])
    conditions = list(dict.fromkeys(run.trials["trial_type"]))
    colors = condition_colors(conditions)
    for condition in conditions:
        rows = run.trials[run.trials["trial_type"] == condition]
        trials.broken_barh(
            list(zip(rows["onset"], rows["duration"], strict=True)), (0, 1), color=colors[condition]
        )
    for label in sorted(
        (*run.expression.labels, LOST), key=lambda label: label != "neutral"
    ):  # rare ones on top
        rows = run.segments[run.segments["label"] == label]
        look = {"color": EXPRESSION_COLORS[label]} if label != LOST else _LOST_LOOK
        for axes, height in ((segments, 1.0), *([(stack, 1.0)] if label == LOST else [])):
            axes.broken_barh(list(zip(rows["onset"], rows["duration"], strict=True)), (0, height), **look)
    time, means = _binned(run)
    stack.stackplot(
        time,
        np.nan_to_num(means.T),
        colors=[EXPRESSION_COLORS[label] for label in run.expression.labels],
        labels=run.expression.labels,
        linewidth=0,
    )
    for axes, name in ((trials, "trials"), (segments, "segments")):
        axes.set_yticks([])
        axes.set_ylabel(name, rotation=0, ha="right", va="center")
        axes.spines[:].set_visible(False)
        axes.tick_params(bottom=False)
    stack.set(ylim=(0, 1), ylabel="probability", xlabel="time on the recording's clock (s)")
    stack.set_xlim(*_time_limits(run))
    draw_key(figure, {label: EXPRESSION_COLORS[label] for label in run.expression.labels}, colors)
    return bool(run.time.size)


def draw_status(figure: "Figure", run: RunResult) -> bool:
    """How many frames are valid, why the others are not, and when."""
    inside = (run.time >= 0) & (run.time <= run.recording.duration)
    status = np.where(inside, run.expression.status, Status.OUTSIDE_RECORDING)
    counts = {reason: int((status == reason).sum()) for reason in Status}
    shown = [reason for reason in Status if counts[reason]]
    figure.set_size_inches(10, max(1.7, 0.55 + 0.27 * len(shown)))
    bars, time_course = figure.subplots(1, 2, width_ratios=[1, 1.5])
    part = {**counts, Status.OUTSIDE_RECORDING: 0}  # of the frames during the recording
    share = [100 * part[reason] / max(1, int(inside.sum())) for reason in shown]
    names = [reason.label.replace("_", " ") for reason in shown]
    drawn = bars.barh(names, share, color=[STATUS_COLORS[reason] for reason in shown], height=0.7)
    percent = [
        f"{p:.1f} %" if part[reason] else "not counted" for p, reason in zip(share, shown, strict=True)
    ]
    texts = [f"{text}  ({counts[reason]})" for text, reason in zip(percent, shown, strict=True)]
    bars.bar_label(drawn, texts, padding=4, fontsize=8.5)
    bars.set(xlim=(0, 150), xticks=[0, 50, 100], xlabel="frames (%)")
    bars.invert_yaxis()
    bars.tick_params(left=False)
    bars.spines["left"].set_visible(False)
    edges = np.linspace(*_time_limits(run), 101)
    total = np.maximum(np.histogram(run.time, edges)[0], 1)
    layers = [100 * np.histogram(run.time[status == reason], edges)[0] / total for reason in shown]
    if shown:
        time_course.stackplot(
            edges[:-1], layers, colors=[STATUS_COLORS[r] for r in shown], step="post", linewidth=0
        )
    time_course.set(
        xlim=_time_limits(run), ylim=(0, 100), xlabel="time on the recording's clock (s)", ylabel="frames (%)"
    )
    return bool(shown)


def draw_sync(figure: "Figure", run: RunResult) -> bool:
    """Residuals of the matched pulses, pulses without a partner, and the uncertainty of the time."""
    alignment = run.alignment
    figure.set_size_inches(10, 2.5)
    residuals, bound = figure.subplots(1, 2, width_ratios=[1.4, 1])
    residuals.axhline(0, color=_FAINT, linewidth=0.8)
    size = 3.5 if alignment.residual.size < 200 else 1.5
    residuals.plot(alignment.pulse_time, alignment.residual * 1e3, "o", color=_ACCENT, markersize=size)
    span = float(np.abs(alignment.residual).max() * 1e3) if alignment.residual.size else 1.0
    lost_video = alignment.time(alignment.unmatched_video)
    for times, y, name in (
        (alignment.unmatched_recording, -1.5, "only in the recording"),
        (lost_video, 1.5, "only in the video"),
    ):
        if len(times):
            marker = "^" if y < 0 else "v"
            residuals.plot(
                times, np.full(len(times), y * span), marker, color=_ALERT, markersize=5, label=name
            )
    residuals.set(xlabel="time on the recording's clock (s)", ylabel="residual (ms)")
    residuals.set_title(f"{alignment.residual.size} matched pulses")
    if residuals.get_legend_handles_labels()[0]:
        residuals.legend(fontsize=8, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    every = max(1, run.time.size // _MAX_POINTS)
    uncertainty = run.time_uncertainty[::every] * 1e3
    bound.fill_between(run.time[::every], 0, uncertainty, color=_ACCENT, alpha=0.25, linewidth=0)
    bound.plot(run.time[::every], uncertainty, color=_ACCENT, linewidth=1.2)
    bound.set(xlabel="time on the recording's clock (s)", ylabel="95 % bound (ms)")
    bound.set_ylim(0, max(1.0, float(uncertainty.max(initial=0)) * 1.3))
    bound.set_title("95 % bound of the clocks' map")
    return bool(run.time.size)


def draw_conditions(figure: "Figure", run: RunResult) -> bool:
    """Mean time course of each expression around the triggers of each condition, with 95 % intervals over trials.

    Trials without values, and those that a review rejected, are left out.
    """
    from matplotlib.ticker import MaxNLocator

    conditions = list(dict.fromkeys(run.trials["trial_type"]))
    if not conditions:
        return False
    time, courses = trial_courses(run, START, float(run.trials["duration"].max()), STEP)
    counts = trials_that_count(run.trials)
    panels = condition_panels(figure, len(conditions), 2.1)
    for axes, condition in zip(panels, conditions, strict=True):
        its = (run.trials["trial_type"] == condition).to_numpy()
        n, known = int(its.sum()), int((its & counts).sum())
        shown = courses[its & counts]
        draw_means(axes, time, mean_known(shown), half_width(shown, 2), run.expression.labels)
        axes.set_title(f"{condition}  (n = {known})" if known == n else f"{condition}  (n = {known} of {n})")
    panels[0].xaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10], prune="both"))
    draw_key(figure, {label: EXPRESSION_COLORS[label] for label in run.expression.labels}, {})
    return True


def condition_panels(figure: "Figure", count: int, height: float) -> list["Axes"]:
    """Axes of a panel for each of ``count`` conditions, of probability over the time from the trigger.

    ``height`` is that of a row in inches.
    """
    columns = count if count <= 4 else 3
    rows = -(-count // columns)
    figure.set_size_inches(10, 0.5 + height * rows)
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    for axes in grid.ravel()[count:]:
        axes.set_visible(False)
    for axes in grid[:, 0]:
        axes.set(ylabel="probability", ylim=(0, 1))
    for axes in grid.ravel()[max(0, count - columns) : count]:  # the lowest of each column
        axes.set_xlabel("time from the trigger (s)")
        axes.tick_params(labelbottom=True)
    return list(grid.ravel()[:count])


def draw_cameras(figure: "Figure", run: RunResult) -> bool:
    """Valid and invalid frames of each of several cameras over time, and which one the values are of."""
    from matplotlib.patches import Patch

    if run.cameras is None or not run.time.size:
        return False
    tracks = run.cameras.tracks
    figure.set_size_inches(10, 0.9 + 0.34 * (len(tracks) + 1))
    *strips, used = figure.subplots(len(tracks) + 1, 1, sharex=True)
    # Wide enough for some frames each, so that one that was dropped leaves no gap.
    read = [take_part(track.expression, track.time) for track in tracks]
    count = max(1, min(_STRIP_BINS, min(int(own.sum()) for own in read) // 5))
    edges = np.linspace(*_time_limits(run), count + 1)
    shown: dict[Status, None] = {}
    for axes, track, part in zip(strips, tracks, read, strict=True):
        times, status_of = track.time[part], track.expression.status[part]
        counts = [np.histogram(times[status_of == s], edges)[0] for s in Status]
        there = np.sum(counts, axis=0) > 0
        most = np.argmax(counts, axis=0)
        for status in (status for number, status in enumerate(Status) if (there & (most == number)).any()):
            own = np.diff(np.r_[0, there & (most == list(Status).index(status)), 0])
            begins, ends = edges[np.flatnonzero(own == 1)], edges[np.flatnonzero(own == -1)]
            spans = list(zip(begins, ends - begins, strict=True))
            axes.broken_barh(spans, (0, 1), color=STATUS_COLORS[status], linewidth=0)
            shown[status] = None
    colors = condition_colors([track.name for track in tracks])
    for name, start, stop in list_changes(run.cameras, run.time):
        used.broken_barh([(start, stop - start)], (0, 1), color=colors[name], linewidth=0)
    for axes, name in zip((*strips, used), (*run.cameras.names, "used"), strict=True):
        axes.set(yticks=[], ylim=(0, 1))
        axes.set_ylabel(name, rotation=0, ha="right", va="center")
        axes.spines[:].set_visible(False)
    used.set(xlabel="time on the recording's clock (s)", xlim=_time_limits(run))
    patches = [Patch(color=STATUS_COLORS[status], label=status.label.replace("_", " ")) for status in shown]
    patches += [Patch(color=color, label=f"used: {name}") for name, color in colors.items()]
    figure.legend(handles=patches, loc="outside upper left", ncols=10, **_KEY_LOOK)
    return True


FIGURES: dict[str, Callable[["Figure", RunResult], bool]] = {
    "trace": draw_trace,
    "conditions": draw_conditions,
    "status": draw_status,
    "sync": draw_sync,
}
_KEY_LOOK: dict[str, Any] = {"fontsize": 8.5, "handlelength": 1.1, "columnspacing": 1.2, "borderaxespad": 0.2}
_LOST_LOOK: dict[str, Any] = {"facecolor": "#F2F0EC", "edgecolor": "#CFC8BC", "hatch": "////", "linewidth": 0}


def condition_colors(conditions: Sequence[str]) -> dict[str, str]:
    """A colour for each condition, in the order in which they occur; one for all if more than there are colours."""
    if len(conditions) > len(CONDITION_COLORS):
        return dict.fromkeys(conditions, CONDITION_COLORS[0])
    return dict(zip(conditions, CONDITION_COLORS, strict=False))


def draw_means(
    axes: "Axes", time: FloatArray, mean: FloatArray, half: FloatArray, labels: Sequence[str]
) -> None:
    """Mean ``(m, k)`` of each expression over time (m,) s from the trigger, in a band of half that width."""
    axes.axvline(0, color=_FAINT, linewidth=0.8, linestyle=(0, (2, 2)))
    for k, label in enumerate(labels):
        color = EXPRESSION_COLORS[label]
        low, high = np.clip(mean[:, k] - half[:, k], 0, 1), np.clip(mean[:, k] + half[:, k], 0, 1)
        axes.fill_between(time, low, high, color=color, alpha=0.2, linewidth=0)
        axes.plot(time, mean[:, k], color=color, linewidth=1.6)


def _binned(run: RunResult) -> tuple[FloatArray, FloatArray]:
    """Times and mean probabilities of bins, NaN where a bin has no valid frame."""
    start, stop = _time_limits(run)
    edges = np.linspace(start, stop, min(_MAX_POINTS, max(2, run.time.size)) + 1)
    window, frame, weight = window_weights(run, edges)
    ok = run.expression.ok[frame]
    window, frame, weight = window[ok], frame[ok], weight[ok]
    n = edges.size - 1
    total = np.bincount(window, weight, n)
    p = run.expression.probability.astype(np.float64)
    sums = np.stack([np.bincount(window, weight * column[frame], n) for column in p.T], axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return (edges[:-1] + edges[1:]) / 2, sums / total[:, None]


def _time_limits(run: RunResult) -> tuple[float, float]:
    if not run.time.size:
        return 0.0, 1.0
    start, stop = float(run.time[0]), float(run.time[-1])
    return start, max(stop, start + 1e-3)


def draw_key(figure: "Figure", expressions: Mapping[str, str], conditions: Mapping[str, str]) -> None:
    """Say which colour is which, above the figure, and below it those of trials where there are some."""
    from matplotlib.patches import Patch

    patches = [Patch(color=color, label=label) for label, color in expressions.items()]
    if conditions:
        patches.append(Patch(**_LOST_LOOK, label="face lost"))
    figure.legend(handles=patches, loc="outside upper left", ncols=10, **_KEY_LOOK)
    if conditions:
        _key_of_trials(figure, conditions)


def _key_of_trials(figure: "Figure", conditions: Mapping[str, str]) -> None:
    """In as many columns as fit beside each other; each row makes the figure a little higher."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.patches import Patch

    patches = [Patch(color=color, label=f"trial: {name[:80]}") for name, color in conditions.items()]
    if len(patches) > len(CONDITION_COLORS):
        text = f"trials of {len(patches)} conditions: see the table"
        patches = [Patch(color=CONDITION_COLORS[0], label=text)]
    renderer = FigureCanvasAgg(figure).get_renderer()
    for columns in range(len(patches), 0, -1):
        legend = figure.legend(handles=patches, loc="outside lower left", ncols=columns, **_KEY_LOOK)
        if columns == 1 or legend.get_window_extent(renderer).width <= figure.bbox.width:
            break
        legend.remove()
    figure.set_figheight(figure.get_figheight() + 0.19 * (-(-len(patches) // columns) - 1))


def _svg(figure: "Figure", name: str) -> str:
    stream = io.StringIO()
    figure.savefig(stream, format="svg", metadata={"Date": None, "Creator": None}, transparent=True)
    text = stream.getvalue()
    text = text[text.index("<svg") :]
    # ids must be unique on a page that holds many figures
    salt = hashlib.sha256(name.encode()).hexdigest()[:6]
    text = re.sub(r'(id="|href="#|url\(#)', rf"\g<1>{salt}-", text)
    return re.sub(r"[ \t]+\n", "\n", text)
