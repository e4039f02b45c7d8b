"""Layers of Caffe that torch has not, as modules. Those that other programs share are in `_layers`."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class InnerProduct(nn.Linear):
    """A fully connected layer that takes maps: (n, c, h, w) is laid out as (n, c · h · w), channel by channel."""

    def forward(self, maps: Tensor) -> Tensor:
        return super().forward(maps.flatten(1))


class MaxPool2d(nn.MaxPool2d):
    """Max pooling that may be padded by more than half a window: pixels beyond the image are never the maximum.

    Sizes are pairs (vertical, horizontal). The padding is smaller than the window, so each has a pixel of the image.
    """

    def forward(self, maps: Tensor) -> Tensor:
        padded = F.pad(maps, _covered(self, maps), value=-math.inf)
        return F.max_pool2d(padded, self.kernel_size, self.stride)


class AvgPool2d(nn.AvgPool2d):
    """The same for the average: of what of a window is inside the padded image, where the padding counts as zeros."""

    def forward(self, maps: Tensor) -> Tensor:
        left, right, above, below = _covered(self, maps)
        sums = F.avg_pool2d(
            F.pad(maps, (left, right, above, below)), self.kernel_size, self.stride, divisor_override=1
        )
        inside = maps.new_ones((1, 1, maps.shape[2] + 2 * above, maps.shape[3] + 2 * left))
        inside = F.pad(inside, (0, right - left, 0, below - above))
        return sums / F.avg_pool2d(inside, self.kernel_size, self.stride, divisor_override=1)


def _covered(pool: nn.MaxPool2d | nn.AvgPool2d, maps: Tensor) -> list[int]:
    """How far the windows reach beyond the maps: left, right, above, below; negative where they end before."""
    reach = []
    sizes = zip(maps.shape[2:], pool.kernel_size, pool.stride, pool.padding, strict=True)
    for size, kernel, stride, padding in reversed(list(sizes)):
        count = pooled_size(size, kernel, stride, padding, pool.ceil_mode)
        reach += [padding, (count - 1) * stride + kernel - padding - size]
    return reach


def pooled_size(size: int, kernel: int, stride: int, padding: int, ceil_mode: bool) -> int:
    """Windows along one axis; the last one starts inside the image or on the padding before it."""
    count = windows(size, kernel, stride, padding, ceil_mode)
    return count - (ceil_mode and (count - 1) * stride >= size + padding)


def windows(size: int, kernel: int, stride: int, padding: int, ceil_mode: bool) -> int:
    """Windows along one axis, a last one counted that starts beyond the image."""
    beyond = size + 2 * padding - kernel
    return (-(-beyond // stride) if ceil_mode else beyond // stride) + 1


class GlobalMaxPool2d(nn.Module):
    """The maximum of every channel, (n, c, 1, 1)."""

    def forward(self, maps: Tensor) -> Tensor:
        return F.max_pool2d(maps, maps.shape[2:])


class SpatialResponseNorm(nn.Module):
    """Local response normalization within a channel: x / (1 + alpha · mean of x² over size x size pixels) ^ beta.

    The mean is that of all size² pixels, with zeros beyond the border.
    """

    def __init__(self, size: int, alpha: float, beta: float) -> None:
        super().__init__()
        self.size, self.alpha, self.beta = size, alpha, beta

    def forward(self, maps: Tensor) -> Tensor:
        mean = F.avg_pool2d(maps.square(), self.size, 1, (self.size - 1) // 2)
        return maps * (1 + self.alpha * mean) ** -self.beta

    def extra_repr(self) -> str:
        return f"{self.size}, alpha={self.alpha:g}, beta={self.beta:g}"


class Maximum(nn.Module):
    """The largest of inputs of one shape, number by number.

    A max pool over them, so that projections send the signal on to the input that was the largest.
    """

    def forward(self, *maps: Tensor) -> Tensor:
        side_by_side = torch.stack(maps, -1).reshape(len(maps[0]), 1, -1, len(maps))
        return F.max_pool2d(side_by_side, (1, len(maps))).reshape(maps[0].shape)


class Gate(nn.Module):
    """Maps (n, c, h, w) times one number for every image and channel, (n, c)."""

    def forward(self, maps: Tensor, factors: Tensor) -> Tensor:
        return maps * factors.reshape(*factors.shape[:2], *[1] * (maps.ndim - 2))


class Shift(nn.Module):
    """The input plus a bias of a shape that broadcasts to it, such as (channels, 1, 1)."""

    def __init__(self, bias: Tensor) -> None:
        super().__init__()
        self.bias = nn.Parameter(bias)

    def forward(self, maps: Tensor) -> Tensor:
        return maps + self.bias

    def extra_repr(self) -> str:
        return f"{tuple(self.bias.shape)}"


class Power(nn.Module):
    """(shift + scale · x) ^ power."""

    def __init__(self, power: float, scale: float, shift: float) -> None:
        super().__init__()
        self.power, self.scale, self.shift = power, scale, shift

    def forward(self, maps: Tensor) -> Tensor:
        values = maps * self.scale + self.shift
        return values if self.power == 1 else values**self.power

    def extra_repr(self) -> str:
        return f"power={self.power:g}, scale={self.scale:g}, shift={self.shift:g}"


class Slice(nn.Module):
    """The input cut along an axis into two or more parts of these sizes, a tuple."""

    def __init__(self, sizes: tuple[int, ...], axis: int = 1) -> None:
        super().__init__()
        self.sizes, self.axis = sizes, axis

    def forward(self, maps: Tensor) -> tuple[Tensor, ...]:
        return maps.split(self.sizes, self.axis)

    def extra_repr(self) -> str:
        return f"{self.sizes}, axis={self.axis}"


class Part(nn.Module):
    """Of the input along an axis only `size` numbers from `start` on: the one part of a slice that is used."""

    def __init__(self, start: int, size: int, axis: int = 1) -> None:
        super().__init__()
        self.start, self.size, self.axis = start, size, axis

    def forward(self, maps: Tensor) -> Tensor:
        if self.axis < 2:
            return maps.narrow(self.axis, self.start, self.size)
        # Rows or columns: as padding by less than nothing, which projections know the way down of.
        sides = [0] * (2 * (maps.ndim - self.axis))
        sides[-2:] = -self.start, self.start + self.size - maps.shape[self.axis]
        return F.pad(maps, sides)

    def extra_repr(self) -> str:
        return f"{self.start}:{self.start + self.size}, axis={self.axis}"


class Reshape(nn.Module):
    """Each image in another shape of as many numbers."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.shape = shape

    def forward(self, values: Tensor) -> Tensor:
        return values.reshape(len(values), *self.shape)

    def extra_repr(self) -> str:
        return f"{self.shape}"
