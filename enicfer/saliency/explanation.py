"""What an explanation of faces consists of."""

from dataclasses import dataclass

import pandas as pd

from enicfer.saliency.attribution.maps import Attribution
from enicfer.saliency.checks.trust import Trust
from enicfer.saliency.face_maps import FaceMaps, describe_regions
from enicfer.saliency.pictures import FaceCrops


@dataclass(frozen=True, eq=False)
class Explanation:
    """Where a model looked, whether that is to be believed, and how it sums up.

    Attributes
    ----------
    faces
        The faces.
    attribution
        The signed attributions.
    maps
        Magnitudes and where the landmarks are.
    trust
        Results of the checks, or None where not asked for.
    regions
        Table of `table_of_regions`.
    notes
        Things worth telling the user, one sentence each.
    """

    faces: FaceCrops
    attribution: Attribution
    maps: FaceMaps
    trust: Trust | None
    regions: pd.DataFrame
    notes: tuple[str, ...] = ()

    def sentences(self) -> list[str]:
        """What was found, one sentence each."""
        return [*describe_regions(self.regions), *self.maps.checks, *self.notes]
