"""An example session with the difficulties of a real one, with a full ground truth."""

from enicfer.synthetic.scene import SyntheticScene
from enicfer.synthetic.write import write_example_session

__all__ = ["SyntheticScene", "write_example_session"]
