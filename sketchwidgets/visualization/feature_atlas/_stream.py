"""The first reading: the strongest images of every channel, batch by batch."""

from collections.abc import Callable
from copy import copy
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ._errors import AtlasError
from ._progress import Teller
from ._running_top import RunningTop, peaks_of
from ._source import Source
from ._subject import Subject


@dataclass
class Reading:
    """How far the first reading is: batches and images read, and the strongest of every layer so far."""

    tops: dict[str, RunningTop]
    batches: int = 0
    images: int = 0

    def add(self, peaks: dict[str, Tensor], indices: Tensor, top: int) -> None:
        """Count in a batch: the maxima (n, channels) of every layer, of images with these numbers (n,).

        All layers at once: a batch that is interrupted is read again, and no part of it may count twice.
        """
        tops = {}
        for layer, each in peaks.items():
            before = self.tops.get(layer)
            found = RunningTop.empty(each.shape[1], top, each) if before is None else copy(before)
            found.add(each, indices)
            tops[layer] = found
        self.tops, self.batches, self.images = tops, self.batches + 1, self.images + len(indices)


def read_all(
    subject: Subject,
    source: Source,
    top: int,
    channels: dict[str, np.ndarray] | None,
    reading: Reading,
    teller: Teller,
    after_batch: Callable[[], None],
) -> None:
    """Go on with a reading until the end of the source, or until the callback says stop."""
    found: dict[str, Tensor] = {}
    chosen = {
        name: torch.from_numpy(numbers).to(subject.device) for name, numbers in (channels or {}).items()
    }

    def take(layer: str, maps: Tensor) -> None:
        facts = subject.layers[layer]
        if not isinstance(maps, Tensor) or maps.ndim not in (2, 4):
            raise AtlasError(f"layer {layer!r} no longer returns maps (n, c, h, w) or (n, c)")
        peaks = peaks_of(maps, facts.channels_last)
        if layer in chosen:
            peaks = peaks[:, chosen[layer]]
        found[layer] = peaks

    with teller.bar("images", reading.images, source.size) as bar:
        for batch in source.batches(reading.batches):
            images = subject.place(batch.images, f"batch {reading.batches} of loader")
            found.clear()
            subject.look(images, take)
            missing = [name for name in subject.layers if name not in found]
            if missing:
                raise AtlasError(f"the forward pass did not run layer {missing[0]!r}")
            in_order = {name: found[name] for name in subject.layers}
            reading.add(in_order, torch.from_numpy(batch.indices).to(subject.device), top)
            bar.update(len(images))
            after_batch()
            if not teller.tell("images", reading.images, source.size):
                break
    if not reading.images:
        raise AtlasError("loader gave no images")
    for name, best in reading.tops.items():
        if best.values.isnan().any():
            image = int(best.indices[best.values.isnan()][0])
            raise AtlasError(f"layer {name!r} gives NaN, first for image {image}")
