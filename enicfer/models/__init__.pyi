from .classifier import Classifier as Classifier
from .classifier import load_model as load_model
from .weights import read_model as read_model
from .weights import save_model as save_model
