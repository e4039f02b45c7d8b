"""What LayerPanels show, as a figure: from the messages that the page was sent."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from ..visualization.figures import Figure, Section, Tile
from ..visualization.figures._numbers import short
from ..visualization.figures._values import ZERO

_RULES = {"guided": "guided backpropagation", "deconvnet": "deconvnet", "backprop": "backpropagation"}

Message = tuple[dict[str, Any], bytes]


def panels_figure(
    order: Iterable[str], frames: Iterable[Message], paper: Message | None, rule: str
) -> Figure:
    """The drawing, and a row of tiles for each layer of "panels" messages, in the order of the layers."""
    found = {}
    for content, buffer in frames:
        rule = content["rule"]
        for layer in content["layers"]:
            found[layer["name"]] = _row(layer, buffer, content["sketch_size"])
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


def _row(layer: dict[str, Any], buffer: bytes, size: int) -> Section:
    field = max((max(tile["h"], tile["w"]) for tile in layer["tiles"]), default=1)
    tiles = [_tile(tile, layer["channels"], field, buffer, size) for tile in layer["tiles"]]
    alive = any(not tile["dead"] for tile in layer["tiles"])
    sees = "sees the whole drawing" if field >= size else f"sees {field} × {field} px"
    return Section(layer["title"], tiles, f"{sees}; channel and activation below" if alive else "")


def _tile(tile: dict[str, Any], depth: int, field: int, buffer: bytes, size: int) -> Tile:
    activation = "no number" if tile["activation"] is None else short(tile["activation"])
    caption = f"ch {tile['channel']} · {activation}"
    if tile["dead"]:
        return Tile(None, caption, f"channel {tile['channel']}: no unit is active", label="dead")
    height, width = tile["h"], tile["w"]
    top, left, bottom, right = tile["box"]
    greys = np.frombuffer(buffer, np.uint8, height * width * depth, tile["offset"]).reshape(
        height, width, depth
    )
    # What the border of the drawing cut off is left empty on that side, as in the page.
    whole = np.full((field, field, depth), ZERO, np.uint8)
    y, x = (field - height if top == 0 else 0), (field - width if left == 0 else 0)
    whole[y : y + height, x : x + width] = greys
    facts = [
        ("Activation", activation),
        ("Unit", "row {}, column {} of its map".format(*tile["position"])),
        ("Sees", f"{right - left} × {bottom - top} of {size} × {size} px"),
        ("Scale", f"black −{short(tile['scale'])}, grey 0, white +{short(tile['scale'])}"),
    ]
    return Tile(whole, caption, f"channel {tile['channel']}", background=ZERO, facts=facts)
