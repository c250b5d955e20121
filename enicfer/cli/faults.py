"""The last resort of the command line: what nobody foresaw, as one sentence; and standard streams that are missing.

A log of the fault, with the traceback, goes into a file that only its owner can read, in the folder for temporary
files. It holds no content of the user's files, but names of them may be in it.
"""

import errno
import os
import sys
import tempfile
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import TextIOWrapper
from pathlib import Path

import click

from enicfer import __version__

UNREAD = 141  # 128 + SIGPIPE, as a shell has it
_MEMORY = ("not enough memory", "insufficient memory", "cannot allocate memory", "unable to allocate")
_NEEDED = "close other programs, use fewer --n-jobs, or a computer with more memory"


def fill_streams() -> None:
    """Open what the caller closed of standard input, output and error as the null device.

    Else the next file that is opened gets its number, and messages go into a user's file.
    """
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115  to the end
    if isinstance(sys.stdout, TextIOWrapper) and sys.stdout.errors == "strict":
        sys.stdout.reconfigure(errors="backslashreplace")  # a file on Windows may lack the letters of a name


def stop_unread() -> int:
    """Print nothing more, for ``| head`` has seen enough; the exit code, that of a program that SIGPIPE ended."""
    _mute_output()
    return UNREAD


def finish_output(code: int) -> int:
    """Write out what waits for standard output; the exit code, which is not 0 if that is not possible."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:  # ``| head`` has seen enough
        _mute_output()
        return code
    except OSError as error:
        _mute_output()
        say(f"Error: {_explain_output(error)}")
        return code or 1
    return code


def cut(text: str, most: int = 3000) -> str:
    """A message without the middle of what is too long in it, such as a name of a million letters."""
    return text if len(text) <= most else f"{text[: most // 2]} ... {text[-most // 2 :]}"


def say(text: str) -> None:
    """Print a line on standard error, if that can be written."""
    with suppress(OSError, ValueError):
        click.echo(text, err=True)


@contextmanager
def plain_warnings() -> Iterator[None]:
    """Show a warning as one sentence, without the line of source that gave it, and none twice."""
    heard: set[str] = set()

    def show(message: Warning | str, *_: object, **__: object) -> None:
        text = " ".join(str(message).split())
        if text not in heard:
            heard.add(text)
            say(f"Warning: {cut(text)}")

    with warnings.catch_warnings():
        warnings.showwarning = show
        yield


def _mute_output() -> None:
    """Let Python write what is left at its end to nowhere, without a traceback."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.close(null)


def _explain_output(error: OSError) -> str:
    return (
        f"What the command prints cannot be written ({error.strerror}): make room where standard output goes. "
        "Results that were written before are whole."
    )


def explain(error: Exception, log: bool = True) -> str:
    """One sentence on an error that nobody foresaw.

    Parameters
    ----------
    error
        The error, with its traceback.
    log
        Write the log, and say where it is.
    """
    text = " ".join(str(error).split())[:300]
    if isinstance(error, MemoryError) or any(words in text.lower() for words in _MEMORY):
        return f"The memory is not enough for this: {_NEEDED}. Earlier results are as they were."
    if isinstance(error, OSError) and error.errno is not None:
        if (
            error.filename is None
            and error.errno in (errno.ENOSPC, errno.EIO, errno.EBADF)
            and _is_output(error)
        ):
            return _explain_output(error)
        name = f"{shorten(os.fspath(error.filename))}: " if isinstance(error.filename, str) else ""
        return f"{name}{os.strerror(error.errno)}. Earlier results are as they were."
    kind = type(error).__name__
    place = write_log(error) if log else None
    where = (
        f" The details are in {place}: send that file"
        if place
        else " Run it again with --debug, and send what it says"
    )
    return (
        f"This is a fault of enicfer ({kind}{': ' + text if text else ''}); earlier results are as they were.{where} "
        "with a report of what you did."
    )


def _is_output(error: OSError) -> bool:
    """Whether the error arose while something was printed."""
    frames = traceback.extract_tb(error.__traceback__)
    return bool(frames) and Path(frames[-1].filename).parent.name == "click"


def shorten(name: str, most: int = 120) -> str:
    """The end of a long name."""
    return name if len(name) <= most else f"... {name[-most:]}"


def write_log(error: Exception) -> Path | None:
    """Write the traceback to a new file that only its owner can read, or None where that is not possible."""
    lines = traceback.format_exception(error)
    system = f"enicfer {__version__}, Python {sys.version.split()[0]}, {sys.platform}\n"
    try:
        number, name = tempfile.mkstemp(prefix="enicfer-fault-", suffix=".log")
        with os.fdopen(number, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(system + "".join(lines))
    except OSError:
        return None
    return Path(name)
