"""A comparison as a figure: a column for each network."""

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from ...visualization import Figure, Section, Tile
from ...visualization.figures._numbers import percent, short
from ._look_figure import COLOURED, OVERLAY, patch_tiles, peak, said, strength, unit_tiles

if TYPE_CHECKING:
    from ._comparison import Cell, Column, Comparison

_SIDE = 272  # of a cell; less for many columns
_ROOM = 900  # for a row of them
_METHOD_SIDE = 168
_GAP = 2
_PAPER = 255
_DEAD = (236, 212)  # of the checks in place of a dead unit

METHODS = {
    "backprop": "the gradient (Simonyan et al. 2013)",
    "deconvnet": "the signal is rectified on its way down (Zeiler & Fergus 2014)",
    "guided": "the gradient, with the signal rectified too (Springenberg et al. 2015)",
    "relevance": "relevance propagation (Bach et al. 2015, as in FeatureVis)",
    "occlusion": "by how much the probability falls under a patch (Zeiler & Fergus 2014)",
}


def comparison_figure(comparison: "Comparison", display: str, patches: bool) -> Figure:
    if comparison.rows and comparison.rows[0] in METHODS:
        return Figure(
            "Comparison · a class by every method",
            [_methods_section(comparison, column, display) for column in comparison.columns],
        )
    columns = comparison.columns
    side = max(120, min(_SIDE, _ROOM // len(columns)))
    sections = [Section("", [_head(column) for column in columns], columns=len(columns), side=side)]
    for row, title in enumerate(comparison.rows):
        pairs = [(column, column.cells[row]) for column in columns]
        tiles = [_units_tile(column, cell, display, side) for column, cell in pairs]
        if patches:
            tiles += [_patches_tile(column, cell, side) for column, cell in pairs]
        sections.append(Section(title, tiles, columns=len(columns), side=side))
    return Figure(f"Comparison · {comparison.settings.rule}", sections)


def _methods_section(comparison: "Comparison", column: "Column", display: str) -> Section:
    """One network: its input, and what speaks for a class there by each method."""
    tiles = [_head(column, said(column.top[:1]))]
    for method, cell in zip(comparison.rows, column.cells, strict=True):
        tiles.append(_method_tile(column, cell, method, display))
    caption = f"What speaks for “{column.class_name}”"
    return Section(column.name, tiles, caption, columns=len(tiles), side=_METHOD_SIDE)


def _head(column: "Column", caption: str | None = None) -> Tile:
    if caption is None:
        caption = column.name + (f" · {said(column.top[:1])}" if column.top else "")
    return Tile(
        column.picture,
        caption,
        f"The input of {column.name}. {said(column.top)}",
        smooth=True,
        facts=tuple((name, percent(share)) for name, share in column.top),
    )


def _units_tile(column: "Column", cell: "Cell | None", display: str, side: int) -> Tile:
    """The strongest units of a layer in one picture."""
    if cell is None:
        return Tile(None, label="…")
    if cell.field is None:
        return Tile(None, label="no layer of this size", description=f"{column.name} has none that is near.")
    layer = cell.projection
    dead = int(layer.dead[0].sum())
    units = [
        (f"ch {int(channel)}", "dead" if gone else short(float(value)))
        for channel, value, gone in zip(layer.channels[0], layer.activations[0], layer.dead[0], strict=True)
    ]
    return Tile(
        _mosaic(unit_tiles(layer, column.picture, display), side),
        f"{cell.field.layer} · {cell.field.side} px",
        f"{column.name}, {cell.field.layer}: its {len(units)} strongest units, row by row"
        + (f"; {dead} dead" if dead else ""),
        facts=(("Sees", f"{cell.field.side} px of {max(column.picture.shape[:2])}"), *units),
    )


def _patches_tile(column: "Column", cell: "Cell | None", side: int) -> Tile:
    if cell is None or cell.field is None:
        return Tile(None, label="…" if cell is None else " ")
    what = f"What these units of {column.name} see of the picture"
    return Tile(
        _mosaic(patch_tiles(cell.projection, column.picture), side), "what they see", what, smooth=True
    )


def _method_tile(column: "Column", cell: "Cell | None", method: str, display: str) -> Tile:
    """A class score by one method, on the whole picture."""
    if cell is None:
        return Tile(None, method, label="…")
    about = {
        "caption": method,
        "description": f"What speaks for {column.class_name} in {column.name}: {METHODS[method]}",
    }
    if cell.heat is not None:
        fall = float(cell.heat.max())
        about["facts"] = (("Probability falls by at most", percent(max(0.0, fall))),)
        heat = cell.heat.clamp_min(0)
        if not fall > 0:
            return Tile(None, label="no patch makes it less probable", **about)
        over = {"over": column.picture, "alpha": OVERLAY, "fade": True} if display != "heat" else {}
        return Tile.heat((heat / fall).numpy(), **over, **COLOURED, **about)
    values = cell.projection.images[0, 0]
    about["facts"] = (("Score before the softmax", short(float(cell.projection.activations[0, 0]))),)
    if not values.any():
        return Tile(None, label="nothing comes through", **about)
    if display == "projection":
        return Tile.signed(values, scale=peak(values), **about)
    over = {"over": column.picture, "alpha": OVERLAY, "fade": True} if display == "overlay" else {}
    return Tile.heat(strength(values), **over, **COLOURED, **about)


def _mosaic(tiles: list[Tile], side: int) -> np.ndarray:
    """Square pictures in a square grid of about `side` pixels, (h, h, 3) uint8; checks where there is none."""
    columns = int(np.ceil(np.sqrt(len(tiles))))
    unit = (side - (columns - 1) * _GAP) // columns
    whole = np.full((columns * (unit + _GAP) - _GAP,) * 2 + (3,), _PAPER, np.uint8)
    for k, tile in enumerate(tiles):
        top, left = (unit + _GAP) * (k // columns), (unit + _GAP) * (k % columns)
        whole[top : top + unit, left : left + unit] = _in_square(tile, unit)
    return whole


def _in_square(tile: Tile, side: int) -> np.ndarray:
    if tile.pixels is None:
        rows, columns = np.indices((side, side)) // 6
        return np.where((rows + columns) % 2, *_DEAD).astype(np.uint8)[..., None]
    # Few pixels are honest as squares; many are averaged.
    how = Image.Resampling.NEAREST if tile.pixels.shape[0] < side else Image.Resampling.BOX
    resized = np.asarray(Image.fromarray(tile.pixels).resize((side, side), how))
    return resized[..., None] if resized.ndim == 2 else resized[..., :3]
