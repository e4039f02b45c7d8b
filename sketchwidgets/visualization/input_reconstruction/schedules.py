"""How far to step: rates by step number, and rates by the progress they promise."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ._errors import ReconstructionError


@dataclass(frozen=True)
class StepSchedule:
    """Rates that hold for a number of steps each: ((rate, steps), ...); after them the last one holds.

    >>> schedule = StepSchedule(((0.004, 100), (0.0004, 200), (0.00004, 100)))
    >>> schedule.steps, schedule.rate(99), schedule.rate(100), schedule.changes(100)
    (400, 0.004, 0.0004, True)
    """

    parts: tuple[tuple[float, int], ...]

    def __post_init__(self) -> None:
        parts = tuple((float(rate), int(steps)) for rate, steps in self.parts)
        if not parts or any(not rate > 0 or steps < 1 for rate, steps in parts):
            raise ReconstructionError(
                f"a schedule is (rate above 0, steps of at least 1) pairs, not {self.parts!r}"
            )
        object.__setattr__(self, "parts", parts)

    @property
    def steps(self) -> int:
        return sum(steps for _, steps in self.parts)

    def rate(self, step: int) -> float:
        """The rate of a step, 0 for the first."""
        for rate, steps in self.parts:
            if step < steps:
                return rate
            step -= steps
        return self.parts[-1][0]

    def changes(self, step: int) -> bool:
        """Whether the rate of this step is another than that of the step before."""
        return step > 0 and self.rate(step) != self.rate(step - 1)

    def over(self, steps: int) -> "StepSchedule":
        """The same rates in the same proportions over another number of steps, at least one each."""
        edges = [0]
        for _, share in self.parts:
            edges.append(edges[-1] + share)
        scaled = [round(edge * steps / edges[-1]) for edge in edges]
        parts = [
            (rate, end - start)
            for (rate, _), start, end in zip(self.parts, scaled, scaled[1:], strict=False)
            if end > start
        ]
        return StepSchedule(tuple(parts))


def as_schedule(rates: "float | Sequence[tuple[float, int]] | StepSchedule", name: str) -> StepSchedule:
    """A number, (rate, steps) pairs or a schedule as a schedule."""
    if isinstance(rates, StepSchedule):
        return rates
    if isinstance(rates, int | float) and not isinstance(rates, bool):
        rates = ((rates, 1),)
    try:
        return StepSchedule(tuple(rates))
    except (TypeError, ValueError) as error:
        raise ReconstructionError(f"{name}: {error}") from None


def progress_rates(gradient: Tensor, desired: float, most: float) -> Tensor:
    """The rate of each image at which a step along its gradient raises the objective by `desired`, to first order.

    rate = min(most, desired / |gradient|^2), for a gradient (n, C, H, W) -> (n,): the 'progress' policy of Yosinski's
    deep visualization toolbox. `most` where the gradient is 0.

    >>> progress_rates(torch.tensor([[[[3.0, 4.0]]], [[[0.0, 0.1]]]]), desired=50, most=100)
    tensor([  2., 100.])
    """
    squared = gradient.flatten(1).square().sum(1)
    return torch.where(squared > 0, desired / squared.clamp_min(torch.finfo(squared.dtype).tiny), most).clamp(
        max=most
    )
