"""Where the patches lie, what they are filled with, and which pixels they change."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ._windows import Base, Extent, as_maps, window_index

FILLS = ("mean", "grey", "noise", "paper")

Pair = tuple[int, int]


def as_pair(name: str, value: Any, least: int = 1) -> Pair:
    """A number of pixels, or (down, across), as a pair."""
    pair = tuple(value) if isinstance(value, list | tuple) else (value, value)
    whole = all(isinstance(n, int | np.integer) and not isinstance(n, bool) for n in pair)
    if len(pair) != 2 or not whole or min(pair) < least:
        raise ValueError(
            f"{name} must be a whole number of at least {least} or a pair of them, not {value!r}"
        )
    return int(pair[0]), int(pair[1])


def positions_along(length: int, size: int, stride: int, overhang: bool) -> np.ndarray:
    """(n, 2): from where to where each patch reaches along an axis of that length, clipped to it."""
    if overhang:
        starts = np.arange(stride - size if size > stride else 0, length, stride)
    else:
        starts = np.arange(-(-max(0, length - size) // stride) + 1) * stride
        starts = starts[starts < length]  # a stride beyond the size may step over the end, onto nothing
    return np.stack([np.clip(starts, 0, length), np.clip(starts + size, 0, length)], axis=1)


def grid(image_size: Pair, size: Pair, stride: Pair, overhang: bool) -> np.ndarray:
    """(rows, cols, 4) int64: top, left, bottom, right of every patch, clipped to the image."""
    down, across = (positions_along(image_size[a], size[a], stride[a], overhang) for a in range(2))
    boxes = np.empty((len(down), len(across), 4), dtype=np.int64)
    boxes[:, :, 0::2] = down[:, None]
    boxes[:, :, 1::2] = across[None]
    return boxes


def filling(image: Tensor, fill: Any, seed: int) -> Tensor:
    """(C, H, W): what an image (1, C, H, W) would be if it were occluded everywhere."""
    channels = image.shape[1]
    if isinstance(fill, str):
        if fill not in FILLS:
            raise ValueError(
                f"fill must be one of {', '.join(map(repr, FILLS))}, a number, or a tensor of {channels} numbers "
                f"or of the image's shape, not {fill!r}"
            )
        values = _NAMED[fill](image[0], seed)
    else:
        try:
            values = torch.as_tensor(fill, dtype=image.dtype, device=image.device).detach()
        except (TypeError, ValueError, RuntimeError) as error:
            raise ValueError(f"fill must be a name, a number or a tensor, not {fill!r}") from error
        if values.shape not in ((), (channels,), image.shape[1:], image.shape):
            raise ValueError(
                f"fill must be a number, or of shape ({channels},) or {tuple(image.shape[1:])}, not {tuple(values.shape)}"
            )
        if not values.isfinite().all():
            raise ValueError("fill must be finite")
        values = values.reshape(-1, 1, 1) if values.ndim < 3 else values.reshape(image.shape[1:])
    return values.to(image.dtype).expand(image.shape[1:]).clone()


def _mean(image: Tensor, seed: int) -> Tensor:
    return (
        image.float().mean((1, 2))[:, None, None]
        if image.dtype != torch.float64
        else image.mean((1, 2), True)
    )


def _grey(image: Tensor, seed: int) -> Tensor:
    return (image.amin((1, 2), keepdim=True) + image.amax((1, 2), keepdim=True)) / 2


def _noise(image: Tensor, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    random = torch.rand(image.shape, generator=generator, dtype=torch.float64).to(image)
    low, high = image.amin((1, 2), keepdim=True), image.amax((1, 2), keepdim=True)
    return low + (high - low) * random


def _paper(image: Tensor, seed: int) -> Tensor:
    border = torch.cat([image[:, 0], image[:, -1], image[:, :, 0], image[:, :, -1]], dim=1)
    return border.median(dim=1).values[:, None, None]


_NAMED = {"mean": _mean, "grey": _grey, "noise": _noise, "paper": _paper}


class Patches:
    """Patches over one image.

    image (1, C, H, W); filling (C, H, W); boxes (count, 4): top, left, bottom, right.
    extents: rows and columns that differ from the image, which under a patch of its own colour are fewer.
    """

    def __init__(self, image: Tensor, filling: Tensor, boxes: np.ndarray) -> None:
        self.image = image
        self.filling = filling
        self.boxes = boxes
        differs = (image[0] != filling).any(0).cpu().numpy()
        top, left, bottom, right = boxes.T
        self.extents: tuple[Extent, Extent] = (
            _bounds(differs, (left, right), (top, bottom)),
            _bounds(differs.T, (top, bottom), (left, right)),
        )

    @property
    def count(self) -> int:
        return len(self.boxes)

    def changed(self) -> np.ndarray:
        """The positions whose patch changes some pixel."""
        return np.flatnonzero(self.extents[0][1] > self.extents[0][0])

    def images(self, positions: Sequence[int] | np.ndarray) -> Tensor:
        """The occluded images, (k, C, H, W)."""
        images = self.image.expand(len(positions), -1, -1, -1).clone()
        for image, (top, left, bottom, right) in zip(images, self.boxes[positions].tolist(), strict=True):
            image[:, top:bottom, left:right] = self.filling[:, top:bottom, left:right]
        return images

    def windows(
        self, positions: np.ndarray, top: np.ndarray, left: np.ndarray, h: int, w: int, base: Base
    ) -> Tensor:
        """Windows (k, C, h, w) of the occluded images."""
        rows, columns = top[:, None] + np.arange(h), left[:, None] + np.arange(w)
        first_row, first_column, last_row, last_column = (edge[:, None] for edge in self.boxes[positions].T)
        inside = ((rows >= first_row) & (rows < last_row))[:, :, None] & (
            (columns >= first_column) & (columns < last_column)
        )[:, None, :]
        index = window_index(top, left, h, w, self.image.shape[3]).to(self.image.device)
        patch = self.filling.flatten(1).t().index_select(0, index).view(len(positions), h, w, -1)
        mask = torch.from_numpy(inside)[..., None].to(self.image.device)
        return as_maps(torch.where(mask, patch, base.gather(top, left, h, w)))


def _bounds(differs: np.ndarray, across: tuple, along: tuple) -> Extent:
    """First and last + 1 row with a difference, among the columns `across` and the rows `along` of each patch."""
    counted = np.zeros((differs.shape[0], differs.shape[1] + 1), dtype=np.int64)
    np.cumsum(differs, axis=1, out=counted[:, 1:])
    rows = np.arange(len(differs))[:, None]
    found = (counted[:, across[1]] > counted[:, across[0]]) & (rows >= along[0]) & (rows < along[1])
    some = found.any(0)
    low = np.where(some, found.argmax(0), along[0])
    high = np.where(some, len(differs) - found[::-1].argmax(0), along[0])
    return low, high
