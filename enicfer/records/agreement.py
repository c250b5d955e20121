"""How well coders agree with each other, with themselves and with the classifier; made by `enicfer.coding.agreement`.

Times are in s. A number that is not defined is NaN. Intervals are of 95 %, over children but for that of
`Accuracy.accuracy` (`enicfer.records.intervals`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

CODERS, SELF, CLASSIFIER, DECIDED = "coders", "self", "classifier", "decided"


@dataclass(frozen=True)
class Estimate:
    """A number with its interval; the ends are NaN with too few children, or where nothing says how they differ."""

    value: float
    low: float = float("nan")
    high: float = float("nan")


@dataclass(frozen=True)
class CategoryAgreement:
    """One category of a pair.

    Attributes
    ----------
    name
        Of the category.
    prevalence
        Fraction of the units in which the first and the second say it.
    specific
        How often the other says it where one of them does.
    kappa
        Of this category against all others.
    onsets
        How many linked events both have of it, and the median and quartiles of the second's onset minus the first's,
        in s; 0 and NaN where there are none.
    """

    name: str
    prevalence: tuple[float, float]
    specific: float
    kappa: Estimate
    onsets: tuple[int, float, float, float] = (0, float("nan"), float("nan"), float("nan"))


@dataclass(frozen=True)
class EventAgreement:
    """Linked events of a pair.

    Attributes
    ----------
    kappa
        Of linked events (Holle and Rein 2015).
    linked, same
        Pairs, and those of one category.
    first_alone, second_alone
        Events without a partner.
    """

    kappa: float
    linked: int
    same: int
    first_alone: int
    second_alone: int


@dataclass(frozen=True)
class PairAgreement:
    """Two raters on the units that both rated.

    Attributes
    ----------
    kind
        `CODERS`, `SELF`, `CLASSIFIER` (a coder against the classifier) or `DECIDED` (what was decided against it).
    unit
        ``frame``, ``trial`` or ``time`` (units of 0.1 s).
    dimension
        Which categories of the codebook that exclude each other; "" for all.
    first, second
        Their names.
    children, units
        How many both rated.
    codable
        Fraction of these units that the first and the second could code.
    percent, kappa, s
        Of the units that both could code: fraction on which they say the same, Cohen's kappa, Bennett's S.
    kappa_error
        Standard error of kappa if units were independent, which frames of a child are not.
    categories
        One by one.
    table
        Units by the first's (rows) and the second's category.
    tolerance
        Kappa by the tolerance in s, for units of time.
    events
        For units of time.
    warnings
        Where numbers mislead, one sentence each.
    """

    kind: str
    unit: str
    dimension: str
    first: str
    second: str
    children: int
    units: int
    codable: tuple[float, float]
    percent: Estimate
    kappa: Estimate
    s: Estimate
    kappa_error: float
    categories: tuple[CategoryAgreement, ...]
    table: tuple[tuple[float, ...], ...]
    tolerance: Mapping[str, float] = field(default_factory=dict)
    events: EventAgreement | None = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class GroupAgreement:
    """All coders together.

    Attributes
    ----------
    unit, dimension
        As in `PairAgreement`.
    coders
        Their names.
    units
        That two or more of them coded.
    fleiss
        Fleiss' kappa of the units that all of them coded.
    alpha
        Krippendorff's alpha of the units that two or more coded.
    """

    unit: str
    dimension: str
    coders: tuple[str, ...]
    units: int
    fleiss: Estimate
    alpha: Estimate


@dataclass(frozen=True)
class TrialAgreement:
    """How much of each trial raters give to a category: its fraction of the coded units of the trial.

    Attributes
    ----------
    unit, dimension
        As in `PairAgreement`.
    category
        Of which the fraction is.
    raters
        Their names.
    trials
        In which all of them coded something.
    single, mean
        ICC(2,1) of one rater and ICC(2,k) of the mean of all.
    """

    unit: str
    dimension: str
    category: str
    raters: tuple[str, ...]
    trials: int
    single: Estimate
    mean: Estimate


@dataclass(frozen=True)
class Accuracy:
    """How often the classifier is right over all valid frames, as the random part of a plan tells.

    Attributes
    ----------
    rater
        Whose codes are taken to be right.
    drawn, coded, codable
        Frames of the random part, those that the rater coded, and those with a category.
    accuracy
        Each frame weighted by how many it stands for; frames that cannot be coded are left out. The interval is for
        all frames of these children.
    in_general
        The same, with its interval for children in general.
    """

    rater: str
    drawn: int
    coded: int
    codable: int
    accuracy: Estimate
    in_general: Estimate


@dataclass(frozen=True)
class Agreement:
    """The agreement of a study with one codebook.

    Attributes
    ----------
    book, versions
        Name of the codebook, and the versions that codes name.
    coders
        Who coded.
    children
        Of whom something was coded.
    pairs, groups, trials
        See their classes.
    notes
        What to know of the files, one sentence each.
    methods
        A paragraph for a paper.
    accuracy
        Of the classifier, where a plan was given.
    """

    book: str
    versions: tuple[str, ...]
    coders: tuple[str, ...]
    children: int
    pairs: tuple[PairAgreement, ...]
    groups: tuple[GroupAgreement, ...]
    trials: tuple[TrialAgreement, ...]
    notes: tuple[str, ...]
    methods: str
    accuracy: tuple[Accuracy, ...] = ()
