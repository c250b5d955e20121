"""The page of a session: one HTML file that needs no other, without pictures of faces."""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from enicfer import __version__
from enicfer.errors import counted
from enicfer.export.description import methods_text, people_text
from enicfer.io.files.names import session_folder, session_stem, stem_of
from enicfer.records import Alignment, ClockQuality, Modality, ReviewQuality, RunResult
from enicfer.report.figures import EXPRESSION_COLORS, draw_figures
from enicfer.report.identity import identity_rows
from enicfer.report.templates import fill_template
from enicfer.timecourse.quality import drift_text, milliseconds
from enicfer.timecourse.sampling import nominal_rate

_TITLES = {
    "trace": "What the face showed",
    "conditions": "By condition",
    "status": "Valid and invalid frames",
    "sync": "How video time became recording time",
    "cameras": "Which camera when",
}
_CAPTIONS = {
    "trace": (
        "Probabilities of the expressions, stacked, over the whole run. Hatched: the face was lost; no value is "
        "made up there."
    ),
    "conditions": (
        "Mean over the trials of a condition that have values, around their triggers; bands are 95 % intervals "
        "of the mean over trials. Trials of one person are not independent: the bands describe this run."
    ),
    "status": "Each invalid frame has one reason. The percentages are of the frames during the recording.",
    "sync": (
        "Left: each matched pulse, and triangles for pulses that found no partner. Right: half-width of the 95 % "
        "interval of the clocks' map."
    ),
    "cameras": (
        "Each camera's frames over the run, valid or not with the reason, and below them the camera whose frames "
        "the values are of. A camera takes over where its view is valid and the other's is not, or where the face is "
        "turned to it more, for long enough to be worth the change."
    ),
}
_MAKING = ("recipe", "arguments", "preprocessing", "format")  # parts of a model's card that few will read
_LIMITS = (
    "Probabilities say what the face shows, as a classifier sees it. They are not what the person feels.",
    "Compare conditions within a person; differences between people also reflect faces, cameras and light.",
    "Do not believe a trial with a low valid fraction, or a value whose frames were turned far from the camera.",
    "Do not interpret an order of events that is finer than the uncertainty of the time.",
    "Frames carry the time at which their exposure ended: latencies and onsets are late by half of the exposure, at "
    "most by half of the interval between frames.",
    "A classifier trained on adults or on posed pictures reads children's faces less well.",
)


def write_report(runs: Sequence[RunResult], root: Path) -> list[Path]:
    """Write ``sub-XX[_ses-YY].html`` and the figures in ``sub-XX/figures``.

    Parameters
    ----------
    runs
        The runs of one session.
    root
        Root of the derivative.

    Returns
    -------
    list of Path
        The page and the figures.
    """
    drawn = [draw_figures(run.analysed) for run in runs]
    folder = session_folder(root, {"sub": runs[0].entities["sub"]}, Modality.NONE).parent / "figures"
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for run, figures in zip(runs, drawn, strict=True):
        for name, svg in figures.items():
            paths.append(folder / f"{stem_of(run.entities)}_desc-{name}.svg")
            paths[-1].write_text(svg, encoding="utf-8", newline="\n")
    page = root / f"{session_stem(runs[0].entities)}.html"
    page.write_text(render_page(runs, drawn), encoding="utf-8", newline="\n")
    return [page, *paths]


def render_page(runs: Sequence[RunResult], drawn: Sequence[Mapping[str, str]]) -> str:
    """The page as text; ``drawn`` holds the SVG figures of each run."""
    from markupsafe import Markup

    entities = runs[0].entities
    cards = [run.provenance.model.content or {"name": run.expression.model} for run in runs]
    sections = [
        {
            "name": run.name,
            "file": run.recording.file.name,
            "warnings": run.warnings,
            "tiles": headline(run),
            "figures": [
                {"title": _TITLES[name], "caption": _CAPTIONS[name], "svg": Markup(svg)}
                for name, svg in figures.items()
            ],
            "labels": run.expression.labels,
            "trials": trial_rows(run),
            "card": list(flatten({k: v for k, v in card.items() if k not in _MAKING})),
            "making": list(flatten({k: v for k, v in card.items() if k in _MAKING})),
            "seen": identity_rows(run),
            "sync": sync_rows(run),
            "inputs": list(run.provenance.inputs.items()),
        }
        for run, figures, card in zip(runs, drawn, cards, strict=True)
    ]
    return fill_template(
        "session.html",
        {
            "participant": entities["sub"],
            "session": entities.get("ses"),
            "version": __version__,
            "sections": sections,
            "methods": methods_of(runs),
            "limits": _LIMITS,
        },
    )


def methods_of(runs: Sequence[RunResult]) -> list[tuple[str, str]]:
    """Each text of methods and the runs that it is about, which need no name where one text holds for all."""
    texts: dict[str, list[str]] = {}
    for run in runs:
        text = f"{methods_text(run)} {people_text(run)}".strip()
        texts.setdefault(text, []).append(run.name)
    return [(", ".join(names) if len(texts) > 1 else "", text) for text, names in texts.items()]


def headline(run: RunResult) -> list[dict[str, Any]]:
    """The numbers that say at a glance whether a run can be used: ``value``, ``name``, ``alert``."""
    quality, sync = run.quality, run.quality.sync
    valid, bound, one = quality.valid_fraction, sync.max_uncertainty, sync.max_frame_uncertainty
    trials, with_values = quality.n_trials, quality.n_trials_valid
    share = "n/a" if valid is None else f"{valid:.0%}"
    frames = f"of the {quality.n_frames_inside} frames read during the recording are valid"
    tiles = [(share, frames, valid is None or valid < 0.5)]
    if trials:
        tiles.append((f"{with_values} / {trials}", "trials with values", with_values < trials))
    if (review := run.quality.review) is not None and trials:
        tiles.append((f"{review.n_trials_reviewed} / {trials}", review_text(review), False))
    if sync.residual_rms is not None:
        pulses = f"residual (rms) of {sync.n_matched} pulses"
        tiles.append((milliseconds(sync.residual_rms), pulses, False))
    # All frames of the camera, also those whose expression was not read.
    if run.quality.cameras:
        each = [own.sync for own in run.quality.cameras.cameras.values()]
        bound = max((o.max_uncertainty for o in each if o.max_uncertainty is not None), default=bound)
        one = max((o.max_frame_uncertainty for o in each if o.max_frame_uncertainty is not None), default=one)
        tiles.append((str(run.quality.cameras.n_changes), "changes of camera", False))
    rough = bound is None or bound > 0.5 / nominal_rate(run.faces.video_time)
    within = "n/a" if bound is None else f"± {milliseconds(bound)}"
    frame = "" if one is None else f"; of one frame's time ± {milliseconds(one)}"
    tiles.append((within, f"largest 95 % bound of the clocks' map{frame}", rough))
    if sync.drifts:
        value, unit = drift_text(sync.drifts[0]).rsplit(" ", 1)
        tiles.append((value, f"{unit}: drift of the camera's clock, + is too fast", False))
    return [{"value": value, "name": name, "alert": alert} for value, name, alert in tiles]


def review_text(review: ReviewQuality) -> str:
    """Who reviewed how: ``trials reviewed by Anna, 2 rejected; signed off by Anna K.``."""
    who = f" by {', '.join(review.coders)}" if review.coders else ""
    signed = f"; signed off by {', '.join(review.signed)}" if review.signed else ""
    if review.n_trials_disputed:
        signed += f"; disagreement on {counted(review.n_trials_disputed, 'trial')}"
    if review.n_trials_unjudged:
        signed += f", {counted(review.n_trials_unjudged, 'trial')} of the queue not judged"
    if review.reopened:
        signed += f"; signed by {', '.join(review.reopened)} before the last verdict: sign again"
    return f"trials reviewed{who}, {review.n_trials_rejected} rejected{signed}"


def sync_rows(run: RunResult) -> list[tuple[str, str]]:
    """The evidence for the clocks, in words; of several cameras for each, with its name."""
    if run.cameras is None or run.quality.cameras is None:
        return clock_rows(run.quality.sync, run.alignment)
    rows = []
    for track in run.cameras.tracks:
        own = clock_rows(run.quality.cameras.cameras[track.name].sync, track.alignment)
        rows += [(f"{track.name}: {name}", text) for name, text in own]
    return rows + [(f"{name}: left out", reason) for name, reason in run.cameras.left_out.items()]


def clock_rows(sync: ClockQuality, alignment: Alignment) -> list[tuple[str, str]]:
    """The evidence for one camera's clock."""
    rms, worst = (milliseconds(value, 2) for value in (sync.residual_rms, sync.residual_max))
    rows = [
        ("pulses from", sync.source),
        ("matched", str(sync.n_matched)),
        ("without partner in the video", str(sync.n_unmatched_video)),
        ("without partner in the recording", str(sync.n_unmatched_recording)),
        ("residual", "not measured" if sync.residual_rms is None else f"{rms} (rms), {worst} (largest)"),
    ]
    if sync.max_frame_uncertainty is not None:
        bounds = [milliseconds(value, 2) for value in (sync.max_uncertainty, sync.max_frame_uncertainty)]
        rows.append(("95 % bound of the map", f"{bounds[0]} (largest)"))
        text = f"{bounds[1]} (largest); stamps jitter by {milliseconds(sync.jitter, 2)}"
        rows.append(("95 % bound of one frame's time", text))
    for drift in sync.drifts:
        start = drift.video_start
        where = "" if start is None else f" from {start:.1f} s of the video"
        rows.append((f"drift of the camera's clock{where}", f"{drift_text(drift)} (95 %); + is too fast"))
    if not sync.drifts:
        rows.append(("drift of the camera's clock", "not measured"))
    return [*rows, *(("note", note) for note in alignment.notes)]


def trial_rows(run: RunResult) -> list[dict[str, Any]]:
    """The trials as the page shows them: text, and for each expression's mean a colour and a shade in 0..1."""
    rows = []
    for number, trial in enumerate(run.trials.to_dict("records")):
        means = {label: float(trial.get(f"fer_{label}_mean", np.nan)) for label in run.expression.labels}
        rows.append(
            {
                "number": number,
                "onset": f"{trial['onset']:.3f}",
                "condition": trial["trial_type"],
                "code": trial["code"],
                "valid": f"{trial.get('fer_valid', np.nan):.0%}",
                "dominant": text_of(trial.get("fer_dominant")),
                "means": [
                    {
                        "text": "" if np.isnan(mean) else f"{mean:.2f}",
                        "shade": 0.0 if np.isnan(mean) else round(mean, 2),
                        "color": EXPRESSION_COLORS[label],
                    }
                    for label, mean in means.items()
                ],
            }
        )
    return rows


def text_of(value: Any) -> str:
    """Text as the page shows it, ``n/a`` for what is missing."""
    return value if isinstance(value, str) and value else "n/a"


def flatten(content: Mapping[str, Any], above: str = "") -> Iterable[tuple[str, str]]:
    """Nested facts as lines of name and text; long lists, long texts and hashes are left to the data files."""
    for key, value in content.items():
        name = f"{above}{key}".replace("_", " ")
        if isinstance(value, Mapping):
            yield from flatten(value, f"{name}: ")
        elif isinstance(value, list | tuple):
            text = ", ".join(str(item) for item in value)
            yield name, text if len(text) <= 300 else f"{len(value)} values"
        elif value is not None and not (above and re.fullmatch(r"[0-9a-f]{32,}", str(value))):
            yield name, str(value)[:600]
