"""Results on an MNE-Python recording: annotations, channels, metadata of epochs.

Conventions
-----------
``RunResult`` times count from the first sample of the *file*. ``raw.times`` count from the first sample that
is left, and annotations of a ``Raw`` from the start of the acquisition (``raw.first_samp``). The way between
them is here, and only here: a sample at ``raw.times[i]`` has the recording's time ``raw.times[i] +
raw.first_time - first_time``, where ``first_time`` is that of the file as it was read (0 but for FIF). So it
holds for recordings that were cropped, resampled, anonymised or have no date. After ``concatenate_raws`` give
``offset``, the place of this result's recording in the whole, and for FIF files ``first_time``, that of the
first of them: the whole goes on counting from there.

MNE-Python drops epochs at annotations named ``BAD*``: segments in which the face was lost are ``face/lost``, and
``BAD_face_lost`` only on request. FIF stores onsets as 32-bit floats, which is 0.5 ms after 2 hours; the tables
are exact.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
