"""Layers that the files of other programs have and torch has not, as modules that projections go through."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class PaddedConv2d(nn.Conv2d):
    """A convolution of zero-padded maps whose four sides are padded differently.

    pad : pixels (left, right, top, bottom), negative ones crop, as in `torch.nn.functional.pad`. Other arguments
        as in `torch.nn.Conv2d`, without its own padding.
    """

    def __init__(self, *args, pad: tuple[int, int, int, int], **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.pad = pad

    def forward(self, maps: Tensor) -> Tensor:
        return super().forward(F.pad(maps, self.pad))

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, pad={self.pad}"


class Concat(nn.Module):
    """The inputs (n, c_i, h, w) one behind the other along an axis, usually that of the channels."""

    def __init__(self, axis: int = 1) -> None:
        super().__init__()
        self.axis = axis

    def forward(self, *maps: Tensor) -> Tensor:
        return torch.cat(maps, self.axis)

    def extra_repr(self) -> str:
        return f"axis={self.axis}"


class Sum(nn.Module):
    """The sum of inputs of one shape, each times its coefficient (None: all 1)."""

    def __init__(self, coefficients: tuple[float, ...] | None = None) -> None:
        super().__init__()
        self.coefficients = coefficients

    def forward(self, *maps: Tensor) -> Tensor:
        if self.coefficients is not None:
            maps = tuple(c * m if c != 1 else m for c, m in zip(self.coefficients, maps, strict=True))
        total = maps[0]
        for term in maps[1:]:
            total = total + term
        return total

    def extra_repr(self) -> str:
        return "" if self.coefficients is None else f"coefficients={self.coefficients}"


class Scale(nn.Module):
    """The input times a weight plus a bias, both of a shape that broadcasts to it, such as (channels, 1, 1)."""

    def __init__(self, weight: Tensor, bias: Tensor | None = None) -> None:
        super().__init__()
        self.weight = nn.Parameter(weight)
        self.bias = None if bias is None else nn.Parameter(bias)

    def forward(self, maps: Tensor) -> Tensor:
        scaled = maps * self.weight
        return scaled if self.bias is None else scaled + self.bias

    def extra_repr(self) -> str:
        return f"{tuple(self.weight.shape)}, bias={self.bias is not None}"
