"""ProcessingOptions and the progress bar that several commands share."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

import click

from enicfer.config.options import DETECTOR
from enicfer.errors import InputError
from enicfer.records import CameraPoint, Progress
from enicfer.records import FacePoint as Point

FaceIn = Point | CameraPoint


class FacePoint(click.ParamType):
    """``FRAME:X,Y`` or ``CAMERA:FRAME:X,Y``: a point in the participant's face, in pixels of one frame."""

    name = "[CAMERA:]FRAME:X,Y"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> FaceIn:
        """Parse the text."""
        from enicfer.config.cameras import FACE_FORMAT, read_camera_point

        try:
            return read_camera_point(str(value))
        except ValueError:
            raise InputError(
                f"--face is {value!r}", remedy=f"write {FACE_FORMAT}; of several cameras CAMERA:FRAME:X,Y"
            ) from None


T = TypeVar("T")


def pick(kind: type[T], given: Mapping[str, Any]) -> T:
    """The options of a dataclass among those that a command was given."""
    return kind(**{entry.name: given[entry.name] for entry in fields(kind) if entry.name in given})  # type: ignore[arg-type]


protocol_option = click.option("--protocol", metavar="NAME|FILE", help="Goes before the one in session.toml.")
max_uncertainty_option = click.option(
    "--max-uncertainty",
    type=click.FloatRange(min=0, min_open=True),
    metavar="SECONDS",
    help="Refuse times that are less certain.  [default: half a frame]",
)
TOOL_OPTIONS = (
    click.option("--model", metavar="NAME|FILE", help="Classifier: a shipped name or a .safetensors file."),
    click.option("--detector", default=DETECTOR, show_default=True, help="Face detector."),
    click.option(
        "--detector-weights",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="The detector's weights, where they are not installed.",
    ),
)


def face_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of everything that looks at faces."""
    options = [
        *TOOL_OPTIONS,
        click.option(
            "--face",
            "faces",
            multiple=True,
            type=FacePoint(),
            help="A point in the participant's face, with CAMERA: before it where a run has several; may be "
            "given several times.",
        ),
        click.option(
            "--face-photo",
            type=click.Path(path_type=Path),
            metavar="FILE",
            help="A photo of the participant's face alone, taken in the same light.",
        ),
        click.option(
            "--analysis-rate",
            type=click.FloatRange(min=0),
            metavar="HZ",
            help="Read the expression in so many frames a second only.  [default: the protocol's, else all]",
        ),
        click.option("--quiet", is_flag=True, help="Print nothing but errors."),
    ]
    for option in reversed(options):
        command = option(command)
    return command


@contextmanager
def progress_bar(quiet: bool, unit: str = "frames") -> Iterator[Progress]:
    """Show what is done, its rate and time left on standard error while work goes on."""
    from tqdm import tqdm

    bar: Any = None
    current = ""

    def report(done: int, total: int, stage: str) -> None:
        nonlocal bar, current
        if bar is None or stage != current:
            if bar is not None:
                bar.close()
            current = stage
            bar = tqdm(total=total or None, desc=stage, unit=f" {unit}", disable=quiet, mininterval=0.5)
        if total and bar.total != total:
            bar.total = total
        bar.update(done - bar.n)

    try:
        yield report
    finally:
        if bar is not None:
            bar.close()
