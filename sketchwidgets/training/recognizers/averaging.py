"""The moving average of a network's weights, which is better than the last of them while the learning rate is high."""

import torch
from torch import nn


@torch.no_grad()
def update_average(average: nn.Module, network: nn.Module, stays: float, step: int) -> None:
    """Move `average` to `network` after training step `step` (0, 1, ...): what is old keeps the share `stays`.

    Less in the first steps, so that the random start is soon forgotten. Parameters and buffers alike; those that are
    not of floating point are copied. Exponential moving average, Polyak & Juditsky (1992) with a window.

    >>> from sketchwidgets.training.recognizers.averaging import update_average
    >>> old, new = torch.nn.Linear(1, 1, bias=False), torch.nn.Linear(1, 1, bias=False)
    >>> _ = old.weight.data.fill_(0.0), new.weight.data.fill_(1.0)
    >>> update_average(old, new, stays=0.999, step=0)
    >>> round(old.weight.item(), 3)
    0.9
    """
    stays = min(stays, (step + 1) / (step + 10))
    for old, value in zip(average.state_dict().values(), network.state_dict().values(), strict=True):
        if old.is_floating_point():
            old.lerp_(value, 1 - stays)
        else:
            old.copy_(value)
