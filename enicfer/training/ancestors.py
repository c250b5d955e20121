"""What a network knows before its own training: pictures that the model it begins from, or its teachers, learnt.

Conventions: two roles, "start" and "teachers"; pictures are digests (`enicfer.models.pictures`).  Pictures are
known again, people are not: a new picture of somebody whom such a model knows is not noticed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from enicfer.errors import ModelError
from enicfer.models.classifier import find_model
from enicfer.models.pictures import Digests, Pictures
from enicfer.models.weights import read_model
from enicfer.training.recipe import Recipe

ROLES = {"start": "the model that it begins from", "teachers": "its teachers"}


def trace_ancestors(recipe: Recipe) -> dict[str, Pictures]:
    """Read what the models that a recipe names learnt from, by role.

    A model that is no longer there is one of which it is not on record.
    """
    named = {"start": filter(None, [recipe.transfer.start]), "teachers": recipe.distillation.teachers}
    return {role: merge_pictures(*map(_read, names)) for role, names in named.items()}


def _read(name: str) -> Pictures:
    try:
        return read_model(find_model(name)).pictures
    except ModelError:
        return Pictures(unrecorded=(Path(name).stem,))


def merge_pictures(*several: Pictures) -> Pictures:
    """What all of them learnt from; what chose their temperatures taught no other model."""
    learnt = np.unique(np.concatenate([np.empty(0, np.int64), *(one.learnt for one in several)]))
    return Pictures(learnt, unrecorded=tuple(sorted({name for one in several for name in one.unrecorded})))


def find_seen(pictures: Digests, ancestors: Mapping[str, Pictures]) -> dict[str, np.ndarray]:
    """Mark, by role, the pictures (n,) that were in the training of the ancestors."""
    return {role: np.isin(pictures, ancestors[role].learnt) for role in ROLES}


def describe_seen(pictures: Digests, ancestors: Mapping[str, Pictures]) -> Iterator[str]:
    """Say how many of the pictures were in whose training."""
    for role, seen in find_seen(pictures, ancestors).items():
        if seen.any():
            yield f"{seen.sum()} of {len(seen)} in the training of {ROLES[role]}"


def name_unrecorded(ancestors: Mapping[str, Pictures]) -> str:
    """Names of the ancestors of which nobody noted what they learnt from."""
    return ", ".join(sorted({name for one in ancestors.values() for name in one.unrecorded}))
