"""Many sessions: each done once, whatever happens to the others.

The parts, in the order of the data: `jobs` (folders -> jobs), `markers` (what is done already), `work` (one job,
in a worker), `engine` (jobs -> workers), `tables` (the whole tree -> group tables), and `sessions`, which puts
them together.

All results share one tree of outputs. Its hidden folder ``.enicfer`` holds what makes work resumable: a marker
for each session, what was seen in videos, and trees that are not complete yet. It is not for sharing.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
