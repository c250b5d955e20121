"""Files whose headers claim more than is there, or that unpack to far more: one sentence, soon and in little memory.

Each reader works in a process of its own; what is measured is the processor's time and by how much the process grew.
"""

import gzip
import struct
import sys
import zlib

import numpy as np
import pytest

from enicfer.config.protocol import read_protocol
from enicfer.config.session import read_session
from enicfer.errors import InputError
from enicfer.faces.photo import describe_photo
from enicfer.io.bold import read_bold
from enicfer.io.eeg import read_eeg
from enicfer.io.external.codings import read_coding
from enicfer.io.external.face_tables import read_face_table
from enicfer.io.tables import read_json, read_table, read_text
from enicfer.io.triggers import read_trigger_log
from enicfer.io.video.frame_times import read_frame_times
from enicfer.io.xdf.file import read_xdf
from enicfer.privacy.share_check import read_names
from enicfer.saliency.pictures import _decode
from enicfer.training.datasets.files import read_image
from enicfer.training.recipe import read_recipe
from tests.io.test_eeg import write_brainvision, write_edf
from tests.limits import run_limited

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs fork and /proc")
SECONDS, MEGABYTES = 2.0, 500.0


def png(path, width=60000, height=60000):
    """A PNG whose header claims a size and whose data are one short row."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(bytes(99)))
        + chunk(b"IEND", b"")
    )


def nifti(path, shape, content=b"", offset=352.0, code=16):
    """A NIfTI-1 header (https://nifti.nimh.nih.gov/nifti-1) of this shape, and what follows it."""
    head = bytearray(352)
    struct.pack_into("<i", head, 0, 348)
    struct.pack_into("<8h", head, 40, 4, *(int(n) for n in shape), 1, 1, 1)
    struct.pack_into("<hh", head, 70, code, {2: 8, 16: 32, 64: 64}[code])
    struct.pack_into("<8f", head, 76, 1, 2, 2, 2, 2, 0, 0, 0)
    struct.pack_into("<f", head, 108, offset)
    head[123] = 10  # mm, s
    head[344:348] = b"n+1\0"
    data = bytes(head) + content
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)


def brainvision(path, **changes):
    write_brainvision(path.parent)
    header = path.parent / "a.vhdr"
    text = header.read_text(encoding="utf-8")
    for old, new in changes.items():
        key = old.replace("_", " ")
        line = next(line for line in text.splitlines() if line.startswith(f"{key}="))
        text = text.replace(line, f"{key}={new}")
    path.write_text(text, encoding="utf-8")


def edf(path, signals=None, records=None, samples=None):
    write_edf(path, range(20), path.suffix[1:].upper().encode() + b"+C")
    content = bytearray(path.read_bytes())
    if signals is not None:
        content[252:256] = str(signals).encode().ljust(4)
    if records is not None:
        content[236:244] = str(records).encode().ljust(8)
    if samples is not None:
        at = 256 + 216 * 2
        content[at : at + 8] = str(samples).encode().ljust(8)
    path.write_bytes(content)


def eeglab(path, channels, points, there=1000, names=True):
    from scipy.io import savemat

    path.with_suffix(".fdt").write_bytes(bytes(there))
    chanlocs = np.array([(f"E{i}",) for i in range(4)], dtype=[("labels", "O")]) if names else []
    content = {
        "setname": "a", "nbchan": float(channels), "pnts": float(points), "trials": 1.0, "srate": 250.0, "xmin": 0.0,
        "xmax": 1.0, "data": "a.fdt", "chanlocs": chanlocs, "event": np.zeros((0,)), "epoch": np.zeros((0,)),
        "icawinv": [], "icaweights": [], "icasphere": [], "ref": "common",
    }  # fmt: skip
    savemat(path, {"EEG": content})


def xdf(path, channels=1, samples=1, form="float32", length=None, size=4, count=None):
    """One stream that claims so many channels, and one chunk of so many samples; ``length`` of the chunk."""

    def chunk(tag, content, stated=None):
        return struct.pack("<BIH", 4, (len(content) + 2) if stated is None else stated, tag) + content

    head = (
        "<?xml version='1.0'?><info><name>amp</name><type>EEG</type>"
        f"<channel_count>{channels}</channel_count><nominal_srate>250</nominal_srate>"
        f"<channel_format>{form}</channel_format><desc/></info>"
    ).encode()
    number = struct.pack("<I", 1)
    sized = struct.pack("<BQ", 8, samples) if size == 8 else struct.pack("<BI", 4, samples)
    content = b"XDF:" + chunk(1, b"<?xml version='1.0'?><info><version>1.0</version></info>")
    content += chunk(2, number + head)
    content += chunk(3, number + sized + struct.pack("<Bd", 8, 1.0) + bytes(64), length)
    content += chunk(6, number + f"<info><sample_count>{count or samples}</sample_count></info>".encode())
    path.write_bytes(gzip.compress(content) if path.suffix == ".xdfz" else content)


def zeros(path, head=b"", size=1 << 30):
    """So many zeros behind ``head``, packed to a thousandth."""
    path.write_bytes(gzip.compress(head) + gzip.compress(bytes(1 << 24), 1) * (size >> 24))


def zero_nifti(path):
    nifti(path.with_suffix(""), (2, 2, 2, 2))
    zeros(path, path.with_suffix("").read_bytes())


def wide(path, separator="\t", columns=100_000):
    names = separator.join(["onset", "code", *(f"c{i}" for i in range(columns))])
    row = separator.join(["1.5", "a", *("7" for _ in range(columns))])
    path.write_text(f"{names}\n{row}\n{row}\n", encoding="utf-8")


def long_line(path):
    path.write_text(f"onset\tcode\n1.5\ta\n2.5\t{'b' * (1 << 20)}\n{'9' * (1 << 20)}\tc\n", encoding="utf-8")


def long_names(path):
    name = "n" * (1 << 20)
    if path.suffix == ".toml":
        path.write_text(f'{name} = 1\n[{name}2]\n"{name}3" = "{name}"\n', encoding="utf-8")
    elif path.suffix == ".json":
        path.write_text('{"' + name + '": "' + name + '"', encoding="utf-8")
    else:
        path.write_text(f"{name}\tother{name}\n1\t2\n", encoding="utf-8")


def session(folder):
    folder = folder.parent
    name = "n" * (1 << 20)
    (folder / "session.toml").write_text(
        f'video = "{name}"\n{name} = 1\nprotocol = "{name}"\n', encoding="utf-8"
    )


def read_session_of(path):
    return read_session(path.parent)


def read_times(path):
    return read_frame_times(path, np.arange(3) / 30)


def read_columns(path):
    return read_table(path)


def decode_face(path):
    return _decode(path.read_bytes(), path)


REFUSED = {
    "channels.vhdr": (lambda p: brainvision(p, NumberOfChannels=10**8), read_eeg),
    "channels_big.vhdr": (lambda p: brainvision(p, NumberOfChannels=10**30), read_eeg),
    "no_channels.vhdr": (lambda p: brainvision(p, NumberOfChannels=-1), read_eeg),
    "rate.vhdr": (lambda p: brainvision(p, SamplingInterval="1e-300"), read_eeg),
    "signals.edf": (lambda p: edf(p, signals=9999), read_eeg),
    "signals.bdf": (lambda p: edf(p, signals=9999), read_eeg),
    "negative.edf": (lambda p: edf(p, signals=-2), read_eeg),
    "samples.edf": (lambda p: edf(p, samples=99999999), read_eeg),
    "samples.bdf": (lambda p: edf(p, samples=99999999), read_eeg),
    "channels.set": (lambda p: eeglab(p, 10**8, 1000, names=False), read_eeg),
    "points.set": (lambda p: eeglab(p, 4, 10**15, there=4), read_eeg),
    "channels.xdf": (lambda p: xdf(p, channels=10**8), read_xdf),
    "channels_big.xdf": (lambda p: xdf(p, channels=10**30), read_xdf),
    "channels.xdfz": (lambda p: xdf(p, channels=10**8), read_xdf),
    "text.xdf": (lambda p: xdf(p, channels=10**8, form="string"), read_xdf),
    "both.xdf": (lambda p: xdf(p, channels=10**6, samples=10**9), read_xdf),
    "zeros.xdfz": (lambda p: zeros(p, b"XDF:"), read_xdf),
    "bomb.xdfz": (lambda p: zeros(p, b"XDF:\x04" + struct.pack("<I", (1 << 30))), read_xdf),
    "short.nii": (lambda p: nifti(p, (64, 64, 32, 300), bytes(1000)), read_bold),
    "short.nii.gz": (lambda p: nifti(p, (64, 64, 32, 300), bytes(1000)), read_bold),
    "overflow.nii": (lambda p: nifti(p, (32767, 32767, 32767, 32767), bytes(1000)), read_bold),
    "overflow.nii.gz": (lambda p: nifti(p, (32767, 32767, 32767, 32767), bytes(1000), code=64), read_bold),
    "offset.nii": (lambda p: nifti(p, (2, 2, 2, 5), bytes(160), offset=1e12), read_bold),
    "negative.nii": (lambda p: nifti(p, (2, -2, 2, 5), bytes(160)), read_bold),
    "zero.nii": (lambda p: nifti(p, (0, 2, 2, 5), bytes(160)), read_bold),
    "zeros.nii.gz": (lambda p: zeros(p), read_bold),
    "zeros.tsv.gz": (lambda p: zeros(p, b"onset\tcode\n1\ta\n"), read_columns),
    "wide_names.toml": (long_names, read_protocol),
    "names.toml": (long_names, read_recipe),
    "session.toml": (session, read_session_of),
    "names.json": (long_names, read_json),
    "names.tsv": (long_names, read_trigger_log),
    "names.csv": (long_names, read_times),
    "long.tsv": (long_line, read_trigger_log),
    "claim.png": (png, read_image),
    "faces.png": (png, lambda p: decode_face(p)),
    "photo.png": (png, lambda p: describe_photo(p, None)),
    "picture.csv": (png, read_text),
}
# Damage within a stream is said in a note; what is whole is read.
NOTED = {
    "samples.xdf": lambda p: xdf(p, samples=2**32 - 1),
    "samples8.xdf": lambda p: xdf(p, samples=2**62, size=8),
    "words.xdf": lambda p: xdf(p, samples=2**32 - 1, form="string"),
    "length.xdf": lambda p: xdf(p, length=2**32 - 1),
}
ANSWERED = {
    "zero_tail.nii.gz": (zero_nifti, read_bold),
    "wide.tsv": (wide, read_trigger_log),
    "wide_c.csv": (lambda p: wide(p, ","), read_trigger_log),
    "wide_times.csv": (lambda p: wide(p, ","), read_times),
    "wide_face.csv": (lambda p: wide(p, ","), read_face_table),
    "wide_coding.csv": (lambda p: wide(p, ","), read_coding),
    "wide_coding.tsv": (wide, read_coding),
    "wide_own.tsv": (wide, read_columns),
    "long_names.txt": (long_names, read_names),
}


@pytest.fixture(scope="module", autouse=True)
def imported(tmp_path_factory):
    """What a reader imports is not what its file costs."""
    import nibabel  # noqa: F401
    import pyxdf  # noqa: F401

    folder = tmp_path_factory.mktemp("whole")
    write_edf(folder / "a.edf", range(3), b"EDF+C")
    for path in (write_brainvision(folder), folder / "a.edf"):
        read_eeg(path)


def check(outcome):
    assert outcome.seconds < SECONDS and outcome.megabytes < MEGABYTES, outcome


@pytest.mark.parametrize("name", REFUSED)
def test_one_sentence_soon(name, tmp_path):
    make, read = REFUSED[name]
    make(tmp_path / name)
    outcome = run_limited(lambda: read(tmp_path / name))
    check(outcome)
    assert outcome.refused, outcome.said
    assert 20 < len(outcome.said) < 600 and "\n" not in outcome.said


@pytest.mark.parametrize("name", ANSWERED)
def test_large_but_true(name, tmp_path):
    make, read = ANSWERED[name]
    make(tmp_path / name)
    outcome = run_limited(lambda: read(tmp_path / name))
    check(outcome)
    assert outcome.refused or not outcome.said, outcome.said


@pytest.mark.parametrize("name", NOTED)
def test_damaged_streams_are_noted(name, tmp_path):
    NOTED[name](tmp_path / name)

    def read():
        streams, notes = read_xdf(tmp_path / name)
        assert sum(len(stream.time) for stream in streams) <= 4
        assert any(name in note for note in notes), notes

    outcome = run_limited(read)
    check(outcome)
    assert not outcome.said, outcome.said


def test_whole_images_are_read_packed_or_not(tmp_path):
    """Also one that was packed in several members, and one that is cut short in the middle."""
    content = np.random.default_rng(0).integers(0, 255, 2 * 3 * 4 * 50 * 4, dtype=np.uint8).tobytes()
    for name in ("a.nii", "b.nii.gz"):
        nifti(tmp_path / name, (2, 3, 4, 50), content)
        assert read_bold(tmp_path / name, 2.0).n_volumes == 50
    whole = (tmp_path / "a.nii").read_bytes()
    (tmp_path / "c.nii.gz").write_bytes(gzip.compress(whole[:3000]) + gzip.compress(whole[3000:]))
    assert read_bold(tmp_path / "c.nii.gz", 2.0).n_volumes == 50
    for name in ("a.nii", "b.nii.gz"):
        (tmp_path / name).write_bytes((tmp_path / name).read_bytes()[:-700])
        with pytest.raises(InputError, match="shorter than its header says"):
            read_bold(tmp_path / name, 2.0)
