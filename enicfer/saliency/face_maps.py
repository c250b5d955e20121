"""`FaceMaps`: the maps of many faces with all that a comparison needs, in memory and as a file.

The file (``saliency.npz``) is a NumPy archive without pickles: the arrays of `FaceMaps`, ``signed`` attributions,
and ``about``, a JSON text. The same maps give the same bytes.
"""

import io
import json
import zipfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from enicfer import __version__
from enicfer.errors import InputError
from enicfer.io.files.atomic import STAGES, is_visible, replacing, settle
from enicfer.io.files.claims import LARGE, RATIO
from enicfer.io.format_version import check_format
from enicfer.records import Float32Array, FloatArray
from enicfer.records.validity import check_maps
from enicfer.saliency.attribution.maps import Attribution
from enicfer.saliency.common_face import REGIONS, locate_attribution
from enicfer.saliency.groups.statistics import FEWEST, mean_interval
from enicfer.saliency.picture_files import FILE, LABEL
from enicfer.saliency.pictures import FaceCrops

FORMAT = 1
EYES_AND_MOUTH = "eyes and mouth"
_ARRAYS = ("name", "subject", "expression", "probability", "map", "landmarks", "found")


@dataclass(frozen=True, eq=False)
class FaceMaps:
    """Where a model looked, in many faces.

    Attributes
    ----------
    model, method
        Names.
    name, subject, expression
        (n,) of the image, of the person, and the explained label.
    probability
        (n,) of the explained label.
    map
        (n, s, s) magnitude of the attributions, in the crop's framing.
    landmarks
        (n, p, 2) fractions of the side.
    found
        (n,) whether the landmarks were found or are the framing's median places.
    checks
        What `enicfer.saliency.checks.trust` says of these maps, one sentence each; empty where not run.
    digest
        (n,) of the pictures, equal for equal pictures; empty texts, or None, where unknown.
    version
        Of enicfer, which made the maps.
    """

    model: str
    method: str
    name: npt.NDArray[np.str_]
    subject: npt.NDArray[np.str_]
    expression: npt.NDArray[np.str_]
    probability: Float32Array
    map: Float32Array
    landmarks: FloatArray
    found: npt.NDArray[np.bool_]
    checks: tuple[str, ...] = ()
    digest: npt.NDArray[np.str_] | None = None
    version: str = __version__

    def __len__(self) -> int:
        return len(self.map)

    def select(self, rows: npt.ArrayLike) -> "FaceMaps":
        """Some of the maps (indices or booleans)."""
        i = np.asarray(rows)
        chosen = {name: getattr(self, name)[i] for name in _ARRAYS}
        return replace(self, **chosen, digest=None if self.digest is None else self.digest[i])

    @cached_property
    def located(self) -> tuple[Float32Array, FloatArray, FloatArray]:
        """Maps on the common face, shares of the regions, and shares of uniform maps; see `locate_attribution`."""
        return locate_attribution(self.map, self.landmarks)

    @property
    def expressions(self) -> list[str]:
        """The labels that occur, in the order of `enicfer.expressions.Expression`."""
        from enicfer.expressions import Expression

        return [str(e) for e in Expression if (self.expression == str(e)).any()]

    @property
    def unit(self) -> str:
        """What intervals are over: ``subject``, or ``image`` for fewer than `FEWEST` people or one image of each."""
        return "subject" if FEWEST <= len(set(self.subject)) < len(self) else "image"


def make_face_maps(
    model: str, faces: FaceCrops, attribution: Attribution, checks: Sequence[str] = ()
) -> FaceMaps:
    """Put faces and attributions together."""
    return FaceMaps(
        model=model,
        method=attribution.method,
        name=faces.name,
        subject=faces.subject,
        expression=attribution.expression,
        probability=attribution.probability[np.arange(len(faces)), attribution.target],
        map=attribution.magnitude,
        landmarks=faces.landmarks,
        found=faces.found,
        checks=tuple(checks),
        digest=faces.digest,
    )


def table_of_regions(maps: FaceMaps) -> pd.DataFrame:
    """Share of the attribution in each region for each expression, compared with area.

    Returns
    -------
    pandas.DataFrame
        One row for each expression (and ``all``) and region (and `EYES_AND_MOUTH` together): ``share`` with
        ``share_low`` and ``share_high``, ``uniform`` (share of a uniform map), ``gain`` (share minus uniform) with
        ``gain_low`` and ``gain_high`` (95 %, Student's t over ``unit``), ``n_images``, ``n_subjects``.
    """
    _, share, uniform = maps.located
    both = [REGIONS.index("eyes"), REGIONS.index("mouth")]
    names = (*REGIONS, EYES_AND_MOUTH)
    share, uniform = (np.column_stack([v, v[:, both].sum(axis=1)]) for v in (share, uniform))
    rows = []
    for expression in ("all", *maps.expressions):
        chosen = (maps.expression == expression) | (expression == "all")
        units = maps.subject[chosen] if maps.unit == "subject" else np.nonzero(chosen)[0]
        mean = mean_interval(share[chosen], units)
        gain = mean_interval((share - uniform)[chosen], units)
        area = mean_interval(uniform[chosen], units)[0]
        for k, region in enumerate(names):
            rows.append(
                {
                    "expression": expression,
                    "region": region,
                    **{f"share{end}": v[k] for end, v in zip(("", "_low", "_high"), mean, strict=True)},
                    "uniform": area[k],
                    **{f"gain{end}": v[k] for end, v in zip(("", "_low", "_high"), gain, strict=True)},
                    "n_images": int(chosen.sum()),
                    "n_subjects": len(set(maps.subject[chosen])),
                    "unit": maps.unit,
                }
            )
    return pd.DataFrame(rows)


def table_of_images(maps: FaceMaps) -> pd.DataFrame:
    """One row for each image: name, subject, explained expression, its probability, landmarks found, shares."""
    _, share, _ = maps.located
    table = {
        "image": maps.name,
        "subject": maps.subject,
        "expression": maps.expression,
        "probability": maps.probability,
        "landmarks_found": maps.found.astype(int),
        **{f"share_{name}": share[:, k] for k, name in enumerate(REGIONS)},
    }
    return pd.DataFrame(table)


def describe_regions(table: pd.DataFrame) -> list[str]:
    """Say for each expression whether eyes and mouth have more of the attribution than their area."""
    lines = []
    for row in table[table["region"] == EYES_AND_MOUTH].to_dict("records"):
        if row["gain_low"] > 0:
            verdict = "more than their area"
        elif row["gain_high"] < 0:
            verdict = "LESS than their area: the model looks elsewhere"
        elif not np.isfinite(row["gain_low"]):
            verdict = "too few to say more"
        else:
            verdict = "not more than their area: the model may look elsewhere"
        lines.append(
            f"{row['expression']}: eyes and mouth have {row['share']:.1%} "
            f"[{_percent(row['share_low'])}, {_percent(row['share_high'])}] of the attribution and "
            f"{row['uniform']:.1%} of the area, {verdict} ({row['n_images']} images, unit: {row['unit']})."
        )
    return lines


def _percent(share: float) -> str:
    return f"{share:.1%}" if np.isfinite(share) else "unknown"


def save_face_maps(path: Path, maps: FaceMaps, signed: Float32Array) -> None:
    """Write `FaceMaps` and the signed attributions (n, c, s, s).

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    about = {
        "format": FORMAT,
        "enicfer": maps.version,
        "model": maps.model,
        "method": maps.method,
        "checks": list(maps.checks),
    }
    arrays = {name: getattr(maps, name) for name in _ARRAYS}
    arrays["digest"] = np.full(len(maps), "") if maps.digest is None else maps.digest
    check_maps(arrays)
    with replacing(path) as partial:
        write_archive(
            partial, {**arrays, "signed": signed, "about": np.array(json.dumps(about, ensure_ascii=False))}
        )


def write_archive(path: Path, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
    """Write arrays as ``.npz``, with a fixed date inside, so that the same arrays give the same bytes."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=4) as archive:
        for name, array in arrays.items():
            buffer = io.BytesIO()
            np.lib.format.write_array(
                buffer, np.ascontiguousarray(array).reshape(np.shape(array)), allow_pickle=False
            )
            entry = zipfile.ZipInfo(f"{name}.npy", (1980, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            entry.create_system = 3
            archive.writestr(entry, buffer.getvalue())


def read_face_maps(path: str | Path) -> FaceMaps:
    """Read one ``saliency.npz``, or all of them below a folder as one group.

    Raises
    ------
    InputError
        If there is none, one is damaged or of another kind, or they were made with different methods.
    """
    path = Path(path)
    stages = path.rglob(STAGES) if path.is_dir() else [path.with_name(STAGES)]
    for stage in list(stages):
        settle(stage.parent)
    files = sorted(f for f in path.rglob(FILE) if is_visible(f, path)) if path.is_dir() else [path]
    if not files or not files[0].exists():
        raise InputError(
            f"There is no {FILE} in {path}",
            remedy="make it with `enicfer saliency`, one folder for each group",
        )
    parts = [_read_one(file) for file in files]
    count = Counter(name for part in parts for name in set(part.subject.tolist()))
    twice = sorted(name for name in count if count[name] > 1 and not LABEL.fullmatch(name))
    if twice:
        raise InputError(
            f"{twice[0]} is a subject in several folders below {path}, of which nobody knows "
            "whether it is one person",
            remedy="name the folders of the pictures sub-<label> and explain them again",
        )
    for what in ("method", "model"):
        kinds = sorted({getattr(part, what) for part in parts})
        if len(kinds) > 1:
            raise InputError(
                f"The maps below {path} have different {what}s ({', '.join(kinds)})",
                remedy="give one folder for each",
            )
    if (
        len({part.map.shape[1:] for part in parts}) > 1
        or len({part.landmarks.shape[1:] for part in parts}) > 1
    ):
        raise InputError(
            f"The maps below {path} have different sizes or numbers of landmarks",
            remedy="make them anew together",
        )
    joined: dict[str, Any] = {
        name: np.concatenate([getattr(part, name) for part in parts]) for name in (*_ARRAYS, "digest")
    }
    checks = tuple(dict.fromkeys(line for part in parts for line in part.checks))
    versions = ", ".join(sorted({part.version for part in parts}))
    return replace(parts[0], **joined, checks=checks, version=versions)


def _read_one(file: Path) -> FaceMaps:
    try:
        _check_sizes(file)
        with file.open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
            about = json.loads(str(archive["about"]))
            check_format(about["format"], (FORMAT,), str(file), "make the maps again")
            arrays = {name: archive[name] for name in _ARRAYS}
            # Files of earlier versions have neither digests nor their version.
            known = "digest" in archive.files
            arrays["digest"] = archive["digest"] if known else np.full(len(arrays["name"]), "")
        check_maps(arrays)
        texts = [about["model"], about["method"], about.get("enicfer", "unknown"), *about["checks"]]
        if not isinstance(about["checks"], list) or not all(isinstance(text, str) for text in texts):
            raise InputError("what it says of the model, the method and the checks is no text")
    except Exception as error:  # the reader of archives raises every kind for damaged files
        if isinstance(error, InputError) and str(error).startswith(str(file)):
            raise
        text = " ".join(str(error).split())[:200] or type(error).__name__
        raise InputError(
            f"{file} is not a file of maps that `enicfer saliency` wrote ({text})",
            remedy="give one that it wrote",
        ) from None
    return FaceMaps(
        model=about["model"],
        method=about["method"],
        checks=tuple(about["checks"]),
        version=about.get("enicfer", "unknown"),
        **arrays,
    )


def _check_sizes(file: Path) -> None:
    """Refuse an archive that unpacks to far more than maps do."""
    with zipfile.ZipFile(file) as archive:
        unpacked = sum(entry.file_size for entry in archive.infolist())
    if unpacked > max(LARGE, RATIO * file.stat().st_size):
        raise InputError(f"it would unpack to {unpacked} bytes")
