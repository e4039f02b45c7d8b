"""What `trace` watches: a tape that keeps every map with the module that made it, a sweep that keeps every signal."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from torch import Tensor, nn

from ..recording._keeping import KeepingTape
from ..recording._tape import Tape
from ..steps._step import Signals, Step
from ..windows._sweep import Sweep
from ..windows._windows import Windows


class TracingTape(KeepingTape):
    """A tape that also keeps the innermost module that was running when a value was made.

    running : the names of the modules under way, outermost first; kept up to date by `names_of_running`.
    """

    def __init__(self, images: Tensor, running: list[str]) -> None:
        super().__init__(images)
        self.running = running
        self.modules: dict[int, str] = {}

    def add(self, step: Step, result: Tensor) -> None:
        super().add(step, result)
        self.modules[step.output] = self.running[-1] if self.running else ""


class TracingSweep(Sweep):
    """A sweep that keeps the signal on every step's output and those on its inputs."""

    fold_scales = False

    def __init__(
        self, tape: Tape, owners: np.ndarray, rule: str, ties: str, normalization: str | None
    ) -> None:
        super().__init__(tape, owners, rule, ties, normalization)
        self.passed: dict[int, tuple[Windows, Signals]] = {}

    def pull(self, step: Step, signal: Windows) -> Signals:
        parts = super().pull(step, signal)
        self.passed[step.output] = (signal, parts)
        return parts


@contextmanager
def names_of_running(model: nn.Module, running: list[str]) -> Iterator[None]:
    """Keep `running` the names of the modules that run on this thread; the hooks are gone when the context ends."""
    thread = threading.get_ident()

    def enter(name: str) -> Callable:
        def hook(module: nn.Module, inputs: Any) -> None:
            if threading.get_ident() == thread:
                running.append(name)

        return hook

    def leave(module: nn.Module, inputs: Any, output: Any) -> None:
        if threading.get_ident() == thread and running:
            running.pop()

    handles = []
    try:
        for name, module in model.named_modules():
            handles += [module.register_forward_pre_hook(enter(name)), module.register_forward_hook(leave)]
        yield
    finally:
        for handle in handles:
            handle.remove()
