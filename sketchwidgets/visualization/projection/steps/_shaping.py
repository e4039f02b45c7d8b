"""Steps that select, rearrange or mix whole maps."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F

from ..recording._tape import Saved, Tape
from ..windows._windows import Windows
from ._step import Signals, Step, whole

if TYPE_CHECKING:
    from ..windows._sweep import Sweep

aten = torch.ops.aten


class GlobalMean(Step):
    """The mean over the whole map, with or without the two axes kept."""

    def pull(self, signal: Windows, sweep: "Sweep") -> Signals:
        shape = sweep.tape.shapes[self.inputs[0]]
        area = shape[-1] * shape[-2]
        on_map = whole(signal, sweep.tape.size(self.output)).reshape(-1, *shape[1:-2], 1, 1) / area
        return [(self.inputs[0], Windows(on_map.expand(-1, *shape[1:])))]


class AdaptiveAveragePool(Step):
    """An adaptive average pool whose bins differ in size."""

    def pull(self, signal: Windows, sweep: "Sweep") -> Signals:
        on_map = whole(signal, sweep.tape.size(self.output))
        like = on_map.new_empty((len(on_map), *sweep.tape.shapes[self.inputs[0]][1:]))
        return [(self.inputs[0], Windows(aten._adaptive_avg_pool2d_backward(on_map.contiguous(), like)))]


class Reshape(Step):
    """A view of the same numbers in another shape, image by image."""

    def pull(self, signal: Windows, sweep: "Sweep") -> Signals:
        on_map = whole(signal, sweep.tape.size(self.output))
        return [(self.inputs[0], Windows(on_map.reshape(-1, *sweep.tape.shapes[self.inputs[0]][1:])))]


class Permute(Step):
    """A permutation of the axes behind the first."""

    def __init__(self, inputs: Sequence[int], order: Sequence[int]) -> None:
        super().__init__(inputs)
        self.order = tuple(order)

    def is_channels_last(self, tape: Tape) -> bool:
        was = super().is_channels_last(tape)
        return self.order == (0, 2, 3, 1) if not was else self.order != (0, 3, 1, 2) and len(self.order) == 4

    def pull(self, signal: Windows, sweep: "Sweep") -> Signals:
        on_map = whole(signal, sweep.tape.size(self.output))
        back = sorted(range(len(self.order)), key=self.order.__getitem__)
        return [(self.inputs[0], Windows(on_map.permute(back)))]


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


class Linear(Step):
    """A matrix product over the last axis; weight (out, in)."""

    def __init__(self, inputs: Sequence[int], weight: Saved, transposed: bool = False) -> None:
        super().__init__(inputs)
        self.weight = weight
        self.transposed = transposed  # the weight is given as (in, out)

    def pull(self, signal: Windows, sweep: "Sweep") -> Signals:
        on_map = whole(signal, sweep.tape.size(self.output))
        weight = self.weight.as_weight(sweep.dtype)
        return [(self.inputs[0], Windows(on_map @ (weight.t() if self.transposed else weight)))]
