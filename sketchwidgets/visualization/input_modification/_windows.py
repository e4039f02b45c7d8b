"""Changed windows: where a value differs from its unoccluded self, and what it is there.

A patch changes a window of every map. The windows of several patches on one map are kept in one batch, all of one
size, each somewhere inside of the map: one that would stick out is moved in, and then covers more than what changed,
which is harmless because it holds values and not differences.
"""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

# For each of several positions and one axis: first changed index, and the first behind it that is not.
Extent = tuple[np.ndarray, np.ndarray]


@dataclass(slots=True)
class Windows:
    """data (p, c, h, w), channels-last; top, left (p,): where each window starts on its map."""

    data: Tensor
    top: np.ndarray
    left: np.ndarray

    @property
    def size(self) -> tuple[int, int]:
        return tuple(self.data.shape[2:])


@dataclass(frozen=True, slots=True)
class Sliding:
    """How an operation slides along one axis: an output at o reads o * stride - padding + (0, dilation, ...)."""

    kernel: int
    stride: int
    padding: int
    dilation: int = 1

    @property
    def reach(self) -> int:
        return (self.kernel - 1) * self.dilation + 1

    def outputs(self, extent: Extent, size: int) -> Extent:
        """Which outputs of `size` read a changed input. Where none does, an empty extent inside of the map."""
        low, high = extent
        first = -((self.reach - 1 - self.padding - low) // self.stride)
        last = (high - 1 + self.padding) // self.stride + 1
        first = np.clip(first, 0, size - 1)
        return first, np.clip(last, first, size)

    def inputs(self, start: np.ndarray, length: int) -> tuple[np.ndarray, int]:
        """The inputs, padding included, that `length` outputs from `start` on read: where they start and how many."""
        return start * self.stride - self.padding, (length - 1) * self.stride + self.reach


def placed(extent: Extent, size: int) -> tuple[np.ndarray, int]:
    """Starts and the common length of windows that hold the extents and lie inside of a map of that size."""
    low, high = extent
    length = max(1, int((high - low).max()))
    return np.minimum(low, size - length), length


def united(extents: list[Extent]) -> Extent:
    """The smallest extents that hold several, whose empty ones count for nothing."""
    low, high = extents[0]
    for other_low, other_high in extents[1:]:
        nothing, no_more = high <= low, other_high <= other_low
        joined_low, joined_high = np.minimum(low, other_low), np.maximum(high, other_high)
        low = np.where(nothing, other_low, np.where(no_more, low, joined_low))
        high = np.where(nothing, other_high, np.where(no_more, high, joined_high))
    return low, high


class Base:
    """An unoccluded map, laid out so that windows of it can be gathered row by row."""

    def __init__(self, value: Tensor) -> None:
        self.value = value  # (1, c, h, w)
        self._padded: dict[tuple, tuple[Tensor, int]] = {}

    @property
    def size(self) -> tuple[int, int]:
        return tuple(self.value.shape[2:])

    def gather(
        self,
        top: np.ndarray,
        left: np.ndarray,
        height: int,
        width: int,
        margins: tuple[int, int, int, int] = (0, 0, 0, 0),
        fill: float = 0.0,
    ) -> Tensor:
        """Windows (p, height, width, c), contiguous, of the map with margins (top, bottom, left, right) around it."""
        key = (margins, fill)
        if key not in self._padded:
            above, below, before, behind = margins
            padded = F.pad(self.value, (before, behind, above, below), value=fill)
            rows = padded[0].permute(1, 2, 0).reshape(-1, padded.shape[1])
            self._padded[key] = rows.contiguous(), padded.shape[3]
        rows, row_length = self._padded[key]
        index = window_index(top + margins[0], left + margins[2], height, width, row_length)
        return rows.index_select(0, index.to(rows.device)).view(len(top), height, width, -1)


def window_index(top: np.ndarray, left: np.ndarray, height: int, width: int, row_length: int) -> Tensor:
    """Flat positions (p * height * width) of windows in a map with rows of that length."""
    rows = (top[:, None] + np.arange(height)) * row_length
    index = rows[:, :, None] + (left[:, None] + np.arange(width))[:, None, :]
    return torch.from_numpy(index.reshape(-1))


def paste(target: Tensor, top: np.ndarray, left: np.ndarray, windows: Windows, add: bool = False) -> None:
    """Write windows into `target` (p, height, width, c), which starts at (top, left), or add them to it.

    What sticks out is left away.
    """
    source = windows.data.permute(0, 2, 3, 1)
    height, width = target.shape[1:3]
    down, right = windows.top - top, windows.left - left
    if (down == down[0]).all() and (right == right[0]).all():
        pieces = [(slice(None), int(down[0]), int(right[0]))]
    else:
        pieces = [
            (slice(p, p + 1), y, x)
            for p, (y, x) in enumerate(zip(down.tolist(), right.tolist(), strict=True))
        ]
    for which, y, x in pieces:
        to_rows, rows = _overlap(y, source.shape[1], height)
        to_columns, columns = _overlap(x, source.shape[2], width)
        there, here = target[which, to_rows, to_columns], source[which, rows, columns]
        if add:
            there += here
        else:
            there.copy_(here)


def _overlap(offset: int, length: int, limit: int) -> tuple[slice, slice]:
    """The part of `length` elements, moved by `offset`, that lies in 0 ... limit: where it lands, and which it is."""
    start, stop = max(0, offset), max(0, min(limit, offset + length))
    stop = max(start, stop)
    return slice(start, stop), slice(start - offset, stop - offset)


def as_maps(rows: Tensor) -> Tensor:
    """(p, h, w, c) contiguous -> (p, c, h, w) in channels-last order, no copy."""
    return rows.permute(0, 3, 1, 2)


def values_at(
    windows: Windows, base: Base, top: np.ndarray, left: np.ndarray, height: int, width: int
) -> Tensor:
    """The value on a region inside of its map, (p, c, height, width): changed where the windows are, else as it was."""
    if (
        windows.size == (height, width)
        and np.array_equal(windows.top, top)
        and np.array_equal(windows.left, left)
    ):
        return windows.data
    region = base.gather(top, left, height, width)
    paste(region, top, left, windows)
    return as_maps(region)


def whole(windows: Windows, base: Base) -> Tensor:
    """The value on the whole map, (p, c, H, W)."""
    if windows.size == base.size:
        return windows.data
    zero = np.zeros_like(windows.top)
    return values_at(windows, base, zero, zero, *base.size)
