from .annotations import make_annotations as make_annotations
from .annotations import write_annotations as write_annotations
from .epochs import emotion_metadata as emotion_metadata
from .epochs import expression_events as expression_events
from .raw import add_emotion_channels as add_emotion_channels
from .raw import add_emotion_events as add_emotion_events
from .raw import check_raw_file as check_raw_file
from .raw import save_raw as save_raw
