"""The rows of a LayerSwitches, and its prediction beside them."""

from dataclasses import replace
from html import escape

import numpy as np
from torch import Tensor

from ...visualization import Chart, Figure, Section, SwitchedOff, Tile
from ...visualization.figures._numbers import percent, short
from ...visualization.figures._shapes import SERIES
from ...visualization.network_modification._figures import layer_shape, map_tile, whole_tile, worth
from ...visualization.network_modification._results import said_off
from ._switch_runs import Off, SwitchLook, is_off

ORDERS = ("excited", "worth", "number")
# What a tile switches: a layer, one of its channels, or how many are shown.
Place = tuple[str, int | None]
MORE = -1
_SIDE = 56
_ON, _OFF = ("rgb({},{},{})".format(*SERIES[k]) for k in (0, 1))


def said_html(said: SwitchedOff, to: str) -> str:
    """The five most probable classes of both, two bars each."""
    before, after = said.label()
    shares = percent(said.before[-1].max()), percent(said.after[-1].max())
    rows = ["<div class='skw skw-switches-said'>"]
    if said.off:
        rows.append(
            f"<p class='skw-best'>{escape(before)} {shares[0]} → {escape(after)} {shares[1]}</p>"
            f"<p class='skw-note'>{escape(said_off(said.off))}, to {_instead(to)}</p>"
            f"<p class='skw-note'><i class='skw-key' style='background:{_ON}'></i><span>everything on</span>"
            f"<i class='skw-key' style='background:{_OFF}'></i><span>with that off</span></p>"
        )
    else:
        rows.append(
            f"<p class='skw-best'>{escape(before)} {shares[0]}</p>"
            "<p class='skw-note'>Everything is on. Click a map, or a whole layer, to switch it off.</p>"
        )
    for name, on, off in said.top(5):
        bars = [(_ON, on, "everything on")]
        if said.off:
            bars.append((_OFF, off, "with that off"))
        rows.append(f"<div class='skw-class'><span class='skw-name'>{escape(name)}</span>")
        rows += [
            f"<div class='skw-track' title='{text}'><div style='background:{colour};width:{100 * share:.1f}%'></div></div>"
            f"<div class='skw-share'>{percent(share, fine=True)}</div>"
            for colour, share, text in bars
        ]
        rows.append("</div>")
    return "".join([*rows, "</div>"])


def _instead(to: str) -> str:
    return "zero" if to == "zero" else "what blank paper gives"


def bars_section(said: SwitchedOff) -> Section:
    """The same as a chart, for a picture."""
    top = said.top(5)
    names = [name for name, _, _ in top]
    series = [("everything on", names, [100 * on for _, on, _ in top])]
    if said.off:
        series.append(("with that off", names, [100 * off for _, _, off in top]))
    chart = Chart(
        series, "class", "probability, %", y_range=(0, 100), kind="bar", size=(max(380, 74 * len(names)), 220)
    )
    return Section("", [chart], caption=said_off(said.off))


def rows_figure(
    look: SwitchLook, off: Off, order: str, shown: int, expanded: set[str]
) -> tuple[Figure, list[list[Place]]]:
    """A row for each layer, with its switches, and what each tile switches.

    off : what is off by now, maybe not yet in `look`. shown : channels of a row, but all of the layers `expanded`.
    """
    sections, places = [], []
    for layer, maps in look.maps.items():
        channels = channels_shown(look, off, layer, order, None if layer in expanded else shown)
        tiles = [_layer_tile(look, off, layer, maps)]
        tiles += [_channel_tile(look, off, layer, channel, maps) for channel in channels]
        row: list[Place] = [(layer, None), *((layer, channel) for channel in channels)]
        left = len(maps) - len(channels)
        if left or (layer in expanded and len(maps) > shown):
            text = f"{left} more" if left else "fewer"
            said = f"Show {'all' if left else 'fewer'} channels of {layer}"
            tiles.append(Tile(None, "", said, label=text, crossed=False))
            row.append((layer, MORE))
        sections.append(Section(_title(look, layer, maps), tiles, side=_SIDE))
        places.append(row)
    return Figure("", sections), places


def channels_shown(look: SwitchLook, off: Off, layer: str, order: str, shown: int | None) -> list[int]:
    """The first channels of a layer in that order, and those that are off by themselves, wherever they are."""
    maps = look.maps[layer]
    if order == "worth" and layer in look.worth:
        effects = np.nan_to_num(look.worth[layer].channels[layer])
        ranked = np.argsort(-np.abs(effects), kind="stable").tolist()
    elif order == "number":
        ranked = list(range(len(maps)))
    else:
        peaks = maps.flatten(1).amax(1) if maps.ndim == 3 else maps
        ranked = peaks.argsort(descending=True, stable=True).tolist()
    if shown is None or shown >= len(ranked):
        return ranked
    first = ranked[:shown]
    alone = off.get(layer) or ()
    return (
        [*first, *(channel for channel in ranked[shown:] if channel in alone)]
        if len(alone) <= shown
        else first
    )


def _title(look: SwitchLook, layer: str, maps: Tensor) -> str:
    text = f"{layer}: {layer_shape(maps)}"
    if layer in look.worth:
        found = look.worth[layer]
        text += f" · without it {found.name} {_falls(found.layers[layer])}"
    return text


def _falls(effect: float) -> str:
    said = worth(abs(effect))
    if said == worth(0.0):
        return "stays as it is"
    return f"{'falls' if effect > 0 else 'rises'} by {said}"


def _layer_tile(look: SwitchLook, off: Off, layer: str, maps: Tensor) -> Tile:
    crossed = layer in off and off[layer] is None
    tile = whole_tile(maps, "all of it", f"Switch off all of {layer}")
    return _crossed(tile, crossed)


def _channel_tile(look: SwitchLook, off: Off, layer: str, channel: int, maps: Tensor) -> Tile:
    values = maps[channel]
    caption, about = (
        str(channel),
        f"Switch off {layer} / {channel}; its largest value is {short(float(values.max()))}",
    )
    if layer in look.worth:
        effect = float(look.worth[layer].channels[layer][channel])
        if not np.isnan(effect):
            caption = f"{channel}: {worth(effect, fine=False)}"
            about += f"; without it {look.worth[layer].name} {_falls(effect)}"
    return _crossed(map_tile(values, caption, about), is_off(off, layer, channel))


def _crossed(tile: Tile, crossed: bool) -> Tile:
    return replace(tile, crossed=crossed)
