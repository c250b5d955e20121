"""The errors that a user can meet.

Every message is one sentence that says what was found, where, and what is allowed or what to do. The
command line prints the message alone and exits with ``exit_code``; Python callers catch `EnicferError`.
"""


class EnicferError(Exception):
    """Base of all errors that enicfer raises on purpose."""

    exit_code = 1


class InputError(EnicferError):
    """A file, folder or table that was given cannot be used as it is."""


class ProtocolError(InputError):
    """A protocol or ``session.toml`` says something that cannot be meant."""


class AlignmentError(EnicferError):
    """The clocks of video and recording cannot be related with the certainty asked for."""


class ModelError(EnicferError):
    """A model or its weights cannot be found or used."""


class OutputError(EnicferError):
    """The results cannot be written where they were asked for."""
