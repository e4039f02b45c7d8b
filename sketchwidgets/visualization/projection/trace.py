"""One unit on its way down to the pixels, step by step, under the three rules side by side."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn

from ..figures import Figure
from ._errors import ProjectionError, UnsupportedOperation
from ._options import Options, check_images, check_model, check_units, unwrapped
from ._pointwise import Identity
from ._recorder import Forward, run_recorded
from ._rules import RULES
from ._sliding import MaxPool
from ._step import Step
from ._switches import switch_offsets
from ._tape import Saved
from ._trace_words import explain, kind_of, operation_of, report
from ._tracing import TracingSweep, TracingTape, names_of_running
from ._units import Units, choose_units
from ._windows import Windows

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


@dataclass(frozen=True, eq=False, repr=False)
class Trace:
    """A unit's way down; made by `trace`.

    layer, channel, position, activation : the unit; its position is (row, column). For seed="map", the
        position and activation are those of the map's maximum.
    dead : no signal starts there, because nothing excites the unit: every signal is blank.
    steps : from the layer down to the pixels, in the order in which the signal passes them.
    pixels[rule] : (C, H, W), the signal that arrives at the image: the projection.
    image : (C, H, W), what was projected from.
    """

    layer: str
    channel: int
    position: tuple[int, int]
    activation: float
    dead: bool
    seed: str
    ties: str
    rules: tuple[str, ...]
    steps: tuple[TraceStep, ...]
    pixels: Mapping[str, Tensor]
    image: Tensor = field(repr=False)

    def step(self, title: str) -> TraceStep:
        """The step of that title, or the topmost of that module. KeyError, which lists them, if there is none."""
        for step in self.steps:
            if title in (step.title, step.name):
                return step
        raise KeyError(f"no step {title!r}; there are {', '.join(step.title for step in self.steps)}")

    def figure(
        self,
        channels: int | None = 4,
        *,
        whole: bool = False,
        same_scale: bool = False,
        steps: Sequence[str] | None = None,
    ) -> Figure:
        """A row for each step: the map that it read on the way up, and what each rule passes down to it.

        steps : the titles of the steps to show; None: all.
        channels : so many of each map, those with the most signal under all rules together; None: their sum.
        whole : whole maps instead of where there is any signal.
        same_scale : one scale for all rules, instead of each up to its own largest magnitude.
        """
        from ._trace_figure import TraceLook, trace_figure

        chosen = self.steps if steps is None else [self.step(title) for title in steps]
        return trace_figure(self, TraceLook(channels, whole, same_scale), chosen)

    def _repr_html_(self) -> str:
        if len(self.steps) <= _MOST_ROWS:
            return self.figure().to_html()
        shown = self.figure(steps=[step.title for step in self.steps[:_MOST_ROWS]])
        return f"{shown.to_html()}<p>These are the first {_MOST_ROWS} of {len(self.steps)} steps.</p>"

    def __repr__(self) -> str:
        row, column = self.position
        return f"Trace({self.layer!r}, channel {self.channel} at ({row}, {column}), {len(self.steps)} steps)"


def trace(
    model: nn.Module,
    image: Tensor,
    layer: str,
    channel: int | None = None,
    position: tuple[int, int] | None = None,
    *,
    seed: str = "activation",
    rules: Sequence[str] = ("backprop", "deconvnet", "guided"),
    ties: str = "center",
    normalization: str | None = None,
    forward: Forward | None = None,
) -> Trace:
    """Follow one unit, or one whole map, from a layer down to the pixels under several rules.

    Shows what `project` does: unpooling by switches, rectification by the rule, filtering with transposed
    filters (Zeiler & Fergus 2014, section 2.1; the rules: Grün et al. 2016, arXiv 1606.07757, figure 2).
    What arrives at the pixels is, but for rounding, what `project` returns for that unit.

    Parameters
    ----------
    model : a convolutional network in eval mode; it is left as it is.
    image : (1, C, H, W) floating point, as the model takes it.
    layer : a name of `model.named_modules()`.
    channel : the feature map; None: the one with the highest maximum.
    position : row and column of the unit; None: the maximum of the channel.
    seed : the unit's "activation", "unit" (1.0), or "map": the whole map of the channel with its values.
        What starts where an activation is negative: see `Recording.project`.
    rules : which of "backprop", "deconvnet" and "guided", in the order to show them.
    ties, normalization, forward : as in `project` and `record`.

    Raises
    ------
    ProjectionError : a bad argument; a step that the tape cannot take apart, or that has no stated way down under
        one of the rules (leave that rule out of `rules`).

    >>> net = sw.models.create("sketch_a_net", classes=250).eval()
    >>> traced = sw.trace(net, torch.rand(1, 1, 225, 225), "relu2")
    >>> [(step.name, step.kind) for step in traced.steps][:3]
    [('relu2', 'rectify'), ('conv2', 'filter'), ('pool1', 'unpool')]
    >>> before, after = traced.steps[2].signals["deconvnet"]
    >>> before.shape, after.shape, traced.pixels["deconvnet"].shape
    (torch.Size([64, 35, 35]), torch.Size([64, 71, 71]), torch.Size([1, 225, 225]))
    """
    image, model = check_images(image), unwrapped(model)
    if len(image) != 1:
        raise ProjectionError(f"image must be one image (1, C, H, W), not {len(image)} of them")
    if not isinstance(layer, str):
        raise ProjectionError(f"layer must be the name of one layer, not {layer!r}")
    names = check_model(model, layer)
    rules = _check_rules(rules)
    Options(seed=seed, ties=ties, normalization=normalization)
    running: list[str] = []
    with names_of_running(model, running):
        tape, outputs, _ = run_recorded(
            model, image, names, forward, True, lambda images: TracingTape(images, running)
        )
    if tape.broken:
        raise ProjectionError(f"layer {layer!r}: no trace through {tape.broken}")
    value, saved = outputs[layer]
    with torch.inference_mode(False), torch.no_grad():
        try:
            unit = _unit(tape, value, saved, channel, position, seed, ties)
            seeds = unit.seeds(0, 1, tape.shapes[value], tape.channels_last[value])
            sweeps, arrived = {}, {}
            for rule in rules:
                sweeps[rule] = TracingSweep(tape, np.zeros(1, np.int64), rule, ties, normalization)
                arrived[rule] = sweeps[rule].down(value, seeds)
        except UnsupportedOperation as error:
            raise ProjectionError(f"layer {layer!r}: no trace through {error}") from None
        except ProjectionError as error:
            raise ProjectionError(f"layer {layer!r}: {error}") from None
        steps = _Steps(model, tape, sweeps, ties).all()
        size = tuple(image.shape[2:])
        pixels = {
            rule: image.new_zeros(image.shape[1:]) if signal is None else signal.pasted(size).signal[0]
            for rule, signal in arrived.items()
        }
        image = image[0].detach().clone()
    return Trace(
        layer,
        int(unit.channels),
        tuple(unit.positions[0, 0].tolist()),
        float(unit.activations),
        bool(unit.dead),
        seed,
        ties,
        rules,
        steps,
        pixels,
        image,
    )


def _check_rules(rules: Sequence[str]) -> tuple[str, ...]:
    rules = (rules,) if isinstance(rules, str) else tuple(dict.fromkeys(rules))
    if not rules:
        raise ProjectionError(f"rules is empty; there are {', '.join(map(repr, RULES))}")
    for rule in rules:
        Options(rule=rule)
    return rules


def _unit(
    tape: TracingTape,
    value: int,
    saved: Saved,
    channel: int | None,
    position: tuple[int, int] | None,
    seed: str,
    ties: str,
) -> Units:
    """The one unit, or the one map, that is followed."""
    maps = saved.tensor
    if maps.ndim not in (2, 4):
        raise ProjectionError(f"it returns {tuple(maps.shape)}, not (1, c, h, w) or (1, c)")
    if tape.channels_last[value]:
        maps = maps.permute(0, 3, 1, 2)
    if position is not None and channel is None:
        raise ProjectionError("position needs channel: which channel is it on?")
    as_maps = maps if maps.ndim == 4 else maps[:, :, None, None]
    channels = None if channel is None else [channel]
    positions = None if position is None else [[position]]
    return choose_units(maps, 1, seed, ties, *check_units(as_maps, channels, positions, seed))


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
