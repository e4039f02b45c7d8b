"""Switches: which position of each max-pooling window held the maximum, with a stated policy for ties.

On blank paper most windows of a sketch network are tied: all positions hold the same bias response. Every
choice among tied maxima is a subgradient of the same forward pass. PyTorch's forward reports the first,
which drags the projection of a blank region to the top left, by up to a pixel per pool. The policy here:

    "center"   of the tied positions, the one nearest to the middle of the window (row-major order where the
               distances are equal); a window without ties has its one maximum. The default: it has no
               drift.
    "first"    the position that PyTorch's forward reports, as in every library built on its gradients.

The windows of an adaptive max pool are of different sizes; they follow the same policy.
"""

from dataclasses import dataclass
from itertools import product

import torch
from torch import Tensor

TIES = ("center", "first")


@dataclass(frozen=True)
class PoolGeometry:
    """Kernel, stride, padding and dilation of a 2-d pool, each (vertical, horizontal)."""

    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int]
    dilation: tuple[int, int] = (1, 1)
    ceil_mode: bool = False

    @property
    def reach(self) -> tuple[int, int]:
        """Rows and columns from the first to the last position of a window, inclusive."""
        return tuple((k - 1) * d + 1 for k, d in zip(self.kernel, self.dilation, strict=True))


def switch_offsets(
    ties: str, maps: Tensor, pooled: Tensor, indices: Tensor, geometry: PoolGeometry
) -> tuple[Tensor, Tensor]:
    """Row and column of each window's switch, counted from the window's first position (padding included).

    maps (n, c, h, w) and pooled, indices (n, c, oh, ow) as in `torch.nn.functional.max_pool2d(...,
    return_indices=True)`; returns two int64 tensors (n, oh, ow, c), channels last.
    """
    if ties == "first":
        return _offsets_of_indices(indices, maps.shape[-1], geometry)
    return _central_offsets(maps, pooled, geometry)


def adaptive_switches(maps: Tensor, size: tuple[int, int]) -> Tensor:
    """The switches of an adaptive max pool of maps (n, c, h, w) under "center": (n, c, *size) int64, places in h * w."""
    (height, width), (rows, columns) = maps.shape[2:], size
    switches = torch.empty((*maps.shape[:2], rows, columns), dtype=torch.int64, device=maps.device)
    for row, column in product(range(rows), range(columns)):
        top, bottom = row * height // rows, -(-(row + 1) * height // rows)
        left, right = column * width // columns, -(-(column + 1) * width // columns)
        window = maps[:, :, top:bottom, left:right].flatten(2)
        order = torch.tensor(_nearest_first(bottom - top, right - left), device=maps.device)
        tied = window[..., order] == window.amax(2, keepdim=True)
        found = order[tied.to(torch.uint8).argmax(2)]
        y, x = found // (right - left), found % (right - left)
        switches[:, :, row, column] = (top + y) * width + left + x
    return switches


def _nearest_first(height: int, width: int) -> list[int]:
    """The places of a window in row-major order, those nearest to its middle first."""
    return sorted(
        range(height * width),
        key=lambda at: ((2 * (at // width) + 1 - height) ** 2 + (2 * (at % width) + 1 - width) ** 2, at),
    )


def _offsets_of_indices(indices: Tensor, width: int, geometry: PoolGeometry) -> tuple[Tensor, Tensor]:
    indices = indices.permute(0, 2, 3, 1).contiguous()
    first_row, first_column = (
        torch.arange(n, device=indices.device) * s - p
        for n, s, p in zip(indices.shape[1:3], geometry.stride, geometry.padding, strict=True)
    )
    rows = torch.div(indices, width, rounding_mode="floor")
    return rows - first_row[:, None, None], indices - rows * width - first_column[:, None]


def _central_offsets(maps: Tensor, pooled: Tensor, geometry: PoolGeometry) -> tuple[Tensor, Tensor]:
    (kh, kw), (sh, sw), (ph, pw), (dh, dw) = (
        geometry.kernel,
        geometry.stride,
        geometry.padding,
        geometry.dilation,
    )
    maps = maps.permute(0, 2, 3, 1).contiguous()
    pooled = pooled.permute(0, 2, 3, 1).contiguous()
    _, height, width, _ = maps.shape
    _, out_height, out_width, _ = pooled.shape
    # From the least to the most wanted position: each later match overrides the earlier ones by its higher rank.
    wanted = sorted(
        ((y, x) for y in range(kh) for x in range(kw)),
        key=lambda at: ((2 * at[0] + 1 - kh) ** 2 + (2 * at[1] + 1 - kw) ** 2, at),
        reverse=True,
    )
    many = len(wanted) > 255
    best = torch.zeros(pooled.shape, dtype=torch.int32 if many else torch.uint8, device=maps.device)
    for rank, (y, x) in enumerate(wanted, start=1):
        rows = _windows_inside(out_height, y * dh - ph, sh, height)
        columns = _windows_inside(out_width, x * dw - pw, sw, width)
        if len(rows) == 0 or len(columns) == 0:
            continue
        top, left = rows.start * sh + y * dh - ph, columns.start * sw + x * dw - pw
        values = maps[
            :, top : top + (len(rows) - 1) * sh + 1 : sh, left : left + (len(columns) - 1) * sw + 1 : sw
        ]
        part = (slice(None), slice(rows.start, rows.stop), slice(columns.start, columns.stop))
        match = values == pooled[part]
        match = match.to(best.dtype) if many else match.view(torch.uint8)
        torch.maximum(best[part], match.mul_(rank), out=best[part])
    order = [(0, 0), *wanted]  # rank 0, no match, only where the maximum is NaN
    best = best.int().flatten()
    rows, columns = (
        torch.tensor([at[axis] * d for at in order], device=maps.device)
        .index_select(0, best)
        .view(pooled.shape)
        for axis, d in ((0, dh), (1, dw))
    )
    return rows, columns


def _windows_inside(windows: int, offset: int, stride: int, size: int) -> range:
    """The windows whose position at `offset` (from the window's start, padding taken off) lies on the map."""
    first = max(0, -(offset // stride))
    last = min(windows - 1, (size - 1 - offset) // stride)
    return range(first, max(first, last + 1))
