"""What the arguments of ``enicfer saliency`` mean: a model, pictures, or a processed session."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from enicfer.errors import InputError
from enicfer.saliency.attribution import Progress
from enicfer.saliency.explain import Explanation, explain_images
from enicfer.saliency.session import explain_session, is_session_output

# Options that only one of the two has, with the value that means "not given".
ONLY_IMAGES = {
    "expression": None,
    "crops": False,
    "subjects": "auto",
    "signed_maximum": False,
    "filters": False,
    "panels": 100,
    "detector": "centerface",
    "detector_weights": None,
}
ONLY_SESSION = {"session": None, "face_images": False, "video": False}


def split_model(inputs: Sequence[str]) -> tuple[str | None, list[str]]:
    """The model, if the first of the inputs names one, and the other inputs.

    Raises
    ------
    InputError
        If there is nothing but a model.
    """
    from enicfer.models.classifier import SHIPPED

    first = str(inputs[0]) if inputs else ""
    is_model = first.endswith(".safetensors") or (first in SHIPPED and not Path(first).exists())
    rest = [str(path) for path in (inputs[1:] if is_model else inputs)]
    if not rest:
        raise InputError(
            "There is nothing to explain: give pictures, folders of them, or an output folder of enicfer."
        )
    return (first if is_model else None), rest


def explain_request(
    inputs: Sequence[str], output: Path, *, progress: Progress | None = None, **options: Any
) -> Explanation:
    """Explain pictures, or the trials of a processed session.

    Parameters
    ----------
    inputs
        A model's name or file (may be left out), then pictures and folders of them, or one session's output.
    output
        Folder for the results.
    progress
        Called as ``progress(done, total, stage)``.
    **options
        Those of `explain_images` and `explain_session`.

    Raises
    ------
    InputError
        If an option does not go with what was given, and all that the two functions raise.
    """
    model, paths = split_model(inputs)
    session = len(paths) == 1 and is_session_output(paths[0])
    foreign = ONLY_IMAGES if session else ONLY_SESSION
    for name, default in foreign.items():
        if options.pop(name, default) != default:
            kind = "images, and a session's output was" if session else "a session's output, and images were"
            raise InputError(f"--{name.replace('_', '-')} is for {kind} given: leave it out.")
    if session:
        return explain_session(paths[0], output, model=model, progress=progress, **options)
    return explain_images(paths, output, model=model, progress=progress, **options)
