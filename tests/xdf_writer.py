"""Writes XDF files (https://github.com/sccn/xdf/wiki/Specifications), with whatever a sender may say or leave out."""

import gzip
import struct

from numpy import ndarray

FORMATS = {"int8": "b", "int16": "h", "int32": "i", "int64": "q", "float32": "f", "double64": "d"}


def _sized(content):
    width = ("B", 1) if len(content) < 256 else ("I", 4)
    return struct.pack("<B" + width[0], width[1], len(content)) + content


def _chunk(tag, content):
    return _sized(struct.pack("<H", tag) + content)


def make_stream(
    name, kind, sample_format, rate, times, values, *, labels=(), units=(), kinds=(), footer=True, count=None
):
    """What `write_xdf` takes: ``values`` (n, channels), ``count`` what the footer says instead of n."""
    rows = values.tolist() if isinstance(values, ndarray) else [list(row) for row in values]
    channels = len(rows[0]) if rows else 1
    described = "".join(
        "<channel>"
        + "".join(
            f"<{key}>{said[i]}</{key}>"
            for key, said in (("label", labels), ("unit", units), ("type", kinds))
            if said
        )
        + "</channel>"
        for i in range(channels if labels or units or kinds else 0)
    )
    head = (
        f"<?xml version='1.0'?><info><name>{name}</name><type>{kind}</type><channel_count>{channels}</channel_count>"
        f"<nominal_srate>{rate}</nominal_srate><channel_format>{sample_format}</channel_format>"
        f"<desc>{'<channels>' + described + '</channels>' if described else ''}</desc></info>"
    )
    said = len(rows) if count is None else count
    foot = f"<?xml version='1.0'?><info><sample_count>{said}</sample_count></info>" if footer else None
    return head, foot, sample_format, list(times), rows


def _sample(sample_format, time, row):
    if sample_format == "string":
        content = b"".join(_sized(str(value).encode()) for value in row)
    else:
        content = struct.pack("<" + FORMATS[sample_format] * len(row), *row)
    return struct.pack("<Bd", 8, time) + content


def write_xdf(path, *streams, per_chunk=250, offsets=(0.0, 1e5)):
    """A file with these streams, whose clocks need no correction; packed where the name ends in xdfz."""
    parts = [b"XDF:" + _chunk(1, b"<?xml version='1.0'?><info><version>1.0</version></info>")]
    chunks = []
    for number, (head, _, sample_format, times, rows) in enumerate(streams, 1):
        identity = struct.pack("<I", number)
        parts.append(_chunk(2, identity + head.encode()))
        samples = list(zip(times, rows, strict=True))
        came = -1e9  # in the order in which they were taken, whatever the stamps say
        length = per_chunk if len(samples) >= per_chunk else 1  # markers are written as they come
        for at in range(0, len(samples), length):
            some = samples[at : at + length]
            came = max(came, some[-1][0])
            content = b"".join(_sample(sample_format, t, row) for t, row in some)
            chunks.append((came, _chunk(3, identity + struct.pack("<BI", 4, len(some)) + content)))
        chunks += [(t, _chunk(4, identity + struct.pack("<dd", t, 0.0))) for t in offsets]
    parts += [content for _, content in sorted(chunks, key=lambda chunk: chunk[0])]
    for number, (_, foot, *_) in enumerate(streams, 1):
        if foot is not None:
            parts.append(_chunk(6, struct.pack("<I", number) + foot.encode()))
    content = b"".join(parts)
    path.write_bytes(gzip.compress(content) if path.suffix == ".xdfz" else content)
    return path
