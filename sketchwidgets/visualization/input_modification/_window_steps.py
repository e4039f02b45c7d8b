"""The recorded operations that can be played on changed windows alone, and how each is."""

from itertools import product
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ._replay import Recording, Step
from ._windows import Base, Extent, Sliding, Windows, as_maps, paste, placed, united, values_at, whole
from ._winograd import TILES, convolve, kernel_cost, transformed
from ._winograd import cost as winograd_cost
from ._winograd import effort as winograd_effort

aten = torch.ops.aten

State = Windows | Tensor  # of a value: its changed windows, or the batch of whole values


class Chunk:
    """Several positions on their way through the network together.

    count: of the positions.
    extents[value]: rows and columns of the map that can differ, for each of the positions; None for what is no map.
    """

    def __init__(
        self, recording: Recording, bases: dict[int, Base], extents: list, count: int, share: float = 1.0
    ) -> None:
        self.recording = recording
        self.bases = bases
        self.extents = extents
        self.count = count
        self.share = share  # of all positions
        self.states: dict[int, State] = {}

    def base(self, value: int) -> Base:
        if value not in self.bases:
            self.bases[value] = Base(self.recording.values[value])
        return self.bases[value]

    def place(self, value: int) -> tuple[np.ndarray, np.ndarray, int, int]:
        """Where the windows of a value are to be: tops, lefts, height and width."""
        height, width = self.recording.values[value].shape[2:]
        rows, columns = self.extents[value]
        top, h = placed(rows, height)
        left, w = placed(columns, width)
        return top, left, h, w

    def put(self, value: int | None, data: Tensor, top: np.ndarray, left: np.ndarray) -> None:
        if value is None:
            return
        is_whole = data.shape[2:] == self.recording.values[value].shape[2:]
        self.states[value] = data if is_whole else Windows(data, top, left)

    def whole(self, value: int) -> Tensor:
        state = self.states[value]
        return whole(state, self.base(value)) if isinstance(state, Windows) else state

    def play_whole(self, step: Step) -> None:
        """Run a step on whole values, whatever it is."""
        for value, result in zip(step.outputs, step.play(self.whole, self.count), strict=True):
            if value is not None:
                self.states[value] = result


class Windowed:
    """A step that knows which part of its output changes, and computes just that."""

    def __init__(self, step: Step, recording: Recording) -> None:
        self.step = step
        self.shape = tuple(recording.values[next(v for v in step.outputs if v is not None)].shape)

    def extent(self, axis: int, extents: dict[int, Extent]) -> Extent:
        """What changes of the output along axis 0 (rows) or 1 (columns)."""
        return united([extents[value] for value in self.step.inputs])

    def work(self) -> float:
        """Multiplications for one position of the output, but for those along its axes, which `effort` counts."""
        return float(self.shape[1])

    def effort(self, axis: int, lengths: np.ndarray) -> np.ndarray:
        """What outputs of these lengths along an axis cost, in multiplications."""
        return lengths

    def plain_work(self) -> float:
        """Multiplications for the whole output, computed plainly."""
        return self.work() * self.shape[2] * self.shape[3]

    def play(self, chunk: Chunk, last: bool) -> None:
        """Compute the output's windows. last: nothing reads the input again, so that it may be overwritten."""
        raise NotImplementedError


class Pointwise(Windowed):
    """Every position by itself: activations, arithmetic, batch norm, response normalization, concatenation."""

    def play(self, chunk: Chunk, last: bool) -> None:
        step = self.step
        if any(isinstance(chunk.states[value], Tensor) for value in step.inputs):
            chunk.play_whole(step)
            return
        if len(set(step.inputs)) == 1:
            # No other windows to agree with: as they are.
            windows = chunk.states[step.inputs[0]]
            top, left = windows.top, windows.left
            operation = _IN_PLACE.get(step.operation) if last else None
            if operation is not None:
                results = [operation(windows.data, *step.args[1:], **step.kwargs)]
            else:
                results = step.play(lambda value: windows.data, chunk.count)
        else:
            top, left, h, w = chunk.place(step.outputs[0])
            results = step.play(
                lambda value: values_at(chunk.states[value], chunk.base(value), top, left, h, w), chunk.count
            )
        for value, result in zip(step.outputs, results, strict=True):
            chunk.put(value, result, top, left)


class Padding(Windowed):
    """A constant margin, which moves the windows."""

    def __init__(self, step: Step, recording: Recording) -> None:
        super().__init__(step, recording)
        left, _, top, _ = (*step.args[1], 0, 0)[:4]
        self._margin = (top, left)

    def extent(self, axis: int, extents: dict[int, Extent]) -> Extent:
        low, high = super().extent(axis, extents)
        return low + self._margin[axis], high + self._margin[axis]

    def play(self, chunk: Chunk, last: bool) -> None:
        windows = chunk.states[self.step.inputs[0]]
        if isinstance(windows, Tensor):
            chunk.play_whole(self.step)
            return
        top, left = self._margin
        chunk.put(self.step.outputs[0], windows.data, windows.top + top, windows.left + left)


class SlidingStep(Windowed):
    """A convolution or a pool: an output reads a neighbourhood of inputs."""

    fill = 0.0  # what the padding holds

    def __init__(self, step: Step, recording: Recording, rows: Sliding, columns: Sliding) -> None:
        super().__init__(step, recording)
        self.axes = (rows, columns)
        below = recording.values[step.inputs[0]].shape[2:]
        # How far the windows of the last outputs reach beyond the map.
        self._margins = tuple(
            margin
            for axis, size, made in zip(self.axes, below, self.shape[2:], strict=True)
            for margin in (axis.padding, max(0, (made - 1) * axis.stride - axis.padding + axis.reach - size))
        )

    def extent(self, axis: int, extents: dict[int, Extent]) -> Extent:
        return self.axes[axis].outputs(extents[self.step.inputs[0]], self.shape[2 + axis])

    def play(self, chunk: Chunk, last: bool) -> None:
        value, made = self.step.inputs[0], self.step.outputs[0]
        windows = chunk.states[value]
        if isinstance(windows, Tensor):
            chunk.play_whole(self.step)
            return
        top, left, h, w = chunk.place(made)
        chunk.put(made, self.on_windows(chunk, windows, top, left, h, w), top, left)

    def on_windows(
        self, chunk: Chunk, windows: Windows, top: np.ndarray, left: np.ndarray, h: int, w: int
    ) -> Tensor:
        """The output (p, c, h, w) at (top, left)."""
        return self.without_padding(self.neighbourhood(chunk, windows, top, left, h, w), chunk, top, left)

    def neighbourhood(
        self, chunk: Chunk, windows: Windows, top: np.ndarray, left: np.ndarray, h: int, w: int
    ) -> Tensor:
        """All inputs, padding included, that the outputs at (top, left) read."""
        rows, columns = self.axes
        (first_row, height), (first_column, width) = rows.inputs(top, h), columns.inputs(left, w)
        base = chunk.base(self.step.inputs[0])
        region = base.gather(first_row, first_column, height, width, self._margins, self.fill)
        paste(region, first_row, first_column, windows)
        return as_maps(region)

    def without_padding(self, region: Tensor, chunk: Chunk, top: np.ndarray, left: np.ndarray) -> Tensor:
        """The operation on inputs whose padding is already there."""
        raise NotImplementedError


class Convolution(SlidingStep):
    """A convolution, by the cheapest of three ways.

    From the neighbourhood: gather all inputs of the changed outputs. The others use that convolution is linear: the
    changed outputs are the old ones plus the convolution of the *differences* of the inputs. By spreading: each input
    times each tap of the kernel, added where it lands; a 3x3 kernel makes a window of 7x7 one of 9x9, and this
    multiplies 49 positions where the first way has 81. By Winograd's transform, for 3x3 kernels.
    """

    def __init__(self, step: Step, recording: Recording) -> None:
        _, weight, _, stride, padding, dilation, _, _, groups = step.args
        axes = [
            Sliding(
                weight.shape[2 + a],
                stride[a % len(stride)],
                padding[a % len(padding)],
                dilation[a % len(dilation)],
            )
            for a in range(2)
        ]
        super().__init__(step, recording, *axes)
        self.weight, self.groups = weight, groups
        self._is_pointwise = all((a.kernel, a.stride, a.padding) == (1, 1, 0) for a in axes)
        self._takes_differences = (
            groups == 1
            and min(weight.shape[:2]) >= 8
            and weight.dtype in (torch.float32, torch.float64)  # differences would lose too much in 16 bits
            and all(a.stride == 1 for a in axes)
            and not self._is_pointwise
        )
        self._is_3x3 = all((a.kernel, a.dilation) == (3, 1) for a in axes)

    def work(self) -> float:
        return float(self.weight.shape[0] * self.weight.shape[1])

    def plain_work(self) -> float:
        return float(self.weight.numel() * self.shape[2] * self.shape[3])

    def effort(self, axis: int, lengths: np.ndarray) -> np.ndarray:
        kernel = self.axes[axis].kernel
        if self._takes_differences:
            return winograd_effort(lengths) if self._is_3x3 else kernel * np.maximum(1, lengths - kernel + 1)
        return kernel * lengths

    def play(self, chunk: Chunk, last: bool) -> None:
        state = chunk.states[self.step.inputs[0]]
        if isinstance(state, Tensor) and self._takes_differences and self._is_3x3:
            zero = np.zeros(chunk.count, dtype=np.int64)
            chunk.states[self.step.inputs[0]] = Windows(state, zero, zero)
        super().play(chunk, last)

    def on_windows(
        self, chunk: Chunk, windows: Windows, top: np.ndarray, left: np.ndarray, h: int, w: int
    ) -> Tensor:
        if self._is_pointwise and windows.size == (h, w):
            return self.without_padding(windows.data, chunk, top, left)
        if not self._takes_differences:
            return super().on_windows(chunk, windows, top, left, h, w)
        outputs, inputs, *kernel = self.weight.shape
        taps = kernel[0] * kernel[1]
        tile = self._tile(chunk, h, w)
        ways = {
            super().on_windows: taps * h * w,
            self._by_spreading: 1.1 * taps * windows.size[0] * windows.size[1],
        }
        if self._is_3x3:
            ways[self._by_winograd] = 1.2 * winograd_cost(tile, h, w, inputs, outputs)
        return min(ways, key=ways.get)(chunk, windows, top, left, h, w)

    def without_padding(self, region: Tensor, chunk: Chunk, top: np.ndarray, left: np.ndarray) -> Tensor:
        prepared = self.step.prepared
        if "weight" not in prepared:
            prepared["weight"] = self.weight.contiguous(memory_format=torch.channels_last)
        strides, dilations = ([getattr(axis, name) for axis in self.axes] for name in ("stride", "dilation"))
        return F.conv2d(region, prepared["weight"], self.step.args[2], strides, 0, dilations, self.groups)

    def _difference(self, chunk: Chunk, windows: Windows) -> Tensor:
        """What the windows are more than the unoccluded map, (p, h, w, c), contiguous."""
        before = chunk.base(self.step.inputs[0]).gather(windows.top, windows.left, *windows.size)
        return torch.sub(windows.data.permute(0, 2, 3, 1), before, out=before)

    def _by_spreading(
        self, chunk: Chunk, windows: Windows, top: np.ndarray, left: np.ndarray, h: int, w: int
    ) -> Tensor:
        (height, width), outputs = windows.size, self.weight.shape[0]
        if "taps" not in self.step.prepared:
            self.step.prepared["taps"] = self.weight.permute(2, 3, 1, 0).contiguous()
        taps = self.step.prepared["taps"]  # (kernel rows, kernel columns, inputs, outputs)
        difference = self._difference(chunk, windows).flatten(0, 2)
        rows, columns = self.axes
        spread = difference.new_zeros(
            (chunk.count, height + rows.reach - 1, width + columns.reach - 1, outputs)
        )
        product = difference.new_empty((len(difference), outputs))
        for i in range(rows.kernel):
            y = rows.reach - 1 - i * rows.dilation
            for j in range(columns.kernel):
                x = columns.reach - 1 - j * columns.dilation
                torch.mm(difference, taps[i, j], out=product)
                spread[:, y : y + height, x : x + width] += product.view(chunk.count, height, width, outputs)
        spread_top = windows.top + rows.padding - (rows.reach - 1)
        spread_left = windows.left + columns.padding - (columns.reach - 1)
        result = chunk.base(self.step.outputs[0]).gather(top, left, h, w)
        paste(result, top, left, Windows(as_maps(spread), spread_top, spread_left), add=True)
        return as_maps(result)

    def _tile(self, chunk: Chunk, h: int, w: int) -> tuple[int, int]:
        """The tiles that are cheapest for these outputs, the kernel's transform included, which others use as well."""
        outputs, inputs = self.weight.shape[:2]

        def all_costs(tile: tuple[int, int]) -> float:
            is_new = ("winograd", tile) not in self.step.prepared
            alone = kernel_cost(tile) * min(1.0, 4 * chunk.share) if is_new else 0.0
            return chunk.count * winograd_cost(tile, h, w, inputs, outputs) + alone

        return min(product(TILES, TILES), key=all_costs)

    def _by_winograd(
        self, chunk: Chunk, windows: Windows, top: np.ndarray, left: np.ndarray, h: int, w: int
    ) -> Tensor:
        inputs = self.weight.shape[1]
        tile = self._tile(chunk, h, w)
        if ("winograd", tile) not in self.step.prepared:
            self.step.prepared["winograd", tile] = transformed(self.weight, tile)
        difference = Windows(as_maps(self._difference(chunk, windows)), windows.top, windows.left)

        def canvas(height: int, width: int) -> Tensor:
            values = difference.data.new_zeros((chunk.count, height, width, inputs))
            paste(values, top - self.axes[0].padding, left - self.axes[1].padding, difference)
            return values

        made = convolve(canvas, self.step.prepared["winograd", tile], tile, h, w)
        result = chunk.base(self.step.outputs[0]).gather(top, left, h, w)
        return as_maps(result.add_(made))


class MaxPool(SlidingStep):
    """Max pooling; the padding, and what ceil mode adds, can never be the maximum."""

    fill = float("-inf")

    def __init__(self, step: Step, recording: Recording) -> None:
        kernel, stride, padding, dilation, _ = _pool_arguments(step.args, (1, 1), False)
        super().__init__(
            step,
            recording,
            *(Sliding(kernel[a], stride[a], padding[a], dilation[a % len(dilation)]) for a in range(2)),
        )

    def without_padding(self, region: Tensor, chunk: Chunk, top: np.ndarray, left: np.ndarray) -> Tensor:
        kernel, stride, dilation = (
            [getattr(a, name) for a in self.axes] for name in ("kernel", "stride", "dilation")
        )
        return F.max_pool2d(region, kernel, stride, 0, dilation)


class AveragePool(SlidingStep):
    """Average pooling: sums over windows by what each is divided by, which at the borders differs."""

    def __init__(self, step: Step, recording: Recording, arguments: tuple | None = None) -> None:
        kernel, stride, padding, ceil_mode, count_padding, divisor = arguments or _pool_arguments(
            step.args, False, True, None
        )
        super().__init__(step, recording, *(Sliding(kernel[a], stride[a], padding[a]) for a in range(2)))
        ones = torch.ones_like(recording.values[step.inputs[0]][:1, :1])
        self._scale = None
        if divisor is None and (ceil_mode or (not count_padding and any(padding))):
            # Of a map of ones, the average is the part of the divisor that lies on the map, and the sum how much does.
            average = F.avg_pool2d(ones, kernel, stride, padding, ceil_mode, count_padding)
            summed = F.avg_pool2d(ones, kernel, stride, padding, ceil_mode, divisor_override=1)
            self._scale = Base(average / summed)
        self._divisor = divisor or kernel[0] * kernel[1]

    def without_padding(self, region: Tensor, chunk: Chunk, top: np.ndarray, left: np.ndarray) -> Tensor:
        kernel, stride = ([getattr(a, name) for a in self.axes] for name in ("kernel", "stride"))
        divisor = self._divisor if self._scale is None else 1
        pooled = F.avg_pool2d(region, kernel, stride, divisor_override=divisor)
        if self._scale is not None:
            pooled = pooled * as_maps(self._scale.gather(top, left, *pooled.shape[2:]))
        return pooled


def _pool_arguments(args: tuple, *rest: Any) -> tuple:
    """kernel, stride and padding of a pool as pairs, and its other arguments; `rest` are their defaults."""
    defaults = ((), (0, 0), *rest)
    kernel, stride, padding, *others = (*args[1:], *defaults[len(args) - 2 :])
    return (*([pair[0], pair[-1]] for pair in (kernel, stride or kernel, padding)), *others)


_IN_PLACE = {
    getattr(aten, name).default: getattr(aten, name + "_").default
    for name in (
        "relu",
        "hardtanh",
        "leaky_relu",
        "elu",
        "silu",
        "hardswish",
        "hardsigmoid",
        "sigmoid",
        "tanh",
    )
}
