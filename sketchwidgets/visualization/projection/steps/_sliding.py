"""Steps with a sliding window: convolution, pools, padding."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor

from sketchwidgets.models import widest_float

from ..recording._tape import Saved
from ..windows._windows import Windows, blank
from ._step import Signals, Step
from ._switches import PoolGeometry, switch_offsets

if TYPE_CHECKING:
    from ..windows._sweep import Sweep

aten = torch.ops.aten

# Up to this many output channels a transposed convolution runs as a plain one whose channels are blocks of pixels:
# convolution kernels pad channels to a multiple of their vector width, which costs a one-channel input layer up to 16
# times its work.
_FEW_CHANNELS = 8
_VECTOR = 16  # numbers
_LARGEST_BLOCK = 3


class Convolution(Step):
    """A 2-d convolution; down goes its transpose, without the bias."""

    is_convolution = True

    def __init__(
        self,
        inputs: Sequence[int],
        weight: Saved,
        stride: tuple[int, int],
        padding: tuple[int, int],
        dilation: tuple[int, int],
        groups: int,
    ) -> None:
        super().__init__(inputs)
        self.weight = weight
        self.stride = stride
        self.padding = padding
        self.dilation = dilation
        self.groups = groups

    def pull(self, signal: Windows, sweep: "Sweep") -> Signals:
        size = sweep.tape.size(self.inputs[0])
        weight = sweep.weight(self)
        reach = tuple((k - 1) * d + 1 for k, d in zip(weight.shape[2:], self.dilation, strict=True))
        plain = self.groups == 1 and self.dilation == (1, 1)
        down, padded = None, signal.full  # whether the result still has the padding around it
        if plain and not signal.full and signal.height == signal.width == 1:
            down = _kernels_of_lone_channels(signal.signal, weight)
        if down is not None:
            pass
        elif plain and reach == (1, 1) and max(self.stride) > 1:
            rows = signal.signal.permute(0, 2, 3, 1) @ weight.flatten(1)
            down = _spread(rows.permute(0, 3, 1, 2), self.stride)
        elif plain and weight.shape[1] <= _FEW_CHANNELS:
            down = _transposed_by_blocks(signal.signal, weight, self.stride)
        elif signal.full and (rest := self._rest(signal.signal, reach, size)) is not None:
            padded = False
            down = F.conv_transpose2d(
                signal.signal, weight, None, self.stride, self.padding, rest, self.groups, self.dilation
            )
        else:
            down = F.conv_transpose2d(
                signal.signal, weight, stride=self.stride, groups=self.groups, dilation=self.dilation
            )
        if padded:
            down = _cut(down, self.padding, size)
        place = signal.moved(self.stride, self.padding, reach, down)
        return [(self.inputs[0], place.confined(size))]

    def _rest(self, signal: Tensor, reach: tuple[int, int], size: tuple[int, int]) -> tuple[int, int] | None:
        """The rows and columns that the strides left over, if PyTorch can transpose to exactly that size."""
        rest = tuple(
            n - ((m - 1) * s - 2 * p + r)
            for n, m, s, p, r in zip(size, signal.shape[2:], self.stride, self.padding, reach, strict=True)
        )
        fits = all(0 <= left < max(s, d) for left, s, d in zip(rest, self.stride, self.dilation, strict=True))
        return rest if fits else None


class MaxPool(Step):
    """A max pool; the signal goes to the switches, and where windows overlap it adds up."""

    def __init__(
        self, inputs: Sequence[int], maps: Saved, pooled: Saved, indices: Tensor, geometry: PoolGeometry
    ) -> None:
        super().__init__(inputs)
        self.maps = maps
        self.pooled = pooled
        self.indices = indices
        self.geometry = geometry
        self._offsets: dict[str, tuple[Tensor, Tensor]] = {}

    def pull(self, signal: Windows, sweep: "Sweep") -> Signals:
        size = sweep.tape.size(self.inputs[0])
        down = self._to_switches(signal, sweep)
        place = signal.moved(self.geometry.stride, self.geometry.padding, self.geometry.reach, down)
        return [(self.inputs[0], place.confined(size))]

    def _to_switches(self, signal: Windows, sweep: "Sweep") -> Tensor:
        geometry = self.geometry
        units, channels, height, width = signal.signal.shape
        if signal.full:
            plane, padding = sweep.tape.size(self.inputs[0]), geometry.padding
        else:
            plane = tuple(
                (n - 1) * s + r
                for n, s, r in zip((height, width), geometry.stride, geometry.reach, strict=True)
            )
            padding = (0, 0)
        rows, columns = self._switches(sweep.ties)
        # The position of every switch in a plane of that width, for the whole map, then cut into windows.
        steps = torch.add(columns, rows, alpha=plane[1]).permute(0, 3, 1, 2)
        first_row = torch.arange(height, device=steps.device) * geometry.stride[0] - padding[0]
        first_column = torch.arange(width, device=steps.device) * geometry.stride[1] - padding[1]
        first = first_row[:, None] * plane[1] + first_column
        if signal.full:
            indices = sweep.gather(Saved(steps + first), signal)
        else:
            indices = sweep.gather(Saved(steps), signal) + first
        return aten.max_pool2d_with_indices_backward(
            signal.signal.contiguous(memory_format=torch.channels_last),
            blank(signal.signal, (units, channels, *plane)),  # only its shape and memory format count
            geometry.kernel,
            geometry.stride,
            padding,
            geometry.dilation,
            geometry.ceil_mode if signal.full else False,
            indices.contiguous(memory_format=torch.channels_last),
        )

    def _switches(self, ties: str) -> tuple[Tensor, Tensor]:
        if ties not in self._offsets:
            self._offsets[ties] = switch_offsets(
                ties, self.maps.tensor, self.pooled.tensor, self.indices, self.geometry
            )
        return self._offsets[ties]


class AveragePool(Step):
    """An average pool with a fixed kernel: every position of a window gets the signal over the window's divisor."""

    def __init__(
        self,
        inputs: Sequence[int],
        geometry: PoolGeometry,
        count_include_pad: bool = True,
        divisor: int | None = None,
    ) -> None:
        super().__init__(inputs)
        self.geometry = geometry
        self.count_include_pad = count_include_pad
        self.divisor = divisor
        self._shares: float | Saved | None = None

    def pull(self, signal: Windows, sweep: "Sweep") -> Signals:
        geometry, size = self.geometry, sweep.tape.size(self.inputs[0])
        if self._shares is None:
            self._shares = self._shares_of_windows(size, signal.signal)
        if isinstance(self._shares, float):
            shares = signal.signal * self._shares
        else:
            shares = signal.signal * sweep.gather(self._shares, signal).to(signal.signal.dtype)
        shares = shares.contiguous(memory_format=torch.channels_last)
        if signal.full:
            plane, padding, ceil_mode = size, geometry.padding, geometry.ceil_mode
        else:
            plane = tuple(
                (n - 1) * s + r
                for n, s, r in zip(shares.shape[2:], geometry.stride, geometry.reach, strict=True)
            )
            padding, ceil_mode = (0, 0), False
        tiles = tuple(n * s for n, s in zip(shares.shape[2:], geometry.stride, strict=True))
        if geometry.kernel == geometry.stride and padding == (0, 0) and tiles == tuple(plane):
            down = _repeated(shares, geometry.stride)
        else:
            down = aten.avg_pool2d_backward(
                shares,
                blank(shares, (*shares.shape[:2], *plane)),  # only its shape and memory format count
                geometry.kernel,
                geometry.stride,
                padding,
                ceil_mode,
                True,
                1,
            )
        place = signal.moved(geometry.stride, geometry.padding, geometry.reach, down)
        return [(self.inputs[0], place.confined(size))]

    def _shares_of_windows(self, size: tuple[int, int], like: Tensor) -> float | Saved:
        """One over the divisor of every window, (1, 1, oh, ow): at the border it may be smaller; a number if it is not."""
        geometry = self.geometry
        # On the CPU: not every device has float64, and these are few numbers.
        ones = torch.ones((1, 1, *size), dtype=torch.float64)
        pool = (geometry.kernel, geometry.stride, geometry.padding, geometry.ceil_mode)
        mean = F.avg_pool2d(ones, *pool, self.count_include_pad, self.divisor)
        count = F.avg_pool2d(ones, *pool, divisor_override=1)
        shares = mean / count
        if shares.amin() == shares.amax():
            return shares.mean().item()
        return Saved(shares.to(like.device, widest_float(like.device)))


class Pad(Step):
    """Zero padding of rows and columns: (left, right, top, bottom), negative where it crops."""

    def __init__(self, inputs: Sequence[int], padding: Sequence[int]) -> None:
        super().__init__(inputs)
        self.left, self.right, self.top, self.bottom = padding

    def pull(self, signal: Windows, sweep: "Sweep") -> Signals:
        size = sweep.tape.size(self.inputs[0])
        if signal.full:
            down = F.pad(signal.signal, (-self.left, -self.right, -self.top, -self.bottom))
        else:
            down = signal.signal.clone()
        place = signal.moved((1, 1), (self.top, self.left), (1, 1), down)
        return [(self.inputs[0], place.confined(size))]


def _cut(maps: Tensor, start: tuple[int, int], size: tuple[int, int]) -> Tensor:
    """The part of maps (..., h, w) from `start` on, of that size; zero beyond the maps' end."""
    bottom, right = (a + n - m for a, n, m in zip(start, size, maps.shape[-2:], strict=True))
    return F.pad(maps, (-start[1], right, -start[0], bottom))


def _repeated(maps: Tensor, times: tuple[int, int]) -> Tensor:
    """Every position of maps (n, c, h, w) in channels-last memory as a block of so many rows and columns."""
    n, channels, height, width = maps.shape
    rows = maps.permute(0, 2, 3, 1)[:, :, None, :, None]
    rows = rows.expand(-1, -1, times[0], -1, times[1], -1)
    return rows.reshape(n, height * times[0], width * times[1], channels).permute(0, 3, 1, 2)


def _spread(maps: Tensor, stride: tuple[int, int]) -> Tensor:
    """The maps (..., h, w) with zeros between their positions, (h - 1) · stride + 1 rows."""
    height, width = ((n - 1) * s + 1 for n, s in zip(maps.shape[-2:], stride, strict=True))
    spread = blank(maps, (*maps.shape[:2], height, width)).zero_()
    spread[:, :, :: stride[0], :: stride[1]] = maps
    return spread


def _kernels_of_lone_channels(signal: Tensor, weight: Tensor) -> Tensor | None:
    """What a transposed convolution makes of a signal at one position: each unit's kernel, times its value.

    None unless every unit has but one channel, as a seed does: then no product is needed. signal (units, c,
    1, 1).
    """
    signal = signal.flatten(1)
    if int(torch.count_nonzero(signal, dim=1).max()) > 1:
        return None
    channel = signal.abs().argmax(1)
    value = signal.gather(1, channel[:, None])
    return (weight[channel] * value[:, :, None, None]).contiguous(memory_format=torch.channels_last)


def _transposed_by_blocks(signal: Tensor, weight: Tensor, stride: tuple[int, int]) -> Tensor:
    """The transposed convolution as one plain convolution whose output channels are the pixels of a block.

    Output row y · s + p only sees kernel rows p, p + s, ...: these are the kernels of phase p. A block is all phases
    of b positions each way, whose kernels lie side by side in one that is b - 1 larger. Equal to
    `conv_transpose2d(signal, weight, stride=stride)`.
    """
    (c_out, c_in, *kernel), (sh, sw) = weight.shape, stride
    rows, columns = (math.ceil(k / s) for k, s in zip(kernel, stride, strict=True))
    b = _block_side(c_in * sh * sw, rows, columns)
    padded = F.pad(weight, (0, columns * sw - kernel[1], 0, rows * sh - kernel[0]))
    phases = padded.view(c_out, c_in, rows, sh, columns, sw).permute(1, 3, 5, 0, 2, 4).flip(4, 5)
    blocks = weight.new_zeros(c_in, b, sh, b, sw, c_out, rows + b - 1, columns + b - 1)
    for down in range(b):
        for right in range(b):
            blocks[:, down, :, right, :, :, down : down + rows, right : right + columns] = phases
    blocks = blocks.flatten(0, 4).contiguous(memory_format=torch.channels_last)
    units, _, height, width = signal.shape
    # Where blocks do not fit in, they begin and end outside.
    before, beside = (0 if n % b == 0 else b - 1 for n in (height + rows - 1, width + columns - 1))
    out = F.conv2d(signal, blocks, stride=b, padding=(rows - 1 + before, columns - 1 + beside))
    out = out.view(units, c_in, b * sh, b * sw, *out.shape[2:]).permute(0, 1, 4, 2, 5, 3)
    out = out.reshape(units, c_in, out.shape[2] * b * sh, out.shape[4] * b * sw)
    top, left = before * sh, beside * sw
    return out[:, :, top : top + (height - 1) * sh + kernel[0], left : left + (width - 1) * sw + kernel[1]]


def _block_side(channels: int, rows: int, columns: int) -> int:
    """The side of a block that takes the least work: small ones waste vectors, large ones multiply by many zeros."""

    def work(b: int) -> float:
        vectors = math.ceil(channels * b * b / _VECTOR)
        return vectors * (rows + b - 1) * (columns + b - 1) / b**2

    return min(range(1, _LARGEST_BLOCK + 1), key=work)
