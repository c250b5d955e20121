"""Pulses on both clocks -> `Alignment`. Pure functions: no files, no pictures, no networks.

Read in this order: `sources` (where pulses come from), `led`, `audio`, `frames`, `matching` (which pulse is
which), `fit` (the line and its bound), `pieces` (restarts and pauses), `volumes` (the scanner's pulses).
"""

from enicfer.sync.sources import SOURCES, Evidence, align

__all__ = ["SOURCES", "Evidence", "align"]
