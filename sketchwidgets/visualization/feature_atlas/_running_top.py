"""The strongest images of every channel so far, kept on the device of the maps."""

import torch
from torch import Tensor


class RunningTop:
    """The `top` highest maxima of each of several channels, each image counted once, with the images' numbers.

    values (channels, top) descending, -inf where there were not that many images; indices (channels, top), then -1.
    Of equal maxima the image that came first is ahead, so the result does not depend on how the images were
    cut into batches.
    """

    def __init__(self, values: Tensor, indices: Tensor) -> None:
        self.values, self.indices = values, indices

    @classmethod
    def empty(cls, channels: int, top: int, like: Tensor) -> "RunningTop":
        dtype = torch.float64 if like.dtype == torch.float64 else torch.float32
        values = torch.full((channels, top), -torch.inf, device=like.device, dtype=dtype)
        return cls(values, torch.full((channels, top), -1, device=like.device))

    def add(self, peaks: Tensor, indices: Tensor) -> None:
        """Count in the maxima (n, channels) of n images with these numbers (n,)."""
        top = self.values.shape[1]
        values = torch.cat([self.values, peaks.T.to(self.values.dtype)], 1)
        numbers = torch.cat([self.indices, indices.expand(len(values), -1)], 1)
        # A stable sort and not topk: on blank and dead maps ties are the rule.
        values, order = values.sort(dim=1, descending=True, stable=True)
        self.values, self.indices = values[:, :top], numbers.gather(1, order[:, :top])


def peaks_of(maps: Tensor, channels_last: bool = False) -> Tensor:
    """The maximum of every channel over all positions, (n, channels), of maps (n, c, h, w), (n, h, w, c) or (n, c)."""
    if maps.ndim == 2:
        return maps
    return maps.amax((1, 2) if channels_last else (2, 3))
