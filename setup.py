"""Installs the folders ``protocols``, ``recipes`` and ``codebooks`` inside the package; the rest is in setup.cfg.

With ``SOURCE_DATE_EPOCH`` set, the source archive has the same bytes every time, as the wheel has.
"""

import gzip
import io
import os
import tarfile
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.sdist import sdist

FOLDERS = ("protocols", "recipes", "codebooks")


class SameBytes(sdist):
    """A source archive without the dates and owners of this computer."""

    def make_archive(self, base_name, format, *args, **kwargs):
        """Make it, and write it again in order."""
        path = super().make_archive(base_name, format, *args, **kwargs)
        epoch = os.environ.get("SOURCE_DATE_EPOCH")
        if epoch and format == "gztar":
            settle_archive(Path(path), int(epoch))
        return path


def settle_archive(path: Path, epoch: int) -> None:
    """Give every member the date ``epoch`` and no owner, and sort them by name."""
    whole = io.BytesIO()
    with tarfile.open(path) as old, tarfile.open(fileobj=whole, mode="w", format=tarfile.PAX_FORMAT) as new:
        for member in sorted(old.getmembers(), key=lambda each: each.name):
            content = old.extractfile(member) if member.isfile() else None
            member.mtime, member.uid, member.gid, member.uname, member.gname = epoch, 0, 0, "", ""
            member.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
            member.pax_headers = {}
            new.addfile(member, content)
    with (
        path.open("wb") as file,
        gzip.GzipFile("", "wb", fileobj=file, mtime=epoch) as packed,
    ):
        packed.write(whole.getvalue())


setup(
    packages=[*find_packages(include=["enicfer*"]), *(f"enicfer.{name}" for name in FOLDERS)],
    package_dir={f"enicfer.{name}": name for name in FOLDERS},
    cmdclass={"sdist": SameBytes},
)
