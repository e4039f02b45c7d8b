"""One class per kind of operation: how a signal passes down through it, window by window.

`Step.pull(signal, sweep)` takes the signal on the step's output and returns the signals on its inputs. The signal is either
in windows or on the whole map (`Windows.full`); the result is the same either way. Pointwise steps keep the place, sliding
ones (convolution, pools) move and widen it, all others need the whole map.
"""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor

from ._errors import UnsupportedOperation
from ._normalization import layer_norm_signal, local_response_signal
from ._rules import Activation, no_rule, send_down, skips_normalization
from ._switches import PoolGeometry, switch_offsets
from ._tape import Saved
from ._windows import Windows, blank

if TYPE_CHECKING:
    from ._sweep import Sweep

aten = torch.ops.aten
Signals = list[tuple[int, Windows]]

# Below this many output channels a strided transposed convolution runs as a plain one per sub-pixel phase: convolution
# kernels pad channels to a multiple of their vector width, which costs a one-channel input layer 8 times its work.
_FEW_CHANNELS = 8


class Step:
    """An operation of the forward pass: the values it read and the value it made."""

    is_convolution = False
    is_activation = False

    def __init__(self, inputs: Sequence[int]) -> None:
        self.inputs = tuple(inputs)
        self.output = -1  # set by the tape

    def pull(self, signal: Windows, sweep: "Sweep") -> Signals:
        raise NotImplementedError


class Unknown(Step):
    """An operation the tape cannot take apart."""

    def __init__(self, inputs: Sequence[int], name: str) -> None:
        super().__init__(inputs)
        self.name = name

    def pull(self, signal: Windows, sweep: "Sweep") -> Signals:
        raise UnsupportedOperation(self.name)


class Identity(Step):
    """A copy, a cast, an addition of a constant, or one output that is the sum of several maps of the same shape."""

    def __init__(self, inputs: Sequence[int], dtype: torch.dtype | None = None) -> None:
        super().__init__(inputs)
        self.dtype = dtype

    def pull(self, signal: Windows, sweep: "Sweep") -> Signals:
        if self.dtype is not None:
            signal = signal.with_signal(signal.signal.to(self.dtype))
        return [(value, signal) for value in self.inputs]


class Scale(Step):
    """A product with a constant: a number, or a tensor that broadcasts over the output without widening it."""

    def __init__(self, inputs: Sequence[int], factor: float | Tensor) -> None:
        super().__init__(inputs)
        self.factor = factor

    def pull(self, signal: Windows, sweep: "Sweep") -> Signals:
        factor = self.factor
        if isinstance(factor, Tensor) and factor.ndim:
            factor = factor.reshape((1,) * (signal.signal.ndim - factor.ndim) + factor.shape)
            if (factor.ndim == 4 and factor.shape[2:] != (1, 1)) or factor.shape[0] != 1:
                factor = sweep.gather(Saved(factor.expand(sweep.tape.shapes[self.output])), signal)
        return [(self.inputs[0], signal.with_signal(signal.signal * factor))]


class Activate(Step):
    """An activation: where the rules differ."""

    is_activation = True

    def __init__(self, inputs: Sequence[int], activation: Activation, saved: Saved) -> None:
        super().__init__(inputs)
        self.activation = activation
        self.saved = saved

    def pull(self, signal: Windows, sweep: "Sweep") -> Signals:
        down = send_down(
            sweep.rule, self.activation, signal.signal, lambda: sweep.gather(self.saved, signal)
        )
        return [(self.inputs[0], signal.with_signal(down))]


class PRelu(Step):
    """The parametric ReLU: a leaky ReLU with a slope per channel."""

    is_activation = True

    def __init__(self, inputs: Sequence[int], saved: Saved, slopes: Tensor) -> None:
        super().__init__(inputs)
        self.saved = saved
        self.slopes = slopes

    def pull(self, signal: Windows, sweep: "Sweep") -> Signals:
        activation = Activation(
            "prelu",
            lambda g, x: g * torch.where(x > 0, 1, self.slopes.to(g)),
            saves_output=False,
            monotonic=False,
        )
        down = send_down(sweep.rule, activation, signal.signal, lambda: sweep.gather(self.saved, signal))
        return [(self.inputs[0], signal.with_signal(down))]


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
        weight = self.weight.tensor
        reach = tuple((k - 1) * d + 1 for k, d in zip(weight.shape[2:], self.dilation, strict=True))
        plain = self.groups == 1 and self.dilation == (1, 1)
        down = None
        if plain and not signal.full and signal.height == signal.width == 1:
            down = _kernels_of_lone_channels(signal.signal, weight)
        if down is not None:
            pass
        elif plain and weight.shape[1] <= _FEW_CHANNELS and max(self.stride) > 1:
            down = _transposed_by_phases(signal.signal, weight, self.stride)
        else:
            down = F.conv_transpose2d(
                signal.signal, weight, stride=self.stride, groups=self.groups, dilation=self.dilation
            )
        if signal.full:
            down = _cut(down, self.padding, size)
        place = signal.moved(self.stride, self.padding, reach, down)
        return [(self.inputs[0], place.confined(size))]


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
        indices = sweep.gather(Saved(steps), signal) + (first_row[:, None] * plane[1] + first_column)
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

    def pull(self, signal: Windows, sweep: "Sweep") -> Signals:
        geometry, size = self.geometry, sweep.tape.size(self.inputs[0])
        shares = sweep.gather(Saved(self._shares(size, signal.signal)), signal) * signal.signal
        if signal.full:
            plane, padding, ceil_mode = size, geometry.padding, geometry.ceil_mode
        else:
            plane = tuple(
                (n - 1) * s + r
                for n, s, r in zip(shares.shape[2:], geometry.stride, geometry.reach, strict=True)
            )
            padding, ceil_mode = (0, 0), False
        down = aten.avg_pool2d_backward(
            shares,
            shares.new_empty((*shares.shape[:2], *plane)),  # only its shape counts
            geometry.kernel,
            geometry.stride,
            padding,
            ceil_mode,
            True,
            1,
        )
        place = signal.moved(geometry.stride, geometry.padding, geometry.reach, down)
        return [(self.inputs[0], place.confined(size))]

    def _shares(self, size: tuple[int, int], like: Tensor) -> Tensor:
        """One over the divisor of every window, (1, 1, oh, ow): at the border the divisor may be smaller."""
        geometry = self.geometry
        ones = torch.ones((1, 1, *size), dtype=torch.float64, device=like.device)
        pool = (geometry.kernel, geometry.stride, geometry.padding, geometry.ceil_mode)
        mean = F.avg_pool2d(ones, *pool, self.count_include_pad, self.divisor)
        count = F.avg_pool2d(ones, *pool, divisor_override=1)
        return (mean / count).to(like.dtype)


class GlobalMean(Step):
    """The mean over the whole map, with or without the two axes kept."""

    def pull(self, signal: Windows, sweep: "Sweep") -> Signals:
        shape = sweep.tape.shapes[self.inputs[0]]
        area = shape[-1] * shape[-2]
        whole = _whole(signal, sweep.tape.size(self.output)).reshape(-1, *shape[1:-2], 1, 1) / area
        return [(self.inputs[0], Windows(whole.expand(-1, *shape[1:])))]


class AdaptiveAveragePool(Step):
    """An adaptive average pool whose bins differ in size."""

    def pull(self, signal: Windows, sweep: "Sweep") -> Signals:
        whole = _whole(signal, sweep.tape.size(self.output))
        like = whole.new_empty((len(whole), *sweep.tape.shapes[self.inputs[0]][1:]))
        return [(self.inputs[0], Windows(aten._adaptive_avg_pool2d_backward(whole.contiguous(), like)))]


class Reshape(Step):
    """A view of the same numbers in another shape, image by image."""

    def pull(self, signal: Windows, sweep: "Sweep") -> Signals:
        whole = _whole(signal, sweep.tape.size(self.output))
        return [(self.inputs[0], Windows(whole.reshape(-1, *sweep.tape.shapes[self.inputs[0]][1:])))]


class Permute(Step):
    """A permutation of the axes behind the first."""

    def __init__(self, inputs: Sequence[int], order: Sequence[int]) -> None:
        super().__init__(inputs)
        self.order = tuple(order)

    def pull(self, signal: Windows, sweep: "Sweep") -> Signals:
        whole = _whole(signal, sweep.tape.size(self.output))
        back = sorted(range(len(self.order)), key=self.order.__getitem__)
        return [(self.inputs[0], Windows(whole.permute(back)))]


class Slice(Step):
    """Some of the channels (axis 1), start to start + the output's; with `squeezed`, one of them without the axis."""

    def __init__(self, inputs: Sequence[int], start: int, squeezed: bool = False) -> None:
        super().__init__(inputs)
        self.start = start
        self.squeezed = squeezed

    def pull(self, signal: Windows, sweep: "Sweep") -> Signals:
        part = signal.signal.unsqueeze(1) if self.squeezed else signal.signal
        channels = sweep.tape.shapes[self.inputs[0]][1]
        before, after = self.start, channels - self.start - part.shape[1]
        down = F.pad(part, (0, 0) * (part.ndim - 2) + (before, after))
        return [(self.inputs[0], signal.with_signal(down))]


class Concatenate(Step):
    """Maps laid side by side along the channels; `channels` of each part, None for a part that is not on the tape."""

    def __init__(self, parts: Sequence[tuple[int | None, int]]) -> None:
        super().__init__([value for value, _ in parts if value is not None])
        self.parts = tuple(parts)

    def pull(self, signal: Windows, sweep: "Sweep") -> Signals:
        pieces = signal.signal.split([channels for _, channels in self.parts], dim=1)
        return [
            (value, signal.with_signal(piece))
            for (value, _), piece in zip(self.parts, pieces, strict=True)
            if value is not None
        ]


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


class Linear(Step):
    """A matrix product over the last axis; weight (out, in)."""

    def __init__(self, inputs: Sequence[int], weight: Saved, transposed: bool = False) -> None:
        super().__init__(inputs)
        self.weight = weight
        self.transposed = transposed  # the weight is given as (in, out)

    def pull(self, signal: Windows, sweep: "Sweep") -> Signals:
        whole = _whole(signal, sweep.tape.size(self.output))
        weight = self.weight.tensor
        return [(self.inputs[0], Windows(whole @ (weight.t() if self.transposed else weight)))]


class Product(Step):
    """A map times another that also depends on the images: true product rule for backprop, else the gate is fixed."""

    def __init__(self, factors: Sequence[tuple[int, Saved]], gate: int | None) -> None:
        super().__init__([value for value, _ in factors])
        self.factors = tuple(factors)
        self.gate = gate  # which of the two factors is the gate; None if neither is

    def pull(self, signal: Windows, sweep: "Sweep") -> Signals:
        if sweep.rule != "backprop":
            if self.gate is None:
                raise no_rule(sweep.rule, "product of two maps")
            passed = [1 - self.gate]
        else:
            passed = [0, 1]
        return [self._toward(which, signal, sweep) for which in passed]

    def _toward(self, which: int, signal: Windows, sweep: "Sweep") -> tuple[int, Windows]:
        value = self.inputs[which]
        target, source = sweep.tape.shapes[value], sweep.tape.shapes[self.output]
        other = self.factors[1 - which][1].tensor
        if other.ndim != len(source):
            raise UnsupportedOperation("a product that broadcasts over missing axes")
        if other.shape[2:] == (1, 1) != source[2:]:  # one gain per channel: nothing to cut into windows
            down = signal.signal * other[sweep.owners_on(other.device)]
        else:
            down = signal.signal * sweep.gather(Saved(other.expand(source)), signal)
        if target == source:
            return value, signal.with_signal(down)
        summed = [axis for axis in range(1, len(source)) if target[axis] != source[axis]]
        if not set(summed) <= {2, 3} or any(target[axis] != 1 for axis in summed) or len(summed) != 2:
            raise UnsupportedOperation("a product that broadcasts over other axes than rows and columns")
        return value, Windows(down.sum(summed, keepdim=True))


class LocalResponseNorm(Step):
    """y = x / (k + alpha · mean of x² over `size` neighbouring channels)^beta."""

    def __init__(
        self, inputs: Sequence[int], maps: Saved, size: int, alpha: float, beta: float, k: float
    ) -> None:
        super().__init__(inputs)
        self.maps = maps
        self.constants = (size, alpha, beta, k)

    def pull(self, signal: Windows, sweep: "Sweep") -> Signals:
        if skips_normalization(sweep.rule, sweep.normalization):
            return [(self.inputs[0], signal)]
        down = local_response_signal(signal.signal, sweep.gather(self.maps, signal), *self.constants)
        return [(self.inputs[0], signal.with_signal(down))]


class LayerNorm(Step):
    """Layer normalization over the last `axes` axes of a value."""

    def __init__(
        self, inputs: Sequence[int], x: Saved, mean: Tensor, rstd: Tensor, weight: Tensor | None, axes: int
    ) -> None:
        super().__init__(inputs)
        self.saved = (x, mean, rstd, weight)
        self.axes = axes

    def pull(self, signal: Windows, sweep: "Sweep") -> Signals:
        x, mean, rstd, weight = self.saved
        whole = _whole(signal, sweep.tape.size(self.output))
        owners = sweep.owners_on(whole.device)
        fixed = skips_normalization(sweep.rule, sweep.normalization)
        x = None if fixed else x.tensor[owners]
        down = layer_norm_signal(whole, x, mean[owners], rstd[owners], weight, self.axes)
        return [(self.inputs[0], Windows(down))]


def _whole(signal: Windows, size: tuple[int, int] | None) -> Tensor:
    return signal.signal if size is None else signal.pasted(size).signal


def _cut(maps: Tensor, start: tuple[int, int], size: tuple[int, int]) -> Tensor:
    """The part of maps (..., h, w) from `start` on, of that size; zero beyond the maps' end."""
    bottom, right = (a + n - m for a, n, m in zip(start, size, maps.shape[-2:], strict=True))
    return F.pad(maps, (-start[1], right, -start[0], bottom))


def _kernels_of_lone_channels(signal: Tensor, weight: Tensor) -> Tensor | None:
    """What a transposed convolution makes of a signal at one position: each unit's kernel, times its value.

    None unless every unit has but one channel, as a seed does: then no product is needed. signal (units, c, 1, 1).
    """
    signal = signal.flatten(1)
    if int(torch.count_nonzero(signal, dim=1).max()) > 1:
        return None
    channel = signal.abs().argmax(1)
    value = signal.gather(1, channel[:, None])
    return (weight[channel] * value[:, :, None, None]).contiguous(memory_format=torch.channels_last)


def _transposed_by_phases(signal: Tensor, weight: Tensor, stride: tuple[int, int]) -> Tensor:
    """The strided transposed convolution as one plain convolution per phase of the stride, interleaved.

    Output row y · s + p only sees kernel rows p, p + s, ...: these are the kernels of phase p. Equal to
    `conv_transpose2d(signal, weight, stride=stride)`.
    """
    (c_out, c_in, *kernel), (sh, sw) = weight.shape, stride
    rows, columns = (math.ceil(k / s) for k, s in zip(kernel, stride, strict=True))
    padded = F.pad(weight, (0, columns * sw - kernel[1], 0, rows * sh - kernel[0]))
    phases = padded.view(c_out, c_in, rows, sh, columns, sw).permute(1, 3, 5, 0, 2, 4)
    phases = phases.reshape(c_in * sh * sw, c_out, rows, columns).flip(2, 3)
    units, _, height, width = signal.shape
    out = F.conv2d(signal, phases, padding=(rows - 1, columns - 1))
    out = out.view(units, c_in, sh, sw, *out.shape[2:]).permute(0, 1, 4, 2, 5, 3)
    out = out.reshape(units, c_in, out.shape[2] * sh, out.shape[4] * sw)
    return out[:, :, : (height - 1) * sh + kernel[0], : (width - 1) * sw + kernel[1]]
