"""A camera and a microphone that know nothing of the program: what they film and record follows from physics.

Light: the LED's light and that of the scene add in each pixel and are integrated over the exposure, in linear
light. The sensor adds shot noise and read noise and saturates. Only then the camera encodes (sRGB, BT.709, a
power, or linear), rounds to 8 bits, and the mean luma of the LED's region is taken. Exposure and gain may follow
the light of the scene (automatic exposure). Rows of a rolling shutter are exposed one after another. LEDs may be
dimmed by pulse-width modulation (PWM), as Arduinos and drivers do.

Sound: clicks, TTL edges and tones that rise at once, linearly or as a raised cosine, with echoes of the room, the
noise of a room or of a line input, and the noise that a codec spreads before an onset.

Conventions: times are s of ``video_time``. A frame's stamp is the end of its exposure; with a rolling shutter that
of the row in the middle of the LED's region, because only this row's time can be known from the LED.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.signal import fftconvolve, lfilter

REGION = 5  # pixels of the LED's region along each side
FULL_WELL = 10000.0  # electrons at saturation
SOUND_RATE = 16000


def _srgb(light: np.ndarray) -> np.ndarray:
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * np.maximum(light, 1e-9) ** (1 / 2.4) - 0.055)


def _bt709(light: np.ndarray) -> np.ndarray:
    return np.where(light < 0.018, 4.5 * light, 1.099 * np.maximum(light, 1e-9) ** 0.45 - 0.099)


ENCODINGS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "sRGB": _srgb,
    "BT.709": _bt709,
    "linear": lambda light: light,
    "gamma 2.2": lambda light: light ** (1 / 2.2),
}
COLOURS = {"white": (1.0, 1.0, 1.0), "red": (1.0, 0.12, 0.05), "green": (0.1, 1.0, 0.2)}
LUMA = (0.2126, 0.7152, 0.0722)


@dataclass(frozen=True)
class Led:
    """What the LED does.

    Attributes
    ----------
    light
        Of the region's brightest pixel, as a share of the sensor's saturation; above 1 it saturates.
    on
        s that it is lit.
    spill
        Light in the corners of the region as a share of that in its middle: 1 is a region within the LED.
    pwm
        Frequency of its modulation in Hz; 0 is none. The phase runs freely.
    duty
        Share of the modulation's period in which it is lit.
    colour
        One of `COLOURS`.
    """

    light: float = 0.4
    on: float = 0.2
    spill: float = 0.6
    pwm: float = 0.0
    duty: float = 0.5
    colour: str = "white"


@dataclass(frozen=True)
class Camera:
    """What films.

    Attributes
    ----------
    fps, variable, dropped, jitter
        Frames per s, relative half-width of the intervals' variation, share of lost frames, and standard deviation
        of the stamps in s.
    exposure
        Share of the frame interval.
    encoding
        One of `ENCODINGS`.
    background
        Light of the scene in the LED's region, as a share of saturation.
    read_noise
        Standard deviation in electrons.
    automatic
        Exposure and gain follow the scene's light, which then changes by half over minutes.
    read_out
        s from the first row to the last one; 0 is a global shutter.
    region
        Height of the LED's region as a share of the picture's.
    """

    fps: float = 30.0
    variable: float = 0.1
    dropped: float = 0.05
    jitter: float = 0.0
    exposure: float = 0.6
    encoding: str = "sRGB"
    background: float = 0.03
    read_noise: float = 20.0
    automatic: bool = False
    read_out: float = 0.0
    region: float = 0.05


@dataclass(frozen=True)
class Sound:
    """What sounds, and where it is recorded.

    Attributes
    ----------
    kind
        ``tone``, ``click`` or ``ttl``.
    frequency
        Of the tone in Hz.
    length
        s of tone or edge.
    ramp, shape
        s in which a tone rises and falls, and how: ``linear`` or ``cosine``.
    noise
        Standard deviation, where the sound's amplitude is 0.4.
    coloured
        The noise is that of a room, with more energy at low frequencies, else white.
    reverberation
        s in which echoes fall by 60 dB; 0 is none.
    pre_echo
        Standard deviation of a codec's noise in the 10 ms before each onset.
    """

    kind: str = "tone"
    frequency: float = 1000.0
    length: float = 0.1
    ramp: float = 0.005
    shape: str = "linear"
    noise: float = 0.005
    coloured: bool = False
    reverberation: float = 0.0
    pre_echo: float = 0.0


def film(
    onset: np.ndarray, led: Led, camera: Camera, stop: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Stamps in s and mean luma (0..255) of the LED's region of all frames that were kept."""
    frame = 1 / camera.fps
    n = int(stop / frame)
    interval = frame * (1 + rng.uniform(-camera.variable, camera.variable, n))
    end = np.cumsum(interval)
    scene = np.ones(n)
    exposure, gain = np.full(n, camera.exposure * frame), np.ones(n)
    if camera.automatic:
        scene = 1 + 0.5 * np.sin(2 * np.pi * (end / rng.uniform(60, 300) + rng.random()))
        wanted = camera.exposure * frame * _follow(1 / scene, camera.fps)
        exposure = np.clip(wanted, 0.02 * frame, frame)
        gain = wanted / exposure
    exposure = np.minimum(exposure, interval)
    relative = exposure / (camera.exposure * frame) * gain  # sensitivity to light, against the nominal one
    phase = rng.random()
    row, column = (x.ravel() for x in np.meshgrid(*[np.linspace(-1, 1, REGION)] * 2, indexing="ij"))
    profile = led.light * np.exp(np.log(led.spill) * (row**2 + column**2) / 2)
    texture = camera.background * rng.uniform(0.7, 1.3, REGION**2)
    luma = np.zeros(n)
    delays = row / 2 * camera.region * camera.read_out
    shares = {d: _lit_share(end + d, exposure, onset, led, phase) for d in np.unique(delays).tolist()}
    for i in range(REGION**2):
        share = shares[float(delays[i])]
        pixel = np.zeros(n)
        white = led.colour == "white"
        for colour, weight in zip(COLOURS[led.colour], LUMA, strict=True):
            light = relative * (texture[i] * scene + colour * profile[i] * share)
            pixel += (1.0 if white else weight) * _encode(light, gain, camera, rng)
            if white:
                break
        luma += pixel / REGION**2
    kept = rng.random(n) >= camera.dropped
    stamp = np.maximum.accumulate(end + rng.normal(0, camera.jitter, n))
    return stamp[kept], luma[kept]


def _follow(wanted: np.ndarray, fps: float) -> np.ndarray:
    """A regulation of about 1 s, in steps of a tenth of an octave."""
    share = 1 / fps
    smooth = lfilter([share], [1, share - 1], np.log2(wanted), zi=[(1 - share) * np.log2(wanted[0])])[0]
    return 2 ** (np.round(smooth * 10) / 10)


def _lit_share(
    end: np.ndarray, exposure: np.ndarray, onset: np.ndarray, led: Led, phase: float
) -> np.ndarray:
    """Mean light of the LED over each exposure, as a share of that of an LED that is lit all the time."""
    share = np.zeros(len(end))
    for start in onset:
        near = slice(np.searchsorted(end, start), np.searchsorted(end, start + led.on) + 4)
        a = np.maximum(end[near] - exposure[near], start)
        b = np.minimum(end[near], start + led.on)
        lit = np.maximum(_light_until(np.maximum(b, a), led, phase) - _light_until(a, led, phase), 0)
        share[near] = np.minimum(share[near] + lit / exposure[near], 1)
    return share


def _light_until(t: np.ndarray, led: Led, phase: float) -> np.ndarray:
    """Integral of the LED's light in s up to ``t``, if it was never switched off."""
    if not led.pwm:
        return t
    cycles = t * led.pwm + phase
    whole = np.floor(cycles)
    return (whole * led.duty + np.minimum(cycles - whole, led.duty)) / led.pwm


def _encode(light: np.ndarray, gain: np.ndarray, camera: Camera, rng: np.random.Generator) -> np.ndarray:
    """Grey values 0..255, whole numbers, of linear light."""
    electrons = light / gain * FULL_WELL
    noisy = electrons + rng.normal(0, 1, len(light)) * np.sqrt(electrons + camera.read_noise**2)
    signal = np.clip(noisy / FULL_WELL * gain, 0, 1)
    return np.round(255 * np.clip(ENCODINGS[camera.encoding](signal), 0, 1))


def record(onset: np.ndarray, sound: Sound, stop: float, rng: np.random.Generator) -> np.ndarray:
    """A sound track of `SOUND_RATE` Hz that begins at 0."""
    n = int(stop * SOUND_RATE)
    track = np.zeros(n)
    for start in onset:
        first = int(np.ceil(start * SOUND_RATE))
        k = np.arange(first, min(first + int(sound.length * SOUND_RATE), n))
        track[k] += 0.4 * _wave(k / SOUND_RATE - start, sound)
    if sound.reverberation:
        m = int(sound.reverberation * SOUND_RATE)
        decay = 10 ** (-3 * np.arange(m) / m)
        echo = rng.normal(0, 0.06, m) * decay
        echo[: int(0.002 * SOUND_RATE)] = 0  # the nearest wall is 35 cm away
        echo[0] = 1
        track = fftconvolve(track, echo)[:n]
    noise = rng.normal(0, 1, n)
    if sound.coloured:
        spectrum = np.fft.rfft(noise)
        frequency = np.fft.rfftfreq(n, 1 / SOUND_RATE)
        noise = np.fft.irfft(spectrum / np.sqrt(1 + (frequency / 200) ** 2), n)
        noise /= noise.std()
    track += sound.noise * noise
    for start in onset if sound.pre_echo else ():
        k = np.arange(max(int((start - 0.01) * SOUND_RATE), 0), min(int((start + 0.05) * SOUND_RATE), n))
        track[k] += rng.normal(0, sound.pre_echo, len(k))
    return np.round(np.clip(track, -1, 1) * 32767).astype(np.float32) / np.float32(32768)


def _wave(t: np.ndarray, sound: Sound) -> np.ndarray:
    """The sound ``t`` s after its onset, with an amplitude of 1."""
    if sound.kind == "ttl":
        return np.ones(len(t))
    if sound.kind == "click":
        return np.exp(-t / 0.0005)
    wave = np.sin(2 * np.pi * sound.frequency * t)
    if not sound.ramp:
        return wave
    rise = np.clip(np.minimum(t, sound.length - t) / sound.ramp, 0, 1)
    return wave * (rise if sound.shape == "linear" else (1 - np.cos(np.pi * rise)) / 2)
