"""The units that an atlas or an evolution shows of one layer."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from ._errors import AtlasError
from ._pictures import Blobs, decode, signed_values
from ._winners import Slots


@dataclass(frozen=True, eq=False)
class LayerUnits:
    """Units of one layer: c channels with k places each; strongest first in an atlas, by epoch in an evolution.

    channels : (c,) int64, the numbers of the channels.
    images : (c, k) int64, the number in the data set of the image that excites the channel, -1 for none.
    activations : (c, k) float, the maximum of the channel on that image.
    positions : (c, k, 2) int64, row and column of that maximum on the map; -1 where the image was not read
        again, because the work was stopped.
    corners : (c, k, 2) int64, top and left of what the unit sees, in pixels of the image; it may stick out.
    size : height and width of what every unit of the layer sees (its receptive field, at most the image).
    """

    name: str
    channels: Tensor
    images: Tensor
    activations: Tensor
    positions: Tensor
    corners: Tensor
    size: tuple[int, int]
    _patches: Blobs | None = None
    _projections: Blobs | None = None
    _scales: Tensor | None = None

    @classmethod
    def of(cls, name: str, slots: Sequence[Slots], size: tuple[int, int], pixels: bool) -> "LayerUnits":
        """The units of slots with the same channels, place by place and one after the other."""

        def joined(part: str) -> np.ndarray:
            return np.concatenate([getattr(each, part) for each in slots], 1)

        def blobs(part: str) -> Blobs:
            count = [each.images.shape[1] for each in slots]
            rows = range(len(slots[0].channels))
            return Blobs.of(
                [
                    piece
                    for row in rows
                    for each, k in zip(slots, count, strict=True)
                    for piece in getattr(each, part)[row * k : row * k + k]
                ]
            )

        return cls(
            name,
            torch.from_numpy(slots[0].channels.astype(np.int64)),
            torch.from_numpy(joined("images").astype(np.int64)),
            torch.from_numpy(joined("activations")),
            torch.from_numpy(joined("positions").astype(np.int64)),
            torch.from_numpy(joined("corners").astype(np.int64)),
            size,
            blobs("patches") if pixels else None,
            blobs("projections") if pixels else None,
            torch.from_numpy(joined("scales")) if pixels else None,
        )

    @property
    def dead(self) -> Tensor:
        """(c,) bool: no image of the data set excites the channel, now and at any of its places."""
        return ~(self.activations > 0).any(1)

    @cached_property
    def _rows(self) -> dict[int, int]:
        return {channel: row for row, channel in enumerate(self.channels.tolist())}

    def row(self, channel: int) -> int:
        """The row of a channel; KeyError names it where it is not there."""
        try:
            return self._rows[int(channel)]
        except (KeyError, ValueError, TypeError):
            count = len(self.channels)
            raise KeyError(f"layer {self.name!r} shows no channel {channel!r}; it has {count}") from None

    def stored_patch(self, row: int, place: int) -> np.ndarray | None:
        """(h, w) or (h, w, 3) uint8, or None where there is none."""
        data = self._patches[row * self.images.shape[1] + place] if self._patches is not None else b""
        where = f"the patch of {self.name}/{int(self.channels[row])}, place {place}"
        return decode(data, self.size, where) if data else None

    def stored_projection(self, row: int, place: int) -> Tensor | None:
        """(C, h, w) float32, or None where there is none."""
        data = self._projections[row * self.images.shape[1] + place] if self._projections is not None else b""
        if not data:
            return None
        where = f"the projection of {self.name}/{int(self.channels[row])}, place {place}"
        return torch.from_numpy(
            signed_values(decode(data, self.size, where), float(self._scales[row, place]))
        )

    def __len__(self) -> int:
        return len(self.channels)

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}({self.name!r}, {len(self)} channels, {self.images.shape[1]} places, "
            f"dead={int(self.dead.sum())})"
        )


def check_units(units: LayerUnits, where: str) -> None:
    """AtlasError for numbers that no atlas has."""
    for name, bad in (
        ("channels", (units.channels < 0).any() or len(set(units.channels.tolist())) < len(units.channels)),
        ("images", (units.images < -1).any()),
        ("activations", not torch.isfinite(units.activations[units.images >= 0]).all()),
        ("positions", (units.positions < -1).any()),
        ("corners", (units.corners.abs() > 1 << 24).any()),
    ):
        if bool(bad):
            raise AtlasError(f"{where}: the {name} of layer {units.name!r} are out of range")
