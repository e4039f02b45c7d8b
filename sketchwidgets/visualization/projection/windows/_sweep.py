"""The fast path: pass windows down the tape, from seeded units to the pixels."""

import math
from copy import copy
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from .._turns import Turns, at_once
from ..recording._tape import Saved, Tape
from ..steps._step import Signals, Step
from ._windows import Windows, add, joined

if TYPE_CHECKING:
    from ..steps._pointwise import Scale
    from ..steps._sliding import Convolution

# Numbers of a signal above which the units go on in smaller groups.
_NUMBERS_AT_ONCE = 2**20


class Sweep:
    """One way down: the tape, the rule with its options, and the image that each unit belongs to.

    owners : (units,) int64, the image of every unit.
    dtype : the number format of the signal; None: that of the maps.
    """

    fold_scales = True  # whether a batch normalization may go into the weights of the convolution before it

    def __init__(
        self,
        tape: Tape,
        owners: np.ndarray,
        rule: str,
        ties: str,
        normalization: str | None,
        dtype: torch.dtype | None = None,
    ) -> None:
        self.tape = tape
        self.owners = owners
        self.rule = rule
        self.ties = ties
        self.normalization = normalization
        self.dtype = dtype
        self.gains: dict[
            int, Tensor
        ] = {}  # factors of scales that the convolutions below take into their weights

    def owners_on(self, device: torch.device) -> Tensor:
        """The image of every unit, as an index."""
        return torch.from_numpy(self.owners).to(device)

    def gather(self, saved: Saved, place: Windows) -> Tensor:
        """What a map (n or 1 for all images alike, c, h, w) holds where the signal is, in the shape of the signal."""
        if saved.tensor.is_floating_point():
            saved = saved.of_type(self.dtype)
        maps = saved.tensor
        if place.full:
            if maps.ndim == 4 and place.signal.is_contiguous(memory_format=torch.channels_last):
                maps = saved.in_rows()  # arithmetic between different layouts is many times slower
            if len(maps) == 1:
                return maps.expand(len(self.owners), *maps.shape[1:])
            return maps.index_select(0, self.owners_on(maps.device))
        n, channels, height, width = maps.shape
        rows, columns = place.rows()
        rows, columns = rows.clip(0, height - 1), columns.clip(0, width - 1)
        if n > 1:
            rows = rows + self.owners[:, None] * height
        index = torch.from_numpy((rows * width)[:, :, None] + columns[:, None, :]).to(maps.device)
        values = saved.rows().index_select(0, index.view(-1))
        return values.view(len(rows), place.height, place.width, channels).permute(0, 3, 1, 2)

    def pull(self, step: Step, signal: Windows) -> Signals:
        """The signals on a step's inputs; a subclass may look at what passes."""
        return step.pull(signal, self)

    def folds(self, scale: "Scale", signal: Windows) -> bool:
        """Whether the convolution below takes the factors of a scale: where it has fewer weights than the signal numbers."""
        if not self.fold_scales or scale.output not in self.tape.scales_convolution:
            return False
        below = self.tape.made_by[scale.inputs[0]]
        return below.weight.tensor.numel() < signal.signal.numel()

    def weight(self, step: "Convolution") -> Tensor:
        """The weight of a convolution, (out, in / groups, h, w), with the gain of a scale behind it."""
        weight = step.weight.as_weight(self.dtype)
        gain = self.gains.pop(step.output, None)
        return weight if gain is None else weight * gain

    def down(self, value: int, seeds: Windows) -> Windows | None:
        """The signal on the images of seeds on a value; None if nothing arrives.

        Raises UnsupportedOperation where the way leads through an operation the tape does not know.
        """
        return at_once(self.down_in_turns(value, seeds))

    def down_in_turns(self, value: int, seeds: Windows) -> Turns[Windows | None]:
        """As `down`, with a turn for every step."""
        if self.dtype is not None:
            seeds = seeds.with_signal(seeds.signal.to(self.dtype))
        return self._down({value: seeds}, len(self.tape.steps))

    def _down(self, arrived: dict[int, Windows], above: int) -> Turns[Windows | None]:
        """As `down_in_turns`, through the first `above` steps of the tape."""
        for index in range(above - 1, -1, -1):
            step = self.tape.steps[index]
            signal = arrived.pop(step.output, None)
            if signal is None:
                continue
            if not arrived and len(self.owners) > 1:
                together = len(self.owners) * _NUMBERS_AT_ONCE // self._numbers(step, signal)
                if together < len(self.owners):
                    return (yield from self._down_in_parts(max(1, together), step.output, signal, index + 1))
            for below, part in self.pull(step, signal):
                if self.dtype is not None:
                    part = part.with_signal(part.signal.to(self.dtype))
                arrived[below] = add(arrived.get(below), part, self.tape.size(below))
            yield
        return arrived.get(0)

    def _numbers(self, step: Step, signal: Windows) -> int:
        """How many numbers the signal on a step's output has, or below it where that is known to be more."""
        here = signal.signal.numel()
        if not signal.full:
            return max(1, here)
        return max(
            1, here, *(len(self.owners) * math.prod(self.tape.shapes[value][1:]) for value in step.inputs)
        )

    def _down_in_parts(self, together: int, value: int, signal: Windows, above: int) -> Turns[Windows | None]:
        """As `_down`, with fewer units at a time: large maps leave the cache otherwise, and fill the memory."""
        parts = []
        for start in range(0, len(self.owners), together):
            chosen = slice(start, start + together)
            part = copy(self)
            part.owners = self.owners[chosen]
            parts.append((yield from part._down({value: signal.part(chosen)}, above)))
        return None if parts[0] is None else joined(parts)
