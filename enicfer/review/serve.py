"""Starts the server of a review on this machine alone, and says the link that opens it."""

import logging
import os
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

from enicfer.errors import EnicferError, InputError, option
from enicfer.io.files.names import REVIEWS
from enicfer.io.files.places import try_writing
from enicfer.io.review_log import coder_label
from enicfer.review.desk import Desk, ReviewOptions
from enicfer.review.guard import Guard
from enicfer.review.study import Study

HOST = "127.0.0.1"


def open_review(
    folders: Sequence[str | Path],
    *,
    coder: str | None = None,
    port: int = 0,
    read_only: bool = False,
    blur_others: bool = False,
    shared: bool = False,
    tell: Callable[[str], None] = print,
    note: Callable[[str], None] = print,
) -> None:
    """Serve the review of a study until it is interrupted.

    Parameters
    ----------
    folders
        Session folders, folders of them, or outputs.
    coder
        Who reviews, None for the name of the account.
    port
        Of the server, 0 for any that is free.
    read_only
        Store nothing.
    blur_others
        Cover the faces of all but the participant.
    shared
        Let the group that can read a video read the small copy that is played.
    tell
        Called once with the link that opens the review.
    note
        Called before that with each sentence that the reviewer has to know: outputs beside which no review can be
        written, which are opened read-only, and reviews that end with half an entry.

    Raises
    ------
    InputError
        If there are no results, the coder's name cannot be used, the port is taken, or the packages of the extra
        ``review`` are missing.
    """
    if missing := [name for name in ("starlette", "uvicorn") if find_spec(name) is None]:
        raise InputError(f"The review needs {' and '.join(missing)}: pip install 'enicfer[review]'.")
    name = account_name() if coder is None else coder
    coder_label(name)
    name = " ".join(name.split())
    study = Study([Path(folder) for folder in folders])
    closed = {} if read_only else find_closed(study)
    desk = Desk(study, ReviewOptions(name, read_only, blur_others, shared, closed))
    for text in (*closed.values(), *find_notes(study)):
        note(text)
    with listen(port) as listening:
        _serve(desk, listening, tell)


def account_name() -> str:
    """The name of the account that runs the program."""
    import getpass

    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # an account without a name
        return "reviewer"


def find_closed(study: Study) -> dict[Path, str]:
    """Outputs beside which no review can be written, and a sentence that says why and what to do."""
    closed = {}
    for output in study.outputs:
        try:
            try_writing((output / REVIEWS, output))
        except OSError as error:
            closed[output] = (
                f"Reviews cannot be written to {output / REVIEWS} ({error.strerror or error}), so what lies there is "
                "shown read-only: to review it, make that folder writable, or process the session with "
                "--output DIR and give that folder instead."
            )
    return closed


def find_notes(study: Study) -> list[str]:
    """What is wrong with the files of reviews, but for those that cannot be read, which the page names."""
    notes: list[str] = []
    for run in study.runs.values():
        with suppress(EnicferError):
            notes += study.review_notes(run)
    return list(dict.fromkeys(notes))


def listen(port: int) -> socket.socket:
    """A socket on this machine alone.

    Raises
    ------
    InputError
        If the port is taken.
    """
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    if os.name != "nt":  # there it would let two servers have one port
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((HOST, port))
    except OSError as error:
        listening.close()
        raise InputError(
            f"Port {port} cannot be used ({error.strerror or error})",
            remedy=f"give another {option('port', '--port')}, or none for a free one",
        ) from None
    return listening


def _serve(desk: Desk, listening: socket.socket, tell: Callable[[str], None]) -> None:
    from enicfer.review.server import make_app

    try:
        run_app(make_app(desk, listening.getsockname()[1]), listening, tell)
    finally:
        desk.stop()


def run_app(app: Guard, listening: socket.socket, tell: Callable[[str], None]) -> None:
    """Serve until it is interrupted; ``tell`` gets the link that opens it."""
    import uvicorn

    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        server_header=False,
        date_header=False,
        lifespan="off",
        timeout_graceful_shutdown=2,
    )
    listening.listen(128)
    tell(app.link)
    server = uvicorn.Server(config)
    # What is cut off when the server stops is no error.
    logging.getLogger("uvicorn.error").addFilter(lambda record: not server.should_exit)
    with suppress(KeyboardInterrupt):
        server.run(sockets=[listening])
