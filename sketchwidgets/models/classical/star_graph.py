"""Star graphs of drawings: patches tied to the centre, and how well those of two drawings match."""

from dataclasses import dataclass

import numpy as np

from sketchwidgets.models._checks import check_number

from ._images import batches, each, frame
from .descriptors import dense_descriptors

_AT_ONCE = 64
# Distance of what is not there, squared: far beyond all others, and small enough for float32 sums.
_FAR = 1e6


@dataclass(frozen=True)
class StarGraphs:
    """Star graphs of n drawings, as points whose squared distances say how unlike two patches are.

    points : (n, patches, d) float32: the descriptor of a patch divided by its tolerance, and the way from the centre of
    the drawing to the patch divided by its own. counts : (n,) int64, patches of each drawing; further points are 0.
    """

    points: np.ndarray
    counts: np.ndarray

    def __len__(self) -> int:
        return len(self.counts)

    @property
    def present(self) -> np.ndarray:
        """(n, patches) bool, which points there are."""
        return np.arange(self.points.shape[1]) < self.counts[:, None]


def star_graphs(
    images: np.ndarray,
    patches: int = 40,
    patch: float = 0.354,
    grid: int = 20,
    looks: float = 0.35,
    place: float = 0.12,
    size: int = 128,
    fill: float | None = 0.78,
    ink: str = "negative",
    progress: bool = False,
) -> StarGraphs:
    """The star graph of each drawing.

    images : (n, h, w). patches : at most so many, evenly taken of those of a grid x grid whose centre is on a line.
    patch : side of a patch as a share of the image's. looks : by how much the descriptors (of length 1) of patches that
    match differ. place : by how much their ways from the centre do, as a share of the image's side. size, fill, ink : see
    `frame`.

    The centre is the mean of the chosen patches. Descriptors are those of `dense_descriptors`.

    >>> from sketchwidgets.models.classical import star_graphs
    >>> image = np.full((1, 50, 50), 255, np.uint8)
    >>> image[0, 10, 5:45] = 0
    >>> star_graphs(image, patches=8).points.shape
    (1, 8, 66)
    """
    check_number("patches", patches, 1, whole=True)
    check_number("grid", grid, 2, whole=True)
    check_number("looks", looks, 0, above=True)
    check_number("place", place, 0, above=True)
    points = counts = None
    for some in batches(len(images), _AT_ONCE, progress, "star graphs"):
        framed = frame(images[some], size, fill, ink)
        found = dense_descriptors(framed, patch, grid)
        for i, (image, part) in enumerate(zip(framed, found.slices(), strict=True), some.start):
            values, positions = found.values[part], found.positions[part]
            chosen = np.flatnonzero(_on_line(image, positions, grid))
            chosen = chosen[np.linspace(0, len(chosen) - 1, min(patches, len(chosen))).round().astype(int)]
            away = positions[chosen] - positions[chosen].mean(0)
            star = np.concatenate([values[chosen] / looks, away / place], 1)
            if points is None:
                points = np.zeros((len(images), patches, star.shape[1]), np.float32)
                counts = np.zeros(len(images), np.int64)
            points[i, : len(star)] = star
            counts[i] = len(star)
    return StarGraphs(points, counts)


def _on_line(image: np.ndarray, positions: np.ndarray, grid: int) -> np.ndarray:
    """Which positions have ink in their own square of the grid; the inkiest alone where none has much."""
    side = len(image)
    reach = max(side // (2 * grid), 1)
    total = np.pad(image, reach).cumsum(0).cumsum(1)
    total = np.pad(total, ((1, 0), (1, 0)))
    top, left = (positions * side).astype(int).T
    bottom, right = top + 2 * reach, left + 2 * reach
    held = total[bottom, right] - total[top, right] - total[bottom, left] + total[top, left]
    return held >= min(0.5 * reach, held.max())


def star_similarity(first: StarGraphs, second: StarGraphs, progress: bool = False) -> np.ndarray:
    """How well each of n drawings matches each of m, (n, m) float64 in 0..1, 1 with itself.

    A patch's match is the best over the patches of the other graph of exp(-(a + b) / 2), a the squared difference of the
    descriptors over its tolerance squared, b that of the ways from the centre; the ensemble of patches
    is as good as the mean of its matches, and the similarity of two drawings the mean of both directions. What only
    one of them has counts against it, as its patches match badly.

    Symmetric, but no kernel: see `ClippedKernel`. Costs n * m * patches^2 * d multiplications, and half of it
    where `second` is `first`.

    >>> from sketchwidgets.models.classical import star_graphs, star_similarity
    >>> images = np.full((2, 50, 50), 255, np.uint8)
    >>> images[0, 10, 5:45] = images[1, 5:45, 30] = 0
    >>> graphs = star_graphs(images)
    >>> star_similarity(graphs, graphs).round(1)
    array([[1., 0.],
           [0., 1.]])
    """
    if first.points.shape[2] != second.points.shape[2]:
        raise ValueError(
            f"second has points of {second.points.shape[2]} values, first of {first.points.shape[2]}: "
            "made with other arguments"
        )
    same = first is second
    count = second.points.shape[1]
    others = second.points.reshape(-1, second.points.shape[2])
    # Half the squared length, and what is not there far away from everything.
    lengths = (others**2).sum(1) / 2 + np.where(second.present.ravel(), 0, _FAR).astype(np.float32)
    similar = np.empty((len(first), len(second)))
    for i in each(range(len(first)), len(first), progress, "matching star graphs"):
        points = first.points[i, : first.counts[i]]
        begin = i if same else 0  # of a symmetric matrix, half is enough
        half = lengths[begin * count :] - points @ others[begin * count :].T
        half += (points**2).sum(1)[:, None] / 2  # half the squared distances now
        half = half.reshape(len(points), -1, count)
        there = np.exp(-half.min(2)).mean(0)
        back = np.where(second.present[begin:], np.exp(-half.min(0)), 0).sum(1) / second.counts[begin:]
        similar[i, begin:] = (there + back) / 2
    if same:
        below = np.tril_indices(len(first), -1)
        similar[below] = similar.T[below]
    return np.minimum(similar, 1)
