"""What a training has begun with, in a few bytes: enough to see later that it is asked to go on with something else."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from sketchwidgets.training.checkpoints.belonging import digest, some_of
from sketchwidgets.training.fitting._pictures import Pictures
from sketchwidgets.training.fitting._recipe import Recipe

_FEWEST_NUMBERS = 32  # of a tensor whose size says something
_DEVIATIONS = 8

# The networks that `fit` has trained in this process, which are no longer as they began; how they did, and the folder.
_BEGUN: WeakKeyDictionary[nn.Module, tuple[Path, str]] = WeakKeyDictionary()


def data_trace(pictures: Pictures) -> dict[str, str | None]:
    """Digests of all labels and of some pictures, spread over all; None where pictures change from look to look."""
    return {
        "labels": digest([pictures.labels.tobytes()]),
        "pictures": pictures.digest(some_of(len(pictures))),
    }


def start_trace(network: nn.Module, recipe: Recipe) -> dict[str, Any]:
    """A digest of the weights that a network starts from, and how large they are, tensor by tensor.

    Without those that the recipe draws itself.
    """
    drawn = set()
    for name, module in network.named_modules():
        if isinstance(module, nn.modules.conv._ConvNd | nn.Linear):
            drawn |= {f"{name}.weight".lstrip(".")} if recipe.filter_std is not None else set()
            drawn |= {f"{name}.bias".lstrip(".")} if recipe.bias is not None else set()
    return _trace({name: value for name, value in network.state_dict().items() if name not in drawn})


def begin(network: nn.Module, folder: Path, trace: Mapping[str, Any]) -> None:
    """Keep in mind how a network began that is about to be trained in place."""
    _BEGUN[network] = (folder.resolve(), trace["digest"])


def began(network: nn.Module, folder: Path, trace: Mapping[str, Any]) -> bool:
    """Whether this very network was last trained from there, in this process and folder."""
    return _BEGUN.get(network) == (folder.resolve(), trace["digest"])


def drawn_alike(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two starts may be random numbers of the same distributions: every tensor is about as large.

    >>> from sketchwidgets.training.fitting._traces import drawn_alike, start_trace
    >>> recipe, (a, b) = sw.training.Recipe(), (sw.models.create("lenet") for _ in range(2))
    >>> drawn_alike(start_trace(a, recipe), start_trace(b, recipe))
    True
    >>> _ = torch.nn.init.zeros_(b.conv1.weight)
    >>> drawn_alike(start_trace(a, recipe), start_trace(b, recipe))
    False
    """
    ours, theirs = one["sizes"], other["sizes"]
    if [len(ours), *(n for n, _ in ours)] != [len(theirs), *(n for n, _ in theirs)]:
        return False
    return all(
        abs(a - b) <= _DEVIATIONS * min(a, b) / math.sqrt(2 * n)
        for (n, a), (_, b) in zip(ours, theirs, strict=True)
    )


def _trace(tensors: Mapping[str, Tensor]) -> dict[str, Any]:
    flat = {name: value.detach().cpu().contiguous().flatten() for name, value in tensors.items()}
    parts = [part for name, value in flat.items() for part in (name.encode(), _bytes(value))]
    large = [v.float() for v in flat.values() if v.is_floating_point() and v.numel() >= _FEWEST_NUMBERS]
    sizes = [[v.numel(), float(v.double().square().mean().sqrt())] for v in large]
    return {"digest": digest(parts), "sizes": sizes}


def _bytes(values: Tensor) -> memoryview:
    return memoryview(values.view(torch.uint8).numpy()) if values.numel() else memoryview(b"")
