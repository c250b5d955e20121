"""Two groups of maps on disk, and the figure, tables and maps of their comparison."""

from dataclasses import asdict
from pathlib import Path

import numpy as np

from enicfer.errors import OUTPUT, OVERWRITE, OutputError
from enicfer.io.files.atomic import replacing
from enicfer.io.files.places import check_folder
from enicfer.io.tables import write_json, write_table
from enicfer.saliency.face_maps import FaceMaps, read_face_maps, write_archive
from enicfer.saliency.groups.compare import ComparisonOptions, GroupComparison, compare_face_maps
from enicfer.saliency.output import writing


def compare_sources(
    a: str | Path,
    b: str | Path,
    output: str | Path,
    options: ComparisonOptions | None = None,
    *,
    names: tuple[str, str] | None = None,
    overwrite: bool = False,
) -> GroupComparison:
    """Compare two groups of maps on disk, and write figure, tables and maps.

    Parameters
    ----------
    a, b
        ``saliency.npz`` files, or folders with any number of them.
    output
        Folder to write ``comparison.png``, ``.svg``, ``.tsv``, ``.json`` and ``.npz`` to.
    options
        How they are compared.
    names
        Of the groups, by default those of the folders.
    overwrite
        Replace an earlier comparison.

    Raises
    ------
    InputError
        As in `read_face_maps` and `compare_face_maps`.
    OutputError
        If the output is there already or cannot be written.
    """
    target = Path(output)
    check_folder(target)
    if (target / "comparison.tsv").exists() and not overwrite:
        raise OutputError(
            f"{target} already has a comparison",
            place=target,
            remedy=f"give {OVERWRITE} to replace it, or another {OUTPUT}",
        )
    groups = read_face_maps(a), read_face_maps(b)
    options = options or ComparisonOptions()
    found = compare_face_maps(*groups, names or default_names(Path(a), Path(b)), **asdict(options))
    with writing(target, made=()) as stage:
        _write(found, groups, (a, b), stage, options)
    return found


def _write(
    found: GroupComparison,
    groups: tuple[FaceMaps, FaceMaps],
    sources: tuple[str | Path, str | Path],
    target: Path,
    options: ComparisonOptions,
) -> None:
    from enicfer.saliency.figures.groups import draw_comparison
    from enicfer.saliency.figures.maps import save_figure

    save_figure(
        draw_comparison(found.maps, found.shares, found.expressions, found.names, found.size),
        target / "comparison",
    )
    with replacing(target / "comparison.tsv") as partial:
        write_table(partial, found.table())
    with replacing(target / "comparison.json") as partial:
        write_json(
            partial,
            {
                "groups": [
                    {
                        "name": name,
                        "source": str(source),
                        "model": group.model,
                        "method": group.method,
                        "enicfer": group.version,
                        "subjects": n,
                        "images": len(group),
                    }
                    for name, source, group, n in zip(found.names, sources, groups, found.n, strict=True)
                ],
                "unit": found.unit,
                "paired": found.maps.paired,
                "test": found.test(),
                "permutations": options.permutations,
                "seed": options.seed,
                "smoothing_px": options.smoothing,
                "found": found.sentences(),
                "checks": found.checks,
            },
        )
    with replacing(target / "comparison.npz") as partial:
        shape = (len(found.expressions), found.size, found.size)
        fields = ("mean_a", "mean_b", "difference", "t", "p", "effect")
        arrays = {name: getattr(found.maps, name).reshape(shape).astype(np.float32) for name in fields}
        write_archive(partial, {"expression": np.array(found.expressions), **arrays})


def default_names(a: Path, b: Path) -> tuple[str, str]:
    """The names of the folders, with as many of those above as it takes to tell them apart."""
    places = [(path.parent if path.suffix == ".npz" else path).absolute().parts for path in (a, b)]
    for count in range(1, max(map(len, places)) + 1):
        names = ["/".join(parts[-count:]) for parts in places]
        if names[0] != names[1]:
            return names[0], names[1]
    return f"{places[0][-1]} (A)", f"{places[1][-1]} (B)"
