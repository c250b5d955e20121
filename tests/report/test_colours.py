"""Colours that stand for something can be told apart, also by people with colour blindness.

Their eyes are simulated with the matrices of Machado, Oliveira and Fernandes (2009) for linear RGB; distances are
in CIELAB (CIE 1976), where 2.3 is a just noticeable difference.
"""

import re
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

import enicfer
from enicfer.records import Status
from enicfer.report.figures import CONDITION_COLORS, EXPRESSION_COLORS, STATUS_COLORS

FAR = 11.0  # nearly five just noticeable differences
EYES = {
    "usual": np.eye(3),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]]
    ),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
}
XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
WHITE = XYZ.sum(axis=1)
PALETTES = {
    "expressions": dict(EXPRESSION_COLORS),
    "statuses": {status.label: color for status, color in STATUS_COLORS.items()},
    "conditions": dict(zip("abcdefgh", CONDITION_COLORS, strict=True)),
}


def lab(color, eye):
    """L*, a*, b* of ``#rrggbb`` as an eye sees it."""
    value = np.array([int(color[at : at + 2], 16) for at in (1, 3, 5)]) / 255
    linear = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    part = XYZ @ np.clip(eye @ linear, 0, 1) / WHITE
    root = np.where(part > 216 / 24389, np.cbrt(part), (24389 / 27 * part + 16) / 116)
    return np.array([116 * root[1] - 16, 500 * (root[0] - root[1]), 200 * (root[1] - root[2])])


def test_the_measure_knows_colours_that_people_confuse():
    """Red and green of one lightness, far apart for most and near for the others; published values of white."""
    assert lab("#FFFFFF", EYES["usual"]) == pytest.approx([100, 0, 0], abs=0.02)
    assert lab("#FF0000", EYES["usual"]) == pytest.approx([53.24, 80.09, 67.20], abs=0.1)
    red, green = "#B05050", "#5B8450"
    apart = {name: np.linalg.norm(lab(red, eye) - lab(green, eye)) for name, eye in EYES.items()}
    assert apart["usual"] > 60 and apart["deuteranopia"] < 25


@pytest.mark.parametrize("eye", EYES)
@pytest.mark.parametrize("name", PALETTES)
def test_no_two_colours_are_near(name, eye):
    seen = {what: lab(color, EYES[eye]) for what, color in PALETTES[name].items()}
    near = {
        (one, other): round(float(np.linalg.norm(seen[one] - seen[other])), 1)
        for one, other in combinations(seen, 2)
        if np.linalg.norm(seen[one] - seen[other]) < FAR
    }
    assert near == {}


def test_the_review_has_the_same_colours_of_statuses():
    """Two are darker there, where they lie on a ground that is not white."""
    script = Path(enicfer.__file__).parent / "review" / "static" / "js" / "colors.js"
    table = script.read_text(encoding="utf-8").partition("const STATUS = {")[2].partition("}")[0]
    there = dict(re.findall(r"(\w+): \"(#\w+)\"", table))
    assert there.keys() == {status.label for status in Status}
    apart = {name for name, color in PALETTES["statuses"].items() if there[name] != color}
    assert apart == {"outside_recording", "not_analysed"}
