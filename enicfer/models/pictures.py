"""Which pictures a model learnt from: digests of them travel in its file.

Conventions: a digest is the first 8 bytes of the SHA-256 of a picture's size and pixels, as int64.  The pixels
are those of the file, before a face is found and framed, so that a picture is known whatever size a model
reads; grey pixels count the same in a grey and in a colour file.  Who has a picture can ask whether it was
there; no picture can be made from its digest.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

Digests = npt.NDArray[np.int64]


def digest_picture(picture: np.ndarray) -> int:
    """Digest of a picture: uint8 (h, w) grey or (h, w, 3)."""
    if picture.ndim == 3 and (picture == picture[:, :, :1]).all():
        picture = picture[:, :, 0]
    digest = hashlib.sha256(str(picture.shape).encode())
    digest.update(np.ascontiguousarray(picture).data)
    return int.from_bytes(digest.digest()[:8], "little", signed=True)


def digest_pictures(pictures: Iterable[np.ndarray]) -> Digests:
    """Digests (n,) of pictures."""
    return np.array([digest_picture(picture) for picture in pictures], np.int64)


@dataclass(frozen=True, eq=False)
class Pictures:
    """The pictures that made a model what it is.

    Attributes
    ----------
    learnt
        Digests, sorted, of what it learnt from, and of what the model that it began from and its teachers did.
    validated
        Digests, sorted, of what chose its temperature and, with patience, its epoch.
    unrecorded
        Those of these models, itself included, of which nobody noted what they learnt from.
    """

    learnt: Digests = field(default_factory=lambda: np.empty(0, np.int64))
    validated: Digests = field(default_factory=lambda: np.empty(0, np.int64))
    unrecorded: tuple[str, ...] = ()

    def pack(self) -> dict[str, Any]:
        """As JSON-able values."""
        texts = {
            name: base64.b64encode(np.unique(digests).astype("<i8").tobytes()).decode()
            for name, digests in (("learnt", self.learnt), ("validated", self.validated))
        }
        return {**texts, "unrecorded": sorted(set(self.unrecorded))}


def unpack_pictures(values: Mapping[str, Any]) -> Pictures:
    """What `Pictures.pack` packed; KeyError, TypeError or ValueError where it is something else."""
    learnt, validated = (
        np.frombuffer(base64.b64decode(values[name], validate=True), "<i8").astype(np.int64)
        for name in ("learnt", "validated")
    )
    return Pictures(learnt, validated, tuple(map(str, values["unrecorded"])))
