"""A tape that keeps every map: for relevance, which shares signals out by them, and for traces, which show them."""

from torch import Tensor

from ..steps._step import Step
from ._tape import Saved, Tape


class KeepingTape(Tape):
    """A tape that keeps the value of every step, each in `kept` by its number."""

    def __init__(self, images: Tensor) -> None:
        super().__init__(images)
        self.kept: dict[int, Saved] = {0: self.save(images)}

    def add(self, step: Step, result: Tensor) -> None:
        super().add(step, result)
        # By reference, and copied only if something writes into it.
        self.kept[step.output] = self.save(result)

    def finish(self, values: list[int]) -> None:
        super().finish(values)
        on_the_way = {0, *values}
        for step in self.steps:
            on_the_way.update(step.inputs)
        self.kept = {value: saved for value, saved in self.kept.items() if value in on_the_way}
