"""What can be compared in two groups of maps: whose maps are pairs, and which expressions can be tested."""

from dataclasses import replace

import numpy as np

from enicfer.errors import InputError, option
from enicfer.saliency.face_maps import FaceMaps
from enicfer.saliency.groups.permutation import FEWEST_TESTED, smallest_p
from enicfer.saliency.groups.statistics import ALPHA, PERMUTATIONS, check_permutations


def match_subjects(
    a: FaceMaps, b: FaceMaps, names: tuple[str, str], paired: bool | None = None
) -> tuple[FaceMaps, FaceMaps, tuple[str, ...]]:
    """Groups whose subjects have equal names if, and only if, they are the same.

    Parameters
    ----------
    a, b, names
        As in `compare_face_maps`.
    paired
        True: equal names are the same subjects, and those in one group only are left out. False: they are
        different subjects. None: no name may be in both groups, unless both have the very same pictures.

    Returns
    -------
    a, b
        Paired: the subjects in both; else with the group in the subjects' names.
    left_out
        A sentence, if somebody was left out.

    Raises
    ------
    InputError
        If it is not known whether they are paired, or they have no subject in common and are to be.
    """
    both = np.intersect1d(a.subject, b.subject)
    if paired is None and both.size:
        if not have_same_pictures(a, b):
            raise InputError(
                f"{len(both)} subjects of {names[0]} and {names[1]} have the same names",
                remedy=(
                    f"give {option('paired=True', '--paired')} if they are the same people, "
                    f"or {option('paired=False', '--independent')} if they are not"
                ),
            )
        paired = True
    if not paired:
        a, b = (
            replace(group, subject=np.char.add(prefix, group.subject))
            for prefix, group in (("A ", a), ("B ", b))
        )
        return a, b, ()
    if not both.size:
        raise InputError(
            f"No subject of {names[0]} is in {names[1]}, and pairs need the same names",
            remedy=f"make the maps with {option('subjects', '--subjects')}",
        )
    alone = [len(set(group.subject) - set(both)) for group in (a, b)]
    said = f"{alone[0]} subjects of {names[0]} and {alone[1]} of {names[1]} have no partner and are left out."
    a, b = (group.select(np.isin(group.subject, both)) for group in (a, b))
    return a, b, (said,) if any(alone) else ()


def have_same_pictures(a: FaceMaps, b: FaceMaps) -> bool | None:
    """Whether both groups have the same subjects' same pictures; None where a group does not know its pictures."""
    pictures = []
    for group in (a, b):
        if group.digest is None or "" in group.digest:
            return None
        pictures.append(set(zip(group.subject, group.digest, strict=True)))
    return pictures[0] == pictures[1]


def choose_expressions(
    a: FaceMaps, b: FaceMaps, names: tuple[str, str], paired: bool, permutations: int = PERMUTATIONS
) -> tuple[list[str], list[str]]:
    """Labels that can be tested, and a sentence for each other label.

    A label is tested where `FEWEST_TESTED` subjects of each group have it (paired: have it in both), and where
    they could give a p of 0.05 after correction for the number of labels. Both are known before any map is seen.

    Raises
    ------
    InputError
        If there is no such label, or there are too few permutations for any to reach a p of 0.05.
    """
    counts: dict[str, tuple[int, int]] = {}
    left_out = []
    for expression in dict.fromkeys([*a.expressions, *b.expressions]):
        have = [set(group.subject[group.expression == expression]) for group in (a, b)]
        both = len(have[0] & have[1])
        n = (both, both) if paired else (len(have[0]), len(have[1]))
        if min(n) >= FEWEST_TESTED:
            counts[expression] = n
            continue
        who = (
            f"{both} subjects have it in both"
            if paired
            else f"{n[0]} subjects of {names[0]} and {n[1]} of {names[1]} have it"
        )
        left_out.append(
            f"{expression} is not tested: {who}, too few to find any difference ({FEWEST_TESTED} are needed)."
        )
    if not counts:
        raise InputError(
            f"No expression is in {FEWEST_TESTED} subjects of both {names[0]} and {names[1]}, "
            "which are needed to find any difference",
            remedy="give more images",
        )
    check_permutations(permutations, len(counts))
    while True:
        least = {e: len(counts) * smallest_p(*n, paired, permutations) for e, n in counts.items()}
        worst = max(least, key=least.__getitem__)
        if least[worst] <= ALPHA:
            return list(counts), left_out
        left_out.append(
            f"{worst} is not tested: {counts.pop(worst)[0]} subjects are too few to find any difference among "
            f"{len(least)} expressions (the smallest possible p is {least[worst]:.3f})."
        )
