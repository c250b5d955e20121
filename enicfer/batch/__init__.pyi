from .dataset import Selection as Selection
from .dataset import process_dataset as process_dataset
from .dataset import summarise_dataset as summarise_dataset
from .sessions import BatchResult as BatchResult
from .sessions import process_sessions as process_sessions
