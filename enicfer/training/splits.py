"""Which images train and which validate.

Conventions: a split is a boolean mask per image.  Subjects are never divided, except by "order" and "random",
which warn.  Images of unknown subject cannot be divided by subject: that is refused; between given
partitions and between data sets it is said.
"""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np

from enicfer.errors import InputError
from enicfer.training.datasets.images import FaceImages
from enicfer.training.recipe import Data

TRAIN, VALIDATION = "train", "validation"


def divide(data: FaceImages, plan: Data, seed: int) -> FaceImages:
    """Name each image's part: `split` becomes "train", "validation" or "".

    Parameters
    ----------
    data
    plan
        Of the recipe.
    seed

    Returns
    -------
    FaceImages

    Raises
    ------
    InputError
        An unknown kind of split, a subject in both parts, or unknown subjects.
    """
    if plan.split not in SPLITS:
        raise InputError(f"[data] split is {plan.split!r}", remedy=f"allowed are {', '.join(SPLITS)}")
    return replace(data, split=SPLITS[plan.split](data, plan, np.random.default_rng(seed)))


def _given(data: FaceImages, plan: Data, _: np.random.Generator) -> np.ndarray:
    names = sorted(set(data.split.tolist()))
    for name in (plan.train, plan.validation):
        if name not in names:
            raise InputError(
                f"The data have no partition {name!r}; they have {', '.join(map(repr, names))}.",
                remedy="name two of them in [data] train and validation, or use split = 'subject'",
            )
    learn, check = data.split == plan.train, data.split == plan.validation
    both = set(data.subject[learn].tolist()) & set(data.subject[check].tolist()) - {""}
    if both:
        raise InputError(
            f"{len(both)} subjects are both in {plan.train!r} and in {plan.validation!r} "
            f"({', '.join(sorted(both)[:5])})",
            remedy="use split = 'subject'",
        )
    return np.where(learn, TRAIN, np.where(check, VALIDATION, ""))


def _by_subject(data: FaceImages, plan: Data, generator: np.random.Generator) -> np.ndarray:
    unknown = int((data.subject == "").sum())
    if unknown:
        raise InputError(
            f"The subject of {unknown} of {len(data)} images is unknown, so the parts could share a person",
            remedy="give the subjects in a manifest.csv, or use split = 'given' or 'random'",
        )
    return _share(data, plan, generator, data.subject)


def _at_random(data: FaceImages, plan: Data, generator: np.random.Generator) -> np.ndarray:
    warnings.warn(
        "A random split puts the same person into training and validation; the accuracy will be "
        "too good. Use split = 'subject' for numbers to report.",
        stacklevel=2,
    )
    return _share(data, plan, generator, np.arange(len(data)))


def _by_order(data: FaceImages, plan: Data, _: np.random.Generator) -> np.ndarray:
    warnings.warn(
        "The last pictures of each subject validate a model that learns from the first ones; for other people "
        "the accuracy says nothing.",
        stacklevel=2,
    )
    used = (data.split == plan.train) if plan.train else np.ones(len(data), bool)
    result = np.where(used, TRAIN, "").astype("<U10")
    for subject in np.unique(data.subject[used]):
        own = np.flatnonzero(used & (data.subject == subject))
        count = round(plan.share * len(own))
        result[own[len(own) - count :]] = VALIDATION
    if not {TRAIN, VALIDATION} <= set(result.tolist()):
        raise InputError(
            f"A share of {plan.share} of {used.sum()} images leaves one part empty",
            remedy="choose another share",
        )
    return result


def _share(data: FaceImages, plan: Data, generator: np.random.Generator, group: np.ndarray) -> np.ndarray:
    used = (data.split == plan.train) if plan.train else np.ones(len(data), bool)
    groups = np.unique(group[used])
    count = round(plan.share * len(groups))
    if not 0 < count < len(groups):
        raise InputError(
            f"A share of {plan.share} of {len(groups)} subjects or images leaves one part empty",
            remedy="choose another share, or add subjects",
        )
    chosen = generator.permutation(groups)[:count]
    return np.where(~used, "", np.where(np.isin(group, chosen), VALIDATION, TRAIN))


SPLITS = {"given": _given, "subject": _by_subject, "order": _by_order, "random": _at_random}


def name_validation(plan: Data) -> str:
    """What the validation part is, in words."""
    named = {
        "subject": "subjects not in training",
        "order": "the last images of each subject, who is in training",
        "random": "random images: the same people are in training",
    }
    return named.get(plan.split, plan.validation)


def folds(
    data: FaceImages, count: int, seed: int = 0, by_set: bool = False
) -> list[tuple[np.ndarray, np.ndarray]]:
    """What each fold of a cross-validation trains and tests on.

    Parameters
    ----------
    data
    count
        Number of folds (ignored with `by_set`).
    seed
    by_set
        Leave one data set out at a time instead; its subjects do not train either, also where another set
        has them (which warns, as it does where subjects are unknown).

    Returns
    -------
    list of pairs of ndarray of bool, shape (n,)
        Training and test images of each fold, without a common known subject; the tests are disjoint, and
        together all images.

    Raises
    ------
    InputError
        Unknown subjects or an impossible number of folds; with `by_set`, a single data set.
    """
    if by_set:
        return _leave_sets_out(data)
    if (data.subject == "").any():
        raise InputError(
            "Cross-validation needs the subject of every image, and some are unknown",
            remedy="give the subjects in a manifest.csv",
        )
    subjects = np.random.default_rng(seed).permutation(np.unique(data.subject))
    if not 2 <= count <= len(subjects):
        raise InputError(
            f"{count} folds of {len(subjects)} subjects are not possible",
            remedy="give from 2 to as many folds as there are subjects",
        )
    tests = [np.isin(data.subject, part) for part in np.array_split(subjects, count)]
    return [(~test, test) for test in tests]


def _leave_sets_out(data: FaceImages) -> list[tuple[np.ndarray, np.ndarray]]:
    names = np.unique(data.set)
    if len(names) < 2:
        raise InputError(
            f"The data are one set, {str(names[0])!r}, so none can be left out",
            remedy="use folds of subjects",
        )
    known = data.subject != ""
    if not known.all():
        warnings.warn(
            f"The subject of {(~known).sum()} of {len(data)} images is unknown: a set that is left out may show "
            "people who are in training.",
            stacklevel=3,
        )
    tests = [data.set == name for name in names]
    shared = [known & ~test & np.isin(data.subject, data.subject[test]) for test in tests]
    people = np.unique(data.subject[np.any(shared, axis=0)])
    if len(people):
        warnings.warn(
            f"{len(people)} subjects are in more than one set ({', '.join(people[:5])}): where one of their sets is "
            "tested, their images in the others do not train.",
            stacklevel=3,
        )
    return [(~test & ~common, test) for test, common in zip(tests, shared, strict=True)]
