"""How well coders of a study agree: with each other, with themselves, and with the classifier.

Conventions: see `enicfer.coding.ratings` for units and raters, `enicfer.records.agreement` for what is found. Units
that a rater could not code are counted, and left out of the numbers of agreement.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np

from enicfer.coding.adjudication import count_own_decisions
from enicfer.coding.correlation import intraclass_correlation_of, intraclass_parts
from enicfer.coding.kappa import (
    Codes,
    bennett_s,
    coincidences,
    count_pairs,
    count_votes,
    fleiss_kappa_of,
    fleiss_parts,
    kappa_error,
    krippendorff_alpha,
    one_against_rest,
    specific_agreement,
)
from enicfer.coding.plan import estimate_share
from enicfer.coding.rated import Rated, rate_study
from enicfer.coding.ratings import TIME, UNRATED, Dimension, RunRatings
from enicfer.coding.stretches import (
    TOLERANCES,
    UNIT,
    Stretch,
    count_events,
    event_kappa,
    link_events,
    tolerant_table,
)
from enicfer.coding.tracks import CodedStudy, read_coded_study
from enicfer.coding.words import describe_methods, find_warnings
from enicfer.errors import counted
from enicfer.records import FloatArray
from enicfer.records.agreement import (
    CLASSIFIER as OF_CLASSIFIER,
)
from enicfer.records.agreement import (
    CODERS,
    DECIDED,
    SELF,
    Accuracy,
    Agreement,
    CategoryAgreement,
    EventAgreement,
    GroupAgreement,
    PairAgreement,
    TrialAgreement,
)
from enicfer.records.coding import ADJUDICATED, AGAIN, CLASSIFIER, FRAME, TRIAL
from enicfer.records.intervals import jackknife_sums
from enicfer.records.kappa import cohen_kappa, percent_agreement
from enicfer.records.plan import RANDOM, CodingPlan


def measure_agreement(
    folders: Sequence[str | Path], *, book: str = "", plan: CodingPlan | None = None
) -> Agreement:
    """Measure how well the coders of a study agree.

    Parameters
    ----------
    folders
        Session folders, folders of them, or outputs.
    book
        Name of the codebook; "" where only one was used.
    plan
        By whose random part the classifier's accuracy over all valid frames is estimated.

    Returns
    -------
    Agreement
        Everything that the page shows.

    Raises
    ------
    InputError
        If there are no results or no codings, a file is damaged, or it is not clear which codebook is meant.
    """
    study = read_coded_study([Path(folder) for folder in folders], book)
    return measure_rated(study, *rate_study(study), plan)


def measure_rated(
    study: CodedStudy,
    rated_all: Sequence[Rated],
    unknown: Sequence[str],
    plan: CodingPlan | None = None,
) -> Agreement:
    """Measure the agreement of what `rate_study` gave for a study; see `measure_agreement`."""
    pairs: list[PairAgreement] = []
    groups: list[GroupAgreement] = []
    trials: list[TrialAgreement] = []
    notes = list(study.notes)
    if unknown:
        notes.append(
            f"The classifier does not know {', '.join(unknown)}: it is wrong wherever a coder saw one of them."
        )
    own, decided = count_own_decisions(study)
    if own:
        verb = "is" if own == 1 else "are"
        notes.append(
            f"{own} of {counted(decided, 'decision')} {verb} of a coder on a disagreement of their own."
        )
    for rated in rated_all:
        for kind, first, second in _pair_up(rated):
            pair = compare_raters(rated, kind, first, second)
            if pair is not None:
                pairs.append(pair)
        groups += _compare_all(rated)
        trials += _compare_trials(rated)
    accuracy = [one for rated in rated_all for one in estimate_accuracy(rated, plan)] if plan else []
    children = len({run.participant for run in study.runs})
    coders = tuple(coder for coder in study.coders if coder != ADJUDICATED)
    return Agreement(
        book=study.book,
        versions=study.versions,
        coders=coders,
        children=children,
        pairs=tuple(pairs),
        groups=tuple(groups),
        trials=tuple(trials),
        notes=tuple(notes),
        methods=describe_methods(
            study.book, study.versions, len(coders), children, pairs, groups, trials, accuracy
        ),
        accuracy=tuple(accuracy),
    )


def estimate_accuracy(rated: Rated, plan: CodingPlan) -> Iterator[Accuracy]:
    """How often the classifier says what each coder says, and what was decided, over all valid frames.

    Of frames alone, where the classifier knows the categories.
    """
    if rated.unit != FRAME or CLASSIFIER not in rated.raters:
        return
    items = {(item.run, item.frame): item for item in plan.items if item.drawn == RANDOM}
    children = {name: i for i, name in enumerate(sorted({item.participant for item in items.values()}))}
    decided = (ADJUDICATED,) if ADJUDICATED in rated.raters else ()
    for rater in (*rated.people, *decided):
        coded, rows = 0, []
        for _, name, run in rated.runs:
            codes = run.codes.get(rater, np.full(run.number.size, UNRATED))
            for code, said, frame in zip(codes, run.codes[CLASSIFIER], run.number.tolist(), strict=True):
                item = items.get((name, frame))
                if item is None or code == UNRATED:
                    continue
                coded += 1
                if code >= 0:
                    rows.append((float(code == said), item.probability, children[item.participant]))
        if rows:
            values, probability, child = np.array(rows).T
            found, general = estimate_share(values, probability, child)
            yield Accuracy(rater, len(items), coded, len(rows), found, general)


def _pair_up(rated: Rated) -> Iterator[tuple[str, str, str]]:
    people, raters = rated.people, rated.raters
    yield from ((CODERS, a, b) for a, b in combinations(people, 2))
    yield from ((SELF, one, one + AGAIN) for one in people if one + AGAIN in raters)
    if CLASSIFIER in raters:
        yield from ((OF_CLASSIFIER, one, CLASSIFIER) for one in people)
        if ADJUDICATED in raters:
            yield DECIDED, ADJUDICATED, CLASSIFIER


def compare_raters(rated: Rated, kind: str, first: str, second: str) -> PairAgreement | None:
    """Compare two raters; None where they rated no unit both."""
    k = len(rated.dimension.categories)
    tables: dict[str, FloatArray] = {}
    units, able = 0, np.zeros(2)
    for child, _, run in rated.runs:
        if first not in run.codes or second not in run.codes:
            continue
        a, b = run.codes[first], run.codes[second]
        both = (a != UNRATED) & (b != UNRATED)
        if both.any():
            units += int(both.sum())
            able += [(a[both] >= 0).sum(), (b[both] >= 0).sum()]
            tables[child] = tables.get(child, np.zeros((k, k))) + count_pairs(a, b, k)
    if not units:
        return None
    parts = np.stack([tables[child] for child in sorted(tables)])
    table = parts.sum(axis=0)
    linked = _link_all(rated, first, second) if rated.unit == TIME else []
    kappa = jackknife_sums(parts, cohen_kappa)
    pair = PairAgreement(
        kind=kind,
        unit=rated.unit,
        dimension=rated.dimension.name,
        first=first,
        second=second,
        children=len(tables),
        units=units,
        codable=(float(able[0] / units), float(able[1] / units)),
        percent=jackknife_sums(parts, percent_agreement),
        kappa=kappa,
        s=jackknife_sums(parts, bennett_s),
        kappa_error=kappa_error(table),
        categories=tuple(_describe_categories(rated.dimension, parts, linked)),
        table=tuple(tuple(row) for row in table.tolist()),
        tolerance=_find_tolerance(rated, first, second) if rated.unit == TIME else {},
        events=_count_linked(linked, k - 1) if rated.unit == TIME else None,
        warnings=(),
    )
    return replace(pair, warnings=find_warnings(pair))


_Linked = tuple[list[Stretch], list[Stretch], list[tuple[int, int]]]


def _link_all(rated: Rated, first: str, second: str) -> list[_Linked]:
    """Of each run, the events of both in the time that both rated, and the pairs among them."""
    found = []
    for _, _, run in rated.runs:
        if first in run.codes and second in run.codes:
            both = (run.codes[first] >= 0) & (run.codes[second] >= 0)
            one, other = (
                [event for event in run.events[rater] if _is_within(event, run, both)]
                for rater in (first, second)
            )
            found.append((one, other, link_events(one, other)))
    return found


def _is_within(event: Stretch, run: RunRatings, both: np.ndarray) -> bool:
    unit = int(((event[0] + event[1]) / 2 - run.video_time[0]) / UNIT + 0.5)
    return bool(both[min(max(unit, 0), both.size - 1)])


def _count_linked(linked: Sequence[_Linked], k: int) -> EventAgreement:
    table = np.zeros((k + 1, k + 1))
    for one, other, pairs in linked:
        table += count_events(one, other, pairs, k)
    return EventAgreement(
        kappa=event_kappa(table) if k > 1 else float("nan"),
        linked=int(table[:k, :k].sum()) // 2,
        same=int(np.trace(table[:k, :k])) // 2,
        first_alone=int(table[:k, k].sum()),
        second_alone=int(table[k, :k].sum()),
    )


def _find_tolerance(rated: Rated, first: str, second: str) -> dict[str, float]:
    """Tolerance in s, as text -> kappa."""
    k, found = len(rated.dimension.categories), {}
    for tolerance in TOLERANCES:
        table = np.zeros((k, k))
        for _, _, run in rated.runs:
            if first in run.codes and second in run.codes:
                within = round(tolerance / UNIT)
                table += tolerant_table(run.codes[first], run.codes[second], k, within)
        found[f"{tolerance:g}"] = float(cohen_kappa(table))
    return found


def _describe_categories(
    dimension: Dimension, parts: FloatArray, linked: Sequence[_Linked]
) -> Iterator[CategoryAgreement]:
    table = parts.sum(axis=0)
    total = max(float(table.sum()), 1.0)
    specific = specific_agreement(table)
    for i, name in enumerate(dimension.categories):
        if not table[i].sum() + table[:, i].sum():
            continue
        yield CategoryAgreement(
            name=name,
            prevalence=(float(table[i].sum() / total), float(table[:, i].sum() / total)),
            specific=float(specific[i]),
            kappa=jackknife_sums(one_against_rest(parts, i), cohen_kappa),
            onsets=_compare_onsets(linked, i),
        )


def _compare_onsets(linked: Sequence[_Linked], category: int) -> tuple[int, float, float, float]:
    later = [
        other[j][0] - one[i][0]
        for one, other, pairs in linked
        for i, j in pairs
        if one[i][2] == other[j][2] == category
    ]
    if not later:
        return 0, float("nan"), float("nan"), float("nan")
    low, middle, high = np.quantile(later, [0.25, 0.5, 0.75]).tolist()
    return len(later), middle, low, high


def _compare_all(rated: Rated) -> Iterator[GroupAgreement]:
    people, k = rated.people, len(rated.dimension.categories)
    if len(people) < 2:
        return
    pairs: dict[str, FloatArray] = {}
    parts: dict[str, FloatArray] = {}
    units = 0
    for child, _, run in rated.runs:
        codes: Codes = np.stack(
            [run.codes.get(one, np.full(run.number.size, UNRATED)) for one in people], axis=1
        )
        votes = count_votes(codes, k)
        units += int((votes.sum(axis=1) > 1).sum())
        pairs[child] = pairs.get(child, np.zeros((k, k))) + coincidences(votes)
        parts[child] = parts.get(child, np.zeros(k + 2)) + fleiss_parts(votes, len(people))
    if not units:
        return
    yield GroupAgreement(
        unit=rated.unit,
        dimension=rated.dimension.name,
        coders=people,
        units=units,
        fleiss=jackknife_sums(
            np.stack(list(parts.values())), lambda sums: fleiss_kappa_of(sums, len(people))
        ),
        alpha=jackknife_sums(np.stack(list(pairs.values())), krippendorff_alpha),
    )


def _compare_trials(rated: Rated) -> Iterator[TrialAgreement]:
    """Of the fractions of trials that are given to each category."""
    if rated.unit == TRIAL:
        return
    people, raters = rated.people, rated.raters
    teams = [people] if len(people) > 1 else []
    if CLASSIFIER in raters:
        against = [*people, *([ADJUDICATED] if ADJUDICATED in raters else [])]
        teams += [(one, CLASSIFIER) for one in against]
    for team in teams:
        shares = _share_trials(rated, team)
        for i, name in enumerate(rated.dimension.categories):
            if not sum(float(rows[:, :, i].sum()) for rows in shares.values()):
                continue
            parts = np.stack([intraclass_parts(rows[:, :, i]) for rows in shares.values()])
            yield TrialAgreement(
                unit=rated.unit,
                dimension=rated.dimension.name,
                category=name,
                raters=tuple(team),
                trials=int(parts[:, 0].sum()),
                single=jackknife_sums(parts, lambda sums: intraclass_correlation_of(sums)[0]),
                mean=jackknife_sums(parts, lambda sums: intraclass_correlation_of(sums)[1]),
            )


def _share_trials(rated: Rated, team: Sequence[str]) -> Mapping[str, FloatArray]:
    """Child -> ``(trials, raters, k)``: fraction of the coded units of each trial that are of each category."""
    k = len(rated.dimension.categories)
    found: dict[str, list[FloatArray]] = {}
    for child, _, run in rated.runs:
        if any(rater not in run.codes for rater in team):
            continue
        codes = np.stack([run.codes[rater] for rater in team], axis=1)
        known = (codes >= 0).all(axis=1) & (run.trial >= 0)
        for trial in np.unique(run.trial[known]):
            own = codes[known & (run.trial == trial)]
            shares = np.stack([count_votes(own[:, [j]], k).mean(axis=0) for j in range(len(team))])
            found.setdefault(child, []).append(shares)
    return {child: np.stack(rows) for child, rows in sorted(found.items())}
