"""torchvision's ImageNet weights, where they can be had."""

import socket
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn

_SILENCE = 30.0  # seconds
_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of RGB in 0..1, as torchvision has them


def imagenet_state(name: str) -> dict[str, Tensor] | None:
    """The ImageNet weights of a network of torchvision, from its cache or downloaded, checked by torchvision.

    None, and a UserWarning that says what failed, where there is no connection, no place to put them, or what
    arrived is not what torchvision published.
    """
    from torchvision.models import get_model_weights

    weights = get_model_weights(name)["IMAGENET1K_V1"]
    try:
        with _not_forever():
            # weights_only: what arrives is read as tensors, and nothing in it can run.
            return weights.get_state_dict(
                progress=True, check_hash=True, map_location="cpu", weights_only=True
            )
    except (
        Exception
    ) as error:  # network, disk, checksum, damage: urllib, torch.hub and pickle have no common class
        reason = getattr(error, "reason", None) or error
        warnings.warn(
            f"the ImageNet weights of {name} could not be had from {weights.url} "
            f"({type(error).__name__}: {reason}): the network starts from random weights. With a file of them in "
            f"{torch.hub.get_dir()}/checkpoints no download is needed",
            UserWarning,
            stacklevel=5,
        )
        return None


def input_statistics(channels: int, halves: bool = False) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and deviation, for 3 channels or 1, of the values in 0..1 that ImageNet weights want; or a half for each.

    A grey image is normalised by the averages: the sum of three filters sees one image where they saw three.
    """
    if halves:
        return (0.5,) * channels, (0.5,) * channels
    if channels == 3:
        return _MEAN, _DEVIATION
    return (sum(_MEAN) / 3,), (sum(_DEVIATION) / 3,)


@contextmanager
def _not_forever() -> Iterator[None]:
    """A limit on silence for torch.hub, which sets none: behind some firewalls it would wait for minutes."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(_SILENCE if before is None else before)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def take_over(network: nn.Module, state: Mapping[str, Tensor], first: str, last: str) -> None:
    """Give a network ImageNet weights: a grey first convolution sums them over RGB, another number of classes keeps its own
    last layer."""
    state = dict(state)
    grey = network.get_submodule(first).in_channels == 1
    if grey:
        state[f"{first}.weight"] = state[f"{first}.weight"].sum(1, keepdim=True)
    layer = network.get_submodule(last)
    if layer.out_features != len(state[f"{last}.bias"]):
        state |= {f"{last}.{name}": value for name, value in layer.state_dict().items()}
    network.load_state_dict(state)
