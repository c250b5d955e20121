"""The stated bound, on films and sounds of a camera and a microphone that follow from physics."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

from enicfer.config.protocol import Pulses
from enicfer.sync import Evidence, align
from enicfer.sync.audio import find_beeps

PLACE = Path(__file__).parents[2] / "benchmarks" / "world.py"


@pytest.fixture(scope="module")
def world():
    spec = importlib.util.spec_from_file_location("world_of_the_benchmark", PLACE)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


def within_bound(found, slope, offset, stop):
    v = np.linspace(0, stop, 20)
    error, bound = found.time(v) - (slope * v + offset), found.uncertainty(v)
    return np.mean(np.abs(error) <= bound), np.median(bound)


def film(world, seed, led=None, **camera):
    rng = np.random.default_rng([9, seed])
    onset = np.cumsum(rng.uniform(3, 8, 50))
    stop = onset[-1] + 5
    slope, offset = 1 + rng.uniform(-5e-4, 5e-4), rng.uniform(-100, 100)
    v, grey = world.film(onset, led or world.Led(), world.Camera(**camera), stop, rng)
    return align(Evidence(v, np.round(slope * onset + offset, 3), grey), Pulses()), slope, offset, stop


@pytest.mark.parametrize(
    "camera",
    [
        {"encoding": "sRGB", "exposure": 0.9},
        {"encoding": "BT.709", "exposure": 0.9, "background": 0.0},
        {"encoding": "linear", "exposure": 0.6},
        {"encoding": "gamma 2.2", "exposure": 1.0, "background": 0.15},
        {"exposure": 0.9, "automatic": True},
        {"exposure": 0.9, "read_out": 0.015, "region": 0.1},
        {"exposure": 0.9, "read_noise": 300.0},
    ],
    ids=lambda c: " ".join(map(str, c.values())),
)
def test_the_bound_of_an_led_holds_whatever_the_camera_encodes(world, camera):
    covered, bound = zip(*(within_bound(*film(world, seed, **camera)) for seed in range(12)), strict=True)
    assert np.mean(covered) >= 0.85
    assert np.median(bound) < 0.006


@pytest.mark.parametrize("led", [{"light": 2.0}, {"colour": "red"}, {"spill": 0.02}, {"pwm": 200.0}])
def test_the_bound_holds_whatever_the_led_is(world, led):
    found = [film(world, seed, world.Led(**led), exposure=0.9) for seed in range(12)]
    covered, bound = zip(*(within_bound(*x) for x in found), strict=True)
    assert np.mean(covered) >= 0.85
    assert np.median(bound) < 0.006


def sounds(world, seed, **sound):
    rng = np.random.default_rng([7, seed])
    onset = np.cumsum(rng.uniform(1, 3, 25))
    return onset, world.record(onset, world.Sound(**sound), onset[-1] + 1, rng)


@pytest.mark.parametrize("shape", ["linear", "cosine"])
@pytest.mark.parametrize("ramp", [0.0, 0.002, 0.005, 0.01])
@pytest.mark.parametrize("frequency", [440.0, 1000.0, 3000.0])
def test_a_beep_begins_where_its_ramp_begins(world, shape, ramp, frequency):
    onset, x = sounds(world, 0, ramp=ramp, shape=shape, frequency=frequency, noise=0.002)
    found = find_beeps(x, world.SOUND_RATE)
    assert len(found.time) == 25
    assert np.abs(np.mean(found.time - onset)) <= 0.0002
    # a short period may be mistaken for the next one
    assert np.std(found.time - onset) < (0.0001 if frequency < 2000 else 0.0003)


@pytest.mark.parametrize(
    ("kind", "noise"), [("click", 0.002), ("ttl", 0.002), ("click", 0.02), ("ttl", 0.02)]
)
def test_clicks_and_edges_are_right_to_two_samples(world, kind, noise):
    onset, x = sounds(world, 1, kind=kind, length=0.05, noise=noise)
    found = find_beeps(x, world.SOUND_RATE)
    assert len(found.time) == 25
    assert np.abs(found.time - onset).max() < 2 / world.SOUND_RATE


@pytest.mark.parametrize(
    "sound",
    [
        {"noise": 0.1},
        {"noise": 0.1, "ramp": 0.01},
        {"noise": 0.1, "ramp": 0.01, "shape": "cosine"},
        {"noise": 0.3},
        {"noise": 0.05, "coloured": True},
        {"pre_echo": 0.01},
    ],
    ids=lambda s: " ".join(f"{k} {v}" for k, v in s.items()),
)
def test_slow_beeps_in_noise_are_found_and_bounded(world, sound):
    for seed in range(2):
        onset, x = sounds(world, seed, **sound)
        evidence = Evidence(
            np.arange(0, onset[-1], 1 / 30), np.round(onset + 5, 3), sound=x, sound_rate=world.SOUND_RATE
        )
        found = align(evidence, Pulses(source="audio"))
        assert len(found.pulse_time) >= 23
        covered, bound = within_bound(found, 1.0, 5.0, onset[-1])
        assert covered == 1
        assert bound < 0.005


def test_two_kinds_of_beeps_each_have_their_own_onset(world):
    rng = np.random.default_rng(3)
    onset = np.cumsum(rng.uniform(1, 3, 30))
    low, high = world.Sound(frequency=800.0, ramp=0.01), world.Sound(frequency=1500.0, ramp=0.002)
    stop = onset[-1] + 1
    x = world.record(onset[::2], low, stop, rng) + world.record(onset[1::2], high, stop, rng)
    found = find_beeps(x, world.SOUND_RATE)
    assert np.abs(found.time - onset).max() < 0.0005
