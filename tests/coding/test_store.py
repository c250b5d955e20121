"""What coders say is checked, kept, changed and undone; nothing that counted as written is lost."""

from dataclasses import replace

import pytest

from enicfer.coding.store import hash_video, store_coding, write_codings
from enicfer.coding.tracks import read_coded_study
from enicfer.config.codebook import read_codebook
from enicfer.errors import InputError
from enicfer.io.coding_log import (
    coding_path,
    find_codings,
    keep_codebook,
    kept_codebooks,
    read_coding_log,
)
from enicfer.io.results import read_run
from enicfer.records.coding import CodingEntry, standing_codings
from enicfer.review.study import Study

BOOK = read_codebook("expressions")


@pytest.fixture
def run(study):
    return min(Study([study]).runs.values(), key=lambda one: one.name)


@pytest.fixture
def result(run):
    return read_run(run.frames)


@pytest.fixture
def say(run, result):
    def store(coder="Anna", book=BOOK, **content):
        return store_coding(run, result, coder, book, content)

    return store


def held(run, coder="Anna"):
    return standing_codings(read_coding_log(coding_path(run.output, run.session, coder))[0])


def test_a_frame_is_stored_with_both_clocks_the_codebook_and_the_video(say, run, result):
    entry = say(kind="frame", frame=150, category="happy", intensity=3, took=1.25)
    assert (entry.video_time, entry.time) == (result.faces.video_time[150], result.time[150])
    assert (entry.book, entry.version, entry.video) == ("expressions", BOOK.version, "0" * 64)
    assert held(run) == (entry,)
    assert kept_codebooks(run.output) == {("expressions", BOOK.version): BOOK}
    early = say(kind="frame", frame=0, reason="turned")
    assert early.video_time == result.faces.video_time[0] and not early.codable


def test_the_last_word_holds_and_what_is_undone_never_was(say, run):
    first = say(kind="frame", frame=7, category="sad")
    second = say(kind="frame", frame=7, category="happy")
    again = say(kind="frame", frame=7, category="angry", repeat=1)
    assert held(run) == (second, again)
    say(kind="undo")
    say(kind="undo")
    assert held(run) == (first,)
    say(kind="undo", entry=first.id)
    assert held(run) == ()
    with pytest.raises(InputError, match="nothing to undo"):
        say(kind="undo")


def test_stretches_are_changed_and_removed(say, run, result):
    one = say(kind="interval", frame=10, end_frame=40, apex_frame=20, category="happy")
    assert one.apex_time == result.time[20] and one.end_video_time == result.faces.video_time[40]
    longer = say(kind="interval", frame=10, end_frame=50, category="happy", entry=one.id)
    longest = say(kind="interval", frame=10, end_frame=60, category="happy", entry=longer.id)
    assert held(run) == (longest,) and longest.entry == one.id
    say(kind="undo")
    assert held(run) == (longer,)
    other = say(kind="interval", frame=50, end_frame=70, reason="covered")
    say(kind="remove", entry=longer.id)
    assert held(run) == (other,)
    n = result.faces.video_time.size
    last = say(kind="interval", frame=n - 5, end_frame=n, category="sad")
    assert last.end_video_time > result.faces.video_time[-1]


def test_what_excludes_each_other_does_not_overlap(say):
    say(kind="interval", frame=10, end_frame=40, category="happy")
    say(kind="interval", frame=40, end_frame=50, category="sad")
    for wrong in ({"category": "sad"}, {"reason": "turned"}, {"category": "happy"}):
        with pytest.raises(InputError, match="holds at a time"):
            say(kind="interval", frame=39, end_frame=60, **wrong)


def test_trials_are_stored_by_number_onset_and_code(say, result):
    entry = say(kind="trial", trial=2, category="neutral")
    row = result.trials.iloc[2]
    assert (entry.onset, entry.code) == (row["onset"], row["code"])


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"kind": "frame", "frame": 1}, "needs a category, or a reason"),
        ({"kind": "frame", "frame": 1, "category": "happy", "reason": "turned"}, "not both"),
        ({"kind": "frame", "frame": 1, "category": "proud"}, "'proud' is no category.*allowed are angry"),
        ({"kind": "frame", "frame": 1, "reason": "bored"}, "'bored' is no reason.*allowed are turned"),
        ({"kind": "frame", "frame": 10**6, "category": "sad"}, "the run has .* frames"),
        ({"kind": "frame", "frame": True, "category": "sad"}, "frame is True"),
        ({"kind": "frame", "category": "sad"}, "needs frame"),
        ({"kind": "frame", "frame": 1, "category": "sad", "intensity": 6}, "intensity is 6.*1 to 5"),
        ({"kind": "frame", "frame": 1, "category": "sad", "modifiers": "side=left"}, "allowed are none"),
        ({"kind": "frame", "frame": 1, "category": "sad", "modifiers": {}}, "modifiers are"),
        ({"kind": "frame", "frame": 1, "category": "sad", "took": -1}, "number of seconds"),
        ({"kind": "frame", "frame": 1, "category": "sad", "repeat": 2}, "repeat is 2"),
        ({"kind": "frame", "frame": 1, "category": "sad", "end_frame": 3}, "has end_frame; allowed"),
        ({"kind": "interval", "frame": 5, "category": "sad"}, "needs end_frame"),
        ({"kind": "interval", "frame": 5, "end_frame": 5, "category": "sad"}, "is impossible"),
        (
            {"kind": "interval", "frame": 5, "end_frame": 9, "apex_frame": 4, "category": "sad"},
            "is impossible",
        ),
        (
            {"kind": "interval", "frame": 5, "end_frame": 9, "category": "sad", "entry": "no"},
            "with the id 'no'",
        ),
        ({"kind": "point", "frame": 5, "category": "sad"}, "sad is a state"),
        ({"kind": "trial", "trial": 4, "category": "sad"}, "the run has 4 trials"),
        ({"kind": "remove", "entry": "no"}, "with the id 'no'"),
        ({"kind": "guess"}, "kind of a code is 'guess'"),
    ],
)
def test_what_cannot_be_meant_is_said_and_not_stored(content, words, say, run):
    with pytest.raises(InputError, match=words):
        say(**content)
    assert held(run) == ()


@pytest.mark.parametrize("name", ["Adjudicated", " classifier", "Anna again"])
def test_names_that_mean_something_else_are_nobodys(name, say):
    with pytest.raises(InputError, match="cannot be called"):
        say(coder=name, kind="frame", frame=1, category="sad")


def test_a_codebook_that_changes_needs_a_new_number(say, run, tmp_path):
    say(kind="frame", frame=1, category="sad")
    path = tmp_path / "expressions.toml"
    text = BOOK.file.read_text(encoding="utf-8").replace("Nose wrinkled", "Nose and brows wrinkled")
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match="has the number 1 still: raise its number"):
        say(book=read_codebook(path), kind="frame", frame=2, category="sad")
    path.write_text(text.replace("number = 1", "number = 2"), encoding="utf-8")
    changed = read_codebook(path)
    say(book=changed, kind="frame", frame=2, category="sad")
    assert {version for _, version in kept_codebooks(run.output)} == {BOOK.version, changed.version}
    coded = read_coded_study([run.output])
    assert coded.versions == (BOOK.version, changed.version) and "changed under way" in coded.notes[0]


def test_several_entries_are_written_all_or_none(run, result):
    good, wrong = {"kind": "frame", "frame": 1, "category": "sad"}, {"kind": "undo", "entry": "no"}
    with pytest.raises(InputError):
        write_codings(run, result, "Anna", BOOK, [good, wrong])
    assert held(run) == ()
    write_codings(run, result, "Anna", BOOK, [good, {**good, "frame": 2}], source="a.tsv")
    assert [(entry.frame, entry.source) for entry in held(run)] == [(1, "a.tsv"), (2, "a.tsv")]


def test_a_study_is_read_with_what_to_know_of_it(say, run, result):
    with pytest.raises(InputError, match="Nobody coded a run"):
        read_coded_study([run.output])
    say(kind="frame", frame=1, category="sad")
    say(coder="Ben", kind="frame", frame=1, category="happy")
    coded = read_coded_study([run.output])
    assert coded.coders == ("Anna", "Ben") and coded.notes == () and coded.runs[0].participant == "01"
    path = find_codings(run.output, run.session)[0]
    path.write_bytes(path.read_bytes() + b'{"id": "x')
    inputs = {"camera.mkv": "1" * 64}
    other = replace(result, provenance=replace(result.provenance, inputs=inputs))
    store_coding(run, other, "Ben", BOOK, {"kind": "frame", "frame": 2, "category": "sad"})
    notes = " ".join(read_coded_study([run.output]).notes)
    assert "last line of sub-01_ses-1_coder-Anna.jsonl is not whole" in notes
    assert "another video than the one that 1 code" in notes
    store_coding(
        run, result, "Ben", read_codebook("looking"), {"kind": "frame", "frame": 2, "category": "look"}
    )
    with pytest.raises(InputError, match="expressions, looking were used"):
        read_coded_study([run.output])
    assert read_coded_study([run.output], "looking").coders == ("Ben",)
    with pytest.raises(InputError, match="Nobody coded with the codebook looks"):
        read_coded_study([run.output], "looks")


def test_a_video_is_known_by_its_hash():
    assert hash_video({"eeg.vhdr": "a", "camera.mkv": "b"}) == "b"
    assert hash_video({"eeg.vhdr": "a"}) == ""
    assert hash_video({"1.mp4": "a", "2.mp4": "b"}) != hash_video({"1.mp4": "b", "2.mp4": "a"})


def test_removing_reaches_what_was_changed():
    def entry(id, kind, **facts):
        return CodingEntry(id, "", "A", "r", kind, **facts)

    first, changed = entry("1", "interval", frame=1), entry("2", "interval", frame=2, entry="1")
    gone = entry("3", "remove", entry="2")
    assert standing_codings([first, changed, gone]) == ()
    assert standing_codings([first, changed, gone, entry("4", "undo", entry="3")]) == (changed,)


def test_what_a_stopped_process_left_beside_a_codebook_goes(tmp_path):
    keep_codebook(tmp_path, BOOK)
    folder = tmp_path / "codings" / "codebooks"
    (folder / ".partial" / "0123456789ab" / "tree").mkdir(parents=True)
    keep_codebook(tmp_path, BOOK)
    assert [path.name for path in folder.iterdir()] == [f"expressions_{BOOK.version}.toml"]
