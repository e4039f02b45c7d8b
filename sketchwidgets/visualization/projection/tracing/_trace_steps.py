"""The steps of a trace: what each operation of the forward pass sends down under each rule."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ..steps._pointwise import Identity
from ..steps._sliding import MaxPool
from ..steps._step import Step
from ..steps._switches import switch_offsets
from ..windows._windows import Windows
from ._trace_words import explain, kind_of, operation_of, report
from ._tracing import TracingSweep, TracingTape

_MOST_ROWS = 40  # steps drawn unasked
_BATCH_NORMS = (nn.BatchNorm2d, nn.BatchNorm1d, nn.SyncBatchNorm)


@dataclass(frozen=True, eq=False, repr=False)
class TraceStep:
    """One operation of the forward pass, and what each rule sends down through it.

    name : the module that ran it, as in `named_modules()`; "" for the model's own forward.
    title : the name, with the operation where a module ran several.
    operation : the forward operation: "convolution 5×5", "max pool 3×3, stride 2", "relu", ...
    kind : what it is on the way down: "unpool", "rectify", "filter", "normalize" or "other".
    forward_inputs, forward_output : the maps of the forward pass, (C, h, w) each.
    switches : (C, h, w, 2) int64 of a max pool, else None: row and column on the input map of each window's
        maximum, by the trace's policy for ties.
    signals[rule] : `(before, after)`: the signal that arrives at the output, (C, h, w) as `forward_output`, and
        what is passed down to the (first) input, (C', h', w').
    branches[rule] : what is passed to every input, in the order of `forward_inputs`.
    above : the titles of the steps whose signals arrive here; where there are several, `before` is their sum.
        Empty for the layer itself.
    below : the titles of the steps that made the inputs; "pixels" for the image.
    explanation : a sentence or two on what the step does.
    """

    name: str
    title: str
    operation: str
    kind: str
    forward_inputs: tuple[Tensor, ...]
    forward_output: Tensor
    switches: Tensor | None
    signals: Mapping[str, tuple[Tensor, Tensor]]
    branches: Mapping[str, tuple[Tensor, ...]]
    above: tuple[str, ...]
    below: tuple[str, ...]
    explanation: str

    @property
    def forward_input(self) -> Tensor:
        """The map that the step read; the first where it read several."""
        return self.forward_inputs[0]

    def report(self, rule: str) -> str:
        """What happened here under a rule, in numbers: a sentence."""
        return report(self.kind, self.operation, rule, self.forward_input, *self.signals[rule])

    def __repr__(self) -> str:
        shapes = "×".join(map(str, self.forward_output.shape)), "×".join(map(str, self.forward_input.shape))
        return f"TraceStep({self.title!r}, {self.kind}, {shapes[0]} -> {shapes[1]})"


def steps_of(
    model: nn.Module, tape: TracingTape, sweeps: dict[str, TracingSweep], ties: str
) -> tuple[TraceStep, ...]:
    """The steps that a signal passed, from the layer down, of what the sweeps kept."""
    return _Steps(model, tape, sweeps, ties).all()


class _Steps:
    """Makes the steps of a trace from what the sweeps kept."""

    def __init__(
        self, model: nn.Module, tape: TracingTape, sweeps: dict[str, TracingSweep], ties: str
    ) -> None:
        self.tape = tape
        self.sweeps = sweeps
        self.ties = ties
        modules = dict(model.named_modules())
        reached = [
            step
            for step in reversed(tape.steps)
            if any(step.output in sweep.passed for sweep in sweeps.values())
        ]
        # A copy hands on what it gets: nothing to show. What it stands between is joined by `_made_by`.
        self.shown = [step for step in reached if not _is_copy(step)]
        self.copies = {step.output: step.inputs[0] for step in reached if _is_copy(step)}
        self.normalizes = {
            step.output: isinstance(modules.get(tape.modules[step.output]), _BATCH_NORMS)
            for step in self.shown
        }
        self.titles = self._titles()

    def all(self) -> tuple[TraceStep, ...]:
        return tuple(self._step(step) for step in self.shown)

    def _titles(self) -> dict[int, str]:
        """A title for the output of every step, each used once."""
        names = Counter(self.tape.modules[step.output] for step in self.shown)
        titles, used = {}, Counter()
        # In the order of the forward pass: the first use of a module is the one without a number.
        for step in reversed(self.shown):
            name = self.tape.modules[step.output]
            operation = operation_of(step, self.normalizes[step.output])
            title = name if name and names[name] == 1 else f"{name}: {operation}" if name else operation
            used[title] += 1
            titles[step.output] = title if used[title] == 1 else f"{title} ({used[title]})"
        return titles

    def _step(self, step: Step) -> TraceStep:
        normalizes = self.normalizes[step.output]
        operation = operation_of(step, normalizes)
        inputs = step.inputs
        return TraceStep(
            name=self.tape.modules[step.output],
            title=self.titles[step.output],
            operation=operation,
            kind=kind_of(step, normalizes),
            forward_inputs=tuple(self._map(value) for value in inputs),
            forward_output=self._map(step.output),
            switches=self._switches(step) if isinstance(step, MaxPool) else None,
            signals=_Passages(self, step, inputs[:1]),
            branches=_Branches(self, step, inputs),
            above=tuple(
                self.titles[other.output]
                for other in self.shown
                if any(self._made_by(value) == step.output for value in other.inputs)
            ),
            below=tuple(self.titles.get(self._made_by(value), "pixels") for value in inputs),
            explanation=explain(step, operation, normalizes),
        )

    def _made_by(self, value: int) -> int:
        """The value before all copies."""
        while value in self.copies:
            value = self.copies[value]
        return value

    def _map(self, value: int) -> Tensor:
        return self._as_maps(self.tape.kept[value].tensor[0], value)

    def _as_maps(self, tensor: Tensor, value: int) -> Tensor:
        """A value without its batch axis as (C, h, w), where it is a map or a vector."""
        if self.tape.channels_last[value] and tensor.ndim == 3:
            return tensor.permute(2, 0, 1)
        return tensor[:, None, None] if tensor.ndim == 1 else tensor

    def signal(self, windows: Windows | None, value: int) -> Tensor:
        """A signal on the whole of a value."""
        shape = self.tape.shapes[value][1:]
        if windows is None:
            whole = self.tape.kept[value].tensor.new_zeros(shape)
        else:
            size = self.tape.size(value)
            whole = (windows.signal if size is None else windows.pasted(size).signal)[0].reshape(shape)
        return self._as_maps(whole, value)

    def _switches(self, step: MaxPool) -> Tensor:
        geometry = step.geometry
        offsets = switch_offsets(self.ties, step.maps.tensor, step.pooled.tensor, step.indices, geometry)
        height, width = offsets[0].shape[1:3]
        device = offsets[0].device
        rows = torch.arange(height, device=device)[:, None, None] * geometry.stride[0] - geometry.padding[0]
        columns = torch.arange(width, device=device)[:, None] * geometry.stride[1] - geometry.padding[1]
        at = torch.stack([offsets[0][0] + rows, offsets[1][0] + columns], dim=-1)
        return at.permute(2, 0, 1, 3).contiguous()


class _Branches(Mapping):
    """rule -> the signals on every input of a step, each made whole when asked for: maps may be large and many."""

    def __init__(self, steps: _Steps, step: Step, inputs: tuple[int, ...]) -> None:
        self._steps, self._step, self._inputs = steps, step, inputs

    def __getitem__(self, rule: str) -> tuple[Tensor, ...]:
        _, parts = self._passed(rule)
        # By value, each used up in order: a step may have read one value twice.
        waiting: dict[int, list[Windows]] = {}
        for value, windows in parts:
            waiting.setdefault(value, []).append(windows)
        return tuple(
            self._steps.signal(waiting[value].pop(0) if waiting.get(value) else None, value)
            for value in self._inputs
        )

    def _passed(self, rule: str) -> tuple[Windows | None, list]:
        try:
            sweep = self._steps.sweeps[rule]
        except KeyError:
            raise KeyError(f"no rule {rule!r}; there are {', '.join(self._steps.sweeps)}") from None
        return sweep.passed.get(self._step.output, (None, []))

    def __iter__(self) -> Iterator[str]:
        return iter(self._steps.sweeps)

    def __len__(self) -> int:
        return len(self._steps.sweeps)


class _Passages(_Branches):
    """rule -> the signal before a step and the one after it, on its first input."""

    def __getitem__(self, rule: str) -> tuple[Tensor, Tensor]:
        before = self._steps.signal(self._passed(rule)[0], self._step.output)
        return before, super().__getitem__(rule)[0]


def _is_copy(step: Step) -> bool:
    return isinstance(step, Identity) and len(step.inputs) == 1
