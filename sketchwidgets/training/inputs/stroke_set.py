"""The strokes of many drawings, as a recurrent network reads them: changed at random, anew in every epoch."""

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from sketchwidgets.sketch.stroke_descriptors import descriptor_size, resample_strokes, stroke_descriptors
from sketchwidgets.training.datasets.drawing_set import DrawingSet
from sketchwidgets.training.inputs.images import Augmentation, changed_strokes


class StrokeSet:
    """Descriptors of the strokes of drawings, made when they are asked for; see `sketch.stroke_descriptors`.

    Parameters
    ----------
    drawings, indices : which drawings of which set.
    samples : points that each stroke is resampled to.
    augmentation : random changes, of which those of place and size change nothing here, and none removes strokes,
        since each is a step; None: none.
    max_strokes : strokes of a drawing beyond these are left out.

    steps : (N,) strokes used of each drawing. size : numbers of a descriptor.
    """

    def __init__(
        self,
        drawings: DrawingSet,
        indices: np.ndarray,
        samples: int = 16,
        augmentation: Augmentation | None = None,
        max_strokes: int = 24,
    ) -> None:
        self.drawings, self.indices, self.samples = drawings, np.asarray(indices), samples
        self.augmentation = None if augmentation is None else replace(augmentation, removal=0.0)
        self.steps = np.minimum(drawings.n_strokes[self.indices].astype(np.int64), max_strokes)
        self.size = descriptor_size(samples)

    def __len__(self) -> int:
        return len(self.indices)

    def batch(
        self, chosen: np.ndarray, rng: np.random.Generator | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Padded descriptors (n, T, size) float32, labels (n,) and steps (n,) of the drawings number `chosen`.

        Without a generator they are not changed.
        """
        indices, steps = self.indices[chosen], self.steps[chosen]
        augmentation = None if rng is None else self.augmentation
        points, lengths, drawing = changed_strokes(self.drawings, indices, steps, augmentation, rng)
        rows = stroke_descriptors(resample_strokes(points, lengths, self.samples), drawing)
        first = np.cumsum(steps) - steps
        column = np.minimum(np.arange(steps.max()), steps[:, None] - 1)
        labels = self.drawings.label[indices].astype(np.int64)
        return (
            rows[torch.from_numpy(first[:, None] + column)],
            torch.from_numpy(labels),
            torch.from_numpy(steps),
        )
