"""The same picture through several networks: layers of like receptive fields, or a class score by every method."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...visualization import Figure, LayerProjection, Network, record
from ...visualization.figures._numbers import percent
from ...visualization.input_modification import occlusion
from ._alignment import Field
from ._comparison_figure import comparison_figure
from ._look import LookSettings, most_probable, project_class, project_units, to_record

METHODS = {
    "backprop": ("backprop", "standard"),
    "deconvnet": ("deconvnet", "standard"),
    "guided": ("guided", "standard"),
    "relevance": ("backprop", "relevance"),
    "occlusion": None,
}


@dataclass(frozen=True, eq=False)
class Cell:
    """What one network has in one row.

    field : the layer; None where it has none that fits, or the row is a method. projection : its units, or the
        class score. heat : (H, W), of occlusion: by how much the probability falls where a patch covers it.
    """

    field: Field | None = None
    projection: LayerProjection | None = None
    heat: Tensor | None = None


@dataclass(frozen=True, eq=False)
class Column:
    """One network: its name, its input as a person sees it, (class, probability) of the best, its cells by row."""

    name: str
    picture: np.ndarray
    top: tuple[tuple[str, float], ...]
    cells: tuple[Cell | None, ...] = ()  # None: still to come
    class_name: str | None = None


@dataclass(frozen=True, eq=False)
class Comparison:
    """What `sw.Compare` shows: columns are networks; rows receptive fields, or methods by name.

    rows : the titles. settings : rule, units and signal. complete : False while cells are still to come.
    """

    columns: tuple[Column, ...]
    rows: tuple[str, ...]
    settings: LookSettings
    complete: bool = True

    def figure(self, display: str = "projection", patches: bool = False) -> Figure:
        """A row of pictures for each row; `display` and `patches` as in `Look.figure`."""
        return comparison_figure(self, display, patches)

    def _repr_html_(self) -> str:
        return self.figure().to_html()

    def __repr__(self) -> str:
        return f"Comparison({', '.join(column.name for column in self.columns)}; {', '.join(self.rows)})"


GoOn = Callable[[int, int, str], None]


def compare_layers(
    networks: Sequence[Network],
    images: Sequence[Tensor],
    fields: Sequence[Sequence[Field | None]],
    settings: LookSettings,
    go_on: GoOn,
) -> Iterator[Comparison]:
    """Cell by cell, row by row; `go_on(done, total, what)` is called before each and may raise to end it."""
    total = len(networks) * len(fields[0])
    columns, recordings = [], []
    for network, image, found in zip(networks, images, fields, strict=True):
        go_on(0, total, network.name)
        columns.append(_column(network, image, len(found)))
        layers = [field.layer for field in found if field]
        recordings.append(record(network.module, image, layers) if layers else None)
    rows = tuple(
        f"Units that see about {percent(min(1, field.share))} of the picture's side"
        if field.share < 1
        else "Units that see all of the picture"
        for field in fields[0]
    )
    comparison = Comparison(tuple(columns), rows, settings, complete=False)
    done = 0
    for row in range(len(rows)):
        for place, (recording, found) in enumerate(zip(recordings, fields, strict=True)):
            field = found[row]
            go_on(done, total, f"{networks[place].name}, {field.layer if field else 'nothing'}")
            projection = None
            if field is not None:
                projection = project_units(recording, field.layer, settings)
            done += 1
            comparison = _with(comparison, place, row, Cell(field, projection), done == total)
            yield comparison


def compare_methods(
    networks: Sequence[Network],
    images: Sequence[Tensor],
    methods: Sequence[str],
    settings: LookSettings,
    class_name: str | None,
    go_on: GoOn,
) -> Iterator[Comparison]:
    """The class score by every method, cell by cell; `class_name` None: of each network's most probable class."""
    total = len(networks) * len(methods)
    columns, recordings, classes = [], [], []
    for network, image in zip(networks, images, strict=True):
        go_on(0, total, network.name)
        column = _column(network, image, len(methods))
        index = _class_index(network, image, class_name)
        module, layer = to_record(network)
        recordings.append((record(module, image, layer), layer))
        columns.append(replace(column, class_name=network.class_name(index)))
        classes.append(index)
    comparison = Comparison(tuple(columns), tuple(methods), settings, complete=False)
    done = 0
    for row, method in enumerate(methods):
        for place, network in enumerate(networks):
            go_on(done, total, f"{network.name}, {method}")
            if METHODS[method] is None:
                heat = occlusion_heat(
                    network, images[place], classes[place], partial(go_on, done, total, method)
                )
                cell = Cell(heat=heat)
            else:
                recording, layer = recordings[place]
                cell = Cell(projection=project_class(recording, layer, classes[place], *METHODS[method]))
            done += 1
            comparison = _with(comparison, place, row, cell, done == total)
            yield comparison


def occlusion_heat(network: Network, image: Tensor, target: int, go_on: Callable[[], None]) -> Tensor:
    """(H, W): by how much the class becomes less probable where a patch covers a pixel, on average over patches.

    Patches are a seventh of the picture, half a patch apart (Zeiler & Fergus 2014); of paper on a drawing's network.
    """
    result = occlusion(
        network,
        image,
        target,
        fill="paper" if network.ink == "positive" else "grey",
        progress=False,
        callback=lambda _state: go_on(),
    )
    fallen = result.probability_before - result.probability
    heat = torch.zeros(image.shape[2:])
    times = torch.zeros(image.shape[2:])
    for (top, left, bottom, right), by in zip(
        result.boxes.reshape(-1, 4).tolist(), fallen.flatten().tolist(), strict=True
    ):
        heat[top:bottom, left:right] += by
        times[top:bottom, left:right] += 1
    return heat / times.clamp_min(1)


def _column(network: Network, image: Tensor, rows: int) -> Column:
    try:
        top = most_probable(network, network.scores(image)[0])
    except ValueError:
        top = ()  # a network that classifies nothing can still be compared
    return Column(network.name, network.picture(image)[0], top, (None,) * rows)


def _class_index(network: Network, image: Tensor, class_name: str | None) -> int:
    if class_name is not None and class_name in (network.classes or ()):
        return network.classes.index(class_name)
    return int(network.scores(image)[0].argmax())


def _with(comparison: Comparison, place: int, row: int, cell: Cell, complete: bool) -> Comparison:
    """The comparison with one more cell."""
    columns: list[Any] = list(comparison.columns)
    cells = list(columns[place].cells)
    cells[row] = cell
    columns[place] = replace(columns[place], cells=tuple(cells))
    return replace(comparison, columns=tuple(columns), complete=complete)
