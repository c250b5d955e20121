"""The figure of the questions that decide a frame's status, drawn from the statuses themselves."""

from pathlib import Path

import matplotlib

from enicfer.records import Status

QUESTIONS = (  # in the order in which they are asked
    ("Was it taken within\nthe recording?", (Status.OUTSIDE_RECORDING,)),
    ("Can it be decoded?", (Status.UNDECODABLE,)),
    ("Is there a face?", (Status.NO_FACE,)),
    ("Is it surely the\nparticipant's?", (Status.OTHER_PERSON, Status.AMBIGUOUS_PERSON)),
    (
        "Can the expression\nbe seen?",
        (Status.TOO_SMALL, Status.POSE, Status.BLURRED, Status.DARK, Status.OCCLUDED),
    ),
)


def draw_statuses(path: Path) -> None:
    """Write the figure as SVG."""
    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    with plt.rc_context({"svg.hashsalt": "enicfer", "font.size": 9}):
        figure, ax = plt.subplots(figsize=(9, 2.6), layout="constrained")
        box = {"boxstyle": "round,pad=0.4", "edgecolor": "#0072B2", "facecolor": "white"}
        lost = {"boxstyle": "round,pad=0.3", "edgecolor": "#D55E00", "facecolor": "white"}
        arrow = {"arrowstyle": "->", "color": "0.3"}
        for place, (question, statuses) in enumerate(QUESTIONS):
            ax.text(place, 1, question, ha="center", va="center", bbox=box)
            names = "\n".join(status.label for status in statuses)
            ax.text(place, 0, names, ha="center", va="center", bbox=lost, family="monospace", fontsize=8)
            ax.annotate("", (place, 0.45), (place, 0.78), arrowprops=arrow)
            ax.text(place + 0.06, 0.6, "no", fontsize=8)
            ax.annotate("", (place + 0.56, 1), (place + 0.42, 1), arrowprops=arrow)
        ok = {**box, "facecolor": "#CCE5F2"}
        ax.text(len(QUESTIONS) - 0.1, 1, "ok: valid", ha="center", va="center", bbox=ok)
        ax.set(xlim=(-0.5, len(QUESTIONS) + 0.3), ylim=(-0.5, 1.4))
        ax.axis("off")
        figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)
        plt.close(figure)
