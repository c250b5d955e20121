"""EEG files of GDF, FIF, CNT and MFF whose headers claim more than is there: one sentence, soon and in little memory.

The headers are written here from the formats' descriptions.
"""

import struct
import sys

import mne
import numpy as np
import pytest

from enicfer.io.eeg import read_eeg
from tests.limits import run_limited

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs fork and /proc")
SECONDS, MEGABYTES = 2.0, 500.0


def gdf(path, channels=2, claimed=None, records=5, samples=50, version=b"GDF 1.25", events=0, kind=3):
    """GDF 1.25 (https://arxiv.org/abs/cs/0608052): channels of 16 bit, records of 1 s; ``claimed`` channels."""
    new = version > b"GDF 1.9"
    blocks = channels + 1
    head = version + b"X X".ljust(66 if new else 80)
    if new:
        head += bytes(10 + 4 + 64 + 16) + struct.pack("<Q", 0) * 2 + bytes(0)
        head = head.ljust(184, b"\0") + struct.pack("<H", blocks) + bytes(6 + 8 + 6 + 12 + 12)
        head = head.ljust(236, b"\0") + struct.pack("<qII", records, 1, 1)
    else:
        head += b"X".ljust(80) + b"2020010112000000" + struct.pack("<q", 256 * blocks) + bytes(24 + 20)
        head = head.ljust(236, b"\0") + struct.pack("<qII", records, 1, 1)
    head += struct.pack("<I", channels if claimed is None else claimed)
    each = b"".join(f"E{i}".encode().ljust(16) for i in range(channels)) + bytes(80 * channels)
    each += b"uV".ljust(8) * channels
    each += struct.pack("<d", -100) * channels + struct.pack("<d", 100) * channels
    limits = "<d" if new else "<q"
    each += struct.pack(limits, -30000) * channels + struct.pack(limits, 30000) * channels
    each += bytes((68 if new else 80) * channels) + (
        struct.pack("<fff", 0, 100, 50) * channels if new else b""
    )
    each += struct.pack("<i", samples) * channels + struct.pack("<i", kind) * channels + bytes(32 * channels)
    content = head + each
    content = content.ljust(256 * blocks, b"\0") + bytes(2 * channels * 5 * 50)
    table = struct.pack("<B", 1) + bytes([50, 0, 0]) + struct.pack("<I", events or 2)
    path.write_bytes(content + table + struct.pack("<II", 10, 60) + struct.pack("<HH", 1, 2))


def cnt(path, channels=2, claimed=None, samples=100, table=None, events=1, rate=100):
    """Neuroscan (https://paulbourke.net/dataformats/eeg): 900 bytes, 75 a channel, 16 bit, then a table of events."""
    head = bytearray(900 + 75 * channels)
    head[0:10] = b"Version 3."
    head[225:245] = b"01/01/20  12:00:00  "
    struct.pack_into("<H", head, 370, channels if claimed is None else claimed)
    struct.pack_into("<H", head, 376, rate)
    struct.pack_into("<i", head, 864, samples)
    begin = len(head) + 2 * channels * 100
    struct.pack_into("<i", head, 886, begin if table is None else table)
    for i in range(channels):
        at = 900 + 75 * i
        head[at : at + 10] = f"E{i}".encode().ljust(10, b"\0")
        struct.pack_into("<ff", head, at + 19, 0.1 * i, 0.2)
        struct.pack_into("<f", head, at + 59, 1.0)
        struct.pack_into("<f", head, at + 71, 1.0)
    event = struct.pack("<HBcl", 5, 0, b"\0", len(head) + 2 * channels * 20)
    path.write_bytes(bytes(head) + bytes(2 * channels * 100) + struct.pack("<Bll", 1, 8 * events, 0) + event)


def fif(path, kind=None, value=None, size=None, at=0):
    """A whole file; the ``at``-th tag of a ``kind`` then has another value, or claims another size."""
    raw = mne.io.RawArray(np.zeros((2, 300)), mne.create_info(2, 100.0, "eeg"), verbose="error")
    raw.save(path, verbose="error")
    content, place = bytearray(path.read_bytes()), 0
    while place + 16 <= len(content):
        tag, _, length, following = struct.unpack_from(">iiii", content, place)
        if tag == kind:
            if at == 0:
                if value is not None:
                    struct.pack_into(">i", content, place + 16, value)
                if size is not None:
                    struct.pack_into(">i", content, place + 8, size)
                break
            at -= 1
        if following == -1:
            break
        place = following if following > 0 else place + 16 + length
    else:
        assert kind is None
    path.write_bytes(content)


def mff(path, source, **changes):
    """A copy of a whole recording whose first block of signals claims something else."""
    import shutil

    shutil.copytree(source, path)
    place = path / "signal1.bin"
    content = bytearray(place.read_bytes())
    for name, value in changes.items():
        struct.pack_into("<i", content, {"header": 4, "size": 8, "channels": 12, "offset": 16}[name], value)
    place.write_bytes(content)


REFUSED = {
    "channels.gdf": lambda p: gdf(p, claimed=10**8),
    "overflow.gdf": lambda p: gdf(p, claimed=2**32 - 1),
    "records.gdf": lambda p: gdf(p, records=2**62),
    "lost.gdf": lambda p: gdf(p, records=5000),
    "samples.gdf": lambda p: gdf(p, samples=2**31 - 1),
    "events.gdf": lambda p: gdf(p, events=2**32 - 1),
    "kind.gdf": lambda p: gdf(p, kind=10**6),
    "channels2.gdf": lambda p: gdf(p, claimed=60000, version=b"GDF 2.20"),
    "channels.cnt": lambda p: cnt(p, claimed=65535),
    "none.cnt": lambda p: cnt(p, claimed=0),
    "samples.cnt": lambda p: cnt(p, samples=2**31 - 1),
    "table.cnt": lambda p: cnt(p, table=2**31 - 1),
    "events.cnt": lambda p: cnt(p, events=2**27),
    "rate.cnt": lambda p: cnt(p, rate=0),
    "channels_raw.fif": lambda p: fif(p, 200, 10**8),
    "channels_big_raw.fif": lambda p: fif(p, 200, 2**31 - 1),
    "negative_raw.fif": lambda p: fif(p, 200, -1),
    "buffer_raw.fif": lambda p: fif(p, 300, size=2**31 - 1),
    "tag_raw.fif": lambda p: fif(p, 200, size=2**31 - 1),
    "small_raw.fif": lambda p: fif(p, 200, size=-5),
}


def check(outcome):
    assert outcome.seconds < SECONDS and outcome.megabytes < MEGABYTES, outcome


@pytest.fixture(scope="module", autouse=True)
def imported(tmp_path_factory):
    """The whole files can be read, and what a reader imports is not what its file costs."""
    folder = tmp_path_factory.mktemp("whole")
    for name, make in {"a.gdf": gdf, "a.cnt": cnt, "a_raw.fif": fif}.items():
        make(folder / name)
        recording = read_eeg(folder / name)
        assert recording.duration == {"a.gdf": 5.0, "a.cnt": 1.0, "a_raw.fif": 3.0}[name]
    assert read_eeg(folder / "a.gdf").triggers.values.tolist() == [[0.18, "1"], [1.18, "2"]]


@pytest.mark.parametrize("name", REFUSED)
def test_one_sentence_soon(name, tmp_path):
    REFUSED[name](tmp_path / name)
    outcome = run_limited(lambda: read_eeg(tmp_path / name))
    check(outcome)
    assert outcome.refused, outcome.said
    assert 20 < len(outcome.said) < 600 and "\n" not in outcome.said and name in outcome.said


@pytest.mark.parametrize(
    "changes",
    [{"channels": 10**8}, {"channels": -1}, {"size": 2**31 - 1}, {"header": 2**31 - 1}, {"header": 3}],
)
def test_blocks_of_mff(changes, shared_data, tmp_path):
    import mffpy  # noqa: F401

    read_eeg(shared_data / "eeg" / "example_4.mff")
    mff(tmp_path / "a.mff", shared_data / "eeg" / "example_4.mff", **changes)
    outcome = run_limited(lambda: read_eeg(tmp_path / "a.mff"))
    check(outcome)
    assert outcome.refused, outcome.said
    assert 20 < len(outcome.said) < 600 and "\n" not in outcome.said
