"""The second reading: where in the winning images the units are, their patches and their projections."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from ..figures._values import signed_bytes
from ..projection._units import peak_positions
from ._array_file import ArrayFile
from ._errors import AtlasError
from ._pictures import OUTSIDE, Blobs, encode, window
from ._progress import Teller
from ._source import Batch, Source
from ._subject import Subject


@dataclass
class Slots:
    """What is known of the winners of one layer: c channels, k places each.

    channels (c,), images (c, k) numbers in the data set or -1, activations (c, k); positions and corners (c, k, 2),
    row and column, -1 and 0 until an image was read. patches and projections : c * k pictures, if pixels are kept.
    """

    channels: np.ndarray
    images: np.ndarray
    activations: np.ndarray
    positions: np.ndarray = field(init=False)
    corners: np.ndarray = field(init=False)
    scales: np.ndarray = field(init=False)
    patches: list[bytes] = field(init=False)
    projections: list[bytes] = field(init=False)

    def __post_init__(self) -> None:
        self.positions = np.full((*self.images.shape, 2), -1, np.int32)
        self.corners = np.zeros((*self.images.shape, 2), np.int32)
        self.scales = np.zeros(self.images.shape, np.float32)
        self.patches = [b""] * self.images.size
        self.projections = [b""] * self.images.size
        flat = self.images.ravel()
        self._order = np.argsort(flat, kind="stable")
        self._sorted = flat[self._order]

    def of_image(self, index: int) -> np.ndarray:
        """The places, counted through all channels, that an image won."""
        return self._order[slice(*np.searchsorted(self._sorted, [index, index + 1]))]

    def arrays(self, name: str) -> dict[str, np.ndarray]:
        """What a checkpoint keeps of the second reading."""
        found = {f"{name}.{part}": getattr(self, part) for part in ("positions", "corners", "scales")}
        for part in ("patches", "projections"):
            found |= Blobs.of(getattr(self, part)).arrays(f"{name}.{part}")
        return found

    def restore(self, file: ArrayFile, name: str) -> None:
        shape = self.images.shape
        self.positions[...] = file.array(f"{name}.positions", "I32", (*shape, 2))
        self.corners[...] = file.array(f"{name}.corners", "I32", (*shape, 2))
        self.scales[...] = file.array(f"{name}.scales", "F32", shape)
        for part in ("patches", "projections"):
            setattr(self, part, Blobs.read(file, f"{name}.{part}", self.images.size).pieces())


class Winners:
    """Reads the winning images once more, in ascending order, and fills the slots of all layers."""

    def __init__(
        self, subject: Subject, layers: dict[str, Slots], rule: str, pixels: bool, quality: int | None
    ) -> None:
        self.subject, self.layers, self.rule = subject, layers, rule
        self.pixels, self.quality = pixels, quality
        images = np.concatenate([slots.images.ravel() for slots in layers.values()])
        self.images = np.unique(images[images >= 0])
        self.labels: dict[int, int] = {}
        self.done = 0

    def read(self, source: Source, teller: Teller, after_batch: Callable[[], None]) -> None:
        with teller.bar("projections", self.done, len(self.images)) as bar:
            for batch in source.fetch(self.images[self.done :]):
                images = self.subject.place(batch.images, "loader")
                self._find_positions(images, batch)
                if self.pixels:
                    self._project(images, batch)
                if batch.labels is not None:
                    self.labels |= dict(zip(batch.indices.tolist(), batch.labels.tolist(), strict=True))
                self.done += len(images)
                bar.update(len(images))
                after_batch()
                if not teller.tell("projections", self.done, len(self.images)):
                    return

    def _find_positions(self, images: Tensor, batch: Batch) -> None:
        def take(layer: str, maps: Tensor) -> None:
            slots, facts = self.layers[layer], self.subject.layers[layer]
            won = [slots.of_image(index) for index in batch.indices.tolist()]
            places = np.concatenate(won)
            if not len(places):
                return
            if maps.ndim == 2:
                positions = np.zeros((len(places), 2), np.int32)
            else:
                maps = maps.permute(0, 3, 1, 2) if facts.channels_last else maps
                rows = np.repeat(np.arange(len(won)), [len(part) for part in won])
                channels = slots.channels[places // slots.images.shape[1]]
                chosen = maps[
                    torch.from_numpy(rows).to(maps.device), torch.from_numpy(channels).to(maps.device)
                ]
                positions = peak_positions(chosen[None], "center")[0].cpu().numpy()
            slots.positions.reshape(-1, 2)[places] = positions
            slots.corners.reshape(-1, 2)[places] = facts.field.corners(positions)

        self.subject.look(images, take)

    def _project(self, images: Tensor, batch: Batch) -> None:
        pictures = self.subject.picture(images)
        for image, picture, index in zip(images, pictures, batch.indices.tolist(), strict=True):
            won = {name: slots.of_image(index) for name, slots in self.layers.items()}
            for name, places in won.items():
                self._cut_patches(name, places, picture)
            # A dead unit has no signal to send down.
            alive = {
                name: places[self.layers[name].activations.ravel()[places] > 0]
                for name, places in won.items()
            }
            alive = {name: places for name, places in alive.items() if len(places)}
            if alive:
                recording = self.subject.record(image[None], list(alive))
                for name, places in alive.items():
                    self._send_down(recording, name, places)

    def _cut_patches(self, name: str, places: np.ndarray, picture: np.ndarray) -> None:
        slots, size = self.layers[name], self.subject.layers[name].field.size
        for place in places.tolist():
            corner = slots.corners.reshape(-1, 2)[place]
            slots.patches[place] = encode(window(picture, corner, size, OUTSIDE), self.quality)

    def _send_down(self, recording, name: str, places: np.ndarray) -> None:
        slots, size = self.layers[name], self.subject.layers[name].field.size
        maps = recording.maps(name)
        channels = torch.from_numpy(slots.channels[places // slots.images.shape[1]])
        positions = None
        if maps.ndim == 4:
            positions = torch.from_numpy(slots.positions.reshape(-1, 2)[places]).long()[None].to(maps.device)
        found = recording.project(
            name, rule=self.rule, channels=channels.long()[None].to(maps.device), positions=positions
        )
        corners = slots.corners.reshape(-1, 2)
        for place, image in zip(places.tolist(), found.images[0].float().cpu().numpy(), strict=True):
            values = window(image.transpose(1, 2, 0), corners[place], size, 0).transpose(2, 0, 1)
            pixels, scale = signed_bytes(values)
            if not np.isfinite(scale):
                raise AtlasError(f"layer {name!r}: the projection of a unit is not finite")
            slots.scales.reshape(-1)[place] = scale
            slots.projections[place] = encode(pixels, self.quality)
