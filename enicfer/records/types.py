"""Types of arrays and of values that several records share.

Times are float64 seconds; see the package for the two clocks.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
Float32Array = npt.NDArray[np.float32]
UInt8Array = npt.NDArray[np.uint8]
# Told of long work as (done, in all, stage); "in all" is 0 where it is not known.
Progress = Callable[[int, int, str], None]
# Frame, and x and y in px of a point in the participant's face.
FacePoint = tuple[int, float, float]
# The same in the picture of one of several cameras, whose name is first.
CameraPoint = tuple[str, int, float, float]
