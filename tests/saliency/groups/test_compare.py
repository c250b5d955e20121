import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from enicfer import __version__
from enicfer.errors import InputError, OutputError
from enicfer.expressions import Expression
from enicfer.faces.crop import REFERENCE
from enicfer.saliency.common_face import REGIONS
from enicfer.saliency.face_maps import (
    FaceMaps,
    describe_regions,
    read_face_maps,
    save_face_maps,
    table_of_regions,
)
from enicfer.saliency.groups.compare import ComparisonOptions, compare_face_maps
from enicfer.saliency.groups.design import choose_expressions
from enicfer.saliency.groups.files import compare_sources, default_names
from enicfer.saliency.picture_files import FILE


def group(prefix, people=10, seed=0, mouth=0.0, method="gradient"):
    """Two happy and two sad images of each; ``mouth`` is what the happy ones have more there."""
    rng = np.random.default_rng(seed)
    n = 4 * people
    expression = np.tile(["happy", "happy", "sad", "sad"], people)
    maps = 1 + 0.3 * rng.random((n, 48, 48))
    maps *= rng.uniform(0.8, 1.2, (people, 48, 48)).repeat(4, axis=0)
    maps[expression == "happy", 35:39, 18:30] += mouth
    return FaceMaps(
        model="random",
        method=method,
        name=np.array([f"{prefix}{i}.png" for i in range(n)]),
        subject=np.repeat([f"{prefix}{i:02d}" for i in range(people)], 4),
        expression=expression,
        probability=np.full(n, 0.9, np.float32),
        map=maps.astype(np.float32),
        landmarks=REFERENCE + rng.normal(0, 0.01, (n, 5, 2)),
        found=np.ones(n, bool),
        checks=("The map is of the network.",),
    )


def test_a_planted_difference_is_found_where_it_is_alone():
    found = compare_face_maps(
        group("a", mouth=1.0), group("b", seed=1), ("adults", "babies"), permutations=299
    )
    table = found.table().set_index(["expression", "region"])
    assert table.loc[("happy", "mouth"), "p_corrected"] < 0.05
    assert table.loc[("happy", "mouth"), "difference"] == pytest.approx(48 / 48**2 / 1.15, rel=0.2)
    assert table.loc[("happy", "mouth"), "effect_size"] > 2
    assert (table.loc["sad", "p_corrected"] > 0.05).all()
    happy, sad = found.maps.p.reshape(2, 64, 64) <= 0.05
    assert happy[48:51, 26:38].all() and happy[:30].mean() < 0.05 and not sad.any()
    text = " ".join(found.sentences())
    assert "happy, mouth: more in adults" in text and "10 and babies: 10 subjects, independent" in text
    assert found.checks == ("adults: The map is of the network.", "babies: The map is of the network.")


def test_two_models_on_the_same_people_are_paired():
    a, b = group("a", mouth=1.0), replace(group("a", seed=1), model="another")
    found = compare_face_maps(a, b, permutations=299, paired=True)
    assert found.maps.paired
    assert found.table().set_index(["expression", "region"]).loc[("happy", "mouth"), "p_corrected"] < 0.05


def test_equal_names_alone_pair_nobody():
    """children/000.jpg and adults/000.jpg; or two data sets that both begin with sub-01."""
    a, b = group("sub-", mouth=1.0), group("sub-", seed=1)
    with pytest.raises(
        InputError,
        match=r"10 subjects of children and adults have the same names: give paired=True .* paired=False",
    ):
        compare_face_maps(a, b, ("children", "adults"))
    found = compare_face_maps(a, b, permutations=99, paired=False)
    assert not found.maps.paired and found.n == (10, 10) and set(found.maps.n_a) == {10}
    assert found.table().set_index(["expression", "region"]).loc[("happy", "mouth"), "p_corrected"] < 0.05
    some = compare_face_maps(a, group("sub-", people=9, seed=1), permutations=99, paired=False)
    assert some.n == (10, 9)


def test_the_same_pictures_are_paired_without_being_told():
    a, b = group("a", mouth=0.5), group("a", seed=1)
    digest = np.array([f"{i:016x}" for i in range(40)])
    a, b = replace(a, digest=digest), replace(b, digest=digest, model="another")
    assert compare_face_maps(a, b, permutations=99).maps.paired
    changed = replace(b, digest=np.where(np.arange(40) == 3, "0", digest))
    unknown = replace(b, digest=np.full(40, ""))
    for other in (changed, unknown):
        with pytest.raises(InputError, match="give paired=True"):
            compare_face_maps(a, other, permutations=99)


def test_two_models_need_the_same_pictures():
    a = replace(group("a"), digest=np.array([f"{i:016x}" for i in range(40)]))
    other = replace(group("a", seed=1), model="another", digest=a.digest[::-1])
    with pytest.raises(InputError, match="in other pictures of the same people"):
        compare_face_maps(a, other, permutations=99, paired=True)
    found = compare_face_maps(a, replace(other, digest=None), permutations=99, paired=True)
    assert "whether in the same pictures is not known" in found.checks[-1]
    assert len(compare_face_maps(a, replace(other, model=a.model), permutations=99, paired=True).checks) == 2


def test_pairs_need_subjects_in_both():
    a, b = group("a", people=12), group("a", people=9, seed=1)
    found = compare_face_maps(a, b, permutations=99, paired=True)
    assert found.n == (9, 9) and found.maps.paired
    assert "3 subjects of A and 0 of B have no partner and are left out." in found.left_out
    with pytest.raises(InputError, match="No subject of A is in B"):
        compare_face_maps(a, group("b"), paired=True)


def test_two_models_in_different_people_are_refused():
    a, b = group("a"), replace(group("b", seed=1), model="another")
    with pytest.raises(
        InputError, match=r"A was made with the model random and B with another: .* same people"
    ):
        compare_face_maps(a, b, permutations=99)


def test_an_expression_that_one_group_lacks_is_left_out_and_said():
    b = group("b", seed=1)
    b = replace(b, expression=np.where(b.expression == "sad", "angry", "happy"))
    found = compare_face_maps(group("a"), b, permutations=99)
    assert found.expressions == ("happy",)
    assert any("sad is not tested: 10 subjects of A and 0 of B" in line for line in found.left_out)


def without(maps, expression, subjects):
    """The subjects' images of an expression become happy."""
    gone = (maps.expression == expression) & np.isin(maps.subject, subjects)
    return replace(maps, expression=np.where(gone, "happy", maps.expression))


def test_a_pair_is_a_subject_who_has_the_expression_in_both():
    """Ten subjects of each are sad, eleven altogether have it in one only, none in both."""
    a, b = group("a", people=20), group("a", people=20, seed=2)
    people = np.unique(a.subject)
    found = compare_face_maps(
        without(a, "sad", people[10:]), without(b, "sad", people[:10]), permutations=99, paired=True
    )
    assert found.expressions == ("happy",)
    assert found.left_out == (
        "sad is not tested: 0 subjects have it in both, too few to find any difference (8 are needed).",
    )


def test_a_row_has_the_numbers_of_its_own_expression():
    a, b = group("a", people=12), group("b", people=10, seed=1)
    found = compare_face_maps(without(a, "sad", np.unique(a.subject)[:3]), b, permutations=99)
    table = found.table().set_index("expression")
    assert set(table.loc["sad", "n_a"]) == {9} and set(table.loc["happy", "n_a"]) == {12}
    assert set(table["n_b"]) == {10} and found.n == (12, 10)


def test_maps_compared_with_themselves_are_not_tested(recwarn):
    found = compare_face_maps(group("a"), group("a"), permutations=99, paired=True)
    text = " ".join(found.sentences())
    assert "happy: not tested, the difference is the same in every subject" in text
    assert "No difference" not in text and not recwarn.list


def test_what_cannot_reach_significance_is_not_tested():
    """Eight pairs have a smallest p of 2 / 2**8: seven expressions are one too many."""
    labels = np.array([str(e) for e in Expression])
    a, b = (
        replace(
            group("a", people=16, seed=seed),
            expression=np.tile(labels, 10)[:64],
            subject=np.repeat([f"a{i}" for i in range(10)], 7)[:64],
        )
        for seed in (0, 1)
    )
    chosen, left_out = choose_expressions(a, b, ("A", "B"), paired=True)
    assert len(chosen) == 7 and not left_out
    eight = a.subject < "a8"
    a, b = (
        replace(g, **{k: getattr(g, k)[eight] for k in ("name", "subject", "expression", "map", "landmarks")})
        for g in (a, b)
    )
    chosen, left_out = choose_expressions(a, b, ("A", "B"), paired=True)
    assert len(chosen) == 6 and "8 subjects are too few to find any difference among 7" in left_out[0]
    with pytest.raises(InputError, match="9 permutations allow no corrected p below"):
        choose_expressions(a, b, ("A", "B"), paired=True, permutations=9)
    with pytest.raises(InputError, match="Group A has 3 subjects, too few to find any difference"):
        compare_face_maps(group("a", people=3, mouth=50.0), group("b", people=3, seed=1))
    with pytest.raises(InputError, match="Group A has 5 subjects, too few to find any difference"):
        compare_face_maps(group("a", people=5, mouth=50.0), group("a", people=5, seed=1), paired=True)


def test_groups_that_cannot_be_compared_are_refused():
    a = group("a")
    arrays = ("name", "subject", "expression", "map", "landmarks")
    none = replace(a, **{name: getattr(a, name)[:0] for name in arrays})
    with pytest.raises(InputError, match="group B is empty"):
        compare_face_maps(a, none)
    with pytest.raises(InputError, match="method gradient and B with guided"):
        compare_face_maps(a, group("b", method="guided"))
    with pytest.raises(InputError, match="Group B has 2 subjects"):
        compare_face_maps(a, group("b", people=2))
    with pytest.raises(InputError, match="No expression is in 8 subjects of both"):
        compare_face_maps(a, replace(group("b"), expression=np.full(40, "angry")))


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"smoothing": -1.0}, "smoothing of -1.0: give 0 or more"),
        ({"smoothing": float("nan")}, "smoothing of nan"),
        ({"seed": -1}, "seed of -1: give 0 or more"),
        ({"permutations": 0}, "0 permutations allow no"),
        ({"permutations": -1}, "-1 permutations"),
    ],
)
def test_numbers_that_make_no_sense_are_refused(options, sentence):
    with pytest.raises(InputError, match=sentence):
        compare_face_maps(group("a"), group("b"), **options)


def test_files_come_back_join_and_have_the_same_bytes(tmp_path):
    for prefix in "ab":
        (tmp_path / prefix).mkdir()
        maps = group(prefix, people=3)
        save_face_maps(tmp_path / prefix / "saliency.npz", maps, maps.map[:, None])
    first = (tmp_path / "a" / "saliency.npz").read_bytes()
    again = group("a", people=3)
    save_face_maps(tmp_path / "a" / "saliency.npz", again, again.map[:, None])
    assert (tmp_path / "a" / "saliency.npz").read_bytes() == first
    joined = read_face_maps(tmp_path)
    assert len(joined) == 24 and joined.unit == "subject"
    np.testing.assert_array_equal(joined.map[:12], again.map)


def test_files_of_earlier_versions_are_read(tmp_path):
    maps = group("a", people=3)
    save_face_maps(tmp_path / "saliency.npz", replace(maps, digest=np.full(12, "ab")), maps.map[:, None])
    assert read_face_maps(tmp_path).digest.tolist() == ["ab"] * 12
    with np.load(tmp_path / "saliency.npz") as archive:
        arrays = {name: archive[name] for name in archive.files if name != "digest"}
    about = json.loads(str(arrays["about"]))
    del about["enicfer"]
    np.savez(tmp_path / "saliency.npz", **{**arrays, "about": np.array(json.dumps(about))})
    earlier = read_face_maps(tmp_path)
    assert earlier.version == "unknown" and earlier.digest.tolist() == [""] * 12


def test_comparing_folders_writes_figure_tables_and_maps(tmp_path):
    for prefix, mouth in (("a", 1.0), ("b", 0.0)):
        (tmp_path / prefix).mkdir()
        maps = group(prefix, people=8, mouth=mouth, seed=ord(prefix))
        save_face_maps(tmp_path / prefix / "saliency.npz", maps, maps.map[:, None])
    found = compare_sources(
        tmp_path / "a", tmp_path / "b", tmp_path / "out", ComparisonOptions(permutations=99)
    )
    assert found.names == ("a", "b")
    about = json.loads((tmp_path / "out" / "comparison.json").read_text(encoding="utf-8"))
    assert about["groups"][1] == {
        "name": "b",
        "source": str(tmp_path / "b"),
        "model": "random",
        "method": "gradient",
        "enicfer": __version__,
        "subjects": 8,
        "images": 32,
    }
    names = {"comparison.png", "comparison.svg", "comparison.tsv", "comparison.json", "comparison.npz"}
    assert {path.name for path in (tmp_path / "out").iterdir()} == names
    before = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    with pytest.raises(OutputError, match="already has a comparison: give overwrite=True"):
        compare_sources(tmp_path / "a", tmp_path / "b", tmp_path / "out")
    compare_sources(
        tmp_path / "a", tmp_path / "b", tmp_path / "out", ComparisonOptions(permutations=99), overwrite=True
    )
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before
    assert len(pd.read_csv(tmp_path / "out" / "comparison.tsv", sep="\t")) == 2 * len(REGIONS)


def test_what_is_no_file_of_maps_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"no saliency\.npz in"):
        read_face_maps(tmp_path)
    (tmp_path / "saliency.npz").write_bytes(b"no archive")
    with pytest.raises(InputError, match="not a file of maps"):
        read_face_maps(tmp_path)


def test_the_report_says_where_the_model_looks():
    lines = {line.split(":")[0]: line for line in describe_regions(table_of_regions(group("a", mouth=2.0)))}
    assert "more than their area (20 images" in lines["happy"]
    elsewhere = replace(group("a"), map=np.ones((40, 48, 48), np.float32))
    elsewhere.map[:, :5] = 20
    assert (
        "LESS than their area: the model looks elsewhere" in describe_regions(table_of_regions(elsewhere))[0]
    )


def test_equal_names_in_several_folders_are_no_subject(tmp_path):
    """Frames of each child in a folder of its own, all called frame_000.png and so on."""

    def keep(folder, maps):
        save_face_maps(folder / FILE, maps, maps.map[:, None])

    for child in ("01", "02"):
        (tmp_path / child).mkdir()
        keep(tmp_path / child, group("frame_"))
    with pytest.raises(InputError, match=r"frame_00 is a subject in several folders .* sub-<label>"):
        read_face_maps(tmp_path)
    for child in ("01", "02"):
        keep(tmp_path / child, group("sub-"))
    assert len(set(read_face_maps(tmp_path).subject)) == 10


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 no archive"])
def test_a_damaged_file_of_maps_is_refused(tmp_path, content):
    (tmp_path / FILE).write_bytes(content)
    with pytest.raises(InputError, match="is not a file of maps"):
        read_face_maps(tmp_path)


@pytest.mark.parametrize(
    ("a", "b", "names"),
    [
        ("x/children", "x/adults", ("children", "adults")),
        ("x/run/out", "y/run/out", ("x/run/out", "y/run/out")),
        ("x/out/saliency.npz", "y/out/saliency.npz", ("x/out", "y/out")),
        ("x/out", "x/out", ("out (A)", "out (B)")),
    ],
)
def test_groups_have_names_that_tell_them_apart(a, b, names):
    assert default_names(Path(a), Path(b)) == names
