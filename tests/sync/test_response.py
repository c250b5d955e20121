"""Decoding of grey values, against encodings written from their standards."""

import numpy as np
import pytest

from enicfer.sync.led import find_led_onsets
from enicfer.sync.response import decode, lit_share, share_by_shape, share_slope

PART = np.linspace(0.02, 0.98, 25)


def srgb(light):
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


def bt709(light):
    return np.where(light < 0.018, 4.5 * light, 1.099 * light**0.45 - 0.099)


@pytest.mark.parametrize(
    ("encode", "gamma", "toe"),
    [
        (srgb, 2.4, 0.055),
        (bt709, 1 / 0.45, 0.099),
        (np.array, 1.0, 0.05),
        (lambda x: x ** (1 / 2.2), 2.2, 0.0),
    ],
    ids=["sRGB", "BT.709", "linear", "power"],
)
@pytest.mark.parametrize("background", [0.0, 0.03, 0.3])
def test_the_share_is_that_of_the_light(encode, gamma, toe, background):
    share = np.linspace(0, 1, 41)
    grey = encode(background + 0.4 * share)
    dark, step = np.full(41, grey[0]), np.full(41, grey[-1] - grey[0])
    found = lit_share((grey - grey[0]) / step, dark, step, np.array([gamma, toe, 0, 0]))
    assert np.abs(found - share).max() < 0.004


@pytest.mark.parametrize("gamma", [0.5, 1.0, 1.2, 2.2, 4.0])
def test_decoding_rises_from_nothing_without_a_jump(gamma):
    light = decode(np.linspace(0, 1, 2001), gamma, 0.06)
    assert light[0] == 0
    change = np.diff(light)
    assert change.min() > 0
    assert np.abs(np.diff(change)).max() < 0.2 * change.max()


@pytest.mark.parametrize("shape", [[1.4, 0.06, 0, 0], [2.2, 0.05, 0.2, -0.1], [3.0, 0.1, -0.1, 0.05]])
@pytest.mark.parametrize("dark", [0.0, 0.1, 0.4])
def test_derivatives_are_those_of_finite_differences(shape, dark):
    shape, level, step = np.array(shape), np.full(25, dark), np.full(25, 0.45)
    for i in range(4):
        h = 1e-3 * np.eye(4)[i]
        wide = (lit_share(PART, level, step, shape + h) - lit_share(PART, level, step, shape - h)) / 2e-3
        assert np.allclose(share_by_shape(PART, level, step, shape)[:, i], wide, atol=2e-3)
    slope = np.gradient(lit_share(PART, level, step, shape), PART)
    assert np.allclose(share_slope(PART, level, step, shape)[1:-1], slope[1:-1], atol=0.03)


def test_onsets_move_with_the_parameters_as_their_derivative_says():
    rng = np.random.default_rng(4)
    end = np.arange(1, 4000) / 30
    onset = np.cumsum(rng.uniform(1, 2.5, 60))
    lit = np.zeros(len(end))
    for start in onset:
        lit += np.clip(np.minimum(end, start + 0.2) - np.maximum(end - 0.025, start), 0, None) / 0.025
    automatic = 1 + 0.3 * np.sin(end / 20)
    camera = find_led_onsets(end, 255 * srgb(automatic * (0.03 + 0.3 * lit))).camera
    parameters = camera.expected + np.array([0, 0.1, 0.1, 0.01, 0.05, 0.02])
    derivative = camera.place(parameters)[2]
    for i, size in enumerate((1e-5, 1e-4, 1e-3, 1e-4, 1e-3, 1e-3)):
        h = size * np.eye(6)[i]
        wide = (camera.place(parameters + h)[0] - camera.place(parameters - h)[0]) / (2 * size)
        ours = camera.in_part
        assert np.allclose(derivative[ours, i], wide[ours], rtol=0.02, atol=2e-4), i
