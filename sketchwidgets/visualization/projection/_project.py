"""The public functions: `project`, and `record` for projecting one forward pass layer by layer."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from .._failures import explained
from ._errors import ProjectionError, UnsupportedOperation
from ._given import images_and_module
from ._options import Options, asked_options, check_model, check_units
from ._precision import fast_dtype
from ._result import LayerProjection, Projections, bounding_boxes
from ._turns import Turns, at_once
from ._units import Units, choose_units
from .autograd._autograd import AutogradPath
from .recording._keeping import KeepingTape
from .recording._recorder import Forward, run_recorded
from .recording._tape import Tape
from .steps._step import Unknown
from .windows._relevance import RelevanceSweep
from .windows._sweep import Sweep
from .windows._windows import Windows

Channels = Sequence[int] | Tensor | np.ndarray

# Units that go down together, at most.
_UNITS_AT_ONCE = 36


def project(
    model: Any,
    images: Any,
    layers: str | Sequence[str] | None = None,
    top: int = 9,
    rule: str = "deconvnet",
    *,
    channels: Channels | None = None,
    positions: Tensor | np.ndarray | None = None,
    signal: str = "activation",
    convolution: str = "standard",
    ties: str = "center",
    normalization: str | None = None,
    path: str = "auto",
    dtype: torch.dtype | str | None = None,
) -> Projections:
    """Project the strongest units of many layers, or units of choice, back to the pixels.

    For every image and layer, the `top` channels with the highest maximum are taken, each at the one
    position of its maximum, and what excites that unit is traced back to the input.

    Parameters
    ----------
    model : a torch.nn.Module in eval mode, a `sw.Network`, a `sw.Recognizer` (its CNN), or None for the bundled
        recogniser. It is not changed.
    images : (n, C, H, W) floating point, as the model takes them, on the model's device. Of a Network, a Recognizer or
        None also a drawing or a picture as `Network.prepare` takes it, a `sw.Sketch`, a PIL image or an array
        (H, W[, 3]), or a list of these. What has four axes counts as prepared.
    layers : names of `model.named_modules()`; a projection starts from that module's output, (n, c, h, w) or
        (n, c). Of a module that runs several times, the first output counts. None: the innermost module around
        every activation after a convolution whose map has more than one position.
    top : units per image, at least 1; at most as many as the layer has channels are returned.
    rule : "deconvnet" (Zeiler & Fergus 2014, section 2.1), "guided" (guided backpropagation, Springenberg et al.
        2015), "backprop" (the gradient, Simonyan et al. 2013) or "relevance" (relevance propagation as in FeatureVis,
        short for "backprop" with convolution="relevance"). See Grün et al. 2016, arXiv 1606.07757, figure 2.
    channels : the channels to project instead of the strongest, in this order, whatever `top`: a sequence of
        numbers, the same for every image, or (n, t), a row for each image; for every one of the layers. A class
        score is a channel of the last layer.
    positions : (n, t, 2), row and column of each unit of `channels`. None: where the channel has its maximum.
    signal : what starts at the unit: its "activation", as in the paper, or "unit", 1.0, which
        makes a backprop projection the gradient of the activation. Under every rule the two differ by
        just that factor. "map": the whole map of the channel with its values, as in FeatureVis; the
        strongest channels are then those with the largest 2-norm of the map (its largest singular value, as
        in FeatureVis), and a projection covers all of the image.
        No signal starts at a unit (and from a map without any) whose activation is 0 or less, except at one
        of `channels` under "unit", where only 0 is dead: a class score may well be negative.
    convolution : how convolutions and other linear layers pass the signal: "standard", their transpose, or
        "relevance", relevance propagation as in FeatureVis, which shares the signal out among the inputs in
        proportion to what each gave to the output: x · transpose(R / (y + 0.001 · sign y)). Sums, batch
        normalization and average pools share in the same way; activations, under "backprop", hand the
        relevance on, which is what rule="relevance" is short for. Result: what every pixel gave to the signal; of the
        signal "activation", its parts. A `Recording` runs the forward pass once more for it.
    ties : where several positions of a pooling window (or of a map, for the unit's position) hold the
        maximum, as on blank paper: the one nearest to the "center", without drift, or the "first" in
        row-major order, the one whose gradient PyTorch takes.
    normalization : "skip" local response normalization (and hold the statistics of layer, group and
        instance normalization fixed), or take its "derivative". None: skip for deconvnet, as in the
        paper, and for relevance, derivative otherwise.
    path : "windows", receptive-field windows; "autograd", PyTorch's backward pass, general and slow;
        "auto", windows where every operation on the way is known, else autograd. The results agree to
        rounding. A box is the receptive field on the first, and the smallest box around all non-zero
        pixels on the second.
    dtype : the number format of the signal on its way down by windows; None: that of the model.
        torch.bfloat16 takes about half the time where the processor has it, and differs by about 1 % (more
        in narrow, deep networks); which units are active and where maxima are still comes from the forward pass in the
        model's own format, as does the format of the result. "fast": torch.bfloat16 where the processor has
        it, else the model's.

    Returns
    -------
    A mapping from layer name to `LayerProjection`, in the order of the forward pass.

    Raises
    ------
    ProjectionError : the model is in training mode, a layer, channel or position does not exist, an operation
        has no stated way down under the rule, or the images do not fit.

    >>> net = sw.models.create("sketch_a_net", classes=250).eval()
    >>> result = sw.project(net, torch.rand(1, 1, 225, 225), top=4, rule="guided")
    >>> result["relu3"].images.shape
    torch.Size([1, 4, 1, 225, 225])

    What speaks for classes 3 and 7:

    >>> result = sw.project(net, torch.rand(2, 1, 225, 225), "fc8", channels=[3, 7], signal="unit")
    >>> result["fc8"].channels.tolist()
    [[3, 7], [3, 7]]

    A drawing, by the bundled recogniser:

    >>> found = sw.project(None, sw.Sketch([[(0, 0), (30, 10), (60, 0)]]), top=3, rule="relevance")
    >>> [len(layer.crops()) for layer in found.values()][0]
    3
    """
    options = asked_options(top, rule, signal, ties, normalization, path, convolution, dtype)
    tape = KeepingTape if options.convolution == "relevance" else Tape
    recording = _record(model, images, layers, None, stop_early=layers is not None, make_tape=tape)
    return Projections(
        {layer: at_once(recording._turns(layer, options, channels, positions)) for layer in recording.layers}
    )


def record(
    model: Any,
    images: Any,
    layers: str | Sequence[str] | None = None,
    forward: Forward | None = None,
) -> "Recording":
    """Run a forward pass once and keep what projections of its layers need.

    The arguments are those of `project`, drawings and pictures included; `forward(model, images)`, if given, is
    what runs instead of `model(images)`, for example `lambda net, x: net.features(x)`. No gradient graph is made.

    >>> net = sw.models.create("sketch_a_net", classes=250).eval()
    >>> recording = sw.record(net, torch.rand(1, 1, 225, 225), layers=["relu1", "relu2"])
    >>> recording.output.shape
    torch.Size([1, 250])
    >>> recording.project("relu2", top=9, rule="guided").boxes.shape
    torch.Size([1, 9, 4])
    """
    return _record(model, images, layers, forward, stop_early=False)


def _record(
    model: Any,
    images: Any,
    layers: str | Sequence[str] | None,
    forward: Forward | None,
    stop_early: bool,
    make_tape: type[Tape] = Tape,
    argument: str = "images",
) -> "Recording":
    images, model = images_and_module(model, images)
    names = check_model(model, layers)
    with explained(model, images, ProjectionError, argument):
        return Recording(model, images, names, forward, stop_early, make_tape)


class Recording:
    """One forward pass, ready to be projected from; made by `record`.

    output : what the forward returned.
    layers : the names of the layers that can be projected, in the order of the forward pass.

    It holds the rectified maps and switches on the way to these layers and refers to the weights, which
    must not change while it is in use. All of it is freed as soon as the recording is dropped.
    """

    def __init__(
        self,
        model: nn.Module,
        images: Tensor,
        layers: list[str] | None,
        forward: Forward | None,
        stop_early: bool,
        make_tape: type[Tape] = Tape,
    ) -> None:
        self._tape, outputs, self.output = run_recorded(model, images, layers, forward, stop_early, make_tape)
        self._outputs = dict(sorted(outputs.items(), key=lambda item: item[1][0]))
        self._model = model
        self._images = images.detach().clone()  # for the autograd path; the caller may draw on
        self._forward = forward
        self._keeping: Recording | None = None

    @property
    def layers(self) -> tuple[str, ...]:
        return tuple(self._outputs)

    def __repr__(self) -> str:
        return f"Recording(images={tuple(self._images.shape)}, layers={', '.join(self.layers)})"

    def maps(self, layer: str) -> Tensor:
        """The output of a layer in this forward pass, (n, c, h, w) or (n, c)."""
        return self._output(layer)[1].tensor

    def project(
        self,
        layer: str,
        top: int = 9,
        rule: str = "deconvnet",
        *,
        channels: Channels | None = None,
        positions: Tensor | np.ndarray | None = None,
        signal: str = "activation",
        convolution: str = "standard",
        ties: str = "center",
        normalization: str | None = None,
        path: str = "auto",
        dtype: torch.dtype | str | None = None,
    ) -> LayerProjection:
        """Project the strongest units of one layer, or units of choice; the arguments are those of `project`."""
        options = asked_options(top, rule, signal, ties, normalization, path, convolution, dtype)
        return at_once(self._turns(layer, options, channels, positions))

    def project_in_turns(
        self, layer: str, top: int = 9, rule: str = "deconvnet", *, dtype: torch.dtype | str | None = None
    ) -> Iterator[LayerProjection | None]:
        """As `project`, for callers with other things to do in between: None after every step down, then the projection.

        Steps are milliseconds apart. An iterator that is dropped leaves nothing behind.

        >>> net = sw.models.create("sketch_a_net", classes=250).eval()
        >>> recording = sw.record(net, torch.rand(1, 1, 225, 225), layers=["relu3"])
        >>> *steps, projection = recording.project_in_turns("relu3", top=4, rule="guided")
        >>> projection.images.shape
        torch.Size([1, 4, 1, 225, 225])
        """
        yield (yield from self._turns(layer, asked_options(top, rule, dtype=dtype), None, None))

    def _turns(
        self, layer: str, options: Options, channels: Channels | None, positions: Any
    ) -> Turns[LayerProjection]:
        steps = self._steps(layer, options, channels, positions)
        while True:
            # Around each turn by itself: between two of them the thread is somebody else's.
            with torch.inference_mode(False), torch.no_grad():
                try:
                    next(steps)
                except StopIteration as end:
                    return end.value
            yield

    def _steps(
        self, layer: str, options: Options, channels: Channels | None, positions: Any
    ) -> Turns[LayerProjection]:
        value, saved = self._output(layer)
        if options.convolution == "relevance" and not isinstance(self._tape, KeepingTape):
            # Needs the maps of all layers: the pass is run once more, and they are kept.
            if self._keeping is None:
                self._keeping = Recording(
                    self._model, self._images, list(self.layers), self._forward, True, KeepingTape
                )
            return (yield from self._keeping._steps(layer, options, channels, positions))
        try:
            maps = saved.tensor
        except UnsupportedOperation as error:
            raise ProjectionError(f"layer {layer!r}: {error}") from None
        if maps.ndim not in (2, 4):
            tokens = ": it looks like tokens of a transformer" if maps.ndim == 3 else ""
            raise ProjectionError(
                f"layer {layer!r} returns {tuple(maps.shape)}, not maps (n, c, h, w) or (n, c){tokens}"
            )
        if options.dtype == "fast":
            options = replace(options, dtype=fast_dtype(maps))
        if self._tape.channels_last[value]:
            maps = maps.permute(0, 3, 1, 2)
        try:
            as_maps = maps if maps.ndim == 4 else maps[:, :, None, None]
            chosen = check_units(as_maps, channels, positions, options.signal)
            units = choose_units(maps, options.top, options.signal, options.ties, *chosen)
            windows, corners, boxes = yield from self._project_units(layer, value, units, options)
        except ProjectionError as error:
            raise ProjectionError(f"layer {layer!r}: {error}") from None
        return LayerProjection(
            layer,
            options.rule,
            windows,
            corners,
            boxes,
            units.channels,
            units.positions,
            units.activations,
            tuple(self._images.shape[2:]),
            units.dead,
            options.signal,
            options.convolution,
        )

    def _output(self, layer: str) -> Any:
        try:
            return self._outputs[layer]
        except KeyError:
            raise ProjectionError(
                f"layer {layer!r} was not recorded; there are {', '.join(self.layers)}"
            ) from None

    def _project_units(
        self, layer: str, value: int, units: Units, options: Options
    ) -> Turns[tuple[Tensor, Tensor, Tensor]]:
        """Windows (n, t, C, h, w), corners (n, t, 2) on the CPU, boxes (n, t, 4), by the path that was asked for."""
        if options.path != "autograd":
            try:
                return (yield from self._by_windows(value, units, options))
            except UnsupportedOperation as error:
                if options.path == "windows":
                    raise ProjectionError(f"no windows through {error}") from None
        try:
            return self._by_autograd(layer, value, units, options)
        except ProjectionError as error:
            # Autograd's nodes do not know of modules; the tape knows where it met what it could not take apart.
            unknown = [step for step in self._tape.steps if isinstance(step, Unknown) and step.where]
            if not unknown:
                raise
            raise ProjectionError(
                f"{error} (unknown to the windows: {unknown[-1].name}{unknown[-1].where})"
            ) from None

    def _by_windows(self, value: int, units: Units, options: Options) -> Turns[tuple[Tensor, Tensor, Tensor]]:
        if self._tape.broken:
            raise UnsupportedOperation(self._tape.broken)
        parts = []
        for start in range(0, len(units), _UNITS_AT_ONCE):
            stop = min(start + _UNITS_AT_ONCE, len(units))
            parts.append((yield from self._sweep(value, units, start, stop, options)))
        windows, corners, boxes = (
            torch.cat(part) if len(part) > 1 else part[0] for part in zip(*parts, strict=True)
        )
        each = units.channels.shape
        return windows.unflatten(0, each), corners.view(*each, 2), boxes.view(*each, 4)

    def _sweep(
        self, value: int, units: Units, start: int, stop: int, options: Options
    ) -> Turns[tuple[Tensor, Tensor, Tensor]]:
        """Windows (units, C, h, w), their corners (units, 2) on the CPU and boxes (units, 4) for some of the units."""
        seeds = units.seeds(start, stop, self._tape.shapes[value], self._tape.channels_last[value])
        passing = (
            RelevanceSweep if options.convolution == "relevance" else partial(Sweep, dtype=options.dtype)
        )
        sweep = passing(
            self._tape, units.owners(start, stop), options.rule, options.ties, options.normalization
        )
        down = yield from sweep.down_in_turns(value, seeds)
        if down is None:
            down = Windows(seeds.signal.new_zeros((stop - start, *self._images.shape[1:])))
        boxes = torch.from_numpy(down.boxes(tuple(self._images.shape[2:]))).to(self._images.device)
        if down.full:
            corners = torch.zeros((stop - start, 2), dtype=torch.int64)
        else:
            corners = torch.from_numpy(np.stack([down.top, down.left], axis=1))
        return down.signal.to(seeds.signal.dtype), corners, boxes

    def _by_autograd(
        self, layer: str, value: int, units: Units, options: Options
    ) -> tuple[Tensor, Tensor, Tensor]:
        path = AutogradPath(
            self._model,
            self._images,
            [layer],
            options.rule,
            options.ties,
            options.normalization,
            self._forward,
            options.convolution,
        )
        images = path.project(layer, units, self._tape.channels_last[value])
        return images, torch.zeros((*images.shape[:2], 2), dtype=torch.int64), bounding_boxes(images)
