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


class PaddedMaxPool2d(nn.Module):
    """A max pool whose windows are cut off where maps end, and that pads the four sides differently.

    kernel, stride : (vertical, horizontal). pad : pixels (left, right, top, bottom), as in `PaddedConv2d`. The size is
    rounded down.
    """

    def __init__(
        self, kernel: tuple[int, int], stride: tuple[int, int], pad: tuple[int, int, int, int]
    ) -> None:
        super().__init__()
        self.kernel, self.stride, self.pad = kernel, stride, pad

    def forward(self, maps: Tensor) -> Tensor:
        return F.max_pool2d(F.pad(maps, self.pad, value=-torch.inf), self.kernel, self.stride)

    def extra_repr(self) -> str:
        return f"kernel={self.kernel}, stride={self.stride}, pad={self.pad}"


class PaddedAvgPool2d(PaddedMaxPool2d):
    """The same for the average, of those pixels of a window that are in the map."""

    def forward(self, maps: Tensor) -> Tensor:
        inside = F.pad(maps.new_ones((1, 1, *maps.shape[2:])), self.pad)
        share = F.avg_pool2d(inside, self.kernel, self.stride)
        return F.avg_pool2d(F.pad(maps, self.pad), self.kernel, self.stride) / share


class CroppedConvTranspose2d(nn.ConvTranspose2d):
    """A transposed convolution whose result is cropped differently at the four sides.

    crop : pixels (left, right, top, bottom). Other arguments as in `torch.nn.ConvTranspose2d`, without its own padding.
    """

    def __init__(self, *args, crop: tuple[int, int, int, int], **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.crop = crop

    def forward(self, maps: Tensor) -> Tensor:
        return F.pad(super().forward(maps), tuple(-side for side in self.crop))

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, crop={self.crop}"


class Product(nn.Module):
    """The product of inputs that broadcast to each other."""

    def forward(self, *maps: Tensor) -> Tensor:
        total = maps[0]
        for factor in maps[1:]:
            total = total * factor
        return total


class CropLike(nn.Module):
    """The first input cropped to the size of the second, from row `top` and column `left` on if it is large enough."""

    def __init__(self, top: int = 0, left: int = 0) -> None:
        super().__init__()
        self.top, self.left = top, left

    def forward(self, maps: Tensor, like: Tensor) -> Tensor:
        height, width = like.shape[2:]
        top = min(self.top, maps.shape[2] - height)
        left = min(self.left, maps.shape[3] - width)
        return maps[:, :, top : top + height, left : left + width]

    def extra_repr(self) -> str:
        return f"top={self.top}, left={self.left}"


class Reversed(nn.Module):
    """A module that works across channels, on the channels in reversed order."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, maps: Tensor) -> Tensor:
        return self.module(maps.flip(1)).flip(1)
