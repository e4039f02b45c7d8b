"""One look into a network: what it says of an image, and its layers or a class score projected back to it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from torch import Tensor, nn

from ...visualization import Figure, LayerProjection, Network, Projections, Recording, record
from ._look_figure import look_figure

RULES = ("guided", "deconvnet", "backprop")
SIGNALS = ("activation", "unit", "map", "class")
CONVOLUTIONS = ("standard", "relevance")
DISPLAYS = ("projection", "heat", "overlay")

# The layer of the class scores where no module returns them: the network itself, as a child of this name.
_WHOLE = "network"


@dataclass(frozen=True)
class LookSettings:
    """What to look at. layers : names, None for the network's default. class_index : None for the most probable."""

    layers: tuple[str, ...] | None = None
    top: int = 9
    rule: str = "guided"
    signal: str = "activation"
    convolution: str = "standard"
    class_index: int | None = None


@dataclass(frozen=True, eq=False)
class Look:
    """What `sw.ProjectionPanels` shows.

    network : its name. picture : (H, W) or (H, W, 3) uint8, the input as a person sees it.
    top : (class, probability) of the most probable classes; empty where the network names no classes.
    projections : of each layer; with the signal "class", of the class score alone.
    maps : (channels, rows, columns) of each layer, rows and columns 1 where it has none.
    class_name : whose score was projected, with the signal "class"; else None.
    complete : False while layers are still to come.
    """

    network: str
    picture: np.ndarray
    top: tuple[tuple[str, float], ...]
    settings: LookSettings
    projections: Projections
    maps: dict[str, tuple[int, int, int]] = field(default_factory=dict)
    class_name: str | None = None
    complete: bool = True

    @cached_property
    def class_projection(self) -> LayerProjection | None:
        """The projection of the class score, with the signal "class"; else None."""
        return next(iter(self.projections.values()), None) if self.class_name is not None else None

    def figure(
        self, display: str = "projection", patches: bool = True, full: bool = False, crop: str = "signal"
    ) -> Figure:
        """The picture and a row for each layer.

        display : "projection", signed, grey is zero; "heat", its norm over the colours; "overlay", that over
            the picture. patches : whether the matching part of the picture stands below each projection.
        full : the whole picture instead of the unit's receptive field. crop : of a receptive field, as much as holds
            "signal", or all of the "field".
        """
        return look_figure(self, display, patches, full, crop)

    def _repr_html_(self) -> str:
        return self.figure().to_html()

    def __repr__(self) -> str:
        best = f", {self.top[0][0]} {self.top[0][1]:.0%}" if self.top else ""
        return f"Look({self.network!r}{best}, {', '.join(self.projections)})"


def look(
    network: Network, image: Tensor, settings: LookSettings, go_on: Callable[[str], None] = lambda what: None
) -> Iterator[Look]:
    """Look into a network at a prepared image (1, C, h, w): a Look after each layer, the last one complete.

    `go_on(what)` is called before each layer and may raise to end it.
    """
    go_on("forward pass")
    top, index, name = _classes(network, image, settings)
    picture = network.picture(image)[0]
    begun = Look(network.name, picture, top, settings, Projections({}), class_name=name, complete=False)
    if settings.signal == "class":
        module, layer = to_record(network)
        recording = record(module, image, layer)
        go_on(name)
        projection = project_class(recording, layer, index, settings.rule, settings.convolution)
        yield replace(begun, projections=Projections({layer: projection}), complete=True)
        return
    recording = record(network.module, image, list(settings.layers or network.layers()))
    done: dict[str, LayerProjection] = {}
    maps: dict[str, tuple[int, int, int]] = {}
    for layer in recording.layers:
        go_on(layer)
        done[layer] = project_units(recording, layer, settings)
        maps[layer] = _map_shape(recording, layer)
        complete = len(done) == len(recording.layers)
        yield replace(begun, projections=Projections(done), maps=dict(maps), complete=complete)


def most_probable(network: Network, scores: Tensor) -> tuple[tuple[str, float], ...]:
    """The five most probable classes of scores (classes,)."""
    best = scores.argsort(descending=True)[:5].tolist()
    return tuple((network.class_name(i), float(scores[i])) for i in best)


def to_record(network: Network) -> tuple[nn.Module, str]:
    """What to run, and the name of the layer there that gives the class scores."""
    layer = network.class_layer()
    return (network.module, layer) if layer is not None else (_Whole(network.module), _WHOLE)


def project_class(
    recording: Recording, layer: str, index: int, rule: str, convolution: str
) -> LayerProjection:
    """A class score, from 1 whatever its sign: a score below zero has its reasons too."""
    return recording.project(layer, 1, rule, channels=[index], signal="unit", convolution=convolution)


def project_units(recording: Recording, layer: str, settings: LookSettings) -> LayerProjection:
    """The strongest units, or maps, of a layer."""
    channels = _strongest_maps(_maps(recording, layer), settings.top) if settings.signal == "map" else None
    return recording.project(
        layer,
        settings.top,
        settings.rule,
        channels=channels,
        signal=settings.signal,
        convolution=settings.convolution,
    )


class _Whole(nn.Module):
    """A network as the only child of another, so that its output is that of a layer."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.training = False
        self.add_module(_WHOLE, network)

    def forward(self, images: Tensor) -> Tensor:
        return getattr(self, _WHOLE)(images)


def _classes(
    network: Network, image: Tensor, settings: LookSettings
) -> tuple[tuple[tuple[str, float], ...], int, str | None]:
    """The most probable classes, and number and name of the class to project."""
    try:
        scores = network.scores(image)[0]
    except ValueError:
        if settings.signal == "class":
            raise
        return (), 0, None  # a network that classifies nothing can still be looked into
    top = most_probable(network, scores)
    if settings.signal != "class":
        return top, 0, None
    index = int(scores.argmax()) if settings.class_index is None else settings.class_index
    return top, index, network.class_name(index)


def _strongest_maps(maps: Tensor, top: int) -> Tensor:
    """The channels with the largest 2-norm of what is positive.

    Negative values, of a map that is not rectified yet, excite nothing.
    """
    strengths = maps.float().clamp_min(0)
    strengths = strengths.square().flatten(2).sum(2) if maps.ndim == 4 else strengths
    return strengths.topk(min(top, strengths.shape[1])).indices


def _maps(recording: Recording, layer: str) -> Tensor:
    """The output of a layer, (n, c, h, w) or (n, c), also where the network keeps channels last, as ConvNeXt."""
    maps = recording.maps(layer)
    last = maps.ndim == 4 and recording._tape.channels_last[recording._output(layer)[0]]
    return maps.permute(0, 3, 1, 2) if last else maps


def _map_shape(recording: Recording, layer: str) -> tuple[int, int, int]:
    shape = tuple(_maps(recording, layer).shape[1:])
    return shape if len(shape) == 3 else (*shape, 1, 1)
