from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from enicfer.errors import InputError
from enicfer.training.datasets.images import FaceImages
from enicfer.training.recipe import Data
from enicfer.training.splits import divide, folds


def faces(subjects: int = 10, each: int = 4) -> FaceImages:
    n = subjects * each
    return FaceImages(
        image=np.zeros((n, 4, 4), np.uint8),
        label=np.arange(n) % 2,
        labels=("happy", "sad"),
        votes=np.full((n, 2), np.nan, np.float32),
        majority=np.full(n, -1),
        subject=np.array([f"s{i // each}" for i in range(n)]),
        sex=np.full(n, ""),
        set=np.array(["a", "b"])[np.arange(n) // each % 2],
        split=np.full(n, ""),
        file=np.full(n, ""),
        age=np.full(n, np.nan, np.float32),
    )


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), share=st.floats(0.1, 0.9))
def test_no_subject_is_in_both_parts(seed: int, share: float) -> None:
    data = divide(faces(), Data(split="subject", share=share), seed)
    learn = set(data.subject[data.split == "train"])
    check = set(data.subject[data.split == "validation"])
    assert learn and check
    assert not learn & check
    assert len(learn | check) == 10


def test_the_seed_fixes_the_split() -> None:
    first, second = (divide(faces(), Data(), seed=3).split for _ in range(2))
    assert np.array_equal(first, second)
    assert not np.array_equal(first, divide(faces(), Data(), seed=4).split)


def test_unknown_subjects_are_refused() -> None:
    data = replace(faces(), subject=np.array(["x", ""] * 20))
    with pytest.raises(InputError, match="subject of 20 of 40 images is unknown"):
        divide(data, Data(split="subject"), 0)
    with pytest.raises(InputError, match="some are unknown"):
        folds(data, 3)


def test_random_warns() -> None:
    with pytest.warns(UserWarning, match="same person"):
        data = divide(faces(), Data(split="random", share=0.25), 0)
    assert (data.split == "validation").sum() == 10


def test_given_partitions_with_a_shared_subject_are_refused() -> None:
    data = replace(faces(), split=np.array(["one", "two"] * 20))
    with pytest.raises(InputError, match="10 subjects are both in 'one' and in 'two'"):
        divide(data, Data(split="given", train="one", validation="two"), 0)
    with pytest.raises(InputError, match="no partition 'three'; they have 'one', 'two'"):
        divide(data, Data(split="given", train="one", validation="three"), 0)


def test_an_empty_part_and_an_unknown_kind_are_refused() -> None:
    with pytest.raises(InputError, match="leaves one part empty"):
        divide(faces(), Data(split="subject", share=0.01), 0)
    with pytest.raises(InputError, match="allowed are given, subject, random"):
        divide(faces(), Data(split="half"), 0)


def test_folds_are_disjoint_in_subjects_and_complete() -> None:
    data = faces()
    masks = folds(data, 3)
    assert np.array_equal(np.sum(masks, axis=0), np.ones(40))
    for mask in masks:
        assert not set(data.subject[mask]) & set(data.subject[~mask])
    by_set = folds(data, 0, by_set=True)
    assert [set(data.set[mask]) for mask in by_set] == [{"a"}, {"b"}]
    with pytest.raises(InputError, match="11 folds of 10 subjects"):
        folds(data, 11)
