"""An example session that is as nasty as a real one, with a full ground truth."""

from enicfer.synthetic.scene import SyntheticScene
from enicfer.synthetic.write import write_example_session

__all__ = ["SyntheticScene", "write_example_session"]
