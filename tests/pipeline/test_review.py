"""A review is an input: its points are those of session.toml, its verdicts are columns, nothing is deleted."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import h5py
import mne
import numpy as np
import pytest

from enicfer import add_emotion_events, process_session
from enicfer.config.options import ProcessingOptions
from enicfer.errors import InputError, OutputError, PointError
from enicfer.export.bids import write_run
from enicfer.export.description import people_text
from enicfer.export.mne import make_annotations
from enicfer.io.results import read_run
from enicfer.io.review_log import add_entry, new_entry, review_path
from enicfer.pipeline.choice import name_choice, name_next_choice
from enicfer.pipeline.review import SessionReview, apply_review, explaining_points, read_reviews
from enicfer.records import ModelCard, ReviewOrigin
from enicfer.report.page import headline, review_text


def say(output, run, kind, coder="Anna", **facts):
    session = "_".join(part for part in run.split("_") if part.startswith(("sub-", "ses-")))
    return add_entry(review_path(output, session, coder), lambda known: new_entry(coder, run, kind, **facts))


def reject(output, run, trials, number, reason, **more):
    row = trials.iloc[number]
    facts = {"trial": number, "onset": float(row["onset"]), "code": row["code"], "reason": reason}
    return say(output, run, "trial", verdict="rejected" if reason else "accepted", **facts, **more)


def content(root):
    return {p.relative_to(root).as_posix(): p for p in sorted(root.rglob("*")) if p.is_file()}


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """Where what was seen is kept, so that the video is watched once for each choice of a participant."""
    return tmp_path_factory.mktemp("work")


@pytest.fixture(scope="module")
def session(example, tmp_path_factory):
    return Path(shutil.copytree(example("eeg", short=True), tmp_path_factory.mktemp("s") / "session"))


@pytest.mark.slow
def test_a_point_of_a_review_is_a_point_of_the_settings(session, processed, work, tmp_path):
    """Somebody else is pointed at, so that the whole result depends on the point."""
    plain = read_run(processed("eeg", short=True))
    frame = int(np.flatnonzero(np.isfinite(plain.faces.box).all(axis=1))[20])
    left, top, right, bottom = (float(side) for side in plain.faces.box[frame])
    x, y = round((left + right) / 2, 1), round((top + bottom) / 2, 1)
    told = Path(shutil.copytree(session, tmp_path / "session"))
    settings = told / "session.toml"
    text = settings.read_text(encoding="utf-8")
    settings.write_text(text.replace("[[run]]", f'[[run]]\nface = "{frame}:{x},{y}"'), encoding="utf-8")
    process_session(told, output=tmp_path / "told", work=work)
    run = "sub-01_ses-01_task-faces" if "ses" in plain.entities else "sub-01_task-faces"
    say(tmp_path / "reviewed", run, "participant", frame=frame, x=x, y=y)
    process_session(session, output=tmp_path / "reviewed", work=work)
    a, b = content(tmp_path / "told"), content(tmp_path / "reviewed")
    (log,) = b.keys() - a.keys()
    assert log.startswith("reviews/") and a.keys() == b.keys() - {log}
    other = {name for name in a if a[name].read_bytes() != b[name].read_bytes()}
    assert {name.rsplit("_", 1)[1] for name in other} == {"frames.h5", "qc.json"}
    for name in other:
        if name.endswith(".json"):
            known, found = (json.loads(x[name].read_text(encoding="utf-8")) for x in (a, b))
            before, now = known.pop("provenance"), found.pop("provenance")
            assert known == found
        else:
            with h5py.File(a[name]) as one, h5py.File(b[name]) as two:
                before, now = (json.loads(file.attrs["provenance"]) for file in (one, two))
                assert list(one) == list(two) and one.attrs.keys() == two.attrs.keys()
                for key in ("video_time", "box", "landmarks", "probability", "status", "score"):
                    np.testing.assert_array_equal(one[key][:], two[key][:])
        review = now.pop("review")
        assert before == now and before["faces_given"] == [[frame, x, y]]
        assert list(review["files"]) == [Path(log).name] and len(review["files"][Path(log).name]) == 64


@pytest.mark.slow
def test_verdicts_are_columns_and_replace_results_by_themselves(session, processed, work, tmp_path):
    output = tmp_path / "out"
    process_session(session, output=output, work=work)
    with pytest.raises(OutputError, match="already has results"):
        process_session(session, output=output, work=work)
    before = read_run(output)
    name = "_".join(f"{k}-{v}" for k, v in before.entities.items())
    reject(output, name, before.trials, 1, "yawn = wide")
    reject(output, name, before.trials, 0, "")
    say(output, name, "signoff", name="Anna K.")
    with pytest.raises(OutputError, match="already has results"):
        process_session(session, ProcessingOptions(analysis_rate=5), output=output, work=work)
    result = process_session(session, output=output, work=work)
    run = read_run(output)
    assert len(run.trials) == len(before.trials)
    assert run.trials["fer_reviewed"].iloc[:2].tolist() == ["accepted", "rejected"]
    assert run.trials["fer_reviewed"].iloc[2:].isna().all()
    assert (
        run.trials["fer_review_reason"].iloc[1] == "yawn = wide"
        and run.trials["fer_review_reason"].isna().sum() == len(run.trials) - 1
    )
    assert run.trials.drop(columns=["fer_reviewed", "fer_review_reason"]).equals(before.trials)
    assert result.runs[0].trials["fer_reviewed"].equals(run.trials["fer_reviewed"])
    (sidecar,) = output.rglob("*_desc-enicfer_events.json")
    about = json.loads(sidecar.read_text(encoding="utf-8"))
    assert set(about["fer_reviewed"]["Levels"]) == {"accepted", "rejected"}
    (page,) = output.glob("*.html")
    assert f"<b>2 / {len(run.trials)}</b>" in page.read_text(encoding="utf-8")
    assert "trials reviewed by Anna, 1 rejected; signed off by Anna K." in page.read_text(encoding="utf-8")
    with pytest.raises(OutputError, match="already has results"):
        process_session(session, output=output, work=work)
    say(output, name, "signoff", name="Anna Klein")
    process_session(session, output=output, work=work)
    assert "signed off by Anna Klein" in page.read_text(encoding="utf-8")


def review_of(tmp_path):
    return read_reviews(tmp_path, "sub-01_ses-01")


RUN = "sub-01_ses-01_task-faces_run-1"


def test_two_coders_who_differ(make_run, tmp_path):
    run = make_run()
    reject(tmp_path, RUN, run.trials, 2, "")
    reject(tmp_path, RUN, run.trials, 2, "hand", coder="דנה")
    reject(tmp_path, "sub-01_ses-01_task-other", run.trials, 3, "hand")
    found = apply_review(run, review_of(tmp_path))
    assert found.trials["fer_reviewed"].tolist()[2] == "rejected"
    assert found.trials["fer_reviewed"].notna().sum() == 1
    assert found.quality.review.coders == ("Anna", "דנה")


def test_a_run_of_which_nobody_said_anything_stays_as_it_is(make_run):
    run = make_run()
    assert apply_review(run, SessionReview()) is run


@pytest.mark.parametrize("said", [True, False])
def test_half_an_entry_is_among_the_warnings(make_run, tmp_path, said):
    run = make_run()
    if said:
        reject(tmp_path, RUN, run.trials, 2, "yawn")
    path = review_path(tmp_path, "sub-01_ses-01", "Anna")
    path.parent.mkdir(exist_ok=True)
    with path.open("ab") as file:
        file.write(b'{"id": "0')
    found = apply_review(run, review_of(tmp_path))
    assert ("fer_reviewed" in found.trials) == said
    assert sum("coder-Anna.jsonl ends with half an entry" in text for text in found.warnings) == 1


def test_a_verdict_on_a_trial_that_is_no_more_is_told(make_run, tmp_path):
    run = make_run()
    say(tmp_path, RUN, "trial", trial=0, onset=1234.5, code="S 11", verdict="rejected", reason="x")
    found = apply_review(run, review_of(tmp_path))
    assert "fer_reviewed" not in found.trials
    assert "1 verdict of the review is on trials that are no more" in found.warnings[-1]


@pytest.mark.parametrize("kind", ["not_participant", "never"])
def test_following_whom_a_review_excludes_is_told(make_run, tmp_path, kind):
    run = make_run()
    left, top, right, bottom = run.faces.box[50].tolist()
    say(tmp_path, RUN, kind, frame=50, x=right + 5, y=top)
    assert apply_review(run, review_of(tmp_path)).warnings == run.warnings
    say(tmp_path, RUN, kind, frame=50, x=(left + right) / 2, y=(top + bottom) / 2)
    said = apply_review(run, review_of(tmp_path)).warnings[-1]
    assert "the followed face is not the participant's (1 point, in frame 50)" in said and "press C" in said


def test_rejected_trials_are_bad_for_mne_only_where_asked_for(make_run, tmp_path):
    run = make_run()
    reject(tmp_path, RUN, run.trials, 2, "yawn")
    reject(tmp_path, RUN, run.trials, 3, "")
    run = apply_review(run, review_of(tmp_path))
    row = run.trials.iloc[2]
    assert "BAD_review" not in make_annotations(run).description
    found = make_annotations(run, bad_review=True)
    (at,) = np.flatnonzero(found.description == "BAD_review")
    assert found.onset[at] == pytest.approx(row["onset"]) and found.duration[at] == pytest.approx(
        row["duration"]
    )
    assert found.extras[at]["reason"] == "yawn"
    info = mne.create_info(["Cz"], 250.0, "eeg")
    raw = mne.io.RawArray(np.zeros((1, 250 * 60)), info, verbose="error")
    events = np.array([[round(onset * 250), 0, 1] for onset in run.trials["onset"]])
    for wanted, kept in ((False, len(events)), (True, len(events) - 1)):
        add_emotion_events(raw, run, bad_review=wanted)
        epochs = mne.Epochs(raw, events, tmin=0, tmax=1.5, baseline=None, preload=True, verbose="error")
        assert len(epochs) == kept
    assert epochs.drop_log[2] == ("BAD_review",)
    write_run(tmp_path / "tree", run)
    (file,) = (tmp_path / "tree").rglob("*_annot.fif")
    assert "BAD_review" not in mne.read_annotations(file).description


def test_the_methods_say_what_people_did(make_run, tmp_path):
    run = make_run()
    assert people_text(run) == ""
    reject(tmp_path, RUN, run.trials, 2, "yawn")
    reject(tmp_path, RUN, run.trials, 3, "", coder="Ben")
    given = replace(run.provenance, faces_given=((1, 2.0, 3.0), (9, 2.0, 3.0)))
    found = people_text(apply_review(replace(run, provenance=given), review_of(tmp_path)))
    assert "A person pointed at the participant's face in 2 frames." in found
    assert "by 2 people: 2 of 8 were judged, of which 1 was rejected." in found
    photo = replace(run, provenance=replace(run.provenance, photo_given=True))
    assert people_text(photo) == "The participant's face was chosen by how alike it was to a photo."
    imported = replace(given, model=ModelCard({"name": "x", "imported": "faces.csv"}))
    assert people_text(replace(run, provenance=imported)) == ""


def test_a_new_choice_is_another_and_an_undone_one_is_none(make_run, tmp_path):
    plain = make_run().provenance
    pointed = replace(plain, faces_given=((1, 2.0, 3.0),), review=ReviewOrigin({}, "", 1))
    entry = new_entry("Anna", RUN, "participant", frame=1, x=2.0, y=3.0)
    assert name_next_choice(pointed, [entry]) == name_choice(pointed) != name_choice(plain)
    assert name_next_choice(plain, [entry]) == name_choice(pointed)
    assert name_next_choice(pointed, []) == name_choice(plain)
    # Points of session.toml stay where the review has none.
    told = replace(pointed, review=None)
    assert name_next_choice(told, []) == name_choice(told)
    # A region decides where no point does.
    region = (0.5, 0.0, 1.0, 1.0)
    assert name_choice(replace(plain, participant_region=region)) != name_choice(plain)
    assert name_choice(replace(told, participant_region=region)) == name_choice(told)
    shas = {"photo.jpg": "a" * 64, "eeg.vhdr": "c" * 64}
    photo = replace(plain, photo_given=True, inputs=shas)
    other = replace(photo, inputs={**shas, "photo.jpg": "b" * 64})
    same = replace(photo, inputs={**shas, "eeg.vhdr": "d" * 64})
    assert name_choice(photo) == name_choice(same) != name_choice(other)


def test_the_headline_names_who_reviewed(make_run, tmp_path):
    run = make_run()
    reject(tmp_path, RUN, run.trials, 2, "yawn")
    tiles = {tile["name"]: tile["value"] for tile in headline(apply_review(run, review_of(tmp_path)))}
    assert tiles["trials reviewed by Anna, 1 rejected"] == "1 / 8"
    assert not any("review" in tile["name"] for tile in headline(run))


def test_a_review_points_into_no_trace(session, tmp_path):
    from enicfer.config.session import read_session
    from enicfer.pipeline.review import add_points

    found = read_session(session)
    run = "_".join(f"{k}-{v}" for k, v in found.entities(found.runs[0]).items())
    say(tmp_path, run, "participant", frame=3, x=1.0, y=2.0)
    review = read_reviews(tmp_path, "_".join(run.split("_")[:-1]))
    assert add_points(found, review).runs[0].faces == ((3, 1.0, 2.0),)
    (entry,) = review.of(run)
    pointed = add_points(found, review).runs[0]
    said = r"frame 3 \(Anna\), the review points .*: open enicfer review, press 2"
    with (
        pytest.raises(InputError, match=said) as told,
        explaining_points(pointed, [entry], pointed.camera),
    ):
        raise PointError("3:1,2 points at no face")
    assert "3:1,2" not in str(told.value)
    with pytest.raises(PointError), explaining_points(found.runs[0], [entry], found.runs[0].camera):
        raise PointError("of session.toml, say")
    traced = replace(found, runs=tuple(replace(run, trace=Path("of.csv")) for run in found.runs))
    with pytest.raises(InputError, match=r"whose faces come from of\.csv"):
        add_points(traced, review)


def test_damaged_results_are_not_replaced_for_a_review(make_run, tmp_path):
    from enicfer.pipeline.publish import write_outputs
    from enicfer.pipeline.review import is_newly_reviewed

    write_outputs(make_run(), tmp_path)
    run = make_run()
    assert not is_newly_reviewed(tmp_path, "sub-01_ses-01", review_of(tmp_path))
    reject(tmp_path, RUN, run.trials, 2, "yawn")
    assert is_newly_reviewed(tmp_path, "sub-01_ses-01", review_of(tmp_path))
    assert not is_newly_reviewed(tmp_path, "sub-02", review_of(tmp_path))
    (qc,) = tmp_path.rglob("*_qc.json")
    for wrong in ("{", "{}", '{"provenance": 3}'):
        qc.write_text(wrong, encoding="utf-8")
        assert not is_newly_reviewed(tmp_path, "sub-01_ses-01", review_of(tmp_path))


def test_people_who_disagree_are_told_in_the_results(make_run, tmp_path):
    run = make_run()
    reject(tmp_path, RUN, run.trials, 2, "yawn")
    assert apply_review(run, review_of(tmp_path)).quality.review.n_trials_disputed == 0
    row = run.trials.iloc[2]
    about = {"trial": 2, "onset": float(row["onset"]), "code": str(row["code"])}
    say(tmp_path, RUN, "trial", coder="Ben", verdict="accepted", **about)
    found = apply_review(run, review_of(tmp_path))
    assert found.quality.review.n_trials_disputed == 1
    assert "disagree on 1 trial (2), counted as rejected" in found.warnings[-1]
    assert "disagreement on 1 trial" in review_text(found.quality.review)
    assert found.trials["fer_reviewed"][2] == "rejected"
