"""Run a network on images and keep what some of its layers return."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from .._failures import explained
from ..network import Network
from ..projection.recording._recorder import watch

_BATCH = 16
_PASSIVE = (nn.Dropout, nn.Dropout2d, nn.Flatten, nn.Identity, nn.Softmax, nn.LogSoftmax)


def as_network(model: Any, images: Any) -> Network:
    """The Network to ask. A plain module that is given tensors needs no preprocessing, only a way to be looked at."""
    if not (isinstance(model, nn.Module) and isinstance(images, Tensor)):
        return Network.of(model)
    if images.ndim != 4 or 0 in images.shape:
        raise ValueError(f"images must be (n, C, H, W), not {tuple(images.shape)}")
    if not torch.isfinite(images).all():
        raise ValueError("images hold values that are not finite")
    if not images.is_floating_point():
        raise ValueError(f"images must be floating point, not {images.dtype}")
    images = images.detach()
    low, high = float(images.min()), float(images.max())
    spread = max(high - low, 1e-6)
    # `Network.picture` shows value * std + mean: with these, the range of the images as black to white.
    network = Network(
        model,
        size=tuple(images.shape[2:]),
        channels=images.shape[1],
        mean=-low / spread,
        std=1 / spread,
        ink="negative",
    )
    one = images[:1].to(*network._place())
    with torch.inference_mode(False), torch.no_grad(), explained(model, one):
        model(one.clone())
    return network


def run(network: Network, images: Tensor, layers: Sequence[str]) -> tuple[dict[str, Tensor], Tensor]:
    """Features (n, numbers) by layer, on the CPU, and class probabilities (n, classes) of images (n, C, H, W).

    A module that runs several times is taken at its first run. No hook stays on the network.
    """
    features: dict[str, list[Tensor]] = {layer: [] for layer in layers}
    probabilities = []
    for first in range(0, len(images), _BATCH):
        part = images[first : first + _BATCH]
        seen: set[str] = set()

        def collect(name: str, output: Any, seen: set[str] = seen) -> bool:
            if name not in seen:
                if not isinstance(output, Tensor):
                    raise ValueError(f"layer {name!r} returns a {type(output).__name__}, not a tensor")
                features[name].append(output.detach().flatten(1).cpu().clone())  # may be overwritten in place
                seen.add(name)
            return False

        with torch.inference_mode(False), torch.no_grad(), watch(network.module, list(layers), collect):
            probabilities.append(network.scores(part.clone()))
        missing = [layer for layer in layers if layer not in seen]
        if missing:
            raise ValueError(f"the forward pass did not run layer {missing[0]!r}")
    return {layer: torch.cat(parts) for layer, parts in features.items()}, torch.cat(probabilities)


def check_layers(network: Network, layers: Any, default: Sequence[str]) -> tuple[str, ...]:
    """The layers asked for, or the default; ValueError for one that the network does not have."""
    if layers is None:
        return tuple(default)
    names = [layers] if isinstance(layers, str) else list(dict.fromkeys(layers))
    if not names:
        raise ValueError("layers is empty")
    modules = dict(network.module.named_modules())
    for name in names:
        if not name or name not in modules:
            raise ValueError(f"the network has no layer {name!r}; see model.named_modules()")
    return tuple(names)


def late_layer(network: Network, image: Tensor) -> str:
    """The last layer before the class scores: of AlexNet the rectified fc7, of a ResNet the pooled features."""
    modules = dict(network.module.named_modules())
    leaves = [name for name, module in modules.items() if name and not any(module.children())]
    ran: list[str] = []

    def collect(name: str, output: Any) -> bool:
        if isinstance(output, Tensor):
            ran.append(name)
        return False

    with torch.inference_mode(False), torch.no_grad(), watch(network.module, leaves, collect):
        network.scores(image.clone())
    try:
        scores = network.class_layer()
    except ValueError:  # features only: the scores are made elsewhere
        scores = None
    if scores in ran:
        ran = ran[: ran.index(scores)]
    active = [name for name in ran if not isinstance(modules[name], _PASSIVE)]
    if not active:
        raise ValueError("the network has no layer before its class scores: name the layers")
    return active[-1]
