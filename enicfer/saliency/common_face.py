"""Maps of many faces on one common face, and the shares of its regions.

The common face is the crop's own framing (`enicfer.faces.crop`), where FER2013's faces are in the median. A
thin-plate spline brings each face's landmarks exactly to their common places (Bookstein 1989,
doi:10.1109/34.24792); with five landmarks these are `enicfer.faces.crop.REFERENCE`, with 68 (the order of
iBUG's 300-W) the mean shape of the given faces.

Conventions: maps are (n, h, w), non-negative; landmarks (n, p, 2) are x, y in fractions of the crop's side, in
the order of `enicfer.records`; maps on the common face are (n, size, size). A share is the fraction of a map's
sum; an image's uniform map, warped likewise, gives the share that pure area would have.
"""

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from enicfer.errors import InputError
from enicfer.faces.crop import REFERENCE, fit_similarity
from enicfer.records import Float32Array, FloatArray, UInt8Array

SIZE = 64

_OUTLINE = (
    *((0.085, 0.33), (0.11, 0.20), (0.20, 0.08), (0.35, 0.01), (0.65, 0.01), (0.80, 0.08), (0.89, 0.20)),
    *((0.915, 0.33), (0.905, 0.55), (0.87, 0.74), (0.78, 0.90), (0.64, 0.99), (0.36, 0.99), (0.22, 0.90)),
    *((0.13, 0.74), (0.095, 0.55)),
)
_EYE = ((0.155, 0.335), (0.455, 0.335), (0.455, 0.44), (0.38, 0.48), (0.22, 0.48), (0.155, 0.44))
# Painted in this order, the later over the earlier; all but the first inside of the outline.
POLYGONS: dict[str, tuple[tuple[tuple[float, float], ...], ...]] = {
    "cheeks": (_OUTLINE,),
    "forehead": (((0.0, 0.0), (1.0, 0.0), (1.0, 0.30), (0.0, 0.30)),),
    "chin": (((0.0, 1.0), (1.0, 1.0), (1.0, 0.87), (0.0, 0.87)),),
    "brows": (((0.12, 0.24), (0.30, 0.20), (0.70, 0.20), (0.88, 0.24), (0.88, 0.335), (0.12, 0.335)),),
    "eyes": (_EYE, tuple((1 - x, y) for x, y in _EYE)),
    "nose": (((0.455, 0.335), (0.545, 0.335), (0.615, 0.60), (0.60, 0.675), (0.40, 0.675), (0.385, 0.60)),),
    "mouth": (
        (
            (0.27, 0.74),
            (0.40, 0.69),
            (0.60, 0.69),
            (0.73, 0.74),
            (0.73, 0.80),
            (0.62, 0.87),
            (0.38, 0.87),
            (0.27, 0.80),
        ),
    ),
}
REGIONS = ("brows", "eyes", "nose", "cheeks", "mouth", "chin", "forehead", "outside")


@lru_cache(maxsize=8)
def region_map(size: int = SIZE) -> UInt8Array:
    """(size, size) index into `REGIONS` of every pixel of the common face."""
    from skimage.draw import polygon2mask

    def mask(polygon: tuple[tuple[float, float], ...]) -> npt.NDArray[np.bool_]:
        # Pixel centres are at whole numbers plus a half; row before column.
        return np.asarray(polygon2mask((size, size), np.array(polygon)[:, ::-1] * size - 0.5), np.bool_)

    found = np.full((size, size), REGIONS.index("outside"), np.uint8)
    inside = mask(_OUTLINE)
    for name, polygons in POLYGONS.items():
        for polygon in polygons:
            found[mask(polygon) & inside] = REGIONS.index(name)
    found.setflags(write=False)
    return found


def five_points(landmarks: npt.ArrayLike) -> FloatArray:
    """(n, 5, 2) eyes, nose tip and mouth corners from five or 68 landmarks (n, p, 2).

    Raises
    ------
    InputError
        For another number of landmarks.
    """
    points = np.asarray(landmarks, np.float64)
    if points.ndim == 3 and points.shape[1:] == (5, 2):
        return points
    if points.ndim == 3 and points.shape[1:] == (68, 2):
        eyes = [points[:, 36:42].mean(axis=1), points[:, 42:48].mean(axis=1)]
        return np.stack([*eyes, points[:, 30], points[:, 48], points[:, 54]], axis=1)
    raise InputError(
        f"Landmarks have the shape {points.shape}", remedy="allowed are (n, 5, 2) and (n, 68, 2)"
    )


def common_points(landmarks: npt.ArrayLike) -> FloatArray:
    """(p, 2) where the landmarks lie on the common face, in fractions of its side."""
    points = np.asarray(landmarks, np.float64)
    five = five_points(points)
    if points.shape[1] == 5:
        return REFERENCE
    placed = []
    for shape, own in zip(points, five, strict=True):
        matrix = fit_similarity(own, REFERENCE)
        placed.append(shape @ matrix[:, :2].T + matrix[:, 2])
    return np.asarray(np.mean(placed, axis=0))


def warp_to_common_face(
    maps: npt.ArrayLike,
    landmarks: npt.ArrayLike,
    size: int = SIZE,
    common: FloatArray | None = None,
) -> Float32Array:
    """Bring maps of faces to the common face.

    Parameters
    ----------
    maps
        (n, h, w), or (n, h, w, 3) pictures.
    landmarks
        (n, p, 2) in fractions of the map's side, p = 5 or 68.
    size
        Side of the common face in px.
    common
        (p, 2) where the landmarks are to go; by default `common_points` of these faces. Groups that are
        compared need the same.

    Returns
    -------
    Float32Array
        (n, size, size[, 3]); 0 where the common face lies outside of the map.

    Raises
    ------
    InputError
        If the shapes do not fit, or a landmark is missing.
    """
    import cv2

    images = np.asarray(maps, np.float32)
    points = np.asarray(landmarks, np.float64)
    if images.ndim not in (3, 4) or len(points) != len(images):
        raise InputError(
            f"Maps of shape {images.shape} and landmarks of shape {points.shape} do not fit together",
            remedy="give one row of landmarks for each map",
        )
    five_points(points)
    if not np.isfinite(points).all():
        bad = int(np.nonzero(~np.isfinite(points).all(axis=(1, 2)))[0][0])
        raise InputError(
            f"Face {bad} has no landmarks", remedy="leave it out, or give the common places for it"
        )
    places = common_points(points) if common is None else np.asarray(common, np.float64)
    # The spline is linear in the points it leads to, so its weights are the same for every face.
    weights = _spline_weights(places.tobytes(), len(places), size)
    warped = np.empty((len(images), size, size, *images.shape[3:]), np.float32)
    scale = np.array([images.shape[2], images.shape[1]])
    for i, (image, own) in enumerate(zip(images, points, strict=True)):
        x, y = (weights @ (own * scale) - 0.5).astype(np.float32).T.reshape(2, size, size)
        warped[i] = cv2.remap(image, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=0)
    return warped


@lru_cache(maxsize=8)
def _spline_weights(places: bytes, n: int, size: int) -> FloatArray:
    """(size * size, n) weights of the landmarks in the place that each pixel comes from."""
    from scipy.interpolate import RBFInterpolator

    at = (np.arange(size) + 0.5) / size
    grid = np.stack(np.meshgrid(at, at), axis=-1).reshape(-1, 2)
    spline = RBFInterpolator(np.frombuffer(places).reshape(n, 2), np.eye(n), kernel="thin_plate_spline")
    return np.asarray(spline(grid))


def region_shares(common_maps: npt.ArrayLike) -> FloatArray:
    """(n, len(REGIONS)) share of each region in maps on the common face (n, size, size).

    A map that is zero everywhere (Grad-CAM can give one) has no shares: NaN.

    Raises
    ------
    InputError
        If a map has negative values.
    """
    maps = np.asarray(common_maps, np.float64)
    if maps.min(initial=0.0) < 0:
        raise InputError(
            "Shares need maps without negative values", remedy="use the magnitude of the attributions"
        )
    flat = maps.reshape(len(maps), -1)
    index = region_map(maps.shape[1]).ravel()
    sums = np.stack([flat[:, index == k].sum(axis=1) for k in range(len(REGIONS))], axis=1)
    with np.errstate(invalid="ignore"):
        return np.asarray(sums / sums.sum(axis=1, keepdims=True))


def locate_attribution(
    maps: npt.ArrayLike, landmarks: npt.ArrayLike, common: FloatArray | None = None, size: int = SIZE
) -> tuple[Float32Array, FloatArray, FloatArray]:
    """Maps on the common face (sum 1, NaN for a zero map), their regions' shares, and those of a uniform map.

    Parameters
    ----------
    maps, landmarks, common, size
        As in `warp_to_common_face`.

    Returns
    -------
    common_maps, share, uniform
        (n, size, size), (n, len(REGIONS)), (n, len(REGIONS)).
    """
    maps = np.asarray(maps, np.float32)
    places = common_points(landmarks) if common is None else common
    warped = warp_to_common_face(maps, landmarks, size, places)
    share = region_shares(warped)
    uniform = region_shares(warp_to_common_face(np.ones_like(maps), landmarks, size, places))
    with np.errstate(invalid="ignore"):
        return warped / warped.sum(axis=(1, 2), keepdims=True), share, uniform
