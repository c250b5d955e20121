import numpy as np
import pytest

from enicfer.errors import InputError
from enicfer.faces.appearance import SIGNATURE
from enicfer.faces.detectors import load_detector
from enicfer.faces.observe import FaceObserver
from enicfer.faces.participant import MIN_ROWS, Hints, Summary, choose_participant, identify
from enicfer.faces.rows import ROW, Signatures
from enicfer.records import Status


@pytest.fixture(scope="module")
def observer(two_people):
    watching = FaceObserver(load_detector())
    for frame in two_people[0]:
        watching.observe(frame)
    return watching


def middle(box):
    return (box[:2] + box[2:]) / 2


def test_who_is_there_most_is_the_participant_and_nobody_else_is(observer, two_people):
    track, _ = observer.finish()
    here = np.array([t[0] is not None for t in two_people[1]])
    for box, (mine, _), status in zip(track.box, two_people[1], track.status, strict=True):
        if status == Status.OK:
            assert np.linalg.norm(middle(box) - mine) < 30
    assert (track.status[here] == Status.OK).mean() > 0.9
    assert (track.status[~here] != Status.OK).all()
    alone = np.array([t[0] is None and t[1] is not None for t in two_people[1]])
    assert (track.status[alone] == Status.OTHER_PERSON).mean() > 0.5
    assert (track.n_faces[40:58] == 2).all()


def test_a_hint_chooses_the_other(observer, two_people):
    x, y = two_people[1][45][1]
    track, _ = observer.finish(Hints(faces=((45, x, y),)))
    ok = np.flatnonzero(track.status == Status.OK)
    assert set(ok) <= set(range(30, 60)) | set(range(75, 85)) and len(ok) > 25
    assert track.status[10] == Status.OTHER_PERSON


def test_a_region_chooses_the_other(observer):
    track, _ = observer.finish(Hints(region=(0.6, 0.0, 1.0, 1.0)))
    assert track.status[45] == Status.OK and track.status[10] == Status.OTHER_PERSON


def test_a_region_without_a_face_gives_nobody(observer):
    track, row = observer.finish(Hints(region=(0.0, 0.8, 0.1, 1.0)))
    assert (row == -1).all() and not (track.status == Status.OK).any()
    assert "region" in " ".join(track.notes)


def test_hints_that_miss_or_disagree_are_refused(observer, two_people):
    with pytest.raises(InputError, match=r"^45:3,3 points at no face .* faces around"):
        observer.finish(Hints(faces=((45, 3.0, 3.0),)))
    both = tuple((45, *point) for point in two_people[1][45])
    with pytest.raises(InputError, match="two people who are both in one frame"):
        observer.finish(Hints(faces=both))


def test_another_man_in_the_same_chair_is_not_the_participant(three_men):
    observer, who = three_men
    x, y = middle(observer._rows.join()["box"][5])
    for hints in (None, Hints(faces=((5, x, y),))):
        track, _ = observer.finish(hints)
        assert (track.status[who == "A"] == Status.OK).all()
        assert set(track.status[who != "A"]) <= {Status.AMBIGUOUS_PERSON, Status.OTHER_PERSON}


def test_who_looks_otherwise_later_can_be_pointed_at_again(three_men):
    """As the participant does in another light: two people for the program, but one who points says it is one."""
    observer, who = three_men
    points = tuple((i, *middle(observer._rows.join()["box"][i])) for i in (5, 20))
    track, _ = observer.finish(Hints(faces=points))
    assert (track.status[(who == "A") | (who == "C")] == Status.OK).mean() > 0.95
    assert not (track.status[who == "B"] == Status.OK).any()


def test_equals_are_ambiguous(two_people):
    watching = FaceObserver(load_detector())
    for frame in two_people[0][30:58]:
        watching.observe(frame)
    track, row = watching.finish()
    assert (row == -1).all()
    assert (track.status == Status.AMBIGUOUS_PERSON).all()
    assert "--face" in " ".join(track.notes)


def test_nothing_observed():
    track, row = FaceObserver(load_detector()).finish()
    assert len(row) == 0 and len(track.status) == 0


def one_after_the_other(*counts):
    """Rows and signatures of people who are seen one after the other in the same place, for so many frames."""
    looks = np.random.default_rng(0).integers(40, 220, (2, SIGNATURE)).astype(np.uint8)
    rows = np.zeros(sum(counts), ROW)
    rows["frame"] = np.arange(len(rows))
    rows["tracklet"] = np.repeat([0, 1], counts)
    rows["box"] = [280, 200, 360, 280]
    rows["score"] = 0.8
    signatures = Signatures()
    for number in rows["tracklet"]:
        signatures.append(looks[number])
    return rows, signatures


def test_what_is_hardly_a_face_does_not_compete():
    """A pattern on the wall that the detector takes for a face with a low score is no rival."""
    rows, signatures = one_after_the_other(100, 100)
    rows["score"][100:] = 0.43
    for min_score, sure in ((0.5, True), (0.4, False)):
        choice = choose_participant(rows, signatures, len(rows), (640, 480), min_score=min_score)
        assert (choice.row[:100] >= 0).all() == sure
        assert (choice.row[100:] == -1).all()
    # Where nothing is surer, the surest counts.
    rows["score"] = np.repeat([0.45, 0.43], 100)
    assert (choose_participant(rows, signatures, len(rows), (640, 480), min_score=0.5).row[:100] >= 0).all()


@pytest.mark.parametrize(("longer", "sure"), [(1.0, False), (1.3, False), (1.45, False), (1.7, True)])
def test_who_is_there_hardly_longer_is_not_guessed(longer, sure):
    """Two people in the same place, one after the other: who is who is a guess unless one is there much longer."""
    rows, signatures = one_after_the_other(round(100 * longer), 100)
    choice = choose_participant(rows, signatures, len(rows), (640, 480))
    if sure:
        assert (choice.row[:-100] >= 0).all() and (choice.row[-100:] == -1).all()
        assert (choice.reason[-100:] == Status.OTHER_PERSON).all()
    else:
        assert (choice.row == -1).all() and (choice.reason == Status.AMBIGUOUS_PERSON).all()
        assert "say who is" in " ".join(choice.notes)


def test_a_picture_that_changes_its_size_does_not_change_who_it_is():
    """The child sits on the right; the last tenth of the recording is half as large."""
    rng = np.random.default_rng(0)
    looks = rng.integers(40, 220, (2, SIGNATURE)).astype(np.uint8)
    size = np.repeat([[1280, 720], [640, 360]], [90, 10], axis=0)
    rows, signatures = np.zeros(200, ROW), Signatures()
    rows["frame"] = np.repeat(np.arange(100), 2)
    rows["tracklet"] = np.tile([0, 1], 100) + 2 * (rows["frame"] >= 90)
    rows["score"] = 0.8
    for row in rows:
        x = (0.75, 0.27)[row["tracklet"] % 2]
        row["box"] = np.array([x - 0.05, 0.4, x + 0.05, 0.6]) * np.tile(size[row["frame"]], 2)
        signatures.append(looks[row["tracklet"] % 2])
    for region, chosen in (((0.5, 0.0, 1.0, 1.0), 0), ((0.0, 0.0, 0.5, 1.0), 1)):
        choice = choose_participant(rows, signatures, 100, size, Hints(region=region))
        assert (rows["tracklet"][choice.row] % 2 == chosen).all()
        assert choice.confidence == 1.0


def test_a_glimpse_of_a_better_face_takes_nobody_away():
    rows, signatures = one_after_the_other(100, 5)
    rows["score"] = np.repeat([0.45, 0.9], [100, 5])
    choice = choose_participant(rows, signatures, 105, (640, 480), min_score=0.5)
    assert (choice.row[:100] >= 0).all() and not choice.notes


@pytest.mark.parametrize(
    ("looks", "seen", "together", "status"),
    [
        (0.95, 1, False, Status.AMBIGUOUS_PERSON),  # cut or covered, and like nobody else
        (2.1, 1, False, Status.OTHER_PERSON),  # like the other one
        (0.95, 1, True, Status.OTHER_PERSON),  # while the participant is in the picture
        (0.95, 40, False, Status.OTHER_PERSON),  # long enough to be somebody
        (0.05, 1, False, Status.OK),
    ],
)
def test_a_face_seen_too_briefly_is_nobody_else_unless_it_is_like_one(
    monkeypatch, looks, seen, together, status
):
    """People whose looks are numbers: the participant's 0, another one's 2."""
    monkeypatch.setattr(
        "enicfer.faces.participant.appearance_distance",
        lambda a, b: np.abs(np.asarray(a).reshape(-1, 1) - np.asarray(b).reshape(1, -1)),
    )
    n = np.array([100, 60, seen])
    values = np.zeros((3, 2))
    people = Summary(
        n, np.zeros(3, np.int32), n.astype(np.int32), values, values[:, 0], np.array([[0], [2], [looks]])
    )
    beside = np.zeros((3, 3), bool)
    beside[0, 2] = beside[2, 0] = together
    person = np.array([0, 1, -1 if seen < MIN_ROWS else 2])
    assert identify(people, beside, person, 0).tolist() == [Status.OK, Status.OTHER_PERSON, status]
