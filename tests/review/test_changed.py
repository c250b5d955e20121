"""Another participant is pointed at: what was said of the face that was followed before does not count."""

from dataclasses import replace

import pytest

from enicfer.export.bids import write_run
from enicfer.io.results import read_run
from enicfer.pipeline.review import apply_review, read_reviews
from enicfer.report.page import headline, methods_of

SESSION = "sub-01_ses-01"


def followed(run):
    """A point in the face that the results follow: somewhere in the middle."""
    left, top, right, bottom = run.faces.box[50].tolist()
    return {"frame": 50, "x": (left + right) / 2, "y": (top + bottom) / 2}


def judge(client, trial, verdict="accepted", **more):
    entry = {"kind": "trial", "trial": trial, "verdict": verdict, **more}
    answer = client.post(f"{client.run()}/review", entry)
    assert answer.status_code == 201, answer.text
    return answer.json()


def process_again(out, points=()):
    """As `enicfer process-session` does once it has chosen a face."""
    plain = read_run(out)
    plain = replace(plain, provenance=replace(plain.provenance, faces_given=points, review=None), warnings=())
    plain = replace(plain, quality=replace(plain.quality, review=None))
    trials = plain.trials.drop(columns=["fer_reviewed", "fer_review_reason"], errors="ignore")
    run = apply_review(replace(plain, trials=trials), read_reviews(out, SESSION))
    write_run(out, run)
    return run


def test_verdicts_and_sign_offs_lapse_with_the_face_until_they_are_given_again(plain, serve):
    out = plain / "out"
    point = followed(read_run(out))
    with serve(plain) as anna, serve(plain, coder="Ben") as ben:
        place = f"{anna.run()}/review"
        judge(anna, 0)
        judge(anna, 1, "rejected", reason="wrong person followed")
        judge(ben, 2)
        assert ben.post(place, {"kind": "signoff", "name": "Ben B."}).status_code == 201
        assert anna.get(place).json()["others"][0]["signed"]["name"] == "Ben B."
        (row,) = anna.runs()
        assert (row["n_accepted"], row["n_rejected"], row["n_lapsed"]) == (2, 1, 0)

        assert anna.post(place, {"kind": "participant", **point}).status_code == 201
        (row,) = anna.runs()
        assert (row["n_accepted"], row["n_rejected"], row["n_lapsed"]) == (0, 0, 4)
        assert "before the participant was changed" in row["why"][0] and row["attention"] > 1
        assert not any(review["signed"] for review in row["reviews"])
        said = ben.get(place).json()
        assert said["signed"] is None and said["signed_before"]["name"] == "Ben B."
        assert [entry.get("lapsed", False) for entry in said["entries"]] == [True, True]
        trial = anna.get(f"{anna.run()}/trials").json()["trials"][1]
        assert trial["reviews"][0]["lapsed"] is True
        # Judged while the page still shows the face from before.
        assert judge(anna, 3)["entry"]["lapsed"] is True

        gone = anna.post(place, {"kind": "undo"}).json()["review"]
        gone = anna.post(place, {"kind": "undo"}).json()["review"]
        assert not any(entry.get("lapsed") for entry in gone["entries"]) and len(gone["entries"]) == 2
        assert anna.runs()[0]["n_lapsed"] == 0

        anna.post(place, {"kind": "participant", **point})
        run = process_again(out, ((point["frame"], point["x"], point["y"]),))
        assert "fer_reviewed" not in run.trials and run.quality.review is None
        assert "3 verdicts and 1 sign-off do not count" in run.warnings[-1]
        assert run.provenance.review.n_points == 1
        assert anna.runs()[0]["n_lapsed"] == 4 and not anna.runs()[0]["stale"]

        judge(anna, 1, "rejected", reason="yawn")
        assert anna.runs()[0]["n_rejected"] == 1 and anna.runs()[0]["stale"]
        run = process_again(out, ((point["frame"], point["x"], point["y"]),))
        assert run.trials["fer_reviewed"].notna().sum() == 1
        assert run.trials["fer_review_reason"].iloc[1] == "yawn"
        tiles = {tile["name"] for tile in headline(run)}
        assert "trials reviewed by Anna, 1 rejected" in tiles
        ((_, text),) = methods_of([run])
        assert "A person pointed at the participant's face in 1 frame." in text
        assert "reviewed in the video by one person: 1 of 8 were judged, of which 1 was rejected." in text


def test_another_choice_without_a_review_of_it_counts_as_well(plain, serve):
    """Points in session.toml, say: there the review says nothing, but the results do."""
    with serve(plain) as client:
        judge(client, 0)
        process_again(plain / "out", ((7, 1.0, 2.0),))
        assert client.runs()[0]["n_lapsed"] == 1
        judge(client, 0)
        assert client.runs()[0]["n_lapsed"] == 0
        assert process_again(plain / "out", ((7, 1.0, 2.0),)).trials["fer_reviewed"].iloc[0] == "accepted"


def test_a_page_from_before_judges_nothing_of_the_new_face(plain, serve):
    with serve(plain) as client:
        before = client.get(client.run()).json()["followed"]
        process_again(plain / "out", ((7, 1.0, 2.0),))
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
