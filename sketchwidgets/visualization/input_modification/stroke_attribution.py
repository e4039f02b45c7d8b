"""Stroke attribution: which strokes drive a class or a unit, by gradient or along a projection."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from sketchwidgets.recognition import Recognizer
from sketchwidgets.sketch import Sketch, resample_strokes, stroke_descriptors
from sketchwidgets.sketch._normalize import fit_to_frame
from sketchwidgets.sketch.differentiable import rasterize_points

from ..figures import Figure
from ..network import Network
from ..network._classes import class_index
from ..projection import project
from ..projection.recording._recorder import watch
from ._stroke_frame import StrokeFrame, checked_sketch

METHODS = ("gradient", "projection")


@dataclass(frozen=True, eq=False, repr=False)
class StrokeAttribution:
    """Which strokes of a drawing drive a class or a unit; made by `stroke_attribution`. S strokes, P points.

    sketch : the drawing. method : "gradient" or "projection". target : what is attributed, in words.
    score : by "gradient" the log probability of the class, or the unit's activation; by "projection" the latter.
    strokes : (S,) float64, each stroke's part. Positive: its ink drives the target; negative: it works against it.
    points : (P,) float64, the same for each point, adding up to the strokes' parts.
    push : (P, 2) float64, by "gradient", d score / d (x, y) in units of the sketch: where a point should move for
        the target to grow, the frame held fixed. Else None.
    projection : (parts, size, size) float64, by "projection", per unit of ink, in the drawing's square; `parts` is 1,
        or 6 for stroke-order channels. Else None.
    paper : by "projection", what lies on no stroke; strokes and paper add up to the total of the projection.
    """

    sketch: Sketch
    method: str
    target: str
    score: float
    strokes: np.ndarray
    points: np.ndarray
    push: np.ndarray | None = None
    projection: Tensor | None = None
    paper: float | None = None

    @property
    def order(self) -> np.ndarray:
        """(S,) the strokes, the one with the largest part first."""
        return np.argsort(-self.strokes, kind="stable")

    def figure(self, side: int = 288) -> Figure:
        """The drawing with its strokes coloured by their parts, and the parts as bars."""
        from ._stroke_figures import attribution_figure

        return attribution_figure(self, side)

    def __repr__(self) -> str:
        return f"StrokeAttribution({self.target!r} by {self.method}, {len(self.sketch)} strokes)"

    def _repr_html_(self) -> str:
        return self.figure().to_html()


def stroke_attribution(
    model: Network | Recognizer | nn.Module | None,
    sketch: Sketch,
    target: int | str | None = None,
    *,
    layer: str | None = None,
    channel: int | None = None,
    position: tuple[int, int] | None = None,
    method: str | None = None,
    rule: str = "guided",
) -> StrokeAttribution:
    """Share out a class score or the activation of a unit among the strokes that were drawn.

    Two ways:

    "gradient"      through the network, its input and the rasterizer down to the pen: a stroke's part is the
                    derivative of the score by the amount of its ink, to first order what the score loses as the
                    stroke fades; `push` is the derivative by the position of each point. For a Recognizer and a
                    class, it goes through every prefix of the drawing and the recurrent part.
    "projection"    a projection of the unit (`sw.project`) added up along the strokes: a pixel's value goes to
                    the stroke that inked it, as far as it is inked, and for the rest to the paper. Where
                    strokes overlap, the darkest has the pixel; equally dark ones share it.

    Parameters
    ----------
    model : a `Recognizer` (None: the bundled one), a `Network` or a torch.nn.Module.
    sketch : the drawing, of at least one stroke.
    target : without `layer`: index or name of the class; None: the most probable one.
    layer, channel, position : the unit, as in `sw.trace`; a channel of None is the strongest, a position of None its
        maximum.
    method : None: "projection" of a unit, "gradient" of a class.
    rule : of the projection, "guided", "deconvnet", "backprop" or "relevance", as in `sw.project`.

    Raises ValueError or TypeError, naming the argument.

    The mechanism of a line with ink at its points is that of Sketch-R2CNN (Li et al., arXiv 1811.08170).

    >>> sketch = sw.Sketch([[(0, 0), (30, 0), (30, 30), (0, 30), (0, 0)], [(10, 40), (20, 40)]])
    >>> driven = sw.stroke_attribution(None, sketch, layer=sw.Network.of(None).layers()[2])
    >>> total = float(driven.projection.sum())
    >>> abs(float(driven.strokes.sum()) + driven.paper - total) < 1e-6 * float(driven.projection.abs().sum())
    True
    """
    sketch = checked_sketch(sketch)
    asked = Recognizer.load() if model is None else model
    network = Network.of(asked)
    if method is None:
        method = "gradient" if layer is None else "projection"
    if method not in METHODS:
        raise ValueError(f"method must be one of {', '.join(map(repr, METHODS))}, not {method!r}")
    if layer is None:
        if method == "projection":
            raise ValueError("method='projection' needs a layer; a class is a channel of the last layer")
        if channel is not None or position is not None:
            raise ValueError("channel and position need a layer")
        if isinstance(asked, Recognizer):
            return _class_of_recognizer(asked, sketch, target)
        return _by_gradient(network, sketch, _ClassScore(network, target))
    if target is not None:
        raise ValueError("target has no meaning with a layer: give the channel")
    if method == "projection":
        return _by_projection(network, sketch, layer, channel, position, rule)
    return _by_gradient(network, sketch, _UnitScore(network, layer, channel, position))


def _by_projection(
    network: Network,
    sketch: Sketch,
    layer: str,
    channel: int | None,
    position: tuple[int, int] | None,
    rule: str,
) -> StrokeAttribution:
    if position is not None and channel is None:
        raise ValueError("position needs a channel")
    frame = StrokeFrame(network, sketch)
    unit: dict[str, Any] = {} if channel is None else {"channels": [channel]}
    if position is not None:
        unit["positions"] = [[position]]
    images = network.prepare(sketch)
    (made,) = project(network.module, images, layer, top=1, rule=rule, **unit).values()
    signal = frame.per_ink(made.images[0, 0])
    strokes, points = torch.zeros(len(sketch), dtype=torch.float64), []
    points = [torch.zeros(n, dtype=torch.float64) for n in frame.lengths]
    for plane, (part, shares) in zip(signal, frame.shares(), strict=True):
        if not part:
            continue
        strokes[part] += shares.per_stroke(plane)[0]
        by_point = shares.per_point(plane).split([frame.lengths[i] for i in part])
        for i, values in zip(part, by_point, strict=True):
            points[i] += values
    activation = float(made.activations)
    return StrokeAttribution(
        sketch,
        "projection",
        f"{_unit_name(layer, int(made.channels), made.positions[0, 0].tolist())} by {rule}",
        activation,
        strokes.numpy(),
        torch.cat(points).numpy(),
        projection=signal,
        paper=float(signal.sum() - strokes.sum()),
    )


def _by_gradient(network: Network, sketch: Sketch, target: "_ClassScore | _UnitScore") -> StrokeAttribution:
    frame = StrokeFrame(network, sketch)
    with torch.inference_mode(False), torch.enable_grad():
        points = frame.points.clone().requires_grad_()
        ink = torch.ones(len(points), requires_grad=True)
        score = target(frame.draw(points, ink))
        push, faded = torch.autograd.grad(score, (points, ink))
    return _gradients(sketch, target.name, score, faded, push * frame.scale)


def _gradients(
    sketch: Sketch, name: str, score: Tensor, by_ink: Tensor, by_position: Tensor
) -> StrokeAttribution:
    parts = by_ink.double()
    return StrokeAttribution(
        sketch,
        "gradient",
        name,
        float(score.detach()),
        np.array([float(stroke.sum()) for stroke in parts.split(sketch.lengths.tolist())]),
        parts.numpy(),
        push=by_position.double().numpy(),
    )


class _ClassScore:
    """The log probability of a class."""

    def __init__(self, network: Network, label: int | str | None) -> None:
        self.network, self.label = network, label
        self.name = ""

    def __call__(self, images: Tensor) -> Tensor:
        # What is a distribution already, and what is not, is for the network to tell.
        probabilities = self.network.scores(images)
        index = class_index(
            self.label, self.network.classes, probabilities.shape[1], int(probabilities[0].argmax())
        )
        self.name = self.network.class_name(index)
        return self.network.log_probabilities(images)[0, index]


class _UnitScore:
    """The activation of a unit."""

    def __init__(
        self, network: Network, layer: str, channel: int | None, position: tuple[int, int] | None
    ) -> None:
        if layer not in dict(network.module.named_modules()) or not layer:
            raise ValueError(f"layer: the network has no layer {layer!r}")
        if position is not None and channel is None:
            raise ValueError("position needs a channel")
        self.network, self.layer, self.channel, self.position = network, layer, channel, position
        self.name = layer

    def __call__(self, images: Tensor) -> Tensor:
        kept: list[Tensor] = []

        def collect(name: str, output: Any) -> bool:
            if not isinstance(output, Tensor) or output.ndim not in (2, 4):
                raise ValueError(f"layer {name!r} does not return maps (1, c, h, w) or (1, c)")
            kept.append(output.clone())  # what follows may write into it
            return True

        from ..projection.recording._recorder import StopForward

        try:
            with watch(self.network.module, [self.layer], collect):
                self.network.module(images)
        except StopForward:
            pass
        if not kept:
            raise ValueError(f"layer: the forward pass did not run {self.layer!r}")
        maps = kept[0][0]
        maps = maps if maps.ndim == 3 else maps[:, None, None]
        channel = int(maps.flatten(1).amax(1).argmax()) if self.channel is None else self.channel
        _check_index("channel", channel, maps.shape[0])
        if self.position is None:
            place = int(maps[channel].argmax())
            row, column = divmod(place, maps.shape[2])
        else:
            row, column = self.position
            _check_index("position", row, maps.shape[1])
            _check_index("position", column, maps.shape[2])
        self.name = _unit_name(self.layer, channel, [row, column])
        return maps[channel, row, column]


def _class_of_recognizer(
    recognizer: Recognizer, sketch: Sketch, label: int | str | None
) -> StrokeAttribution:
    """The gradient of what a recogniser says after the last stroke: through all prefixes and its memory.

    Where it reads the points of strokes too, a push moves both; ink fades in the picture alone.
    """
    preprocessing = recognizer.preprocessing
    coordinates = sketch.points[:, :2].astype(np.float64)
    ends = np.cumsum(sketch.lengths)
    with torch.inference_mode(False), torch.enable_grad():
        points = torch.from_numpy(coordinates).requires_grad_()
        ink = torch.ones(len(points), dtype=torch.float64, requires_grad=True)
        images = []
        for stroke, end in enumerate(ends, start=1):
            lower, upper = coordinates[:end].min(0), coordinates[:end].max(0)
            scale, offset = fit_to_frame(lower, upper, preprocessing.size, preprocessing.extent)
            pixels = points[:end] * float(scale) + torch.from_numpy(offset)
            lengths = sketch.lengths[:stroke].tolist()
            images.append(
                rasterize_points(pixels, lengths, preprocessing.size, preprocessing.stroke_width, ink[:end])
            )
        weight = next(recognizer.recurrent.parameters())
        features = recognizer.cnn.features(torch.cat(images).to(weight))
        if samples := recognizer.recurrent.stroke_samples:
            described = stroke_descriptors(resample_strokes(points, sketch.lengths, samples))
            features = torch.cat([features, described.to(features)], 1)
        scores = recognizer.recurrent(features[None])[0, -1]
        if recognizer.calibration is not None:
            scores = recognizer.calibration.scaled(scores, len(ends))
        scores = scores.log_softmax(0)
        index = class_index(label, recognizer.classes, len(scores), int(scores.detach().argmax()))
        push, faded = torch.autograd.grad(scores[index], (points, ink))
    return _gradients(sketch, recognizer.classes[index], scores[index], faded, push)


def _check_index(name: str, value: Any, count: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or not 0 <= value < count:
        raise ValueError(f"{name}: {value!r} is not in 0..{count - 1}")


def _unit_name(layer: str, channel: int, position: list[int]) -> str:
    return f"{layer}/{channel} at row {position[0]}, column {position[1]}"
