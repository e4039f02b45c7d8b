"""A figure in a page, in the page's own colours: rows that wrap, no script and no style sheet."""

from typing import TYPE_CHECKING

from ._chart_shapes import chart_shapes
from ._layout import legend_entries, placed
from ._numbers import short
from ._shapes import CROSS
from ._svg import data_url, to_svg, xml
from .chart import Chart
from .tile import Tile, ramp_colours

if TYPE_CHECKING:
    from .figure import Figure, Section

_MUTED = "opacity:.75"
_GAP = 8
_SMALLEST = 0.7  # of a tile's side, where that keeps all tiles of a row that wraps in one line
_NARROWEST = 44  # pixels of a tile in fixed columns
_READABLE = 0.75  # of a chart's width: smaller, and its text cannot be read
_CROSS = "rgb({},{},{})".format(*CROSS)


def figure_html(figure: "Figure") -> str:
    """The figure as one element."""
    parts = []
    if figure.title:
        parts.append(f"<div style='font-size:1.25em;font-weight:600'>{xml(figure.title)}</div>")
    parts += [_section(section) for section in figure.sections]
    return f"<div style='line-height:1.3;max-width:100%'>{''.join(parts)}</div>"


def _section(section: "Section") -> str:
    head = ""
    if section.title:
        head += f"<div style='font-weight:600'>{xml(section.title)}</div>"
    if section.caption:
        head += f"<div style='font-size:.9em;{_MUTED}'>{xml(section.caption)}</div>"
    pictures = sum(isinstance(tile, Tile) for tile in section.tiles)
    alike = pictures == len(section.tiles)
    wide = f"min(100%,{section.side}px)"
    if section.columns is None:
        layout = "display:flex;flex-wrap:wrap"
        if alike:
            wide = _in_one_line(pictures, section.side)
    elif alike:
        # A row must stay a row: its tiles get smaller with the page, and only then it is pushed sideways.
        least = max(_NARROWEST, section.side / 2)
        track = f"min({section.side}px,max({least:g}px,{_share(section.columns)}))"
        layout = f"display:grid;grid-template-columns:repeat({section.columns},{track});overflow-x:auto"
        wide = "100%"
    else:
        layout = f"display:grid;grid-template-columns:repeat({section.columns},max-content);overflow-x:auto"
        wide = f"{section.side}px"
    cells = "".join(_cell(tile, section.side, wide) for tile in section.tiles)
    return (
        f"<div style='margin:10px 0'>{head}"
        f"<div style='{layout};gap:{_GAP}px;align-items:start;margin-top:4px;padding:1px'>{cells}</div></div>"
    )


def _share(tiles: int) -> str:
    """The width of each of so many tiles that fill a line."""
    return f"(100% - {_GAP * (tiles - 1) + 0.5}px)/{tiles}"


def _in_one_line(tiles: int, side: int) -> str:
    """The width of a tile of a row that wraps: a little smaller where that brings all into one line."""
    share = _share(tiles)
    # Times 999: less than nothing where the share is large enough, more than the side where it is not.
    return f"min(100%,{side}px,max({share},({_SMALLEST * side:g}px - {share})*999))"


def _cell(tile: Tile | Chart, side: int, wide: str) -> str:
    """A tile or a chart with what is written under it; `wide` is the width of a tile."""
    if isinstance(tile, Chart):
        wide = f"max(min(100%,{tile.size[0]}px),{_READABLE * tile.size[0]:g}px)"
        said = tile.description or tile.caption or f"{tile.y_label} over {tile.x_label}"
        picture = to_svg(*tile.size, chart_shapes(tile), inline=True, label=said)
    else:
        picture = _tile(tile, side)
    title = f" title='{xml(tile.description)}'" if tile.description else ""
    caption = ""
    if tile.caption:
        caption = f"<div style='font-size:11px;text-align:center;overflow-wrap:anywhere;{_MUTED}'>{xml(tile.caption)}</div>"
    return f"<div style='width:{wide}'{title}>{picture}{caption}{_legend(tile) if isinstance(tile, Tile) else ''}</div>"


def _tile(tile: Tile, side: int) -> str:
    if tile.pixels is None:
        return (
            f"<div style='width:100%;aspect-ratio:1;box-sizing:border-box;border:1px dashed currentColor;"
            f"display:flex;align-items:center;justify-content:center;text-align:center;padding:4px;"
            f"font-size:11px;overflow-wrap:anywhere;opacity:.6'>{xml(tile.label or '')}</div>"
        )
    x, y, wide, high = placed(tile, 100.0)  # in per cent of the square, whose side is for the page to say
    said = xml(tile.description or tile.caption)
    how = (
        "" if tile.smooth or wide / 100 * side < 1.5 * tile.pixels.shape[1] else "image-rendering:pixelated;"
    )
    back = "" if tile.background is None else "background:rgb({0},{0},{0});".format(int(tile.background))
    line = "outline:1px solid rgba(128,128,128,.35);" if tile.background is None else ""
    scale = wide / tile.pixels.shape[1]
    boxes = "".join(
        f"<div style='position:absolute;box-sizing:border-box;border:2px solid #1976d2;"
        f"left:{x + left * scale:.2f}%;top:{y + top * scale:.2f}%;"
        f"width:{(right - left) * scale:.2f}%;height:{(bottom - top) * scale:.2f}%'></div>"
        for top, left, bottom, right in tile.boxes
    )
    place = f"left:{x:.2f}%;top:{y:.2f}%;width:{wide:.2f}%;height:{high:.2f}%"
    # JupyterLab gives every img a max-width and a margin of its own.
    image = (
        f"<img alt='{said}' src='{data_url(tile.pixels)}' style='position:absolute;margin:0;max-width:none;{how}{line}"
        f"{place}'>"
    )
    cross = ""
    if tile.crossed:
        lines = ",".join(
            f"linear-gradient(to {way},transparent calc(50% - 1px),{_CROSS} calc(50% - 1px) calc(50% + 1px),"
            "transparent calc(50% + 1px))"
            for way in ("top right", "bottom right")
        )
        cross = f"<div style='position:absolute;background:{lines};{place}'></div>"
    picture = f"<div style='position:relative;width:100%;aspect-ratio:1;{back}'>{image}{boxes}{cross}</div>"
    return picture + _ramp(tile)


def _ramp(tile: Tile) -> str:
    if tile.ramp is None:
        return ""
    name, low, high = tile.ramp
    return (
        f"<div style='display:flex;gap:5px;align-items:center;font-size:10px'><span style='{_MUTED}'>{short(low)}</span>"
        f"<img alt='' src='{data_url(ramp_colours(name)[None])}' "
        f"style='flex:1;min-width:8px;height:7px;margin:0;max-width:none'><span style='{_MUTED}'>{short(high)}</span></div>"
    )


def _legend(tile: Tile) -> str:
    entries, more = legend_entries(tile)
    lines = [
        f"<div style='display:flex;gap:4px;align-items:center;font-size:10px'>"
        f"<span style='flex:none;width:8px;height:8px;background:rgb({r},{g},{b})'></span>"
        f"<span style='min-width:0;overflow-wrap:anywhere'>{xml(name)}</span></div>"
        for (r, g, b), name in entries
    ]
    if more:
        lines.append(f"<div style='font-size:10px;padding-left:12px;{_MUTED}'>{more}</div>")
    return "".join(lines)
