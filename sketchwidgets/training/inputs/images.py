"""Training images: random prefixes of drawings, each normalised by its own bounding box, changed at random."""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import torch
from torch import Tensor

from sketchwidgets.models._checks import check_range
from sketchwidgets.recognition import Preprocessing
from sketchwidgets.sketch._normalize import fit_to_frame
from sketchwidgets.sketch.augmentation import (
    deform_packed_sketches,
    deform_packed_strokes,
    kept_strokes,
    rasterize_stroke_order,
    strokes_to_keep,
)
from sketchwidgets.sketch.rasterizer import Polylines, rasterize_polylines
from sketchwidgets.training.datasets.drawing_set import DrawingSet, ranges

Channels = Literal["ink", "order"]

# Points (P, 2), strokes' lengths (S,), and the image that each stroke belongs to (S,).
_Strokes = tuple[np.ndarray, np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Augmentation:
    """Random changes of a drawing: affine ones, and, where they are asked for, of its strokes.

    The strokes' changes are those of Yu et al. (IJCV 2017), see `sketchwidgets.sketch.augmentation`; by default there
    are none.

    rotation : largest turn to either side, radians.
    scale : smallest and largest length of the longer side, relative to the extent of the preprocessing.
    stretch : largest relative change of the aspect ratio, to either side.
    shift : largest shift to either side, pixels, within the frame.
    mirror : probability of a left-right mirror image.
    prefix : probability that only the first strokes, a random number of them, are drawn.
    removal : probability that strokes are removed, late and short ones first.
    removal_share : least and largest share of the strokes that then go.
    removal_alpha, removal_beta : what the order and the length of a stroke count for that.
    deformation : probability that strokes and then the whole drawing are deformed by moving least squares.
    stroke_strength, sketch_strength : how much; 1 is the authors'.

    Raises ValueError, naming the one that is out of its range.
    """

    rotation: float = 0.2
    scale: tuple[float, float] = (0.8, 1.08)
    stretch: float = 0.1
    shift: float = 10.0
    mirror: float = 0.5
    prefix: float = 0.5
    removal: float = 0.0
    removal_share: tuple[float, float] = (0.1, 0.6)
    removal_alpha: float = 0.5
    removal_beta: float = 2.0
    deformation: float = 0.0
    stroke_strength: float = 1.0
    sketch_strength: float = 1.0

    def __post_init__(self) -> None:
        for name in ("mirror", "prefix", "removal", "deformation"):
            check_range(name, getattr(self, name), least=0, most=1)
        for name in ("rotation", "shift", "stroke_strength", "sketch_strength"):
            check_range(name, getattr(self, name), least=0)
        check_range("stretch", self.stretch, least=0, below=1)
        for name in ("removal_alpha", "removal_beta"):
            check_range(name, getattr(self, name))
        for name, most in (("scale", None), ("removal_share", 1)):
            pair = getattr(self, name)
            if not isinstance(pair, tuple | list) or len(pair) != 2:
                raise ValueError(f"{name} must be the least and the largest, not {pair!r}")
            check_range(f"{name}[0]", pair[0], least=0)
            check_range(f"{name}[1]", pair[1], least=pair[0], most=most)


def render(
    drawings: DrawingSet,
    indices: np.ndarray,
    keep: np.ndarray,
    preprocessing: Preprocessing,
    augmentation: Augmentation | None = None,
    rng: np.random.Generator | None = None,
    group: np.ndarray | None = None,
    device: torch.device | str = "cpu",
    channels: Channels = "ink",
) -> Tensor:
    """Images (len(indices), channels, size, size) of the first `keep[i]` strokes of drawings `indices[i]`.

    With an augmentation every drawing is turned, stretched, scaled, shifted and mirrored at random, and its strokes
    removed and deformed where that is asked for; without one the images are those of live use. Either way a prefix is
    normalised by its own bounding box. Images with the same number in `group` get the same random change (the prefixes
    of one drawing, say); by default each its own. Prefixes of a drawing that has lost strokes show what is left of
    their own strokes, and are whole where that is nothing.

    `channels` is "ink", one channel, or "order", the six stroke-order channels of what is drawn.
    """
    if channels not in get_args(Channels):
        raise ValueError(f"channels must be 'ink' or 'order', not {channels!r}")
    n = len(indices)
    extent: np.ndarray | float = preprocessing.extent
    shift = np.zeros((n, 2))
    if augmentation is None:
        points, lengths, drawing = _strokes(drawings, indices, keep)
    else:
        group = np.arange(n) if group is None else group
        change = _Change.draw(augmentation, group, rng)
        extent = preprocessing.extent * change.scale
        room = np.maximum((preprocessing.size - 1 - extent) / 2, 0)
        shift = change.shift * np.minimum(room, augmentation.shift)[:, None]
        points, lengths, drawing = change.strokes(drawings, indices, keep, group, augmentation, rng)
    owner = np.repeat(drawing, lengths)
    starts = np.searchsorted(owner, np.arange(n))
    lower, upper = np.minimum.reduceat(points, starts), np.maximum.reduceat(points, starts)
    scale, offset = fit_to_frame(lower, upper, preprocessing.size, extent)
    pixels = (points * scale[owner, None] + (offset + shift)[owner]).astype(np.float32)
    lines = Polylines(
        torch.from_numpy(pixels).to(device),
        torch.from_numpy(lengths).to(device),
        torch.from_numpy(drawing).to(device),
    )
    draw = rasterize_polylines if channels == "ink" else rasterize_stroke_order
    return draw(lines, n, preprocessing.size, preprocessing.stroke_width)


def changed_strokes(
    drawings: DrawingSet,
    indices: np.ndarray,
    keep: np.ndarray,
    augmentation: Augmentation | None = None,
    rng: np.random.Generator | None = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The first `keep` strokes of drawings, changed at random but not placed in any frame.

    Points (P, 2) float64, stroke lengths (S,) and drawing number (S,). With a generator in the same state they are the
    strokes that `render` shows of these drawings.
    """
    if augmentation is None:
        return _strokes(drawings, indices, keep)
    group = np.arange(len(indices))
    change = _Change.draw(augmentation, group, rng)
    return change.strokes(drawings, indices, keep, group, augmentation, rng)


@dataclass(frozen=True)
class _Change:
    """Random affine changes, one for each image: matrix (n, 2, 2), scale (n,), shift (n, 2) in -1..1."""

    matrix: np.ndarray
    scale: np.ndarray
    shift: np.ndarray

    @classmethod
    def draw(
        cls, augmentation: Augmentation, group: np.ndarray, rng: np.random.Generator | None
    ) -> "_Change":
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
        scale = rng.uniform(*augmentation.scale, groups)[group]
        return cls(matrix, scale, rng.uniform(-1, 1, (groups, 2))[group])

    def strokes(
        self,
        drawings: DrawingSet,
        indices: np.ndarray,
        keep: np.ndarray,
        group: np.ndarray,
        augmentation: Augmentation,
        rng: np.random.Generator,
    ) -> _Strokes:
        # After the affine change, so that with and without these the numbers above are the same.
        points, lengths, drawing = _changed_strokes(drawings, indices, keep, group, augmentation, rng)
        points = np.einsum("pij,pj->pi", self.matrix[np.repeat(drawing, lengths)], points)
        return points, lengths, drawing


def _strokes(drawings: DrawingSet, indices: np.ndarray, keep: np.ndarray) -> _Strokes:
    points, lengths, drawing = drawings.gather(indices, keep)
    return points.astype(np.float64), lengths, drawing


def _changed_strokes(
    drawings: DrawingSet,
    indices: np.ndarray,
    keep: np.ndarray,
    group: np.ndarray,
    augmentation: Augmentation,
    rng: np.random.Generator,
) -> _Strokes:
    """The first `keep` strokes of drawings, without those that are removed, and deformed."""
    if not augmentation.removal and not augmentation.deformation:
        return _strokes(drawings, indices, keep)
    # Images of one drawing in one group are prefixes of one changed drawing, the longest of them.
    _, of = np.unique(np.stack([group, indices], 1), axis=0, return_inverse=True)
    of = of.reshape(-1)
    longest = np.lexsort((-keep, of))
    longest = longest[np.searchsorted(of[longest], np.arange(of.max() + 1))]
    points, lengths, drawing = _strokes(drawings, indices[longest], keep[longest])
    n = len(longest)

    shares = rng.uniform(*augmentation.removal_share, n) * (rng.random(n) < augmentation.removal)
    stay = strokes_to_keep(
        points, lengths, drawing, shares, augmentation.removal_alpha, augmentation.removal_beta
    )
    deformed = rng.random(n) < augmentation.deformation
    if deformed.any():
        # The removed strokes take part, so that a prefix that shows them after all has them in their places.
        strength = deformed * augmentation.stroke_strength
        points = deform_packed_strokes(points, lengths, drawing, rng, strength=strength)
        strength = deformed * augmentation.sketch_strength
        points = deform_packed_sketches(points, lengths, drawing, rng, strength=strength)
    if np.array_equal(longest, np.arange(len(indices))):
        return kept_strokes(points, lengths, drawing, stay)
    # Each image takes its strokes from the drawing that it is a prefix of.
    count = np.bincount(drawing, minlength=n)
    strokes = ranges((np.cumsum(count) - count)[of], keep)
    image = np.repeat(np.arange(len(indices)), keep)
    left = np.bincount(image, weights=stay[strokes], minlength=len(indices))
    shown = stay[strokes] | (left == 0)[image]
    strokes, image = strokes[shown], image[shown]
    starts = np.cumsum(lengths) - lengths
    return points[ranges(starts[strokes], lengths[strokes])], lengths[strokes], image


class PrefixBatches(torch.utils.data.IterableDataset):
    """Batches (images, labels) for `steps` steps; batch i depends on the seed and on i alone, so a run resumes exactly.

    Set `first_step` to begin later; the batches before still count in the length, as Lightning expects of a resumed run.
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
        channels: Channels = "ink",
    ) -> None:
        super().__init__()
        self.drawings, self.indices = drawings, indices
        self.preprocessing, self.augmentation = preprocessing, augmentation
        self.batch_size, self.steps, self.seed, self.first_step = batch_size, steps, seed, 0
        self.channels = channels

    def __len__(self) -> int:
        return self.steps

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
        images = render(
            self.drawings,
            chosen,
            keep,
            self.preprocessing,
            self.augmentation,
            rng,
            channels=self.channels,
        )
        return images, torch.from_numpy(self.drawings.label[chosen].astype(np.int64))

    def __iter__(self):
        for step in range(self.first_step, self.steps):
            yield self.batch(step)
