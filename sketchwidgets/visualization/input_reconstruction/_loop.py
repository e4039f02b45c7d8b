"""What every reconstruction does around its steps: the bar, the callback, the previews, the end."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .._progress import says_stop
from ._checks import check_whole
from ._space import InputSpace

_PREVIEWS = 8  # that are kept by default


@dataclass(frozen=True, eq=False)
class ReconstructionState:
    """What a callback is given after each step.

    layer : whose features they are; None: the output. step : steps done, from 1. steps : of all.
    objective : (n,) float64, of the images before the step.
    """

    layer: str | None
    step: int
    steps: int
    objective: Tensor
    _x: Tensor = field(repr=False)
    _space: InputSpace = field(repr=False)

    @property
    def images(self) -> Tensor:
        """(n, C, H, W) as they are now, as the network takes them."""
        return self._space.to_inputs(self._x)

    @property
    def pictures(self) -> np.ndarray:
        """(n, H, W) or (n, H, W, 3) uint8 as a person sees them."""
        return self._space.pictures(self._space.levels(self._x))


Callback = Callable[[ReconstructionState], Any]


class Loop:
    """Counts steps, keeps objectives and previews, and asks the callback whether to go on.

    for step in loop:
        ...
        loop.done(step, objective, x)
    """

    def __init__(
        self,
        steps: int,
        space: InputSpace,
        progress: bool,
        callback: Callback | None,
        preview_every: int | None,
        title: str,
        layer: str | None,
    ) -> None:
        self.steps = check_whole("steps", steps)
        every = max(1, steps // _PREVIEWS) if preview_every is None else preview_every
        self._every = check_whole("preview_every", every)
        self._space = space
        self._shown = progress
        self._callback = callback
        self._title = title
        self._layer = layer
        self.stopped = False
        self.objective: list[Tensor] = []
        self.preview_steps: list[int] = []
        self.previews: list[Tensor] = []

    def __iter__(self) -> Iterator[int]:
        from tqdm.auto import tqdm

        with tqdm(total=self.steps, desc=self._title, unit="step", disable=not self._shown) as bar:
            for step in range(self.steps):
                yield step
                bar.update()
                if self._shown:
                    bar.set_postfix_str(f"{float(self.objective[-1].mean()):.4g}", refresh=False)
                if self.stopped:
                    return

    def done(self, step: int, objective: Tensor, x: Tensor) -> None:
        """After a step: `objective` (n,) of the images before it, `x` (n, C, H, W) after it."""
        objective = objective.detach().cpu().double()
        self.objective.append(objective)
        if (step + 1) % self._every == 0:
            self.preview_steps.append(step + 1)
            self.previews.append(self._space.levels(x).cpu())
        if self._callback is not None:
            state = ReconstructionState(self._layer, step + 1, self.steps, objective, x, self._space)
            self.stopped = says_stop(self._callback(state))


def generators(seeds: list[int]) -> list[torch.Generator]:
    """A source of randomness for each image, so that no image depends on those beside it."""
    return [torch.Generator().manual_seed(seed) for seed in seeds]


def normal(sources: list[torch.Generator], shape: tuple[int, ...], like: Tensor) -> Tensor:
    """Standard normal numbers (n, *shape), the same on every device."""
    return torch.stack([torch.randn(shape, generator=source) for source in sources]).to(like)
