"""The documentation site: what is made of the program is whole, and the built pages hold together and ask nobody.

The pages themselves are built by ``.ci/run`` (``python -m sphinx -W -b html docs docs/_build``); tests of them are
skipped where there are none.
"""

import re
import sys
import tomllib
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag

import click
import pytest

import enicfer
from enicfer.cli.main import cli
from enicfer.config.codebook import parse_codebook
from enicfer.config.protocol import parse_protocol
from enicfer.errors import EnicferError
from enicfer.training import read_recipe

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
BUILT = DOCS / "_build"


@pytest.fixture(scope="module")
def made():
    """The modules that make pages of the program, by name."""
    sys.path.insert(0, str(DOCS / "_ext"))
    try:
        import api_pages
        import cli_pages
        import column_pages
        import error_pages
        import settings_pages

        yield {
            "api": api_pages,
            "cli": cli_pages,
            "columns": column_pages,
            "errors": error_pages,
            "settings": settings_pages,
        }
    finally:
        sys.path.remove(str(DOCS / "_ext"))


def walk(command, context, name=""):
    """Whole name and command of everything that can be called."""
    if isinstance(command, click.Group):
        for inner in command.list_commands(context):
            yield from walk(command.get_command(context, inner), context, f"{name} {inner}".strip())
    if name:
        yield name, command


def test_every_command_and_option_is_on_its_page(made):
    pages = made["cli"].cli_pages()
    called = dict(walk(cli, click.Context(cli)))
    assert len(called) > 35 and "models fetch" in called
    for name, command in called.items():
        page = pages[name.partition(" ")[0]]
        assert f"`enicfer {name}`" in page
        options = [one for one in command.params if isinstance(one, click.Option)]
        assert all(f"`{flag}`" in page for one in options for flag in one.opts), name
    assert all(f"({name.partition(' ')[0]}.md)" in pages["index"] for name in called)


def keys(content, place=""):
    """Pairs of a table and a key, of the content of a TOML file."""
    for name, value in content.items():
        if isinstance(value, dict) and name not in ("conditions",):
            yield from keys(value, f"[{name}]")
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            for one in value:
                yield from keys(one, f"[[{name}]]")
        else:
            yield place, name


def of_page(text):
    """(table, key) -> cells, of a page of keys."""
    found, place = {}, ""
    for line in text.split("\n"):
        if line.startswith("## "):
            place = line.removeprefix("## ").strip("`") if "`" in line else ""
        elif line.startswith("| `"):
            cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
            found[place, cells[0].strip("`")] = cells[1:]
    return found


@pytest.mark.parametrize(
    ("kind", "files", "read"),
    [
        ("protocol", "protocols/*.toml", lambda text: parse_protocol(tomllib.loads(text), "a", "a")),
        ("recipe", "recipes/*.toml", None),
        ("codebook", "codebooks/*.toml", lambda text: parse_codebook(tomllib.loads(text), "a", "a")),
    ],
)
def test_every_key_of_what_ships_has_a_type_and_a_meaning(made, kind, files, read):
    page = of_page(made["settings"].settings_pages()[kind])
    paths = sorted(ROOT.glob(files))
    assert paths
    for path in paths:
        text = path.read_text(encoding="utf-8")
        assert read(text) if read else read_recipe(path)
        for place, name in keys(tomllib.loads(text)):
            assert (place, name) in page, f"{path.name}: {place} {name}"
    assert [key for key, cells in page.items() if not (cells[0] and cells[1] and cells[3])] == []


def test_every_key_of_session_toml_in_the_guide_is_on_the_page(made):
    page = of_page(made["settings"].settings_pages()["session"])
    text = (DOCS / "sessions.md").read_text(encoding="utf-8")
    whole = re.search(r"```toml\n(participant.*?)```", text, re.S)[1]
    given = set(keys(tomllib.loads(whole)))
    assert len(given) > 12 and given <= set(page)
    assert page["", "participant"][1] == "needed" and page["[[run]]", "video"][1] == "needed"


def test_what_is_allowed_is_what_is_refused_otherwise(made):
    page = of_page(made["settings"].settings_pages()["protocol"])
    for place, key, wrong in (
        ("trial", "min_valid", "1.5"),
        ("pulses", "max_drift", "-1"),
        ("log", "unit", '"h"'),
    ):
        words = page[f"[{place}]", key][2]
        with pytest.raises(EnicferError) as refused:
            parse_protocol(tomllib.loads(f'modality = "eeg"\n[{place}]\n{key} = {wrong}'), "a", "a")
        assert words and words.removeprefix("must be ") in str(refused.value)


def test_sentences_that_users_meet_are_on_the_page_of_errors(made, tmp_path):
    page = made["errors"].error_page()
    sentences = [
        re.sub(r"\\(.)", r"\1", line.split(" | ", 1)[1].removesuffix(" |"))
        for line in page.split("\n")
        if line.startswith("| ") and " | " in line
    ]
    patterns = [
        re.compile(".*".join(map(re.escape, text.split("…"))) + r"\.?", re.S)
        for text in sentences
        if len(re.findall(r"\w+", text)) > 2
    ]
    assert len(patterns) > 300
    (tmp_path / "wrong.toml").write_text('modality = "x"', encoding="utf-8")
    for call in (
        lambda: enicfer.read_session(tmp_path / "nowhere"),
        lambda: enicfer.read_protocol(tmp_path / "wrong.toml"),
        lambda: enicfer.write_example_session(tmp_path / "x", modality="pet"),
        lambda: enicfer.write_example_session(tmp_path),
        lambda: enicfer.load_model("ronnet-9"),
    ):
        with pytest.raises(EnicferError) as refused:
            call()
        said = refused.value.for_command_line()
        assert any(pattern.fullmatch(said) for pattern in patterns), said
    for one in made["errors"].error_classes():
        assert f"`{one.__name__}`" in page


def test_every_column_of_a_result_is_in_the_dictionary(made, make_run, tmp_path):
    from enicfer.export.bids import write_run
    from enicfer.records import Modality

    page = made["columns"].column_page()
    names = re.findall(r"^\| `([^`]+)` \|", page, re.M)
    words = {"label": r"[a-z]+", "reason": r"[a-z_]+", "camera": r"\w+"}
    patterns = [
        re.compile(re.sub(r"\\\{(\w+)\\\}", lambda found: words[found[1]], re.escape(name))) for name in names
    ]
    seen = set()
    for modality in (Modality.EEG, Modality.FMRI):
        write_run(tmp_path / modality.value, make_run(modality))
        for table in (tmp_path / modality.value).rglob("*.tsv"):
            seen |= set(table.read_text(encoding="utf-8").partition("\n")[0].split("\t"))
    assert len(seen) > 40
    assert [name for name in seen if not any(pattern.fullmatch(name) for pattern in patterns)] == []


def test_every_public_name_is_in_the_reference(made):
    pages = made["api"].api_pages()
    assert set(pages) > {f"enicfer.{name}" for name in ("training", "saliency", "sync", "export", "batch")}
    whole = "\n".join(pages.values())
    for package in made["api"].PACKAGES:
        for name in made["api"].public_names(package):
            if not hasattr(sys.modules.get(f"enicfer.{name}"), "__path__"):
                assert re.search(rf"\b{name}\b", pages[package]), (package, name)
    assert all(re.search(rf"\b{name}\b", whole) for name in enicfer.__all__)


class Links(HTMLParser):
    """What a page loads, links to, and can be linked to; and pictures without a description."""

    def __init__(self, text):
        super().__init__()
        self.loaded, self.links, self.ids, self.undescribed = [], [], set(), []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.ids |= {given[name] for name in ("id", "name") if given.get(name)}
        if tag == "a" and given.get("href"):
            self.links.append(given["href"])
        if tag == "link" and given.get("rel") in (
            "stylesheet",
            "preload",
            "icon",
            "shortcut icon",
            "prefetch",
        ):
            self.loaded.append(given["href"])
        if tag in ("script", "img", "iframe", "source", "video", "audio", "embed", "object"):
            self.loaded += [given[name] for name in ("src", "data", "poster") if given.get(name)]
        decorates = str(given.get("src")).endswith("_thumb.png")  # its title stands below it
        if tag == "img" and not given.get("alt") and not (decorates and "alt" in given):
            self.undescribed.append(given.get("src"))


@pytest.fixture(scope="module")
def site():
    """Path -> links of each page of the built site."""
    if not (BUILT / "index.html").is_file():
        pytest.skip("the site is not built: python -m sphinx -W -b html docs docs/_build")
    return {
        path: Links(path.read_text(encoding="utf-8"))
        for path in sorted(BUILT.rglob("*.html"))
        if "_static" not in path.parts
    }


def test_no_page_loads_anything_from_elsewhere(site):
    assert len(site) > 200
    loaded = {(path.name, one) for path, page in site.items() for one in page.loaded}
    assert [one for one in loaded if re.match(r"(?:[a-z]+:)?//", one[1])] == []
    for sheet in BUILT.rglob("*.css"):
        text = sheet.read_text(encoding="utf-8")
        assert re.findall(r"(?:url\(|@import)\s*['\"]?(?:https?:)?//[^)'\"]+", text) == [], sheet.name


def test_links_and_anchors_hold(site):
    broken = []
    for path, page in site.items():
        for link in page.links:
            target, anchor = urldefrag(unquote(link))
            if re.match(r"[a-z]+:", target) or path.name in ("search.html", "genindex.html"):
                continue
            file = (path.parent / target).resolve() if target else path
            lost = bool(anchor) and file in site and anchor not in site[file].ids
            if lost or not file.exists():
                broken.append((path.relative_to(BUILT).as_posix(), link))
    assert broken == []


def test_the_gallery_has_a_page_for_each_script_and_no_other_section(site):
    pages = {path.stem for path in site if path.parent == BUILT / "gallery"}
    assert pages == {path.stem for path in (ROOT / "examples").glob("[0-9]*.py")} | {"index"}
    assert [path for path in site if (BUILT / "gallery") in path.parent.parents] == []


def test_every_figure_is_described(site):
    undescribed = {
        (path.relative_to(BUILT).as_posix(), one) for path, page in site.items() for one in page.undescribed
    }
    assert undescribed == set()


def test_every_page_is_reached_from_the_first(site):
    first = BUILT / "index.html"
    reached, waiting = {first}, [first]
    while waiting:
        path = waiting.pop()
        for link in site[path].links:
            file = (path.parent / urldefrag(unquote(link))[0]).resolve()
            if file in site and file not in reached:
                reached.add(file)
                waiting.append(file)
    others = {"search.html", "genindex.html", "py-modindex.html"}
    assert {path.name for path in set(site) - reached} <= others


def test_the_search_needs_no_server_and_finds_commands_and_keys(site):
    index = (BUILT / "searchindex.js").read_text(encoding="utf-8")
    assert index.startswith("Search.setIndex(")  # a script, which a page from a disk may load
    for word in ("slurm", "pulses", "latency", "repetition_tim", "glasses"):
        assert word in index
    assert 'src="searchindex.js"' in (BUILT / "search.html").read_text(encoding="utf-8")
