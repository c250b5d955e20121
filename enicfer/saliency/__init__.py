"""Which parts of the face decided: attributions, their shares on the face, groups, and whether to believe them.

Reading order: `attribution` (pixels), `common_face` (regions), `checks`, `face_maps` (what is stored), `explain` and
`session` (what the commands do), `groups` (children against adults, two models), `figures`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
