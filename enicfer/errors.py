"""The errors that a user can meet.

Every message is one sentence that says what was found, where, and what is allowed or what to do; its parts are
fields of the error as well. The command line prints the message alone and exits with ``exit_code``; Python callers
catch `EnicferError`.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self


def option(keyword: str, flag: str) -> str:
    """What a remedy calls an option: ``keyword`` for Python users, ``flag`` on the command line.

    Parameters
    ----------
    keyword
        Such as ``overwrite=True``.
    flag
        Such as ``--overwrite``.
    """
    return f"\ue000{keyword}\ue001{flag}\ue002"


OVERWRITE, OUTPUT = option("overwrite=True", "--overwrite"), option("output", "--output")
MAKE_ROOM = "make room there, or give a folder that can be written to"  # where writing failed
_OPTION = re.compile("\ue000([^\ue001]*)\ue001([^\ue002]*)\ue002")


class EnicferError(Exception):
    """Base of all errors that enicfer raises on purpose.

    As text it is one sentence, for Python users; `for_command_line` names the options as the command line has them.

    Parameters
    ----------
    cause
        What was found; the whole sentence where there is no ``remedy``. The options in it are made by `option`.
        With a full stop it is a sentence of its own, and the remedy the next one.
    place
        The file, folder or table that it is about, if one can be named.
    remedy
        What to do: the end of the sentence, without its full stop.

    Attributes
    ----------
    cause, remedy
        As given, with the options as Python has them.
    place
        As given, None where none can be named.
    """

    exit_code = 1

    def __init__(self, cause: str, *, place: str | Path | None = None, remedy: str = "") -> None:
        super().__init__(cause)
        self.place = place
        self._remedy = remedy

    @property
    def cause(self) -> str:
        """What was found."""
        return _OPTION.sub(r"\1", str(self.args[0]))

    @property
    def remedy(self) -> str:
        """What to do about it."""
        return _OPTION.sub(r"\1", self._remedy)

    def __str__(self) -> str:
        return _join(self.cause, self.remedy)

    def for_command_line(self) -> str:
        """The sentence with the options as the command line has them."""
        return _OPTION.sub(r"\2", _join(str(self.args[0]), self._remedy))

    def said_of(self, what: str) -> Self:
        """The same error, said of something in which it was found: "what: cause; remedy."."""
        return type(self)(f"{what}: {self.args[0]}", place=self.place, remedy=self._remedy)


def _join(cause: str, remedy: str) -> str:
    """Both parts as text; a sentence has one colon."""
    if not remedy:
        return cause
    if cause.endswith("."):
        return f"{cause} {remedy[0].upper()}{remedy[1:]}."
    return f"{cause}{';' if ': ' in cause else ':'} {remedy}."


class InputError(EnicferError):
    """A file, folder or table that was given cannot be used as it is."""


class FormatError(InputError):
    """A file was written by another version of the program, in a layout that this one does not read."""


class PointError(InputError):
    """A point that says who the participant is, is in no face that can be followed."""


class ProtocolError(InputError):
    """A protocol or ``session.toml`` says something that cannot be meant."""


class AlignmentError(EnicferError):
    """The clocks of video and recording cannot be related with the certainty asked for.

    Attributes
    ----------
    pulses
        What both sides show, where it was collected (`enicfer.pipeline.evidence.noting_recordings`).
    """

    pulses: Mapping[str, Any] = MappingProxyType({})


class ModelError(EnicferError):
    """A model or its weights cannot be found or used."""


class OutputError(EnicferError):
    """The results cannot be written where they were asked for."""


def counted(n: int, word: str, words: str = "") -> str:
    """A number with its noun: "1 frame", "3 frames"; ``words`` is the plural where it is no more than an s."""
    return f"{n} {word}" if n == 1 else f"{n} {words or word + 's'}"


def shown(value: object, most: int = 80) -> str:
    """A value as a message can show it: not longer than ``most`` letters."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):
        return "a value too long to show"
    return text if len(text) <= most else f"{text[: most - 4]} ..."
