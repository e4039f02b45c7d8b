"""Parts of a network switched off, as pictures."""

from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor

from ..figures import Chart, Figure, Section, Tile
from ..figures._numbers import percent
from ..input_modification._occlusion_figure import plain_picture
from ..network._classes import class_name
from ._results import Ablation, SwitchedOff, said_off

_SHOWN = 6  # images of a batch
_BARS = (420, 220)


def map_tile(values: Tensor, caption: str, description: str) -> Tile:
    """A feature map (h, w), or one number (), dark where it says least; its own scale."""
    pixels = values.detach().float().cpu().reshape(values.shape if values.ndim == 2 else (1, 1))
    low, high = min(0.0, float(pixels.min())), float(pixels.max())
    # A map that says nothing is dark, and one number is as bright as can be.
    high = high if high > low else low + 1.0
    return Tile.heat(pixels, caption, low=low, high=high, ramp=None, description=description)


def worth(effect: float, fine: bool = True) -> str:
    """An effect as a reader sees it: "12 %", "−3.4 %", "0 %"; "" where it is not known.

    fine : with a decimal below 10 %, else only below 1 %.

    >>> from sketchwidgets.visualization.network_modification._figures import worth
    >>> [worth(effect).replace("\\N{NO-BREAK SPACE}", "_") for effect in (0.123, -0.034, 0.0, float("nan"))]
    ['12_%', '−3.4_%', '0_%', '']
    """
    if np.isnan(effect):
        return ""
    size = abs(effect)
    if size < 5e-4:  # rounding, or next to nothing
        return percent(0.0) if size < 1e-6 else f"{'−' if effect < 0 else ''}< 0.1\N{NO-BREAK SPACE}%"
    return ("−" if effect < 0 else "") + percent(size, fine=fine or size < 0.01)


def layer_shape(maps: Tensor) -> str:
    """What a layer is made of: "64 maps of 71 × 71", "512 numbers"."""
    if maps.ndim == 3:
        return f"{len(maps)} maps of {maps.shape[1]} × {maps.shape[2]}"
    return f"{len(maps)} numbers"


def strongest_first(effects: np.ndarray, count: int) -> list[int]:
    """The channels with the largest effects, for or against."""
    return np.argsort(-np.abs(np.nan_to_num(effects)), kind="stable")[:count].tolist()


def ablation_figure(found: Ablation, top: int) -> Figure:
    """The figure of an ablation."""
    picture = found.picture or plain_picture(found.image)
    best = int(found.probabilities.argmax())
    said = f"{class_name(found.classes, best)} {percent(found.probabilities.max(), fine=True)}"
    names = list(found.layers)
    bars = Chart(
        [("effect", names, [100 * found.layers[name] for name in names])],
        "layer that is off",
        f"the probability of “{found.name}” falls by, %",
        f"whole layers, switched off to {found.to}",
        kind="bar",
        size=(max(_BARS[0], 90 * len(names)), _BARS[1]),
    )
    first = Section("", [Tile(picture(found.image[None])[0], said, smooth=True), bars], side=168)
    rows = [_layer_row(found, name, top) for name in names]
    title = f"What “{found.name}” ({percent(found.probability, fine=True)}) rests on"
    return Figure(title, [first, *rows])


def _layer_row(found: Ablation, layer: str, top: int) -> Section:
    effects, maps = found.channels[layer], found.maps[layer]
    alone = found.layers[layer]
    without = f"without it {_answer(found, found.layer_labels[layer])}" if not np.isnan(alone) else "not done"
    tiles = [channel_tile(found, layer, channel) for channel in strongest_first(effects, top)]
    return Section(
        f"{layer}: {layer_shape(maps)}, {without}",
        tiles,
        caption=f"The channels that matter most, and by how much “{found.name}” falls without each.",
        columns=max(1, len(tiles)),
        side=64,
    )


def channel_tile(found: Ablation, layer: str, channel: int) -> Tile:
    """The map of one channel, with its effect."""
    effect = found.channels[layer][channel]
    said = worth(effect)
    text = f"{layer} / {channel}"
    if said:
        text += f": without it “{found.name}” {_moves(found.probability, effect)}"
        label = int(found.channel_labels[layer][channel])
        if label != int(found.probabilities.argmax()):
            text += f", and the network says {class_name(found.classes, label)}"
    return map_tile(found.maps[layer][channel], f"{channel}: {said}" if said else str(channel), text)


def _moves(probability: float, effect: float) -> str:
    return (
        f"goes from {percent(probability, fine=True)} to {percent(max(0.0, probability - effect), fine=True)}"
    )


def _answer(found: Ablation, label: int) -> str:
    name = class_name(found.classes, label)
    return f"it still says {name}" if label == int(found.probabilities.argmax()) else f"it says {name}"


def switched_figure(found: SwitchedOff) -> Figure:
    """The figure of what was switched off."""
    rows: Iterable[int] = [-1] if found.steps else range(min(len(found.before), _SHOWN))
    charts = [_bars(found, row) for row in rows]
    if found.steps and len(found.before) > 1:
        charts.append(_over_strokes(found))
    text = f"{said_off(found.off)}, to {found.to}"
    left = len(found.before) - _SHOWN
    if not found.steps and left > 0:
        text += f"; {left} more images are not shown"
    return Figure("With parts of the network off", [Section("", charts, caption=text)])


def _bars(found: SwitchedOff, row: int) -> Chart:
    top = found.top(5, row)
    names = [name for name, _, _ in top]
    series = [
        ("everything on", names, [100 * before for _, before, _ in top]),
        ("with that off", names, [100 * after for _, _, after in top]),
    ]
    where = "" if len(found.before) == 1 or found.steps else f"image {row}"
    return Chart(
        series, "class", "probability, %", where, (0, 100), kind="bar", size=(max(380, 74 * len(names)), 220)
    )


def _over_strokes(found: SwitchedOff) -> Chart:
    index = int(found.before[-1].argmax())
    steps = np.arange(1, len(found.before) + 1)
    return Chart(
        [("everything on", steps, found.before[:, index]), ("with that off", steps, found.after[:, index])],
        "strokes",
        f"probability of “{class_name(found.classes, index)}”",
        y_range=(0, 1),
    )


def whole_tile(maps: Tensor, caption: str, description: str) -> Tile:
    """What a whole layer says: the mean of its maps, or its numbers row by row."""
    values = maps.detach().float().cpu()
    if values.ndim == 1:
        side = int(np.ceil(np.sqrt(len(values))))
        values = torch.nn.functional.pad(values, (0, side * side - len(values))).view(1, side, side)
    return map_tile(values.mean(0), caption, description)
