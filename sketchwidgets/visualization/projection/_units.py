"""Which units to project, where they are, and the signal that starts at each."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from .windows._windows import Windows


@dataclass(frozen=True, eq=False)
class Units:
    """The units of a layer that are projected, t of each of n images.

    channels : (n, t) int64; positions : (n, t, 2) int64, row and column; activations : (n, t), the values there.
    strengths : (n, t), the signal that starts at each unit; with `maps`, the factor of its whole map.
    maps : (n, c, h, w) where the whole map of a channel is the signal, else None.
    """

    channels: Tensor
    positions: Tensor
    activations: Tensor
    strengths: Tensor
    maps: Tensor | None = None

    @property
    def dead(self) -> Tensor:
        """(n, t) bool: no signal starts there."""
        return self.strengths == 0

    def seeds(self, start: int, stop: int, shape: tuple[int, ...], channels_last: bool) -> Windows:
        """The signals of the units start to stop, counted through all images, on a value of that shape."""
        channels = self.channels.flatten()[start:stop]
        strengths = self.strengths.flatten()[start:stop]
        count = len(channels)
        unit = torch.arange(count, device=channels.device)
        if self.maps is None and len(shape) == 4 and not channels_last:
            signal = strengths.new_zeros((count, shape[1], 1, 1))
            signal[unit, channels, 0, 0] = strengths
            rows, columns = self.positions.flatten(0, 1)[start:stop].cpu().numpy().T
            return Windows(signal, rows, columns, 1, 1, full=False)
        signal = strengths.new_zeros((count, *shape[1:]))
        by_channel = signal.movedim(-1, 1) if channels_last else signal
        if self.maps is not None:
            image = (torch.arange(start, stop, device=channels.device)) // self.channels.shape[1]
            seeded = self.maps[image, channels]
            by_channel[unit, channels] = seeded * strengths.view(-1, *[1] * (seeded.ndim - 1))
        elif len(shape) == 2:
            signal[unit, channels] = strengths
        else:
            rows, columns = self.positions.flatten(0, 1)[start:stop].T
            by_channel[unit, channels, rows, columns] = strengths
        return Windows(signal)

    def owners(self, start: int, stop: int) -> np.ndarray:
        """The image of each of the units start to stop."""
        return np.arange(start, stop) // self.channels.shape[1]

    def __len__(self) -> int:
        return self.channels.numel()


def choose_units(
    maps: Tensor, top: int, signal: str, ties: str, channels: Tensor | None, positions: Tensor | None
) -> Units:
    """The units of maps (n, c, h, w) or (n, c): those asked for, or the `top` strongest of each image.

    Without positions, a unit is where its channel has its maximum; see `peak_positions` for the ties. The
    strongest channels are those with the largest maximum, for signal="map" those with the largest norm;
    equally strong ones come in order of their index.
    """
    as_maps = maps if maps.ndim == 4 else maps[:, :, None, None]
    asked = channels is not None
    images = torch.arange(len(maps), device=maps.device)[:, None]
    if not asked:
        strength = _spectral_norms(as_maps) if signal == "map" else as_maps.amax((2, 3))
        channels = strength.sort(dim=1, descending=True, stable=True).indices[:, :top]
    chosen = as_maps[images, channels]
    if positions is None:
        positions = peak_positions(chosen, ties)
    activations = as_maps[images, channels, positions[..., 0], positions[..., 1]]
    if signal == "activation":
        strengths = activations.clamp_min(0)
    elif signal == "unit" and asked:
        strengths = (activations != 0).to(maps.dtype)  # a class score may be negative and is still asked for
    else:
        strengths = (activations > 0).to(maps.dtype)
    return Units(channels, positions, activations, strengths, maps if signal == "map" else None)


def peak_positions(maps: Tensor, ties: str) -> Tensor:
    """(n, t, 2) int64, row and column of the maximum of each map (n, t, h, w).

    Of several positions that hold it, ties="first" takes the first, "center" the one nearest to the middle of the map.
    """
    height, width = maps.shape[2:]
    at_peak = (maps == maps.amax((2, 3), keepdim=True)).flatten(2)
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
    return torch.stack([position.div(width, rounding_mode="floor"), position % width], dim=2)


def _spectral_norms(maps: Tensor) -> Tensor:
    """(n, c): the largest singular value of each map, the 2-norm of a matrix by which FeatureVis ranks maps."""
    maps = maps.to(torch.promote_types(maps.dtype, torch.float32))
    if maps.shape[2] > maps.shape[3]:
        maps = maps.transpose(2, 3)
    # By the products of the rows: far cheaper than the singular values, and as good for the largest of them.
    return torch.linalg.eigvalsh(maps @ maps.transpose(2, 3))[..., -1].clamp_min(0).sqrt()
