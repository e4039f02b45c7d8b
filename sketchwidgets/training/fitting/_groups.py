"""How the parameters of a network start, and which of them learn how fast."""

from collections import defaultdict
from typing import Any

import torch
from torch import nn

from sketchwidgets.models import layer_groups
from sketchwidgets.training.fitting._recipe import Recipe

_NORMS = (nn.modules.batchnorm._BatchNorm, nn.GroupNorm, nn.LayerNorm, nn.LocalResponseNorm)


def parameter_groups(network: nn.Module, recipe: Recipe) -> list[dict[str, Any]]:
    """Groups for an optimiser of torch; "highest" is the learning rate before the schedule.

    Biases and the parameters of norms learn at `bias_rate` and do not decay; the last layer learns at `head_rate`;
    each layer at `depth_decay` times the one above. What does not learn is left out and asks for no gradient.
    """
    depth = {id(p): k for k, group in enumerate(layer_groups(network)) for p in group}
    last = max(depth.values(), default=0)
    plain = {id(p) for module in network.modules() for p in _without_decay(module)}
    found: dict[tuple[float, float], list[nn.Parameter]] = defaultdict(list)
    for parameter in network.parameters():
        if not parameter.requires_grad:
            continue
        k = depth.get(id(parameter), last)
        rate = recipe.learning_rate * recipe.depth_decay ** (last - k)
        rate *= recipe.head_rate if k == last else 1.0
        bias = id(parameter) in plain
        rate *= recipe.bias_rate if bias else 1.0
        decay = 0.0 if bias and not recipe.decay_biases else recipe.weight_decay
        if rate:
            found[rate, decay].append(parameter)
    if not found:
        raise ValueError("the recipe leaves no parameter of the network to learn")
    return [
        {"params": parameters, "lr": rate, "highest": rate, "weight_decay": decay}
        for (rate, decay), parameters in found.items()
    ]


@torch.no_grad()
def initialise(network: nn.Module, recipe: Recipe) -> None:
    """Give filters and biases the start of the recipe, in place; the same seed gives the same start."""
    generator = torch.Generator().manual_seed(recipe.seed)
    for module in network.modules():
        if not isinstance(module, nn.modules.conv._ConvNd | nn.Linear):
            continue
        if recipe.filter_std is not None:
            values = torch.randn(module.weight.shape, generator=generator) * recipe.filter_std
            module.weight.copy_(values)
        if recipe.bias is not None and module.bias is not None:
            module.bias.fill_(recipe.bias)


def _without_decay(module: nn.Module) -> list[nn.Parameter]:
    if isinstance(module, _NORMS):
        return list(module.parameters(recurse=False))
    return [p for name, p in module.named_parameters(recurse=False) if name.endswith("bias")]
