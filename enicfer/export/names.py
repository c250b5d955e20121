"""Names of conditions as parts of file names, and what each program takes as a name."""

import re
from collections.abc import Sequence

from enicfer.errors import InputError, option
from enicfer.io.files.portable import find_collisions


def file_words(names: Sequence[str], program: str) -> dict[str, str]:
    """Each name as a word for file names: letters, digits, ``.``, ``-`` and ``_``.

    Raises
    ------
    InputError
        If a name is empty or has no letter, or two would be one file.
    """
    words: dict[str, str] = {}
    for name in names:
        word = re.sub(r"[^\w.-]+", "_", name.strip()).strip("_.")
        if not word:
            raise InputError(
                f"The condition {name!r} has no letter or digit, and {program} needs a file named by each",
                remedy=(
                    "give it a name in the protocol, or leave it out with "
                    f"{option('conditions', '--conditions')}"
                ),
            )
        words[name] = word
    listed = list(words)
    for a, b in find_collisions([words[name] for name in listed]) or _twins(words):
        one, other = (next(name for name in listed if words[name] == word) for word in (a, b))
        if a == b:
            one, other = [name for name in listed if words[name] == a][:2]
        raise InputError(
            f"The conditions {one!r} and {other!r} would be one file for {program}",
            remedy=f"rename one in the protocol, or choose with {option('conditions', '--conditions')}",
        )
    return words


def _twins(words: dict[str, str]) -> list[tuple[str, str]]:
    values = list(words.values())
    return [(word, word) for word in values if values.count(word) > 1]
