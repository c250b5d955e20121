"""Which frames are to be coded, by whom and in which order; made by `enicfer.coding.sampling`.

Times are in s: ``video_time`` of the video, ``time`` of the recording.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

RANDOM, UNCERTAIN = "random", "uncertain"


@dataclass(frozen=True)
class PlanItem:
    """A frame to be coded.

    Attributes
    ----------
    run, participant, session
        Where it is; ``session`` is "" where there is none.
    frame, video_time, time
        Which it is; ``time`` is NaN where the recording's clock does not reach.
    trial, condition
        The trial that it is in, and its condition; -1 and "" outside of trials.
    drawn
        `RANDOM`, or `UNCERTAIN` for one that was chosen because the classifier is unsure of it.
    probability
        With which the random part would take this frame; of a `RANDOM` one, 1 / its weight.
    uncertainty
        Entropy of the classifier's probabilities, 0 (certain) to 1 (all are as likely).
    second
        Whether a second coder codes it as well.
    """

    run: str
    participant: str
    session: str
    frame: int
    video_time: float
    time: float
    trial: int
    condition: str
    drawn: str
    probability: float
    uncertainty: float
    second: bool = False

    @property
    def weight(self) -> float:
        """How many valid frames it stands for; NaN where it was not drawn at random."""
        return 1 / self.probability if self.drawn == RANDOM else float("nan")


@dataclass(frozen=True)
class CodingPlan:
    """What is to be coded.

    Attributes
    ----------
    seed
        Of all draws.
    population
        Number of valid frames that were drawn from.
    items
        The frames, by run and number.
    order
        Places in ``items`` in the order in which they are shown; a place that comes a second time is a repeat.
    notes
        What could not be done as asked, one sentence each.
    videos
        Name of a run -> SHA-256 of the video whose frames were drawn.
    """

    seed: int
    population: int
    items: tuple[PlanItem, ...]
    order: tuple[int, ...]
    notes: tuple[str, ...] = ()
    videos: Mapping[str, str] = field(default_factory=dict)
