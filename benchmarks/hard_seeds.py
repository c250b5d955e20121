"""Whose face, when it is hard: two people in the same colours, the other one larger, nearer, and walking through.

Sessions are drawn by the example's generator: the examiner walks through the picture in front of the participant
three times, visits, sits down while the participant is away for a minute, and has the participant's colours. Prints
for each seed:

- ``other_taken``: valid frames in which it is the examiner's face (aimed at: none);
- ``kept``: share with an answer of the frames that show the participant's whole face, more than 90 % of it in the
  picture and less than 5 % hidden (aimed at: 0.97);
- ``kept_half``: the same of the frames that show more than half of it;
- ``absent_ok``, ``covered_ok``: frames without the face, or with a covered one, that are valid;
- ``changed``: share of the frames whose status differs from that with the whole picture searched in every frame
  (aimed at: at most 0.005);
- ``searched``: share of the frames in which the whole picture was searched.

The participant is pointed at once, as with ``--face``: with an examiner who is there for as long, nobody could tell
who is who. ``automatic_other`` and ``automatic_kept`` are without the hint: it may be ambiguous, never wrong.

    python benchmarks/hard_seeds.py [--seeds 20] [--first 0] [--compare 20] [--short]
"""

import argparse
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import numpy as np
import pandas as pd

from enicfer.faces.detectors import load_detector
from enicfer.faces.observe import FaceObserver
from enicfer.faces.participant import Hints
from enicfer.io.video.frame import Frame
from enicfer.io.video.parts import LEAST
from enicfer.records import FaceTrack, Status
from enicfer.synthetic import SyntheticScene
from enicfer.synthetic.plan import plan_session
from enicfer.synthetic.render import COVERED, Sighting, draw_frames

RESULTS = Path(__file__).parent / "results" / "hard_seeds.csv"
HARD = SyntheticScene(
    crossings=3,
    similar_colours=True,
    absences=(60.0,),
    visits=3,
    examiner_size=(60.0, 90.0),
    trials_per_condition=3,
)
# As hard, but smaller and soon over: for tests.
SHORT = replace(
    HARD,
    width=320,
    height=240,
    participant_size=(24.0, 33.0),
    examiner_size=(30.0, 45.0),
    absences=(4.0,),
    trials_per_condition=2,
    visits=1,
    frame_rate=(14.0, 16.0),
)


def draw(scene: SyntheticScene, seed: int) -> Iterator[tuple[Frame, Sighting, Sighting]]:
    """Frames as a decoder gives them, and what can be seen of participant and examiner."""
    plan = plan_session(scene, seed)
    for i, (picture, mine, other) in enumerate(draw_frames(scene, plan, seed)):
        image = av.VideoFrame.from_ndarray(picture, format="bgr24").reformat(format="yuv420p")
        yield Frame(i, float(plan.frame_time[i]), image), mine, other


def follow(scene: SyntheticScene, seed: int, compare: bool = True) -> dict[str, float]:
    """Follow the faces of a drawn session in the shortest parts that `enicfer.pipeline.observe` makes.

    With ``compare`` also in one piece, with a search of the whole picture in every frame.
    """
    detector = load_detector()
    observers = [FaceObserver(detector), *([FaceObserver(detector, full_every=1)] if compare else [])]
    seen = []
    part = FaceObserver(detector)
    for frame, mine, other in draw(scene, seed):
        if len(seen) % LEAST == 0:
            observers[0].join(part)
            part = FaceObserver(detector)
        part.observe(frame)
        for observer in observers[1:]:
            observer.observe(frame)
        seen.append((mine, other))
    observers[0].join(part)
    hints = point_at(seen)
    tracks = [observer.finish(hints)[0] for observer in observers]
    automatic = judge(observers[0].finish()[0], seen)
    found = {
        **judge(tracks[0], seen),
        "automatic_other": automatic["other_taken"],
        "automatic_kept": automatic["kept"],
    }
    found["searched"] = observers[0].searches / len(seen)
    if compare:
        found["changed"] = float((tracks[0].status != tracks[1].status).mean())
        found |= {f"full_{name}": value for name, value in judge(tracks[1], seen).items() if name != "frames"}
    return found


def point_at(seen: list[tuple[Sighting, Sighting]]) -> Hints:
    """What a user does with ``--face``: one point in the participant's face, in a frame in which nobody else is."""
    for i, (mine, other) in enumerate(seen):
        if i > 15 and mine.inside > 0.95 and mine.hidden == 0 and other.box is None:
            x, y = mine.points.mean(axis=0)
            return Hints(faces=((i, float(x), float(y)),))
    raise ValueError("the participant is never alone in the picture")


def judge(track: FaceTrack, seen: list[tuple[Sighting, Sighting]]) -> dict[str, float]:
    """Compare a track with what can be seen."""
    ok = track.status == Status.OK
    boxes = [np.array([s.box or [np.nan] * 4 for s in side]) for side in zip(*seen, strict=True)]
    right, wrong = (_overlap(track.box, box) for box in boxes)
    visible = np.array([s.box is not None and s.inside * (1 - s.hidden) > 0.5 for s, _ in seen])
    whole = np.array([s.box is not None and s.inside > 0.9 and s.hidden < 0.05 for s, _ in seen])
    covered = np.array([s.box is not None and s.hidden >= COVERED for s, _ in seen])
    absent = np.array([s.box is None for s, _ in seen])
    return {
        "frames": len(seen),
        "other_taken": int((ok & (wrong > right)).sum()),
        "kept": float(ok[whole].mean()),
        "kept_half": float(ok[visible].mean()),
        "absent_ok": int((ok & absent).sum()),
        "covered_ok": int((ok & covered).sum()),
        "ambiguous": int((track.status == Status.AMBIGUOUS_PERSON).sum()),
    }


def _overlap(a: Any, b: Any) -> Any:
    """Intersection over union of boxes (n, 4), 0 where one is missing."""
    side = np.minimum(a[:, 2:], b[:, 2:]) - np.maximum(a[:, :2], b[:, :2])
    both = np.clip(side, 0, None).prod(axis=1)
    area = (a[:, 2:] - a[:, :2]).prod(axis=1) + (b[:, 2:] - b[:, :2]).prod(axis=1)
    return np.nan_to_num(both / (area - both))


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument(
        "--compare", type=int, default=20, help="so many seeds also with the whole picture searched always"
    )
    parser.add_argument("--short", action="store_true", help="the shorter scene of the tests")
    options = parser.parse_args()
    rows = []
    for seed in range(options.first, options.first + options.seeds):
        scene, compare = SHORT if options.short else HARD, len(rows) < options.compare
        rows.append({"seed": seed, **follow(scene, seed, compare)})
        print(rows[-1], flush=True)
    table = pd.DataFrame(rows).round(4)
    print(table.to_string(index=False))
    if not options.short:
        RESULTS.parent.mkdir(exist_ok=True)
        table.to_csv(RESULTS, index=False, lineterminator="\n")


if __name__ == "__main__":
    main()
