"""Training images: random prefixes of drawings, each normalised by its own bounding box, turned and mirrored."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from sketchwidgets.recognition import Preprocessing
from sketchwidgets.sketch._normalize import fit_to_frame
from sketchwidgets.sketch.rasterizer import Polylines, rasterize_polylines
from sketchwidgets.training.quickdraw import DrawingSet


@dataclass(frozen=True)
class Augmentation:
    """Random affine changes of a drawing.

    rotation : largest turn to either side, radians.
    scale : smallest and largest length of the longer side, relative to the extent of the preprocessing.
    stretch : largest relative change of the aspect ratio, to either side.
    shift : largest shift to either side, pixels, within the frame.
    mirror : probability of a left-right mirror image.
    prefix : probability that only the first strokes, a random number of them, are drawn.
    """

    rotation: float = 0.2
    scale: tuple[float, float] = (0.8, 1.08)
    stretch: float = 0.1
    shift: float = 10.0
    mirror: float = 0.5
    prefix: float = 0.5


def render(
    drawings: DrawingSet,
    indices: np.ndarray,
    keep: np.ndarray,
    preprocessing: Preprocessing,
    augmentation: Augmentation | None = None,
    rng: np.random.Generator | None = None,
    group: np.ndarray | None = None,
    device: torch.device | str = "cpu",
) -> Tensor:
    """Images (len(indices), 1, size, size) of the first `keep[i]` strokes of drawings `indices[i]`.

    With an augmentation every drawing is turned, stretched, scaled, shifted and mirrored at random; without one the
    images are those of live use. Either way a prefix is normalised by its own bounding box. Images with the same
    number in `group` get the same random change (the prefixes of one drawing, say); by default each its own.
    """
    n = len(indices)
    group = np.arange(n) if group is None else group
    points, lengths, drawing = drawings.gather(indices, keep)
    points = points.astype(np.float64)
    owner = np.repeat(drawing, lengths)
    extent: np.ndarray | float = preprocessing.extent
    shift = np.zeros((n, 2))
    if augmentation is not None:
        if rng is None:
            raise ValueError("an augmentation needs a random generator")
        groups = int(group.max()) + 1
        angle = rng.uniform(-augmentation.rotation, augmentation.rotation, groups)[group]
        stretch = np.exp(rng.uniform(-augmentation.stretch, augmentation.stretch, groups))[group]
        flip = np.where(rng.random(groups) < augmentation.mirror, -1.0, 1.0)[group]
        cos, sin = np.cos(angle), np.sin(angle)
        matrix = np.stack(
            [np.stack([cos * flip * stretch, -sin], 1), np.stack([sin * flip * stretch, cos], 1)], 1
        )
        points = np.einsum("pij,pj->pi", matrix[owner], points)
        extent = preprocessing.extent * rng.uniform(*augmentation.scale, groups)[group]
        room = np.maximum((preprocessing.size - 1 - extent) / 2, 0)
        shift = rng.uniform(-1, 1, (groups, 2))[group] * np.minimum(room, augmentation.shift)[:, None]
    starts = np.searchsorted(owner, np.arange(n))
    lower, upper = np.minimum.reduceat(points, starts), np.maximum.reduceat(points, starts)
    scale, offset = fit_to_frame(lower, upper, preprocessing.size, extent)
    pixels = (points * scale[owner, None] + (offset + shift)[owner]).astype(np.float32)
    lines = Polylines(
        torch.from_numpy(pixels).to(device),
        torch.from_numpy(lengths).to(device),
        torch.from_numpy(drawing).to(device),
    )
    return rasterize_polylines(lines, n, preprocessing.size, preprocessing.stroke_width)


class PrefixBatches(torch.utils.data.IterableDataset):
    """Batches (images, labels) for `steps` steps; batch i depends on the seed and on i alone, so a run resumes exactly.

    Set `first_step` to begin later.
    """

    def __init__(
        self,
        drawings: DrawingSet,
        indices: np.ndarray,
        preprocessing: Preprocessing,
        augmentation: Augmentation,
        batch_size: int,
        steps: int,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.drawings, self.indices = drawings, indices
        self.preprocessing, self.augmentation = preprocessing, augmentation
        self.batch_size, self.steps, self.seed, self.first_step = batch_size, steps, seed, 0

    def __len__(self) -> int:
        return self.steps - self.first_step

    def batch(self, step: int) -> tuple[Tensor, Tensor]:
        """Batch number `step`."""
        rng = np.random.default_rng([self.seed, 1, step])
        position = step * self.batch_size + np.arange(self.batch_size)
        chosen = np.empty(self.batch_size, np.int64)
        for epoch in np.unique(position // len(self.indices)):
            order = np.random.default_rng([self.seed, 0, epoch]).permutation(self.indices)
            here = position // len(self.indices) == epoch
            chosen[here] = order[position[here] % len(self.indices)]
        whole = self.drawings.n_strokes[chosen].astype(np.int64)
        cut = rng.random(self.batch_size) < self.augmentation.prefix
        keep = np.where(cut, rng.integers(1, whole + 1), whole)
        images = render(self.drawings, chosen, keep, self.preprocessing, self.augmentation, rng)
        return images, torch.from_numpy(self.drawings.label[chosen].astype(np.int64))

    def __iter__(self):
        for step in range(self.first_step, self.steps):
            yield self.batch(step)
