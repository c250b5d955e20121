from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from enicfer.errors import InputError
from enicfer.training.datasets.images import FaceImages
from enicfer.training.recipe import Data
from enicfer.training.splits import divide, folds, name_validation


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


@settings(max_examples=30)
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
    with pytest.raises(InputError, match="allowed are given, subject, order, random"):
        divide(faces(), Data(split="half"), 0)


def test_folds_are_disjoint_in_subjects_and_complete() -> None:
    data = faces()
    masks = folds(data, 3)
    assert np.array_equal(np.sum([test for _, test in masks], axis=0), np.ones(40))
    for rest, test in masks:
        assert np.array_equal(rest, ~test)
        assert not set(data.subject[test]) & set(data.subject[rest])
    by_set = folds(data, 0, by_set=True)
    assert [set(data.set[test]) for _, test in by_set] == [{"a"}, {"b"}]
    assert all(np.array_equal(rest, ~test) for rest, test in by_set)
    with pytest.raises(InputError, match="11 folds of 10 subjects"):
        folds(data, 11)


def test_who_is_in_two_sets_does_not_train_where_one_is_tested() -> None:
    data = replace(faces(), set=np.array(["eeg", "eeg", "mri", "mri"] * 5 + ["eeg"] * 20))
    with pytest.warns(UserWarning, match="5 subjects are in more than one set"):
        (rest_eeg, eeg), (rest_mri, mri) = folds(data, 0, by_set=True)
    assert np.array_equal(eeg, data.set == "eeg") and np.array_equal(mri, ~eeg)
    assert not rest_eeg.any()
    assert set(data.subject[rest_mri]) == {"s5", "s6", "s7", "s8", "s9"}
    unknown = replace(faces(), subject=np.array(["", "x"] * 20))
    with (
        pytest.warns(UserWarning, match="subject of 20 of 40 images is unknown"),
        pytest.warns(UserWarning, match="1 subjects are in more than one set"),
    ):
        folds(unknown, 0, by_set=True)
    with pytest.raises(InputError, match="The data are one set, 'a'"):
        folds(replace(faces(), set=np.full(40, "a")), 0, by_set=True)


@pytest.mark.parametrize(
    ("split", "name"),
    [("subject", "subjects not in training"), ("given", "PublicTest"), ("random", "the same people")],
)
def test_the_validation_part_is_named_by_what_was_used(split: str, name: str) -> None:
    assert name in name_validation(Data(split=split, validation="PublicTest"))


def test_by_order_the_last_images_of_each_subject_validate() -> None:
    data = replace(faces(2, 5), subject=np.array(["a", "b"] * 5))
    with pytest.warns(UserWarning, match="The last pictures of each subject validate"):
        parts = divide(data, Data(split="order", share=0.4), 0).split
    assert parts.tolist() == ["train"] * 6 + ["validation"] * 4
