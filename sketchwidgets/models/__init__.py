"""Networks, recurrent cells, their registry and their weights."""

from sketchwidgets.models._device import resolve_device
from sketchwidgets.models._registry import create, name_of
from sketchwidgets.models._registry import list_models as list
from sketchwidgets.models._weights import WeightsError, assign_weights, load_weights, save_weights
from sketchwidgets.models.recurrent import GRUCell, LSTMCell, RecurrentClassifier
from sketchwidgets.models.sketch_a_net import SketchANet

__all__ = [
    "GRUCell",
    "LSTMCell",
    "RecurrentClassifier",
    "SketchANet",
    "WeightsError",
    "assign_weights",
    "create",
    "list",
    "load_weights",
    "name_of",
    "resolve_device",
    "save_weights",
]
