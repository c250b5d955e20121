"""CK+, the extended Cohn-Kanade data set (Lucey et al. 2010, doi:10.1109/CVPRW.2010.5543262).

Conventions: sequences ``cohn-kanade-images/S005/001/S005_001_00000011.png`` run from a neutral
face to the peak of an expression; ``Emotion/S005/001/*_emotion.txt`` holds its code.  A sequence
without that file has no label and is left out.  As usual the last three frames carry the
expression and the first is neutral.  Both folders may lie one deeper, where each archive was
unpacked into a folder of its own (``extended-cohn-kanade-images``, ``Emotion_labels``).
"""

from __future__ import annotations

from pathlib import Path

from enicfer.errors import InputError
from enicfer.training.datasets.files import Entry, Options, list_images, load_entries
from enicfer.training.datasets.images import FaceImages

# The codes of the *_emotion.txt files.
CODES = {
    0: "neutral",
    1: "anger",
    2: "contempt",
    3: "disgust",
    4: "fear",
    5: "happy",
    6: "sadness",
    7: "surprise",
}
LAST = 3


def read_ckplus(path: Path, options: Options) -> FaceImages:
    """Read CK+.

    Parameters
    ----------
    path
        Folder that holds `cohn-kanade-images` and `Emotion`, in it or one folder deeper.
    options

    Returns
    -------
    FaceImages
        `subject` is the S number.
    """
    images, labels = _find_folder(path, "cohn-kanade-images"), _find_folder(path, "Emotion")
    emotions = sorted(labels.rglob("S*_emotion.txt"))
    if not emotions:
        raise InputError(
            f"{labels} holds no S*/*/S*_emotion.txt, so no CK+ image has a label",
            remedy="give the folder Emotion of CK+ as well",
        )
    entries = []
    for file in emotions:
        subject, sequence = file.parent.parts[-2:]
        frames = list_images(images / subject / sequence)
        word = CODES[_code(file)]
        if word != "contempt":
            entries.append(Entry(frames[0], "neutral", subject, set="ck+"))
        entries += [Entry(frame, word, subject, set="ck+") for frame in frames[1:][-LAST:]]
    return load_entries(entries, options)


def _find_folder(path: Path, name: str) -> Path:
    near = [path / name, *sorted(path.glob(f"*/{name}"))]
    # __MACOSX is macOS's own shadow of an archive.
    found = [folder for folder in near if folder.is_dir() and folder.parent.name != "__MACOSX"]
    if len(found) != 1:
        where = f": {', '.join(map(str, found))}" if found else ""
        raise InputError(
            f"{path} must hold one folder {name}, in it or one deeper, not {len(found)}{where}",
            place=path,
            remedy="give the folder into which all parts of CK+ were unpacked",
        )
    return found[0]


def _code(file: Path) -> int:
    text = file.read_text(encoding="ascii", errors="replace").strip()
    try:
        code = int(float(text))
    except ValueError:
        code = -1
    if code not in CODES:
        raise InputError(
            f"{file} holds {text!r}, which is no code of CK+ (0 to 7)", remedy="unpack the archive again"
        )
    return code
