"""The part of the site that the program writes about itself: a Sphinx extension that fills ``docs/made``.

Nothing in ``docs/made`` and ``docs/gallery`` is edited by hand or kept under version control. A page is written only
where it differs, so that a second build reads what changed alone.
"""

import csv
import os
import re
import shutil
from pathlib import Path
from typing import Any

from pygments.lexers.special import TextLexer
from sphinx.application import Sphinx

DOCS = Path(__file__).resolve().parents[1]
ROOT = DOCS.parent
MADE = DOCS / "made"
# What pages link to outside of docs -> where it stands on the site.
OUTSIDE = {"recipes": "made/shipped.md"}
# Minutes of work: run by the workflow and by hand, not by every build.
SLOW = re.compile(r"slow: (\d+) s")


def write(path: Path, text: str) -> None:
    """Write a page if it is another."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


def results_pages() -> dict[str, str]:
    """Name -> page of each table in ``benchmarks/results``, as it is, and ``index``."""
    pages, lines = {}, ["# Measured", ""]
    for path in sorted((ROOT / "benchmarks" / "results").glob("*.md")):
        text = path.read_text(encoding="utf-8")
        has_title = text.startswith("# ")
        pages[path.stem] = text if has_title else f"# {path.stem.replace('_', ' ').capitalize()}\n\n{text}"
    for path in sorted((ROOT / "benchmarks" / "results").glob("*.csv")):
        if path.stem not in pages:
            pages[path.stem] = f"# {path.stem.replace('_', ' ').capitalize()}\n\n{csv_table(path)}"
    pages = dict(sorted(pages.items()))
    lines += [
        "The tables that the scripts in `benchmarks` wrote, as they are. Run them again on your computer.",
        "",
        "```{toctree}",
        *pages,
        "```",
        "",
    ]
    pages["index"] = "\n".join(lines)
    return pages


def csv_table(path: Path) -> str:
    """A table of a CSV file as Markdown."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    rows.insert(1, ["---"] * len(rows[0]))
    return "\n".join(f"| {' | '.join(row)} |" for row in rows) + "\n"


def shipped_page() -> str:
    """The protocols, recipes and codebooks that ship, whole."""
    lines = ["# What ships", "", "Copy one and change what differs.", ""]
    for folder in ("protocols", "recipes", "codebooks"):
        lines += [f"## {folder.capitalize()}", ""]
        for path in sorted((ROOT / folder).glob("*.toml")):
            lines += [
                f"### `{path.stem}`",
                "",
                "```toml",
                path.read_text(encoding="utf-8").rstrip(),
                "```",
                "",
            ]
    return "\n".join(lines)


def copy_examples() -> None:
    """Lay the scripts where what they write does not disturb."""
    place = MADE / "examples"
    place.mkdir(parents=True, exist_ok=True)
    for path in sorted((ROOT / "examples").glob("*.py")):
        write(place / path.name, path.read_text(encoding="utf-8"))
    write(
        place / "GALLERY_HEADER.rst", (ROOT / "examples" / "GALLERY_HEADER.rst").read_text(encoding="utf-8")
    )
    for path in place.glob("*.py"):
        if not (ROOT / "examples" / path.name).exists():
            path.unlink()
    hide_outputs()


def hide_outputs() -> None:
    """Keep the gallery from taking folders of outputs, which have a README, for sections of its own."""
    for header in (MADE / "examples").glob("*/README*"):
        header.unlink()


def seconds_of(script: Path) -> int:
    """The budget that a slow script states; 0 for the others."""
    found = SLOW.search(script.read_text(encoding="utf-8"))
    return int(found.group(1)) if found else 0


def run_pattern(which: str) -> str:
    """Pattern of the scripts that are run: ``all``, ``fast``, ``none``, or numbers such as ``02,07``."""
    scripts = sorted((ROOT / "examples").glob("[0-9]*.py"))
    if which == "fast":
        scripts = [path for path in scripts if not seconds_of(path)]
    elif which == "none":
        scripts = []
    elif which != "all":
        scripts = [path for path in scripts if path.name[:2] in which.split(",")]
    return "|".join(rf"[\\/]{re.escape(path.name)}$" for path in scripts) or "(?!)"


def write_pages(app: Sphinx, config: Any) -> None:
    """Write every page that is made, before Sphinx looks for pages."""
    from api_pages import api_pages
    from cli_pages import cli_pages
    from clock_figure import draw_clocks
    from column_pages import column_page
    from error_pages import error_page
    from settings_pages import settings_pages
    from status_figure import draw_statuses

    kinds = {
        "cli": (cli_pages(), ".md"),
        "settings": (settings_pages(), ".md"),
        "results": (results_pages(), ".md"),
        "api": (api_pages(), ".rst"),
        "": ({"columns": column_page(), "errors": error_page(), "shipped": shipped_page()}, ".md"),
    }
    for folder, (pages, ending) in kinds.items():
        for name, text in pages.items():
            write(MADE / folder / f"{name}{ending}", text)
    draw_clocks(MADE / "two-clocks.svg")
    draw_statuses(MADE / "statuses.svg")
    copy_examples()
    config.sphinx_gallery_conf["filename_pattern"] = run_pattern(os.environ.get("ENICFER_GALLERY", "fast"))


def link_outside(app: Sphinx, name: str, source: list[str]) -> None:
    """Turn links out of ``docs`` into links to where that stands on the site."""

    def place(found: re.Match[str]) -> str:
        target = found.group(1)
        up = "../" * name.count("/")
        if target.startswith("benchmarks/results/") and target.endswith(".md"):
            return f"]({up}made/results/{Path(target).name})"
        return f"]({up}{OUTSIDE[target]})" if target in OUTSIDE else found.group(0)

    source[0] = re.sub(r"\]\((?:\.\./)+([\w/.-]+)\)", place, source[0])


def plain_defaults(
    app: Sphinx, what: str, name: str, one: Any, options: Any, signature: str | None, returned: str | None
) -> tuple[str | None, str | None]:
    """Defaults that are no Python, such as ``<factory>``, as an ellipsis: else the signature cannot be read."""
    return (None if signature is None else re.sub(r"= ?<[^<>]*>", "= ...", signature)), returned


def calm(gallery_conf: dict[str, Any], fname: Any) -> None:
    """Before and after each script: figures as the site shows them, whatever the last script changed."""
    hide_outputs()
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt
    import mne

    plt.close("all")
    matplotlib.rcdefaults()
    matplotlib.use("agg")
    plt.rcParams.update({"figure.dpi": 100, "figure.figsize": (7, 4), "font.size": 10})
    mne.set_log_level("ERROR")


def clear() -> None:
    """Remove all that was made."""
    for folder in (MADE, DOCS / "gallery", DOCS / "_build"):
        shutil.rmtree(folder, ignore_errors=True)


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the extension."""
    app.add_lexer("csv", TextLexer)
    app.connect("config-inited", write_pages)
    app.connect("source-read", link_outside)
    app.connect("autodoc-process-signature", plain_defaults)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
