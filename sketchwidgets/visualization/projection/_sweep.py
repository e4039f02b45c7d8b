"""The fast path: pass windows down the tape, from seeded units to the pixels."""

import numpy as np
import torch
from torch import Tensor

from ._step import Signals, Step
from ._tape import Saved, Tape
from ._windows import Windows, add


class Sweep:
    """One way down: the tape, the rule with its options, and the image that each unit belongs to.

    owners : (units,) int64, the image of every unit.
    """

    def __init__(
        self, tape: Tape, owners: np.ndarray, rule: str, ties: str, normalization: str | None
    ) -> None:
        self.tape = tape
        self.owners = owners
        self.rule = rule
        self.ties = ties
        self.normalization = normalization

    def owners_on(self, device: torch.device) -> Tensor:
        """The image of every unit, as an index."""
        return torch.from_numpy(self.owners).to(device)

    def gather(self, saved: Saved, place: Windows) -> Tensor:
        """What a map (n or 1 for all images alike, c, h, w) holds where the signal is, in the shape of the signal."""
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

    def down(self, value: int, seeds: Windows) -> Windows | None:
        """The signal on the images of seeds on a value; None if nothing arrives.

        Raises UnsupportedOperation where the way leads through an operation the tape does not know.
        """
        arrived = {value: seeds}
        for step in reversed(self.tape.steps):
            signal = arrived.pop(step.output, None)
            if signal is None:
                continue
            for below, part in self.pull(step, signal):
                arrived[below] = add(arrived.get(below), part, self.tape.size(below))
        return arrived.get(0)
