import re
import time
from dataclasses import replace
from html.parser import HTMLParser
from xml.etree import ElementTree

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure

from enicfer.batch.tables import QC_COLUMNS
from enicfer.cli.process_session import _describe_run
from enicfer.records import Cameras, CameraTrack, Modality, ModelCard, Status
from enicfer.report import write_report
from enicfer.report.figures import (
    _STYLE,
    EXPRESSION_COLORS,
    FIGURES,
    STATUS_COLORS,
    draw_cameras,
    draw_figures,
    draw_trace,
)
from enicfer.report.group import StudyFacts, render_group
from enicfer.report.identity import identity_rows
from enicfer.report.page import headline, sync_rows
from enicfer.timecourse.quality import drift_text


@pytest.fixture(scope="module")
def run(make_run):
    return make_run()


@pytest.fixture(scope="module")
def page(run, tmp_path_factory):
    """Two runs, so that whatever must differ between them can clash."""
    second = replace(run, entities={**run.entities, "run": "2"}, warnings=())
    paths = write_report([run, second], tmp_path_factory.mktemp("report"))
    return paths[0].read_text(encoding="utf-8")


class Tags(HTMLParser):
    """Opened and closed tags must match, or browsers guess."""

    VOID = frozenset({"meta", "br", "hr", "img", "link", "input"})

    def __init__(self):
        super().__init__()
        self.open, self.seen, self.ids = [], [], []

    def handle_starttag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))
        self.ids += [value for name, value in attrs if name == "id"]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        self.open.pop()

    def handle_endtag(self, tag):
        assert self.open and self.open.pop() == tag


def test_the_page_is_whole_and_needs_nothing_else(page):
    tags = Tags()
    tags.feed(page)
    assert not tags.open
    assert len(tags.ids) == len(set(tags.ids)), "ids of inline figures must not clash"
    assert not [t for t, _ in tags.seen if t in ("script", "link", "iframe", "img", "image")]
    loaded = re.findall(r'(?:href|src|url)\s*[=(]\s*["\']?([^"\')\s>]+)', page)
    assert all(target.startswith("#") for target in loaded), set(loaded)


def test_the_page_says_what_matters(run, page):
    assert run.warnings[0] in page and page.index(run.warnings[0]) < page.index("<svg")
    for words in ("When not to believe a number", "Methods", "ronnet-five", "centerface", "no face", "ppm"):
        assert words in page
    assert page.count("<svg") == 2 * len(FIGURES)
    assert page.count('<tr><td class="n">') == 2 * len(run.trials)
    residual = np.sqrt(np.mean(run.alignment.residual**2)) * 1e3
    assert f"{residual:.2f} ms (rms)" in page


def tiles_of(run, **sync):
    quality = replace(run.quality, sync=replace(run.quality.sync, **sync))
    return {tile["name"]: tile for tile in headline(replace(run, quality=quality))}


def bound_of(tiles):
    return next(
        tile for name, tile in tiles.items() if name.startswith("largest 95 % bound of the clocks' map")
    )


def test_the_bounds_of_the_map_and_of_a_frame_are_told_apart(run):
    tile = bound_of(tiles_of(run, max_uncertainty=0.0041, max_frame_uncertainty=0.0063))
    assert tile["value"] == "± 4.1 ms" and tile["name"].endswith("; of one frame's time ± 6.3 ms")


def test_the_page_says_who_was_seen(run, page):
    rows = dict(identity_rows(run))
    assert rows["participant"].startswith("taken as the person who is there most")
    inside = (
        (run.time >= 0)
        & (run.time <= run.recording.duration)
        & (run.expression.status != Status.NOT_ANALYSED)
    )
    for name, status in (("no face", Status.NO_FACE), ("only another person", Status.OTHER_PERSON)):
        n = int((run.expression.status[inside] == status).sum())
        assert rows[name].startswith(f"{n} of {inside.sum()} frames (")
    assert "Who was seen" in page and all(f"<td>{name}</td>" in page for name in rows)


def test_the_headline_says_which_clock_is_fast(run):
    """The made-up recording runs 120 ppm faster than the camera, so the camera is slow."""
    value = tiles_of(run)["ppm: drift of the camera's clock, + is too fast"]["value"]
    found, half = re.fullmatch(r"(-\d+) ± (\d+)", value).groups()
    assert abs(float(found) + 120) < max(2, 2 * float(half))
    assert f"{value} ppm (95 %)" in dict(sync_rows(run))["drift of the camera's clock"]


def test_a_bad_clock_is_marked_at_any_rate_of_analysis(run):
    thinned = run.expression.status.copy()
    thinned[np.arange(thinned.size) % 30 != 0] = Status.NOT_ANALYSED
    rare = replace(run, expression=replace(run.expression, status=thinned))
    for each in (run, rare):
        assert bound_of(tiles_of(each, max_uncertainty=0.2))["alert"]


def test_what_was_not_measured_has_no_number(run):
    tiles = tiles_of(run, residual_rms=None, residual_max=None, drift_ppm=None, drifts=(), n_matched=1)
    assert not [name for name in tiles if "residual" in name or "drift" in name]
    sync = replace(run.quality.sync, residual_rms=None, residual_max=None, drifts=())
    quality = replace(run.quality, sync=sync)
    rows = dict(sync_rows(replace(run, quality=quality)))
    assert rows["residual"] == rows["drift of the camera's clock"] == "not measured"
    tile = bound_of(tiles_of(run, max_uncertainty=None))
    assert tile["value"] == "n/a" and tile["alert"]


@pytest.mark.parametrize(("drift_ppm", "shown"), [(99.6, "+100"), (-120.2, "-120"), (None, "")])
def test_the_group_page_has_the_drift_of_the_camera_by_its_sign(drift_ppm, shown):
    row = dict.fromkeys(QC_COLUMNS) | {"source": "sub-01", "state": "done", "drift_ppm": drift_ppm}
    page = render_group([row], StudyFacts(status=[{"ok": 1}]))
    titles = re.findall(r"<th.*?>(.*?)</th>", page)
    cells = re.findall(r"<td.*?>(.*?)</td>", page)
    assert dict(zip(titles, cells, strict=True))["camera's drift (ppm, + is too fast)"] == shown


def test_page_command_and_file_give_the_same_numbers(run, page):
    quality, text = run.quality, "\n".join(_describe_run(run))
    inside = int((run.expression.status != Status.OUTSIDE_RECORDING).sum())
    assert quality.n_frames_inside == inside < run.time.size
    assert f"of the {inside} frames read during the recording" in text
    assert f"of the {inside} frames read during the recording" in page
    drift = drift_text(quality.sync.drifts[0])
    assert f"camera's drift {drift}" in text and f"<td>{drift} (95 %)" in page
    for words in (drift.removesuffix(" ppm"), f"{quality.sync.residual_rms * 1e3:.1f} ms"):
        assert words in text and words in page
    nothing = replace(quality.sync, residual_rms=None, drifts=(), max_uncertainty=None)
    text = "\n".join(_describe_run(replace(run, quality=replace(quality, sync=nothing))))
    assert "residual n/a" in text and "drift not measured" in text and "within n/a" in text


def test_names_cannot_break_the_page(run, tmp_path):
    trials = run.trials.assign(trial_type="<b>&amp;\"'</b>")
    evil = replace(run, trials=trials, warnings=("<script>alert(1)</script>",))
    page = write_report([evil], tmp_path)[0].read_text(encoding="utf-8")
    assert "<script>" not in page and "&lt;script&gt;" in page
    tags = Tags()
    tags.feed(page)
    assert not tags.open


def test_same_run_same_bytes(run, tmp_path):
    first = write_report([run], tmp_path / "a")
    time.sleep(1.1)
    second = write_report([run], tmp_path / "b")
    for one, other in zip(first, second, strict=True):
        assert one.read_bytes() == other.read_bytes()
    names = {path.relative_to(tmp_path / "a").as_posix() for path in first}
    figures = {f"sub-01/figures/sub-01_ses-01_task-faces_run-1_desc-{name}.svg" for name in FIGURES}
    assert names == figures | {"sub-01_ses-01.html"}


def test_figures_are_drawings_with_text(run):
    for svg in draw_figures(run).values():
        root = ElementTree.fromstring(svg)
        assert root.tag.endswith("svg")
        assert [e for e in root.iter() if e.tag.endswith("}text")] and "<image" not in svg
        assert not re.search(r"20\d\d-\d\d-\d\d", svg)


def test_figures_show_what_is_in_the_records(run):
    figures = draw_figures(run)
    counts = {status: int((run.expression.status == status).sum()) for status in Status}
    for status, count in counts.items():
        assert (f"({count})" in figures["status"]) == (count > 0), status
    share = counts[Status.OK] / run.quality.n_frames_inside
    assert share == pytest.approx(run.quality.valid_fraction, abs=1e-4)
    text = figures["status"].replace("\u00a0", " ")
    assert f"{share:.1%}".replace("%", f" %  ({counts[Status.OK]})") in text
    assert f"not counted  ({counts[Status.OUTSIDE_RECORDING]})" in text
    assert f"{run.alignment.residual.size} matched pulses" in figures["sync"]
    assert "only in the video" in figures["sync"] and "only in the recording" in figures["sync"]
    assert "neutral  (n = 4)" in figures["conditions"].replace("\u00a0", " ")
    assert "trial: neutral" in figures["trace"]


def test_cameras_of_which_few_frames_were_read_show_those(run):
    status = np.where(np.arange(run.time.size) % 10, Status.NOT_ANALYSED, run.expression.status).astype(
        np.uint8
    )
    trace = replace(run.expression, status=status)
    tracks = [CameraTrack(name, run.faces, trace, run.alignment, run.time) for name in ("front", "side")]
    rows = np.arange(run.time.size)
    figure = Figure()
    assert draw_cameras(
        figure, replace(run, cameras=Cameras(tuple(tracks), np.zeros_like(rows, np.uint8), rows, {}))
    )
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert "ok" in names and "not analysed" not in names


def test_a_condition_counts_and_shows_the_trials_that_have_values(run):
    happy = (run.trials["trial_type"] == "happy").to_numpy()
    values = run.trials["fer_dominant"].where(~happy | (np.cumsum(happy) != 2))  # the second has none either
    trials = run.trials.assign(fer_dominant=values)
    n = int(values[happy].notna().sum())
    text = draw_figures(replace(run, trials=trials))["conditions"].replace("\u00a0", " ")
    assert 0 < n < 4 and f"happy  (n = {n} of 4)" in text and "neutral  (n = 4)" in text
    left = draw_figures(replace(run, trials=trials[happy & values.isna()]))["conditions"]
    assert f"happy  (n = 0 of {4 - n})" in left.replace("\u00a0", " ")
    assert "fill_between" not in left and "nan" not in left.lower()


@pytest.mark.parametrize(("n", "named"), [(3, True), (6, True), (8, True), (12, False), (40, False)])
def test_the_key_of_the_trace_stays_inside_of_the_picture(run, n, named):
    names = [f"{'in' * (i % 2)}congruent_happy_female_{i}" for i in range(n - 1)] + ["x" * 78]
    trials = run.trials.iloc[np.resize(np.arange(len(run.trials)), max(n, 8))]
    trials = trials.assign(trial_type=np.resize(names, len(trials)))
    figure = Figure(layout="constrained")
    with matplotlib.rc_context(_STYLE):
        draw_trace(figure, replace(run, trials=trials))
        figure.draw_without_rendering()
    texts = [text for legend in figure.legends for text in legend.get_texts()]
    assert {text.get_text() for text in texts} >= set(run.expression.labels)
    for text in texts:
        box = text.get_window_extent()
        assert figure.bbox.x0 <= box.x0 and box.x1 <= figure.bbox.x1, text.get_text()
        assert figure.bbox.y0 <= box.y0 and box.y1 <= figure.bbox.y1, text.get_text()
    shown = {text.get_text() for text in texts} - {*run.expression.labels, "face lost"}
    assert shown == (
        {f"trial: {name}" for name in names} if named else {f"trials of {n} conditions: see the table"}
    )
    bars = [bar for bar in figure.axes[0].collections if len(bar.get_paths())]
    assert len({tuple(bar.get_facecolor()[0]) for bar in bars}) == (n if named else 1)


def test_every_label_and_status_has_a_colour_of_its_own():
    from enicfer.expressions import SEVEN

    assert {str(label) for label in SEVEN} == set(EXPRESSION_COLORS)
    assert set(STATUS_COLORS) == set(Status) and len(set(STATUS_COLORS.values())) == len(Status)


@pytest.mark.parametrize("modality", [Modality.FMRI, Modality.NONE])
def test_other_modalities_and_runs_without_trials(make_run, tmp_path, modality):
    run = make_run(modality, seconds=30.0)
    quality = replace(run.quality, n_trials=0, n_trials_valid=0)
    quiet = replace(
        run, trials=run.trials[:0], quality=quality, warnings=(), entities={"sub": "02", "task": "rest"}
    )
    paths = write_report([quiet], tmp_path)
    assert paths[0].name == "sub-02.html" and len(paths) == 1 + len(FIGURES) - 1
    assert "Read this first" not in paths[0].read_text(encoding="utf-8")


def test_a_video_without_a_face(run, tmp_path):
    nothing = np.full_like(run.expression.probability, np.nan)
    status = np.full_like(run.expression.status, Status.NO_FACE)
    empty = replace(
        run,
        expression=replace(run.expression, probability=nothing, status=status),
        segments=run.segments[:0],
        trials=run.trials.assign(fer_dominant=None, **{c: np.nan for c in run.trials if c.endswith("_mean")}),
        quality=replace(run.quality, valid_fraction=0.0, n_trials_valid=0),
    )
    page = write_report([empty], tmp_path)[0].read_text(encoding="utf-8")
    assert "0 / 8" in page and not re.search(r"\bnan\b", re.sub(r"<svg.*?</svg>", "", page, flags=re.S))


def coded(run, labels, source, number):
    """The run as if only these expressions had been coded in it."""
    columns = [run.expression.labels.index(label) for label in labels]
    left = [label for label in run.expression.labels if label not in labels]
    dropped = [c for c in run.trials if any(c.startswith(f"fer_{label}_") for label in left)]
    probability = run.expression.probability[:, columns]
    return replace(
        run,
        entities={**run.entities, "run": number},
        expression=replace(run.expression, labels=labels, probability=probability, model=source),
        trials=run.trials.drop(columns=dropped),
        provenance=replace(run.provenance, model=ModelCard({"name": source, "imported": source})),
    )


@pytest.mark.parametrize("turned", [False, True])
def test_each_run_has_its_own_labels_and_methods(run, tmp_path, turned):
    three = coded(run, ("angry", "happy", "neutral"), "three.tsv", "1")
    two = coded(run, ("happy", "neutral"), "two.tsv", "2")
    runs = [two, three] if turned else [three, two]
    page = write_report(runs, tmp_path)[0].read_text(encoding="utf-8")
    tables = re.findall(r"<th>dominant</th>(.*?)</table>", page, flags=re.S)
    assert len(tables) == 2
    for one, table in zip(runs, tables, strict=True):
        labels = list(one.expression.labels)
        assert re.findall(r"<th[^>]*>(\w+)</th>", table) == labels
        means = one.trials[[f"fer_{label}_mean" for label in labels]].to_numpy().ravel()
        shown = re.findall(r"color-mix\(in srgb, (\S+) \d+%, white\)\">(.*?)</td>", table)
        assert [text for _, text in shown] == ["" if np.isnan(m) else f"{m:.2f}" for m in means]
        assert [color for color, _ in shown[: len(labels)]] == [EXPRESSION_COLORS[label] for label in labels]
        assert f"Expressions ({', '.join(labels)})" in page


def test_runs_that_were_made_alike_share_one_text_of_methods(page):
    assert page.count("Facial expressions were read from video") == 1
