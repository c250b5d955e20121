"""Where the shipped model looks in FER2013's PublicTest images, whether that is to be believed, and at what cost.

    python benchmarks/saliency.py FER2013.npz OUTPUT [--images N] [--checks N] [--method M] [--model NAME|FILE]

Writes the tables and figures of `enicfer.saliency` (mean maps, shares, checks; no faces unless ``--faces``) and
``measured.md``. Subjects of FER2013 are unknown, so the image is the unit.
"""

import argparse
import time
from pathlib import Path

import cv2
import numpy as np
import torch
from scipy.stats import binom

from enicfer.faces.detectors import load_detector
from enicfer.models import load_model
from enicfer.saliency.attribution.layers import randomise_from_top
from enicfer.saliency.attribution.maps import explain
from enicfer.saliency.checks.trust import magnitudes
from enicfer.saliency.common_face import REGIONS, locate_attribution
from enicfer.saliency.face_maps import EYES_AND_MOUTH
from enicfer.saliency.groups.statistics import compare_groups
from enicfer.saliency.image_maps import explain_faces
from enicfer.saliency.output import draw_filter_figures, write_explanation
from enicfer.saliency.pictures import take_crops


def measure_time(model, crops, batch=32):
    """CPU time of attributing all crops, over that of forward passes with backward alone; batches interleaved."""
    spent = np.zeros(2)
    for start in range(0, len(crops), batch):
        chosen = crops[start : start + batch]
        began = time.process_time()
        images = model.prepare(chosen).requires_grad_()
        logits = model.network(images)
        torch.autograd.grad(logits.max(dim=1).values.sum(), images)
        spent[0] += time.process_time() - began
        began = time.process_time()
        explain(model, chosen, batch=batch)
        spent[1] += time.process_time() - began
    return spent


def measure_random_weights(model, found, n=300):
    """Share of eyes and mouth (mean over ``n`` images) under random weights, and under the true ones."""
    rows = np.unique(np.linspace(0, len(found.maps) - 1, n).astype(int))
    *_, (_, network) = randomise_from_top(model.network)
    images, target = model.prepare(found.faces.crop[rows]), found.attribution.target[rows]
    both = [REGIONS.index("eyes"), REGIONS.index("mouth")]
    maps = magnitudes(network, images, target, found.maps.method), found.maps.map[rows]
    return [
        locate_attribution(m, found.maps.landmarks[rows])[1][:, both].sum(axis=1).mean() for m in maps
    ], len(rows)


def measure_errors(maps, repeats=200, people=15, images=4, size=32):
    """How often two groups of random people made of real maps differ (no difference), and with one planted."""
    name = max(maps.expressions, key=lambda e: int((maps.expression == e).sum()))
    rows = np.nonzero(maps.expression == name)[0]
    common, _, _ = locate_attribution(maps.map[rows], maps.landmarks[rows], size=size)
    flat = np.stack([cv2.GaussianBlur(m, (0, 0), 0.75) for m in common]).reshape(len(rows), -1) * size**2
    planted = np.zeros((size, size), np.float32)
    planted[int(0.7 * size) : int(0.85 * size), int(0.3 * size) : int(0.7 * size)] = 1
    units = np.repeat(np.arange(2 * people), images)
    rng = np.random.default_rng(0)
    false, found = 0, 0
    for repeat in range(repeats):
        drawn = flat[rng.choice(len(rows), units.size, replace=False)]
        a, b = drawn[units < people], drawn[units >= people]
        labels = units[units < people], units[units >= people]
        false += np.nanmin(compare_groups(a, b, *labels, permutations=199, seed=repeat).p) <= 0.05
        if repeat < 50:
            p = compare_groups(a + planted.ravel(), b, *labels, permutations=199, seed=repeat).p
            found += (p[planted.ravel() > 0] <= 0.05).any()
    return name, false, repeats, found, 50


def describe(found, model, control, timing, errors):
    """The measured numbers as Markdown."""
    table, lines = (
        found.regions,
        [f"# Saliency of {model.name} ({found.maps.method}) on {len(found.maps)} images", ""],
    )
    lines += [
        "| explained | n | " + " | ".join((*REGIONS, EYES_AND_MOUTH)) + " | gain of eyes and mouth, 95 % |"
    ]
    lines += ["| --- " * (len(REGIONS) + 4) + "|"]
    for name in dict.fromkeys(table["expression"]):
        rows = table[table["expression"] == name].set_index("region")
        both = rows.loc[EYES_AND_MOUTH]
        shares = " | ".join(f"{100 * rows.loc[r, 'share']:.1f}" for r in (*REGIONS, EYES_AND_MOUTH))
        interval = f"[{100 * both['gain_low']:+.1f}, {100 * both['gain_high']:+.1f}]"
        lines.append(f"| {name} | {both['n_images']} | {shares} | {100 * both['gain']:+.1f} {interval} |")
    area = table[table["expression"] == "all"].set_index("region")["uniform"]
    cells = " | ".join(f"{100 * area[r]:.1f}" for r in (*REGIONS, EYES_AND_MOUTH))
    lines += [f"| uniform map | | {cells} | |", "", *(f"- {line}" for line in found.sentences())]
    (random, true), n = control
    lines.append(
        f"- Eyes and mouth with random weights: {random:.1%} of the attribution; trained {true:.1%} ({n} images)."
    )
    inside = (
        1
        - table[(table["expression"] == "all") & (table["region"] == "outside")].iloc[0][["share", "uniform"]]
    )
    both = table[(table["expression"] == "all") & (table["region"] == EYES_AND_MOUTH)].iloc[0]
    lines.append(
        f"- Inside of the face, eyes and mouth have {both['share'] / inside['share']:.1%} of the attribution "
        f"and {both['uniform'] / inside['uniform']:.1%} of the area."
    )
    if timing is not None:
        ratio = timing[1] / timing[0]
        lines.append(
            f"- explain() takes {ratio:.2f} x the CPU time of forward passes plus backward ({timing[1]:.1f} s)."
        )
    if errors is not None:
        name, false, repeats, hits, trials = errors
        low, high = binom.interval(0.95, repeats, 0.05)
        lines.append(
            f"- Real maps ({name}) in random groups: {false} of {repeats} comparisons without a difference were "
            f"significant (allowed {low:.0f} to {high:.0f}); a planted one was found in {hits} of {trials}."
        )
    return "\n".join(lines) + "\n"


def main():
    """Measure and write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("archive", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--images", type=int, default=0, help="evenly spread; 0 for all")
    parser.add_argument("--checks", type=int, default=100)
    parser.add_argument("--timing", type=int, default=1000)
    parser.add_argument("--method", default="gradient")
    parser.add_argument("--model")
    parser.add_argument("--faces", action="store_true", help="also draw sheets with faces, and the filters")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    with np.load(arguments.archive) as archive:
        crops = archive["image"][archive["split"] == list(archive["split_names"]).index("PublicTest")]
    if arguments.images:
        crops = crops[np.linspace(0, len(crops) - 1, arguments.images).astype(int)]
    model = load_model(arguments.model)
    faces = take_crops(crops, load_detector("centerface"))
    found = explain_faces(model, faces, arguments.method, checks=arguments.checks)
    write_explanation(found, arguments.output, show_faces=arguments.faces, panels=0)
    if arguments.faces:
        draw_filter_figures(model, faces, arguments.output / "figures")
    control = measure_random_weights(model, found)
    timing = measure_time(model, crops[: arguments.timing]) if arguments.timing else None
    enough = max((found.maps.expression == e).sum() for e in found.maps.expressions) >= 120
    text = describe(found, model, control, timing, measure_errors(found.maps) if enough else None)
    (arguments.output / "measured.md").write_text(text, encoding="utf-8", newline="\n")
    print(text)


if __name__ == "__main__":
    main()
