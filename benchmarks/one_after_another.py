"""Whether people who are seen one after the other in one place and light are kept apart.

The shared clips of three men in one room are cut one to the next, in every order, in colour and in grey: each time
another man stands where the first one stood. Once nobody is pointed at, once the first man is (as with ``--face``).
Prints, for several values of `enicfer.faces.track.MAX_STEP` (as it is: the first one):

- ``one person``: sequences of two men both of whom have answers (aimed at: none);
- ``kept``: share with an answer of the first man's frames that show him in the open (pointed at), and of both clips'
  frames where the next clip shows the same man again (pointed at once, in the first clip).

    python benchmarks/one_after_another.py FOLDER_OF_CLIPS
"""

import argparse
from collections.abc import Iterator
from itertools import permutations
from pathlib import Path

import numpy as np
import pandas as pd

from enicfer.faces import track
from enicfer.faces.detectors import load_detector
from enicfer.faces.observe import FaceObserver
from enicfer.faces.participant import Hints
from enicfer.io.video.frame import Frame
from enicfer.io.video.reader import read_frames
from enicfer.records import Status

RESULTS = Path(__file__).parent / "results" / "one_after_another.md"
MEN = {"again": "A", "student": "A", "yes": "A", "bird": "B", "eat": "C", "night": "C"}
STEPS = (track.MAX_STEP, 0.35, 0.4)


def show(paths: list[Path], grey: bool) -> Iterator[Frame]:
    """The frames of all clips as those of one video."""
    import av

    number = 0
    for path in paths:
        for frame in read_frames(path, 1):
            picture = frame.bgr()
            if grey:
                picture = np.repeat(frame.gray()[..., None], 3, axis=2)
            image = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="bgr24")
            yield Frame(number, number / 30, image.reformat(format="yuv420p"))
            number += 1


def follow(paths: list[Path], grey: bool) -> dict[str, float]:
    """How many of the first and of the second clip's frames are valid, without and with pointing."""
    observer = FaceObserver(load_detector())
    first = sum(1 for _ in read_frames(paths[0], 1))
    point = None
    for i, frame in enumerate(show(paths, grey)):
        faces = observer.observe(frame)
        if i < first and point is None and faces:
            x0, y0, x1, y1 = max(faces, key=lambda face: face.score).box.tolist()
            point = (i, (x0 + x1) / 2, (y0 + y1) / 2)
    found = {}
    for name, hints in (("automatic", None), ("pointed", Hints(faces=(point,)) if point else None)):
        status = observer.finish(hints)[0].status
        # Hands before the face are signs, and not this benchmark's subject.
        open_face = np.isin(status, (Status.OK, Status.AMBIGUOUS_PERSON, Status.OTHER_PERSON))
        ok = status == Status.OK
        found[f"{name}_first"] = float(ok[:first].sum() / max(open_face[:first].sum(), 1))
        found[f"{name}_second"] = float(ok[first:].sum() / max(open_face[first:].sum(), 1))
    return found


def compare(folder: Path) -> pd.DataFrame:
    """A row for each sequence and each value of MAX_STEP."""
    rows = []
    for step in STEPS:
        track.MAX_STEP = step
        for names in permutations(MEN, 2):
            for grey in (False, True):
                found = follow([folder / f"signer_{name}.mkv" for name in names], grey)
                same = MEN[names[0]] == MEN[names[1]]
                rows.append({"max_step": step, "names": "-".join(names), "grey": grey, "same": same, **found})
                print(rows[-1], flush=True)
    return pd.DataFrame(rows)


def summarise(rows: pd.DataFrame) -> str:
    """A Markdown table with a line for each value of MAX_STEP."""
    lines = ["| MAX_STEP | sequences of two men | one person, nobody pointed at | one person, first pointed at | "
             "first man kept | same man again: kept |", "| --- | --- | --- | --- | --- | --- |"]  # fmt: skip
    for step, part in rows.groupby("max_step"):
        two, same = part[~part["same"]], part[part["same"]]
        joined = [
            ((two[f"{n}_first"] > 0) & (two[f"{n}_second"] > 0)).sum() for n in ("automatic", "pointed")
        ]
        again = same[["pointed_first", "pointed_second"]].to_numpy().mean()
        lines.append(
            f"| {step} | {len(two)} | {joined[0]} | {joined[1]} | {two['pointed_first'].mean():.1%} | {again:.1%} |"
        )
    return "\n".join(lines) + "\n"


def main() -> None:
    """Compare, print, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    table = summarise(compare(parser.parse_args().folder))
    print(table)
    RESULTS.write_text(table, encoding="utf-8")


if __name__ == "__main__":
    main()
