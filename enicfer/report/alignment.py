"""The report of an alignment: one HTML page without other files, and its numbers as TSV.

It shows which pulses found a partner, the residuals over time, the bound, the runner-up, and the LED coming on.
Pictures show the LED's surroundings only.
"""

import base64
import html
import io
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from enicfer.errors import MAKE_ROOM, OutputError
from enicfer.io.files.atomic import staged
from enicfer.io.tables import write_table
from enicfer.sync.aligned import AlignedRun
from enicfer.timecourse.quality import drift_text, milliseconds, summarise_alignment

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_BLUE, _RED, _GREY = "#2b6cb0", "#c53030", "#a0aec0"
_STYLE = "body{font:15px/1.5 sans-serif;max-width:62em;margin:2em auto;padding:0 1em;color:#1a202c}" \
    "td,th{padding:.15em 1.5em .15em 0;vertical-align:top;text-align:left;font-weight:normal}" \
    "img{max-width:100%}@media print{body{margin:0}tr,img{break-inside:avoid}h2,p{break-after:avoid}}"  # fmt: skip


def write_clock_report(run: AlignedRun, folder: Path) -> list[Path]:
    """Write ``<name>_sync.html`` and ``<name>_sync.tsv`` (one row a pulse), both or neither.

    Raises
    ------
    OutputError
        If they cannot be written.
    """
    try:
        with staged(folder, make=True) as stage:
            write_table(stage.tree / f"{run.name}_sync.tsv", tabulate_pulses(run))
            page = stage.tree / f"{run.name}_sync.html"
            page.write_text(render_page(run), encoding="utf-8", newline="\n")
            return stage.publish()
    except OSError as error:
        raise OutputError(
            f"The report cannot be written to {folder}: {error.strerror or error}",
            place=folder,
            remedy=MAKE_ROOM,
        ) from None


def tabulate_pulses(run: AlignedRun) -> pd.DataFrame:
    """One row a pulse, in order of time.

    Columns ``status`` (matched, video_only or recording_only), ``video_time`` and ``time`` in s, each as it was
    seen or as it is mapped, and ``residual`` in s (NaN without a partner).
    """
    a = run.alignment
    matched = pd.DataFrame(
        {"status": "matched", "video_time": a.pulse_video_time, "time": a.pulse_time, "residual": a.residual}
    )
    video = pd.DataFrame(
        {"status": "video_only", "video_time": a.unmatched_video, "time": a.time(a.unmatched_video)}
    )
    recording = pd.DataFrame({"status": "recording_only", "time": a.unmatched_recording})
    parts = [part for part in (matched, video, recording) if len(part)]
    table = pd.concat(parts, ignore_index=True) if parts else matched
    return table.reindex(columns=list(matched.columns)).sort_values("time", kind="stable", ignore_index=True)


def render_page(run: AlignedRun) -> str:
    """The HTML page as text."""
    rows = "".join(
        f"<tr><th scope='row'>{html.escape(name)}</th><td>{html.escape(value)}</td></tr>"
        for name, value in describe_alignment(run)
    )
    parts = [
        "<!doctype html><html lang='en'><head><meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width, initial-scale=1'>"
        f"<title>Clocks of {run.name}</title><style>{_STYLE}</style></head><body><main>",
        f"<h1>Clocks of {run.name}</h1><table>{rows}</table>",
        "<h2>Pulses</h2><p>Each matched pulse, triangles for pulses without a partner, and the bound of a frame's "
        "time, which grows away from the pulses.</p>" + _image(_draw_pulses(run), "residuals and bound"),
    ]
    if run.strips:
        parts.append(
            "<h2>The LED comes on</h2><p>Five pulses, one a row: successive frames around the onset, with their time "
            "relative to it. Left of 0 the LED is dark.</p>"
            + _image(_draw_strips(run), "frames around the pulses")
        )
    if run.evidence.sound is not None:
        parts.append("<h2>The sound begins</h2>" + _image(_draw_sound(run), "sound around the pulses"))
    return "\n".join(parts) + "\n</main></body></html>\n"


def describe_alignment(run: AlignedRun) -> list[tuple[str, str]]:
    """What a reviewer asks first: names and values, as text."""
    a, e = run.alignment, run.evidence
    time = a.time(e.video_time)
    inside = (time >= 0) & (time <= run.recording.duration)
    bound = 1000 * a.uncertainty(e.video_time[inside])
    whole = 1000 * a.frame_uncertainty(e.video_time[inside])
    sync = summarise_alignment(a, e.video_time[inside])
    rows = [
        ("pulse source", sync.source),
        ("matched pulses", str(sync.n_matched)),
        ("only in the video", str(sync.n_unmatched_video)),
        ("only in the recording", str(sync.n_unmatched_recording)),
        ("residual, root mean square", milliseconds(sync.residual_rms, 2)),
        (
            "95 % bound of the map",
            f"{np.median(bound):.2f} ms (median), {bound.max():.2f} ms (largest)",
        ),
        (
            "95 % bound of a frame's time, with the jitter of its stamp",
            f"{np.median(whole):.2f} ms (median), {whole.max():.2f} ms (largest)",
        ),
    ]
    known = a.clock_segments
    drifts = [drift_text(drift) for drift in sync.drifts] or ["not measured"] * len(known)
    for number, (segment, drift) in enumerate(zip(known, drifts, strict=True), 1):
        which = f", clock segment {number}" if len(known) > 1 else ""
        rows.append((f"drift of the camera's clock (+: too fast){which}", drift))
        offset = a.intercept[segment[0]] - a.slope[segment[0]] * a.origin[segment[0]]
        rows.append((f"recording's time at video time 0{which}", f"{offset:.4f} s"))
    pieces = a.details.pieces or ()
    for number, piece in enumerate(pieces, 1):
        which = f", clock segment {number}" if len(pieces) > 1 else ""
        chance = f"1e{piece.log10_false_alarms:.0f} expected false alarms"
        rows.append((f"chance of so many matches{which}", chance))
        rival = piece.runner_up
        text = f"{rival.n_matched} matches at an offset of {rival.offset:.3f} s" if rival else "none"
        rows.append((f"runner-up{which}", text))
    if a.details.led_cell is not None:
        row, column, n_rows, n_columns = a.details.led_cell
        place = [column / n_columns, row / n_rows, (column + 1) / n_columns, (row + 1) / n_rows]
        rows.append(("LED found at", "[" + ", ".join(f"{x:.3f}" for x in place) + "] of the picture"))
    rows += [("note", note) for note in (*a.notes, *run.recording.notes)]
    return rows


def _draw_pulses(run: AlignedRun) -> "Figure":
    from matplotlib.figure import Figure

    a = run.alignment
    figure = Figure(figsize=(10, 5.2), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True)
    above.axhline(0, color=_GREY, linewidth=0.8)
    above.plot(a.pulse_time, 1000 * a.residual, "o", color=_BLUE, markersize=3.5)
    span = 1000 * float(np.abs(a.residual).max()) if len(a.residual) and a.residual.any() else 1.0
    for times, height, marker, name in (
        (a.time(a.unmatched_video), 1.4, "v", "only in the video"),
        (a.unmatched_recording, -1.4, "^", "only in the recording"),
    ):
        if len(times):
            above.plot(
                times, np.full(len(times), height * span), marker, color=_RED, markersize=5, label=name
            )
            above.legend(fontsize=8)
    above.set_ylabel("residual (ms)")
    every = max(1, len(run.evidence.video_time) // 2000)
    v = run.evidence.video_time[::every]
    below.fill_between(a.time(v), 0, 1000 * a.uncertainty(v), color=_BLUE, alpha=0.3, linewidth=0)
    below.set(xlabel="time on the recording's clock (s)", ylabel="95 % bound (ms)", ylim=(0, None))
    return figure


def _draw_strips(run: AlignedRun) -> "Figure":
    from matplotlib.figure import Figure

    columns = max(len(times) for _, times, _ in run.strips)
    figure = Figure(figsize=(1.7 * columns, 1.9 * len(run.strips)), layout="constrained")
    axes = figure.subplots(len(run.strips), columns, squeeze=False)
    for row, (pulse, times, tiles) in zip(axes, run.strips, strict=True):
        for axis in row:
            axis.set_axis_off()
        for axis, time, tile in zip(row, times, tiles, strict=False):
            axis.imshow(tile, cmap="gray", vmin=0, vmax=255)
            axis.set_title(f"{1000 * (time - pulse):+.0f} ms", fontsize=8)
    return figure


def _draw_sound(run: AlignedRun) -> "Figure":
    from matplotlib.figure import Figure

    sound = np.asarray(run.evidence.sound)
    mono = sound if sound.ndim == 1 else sound[:, int(np.argmax(np.ptp(sound, axis=0)))]
    pulses = run.alignment.pulse_video_time
    chosen = pulses[np.unique(np.linspace(0, len(pulses) - 1, 5).astype(int))]
    figure = Figure(figsize=(10, 1.3 * len(chosen)), layout="constrained")
    for axis, pulse in zip(
        figure.subplots(len(chosen), 1, sharex=True, squeeze=False)[:, 0], chosen, strict=True
    ):
        centre = round((pulse - run.evidence.sound_start) * run.evidence.sound_rate)
        reach = round(0.02 * run.evidence.sound_rate)
        low = max(centre - reach, 0)
        part = mono[low : centre + reach]
        time = (low + np.arange(len(part))) / run.evidence.sound_rate + run.evidence.sound_start - pulse
        axis.plot(1000 * time, part, color=_BLUE, linewidth=0.8)
        axis.axvline(0, color=_RED, linewidth=0.8)
        axis.set_ylabel(f"{pulse:.1f} s", fontsize=8)
    axis.set_xlabel("ms from the pulse")
    return figure


def _image(figure: "Figure", text: str) -> str:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=100, metadata={"Software": None})
    return f"<img alt='{text}' src='data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}'>"
