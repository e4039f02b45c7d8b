"""Projections as a picture: one row of tiles for each layer and image."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from torch import Tensor

from ..figures import Figure, Section, Tile
from ..figures._numbers import short
from ..figures._signal_window import Window, check_crop, signal_windows, stands_out, whole_windows

if TYPE_CHECKING:
    from ._result import LayerProjection

_MOST_IMAGES = 4  # rows of a layer, unless asked for


def projection_figure(
    layers: Sequence["LayerProjection"], images: Sequence[int] | None, title: str, crop: str
) -> Figure:
    """A section for each layer and image; each tile is scaled by its own largest magnitude."""
    check_crop(crop)
    sections = []
    for layer in layers:
        shown = range(min(len(layer), _MOST_IMAGES)) if images is None else images
        for image in shown:
            name = layer.layer if len(layer) == 1 else f"{layer.layer}, image {image}"
            windows, field = field_windows(layer, image, crop)
            caption = _explained(layer)
            if images is None and len(shown) < len(layer) and image == 0:
                caption += f"; the first {len(shown)} of {len(layer)} images"
            caption = [caption] if image == shown[0] else []
            if windows and (side := windows[0][0].stop - windows[0][0].start) < field:
                caption.append(f"shown {side} × {side} px")
            sections.append(Section(name, projection_tiles(layer, image, windows), "; ".join(caption)))
    return Figure(title, sections)


def field_windows(layer: "LayerProjection", image: int, crop: str) -> tuple[list[Window], int]:
    """What is shown of each field by `crop`, and the side of the fields of one image, that of the largest."""
    crops = layer.crops(image)
    field = max((max(one.shape[-2:]) for one in crops), default=1)
    if crop == "field":
        return whole_windows(len(crops), field), field
    strong = [
        None if dead or not one.numel() else stands_out(in_field(one, box, field))
        for one, box, dead in zip(crops, layer.boxes[image].tolist(), layer.dead[image].tolist(), strict=True)
    ]
    return signal_windows(strong, field), field


def projection_tiles(layer: "LayerProjection", image: int, windows: Sequence[Window]) -> list[Tile]:
    """The tiles of one image, each the window of its field. All fields are as large as the largest, for one scale."""
    crops = layer.crops(image)
    field = max((max(crop.shape[-2:]) for crop in crops), default=1)
    tiles = []
    for rank, (crop, (rows, columns)) in enumerate(zip(crops, windows, strict=True)):
        channel = int(layer.channels[image, rank])
        activation = float(layer.activations[image, rank])
        box = layer.boxes[image, rank].tolist()
        row, column = layer.positions[image, rank].tolist()
        about = {
            "caption": f"ch {channel} · {short(activation)}",
            "description": f"{layer.layer}, channel {channel}, activation {short(activation)}",
            "facts": (
                ("Activation", short(activation)),
                ("Unit", f"row {row}, column {column} of its map"),
                (
                    "Sees",
                    f"{box[3] - box[1]} × {box[2] - box[0]} of {layer.image_size[1]} × {layer.image_size[0]} px",
                ),
            ),
        }
        if layer.dead[image, rank] or not crop.numel():
            tiles.append(Tile(None, label="dead", **about))
        else:
            tiles.append(Tile.signed(in_field(crop, box, field)[:, rows, columns], **about))
    return tiles


def in_field(crop: Tensor, box: Sequence[int], field: int) -> Tensor:
    """A crop (C, h, w) in a square of `field` pixels; what the border of the image cut off is zero on that side."""
    height, width = crop.shape[-2:]
    top = field - height if box[0] == 0 else 0
    left = field - width if box[1] == 0 else 0
    whole = crop.new_zeros((len(crop), field, field))
    whole[:, top : top + height, left : left + width] = crop
    return whole


def _explained(layer: "LayerProjection") -> str:
    start = {"unit": ", started with 1", "map": ", the whole map"}.get(layer.signal, "")
    rule = layer.rule
    if layer.convolution == "relevance":
        rule = "relevance" if rule == "backprop" else f"relevance by {rule}"
    return f"{rule}{start}, channel and activation below"
