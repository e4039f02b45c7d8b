"""Tiles of an atlas: a patch or a projection with what is known of it."""

from typing import TYPE_CHECKING

import numpy as np
from torch import Tensor

from ..figures import Tile
from ._units import LayerUnits

if TYPE_CHECKING:
    from ._gallery import Gallery


def patch_tile(
    gallery: "Gallery",
    units: LayerUnits,
    row: int,
    place: int,
    pixels: np.ndarray | None,
    by_channel: bool = False,
) -> Tile:
    """The tile of a patch; its caption says the channel, or the class of the image and the activation."""
    caption = _caption(gallery, units, row, place, by_channel)
    if pixels is None:
        return Tile(None, caption, label=missing(units, row, place))
    return Tile(
        pixels,
        caption,
        _describe("What excites", gallery, units, row, place),
        smooth=True,
        facts=facts_of(gallery, units, row, place),
    )


def projection_tile(
    gallery: "Gallery",
    units: LayerUnits,
    row: int,
    place: int,
    values: Tensor | None,
    by_channel: bool = False,
) -> Tile:
    """The tile of a projection, zero in mid-grey; of a dead unit, a label."""
    caption = _caption(gallery, units, row, place, by_channel)
    if values is None:
        return Tile(None, caption, label=missing(units, row, place))
    return Tile.signed(
        values,
        caption,
        description=_describe("Projection of", gallery, units, row, place),
        facts=facts_of(gallery, units, row, place),
    )


def missing(units: LayerUnits, row: int, place: int) -> str:
    """Why there is no picture."""
    if units.images[row, place] < 0:
        return "no image"
    return "not read" if units.positions[row, place, 0] < 0 else "dead"


def facts_of(gallery: "Gallery", units: LayerUnits, row: int, place: int) -> tuple[tuple[str, str], ...]:
    """Terms and values for the enlarged view."""
    image = int(units.images[row, place])
    y, x = units.positions[row, place].tolist()
    facts = [
        ("Channel", f"{units.name} / {int(units.channels[row])}"),
        ("Activation", f"{float(units.activations[row, place]):.4g}"),
        ("Position", f"row {y}, column {x}"),
        ("Sees", f"{units.size[0]} x {units.size[1]} pixels"),
        ("Image", gallery.names.get(image, str(image))),
    ]
    name = gallery.class_of(image)
    if name is not None:
        facts.insert(0, ("Class", name))
    return tuple(facts)


def _caption(gallery: "Gallery", units: LayerUnits, row: int, place: int, by_channel: bool) -> str:
    activation = f"{float(units.activations[row, place]):.3g}"
    if by_channel:
        return f"{int(units.channels[row])} · {activation}"
    name = gallery.class_of(int(units.images[row, place]))
    return activation if name is None else f"{name} · {activation}"


def _describe(what: str, gallery: "Gallery", units: LayerUnits, row: int, place: int) -> str:
    name = gallery.class_of(int(units.images[row, place]))
    of = (
        ""
        if name is None
        else f", in a drawing of {name}"
        if gallery.has_drawings
        else f", in an image of {name}"
    )
    return f"{what} {units.name} / {int(units.channels[row])}, place {place + 1}{of}"
