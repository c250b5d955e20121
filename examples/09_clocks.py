"""
Clocks: an LED, a beep, the camera's own pulses
===============================================

Three ways to tie a video to a recording, on simulated signals whose truth is known. In each the map is
found, and its error stands beside the stated 95 % bound.
"""

import matplotlib.pyplot as plt
import numpy as np

from enicfer import EnicferError
from enicfer.config.protocol import Pulses
from enicfer.sync import Evidence, align

rng = np.random.default_rng(0)
SLOPE, OFFSET = 1 - 300e-6, 12.5  # the camera's clock is 300 ppm too fast; the recording began earlier
MINUTES = 5


def on_recording(video_time):
    """What the recording's clock shows at a time of the video: the truth."""
    return SLOPE * np.asarray(video_time) + OFFSET


# %%
# Frames of a webcam
# ------------------
# Their intervals vary by a tenth, and one in twenty is lost. A frame's time is the end of its exposure.
interval = 1 / 30 * (1 + rng.uniform(-0.1, 0.1, MINUTES * 1800))
end = np.cumsum(interval)
kept = rng.random(end.size) > 0.05
video_time = end[kept]
pulses = np.cumsum(rng.uniform(3, 8, 50))
pulses = pulses[pulses < end[-1] - 5]


# %%
# An LED in the picture
# ---------------------
# It is on for 0.2 s. A frame in which it comes on is grey: how grey says when in the exposure. The recording
# lacks one pulse in seven, and has some of its own.
def film(onsets):
    """Mean brightness of the LED's part of the picture, for each kept frame."""
    lit = np.zeros(end.size)
    for onset in onsets:
        light = np.minimum(end, onset + 0.2) - np.maximum(end - interval, onset)
        lit = np.maximum(lit, np.clip(light / interval, 0, 1))
    return (60 + 120 * lit + rng.normal(0, 1.5, end.size))[kept]


recorded = on_recording(pulses[rng.random(pulses.size) > 0.15])
recorded = np.sort(np.r_[recorded, on_recording(rng.uniform(0, end[-1], 4))])
led = align(
    Evidence(video_time, np.round(recorded, 3), recording_tick=0.001, brightness=film(pulses)),
    Pulses(source="led"),
)

# %%
# A beep on the sound track
# -------------------------
RATE = 16000
sound = rng.normal(0, 0.003, int(end[-1] * RATE))
for onset in pulses:
    first = int(onset * RATE)
    sound[first : first + 800] += 0.4 * np.sin(2 * np.pi * 1000 * np.arange(800) / RATE)
beep = align(
    Evidence(video_time, np.round(recorded, 3), recording_tick=0.001, sound=sound, sound_rate=RATE),
    Pulses(source="audio"),
)

# %%
# One pulse of the camera for each exposure
# -----------------------------------------
# An industrial camera tells the amplifier of every exposure (camera TTL). There is no need for an LED.
ttl = on_recording(end)
camera = align(Evidence(video_time, np.round(ttl, 3), recording_tick=0.001), Pulses(source="frames"))

# %%
# Errors and bounds
# -----------------
figure, axes = plt.subplots(1, 3, figsize=(9, 3), sharey=True, layout="constrained")
for ax, (name, found) in zip(axes, {"LED": led, "beep": beep, "camera TTL": camera}.items(), strict=True):
    error = 1000 * (found.time(video_time) - on_recording(video_time))
    bound = 1000 * found.uncertainty(video_time)
    ax.fill_between(video_time, -bound, bound, color="#56B4E9", alpha=0.4, label="95 % bound")
    ax.plot(video_time, error, color="#D55E00", label="error")
    ax.set(title=name, xlabel="video time in s")
    inside = np.mean(np.abs(error) <= bound)
    print(
        f"{name}: largest error {np.abs(error).max():.2f} ms, bound {bound.max():.2f} ms, inside {inside:.0%}"
    )
    assert np.abs(error).max() < 3
axes[0].set_ylabel("ms")
axes[0].legend(fontsize=8)

# %%
# What cannot be known is refused
# -------------------------------
# Pulses at a regular interval fit at every shift.
regular = np.arange(10, 250, 10.0)
try:
    align(Evidence(video_time, on_recording(regular), brightness=film(regular)), Pulses(source="led"))
except EnicferError as error:
    print(error)
