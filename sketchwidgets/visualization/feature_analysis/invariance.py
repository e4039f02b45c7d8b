"""Invariance: how features and the answer change while an image is moved, enlarged or turned."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .._progress import Progress, goes_on, progress_bar
from ..figures import Chart, Figure, Section, Tile
from ..figures._numbers import percent
from ..network import Network
from ..network._classes import class_index
from ._run import as_network, check_layers, late_layer, run
from ._sources import Drawings, Photos, as_sources

# Read off figure 5 of the paper: pixels downwards, factors, degrees clockwise.
RANGES = {
    "translation": tuple(float(v) for v in range(-60, 61, 4)),
    "scale": tuple(1 + 0.04 * k for k in range(21)),
    "rotation": tuple(float(v) for v in range(0, 351, 10)),
}
UNITS = {"translation": "shift down in pixels", "scale": "scale", "rotation": "degrees clockwise"}
_IDENTITY = {"translation": 0.0, "scale": 1.0, "rotation": 0.0}
_PAPER_HEIGHT = 224
_EXAMPLES = 5


@dataclass(frozen=True, eq=False)
class Invariance:
    """What becomes of features and answers under a transform.

    transform : "translation", "scale" or "rotation". values : (v,) float64, pixels downwards, factors, or degrees
        clockwise.
    layers : names, the first layer first.
    distances : (layers, n, v) float64, the Euclidean distance between the features of the image and of the
        transformed image; NaN where a callback ended the analysis before.
    norms : (layers, n), the length of the features of the untransformed image.
    scores : (n, v, classes) float32, the probabilities of all classes; `probabilities` (n, v), of the true one;
        `answers` (n, v) int64, the most probable one.
    targets : (n,) int64, the true class. names : of the outputs, or None.
    finished : False where a callback ended the analysis.
    """

    transform: str
    values: Tensor
    layers: tuple[str, ...]
    distances: Tensor
    norms: Tensor
    scores: Tensor
    targets: Tensor
    names: tuple[str, ...] | None
    network: Network
    sources: Photos | Drawings
    finished: bool = True

    @property
    def probabilities(self) -> Tensor:
        return self.scores[torch.arange(len(self)), :, self.targets]

    @property
    def answers(self) -> Tensor:
        return self.scores.nan_to_num(0).argmax(2)

    @property
    def relative(self) -> Tensor:
        """(layers, n, v), distances over the length of the untransformed features: comparable across layers."""
        return self.distances / self.norms[:, :, None].clamp_min(1e-12)

    def images(self, i: int, values: Sequence[float] | None = None) -> Tensor:
        """(v, C, H, W): image i transformed, as the network saw it; at all values, or at these."""
        values = self.values.tolist() if values is None else values
        return torch.cat([self.sources.moved_one(i, self.transform, float(v)) for v in values])

    def name(self, label: int) -> str:
        """The name of a class."""
        return f"class {label}" if self.names is None else self.names[label]

    def __len__(self) -> int:
        return len(self.targets)

    def __repr__(self) -> str:
        low, high = float(self.values.min()), float(self.values.max())
        return (
            f"Invariance({self.transform} {low:g} to {high:g}, {len(self)} {self.sources.kind}"
            f"{'s' if len(self) != 1 else ''}, layers {', '.join(self.layers)})"
        )

    def figure(self, relative: bool = False) -> Figure:
        """As figure 5 of the paper: examples of transformed images, distances layer by layer, the true class.

        relative : the distances over the length of the untransformed features.
        """
        shown = np.unique(
            np.linspace(0, len(self.values) - 1, min(len(self.values), _EXAMPLES)).round()
        ).astype(int)
        tiles = [self.example(i, k) for i in range(len(self)) for k in shown]
        sections = [Section("Examples", tiles, columns=len(shown), side=72)]
        title = f"Invariance to {self.transform}"
        return Figure(title, [*sections, Section("", self.charts(relative))])

    def charts(self, relative: bool = False) -> list[Chart]:
        """The curves: a chart for each layer, and one of the probability of the true class."""
        x, unit = self.values.numpy(), UNITS[self.transform]
        distances = self.relative if relative else self.distances
        labels = [self.name(int(label)) for label in self.targets]
        labels = [f"{k} {label}" if labels.count(label) > 1 else label for k, label in enumerate(labels, 1)]
        charts = []
        for layer, rows in zip(self.layers, distances, strict=True):
            series = [(label, x, row.numpy()) for label, row in zip(labels, rows, strict=True)]
            y_label = "relative distance" if relative else "distance"
            charts.append(
                Chart(series, unit, y_label, f"Distance of the features of {layer}", size=(300, 220))
            )
        series = [(label, x, row.numpy()) for label, row in zip(labels, self.probabilities, strict=True)]
        caption = "Probability of the true class"
        charts.append(Chart(series, unit, "probability", caption, y_range=(0, 1), size=(300, 220)))
        return charts

    def example(self, i: int, k: int) -> Tile:
        """The tile of image i at its k-th value, with what the network says of it."""
        value = float(self.values[k])
        pixels = self.network.picture(self.images(i, [value]))[0]
        answer = (
            self.name(int(self.answers[i, k])) if torch.isfinite(self.probabilities[i, k]) else "not reached"
        )
        return Tile(
            pixels,
            f"{value:g} · {answer}",
            description=f"{self.transform} {value:g}: the network says {answer}",
            smooth=True,
            facts=(
                (
                    "True class",
                    f"{self.name(int(self.targets[i]))}, {percent(self.probabilities[i, k], fine=True)}",
                ),
            ),
        )

    def _repr_html_(self) -> str:
        return self.figure().to_html()


def invariance(
    model: Any,
    images: Any,
    transform: str = "translation",
    values: Sequence[float] | None = None,
    layers: Sequence[str] | None = None,
    targets: Sequence[int | str] | None = None,
    *,
    fill: float | Sequence[float] = 0.0,
    progress: bool = True,
    callback: Callable[[Progress], bool | None] | None = None,
) -> Invariance:
    """How far features move, and whether the answer holds, when images are shifted, enlarged or turned.

    Zeiler & Fergus (arXiv 1311.2901, section 4.1 and figure 5): the distance between the features of an image and of its
    transformed version at layers 1 and 7, and the probability of the true label. They find small changes dramatic
    in layer 1 and nearly linear in layer 7 for translation and scale, and no invariance to rotation.

    Parameters
    ----------
    model : a torch.nn.Module in eval mode, a `sw.Network`, a `sw.Recognizer` (its CNN), or None for the bundled
        recogniser. It is not changed.
    images : (n, C, H, W) as the model takes them; or a list of `Sketch`, or of pictures as `Network.prepare` takes
        them. Sketches are transformed as strokes, about the middle of the frame, before they are rasterised: nothing is
        resampled, and lines keep their width. Images are resampled bilinearly.
    transform : "translation" (vertical), "scale" or "rotation".
    values : pixels downwards, factors above 0, or degrees clockwise; None: the ranges of the paper's figure,
        -60..60 for inputs of 224 pixels and in proportion for others, 1..1.8, 0..350.
    layers : names, the first layer first; None: the first of `Network.layers(every=True)`, and the last before the
        class scores.
    targets : the true class of each image, by index or name; None: what the network says of the untransformed one.
    fill : what takes the place of pixels from outside of an image, in the units of the network's input: one number or one
        a channel. 0 is paper for networks of drawings, and the mean colour where the mean is subtracted.
    progress : show a progress bar. callback : called after every value; False ends the analysis.

    Raises ValueError or TypeError that name the argument.

    >>> house = sw.Sketch([[(0, 50), (0, 100), (80, 100), (80, 50), (0, 50)], [(0, 50), (40, 0), (80, 50)]])
    >>> recognizer = sw.Recognizer.load("sketch-a-net-quickdraw345")
    >>> result = sw.invariance(recognizer, [house], "rotation", values=[0, 90], progress=False)
    >>> result
    Invariance(rotation 0 to 90, 1 drawing, layers relu1, relu7)
    >>> result.distances[:, 0, 0].tolist(), bool((result.distances[:, 0, 1] > 0).all())
    ([0.0, 0.0], True)
    """
    if transform not in RANGES:
        raise ValueError(f"transform must be one of {', '.join(map(repr, RANGES))}, not {transform!r}")
    network = as_network(model, images)
    values = check_values(transform, values, network.size[0])
    sources = as_sources(network, images, fill)
    originals = sources.moved(transform, _IDENTITY[transform])
    if layers is None:
        layers = (network.layers(every=True)[0], late_layer(network, originals[:1]))
    layers = check_layers(network, layers, ())
    before, at_rest = run(network, originals, layers)
    truth = check_targets(network, targets, at_rest)
    n, v = len(sources), len(values)
    distances = torch.full((len(layers), n, v), torch.nan, dtype=torch.float64)
    scores = torch.full((n, v, at_rest.shape[1]), torch.nan)
    done = 0
    with progress_bar(v, transform.capitalize(), "value", progress) as bar:
        for k, value in enumerate(values.tolist()):
            after, scores[:, k] = run(network, sources.moved(transform, value), layers)
            for place, layer in enumerate(layers):
                distances[place, :, k] = (after[layer].double() - before[layer].double()).norm(dim=1)
            done += 1
            bar.update()
            if not goes_on(callback, done, v):
                break
    norms = torch.stack([before[layer].double().norm(dim=1) for layer in layers])
    return Invariance(
        transform,
        values,
        layers,
        distances,
        norms,
        scores,
        truth,
        network.classes,
        network,
        sources,
        finished=done == v,
    )


def check_values(transform: str, values: Sequence[float] | None, height: int) -> Tensor:
    """(v,) float64. None: those of the paper, shifts in proportion to the height in pixels."""
    if values is None:
        values = RANGES[transform]
        if transform == "translation":
            step = max(1, round(4 * height / _PAPER_HEIGHT))
            values = [step * round(value / 4) for value in values]
    numbers = torch.as_tensor(values, dtype=torch.float64)
    if numbers.ndim != 1 or not len(numbers) or not torch.isfinite(numbers).all():
        raise ValueError("values must be a sequence of finite numbers")
    if transform == "scale" and (numbers <= 0).any():
        raise ValueError(f"values of a scale must be above 0, not {float(numbers.min()):g}")
    return numbers


def check_targets(network: Network, targets: Any, scores: Tensor) -> Tensor:
    """(n,) int64; None: the most probable class of each row of scores."""
    if targets is None:
        return scores.argmax(1)
    targets = targets.tolist() if isinstance(targets, Tensor | np.ndarray) else targets
    rows = [targets] if isinstance(targets, str | int) else list(targets)
    if len(rows) != len(scores):
        raise ValueError(f"targets must be one for each of the {len(scores)} images, not {len(rows)}")
    said = scores.argmax(1).tolist()
    return torch.tensor(
        [
            class_index(target, network.classes, scores.shape[1], best, "targets")
            for target, best in zip(rows, said, strict=True)
        ]
    )
