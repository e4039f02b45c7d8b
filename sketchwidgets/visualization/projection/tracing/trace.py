"""One unit on its way down to the pixels, step by step, under the three rules side by side."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..._failures import explained
from ...figures import Figure
from .._errors import ProjectionError, UnsupportedOperation
from .._given import images_and_module
from .._options import Options, check_model, check_units
from .._units import Units, choose_units
from ..recording._recorder import Forward, run_recorded
from ..recording._tape import Saved
from ..steps._rules import RULES
from ._trace_steps import TraceStep, steps_of
from ._tracing import TracingSweep, TracingTape, names_of_running

_MOST_ROWS = 40  # steps drawn unasked
_BATCH_NORMS = (nn.BatchNorm2d, nn.BatchNorm1d, nn.SyncBatchNorm)


@dataclass(frozen=True, eq=False, repr=False)
class Trace:
    """A unit's way down; made by `trace`.

    layer, channel, position, activation : the unit; its position is (row, column). For signal="map", the
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
    signal: str
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
    model: Any,
    image: Any,
    layer: str,
    channel: int | None = None,
    position: tuple[int, int] | None = None,
    *,
    signal: str = "activation",
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
    model : a torch.nn.Module in eval mode, a `sw.Network`, a `sw.Recognizer` (its CNN), or None for the bundled
        recogniser. It is not changed.
    image : (1, C, H, W) floating point, as the model takes it; or, as in `project`, a drawing or a picture.
    layer : a name of `model.named_modules()`.
    channel : the feature map; None: the one with the highest maximum.
    position : row and column of the unit; None: the maximum of the channel.
    signal : what starts, the unit's "activation", "unit" (1.0), or "map": the whole map of the channel with its values.
        What starts where an activation is negative: see `project`.
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
    image, model = images_and_module(model, image, "image")
    if len(image) != 1:
        raise ProjectionError(f"image must be one image (1, C, H, W), not {len(image)} of them")
    if not isinstance(layer, str):
        raise ProjectionError(f"layer must be the name of one layer, not {layer!r}")
    names = check_model(model, layer)
    rules = _check_rules(rules)
    Options(signal=signal, ties=ties, normalization=normalization)
    running: list[str] = []
    with explained(model, image, ProjectionError, "image"), names_of_running(model, running):
        tape, outputs, _ = run_recorded(
            model, image, names, forward, True, lambda images: TracingTape(images, running)
        )
    if tape.broken:
        raise ProjectionError(f"layer {layer!r}: no trace through {tape.broken}")
    value, saved = outputs[layer]
    with torch.inference_mode(False), torch.no_grad():
        try:
            unit = _unit(tape, value, saved, channel, position, signal, ties)
            seeds = unit.seeds(0, 1, tape.shapes[value], tape.channels_last[value])
            sweeps, arrived = {}, {}
            for rule in rules:
                sweeps[rule] = TracingSweep(tape, np.zeros(1, np.int64), rule, ties, normalization)
                arrived[rule] = sweeps[rule].down(value, seeds)
        except UnsupportedOperation as error:
            raise ProjectionError(f"layer {layer!r}: no trace through {error}") from None
        except ProjectionError as error:
            raise ProjectionError(f"layer {layer!r}: {error}") from None
        steps = steps_of(model, tape, sweeps, ties)
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
        signal,
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
    signal: str,
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
    return choose_units(maps, 1, signal, ties, *check_units(as_maps, channels, positions, signal))
