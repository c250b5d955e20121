import hashlib

import numpy as np
import pytest

from enicfer.models.pictures import Pictures, digest_picture, digest_pictures, unpack_pictures


def test_a_picture_is_known_by_its_size_and_pixels() -> None:
    grey = np.arange(12, dtype=np.uint8).reshape(3, 4)
    expected = hashlib.sha256(b"(3, 4)" + bytes(range(12))).digest()[:8]
    assert digest_picture(grey) == int.from_bytes(expected, "little", signed=True)
    assert digest_picture(np.repeat(grey[:, :, None], 3, axis=2)) == digest_picture(grey)
    other = [grey.reshape(4, 3), grey + 1, np.stack([grey, grey, grey + 1], axis=2)]
    assert len({digest_picture(grey), *digest_pictures(other).tolist()}) == 4


def test_what_is_packed_is_unpacked_sorted_and_once() -> None:
    packed = Pictures(np.array([5, -3, 5]), np.array([2**62]), ("b", "a")).pack()
    again = unpack_pictures(packed)
    assert again.learnt.tolist() == [-3, 5]
    assert again.validated.tolist() == [2**62]
    assert again.unrecorded == ("a", "b")
    for broken in ({}, packed | {"learnt": "AAA"}, packed | {"learnt": 3}):
        with pytest.raises((KeyError, TypeError, ValueError)):
            unpack_pictures(broken)
