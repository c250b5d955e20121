"""What holds of a review follows from the order of its entries."""

import pytest

from enicfer.records.review import (
    Following,
    ReviewEntry,
    TrialVerdict,
    hold_entries,
    judge_trials,
    points_of,
    standing,
)

RUN = "sub-01_task-faces"


def said(number, kind, **facts):
    facts = {"coder": "Anna", **facts}
    return ReviewEntry(id=f"e{number}", at="2026-01-01T00:00:00.000Z", run=RUN, kind=kind, **facts)


def trial(number, index, verdict, reason="", **facts):
    return said(
        number, "trial", trial=index, onset=10.0 * index, code="S 1", verdict=verdict, reason=reason, **facts
    )


def held(*entries):
    return [entry.id for entry in hold_entries(entries, Following("")).counting]


def test_the_last_entry_on_a_trial_holds():
    assert held(trial(1, 0, "rejected", "yawn"), trial(2, 1, "accepted"), trial(3, 0, "accepted")) == [
        "e2",
        "e3",
    ]


def test_an_open_verdict_takes_the_earlier_one_back():
    assert held(trial(1, 0, "rejected", "yawn"), trial(2, 0, "open")) == []


def test_undo_brings_back_what_was_there_before():
    entries = trial(1, 0, "accepted"), trial(2, 0, "rejected", "yawn"), said(3, "undo", entry="e2")
    assert held(*entries) == ["e1"]


@pytest.mark.parametrize(
    "later",
    [
        trial(2, 0, "accepted"),
        said(2, "participant", frame=3, x=1.0, y=2.0),
        said(2, "never", frame=3, x=1.0, y=2.0),
    ],
)
def test_a_sign_off_ends_with_the_next_verdict_or_correction(later):
    assert held(said(1, "signoff", name="Anna"), later) == ["e2"]


def test_what_was_said_of_another_face_takes_the_place_of_nothing():
    """Face A is in frame 3 at 50, 50; B was followed in between."""
    a, b = {"followed": "a", "seen": (0, 3, 50, 50)}, {"followed": "b", "seen": (0, 3, 200, 50)}
    entries = [
        trial(1, 0, "rejected", "yawn", **a),
        trial(2, 1, "accepted", **a),
        said(3, "signoff", name="Anna", **a),
        trial(4, 0, "accepted", **b),
        trial(5, 1, "open", **b),
        trial(6, 2, "accepted", **b),
    ]
    first, second = {(0, 3): (0, 0, 100, 100)}, {(0, 3): (150, 0, 250, 100)}
    # Whatever it is called by now: the face is in the same place.
    found = hold_entries(entries, Following("c", first))
    assert [entry.id for entry in found.counting] == ["e1", "e2", "e3"]
    assert [entry.id for entry in found.lapsed] == ["e6"] and found.reopened is None
    found = hold_entries(entries, Following("a", second))
    assert [entry.id for entry in found.counting] == ["e4", "e6"]
    assert [entry.id for entry in found.lapsed] == ["e3"]
    # Where no place can be compared, or other results are to come, by what the face was chosen.
    for following in (Following("b"), Following("b", first, pending=True)):
        assert [entry.id for entry in hold_entries(entries, following).counting] == ["e4", "e6"]
    found = hold_entries([*entries, trial(7, 2, "accepted", **a)], Following("a", first))
    assert found.reopened.id == "e3" and found.lapsed == ()


def test_a_sign_off_stays_when_somebody_marks_a_frame():
    assert held(said(1, "signoff", name="Anna"), said(2, "mark", frame=3, note="door")) == ["e1", "e2"]


def test_a_frame_has_one_participant_and_many_others():
    entries = [
        said(1, "participant", frame=3, x=1.0, y=2.0),
        said(2, "participant", frame=3, x=9.0, y=2.0),
        said(3, "participant", frame=1, x=5.0, y=2.0),
        said(4, "never", frame=3, x=1.0, y=2.0),
        said(5, "never", frame=3, x=4.0, y=2.0),
    ]
    assert points_of(standing(entries)) == ((1, 5.0, 2.0), (3, 9.0, 2.0))
    assert points_of(standing(entries), "never") == ((3, 1.0, 2.0), (3, 4.0, 2.0))


def test_one_coder_who_rejects_is_enough():
    entries = [
        trial(1, 1, "accepted"),
        trial(2, 1, "rejected", "yawn", coder="Ben"),
        trial(3, 1, "rejected", "hand before the mouth", coder="Cem"),
    ]
    found = judge_trials(entries, [(10.0, "S 1"), (10.0004, "S 1"), (10.0, "S 2"), (10.01, "S 1")])
    assert found == [TrialVerdict("rejected", "yawn; hand before the mouth", disputed=True)] * 2 + [
        None,
        None,
    ]
