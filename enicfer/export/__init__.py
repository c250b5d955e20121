"""From records to the files and objects of other programs; a file is read only where a copy of it is written."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
