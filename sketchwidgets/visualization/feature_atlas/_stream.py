"""The first reading: the strongest images of every channel, batch by batch."""

from collections.abc import Callable
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
    indices: Tensor | None = None
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
        if layer not in reading.tops:
            reading.tops[layer] = RunningTop.empty(peaks.shape[1], top, peaks)
        reading.tops[layer].add(peaks, indices)

    with teller.bar("images", reading.images, source.size) as bar:
        for batch in source.batches(reading.batches):
            images = subject.place(batch.images, f"batch {reading.batches} of loader")
            indices = torch.from_numpy(batch.indices).to(subject.device)
            subject.look(images, take)
            missing = [name for name in subject.layers if name not in reading.tops]
            if missing:
                raise AtlasError(f"the forward pass did not run layer {missing[0]!r}")
            reading.batches += 1
            reading.images += len(images)
            bar.update(len(images))
            after_batch()
            if not teller.tell("images", reading.images, source.size):
                break
    if not reading.images:
        raise AtlasError("loader gave no images")
    for name, found in reading.tops.items():
        if found.values.isnan().any():
            image = int(found.indices[found.values.isnan()][0])
            raise AtlasError(f"layer {name!r} gives NaN, first for image {image}")
