"""From the video of a child's face to emotion events on the recording's own clock.

The public names stand in ``__init__.pyi`` and are imported on first use, so that ``import enicfer`` costs nothing.
"""

import lazy_loader

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
