"""Which units to project: the strongest position of the strongest channels."""

import torch
from torch import Tensor


def strongest_units(maps: Tensor, top: int, ties: str) -> tuple[Tensor, Tensor, Tensor]:
    """The `top` channels by their maximum, per image, and where the maximum is.

    maps (n, c, h, w) or (n, c) -> channels (n, t) int64, positions (n, t, 2) int64 row and column,
    activations (n, t), with t = min(top, c), strongest first; equal channels in order of their index. Of
    several positions that hold the maximum, ties="first" takes the first, "center" the one nearest to the
    middle of the map.
    """
    if maps.ndim == 2:
        maps = maps[:, :, None, None]
    height, width = maps.shape[2:]
    peaks, channels = maps.amax((2, 3)).sort(dim=1, descending=True, stable=True)
    activations, channels = peaks[:, :top], channels[:, :top]
    images = torch.arange(len(maps), device=maps.device)[:, None]
    at_peak = (maps[images, channels] == activations[:, :, None, None]).flatten(2)
    if ties == "first":
        position = at_peak.int().argmax(2)
    else:
        rows = 2 * torch.arange(height, device=maps.device) + 1 - height
        columns = 2 * torch.arange(width, device=maps.device) + 1 - width
        nearness = -(rows[:, None] ** 2 + columns**2).flatten()
        # argmax of distinct integers, so that equal distances fall to the first in row-major order
        order = torch.argsort(nearness, stable=True, descending=True)
        rank = torch.empty_like(order).scatter_(0, order, torch.arange(len(order), 0, -1, device=maps.device))
        position = (at_peak * rank).argmax(2)
    positions = torch.stack([position.div(width, rounding_mode="floor"), position % width], dim=2)
    return channels, positions, activations
