"""An example session that is as nasty as a real one, with a full ground truth."""

from enicfer.example.scene import Scene
from enicfer.example.write import write_example_session

__all__ = ["Scene", "write_example_session"]
