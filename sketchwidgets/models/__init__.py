"""Networks, recurrent cells, their registry and their weights."""

from collections.abc import Iterable
from importlib import import_module
from typing import Any

from sketchwidgets.models._depth import layer_groups, penultimate
from sketchwidgets.models._device import resolve_device, widest_float
from sketchwidgets.models._fingerprint import fingerprint
from sketchwidgets.models._registry import create, name_of
from sketchwidgets.models._registry import list_models as list
from sketchwidgets.models._seeded import kept_generators, seeded
from sketchwidgets.models._weights import WeightsError, assign_weights, load_weights, save_weights
from sketchwidgets.models.networks.alexnet import AlexNet
from sketchwidgets.models.networks.lenet import LeNet
from sketchwidgets.models.networks.sketch_a_net import SketchANet
from sketchwidgets.models.networks.sketch_resnet import SketchResNet
from sketchwidgets.models.networks.zfnet import ZFNet
from sketchwidgets.models.recurrent import GRUCell, LSTMCell, RecurrentClassifier

# Imported whole on first use.
_SUBPACKAGES = ("classical", "ensemble", "importers")

# Name -> module, of what is imported on first use: torchvision takes a second.
_LAZY = {
    "AlexNetSketch": "networks.sketch_versions",
    "GoogLeNetSketch": "networks.sketch_versions",
    "ImagePreprocessing": "importers",
    "ImportedNetwork": "importers",
    "NetworkFileError": "importers",
    "ResNet18Sketch": "networks.sketch_versions",
    "ResNet50Sketch": "networks.sketch_versions",
    "VGG16Sketch": "networks.sketch_versions",
    "from_caffe": "importers.caffe",
    "from_matconvnet": "importers.matconvnet",
    "to_caffe": "importers.caffe",
    "to_matconvnet": "importers.matconvnet",
}

__all__ = [
    "AlexNet",
    "AlexNetSketch",
    "GRUCell",
    "GoogLeNetSketch",
    "ImagePreprocessing",
    "ImportedNetwork",
    "LSTMCell",
    "LeNet",
    "NetworkFileError",
    "RecurrentClassifier",
    "ResNet18Sketch",
    "ResNet50Sketch",
    "SketchANet",
    "SketchResNet",
    "VGG16Sketch",
    "WeightsError",
    "ZFNet",
    "assign_weights",
    "classical",
    "create",
    "ensemble",
    "fingerprint",
    "from_caffe",
    "from_matconvnet",
    "importers",
    "kept_generators",
    "layer_groups",
    "list",
    "load_weights",
    "name_of",
    "penultimate",
    "resolve_device",
    "save_weights",
    "seeded",
    "to_caffe",
    "to_matconvnet",
    "widest_float",
]


def __getattr__(name: str) -> Any:
    if name in _SUBPACKAGES:
        return import_module(f"{__name__}.{name}")
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_LAZY[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> Iterable[str]:  # `list` is ours here
    return sorted({*globals(), *__all__})
