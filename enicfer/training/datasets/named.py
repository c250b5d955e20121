"""Data sets whose file names say everything: RaFD, NIMH-ChEFS, CAFE, and any other by its pattern.

Conventions: one regular expression per set, with the groups `word` (expression), `subject`, and
where there is one `sex`.  A file whose name does not fit is refused, not skipped.

RaFD (Langner et al. 2010, doi:10.1080/02699930903485076):
``Rafd090_41_Kid_female_neutral_frontal.jpg``; camera angle, model, group, sex, expression, gaze.
NIMH-ChEFS (Egger et al. 2011, doi:10.1002/mpr.343): ``M10HS_6767.jpg``; sex and model, expression
(Angry, Fearful, Happy, Neutral, Sad), gaze (Straight, Averted), picture.
CAFE (LoBue and Thrasher 2015, doi:10.3389/fpsyg.2014.01532):
``sessions/6280/9977-angry_F-AA-01.jpg``; Databrary's number, which may be missing, expression, sex,
ethnicity, model.  With an open mouth the word ends in "open" (``neutralopen``).

No file of these sets could be had.  The names above are in public programs that use the sets; of
NIMH-ChEFS only H, N and S with straight gaze were found, the other letters are the words'.
For copies that are named otherwise the reader "names" takes the pattern from the recipe.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from enicfer.errors import InputError
from enicfer.training.datasets.files import Entry, Options, list_images, load_entries, match_name
from enicfer.training.datasets.images import FaceImages

RAFD = re.compile(
    r"rafd(?P<angle>\d{3})_(?P<subject>\d+)_(?P<group>[a-z]+)_(?P<sex>female|male)"
    r"_(?P<word>[a-z]+)_(?P<gaze>frontal|left|right)",
    re.IGNORECASE,
)
CHEFS = re.compile(r"(?P<subject>(?P<sex>[fm])\d+)(?P<letter>[afhns])(?P<gaze>[sa])_?\d*", re.IGNORECASE)
CHEFS_WORDS = {"a": "angry", "f": "fearful", "h": "happy", "n": "neutral", "s": "sad"}
CAFE = re.compile(
    r"(\d+-)?(?P<word>[a-z]+)_(?P<subject>(?P<sex>[fm])-(?P<group>[a-z]+)-\d+)",
    re.IGNORECASE,
)
SEXES = {"f": "female", "m": "male"}


def read_rafd(path: Path, options: Options, group: str = "Kid", angle: str = "090") -> FaceImages:
    """Read the Radboud Faces Database.

    Parameters
    ----------
    path
    options
    group
        "Kid" for the children (the default), "Caucasian", "Moroccan", or "" for all.
    angle
        Camera angle in degrees, "090" from the front, or "" for all.
    """
    entries = []
    for file in list_images(path):
        match = match_name(RAFD, file.stem, file, "Rafd090_41_Kid_female_neutral_frontal.jpg")
        if group and match["group"].lower() != group.lower():
            continue
        if angle and match["angle"] != angle:
            continue
        sex = match["sex"].lower()
        entries.append(Entry(file, match["word"], match["subject"], sex, "rafd"))
    if not entries:
        raise InputError(
            f"{path} holds RaFD pictures, but none of group {group} at {angle} degrees",
            place=path,
            remedy="give a folder that holds them, or another group and angle",
        )
    return load_entries(entries, options)


def read_nimh_chefs(path: Path, options: Options) -> FaceImages:
    """Read the NIMH Child Emotional Faces Picture Set."""
    entries = []
    for file in list_images(path):
        match = match_name(CHEFS, file.stem, file, "M10HS_6767.jpg")
        word = CHEFS_WORDS[match["letter"].lower()]
        sex = SEXES[match["sex"].lower()]
        entries.append(Entry(file, word, match["subject"].upper(), sex, "nimh-chefs"))
    return load_entries(entries, options)


def read_cafe(path: Path, options: Options) -> FaceImages:
    """Read the Child Affective Facial Expression set; open-mouth variants count as their expression."""
    entries = []
    for file in list_images(path):
        match = match_name(CAFE, file.stem, file, "9977-angry_F-AA-01.jpg")
        sex = SEXES[match["sex"].lower()]
        entries.append(Entry(file, match["word"], match["subject"].upper(), sex, "cafe"))
    return load_entries(entries, options)


def read_names(path: Path, options: Options) -> FaceImages:
    """Read pictures whose path below the folder, without its ending, has the pattern of `options`.

    Groups that count are `word` (needed), `subject`, `sex` (f, m, female or male), `age` and `set`.
    """
    pattern = _compile(options.pattern)
    entries = []
    for file in list_images(path):
        name = file.relative_to(path).with_suffix("").as_posix()
        match = pattern.fullmatch(name)
        if match is None:
            raise InputError(
                f"{file} does not have the pattern {options.pattern!r} of [data] pattern",
                remedy="rename it, or correct the pattern",
            )
        said = {key: value or "" for key, value in match.groupdict().items()}
        sex = said.get("sex", "").lower()
        try:
            age = float(said.get("age") or "nan")
        except ValueError as error:
            raise InputError(
                f"The age of {file} is {said['age']!r}, which is no number", remedy="write a number of years"
            ) from error
        entry = Entry(file, said["word"], said.get("subject", ""), SEXES.get(sex, sex))
        entries.append(replace(entry, set=said.get("set", path.name), age=age))
    return load_entries(entries, options)


def _compile(text: str) -> re.Pattern[str]:
    example = "(?P<subject>[0-9]+)_(?P<word>[a-z]+)"
    try:
        pattern = re.compile(text, re.IGNORECASE)
    except re.error as error:
        raise InputError(
            f"[data] pattern {text!r} is no regular expression: {error}", remedy="correct it"
        ) from error
    if "word" not in pattern.groupindex:
        raise InputError(
            f"[data] pattern is {text!r}, without a group for the label", remedy=f"add one, such as {example}"
        )
    return pattern
