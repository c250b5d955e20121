"""What the arguments of ``enicfer saliency`` mean: a model, pictures, or a processed session."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from enicfer.errors import InputError
from enicfer.saliency.attribution.maps import Progress
from enicfer.saliency.explanation import Explanation
from enicfer.saliency.image_maps import explain_images
from enicfer.saliency.options import SaliencyOptions
from enicfer.saliency.session import explain_session, is_session_output


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
            "There is nothing to explain",
            remedy="give pictures, folders of them, or an output folder of enicfer",
        )
    return (first if is_model else None), rest


def explain_request(
    inputs: Sequence[str],
    output: Path,
    options: SaliencyOptions | None = None,
    *,
    progress: Progress | None = None,
) -> Explanation:
    """Explain pictures, or the trials of a processed session.

    Parameters
    ----------
    inputs
        A model's name or file (may be left out), then pictures and folders of them, or one session's output.
    output
        Folder for the results.
    options
        How the maps are made; the model is that of ``inputs``.
    progress
        Called as ``progress(done, total, stage)``.

    Raises
    ------
    InputError
        If an option does not go with what was given, and all that `explain_images` and `explain_session` raise.
    """
    model, paths = split_model(inputs)
    options = replace(options or SaliencyOptions(), model=model)
    if len(paths) == 1 and is_session_output(paths[0]):
        return explain_session(paths[0], output, options, progress=progress)
    return explain_images(paths, output, options, progress=progress)
