"""Figures as messages: headers as JSON, the pixels of all tiles in one buffer."""

from collections.abc import Iterable
from typing import Any

from ...visualization.figures import Chart, Figure, Tile
from ...visualization.figures._chart_shapes import chart_shapes
from ...visualization.figures._numbers import short
from ...visualization.figures._svg import to_svg
from ...visualization.figures.tile import ramp_colours


def pack_figure(figure: Figure) -> tuple[dict[str, Any], bytes]:
    """Title and sections of a "figure" message, and its buffer."""
    buffer = bytearray()
    sections = [
        {
            "title": section.title,
            "caption": section.caption,
            "columns": section.columns,
            "side": section.side,
            "tiles": [_pack(tile, buffer) for tile in section.tiles],
        }
        for section in figure.sections
    ]
    return {"title": figure.title, "sections": sections}, bytes(buffer)


def pack_tiles(
    tiles: Iterable[tuple[int, int, Tile | Chart]],
) -> tuple[list[tuple[int, int, dict[str, Any]]], bytes]:
    """The (section, tile, header) of a "tiles" message, and its buffer."""
    buffer = bytearray()
    return [(section, index, _pack(tile, buffer)) for section, index, tile in tiles], bytes(buffer)


def _pack(tile: Tile | Chart, buffer: bytearray) -> dict[str, Any]:
    about = {"caption": tile.caption, "description": tile.description}
    if isinstance(tile, Chart):
        wide, high = tile.size
        label = tile.description or tile.caption
        svg = to_svg(wide, high, chart_shapes(tile), inline=True, label=label)
        return {"kind": "chart", **about, "w": wide, "h": high, "svg": svg}
    header = {
        "kind": "picture",
        **about,
        "label": tile.label,
        "boxes": tile.boxes,
        "smooth": tile.smooth,
        "facts": tile.facts,
        "background": tile.background,
        "legend": tile.legend,
        "crossed": tile.crossed,
        "ramp": None,
    }
    if tile.ramp is not None:
        name, low, high = tile.ramp
        # Even steps of an even map: a page draws a gradient between them.
        colours = ["#{:02x}{:02x}{:02x}".format(*rgb) for rgb in ramp_colours(name)[1::42].tolist()]
        header["ramp"] = {"colours": colours, "low": short(low), "high": short(high)}
    if tile.pixels is None:
        return header | {"h": 0, "w": 0, "depth": 1, "offset": len(buffer)}
    height, width = tile.pixels.shape[:2]
    header |= {"h": height, "w": width, "depth": tile.pixels.size // (height * width), "offset": len(buffer)}
    buffer += tile.pixels.data
    return header
