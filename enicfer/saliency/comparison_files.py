"""Two groups of maps on disk, and the figure, tables and maps of their comparison."""

from pathlib import Path

import numpy as np

from enicfer.errors import OutputError
from enicfer.io.store import replacing
from enicfer.io.tables import write_json, write_table
from enicfer.saliency.compare import SMOOTHING, GroupComparison, compare_face_maps
from enicfer.saliency.face_maps import read_face_maps, write_archive
from enicfer.saliency.statistics import PERMUTATIONS


def compare_sources(
    a: str | Path,
    b: str | Path,
    output: str | Path,
    *,
    names: tuple[str, str] | None = None,
    paired: bool | None = None,
    smoothing: float = SMOOTHING,
    permutations: int = PERMUTATIONS,
    seed: int = 0,
    overwrite: bool = False,
) -> GroupComparison:
    """Compare two groups of maps on disk, and write figure, tables and maps.

    Parameters
    ----------
    a, b
        ``saliency.npz`` files, or folders with any number of them.
    output
        Folder to write ``comparison.png``, ``.svg``, ``.tsv``, ``.json`` and ``.npz`` to.
    names
        Of the groups, by default those of the folders.
    paired, smoothing, permutations, seed
        As in `compare_face_maps`.
    overwrite
        Replace an earlier comparison.

    Raises
    ------
    InputError
        As in `read_face_maps` and `compare_face_maps`.
    OutputError
        If the output is there already or cannot be written.
    """
    from enicfer.saliency.figures import make_folder, save_figure
    from enicfer.saliency.group_figures import draw_comparison

    target = Path(output)
    if (target / "comparison.tsv").exists() and not overwrite:
        raise OutputError(
            f"{target} already has a comparison: give --overwrite to replace it, or another --output."
        )
    groups = read_face_maps(a), read_face_maps(b)
    found = compare_face_maps(
        *groups,
        names or default_names(Path(a), Path(b)),
        paired=paired,
        smoothing=smoothing,
        permutations=permutations,
        seed=seed,
    )
    make_folder(target)
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
                    for name, source, group, n in zip(found.names, (a, b), groups, found.n, strict=True)
                ],
                "unit": found.unit,
                "paired": found.maps.paired,
                "permutations": permutations,
                "seed": seed,
                "smoothing_px": smoothing,
                "found": found.sentences(),
                "checks": found.checks,
            },
        )
    with replacing(target / "comparison.npz") as partial:
        shape = (len(found.expressions), found.size, found.size)
        fields = ("mean_a", "mean_b", "difference", "t", "p", "effect")
        arrays = {name: getattr(found.maps, name).reshape(shape).astype(np.float32) for name in fields}
        write_archive(partial, {"expression": np.array(found.expressions), **arrays})
    return found


def default_names(a: Path, b: Path) -> tuple[str, str]:
    """The names of the folders, with as many of those above as it takes to tell them apart."""
    places = [(path.parent if path.suffix == ".npz" else path).absolute().parts for path in (a, b)]
    for count in range(1, max(map(len, places)) + 1):
        names = ["/".join(parts[-count:]) for parts in places]
        if names[0] != names[1]:
            return names[0], names[1]
    return f"{places[0][-1]} (A)", f"{places[1][-1]} (B)"
