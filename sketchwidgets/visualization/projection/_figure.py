"""Projections as a picture: one row of tiles for each layer and image."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from torch import Tensor

from ..figures import Figure, Section, Tile
from ..figures._numbers import short

if TYPE_CHECKING:
    from ._result import LayerProjection

_MOST_IMAGES = 4  # rows of a layer, unless asked for


def projection_figure(
    layers: Sequence["LayerProjection"], images: Sequence[int] | None, title: str
) -> Figure:
    """A section for each layer and image; each tile is scaled by its own largest magnitude."""
    sections = []
    for layer in layers:
        shown = range(min(len(layer), _MOST_IMAGES)) if images is None else images
        for image in shown:
            name = layer.layer if len(layer) == 1 else f"{layer.layer}, image {image}"
            caption = _explained(layer)
            if images is None and len(shown) < len(layer) and image == 0:
                caption += f"; the first {len(shown)} of {len(layer)} images"
            sections.append(
                Section(name, projection_tiles(layer, image), caption if image == shown[0] else "")
            )
    return Figure(title, sections)


def projection_tiles(layer: "LayerProjection", image: int = 0) -> list[Tile]:
    """The tiles of one image. All are as large as the receptive field, so that they share a scale."""
    crops = layer.crops(image)
    field = max((max(crop.shape[-2:]) for crop in crops), default=1)
    tiles = []
    for rank, crop in enumerate(crops):
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
            tiles.append(Tile.signed(in_field(crop, box, field), **about))
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
