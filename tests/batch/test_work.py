"""Texts that go into tables and logs name no folder of the computer."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enicfer.batch.share import _PATTERNS
from enicfer.batch.work import _KINDS, ADVICE, strip_folders


@pytest.mark.parametrize(
    ("text", "stripped"),
    [
        ("/home/ada/study/camera.mkv is empty", "camera.mkv is empty"),
        ("[Errno 28] No space: '/mnt/x/a.h5' -> '/mnt/x/b.h5'", "[Errno 28] No space: 'a.h5' -> 'b.h5'"),
        (r"C:\Users\ada\a.edf and D:/x/y.edf", "a.edf and y.edf"),
        ("see https://example.org/a/b, 3/4, sub-01/x.edf", "see https://example.org/a/b, 3/4, sub-01/x.edf"),
        ("slope 1.5 s/s in [left, top] </a>", "slope 1.5 s/s in [left, top] </a>"),
    ],
)  # fmt: skip
def test_known_texts(text, stripped):
    assert strip_folders(text) == stripped


def test_given_folders_may_have_blanks():
    folder = Path("/mnt/my study/séance 1")
    assert strip_folders(f"{folder / 'eeg.vhdr'} is empty", (folder,)) == "séance 1/eeg.vhdr is empty"


NAMES = st.text("abcXYZ019_-", min_size=1, max_size=8)


@given(st.lists(NAMES, min_size=1, max_size=5), st.sampled_from(["/home", "/mnt", "C:", "/tmp"]))
def test_no_absolute_path_is_left(parts, root):
    text = strip_folders(f"cannot read '{'/'.join([root, *parts, 'file.h5'])}': no such file")
    assert text == "cannot read 'file.h5': no such file"
    assert not _PATTERNS["absolute path"].search(text)


def test_every_kind_of_failure_has_its_advice():
    assert {kind for _, kind in _KINDS} | {"killed", "time-out"} == set(ADVICE)
