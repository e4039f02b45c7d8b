"""Filters of a convolution kept small (Zeiler & Fergus 2014, section 3.1)."""

from typing import Any

import lightning as L
import torch
from lightning.pytorch.callbacks import Callback
from torch import nn


@torch.no_grad()
def renormalize_filters(network: nn.Module, radius: float = 0.1) -> int:
    """Rescale each filter of the convolutions whose RMS exceeds `radius` to that radius, in place.

    The RMS is that of a filter's own weights, input channels x height x width; biases are left alone. Returns how many
    filters were rescaled. Zeiler & Fergus 2014, section 3.1. Raises ValueError for a radius of 0 or less.

    >>> conv = torch.nn.Conv2d(1, 2, 3)
    >>> conv.weight.data[0], conv.weight.data[1] = 5.0, 0.01
    >>> sw.training.renormalize_filters(conv)
    1
    >>> [round(float(filter.square().mean().sqrt()), 3) for filter in conv.weight.detach()]
    [0.1, 0.01]
    """
    if not radius > 0:
        raise ValueError(f"radius must be above 0, not {radius}")
    count = 0
    for module in network.modules():
        if not isinstance(module, nn.Conv2d):
            continue
        rms = module.weight.square().mean((1, 2, 3), keepdim=True).sqrt()
        large = rms > radius
        # Multiplied by exactly 1 where it is small enough, so that those do not change by a rounding.
        module.weight.mul_(torch.where(large, radius / rms, torch.ones_like(rms)))
        count += int(large.sum())
    return count


class RenormalizeFilters(Callback):
    """A Lightning callback that calls `renormalize_filters` after each step.

    network : a name of the LightningModule's `named_modules()`; None for all of it. radius : the largest RMS.

    >>> from sketchwidgets.training import RenormalizeFilters
    >>> RenormalizeFilters(radius=0.1).radius
    0.1
    """

    def __init__(self, network: str | None = None, radius: float = 0.1) -> None:
        if not radius > 0:
            raise ValueError(f"radius must be above 0, not {radius}")
        self.network, self.radius = network, radius

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        renormalize_filters(pl_module.get_submodule(self.network or ""), self.radius)
