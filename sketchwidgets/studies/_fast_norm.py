"""Contrast normalisation across maps as a product with a band matrix: torch's takes half of a small network's time."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class BandedNorm(nn.Module):
    """`nn.LocalResponseNorm` of maps (n, C, h, w), with the same numbers.

    >>> from sketchwidgets.studies._fast_norm import BandedNorm
    >>> norm, x = torch.nn.LocalResponseNorm(5, alpha=0.1), torch.rand(2, 8, 3, 3)
    >>> torch.allclose(BandedNorm(norm)(x), norm(x))
    True
    """

    def __init__(self, norm: nn.LocalResponseNorm) -> None:
        super().__init__()
        self.size, self.alpha, self.beta, self.k = norm.size, norm.alpha, norm.beta, norm.k

    def forward(self, maps: Tensor) -> Tensor:
        return _Normalise.apply(maps, self.size, self.alpha / self.size, self.beta, self.k)


class _Normalise(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, size: int, alpha: float, beta: float, k: float) -> Tensor:
        scale = _summed(x * x, size, before=size // 2).mul_(alpha).add_(k)
        y = x * scale.pow(-beta)
        ctx.save_for_backward(x, y, scale)
        ctx.constants = size, alpha, beta
        return y

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        x, y, scale = ctx.saved_tensors
        size, alpha, beta = ctx.constants
        # Of y_i = x_i s_i^-beta: each x_j counts in the sums of the maps around it, so the window is turned round.
        around = _summed(gradient * y / scale, size, before=(size - 1) // 2)
        found = gradient * scale.pow(-beta) - (2 * alpha * beta) * x * around
        return found, None, None, None, None


def _summed(x: Tensor, size: int, before: int) -> Tensor:
    """Of each map the sum over `size` maps, from `before` maps before it on."""
    maps = torch.arange(x.shape[1], device=x.device)
    offset = maps[None, :] - maps[:, None]
    band = (offset >= -before) & (offset < size - before)
    return F.conv2d(x, band.to(x.dtype)[:, :, None, None])


def with_fast_norms(network: nn.Module) -> nn.Module:
    """The network, with its contrast normalisations exchanged in place; it has no weights less or more."""
    for module in network.modules():
        for name, child in module.named_children():
            if isinstance(child, nn.LocalResponseNorm):
                setattr(module, name, BandedNorm(child))
    return network
