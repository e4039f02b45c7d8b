"""Names of the networks. It maps names to classes and does nothing else."""

import difflib
import inspect
from importlib import import_module
from typing import Any

import numpy as np
from torch import nn

# Name -> module and class. Imported on first use: torchvision's networks take a second.
_NETWORKS = {
    "alexnet": ("networks.alexnet", "AlexNet"),
    "alexnet_sketch": ("networks.sketch_versions", "AlexNetSketch"),
    "googlenet_sketch": ("networks.sketch_versions", "GoogLeNetSketch"),
    "lenet": ("networks.lenet", "LeNet"),
    "recurrent_classifier": ("recurrent", "RecurrentClassifier"),
    "resnet18_sketch": ("networks.sketch_versions", "ResNet18Sketch"),
    "resnet50_sketch": ("networks.sketch_versions", "ResNet50Sketch"),
    "sketch_a_net": ("networks.sketch_a_net", "SketchANet"),
    "sketch_resnet": ("networks.sketch_resnet", "SketchResNet"),
    "stroke_encoder": ("stroke_encoder", "StrokeEncoder"),
    "vgg16_sketch": ("networks.sketch_versions", "VGG16Sketch"),
    "zfnet": ("networks.zfnet", "ZFNet"),
}
_PACKAGE = __name__.rpartition(".")[0]


def list_models() -> list[str]:
    """The names that `create` knows, sorted.

    >>> import sketchwidgets as sw
    >>> "sketch_a_net" in sw.models.list()
    True
    """
    return sorted(_NETWORKS)


def create(name: str, **arguments: Any) -> nn.Module:
    """A new network by name, with fresh random weights unless its arguments ask for others.

    `arguments` go to the class; numbers of NumPy as Python's, for they are saved with the weights. Raises ValueError for
    an unknown name and TypeError for an unknown argument.

    >>> import sketchwidgets as sw
    >>> network = sw.models.create("sketch_a_net", classes=250)
    """
    if not isinstance(name, str) or name not in _NETWORKS:
        close = difflib.get_close_matches(str(name), _NETWORKS, n=1)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        raise ValueError(f"no network is called {name!r}{hint} (known: {', '.join(list_models())})")
    module, class_name = _NETWORKS[name]
    arguments = {
        key: value.item() if isinstance(value, np.generic) else value for key, value in arguments.items()
    }
    network = getattr(import_module(f"{_PACKAGE}.{module}"), class_name)
    try:
        inspect.signature(network).bind(**arguments)
    except TypeError as error:
        raise TypeError(f"{name} cannot be created: {error}; it takes {inspect.signature(network)}") from None
    return network(**arguments)


def name_of(network: nn.Module) -> str:
    """The name under which the class of `network` is registered; ValueError if it is not."""
    kind = type(network)
    for name, (module, class_name) in _NETWORKS.items():
        if (kind.__module__, kind.__qualname__) == (f"{_PACKAGE}.{module}", class_name):
            return name
    known_names = ", ".join(list_models())
    raise ValueError(f"{kind.__name__} is not a registered network (known: {known_names})")
