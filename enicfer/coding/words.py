"""What is said of numbers of agreement: where they mislead, and the paragraph of methods."""

from collections.abc import Sequence

from enicfer import __version__
from enicfer.errors import counted
from enicfer.records.agreement import (
    CLASSIFIER,
    CODERS,
    DECIDED,
    SELF,
    Accuracy,
    GroupAgreement,
    PairAgreement,
    TrialAgreement,
)

FEWEST_CHILDREN, FEWEST_UNITS, FEWEST_OF_CATEGORY = 5, 50, 10
MOST_OF_ONE = 0.8  # of the codes in one category: from there on chance alone agrees on most
_NAMES = {
    CODERS: "coders with each other",
    SELF: "coders with themselves",
    CLASSIFIER: "coders with the classifier",
    DECIDED: "the adjudicated codes with the classifier",
}
_UNITS = {"frame": "single frames", "trial": "trials", "time": "units of 0.1 s"}


def find_warnings(pair: PairAgreement) -> tuple[str, ...]:
    """Where the numbers of a pair mislead."""
    found = []
    total = sum(map(sum, pair.table))
    top = max(pair.categories, key=lambda one: sum(one.prevalence), default=None)
    if top is not None and sum(top.prevalence) / 2 > MOST_OF_ONE:
        text = f"{sum(top.prevalence) / 2:.0%} of the codes are {top.name}"
        if pair.kappa.value != pair.kappa.value:
            found.append(f"{text}: kappa is not defined, as chance would agree as well.")
        else:
            found.append(
                f"{text}: kappa is low even where two agree, as chance would agree on most. Report the specific "
                f"agreement of each category as well, and S ({pair.s.value:.2f})."
            )
    if 0 < total < FEWEST_UNITS:
        found.append(
            f"There {'is' if total == 1 else 'are'} {counted(round(total), 'unit')} only: a few more can change "
            "every number."
        )
    if pair.children < FEWEST_CHILDREN:
        few = counted(pair.children, "child", "children")
        found.append(f"The units are of {few}: intervals are of no use below {FEWEST_CHILDREN}.")
    rare = [one.name for one in pair.categories if 0 < sum(one.prevalence) * total / 2 < FEWEST_OF_CATEGORY]
    if rare and total >= FEWEST_UNITS:
        found.append(f"Of {', '.join(rare)} there are fewer than {FEWEST_OF_CATEGORY} codes.")
    low = min(pair.codable)
    if low < 0.5:
        found.append(f"{pair.first if low == pair.codable[0] else pair.second} could code {low:.0%} only.")
    return tuple(found)


def describe_methods(
    book: str,
    versions: Sequence[str],
    coders: int,
    children: int,
    pairs: Sequence[PairAgreement],
    groups: Sequence[GroupAgreement],
    trials: Sequence[TrialAgreement],
    accuracy: Sequence[Accuracy] = (),
) -> str:
    """A paragraph of methods, of what was done."""
    units = [_UNITS[unit] for unit in dict.fromkeys(pair.unit for pair in pairs)]
    kinds = [_NAMES[kind] for kind in dict.fromkeys(pair.kind for pair in pairs)]
    parts = [
        f"{counted(coders, 'coder')} coded the faces of {counted(children, 'child', 'children')} with the codebook "
        f"{book} (version {' and '.join(versions)}).",
    ]
    if pairs:
        parts.append(
            f"Agreement of {_list(kinds)} was measured on {_list(units)} as the fraction of equal codes, Cohen's "
            "kappa (Cohen, 1960) and Bennett's S (Bennett et al., 1954), and for each category as specific agreement "
            "and kappa against all others; units that a rater could not code were counted and left out."
        )
    if groups:
        parts.append(
            "Agreement of all coders was measured as Fleiss' kappa (Fleiss, 1971) and Krippendorff's alpha for "
            "nominal data (Krippendorff, 2011)."
        )
    if any(pair.unit == "time" for pair in pairs):
        parts.append(
            "Continuous codes were compared in units of 0.1 s, exactly and with tolerances of up to 2 s (Bakeman et "
            "al., 2009), and by events that overlap by 60 % of the longer one or more, with a kappa that takes "
            "events without a partner into account (Holle and Rein, 2015)."
        )
    if trials:
        parts.append(
            "The fractions of trials given to each category were compared by the intraclass correlations ICC(2,1) "
            "and ICC(2,k) for absolute agreement (Shrout and Fleiss, 1979)."
        )
    if accuracy:
        parts.append(
            f"The accuracy of the classifier over all valid frames was estimated from "
            f"{counted(accuracy[0].drawn, 'frame')} drawn at random, weighted by the inverse of the probability, "
            "with Wilson's interval (Wilson, 1927) by the variance within children."
        )
    parts.append(
        "95 % intervals are of the jackknife over children, by Student's t on Fisher's z. Numbers were computed with "
        f"enicfer {__version__}."
    )
    return " ".join(parts)


def _list(words: Sequence[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
