"""Codebooks: those that ship are sound, a wrong one says everything that is wrong, a version stands for a meaning."""

import pytest

from enicfer.config.codebook import list_codebooks, parse_codebook, read_codebook
from enicfer.errors import ProtocolError
from enicfer.expressions import SEVEN

CATEGORY = {"name": "smile", "key": "s", "definition": "Mouth corners go up."}


def book(**changes):
    return {"number": 1, "category": [CATEGORY], **changes}


def test_two_ship_and_are_sound():
    assert set(list_codebooks()) == {"expressions", "looking"}
    expressions = read_codebook("expressions")
    assert expressions.names == tuple(map(str, SEVEN))
    assert expressions.expressions() == {str(one): str(one) for one in SEVEN}
    assert expressions["happy"].key == "3" and len({one.exclusive for one in expressions.categories}) == 1
    assert "covered" in expressions.cannot
    assert read_codebook("looking").names == ("look", "look away", "not visible")
    with pytest.raises(KeyError):
        expressions["proud"]


def test_a_version_is_a_number_and_a_hash_of_all_else():
    one = parse_codebook(book(), "mine", "mine.toml")
    assert one.version == f"1-{one.hash[:8]}" and len(one.hash) == 64
    higher = parse_codebook(book(number=2), "mine", "mine.toml")
    assert higher.hash == one.hash and higher.version.startswith("2-")
    for change in ({"definition": "Teeth show."}, {"key": "t"}, {"exclusive": "mouth"}, {"kind": "point"}):
        other = parse_codebook(book(category=[CATEGORY | change]), "mine", "mine.toml")
        assert other.hash != one.hash


def test_a_codebook_with_everything(tmp_path):
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "a.png").write_bytes(b"x")
    path = tmp_path / "mine é.toml"
    path.write_text(
        'number = 3\ncannot = ["dark"]\n[[category]]\nname = "tongue out"\nkey = "T"\ndefinition = "It shows."\n'
        'kind = "point"\nexamples = ["pictures/a.png"]\nmodifiers = ["side"]\n[[modifier]]\nname = "side"\n'
        'values = ["left", "right"]\n',
        "utf-8",
    )
    found = read_codebook(path)
    assert (found.name, found.number, found.file) == ("mine é", 3, path)
    assert found["tongue out"].key == "t" and found.modifiers[0].values == ("left", "right")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (book(number=0), "number is 0: must be a whole number, 1 or more"),
        ({"number": 1}, "needs category"),
        (book(category=[]), "must be one or more tables"),
        (
            book(category=[CATEGORY | {"key": "0"}]),
            r"\[\[category\]\] 1 key is '0': is taken: it means cannot",
        ),
        (book(category=[CATEGORY | {"key": "ab"}]), "must be one letter or digit"),
        (book(category=[CATEGORY | {"colour": "red"}]), r"unknown keys in \[\[category\]\] 1: colour"),
        (book(category=[CATEGORY | {"kind": "event"}]), "allowed are state, point"),
        (book(category=[CATEGORY | {"expression": "proud"}]), "allowed are angry, fearful"),
        (book(category=[CATEGORY | {"name": "a;b"}]), "must be a word or a few"),
        (book(category=[CATEGORY | {"definition": " "}]), "must be text of 1 to"),
        (book(category=[CATEGORY | {"examples": ["/etc/a.png"]}]), "in the codebook's folder or below"),
        (book(category=[CATEGORY | {"examples": ["../a.png"]}]), "in the codebook's folder or below"),
        (book(category=[CATEGORY | {"examples": ["a.exe"]}]), "must be a picture that ends in"),
        (book(category=[CATEGORY | {"examples": ["none.png"]}]), "there is no picture 'none.png'"),
        (book(category=[CATEGORY, CATEGORY]), "two categories have the name smile; .*the key s"),
        (
            book(category=[CATEGORY | {"modifiers": ["side"]}]),
            r"smile has the modifier side.*\[\[modifier\]\]",
        ),
        (book(cannot=["dark", "dark"]), "has a word twice"),
    ],
)
def test_what_is_wrong_is_said(content, words, tmp_path):
    with pytest.raises(ProtocolError, match=rf"mine\.toml cannot be used: .*{words}"):
        parse_codebook(content, "mine", "mine.toml", tmp_path / "mine.toml")


def test_all_problems_are_named_at_once():
    wrong = book(number=0, cannot="x", category=[CATEGORY | {"key": "u", "kind": 3}])
    with pytest.raises(ProtocolError) as caught:
        parse_codebook(wrong, "x", "x.toml")
    assert all(word in str(caught.value) for word in ("number", "cannot", "key", "undo", "kind"))


def test_states_and_points_do_not_exclude_each_other():
    two = [
        CATEGORY | {"exclusive": "mouth"},
        CATEGORY | {"name": "bite", "key": "b", "exclusive": "mouth", "kind": "point"},
    ]
    with pytest.raises(ProtocolError, match="states and points exclude each other as mouth"):
        parse_codebook(book(category=two), "x", "x.toml")


def test_an_unknown_name_lists_those_that_ship():
    with pytest.raises(ProtocolError, match="no codebook 'emotions': give one of expressions, looking"):
        read_codebook("emotions")
