"""Receptive fields: which pixels a unit can see at all, from the geometry of the network alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from .._by_layer import ByLayer
from .._modules import known, module_of
from ..figures import Figure, Section, Tile
from ._errors import ProjectionError
from ._given import prepared
from ._options import check_images, check_module
from ._project import _record
from .windows._reach import Reach, reach_of_images, seed

Box = tuple[int, int, int, int]


@dataclass(frozen=True, eq=False)
class ReceptiveField:
    """The part of the input that one unit of a layer can see.

    layer : the module whose output holds the unit.
    size : (rows, columns) of pixels, as the papers print it: of a unit far from every border. It may exceed the
        image (Sketch-a-Net's fc6 has 297 on 225 pixels). Where `jump` is None: of the box.
    jump : (rows, columns) of pixels between the fields of neighbouring units; None where there is no such
        step, and `reason` says why: a fully connected layer, a gate computed from the whole map, ...
    start : (top, left) of the field of the unit at position (0, 0), in pixels, negative where it begins in the
        padding; None with `jump`.
    box : (top, left, bottom, right) of this unit's field within the image, exact also at the borders.
    mask : (H, W) bool, the pixels themselves: a dilated kernel leaves holes in its box.
    position, channel : the unit; position None for a layer without positions, channel None for all together.
    map_size : (h, w) of the layer; None without positions. image_size : (H, W).
    """

    layer: str
    size: tuple[int, int]
    jump: tuple[int, int] | None
    start: tuple[int, int] | None
    box: Box
    mask: Tensor
    position: tuple[int, int] | None
    channel: int | None
    map_size: tuple[int, int] | None
    image_size: tuple[int, int]
    reason: str = ""
    image: Tensor | None = None

    @property
    def whole(self) -> bool:
        """Whether the box is the whole image."""
        return self.box == (0, 0, *self.image_size)

    def __repr__(self) -> str:
        jump = f"jump {_by(self.jump)}" if self.jump else self.reason
        return f"ReceptiveField({self.layer!r}, size {_by(self.size)}, {jump}, box {self.box})"

    def figure(self) -> Figure:
        """The field as a box on the image; what it does not see is dimmed."""
        return ReceptiveFields([self]).figure()

    def _repr_html_(self) -> str:
        return self.figure().to_html()


class ReceptiveFields(ByLayer[ReceptiveField]):
    """The receptive fields of several layers, by layer name, in the order of the forward pass."""

    def __init__(self, fields: Sequence[ReceptiveField]) -> None:
        super().__init__({field.layer: field for field in fields})

    def __repr__(self) -> str:
        return f"ReceptiveFields({', '.join(map(repr, self._layers.values()))})"

    def figure(self) -> Figure:
        """One picture a layer: the field as a box on the image; what it does not see is dimmed."""
        return Figure(
            "Receptive fields", [Section("", [_tile(field) for field in self._layers.values()], side=144)]
        )

    def _repr_html_(self) -> str:
        return self.figure().to_html()


def receptive_field(
    model: Any,
    layers: str | Sequence[str] | None = None,
    image: Any = None,
    position: tuple[int, int] | None = None,
    *,
    channel: int | None = None,
    fixed_gates: bool = False,
) -> ReceptiveField | ReceptiveFields:
    """What of the input a unit can see: size, jump, box and exact set of pixels.

    Computed from the sizes, strides, paddings and dilations along every path of the recorded forward pass; no
    weight and no signal has a part in it, so that it holds for any weights. Size and jump are those of Dumoulin &
    Visin (arXiv 1603.07285) and of the tables for AlexNet or ZFNet; with several paths (skips, concatenations)
    they are those of the widest.

    Parameters
    ----------
    model : a torch.nn.Module in eval mode, a `sw.Network`, a `sw.Recognizer` (its CNN), or None for the bundled
        recogniser. It is not changed.
    layers : a name of `model.named_modules()`; several of them; or None for all that `sw.project` shows.
    image : (1, C, H, W) or (C, H, W) as the model takes it; or, as in `project`, a drawing or a picture; or the height
        and width of one, or one number for both; None: the size that the model says it takes (that of a Network, an
        attribute `input_size`), else 224.
    position : (row, column) of the unit on its map, from 0; None: the middle, the upper left of the four if even.
    channel : the unit's channel. It matters where channels differ: behind a concatenation of branches, or in a
        grouped convolution. None: what all channels together see.
    fixed_gates : whether gates (squeeze and excite), and the statistics of group normalization, count as constants. They
        are computed from the whole map, so that strictly every unit behind one sees the whole image; held
        fixed, the field is that of the map itself.

    Returns
    -------
    A `ReceptiveField` for one name; else `ReceptiveFields`, a mapping from layer name to field.

    Raises
    ------
    ProjectionError : a layer does not exist, a position or channel lies outside, the model cannot be run, or the way
        to the images crosses an operation of unknown geometry, which is named.

    >>> field = sw.receptive_field(sw.models.create("sketch_a_net").eval(), "conv3", 225)
    >>> field.size, field.jump, field.box
    ((81, 81), (12, 12), (72, 72, 153, 153))
    """
    model = known(model)
    module = check_module(module_of(model))
    if image is not None and not isinstance(image, int | np.integer | list | tuple):
        image = prepared(model, image, "image")
    images, given = _as_images(module, _size_of(model, module) if image is None else image)
    recording = _record(module, images, layers, None, stop_early=False, argument="image")
    names = recording.layers
    if isinstance(layers, str):
        return field_of(recording, layers, position, channel, fixed_gates, given)
    return ReceptiveFields(
        [field_of(recording, name, position, channel, fixed_gates, given) for name in names]
    )


def field_of(
    recording: Any,
    layer: str,
    position: tuple[int, int] | None = None,
    channel: int | None = None,
    fixed_gates: bool = False,
    image: Tensor | None = None,
) -> ReceptiveField:
    """`receptive_field` of a unit of a `Recording`; `image` (C, H, W), if any, is what figures are drawn on."""
    tape, value = recording._tape, recording._output(layer)[0]
    if tape.broken:
        raise ProjectionError(f"layer {layer!r}: the receptive field through {tape.broken} is not known")
    shape, map_size = tape.shapes[value], tape.map_size(value)
    if len(shape) not in (2, 4):
        raise ProjectionError(f"layer {layer!r} returns {shape}, not (n, c, h, w) or (n, c)")
    channels = shape[-1] if tape.channels_last[value] else shape[1]
    position = _check_position(layer, position, map_size)
    if channel is not None and not (isinstance(channel, int | np.integer) and 0 <= channel < channels):
        raise ProjectionError(f"channel must be in 0..{channels - 1} for layer {layer!r}, not {channel!r}")
    unit = seed(tape, value, None if channel is None else int(channel), position)
    try:
        reach = reach_of_images(tape, value, unit, fixed_gates)
    except ProjectionError as error:
        raise ProjectionError(f"layer {layer!r}: {error}") from None
    if reach is None:
        raise ProjectionError(f"layer {layer!r}: this unit sees nothing of the images, only padding")
    mask = reach.mask.any(0)
    box = _bounding_box(mask)
    size, jump, start = _formula(reach, box)
    return ReceptiveField(
        layer,
        size,
        jump,
        start,
        box,
        torch.from_numpy(np.ascontiguousarray(mask)),
        position,
        None if channel is None else int(channel),
        map_size,
        tape.shapes[0][2:],
        "" if reach.extent else reach.reason or "a layer without positions",
        image,
    )


def _formula(
    reach: Reach, box: Box
) -> tuple[tuple[int, int], tuple[int, int] | None, tuple[int, int] | None]:
    """Size, jump and start; those of the box where there is no formula."""
    if reach.extent is None:
        return (box[2] - box[0], box[3] - box[1]), None, None
    low, high = reach.extent.low.min(0), reach.extent.high.max(0)
    size, start = ((int(pair[0]), int(pair[1])) for pair in (high - low + 1, low))
    return size, reach.extent.jump, start


def _bounding_box(mask: np.ndarray) -> Box:
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1


def _as_images(model: nn.Module, image: Any) -> tuple[Tensor, Tensor | None]:
    """(1, C, H, W) to record, and the image (C, H, W) that was given, if one was."""
    if isinstance(image, Tensor):
        images = check_images(image[None] if image.ndim == 3 else image, "image")
        if len(images) != 1:
            raise ProjectionError(f"image must be (1, C, H, W) or (C, H, W), not {tuple(image.shape)}")
        return images, images[0].detach().clone()
    sides = tuple(image) if isinstance(image, list | tuple) else (image, image)
    if len(sides) != 2 or not all(isinstance(side, int | np.integer) and side > 0 for side in sides):
        given = type(image).__name__ if isinstance(image, np.ndarray) else repr(image)
        raise ProjectionError(
            f"image must be a tensor, a number of pixels or (height, width), not {given}; drawings and pictures are "
            "for a Network, a Recognizer or None"
        )
    first = next((module for module in model.modules() if isinstance(module, nn.Conv2d)), None)
    if first is None:
        raise ProjectionError("the model has no convolution to tell its input channels: give an image")
    return first.weight.new_zeros((1, first.in_channels, *map(int, sides))), None


def _size_of(model: Any, module: Any) -> Any:
    """Height and width, or one number for both, of what a model says it takes."""
    size = getattr(model, "size", None) or getattr(module, "input_size", 224)
    return size if isinstance(size, int | tuple) else 224


def _check_position(layer: str, position: Any, map_size: tuple[int, int] | None) -> tuple[int, int] | None:
    if map_size is None:
        if position is not None:
            raise ProjectionError(f"layer {layer!r} has no positions")
        return None
    if position is None:
        return (map_size[0] - 1) // 2, (map_size[1] - 1) // 2
    try:
        position = tuple(int(i) for i in position)
    except (TypeError, ValueError):
        raise ProjectionError(f"position must be (row, column), not {position!r}") from None
    if len(position) != 2 or not all(0 <= i < n for i, n in zip(position, map_size, strict=True)):
        raise ProjectionError(
            f"position must lie on the map of layer {layer!r}, {_by(map_size)}, not {position}"
        )
    return position


def _tile(field: ReceptiveField) -> Tile:
    image = torch.zeros(1, *field.image_size) if field.image is None else field.image.float().cpu()
    if len(image) not in (1, 3):
        image = image.mean(0, keepdim=True)
    low, high = float(image.min()), float(image.max())
    shown = torch.ones_like(image) if high <= low else (image - low) / (high - low)
    if (
        high > low and len(image) == 1 and float(shown.median()) == 0
    ):  # ink on paper of 0, as a network sees it
        shown = 1 - shown
    shown = torch.where(field.mask, shown, 0.4 * shown + 0.36)
    where = f"{field.layer} · {_by(field.size)} px" + (f", jump {_by(field.jump)}" if field.jump else "")
    facts = [
        ("Size", f"{_by(field.size)} pixels"),
        ("Jump", f"{_by(field.jump)} pixels" if field.jump else f"none: {field.reason}"),
        ("Box", "rows {} to {}, columns {} to {}".format(*(field.box[i] for i in (0, 2, 1, 3)))),
    ]
    if field.position is not None:
        facts.append(
            ("Position", f"row {field.position[0]}, column {field.position[1]} of {_by(field.map_size)}")
        )
    description = f"What a unit of {field.layer} sees" + (": the whole image" if field.whole else "")
    return Tile.picture(
        shown, where, boxes=(field.box,), description=description, facts=tuple(facts), smooth=True
    )


def _by(pair: tuple[int, int]) -> str:
    return str(pair[0]) if pair[0] == pair[1] else f"{pair[0]} x {pair[1]}"
