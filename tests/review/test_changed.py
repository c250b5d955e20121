"""Another participant is pointed at: what was said of the face that was followed before does not count."""

from dataclasses import replace

import numpy as np
import pytest

from enicfer.export.bids import write_run
from enicfer.io.results import read_run
from enicfer.pipeline.review import _tell_lapsed, apply_review, read_reviews
from enicfer.records.review import Held, ReviewEntry
from enicfer.report.page import headline, methods_of, review_text
from enicfer.review.study import Study

SESSION = "sub-01_ses-01"


def followed(run):
    """A point in the face that the results follow: somewhere in the middle."""
    left, top, right, bottom = run.faces.box[50].tolist()
    return {"frame": 50, "x": (left + right) / 2, "y": (top + bottom) / 2}


OTHER = {"frame": 50, "x": 5.0, "y": 5.0}  # where another face could be


def judge(client, trial, verdict="accepted", **more):
    entry = {"kind": "trial", "trial": trial, "verdict": verdict, **more}
    answer = client.post(f"{client.run()}/review", entry)
    assert answer.status_code == 201, answer.text
    return answer.json()


def process_again(out, points=(), moved=0.0, region=None):
    """As `enicfer process-session` does once it has chosen a face, which is ``moved`` (px) from the one before."""
    run = read_run(out)
    origin = replace(run.provenance, faces_given=points, participant_region=region, review=None)
    trials = run.trials.drop(columns=["fer_reviewed", "fer_review_reason"], errors="ignore")
    run = replace(
        run,
        faces=replace(run.faces, box=run.faces.box + np.float32(moved)),
        provenance=origin,
        quality=replace(run.quality, review=None),
        trials=trials,
        warnings=(),
    )
    run = apply_review(run, read_reviews(out, SESSION))
    write_run(out, run)
    return run


def place_of(point):
    return ((point["frame"], point["x"], point["y"]),)


def test_verdicts_and_sign_offs_lapse_with_the_face_until_they_are_given_again(plain, serve):
    out = plain / "out"
    with serve(plain) as anna, serve(plain, coder="Ben") as ben:
        place = f"{anna.run()}/review"
        judge(anna, 0)
        judge(anna, 1, "rejected", reason="wrong person followed")
        judge(ben, 2)
        assert ben.post(place, {"kind": "signoff", "name": "Ben B."}).status_code == 201
        said = anna.get(place).json()
        assert said["others"][0]["signed"]["name"] == "Ben B." and said["pending"] == ""
        assert said["at_stake"]["n_verdicts"] == 3
        assert "3 verdicts and the sign-off will no longer count" in said["at_stake"]["text"]
        (row,) = anna.runs()
        assert (row["n_accepted"], row["n_rejected"], row["n_lapsed"]) == (2, 1, 0)

        assert anna.post(place, {"kind": "participant", **OTHER}).status_code == 201
        (row,) = anna.runs()
        assert (row["n_accepted"], row["n_rejected"], row["n_lapsed"]) == (0, 0, 4)
        assert "before the participant was changed" in row["why"][0] and row["attention"] > 1
        assert not any(review["signed"] for review in row["reviews"])
        said = ben.get(place).json()
        assert said["signed"] is None and said["signed_before"]["name"] == "Ben B."
        assert [entry.get("lapsed", False) for entry in said["entries"]] == [True, True]
        assert said["at_stake"]["text"] == "" and said["command"] in said["pending"]
        trial = anna.get(f"{anna.run()}/trials").json()["trials"][1]
        assert trial["reviews"][0]["lapsed"] is True
        # The page still shows the face from before.
        for entry in ({"kind": "trial", "trial": 3, "verdict": "accepted"}, {"kind": "signoff", "name": "A"}):
            answer = ben.post(place, entry)
            assert answer.status_code == 400 and answer.json()["error"] == said["pending"]

        gone = anna.post(place, {"kind": "undo"}).json()["review"]
        assert not any(entry.get("lapsed") for entry in gone["entries"]) and len(gone["entries"]) == 2
        assert anna.runs()[0]["n_lapsed"] == 0

        anna.post(place, {"kind": "participant", **OTHER})
        run = process_again(out, place_of(OTHER), moved=200)
        assert "fer_reviewed" not in run.trials and run.quality.review is None
        assert "3 verdicts and 1 sign-off do not count" in run.warnings[-1]
        (one,) = _tell_lapsed({"A": Held(lapsed=(ReviewEntry("a", "b", "A", "r", "signoff"),))})
        assert one.endswith("changed: 1 sign-off does not count. Sign again in enicfer review.")
        assert run.provenance.review.n_points == 1
        assert anna.runs()[0]["n_lapsed"] == 4 and not anna.runs()[0]["stale"]

        judge(anna, 1, "rejected", reason="yawn")
        assert anna.runs()[0]["n_rejected"] == 1 and anna.runs()[0]["stale"]
        run = process_again(out, place_of(OTHER))
        assert run.trials["fer_reviewed"].notna().sum() == 1
        assert run.trials["fer_review_reason"].iloc[1] == "yawn"
        tiles = {tile["name"] for tile in headline(run)}
        assert "trials reviewed by Anna, 1 rejected" in tiles
        ((_, text),) = methods_of([run])
        assert "A person pointed at the participant's face in 1 frame." in text
        assert "reviewed in the video by one person: 1 of 8 were judged, of which 1 was rejected." in text

        # The point is taken back, and the face from before is followed again, with what was said of it.
        anna.post(place, {"kind": "undo"})
        anna.post(place, {"kind": "undo"})
        assert anna.get(place).json()["pending"] != ""
        run = process_again(out, moved=-200)
        assert run.trials["fer_reviewed"].iloc[:3].tolist() == ["accepted", "rejected", "accepted"]
        assert run.trials["fer_review_reason"].iloc[1] == "wrong person followed"
        assert run.quality.review.signed == ("Ben B.",)


def test_a_verdict_on_another_face_takes_the_place_of_none(plain, serve):
    """Somebody else was followed for a while, by a region in session.toml, say, and was judged meanwhile."""
    out = plain / "out"
    with serve(plain) as client:
        place = f"{client.run()}/review"
        judge(client, 0, "rejected", reason="yawn")
        judge(client, 1)
        client.post(place, {"kind": "signoff", "name": "Anna K."})
        process_again(out, region=(0.5, 0.0, 1.0, 1.0), moved=200)
        assert client.runs()[0]["n_lapsed"] == 3
        judge(client, 0)
        judge(client, 1, "open")
        client.post(place, {"kind": "signoff", "name": "Anna L."})
        assert client.get(place).json()["signed"]["name"] == "Anna L."
        assert client.runs()[0]["n_lapsed"] == 0
        run = process_again(out, moved=-200)
        assert run.trials["fer_reviewed"].iloc[:2].tolist() == ["rejected", "accepted"]
        assert run.quality.review.signed == ("Anna K.",)
        (row,) = client.runs()
        assert (row["n_accepted"], row["n_rejected"], row["n_lapsed"], row["stale"]) == (1, 1, 0, False)
        said = client.get(place).json()
        assert said["signed"]["name"] == "Anna K." and said["signed_before"] is None
        trial = client.get(f"{client.run()}/trials").json()["trials"][0]
        assert [review["reason"] for review in trial["reviews"]] == ["yawn"]
        queue = client.get(f"{client.run()}/queue").json()["queue"]
        assert {entry["trial"] for entry in queue[-2:]} == {0, 1}, "judged trials come last"


def test_a_choice_counts_by_the_face_that_it_gives(plain, serve):
    """Points in session.toml, say, of which the review knows nothing: at another face, and at the same one."""
    out = plain / "out"
    with serve(plain) as client:
        judge(client, 0)
        process_again(out, ((7, 1.0, 2.0),))
        assert client.runs()[0]["n_lapsed"] == 0, "the same face is followed"
        process_again(out, ((7, 1.0, 2.0),), moved=200)
        assert client.runs()[0]["n_lapsed"] == 1
        judge(client, 0)
        assert client.runs()[0]["n_lapsed"] == 0
        assert process_again(out, ((7, 1.0, 2.0),)).trials["fer_reviewed"].iloc[0] == "accepted"


def test_a_point_at_the_followed_face_changes_nothing(plain, serve):
    out = plain / "out"
    point = followed(read_run(out))
    with serve(plain) as client:
        place = f"{client.run()}/review"
        judge(client, 0)
        client.post(place, {"kind": "signoff", "name": "Anna K."})
        answer = client.post(place, {"kind": "participant", **point}).json()
        assert answer["told"] == ["This face is followed already: what was said still counts."]
        assert answer["review"]["signed"]["name"] == "Anna K." and answer["review"]["reopened"] is None
        assert answer["review"]["pending"] == "" and client.runs()[0]["n_lapsed"] == 0
        judge(client, 1)
        run = process_again(out, place_of(point))
        assert run.trials["fer_reviewed"].notna().sum() == 2 and client.runs()[0]["n_lapsed"] == 0


def test_a_sign_off_before_the_last_verdict_is_told_everywhere(plain, serve):
    out = plain / "out"
    with serve(plain) as client:
        place = f"{client.run()}/review"
        left = client.post(place, {"kind": "signoff", "name": "Anna K."}).json()["entry"]["unjudged"]
        run = process_again(out)
        assert run.quality.review.n_trials_unjudged == len(left) == client.runs()[0]["n_unjudged"]
        text = review_text(run.quality.review)
        assert f"signed off by Anna K., {len(left)} trials of the queue not judged" in text
        assert f"{len(left)} trials" in methods_of([run])[0][1]

        answer = judge(client, left[0])
        at = answer["review"]["reopened"]["at"]
        says = f"signed by Anna K. on {at[:10]} {at[11:16]} UTC, before the last verdict or correction: sign again"
        assert answer["told"] == [f"S{says[1:]}."] and answer["review"]["signed"] is None
        assert client.runs()[0]["stale"]
        assert says in client.runs()[0]["why"]
        assert client.runs()[0]["reviews"][0]["reopened"]["name"] == "Anna K."
        assert judge(client, left[1])["told"] == []
        run = process_again(out)
        assert run.quality.review.signed == () and run.quality.review.reopened == ("Anna K.",)
        assert "signed by Anna K. before the last verdict" in review_text(run.quality.review)
        assert run.warnings[-1].startswith(
            "Signed by Anna K. before the last verdict or correction: sign again"
        )
        assert at[:10] not in run.warnings[-1], "a date is private"

        client.post(place, {"kind": "signoff", "name": "Anna K."})
        (row,) = client.runs()
        assert row["reviews"][0]["reopened"] is None and row["reviews"][0]["signed"] and row["stale"]
        assert row["n_unjudged"] == len(left) - 2


def test_a_page_from_before_judges_nothing_of_the_new_face(plain, serve):
    with serve(plain) as client:
        known = client.get(client.run()).json()
        before = known["followed"]
        assert client.get(f"{client.run()}/results").json()["results"] == known["results"]
        process_again(plain / "out", ((7, 1.0, 2.0),))
        assert client.get(f"{client.run()}/results").json()["results"] != known["results"]
        entry = {"kind": "trial", "trial": 0, "verdict": "accepted", "followed": before}
        answer = client.post(f"{client.run()}/review", entry)
        assert answer.status_code == 400 and "load the page again" in answer.json()["error"]
        entry["followed"] = client.get(client.run()).json()["followed"]
        assert client.post(f"{client.run()}/review", entry).status_code == 201


@pytest.mark.parametrize("times", [("2026-01-01", "2026-01-02"), ("2026-01-02", "2026-01-01")])
def test_entries_that_do_not_say_whom_they_are_about_lapse_by_their_time(make_run, tmp_path, times):
    from enicfer.io.review_log import add_entry, new_entry, review_path

    run = make_run()
    row, name = run.trials.iloc[2], "sub-01_ses-01_task-faces_run-1"
    facts = {"trial": 2, "onset": float(row["onset"]), "code": row["code"], "verdict": "accepted"}
    made = [
        new_entry("Anna", name, "trial", **facts),
        new_entry("Anna", name, "participant", frame=1, x=1.0, y=1.0),
    ]
    for entry, at in zip(made, times, strict=True):
        entry = replace(entry, at=f"{at}T00:00:00.000Z")
        add_entry(review_path(tmp_path, SESSION, "Anna"), lambda known, entry=entry: entry)
    found = apply_review(run, read_reviews(tmp_path, SESSION))
    assert ("fer_reviewed" in found.trials) == (times[0] > times[1])


def test_the_page_says_what_to_run(plain, serve, tmp_path):
    with serve(plain) as client:
        answer = client.post(
            f"{client.run()}/review", {"kind": "participant", **followed(read_run(plain / "out"))}
        )
        assert answer.json()["review"]["stale"]
        command = answer.json()["review"]["command"]
        assert command == f"enicfer process-session SESSION --output {plain / 'out'}"
    session = tmp_path / "a session"
    session.mkdir()
    (session / "session.toml").write_text('participant = "01"\nsession = "01"\n', encoding="utf-8")
    with serve([plain, session]) as client:
        command = client.get(f"{client.run()}/review").json()["command"]
        assert command == f"enicfer process-session '{session}' --output {plain / 'out'}"
    (session / "derivatives").mkdir()
    (plain / "out").rename(session / "derivatives" / "enicfer")
    with serve(session) as client:
        assert (
            client.get(f"{client.run()}/review").json()["command"] == f"enicfer process-session '{session}'"
        )
    (session / "video").mkdir()
    assert len(Study([session / "video"]).runs) == 1, "the folder with the video is within the session"
