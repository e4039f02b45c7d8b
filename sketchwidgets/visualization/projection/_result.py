"""What a projection returns."""

from collections.abc import Sequence

import torch
from torch import Tensor

from .._by_layer import ByLayer
from ..figures import Figure
from ._figure import projection_figure


class LayerProjection:
    """The projections of one layer's units, each cropped to its receptive field.

    n is the number of images, top the units per image, strongest first or in the order of `channels=`;
    (C, H, W) the shape of an input image. All tensors are on the device of the model.

    rule, convolution : how it came down, as in `project`; of rule="relevance" they are "backprop" and "relevance".
    signal : what started at a unit: "activation", "unit" or "map", its whole map.
    channels : (n, top) int64, the feature map of each unit.
    positions : (n, top, 2) int64, row and column of the unit on its map; with the signal "map", of the map's maximum.
    activations : (n, top), the value there.
    dead : (n, top) bool, no signal starts there, as a rule because the activation is 0 or less: nothing excites
        the unit, and its projection is blank.
    boxes : (n, top, 4) int64, top, left, bottom, right of the receptive field in the input, clipped to it.
    images : (n, top, C, H, W), the projections in place, zero outside of their boxes; made when first asked for.
    crops(i) : the projections of image i, only the boxes: a list of (C, h, w).

    Values are signed: positive where a brighter pixel would excite the unit (under backprop, exactly so; under the
    other rules, to be read as a picture), negative where a darker one would. They scale with that signal.
    """

    def __init__(
        self,
        layer: str,
        rule: str,
        windows: Tensor,
        corners: Tensor,
        boxes: Tensor,
        channels: Tensor,
        positions: Tensor,
        activations: Tensor,
        image_size: tuple[int, int],
        dead: Tensor,
        signal: str = "activation",
        convolution: str = "standard",
    ) -> None:
        self.layer = layer
        self.rule = rule
        self.signal = signal
        self.convolution = convolution
        self.channels = channels
        self.positions = positions
        self.activations = activations
        self.dead = dead
        self.boxes = boxes
        self._windows = windows  # (n, top, C, h, w), all of one size
        self._corners = (
            corners  # (n, top, 2) on the CPU, where each window starts, possibly outside of the image
        )
        self._image_size = image_size
        self._images: Tensor | None = None

    @property
    def image_size(self) -> tuple[int, int]:
        """Height and width of an input image."""
        return self._image_size

    @property
    def images(self) -> Tensor:
        if self._images is None:
            n, top, channels = self._windows.shape[:3]
            self._images = self._windows.new_zeros((n, top, channels, *self._image_size))
            for i, boxes in enumerate(self.boxes.tolist()):
                for rank, (crop, (y, x, bottom, right)) in enumerate(zip(self.crops(i), boxes, strict=True)):
                    self._images[i, rank, :, y:bottom, x:right] = crop
        return self._images

    def crops(self, i: int = 0) -> list[Tensor]:
        """The projections of image i inside of their boxes, a list of (C, h, w) views; sizes differ at the border."""
        crops = []
        for window, corner, box in zip(
            self._windows[i], self._corners[i].tolist(), self.boxes[i].tolist(), strict=True
        ):
            top, left = box[0] - corner[0], box[1] - corner[1]
            crops.append(window[:, top : top + box[2] - box[0], left : left + box[3] - box[1]])
        return crops

    def __len__(self) -> int:
        return len(self.channels)

    def __repr__(self) -> str:
        n, top = self.channels.shape
        how = f"rule={self.rule!r}" + (", convolution='relevance'" if self.convolution == "relevance" else "")
        return f"LayerProjection({self.layer!r}, {how}, images={n}, top={top}, dead={int(self.dead.sum())})"

    def figure(self, images: Sequence[int] | None = None, crop: str = "signal") -> Figure:
        """A row of tiles for each image, of those with these numbers; of the first four unless asked for.

        crop : "signal", as much of each receptive field as holds what excites the unit, the tiles of a row at one scale;
            "field", all of it. Raises ValueError for another.
        """
        return projection_figure([self], images, "", crop)

    def _repr_html_(self) -> str:
        return self.figure().to_html()


class Projections(ByLayer[LayerProjection]):
    """The projections of several layers, by layer name, in the order of the forward pass."""

    def __repr__(self) -> str:
        return f"Projections({', '.join(map(repr, self._layers.values()))})"

    def figure(self, images: Sequence[int] | None = None, crop: str = "signal") -> Figure:
        """For each layer what `LayerProjection.figure` gives."""
        return projection_figure(list(self._layers.values()), images, "", crop)

    def _repr_html_(self) -> str:
        return self.figure().to_html()


def bounding_boxes(images: Tensor) -> Tensor:
    """(..., 4) int64: the smallest box that holds every non-zero pixel of (..., C, H, W); all zero where there is none."""
    inside = (images != 0).any(-3)
    edges = []
    for axis in (-1, -2):
        line = inside.any(axis)
        size = line.shape[-1]
        index = torch.arange(size, device=images.device)
        first = torch.where(line, index, size).amin(-1)
        last = torch.where(line, index + 1, 0).amax(-1)
        edges.append((torch.minimum(first, last), last))
    (top, bottom), (left, right) = edges
    return torch.stack([top, left, bottom, right], dim=-1)
