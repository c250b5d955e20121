"""Files and folders that show a face or a scene: nobody but their owner can read them.

Where a file system knows no modes (Windows), the folder's own rights hold.
"""

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

PRIVATE_FILE, PRIVATE_FOLDER = 0o600, 0o700  # of what shows a face or a scene


def write_private(path: Path, data: bytes) -> None:
    """Write a file that only its owner can read, from its first byte on."""
    with open(path, "xb", opener=lambda name, flags: os.open(name, flags, PRIVATE_FILE)) as file:
        file.write(data)


def make_private(paths: Iterable[Path]) -> None:
    """Let only their owner read files that wait in a folder of their owner's."""
    for path in paths:
        path.chmod(PRIVATE_FILE)


def make_private_folder(path: Path) -> None:
    """Make a folder that only its owner can enter, or make it so; the folders above it are made as usual."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.mkdir(mode=PRIVATE_FOLDER, exist_ok=True)
    with suppress(OSError):  # somebody else's folder, in a study of several people
        path.chmod(PRIVATE_FOLDER)
