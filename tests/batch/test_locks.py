"""Locks that the file system does not give are noticed before any work."""

import errno
import sys

import pytest

from enicfer.batch.markers import BatchFolders
from enicfer.errors import OutputError

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has locks of another kind")


@pytest.fixture(params=[errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP])
def without_locks(request, monkeypatch):
    """A file system without flock, such as Lustre's or NFS's without its lock service."""
    import fcntl

    def refuse(*_):
        raise OSError(request.param, "no locks here")

    monkeypatch.setattr(fcntl, "flock", refuse)


def test_a_place_without_locks_is_refused(without_locks, tmp_path):
    with pytest.raises(OutputError, match=r"out has no file locks \(no locks here\).* mounted with locks"):
        BatchFolders(tmp_path / "out").check_locks()
    assert list((tmp_path / "out").rglob("*.*lock*")) == []


def test_a_lock_that_cannot_be_had_is_one_sentence(without_locks, tmp_path):
    with pytest.raises(OutputError, match="has no file locks"), BatchFolders(tmp_path).locked("group"):
        pass


def test_a_batch_without_locks_does_nothing(without_locks, without_video, tmp_path):
    without_video.make_study(tmp_path / "study", 1)
    with pytest.raises(OutputError, match="has no file locks"):
        without_video.run_study(tmp_path / "study", tmp_path / "out")
    assert not list((tmp_path / "out").rglob("*.json"))


def test_a_lock_that_another_has_is_no_missing_lock(tmp_path):
    places = BatchFolders(tmp_path)
    with places.locked("sub-01"):
        places.check_locks()
        with places.locked("sub-02"):
            places.check_locks()


def test_errors_inside_of_a_lock_pass(tmp_path):
    with pytest.raises(OSError, match="mine"), BatchFolders(tmp_path).locked("sub-01"):
        raise OSError("mine")
