"""A look into a network as a figure: the picture, and rows of projections beside what they are projected onto."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from torch import Tensor

from ...visualization import Chart, Figure, LayerProjection, Section, Tile
from ...visualization.figures._numbers import percent, short
from ...visualization.figures._signal_window import Window, check_crop, whole_windows
from ...visualization.projection._figure import field_windows, in_field

if TYPE_CHECKING:
    from ._look import Look

_GREY = 128
_LARGE = 192  # side of the pictures of the first row
_LARGE_AREA = 64 * 64  # pixels from which on single ones may be cut off
# Of the strongest heat over the picture; FeatureVis lays 0.6 over all of it, which dulls the picture.
OVERLAY = 0.8

COLOURED = {"low": 0, "high": 1, "ramp": None}  # every picture by its own peak

_SIGNALS = {
    "activation": "strongest units, each from its activation",
    "unit": "strongest units, each from 1",
    "map": "maps of the largest norm, each from all of its values; beside each channel its maximum",
}


def look_figure(look: "Look", display: str, patches: bool, full: bool, crop: str) -> Figure:
    check_crop(crop)
    title = f"{look.network} · {look.settings.rule}"
    if look.class_projection is not None:
        return Figure(title, [class_section(look)])
    rows = [layer_section(look, layer, display, patches, full, crop) for layer in look.projections.values()]
    return Figure(title, [head_section(look), *rows])


def head_section(look: "Look", box: tuple[int, ...] | None = None) -> Section:
    """The picture that the network sees and what it takes it for; `box` (top, left, bottom, right) is outlined."""
    tiles: list[Tile | Chart] = [head_tile(look, box)]
    if look.top:
        names, shares = zip(*look.top, strict=True)
        tiles.append(
            Chart(
                [("probability", names, 100 * np.array(shares))],
                y_label="probability, %",
                y_range=(0, 100),
                kind="bar",
                size=(60 + 90 * len(names), _LARGE),
                caption="from this picture alone",
                description=said(look.top),
            )
        )
    return Section("", tiles, side=_LARGE)


def head_tile(look: "Look", box: tuple[int, ...] | None = None) -> Tile:
    return Tile(
        look.picture,
        said(look.top[:1]),
        f"The input of {look.network}. {said(look.top)}",
        boxes=(box,) if box else (),
        smooth=True,
        facts=tuple((name, percent(share)) for name, share in look.top),
    )


def class_section(look: "Look") -> Section:
    """The four pictures of FeatureVis: original, grey heat map, overlay and coloured heat map; and signed."""
    projection = look.class_projection
    values = projection.images[0, 0]
    heat = strength(values)
    share = dict(look.top).get(look.class_name)
    score = f"score {short(float(projection.activations[0, 0]))}"
    known = f"{look.class_name} · {percent(share)}" if share is not None else f"{look.class_name} · {score}"
    facts = (
        ("Class", look.class_name),
        ("Score before the softmax", short(float(projection.activations[0, 0]))),
    )
    tiles = [
        Tile(look.picture, known, f"The input of {look.network}. {said(look.top)}", smooth=True, facts=facts),
        Tile.signed(
            values,
            "signed: brighter, darker",
            scale=peak(values) or None,
            description="What speaks for the class: white where brighter would speak for it, black where darker.",
            facts=facts,
        ),
        Tile.picture(
            heat,
            "strength",
            description="Strength of the projection: its norm over the colours.",
            facts=facts,
        ),
        Tile.heat(
            heat, "over the picture", over=look.picture, alpha=OVERLAY, fade=True, **COLOURED, facts=facts
        ),
        Tile.heat(heat, "coloured", **COLOURED, facts=facts),
    ]
    caption = (
        f"The class score projected back to the pixels by {look.settings.rule}, {score}. {said(look.top)}"
    )
    return Section(f"What speaks for {look.class_name}", tiles, caption, columns=len(tiles), side=_LARGE)


def layer_section(
    look: "Look", layer: LayerProjection, display: str, patches: bool, full: bool, crop: str
) -> Section:
    """A row of projections, and below it the same parts of the picture."""
    count, rows, columns = look.maps[layer.layer]
    windows, side = field_windows(layer, 0, crop)
    shown = windows[0][0].stop - windows[0][0].start if windows and not full else side
    tiles = unit_tiles(layer, look.picture, display, full, windows)
    whole = all(_covers(box, look.picture) for box in layer.boxes[0].tolist())
    alike = full or (whole and shown == side)  # to the picture above
    below = patch_tiles(layer, look.picture, windows) if patches and not alike else []
    caption = f"{count} channels" + (f" of {columns} × {rows}" if rows * columns > 1 else "")
    if layer.signal != "map" and (size := field_size(layer)) is not None:
        rows, columns, alike = size
        part = f"{'' if alike else 'up to '}{columns} × {rows} px"
        caption += f", a unit sees {'all of the picture' if whole else part}"
    if shown < side:
        caption += f", shown {shown} × {shown}"
    caption += f" · {_SIGNALS[layer.signal]}"
    return Section(layer.layer, [*tiles, *below], caption, columns=max(1, len(tiles)))


def unit_tiles(
    layer: LayerProjection,
    picture: np.ndarray,
    display: str,
    full: bool = False,
    windows: Sequence[Window] | None = None,
) -> list[Tile]:
    """A tile for each unit: its projection, or its label where it is dead; of each field the window, None for all."""
    crops = layer.images[0] if full else layer.crops(0)
    side = max((max(crop.shape[-2:]) for crop in layer.crops(0)), default=1)
    windows = whole_windows(len(crops), side) if windows is None else windows
    tiles = []
    for rank, crop in enumerate(crops):
        box = layer.boxes[0, rank].tolist()
        about = about_unit(layer, rank)
        if layer.dead[0, rank] or not crop.numel():
            tiles.append(Tile(None, label="dead", **about))
            continue
        if not crop.any():
            # Saturated on the way, or cut off by the rule: grey would look like a picture.
            tiles.append(Tile(None, label="nothing comes through", **about))
            continue
        # Of the whole picture, or of the field: by the scale of all that the unit sees.
        over, part = picture, (slice(None), slice(None))
        if full:
            about["boxes"] = () if _covers(box, picture) else (tuple(box),)
        else:
            crop, over, part = in_field(crop, box, side), patch(picture, box, side), windows[rank]
        if display == "projection":
            tiles.append(Tile.signed(crop[:, *part], scale=peak(crop) or None, **about))
            continue
        heat = strength(crop)[part]
        if display == "heat":
            tiles.append(Tile.heat(heat, **COLOURED, **about))
        else:
            tiles.append(Tile.heat(heat, over=over[part], alpha=OVERLAY, fade=True, **COLOURED, **about))
    return tiles


def patch_tiles(
    layer: LayerProjection, picture: np.ndarray, windows: Sequence[Window] | None = None
) -> list[Tile]:
    """A tile for each unit: what of the picture it sees, or the window of that."""
    side = max((max(crop.shape[-2:]) for crop in layer.crops(0)), default=1)
    windows = whole_windows(layer.channels.shape[1], side) if windows is None else windows
    tiles = []
    for rank in range(layer.channels.shape[1]):
        box = layer.boxes[0, rank].tolist()
        what = f"What channel {int(layer.channels[0, rank])} of {layer.layer} sees of the picture."
        seen = box[2] > box[0] and box[3] > box[1] and not layer.dead[0, rank]
        if seen:
            tiles.append(Tile(patch(picture, box, side)[windows[rank]], description=what, smooth=True))
        else:
            tiles.append(Tile(None, label="dead", description=what))
    return tiles


def about_unit(layer: LayerProjection, rank: int) -> dict:
    """Caption, description and facts of a unit."""
    channel, value = int(layer.channels[0, rank]), short(float(layer.activations[0, rank]))
    row, column = layer.positions[0, rank].tolist()
    top, left, bottom, right = layer.boxes[0, rank].tolist()
    facts = [("Activation", value), ("Place on the map", f"row {row}, column {column}")]
    if layer.signal != "map":
        where = f"{right - left} × {bottom - top} px, rows {top}–{bottom - 1}, columns {left}–{right - 1}"
        facts.append(("Sees", where if bottom > top else "nothing"))
    return {
        "caption": f"ch {channel} · {value}",
        "description": f"{layer.layer}, channel {channel}, activation {value}",
        "facts": tuple(facts),
    }


def field_size(layer: LayerProjection) -> tuple[int, int, bool] | None:
    """Rows and columns that a unit sees at most, and whether all see as much; None where all boxes are empty.

    At the border of the picture a unit sees less than a full receptive field.
    """
    sizes = layer.boxes[0, :, 2:] - layer.boxes[0, :, :2]
    rows, columns = sizes.amax(0).tolist()
    return (rows, columns, bool((sizes == sizes[0]).all())) if rows > 0 and columns > 0 else None


def strength(values: Tensor) -> np.ndarray:
    """(C, h, w) signed values as (h, w) in 0..1: the 2-norm over the channels, divided by its peak.

    FeatureVis divides by the maximum, which leaves a large picture with one bright pixel black.
    """
    norm = values.float().square().sum(0).sqrt()
    scale = peak(norm)
    return (norm / scale if scale > 0 else norm).clamp(0, 1).cpu().numpy()


def peak(values: Tensor) -> float:
    """The largest magnitude; of a large picture, that of all but one pixel in 500."""
    sizes = values.float().abs().flatten()
    if sizes.numel() < _LARGE_AREA:
        return float(sizes.max()) if sizes.numel() else 0.0
    rank = sizes.numel() - sizes.numel() // 500
    return float(sizes.kthvalue(rank).values) or float(sizes.max())


def patch(picture: np.ndarray, box: list[int], side: int) -> np.ndarray:
    """A part of a picture in a square of `side` pixels; grey where the border of the picture cut it off."""
    part = picture[box[0] : box[2], box[1] : box[3]]
    height, width = part.shape[:2]
    top = side - height if box[0] == 0 else 0
    left = side - width if box[1] == 0 else 0
    whole = np.full((side, side, *picture.shape[2:]), _GREY, np.uint8)
    whole[top : top + height, left : left + width] = part
    return whole


def said(top: tuple[tuple[str, float], ...]) -> str:
    """Classes and their probabilities in words."""
    return ", ".join(f"{name} {percent(share)}" for name, share in top)


def _covers(box: list[int], picture: np.ndarray) -> bool:
    return tuple(box) == (0, 0, *picture.shape[:2])
