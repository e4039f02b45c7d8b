"""What LayerPanels show, as a figure: from the messages that the page was sent."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from ...visualization.figures import Figure, Section, Tile
from ...visualization.figures._numbers import short
from ...visualization.figures._signal_window import signal_windows, stands_out, whole_windows
from ...visualization.figures._values import ZERO

_RULES = {"guided": "guided backpropagation", "deconvnet": "deconvnet", "backprop": "backpropagation"}

Message = tuple[dict[str, Any], bytes]


def panels_figure(
    order: Iterable[str], frames: Iterable[Message], paper: Message | None, rule: str, crop: str
) -> Figure:
    """The drawing, and a row of tiles for each layer of "panels" messages, in the order of the layers.

    crop : as that of `LayerPanels`.
    """
    found = {}
    for content, buffer in frames:
        rule = content["rule"]
        for layer in content["layers"]:
            found[layer["name"]] = _row(layer, buffer, content["sketch_size"], crop)
    names = list(dict.fromkeys([*order, *found]))
    sections = [] if paper is None else [_drawing(*paper)]
    sections += [found[name] for name in names if name in found]
    return Figure(f"Projections by {_RULES[rule]}" if sections else "", sections)


def _drawing(content: dict[str, Any], ink: bytes) -> Section:
    side = content["size"]
    pixels = 255 - np.frombuffer(ink, np.uint8).reshape(side, side)
    strokes = content["step"]
    caption = f"{strokes} stroke{'' if strokes == 1 else 's'}"
    return Section("", [Tile(pixels, caption, "the drawing, as the network sees it", smooth=True)])


def _row(layer: dict[str, Any], buffer: bytes, size: int, crop: str) -> Section:
    headers = layer["tiles"]
    side = max((max(tile["h"], tile["w"]) for tile in headers), default=1)
    fields = [None if tile["dead"] else _field(tile, layer["channels"], side, buffer) for tile in headers]
    if crop == "signal":
        windows = signal_windows([None if field is None else stands_out(field) for field in fields], side)
    else:
        windows = whole_windows(len(fields), side)
    tiles = [
        _tile(tile, None if field is None else field[window], size)
        for tile, field, window in zip(headers, fields, windows, strict=True)
    ]
    facts = "sees the whole drawing" if side >= size else f"sees {side} × {side} px"
    shown = {len(tile.pixels) for tile in tiles if tile.pixels is not None}
    if not shown:
        return Section(layer["title"], tiles)
    if shown != {side}:
        facts += f", shown {max(shown)} × {max(shown)}"
    return Section(layer["title"], tiles, f"{facts}; channel and activation below")


def _field(tile: dict[str, Any], depth: int, side: int, buffer: bytes) -> np.ndarray:
    """(side, side, depth) uint8: what the border of the drawing cut off is left empty on that side, as in the page."""
    height, width = tile["h"], tile["w"]
    greys = np.frombuffer(buffer, np.uint8, height * width * depth, tile["offset"])
    whole = np.full((side, side, depth), ZERO, np.uint8)
    top, left = tile["box"][:2]
    y, x = (side - height if top == 0 else 0), (side - width if left == 0 else 0)
    whole[y : y + height, x : x + width] = greys.reshape(height, width, depth)
    return whole


def _tile(tile: dict[str, Any], shown: np.ndarray | None, size: int) -> Tile:
    activation = "no number" if tile["activation"] is None else short(tile["activation"])
    caption = f"ch {tile['channel']} · {activation}"
    if shown is None:
        return Tile(None, caption, f"channel {tile['channel']}: no unit is active", label="dead")
    top, left, bottom, right = tile["box"]
    facts = [
        ("Activation", activation),
        ("Unit", "row {}, column {} of its map".format(*tile["position"])),
        ("Sees", f"{right - left} × {bottom - top} of {size} × {size} px"),
        ("Scale", f"black −{short(tile['scale'])}, grey 0, white +{short(tile['scale'])}"),
    ]
    return Tile(shown, caption, f"channel {tile['channel']}", background=ZERO, facts=facts)
