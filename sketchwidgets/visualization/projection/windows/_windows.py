"""Signals that live in windows: one small window per seeded unit, somewhere on a map.

Going down from one unit, the signal can only be non-zero inside the unit's receptive field. Windows carries
just that part: `signal` (units, channels, height, width), and for every unit where its window lies on the
map. All windows of one map have the same size, and two maps of one network shift by the same amount for all
units, so that sums of branches are simple.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Windows:
    """A signal on a map, for each of several units.

    signal : (units, c, height, width), or (units, *shape of the value without batch) where `full`.
    top, left : (units,) int64, the row and column of the map where each window starts; it may stick out. None
        where the extent is unknown or is the whole map.
    height, width : of the window.
    full : the signal is given on the whole map, whatever the window; outside of the window it is zero.
    """

    signal: Tensor
    top: np.ndarray | None = None
    left: np.ndarray | None = None
    height: int = 0
    width: int = 0
    full: bool = True

    @property
    def bounded(self) -> bool:
        """Whether it is known where the signal can be non-zero."""
        return self.top is not None

    def with_signal(self, signal: Tensor) -> "Windows":
        """The same place with another signal."""
        return replace(self, signal=signal)

    def part(self, chosen: slice) -> "Windows":
        """Some of the units."""
        top, left = (at if at is None else at[chosen] for at in (self.top, self.left))
        return replace(self, signal=self.signal[chosen], top=top, left=left)

    def moved(
        self,
        stride: tuple[int, int],
        padding: tuple[int, int],
        reach: tuple[int, int],
        signal: Tensor,
    ) -> "Windows":
        """The place below a sliding operation (stride, padding, reach of its kernel), with the signal there."""
        if not self.bounded:
            return Windows(signal)
        return Windows(
            signal,
            self.top * stride[0] - padding[0],
            self.left * stride[1] - padding[1],
            (self.height - 1) * stride[0] + reach[0],
            (self.width - 1) * stride[1] + reach[1],
            self.full,
        )

    def sticks_out(self, size: tuple[int, int]) -> bool:
        """Whether some window reaches beyond a map of that height and width."""
        return bool(
            self.top.min() < 0
            or self.left.min() < 0
            or self.top.max() + self.height > size[0]
            or self.left.max() + self.width > size[1]
        )

    def rows(self) -> tuple[np.ndarray, np.ndarray]:
        """Map rows (units, height) and map columns (units, width) that the windows cover, unclipped."""
        return (
            self.top[:, None] + np.arange(self.height),
            self.left[:, None] + np.arange(self.width),
        )

    def confined(self, size: tuple[int, int]) -> "Windows":
        """The same without what lies beyond a map of that size; on the whole map once the window is as large.

        Writes into the signal.
        """
        if self.full:
            return self
        if self.height * self.width >= size[0] * size[1]:
            return self.pasted(size)
        if not self.sticks_out(size):
            return self
        for unit, (top, left) in enumerate(zip(self.top.tolist(), self.left.tolist(), strict=True)):
            window = self.signal[unit]
            if top < 0:
                window[:, :-top] = 0
            if left < 0:
                window[:, :, :-left] = 0
            if top + self.height > size[0]:
                window[:, max(0, size[0] - top) :] = 0
            if left + self.width > size[1]:
                window[:, :, max(0, size[1] - left) :] = 0
        return self

    def pasted(self, size: tuple[int, int]) -> "Windows":
        """The same on the whole map."""
        if self.full:
            return self
        units, channels = self.signal.shape[:2]
        whole = blank(self.signal, (units, channels, *size)).zero_()
        for unit, (top, left, bottom, right) in enumerate(self.boxes(size)):
            if top < bottom and left < right:
                y, x = int(self.top[unit]), int(self.left[unit])
                whole[unit, :, top:bottom, left:right] = self.signal[
                    unit, :, top - y : bottom - y, left - x : right - x
                ]
        return replace(self, signal=whole, full=True)

    def boxes(self, size: tuple[int, int]) -> np.ndarray:
        """(units, 4) int64: top, left, bottom, right of the part of each window on the map; the whole map if unknown."""
        if not self.bounded:
            return np.tile(np.array([0, 0, *size], dtype=np.int64), (len(self.signal), 1))
        corners = [
            (self.top, size[0]),
            (self.left, size[1]),
            (self.top + self.height, size[0]),
            (self.left + self.width, size[1]),
        ]
        return np.stack([np.clip(at, 0, n) for at, n in corners], axis=1)


def blank(like: Tensor, shape: tuple[int, ...]) -> Tensor:
    """An uninitialized channels-last tensor of the type and device of another."""
    return torch.empty(shape, dtype=like.dtype, device=like.device, memory_format=torch.channels_last)


def joined(parts: Sequence[Windows]) -> Windows:
    """The signals of several groups of units, on one map and with windows of one size, as one."""
    top, left = (
        None if parts[0].top is None else np.concatenate([getattr(part, side) for part in parts])
        for side in ("top", "left")
    )
    return replace(parts[0], signal=torch.cat([part.signal for part in parts]), top=top, left=left)


def add(a: Windows | None, b: Windows, size: tuple[int, int] | None) -> Windows:
    """The sum of two signals on one map of that size (None: a value that is not a map), on the union of their windows."""
    if a is None:
        return b
    if not (a.bounded and b.bounded):
        if size is not None:
            a, b = a.pasted(size), b.pasted(size)
        return Windows(a.signal + b.signal)
    # The offset between the two windows is the same for every unit.
    down, right = int(b.top[0] - a.top[0]), int(b.left[0] - a.left[0])
    up, back = min(0, down), min(0, right)
    height = max(a.height, down + b.height) - up
    width = max(a.width, right + b.width) - back
    place = replace(a, top=a.top + up, left=a.left + back, height=height, width=width)
    if a.full or b.full:
        a, b = a.pasted(size), b.pasted(size)
        return replace(place, signal=a.signal + b.signal, full=True)
    if (
        (a.height, a.width) == (height, width)
        and (down, right) == (0, 0)
        and a.signal.shape == b.signal.shape
    ):
        return replace(place, signal=a.signal + b.signal)
    large, small, y, x = (a, b, down, right) if a.height >= b.height else (b, a, -down, -right)
    if (large.height, large.width) == (height, width):
        signal = large.signal.clone()
    else:
        signal = blank(a.signal, (*a.signal.shape[:2], height, width)).zero_()
        y0, x0 = (-up, -back) if large is a else (down - up, right - back)
        signal[:, :, y0 : y0 + large.height, x0 : x0 + large.width] = large.signal
        y, x = y + y0, x + x0
    signal[:, :, y : y + small.height, x : x + small.width] += small.signal
    union = replace(place, signal=signal)
    return union.pasted(size) if height * width >= size[0] * size[1] else union
