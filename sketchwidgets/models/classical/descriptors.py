"""Dense descriptors of drawings: histograms of line orientation in a grid of cells, on a grid of positions."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from skimage.feature import daisy

from sketchwidgets.models._checks import check_number

from ._images import batches, each

_AT_ONCE = 64  # images; what bounds the memory


@dataclass(frozen=True)
class Descriptors:
    """Descriptors of drawings, packed.

    values : (sum of counts, d) float32. positions : (sum of counts, 2) float32, row and column of the patch
    centres as shares of the side, 0..1. counts : (n,) int64, descriptors of each image.
    """

    values: np.ndarray
    positions: np.ndarray
    counts: np.ndarray

    def __len__(self) -> int:
        return len(self.counts)

    def slices(self) -> list[slice]:
        """Where those of each image are."""
        ends = np.cumsum(self.counts)
        return [slice(int(end - n), int(end)) for end, n in zip(ends, self.counts, strict=True)]


def orientation_maps(images: np.ndarray, orientations: int) -> np.ndarray:
    """How strongly each pixel is a line of each orientation.

    images : (n, h, w) float32. Returns (n, orientations, h, w) float32: the length of the gradient (central
    differences), shared linearly between the two nearest of `orientations` directions over a half turn, so
    that both sides of a line count alike.
    """
    rows, columns = np.gradient(images, axis=(1, 2))
    length = np.hypot(rows, columns).ravel()
    # Paper has no gradient, and there is much of it.
    line = np.flatnonzero(length)
    length = length[line]
    place = np.mod(np.arctan2(rows.ravel()[line], columns.ravel()[line]), np.pi) * (orientations / np.pi)
    below = place.astype(np.int64)
    share = (place - below).astype(np.float32)
    pixels = images[0].size
    image, pixel = np.divmod(line, pixels)
    maps = np.zeros(images.size * orientations, np.float32)
    # No pixel comes twice, so these additions do not meet; below may be `orientations` by rounding.
    for orientation, part in ((below % orientations, 1 - share), ((below + 1) % orientations, share)):
        maps[(image * orientations + orientation) * pixels + pixel] += length * part
    return maps.reshape(len(images), orientations, *images.shape[1:])


def dense_descriptors(
    images: np.ndarray,
    patch: float = 0.354,
    grid: int = 28,
    cells: int = 4,
    orientations: int = 4,
    sharpen: float = 1.0,
    least: float = 1e-3,
    progress: bool = False,
) -> Descriptors:
    """Local orientation histograms on a regular grid, as in SIFT but neither rotated nor scaled by the image.

    images : (n, s, s) float32, ink 1 on 0, as `frame` makes them.
    patch : side of the patches as a share of the image's; they may hang over its edge. The default covers an eighth
        of the area.
    grid : positions along a side. cells : of a patch along a side. orientations : bins over a half turn.
    sharpen : values are raised to this power before they are normalised to length 1; 0.5 gives Hellinger's
        distance (RootSIFT).
    least : patches with less gradient than this share of the image's mean patch are blank, and left out.

    Pixels count for the nearest two cells along each axis, linearly. That makes the whole a product of three
    matrices for each orientation: rows, image, columns.

    >>> from sketchwidgets.models.classical import dense_descriptors
    >>> images = np.zeros((1, 64, 64), np.float32)
    >>> images[0, 32, 10:50] = 1
    >>> found = dense_descriptors(images, grid=8)
    >>> found.values.shape[1], bool(np.allclose(np.linalg.norm(found.values, axis=1), 1, atol=1e-5))
    (64, True)
    """
    if images.ndim != 3 or images.shape[1] != images.shape[2]:
        raise ValueError(f"images must be square, (n, s, s), not of shape {images.shape}")
    check_number("patch", patch, 0, above=True)
    for name, value in (("grid", grid), ("cells", cells), ("orientations", orientations)):
        check_number(name, value, 1, whole=True)
    check_number("sharpen", sharpen, 0, above=True)
    check_number("least", least, 0)
    centres = (np.arange(grid) + 0.5) / grid
    weights = _cell_weights(images.shape[1], centres, patch, cells)  # (grid * cells, s)
    places = np.stack(np.meshgrid(centres, centres, indexing="ij"), -1).reshape(-1, 2).astype(np.float32)
    values, positions, counts = [], [], []
    for some in batches(len(images), _AT_ONCE, progress, "orientation histograms"):
        maps = orientation_maps(images[some], orientations)
        pooled = weights @ maps @ weights.T  # (n, orientations, grid * cells, grid * cells)
        pooled = pooled.reshape(len(maps), orientations, grid, cells, grid, cells)
        patches = pooled.transpose(0, 2, 4, 3, 5, 1).reshape(len(maps), grid * grid, -1)
        mass = patches.sum(2)
        kept = mass > least * mass.mean(1, keepdims=True)
        found = patches[kept]
        if sharpen != 1:
            found **= sharpen
        found /= np.linalg.norm(found, axis=1, keepdims=True)
        values.append(found)
        positions.append(places[np.nonzero(kept)[1]])
        counts.append(kept.sum(1))
    return Descriptors(np.concatenate(values), np.concatenate(positions), np.concatenate(counts))


def _cell_weights(side: int, centres: np.ndarray, patch: float, cells: int) -> np.ndarray:
    """How much each of `side` pixels counts for each cell of each patch along one axis, (patches * cells, side)."""
    width = patch * side / cells
    cell = centres[:, None] * side + (np.arange(cells) - (cells - 1) / 2) * width
    pixel = np.arange(side) + 0.5
    weights = 1 - np.abs(pixel - cell.reshape(-1, 1)) / width
    return np.maximum(weights, 0).astype(np.float32)


def join(parts: Sequence[Descriptors]) -> Descriptors:
    """Descriptors of the same images, of several kinds and the same length, put together image by image."""
    slices = [part.slices() for part in parts]
    order = [(part, slices[k][i]) for i in range(len(parts[0])) for k, part in enumerate(parts)]
    return Descriptors(
        np.concatenate([part.values[where] for part, where in order]),
        np.concatenate([part.positions[where] for part, where in order]),
        np.sum([part.counts for part in parts], 0),
    )


def daisy_descriptors(
    images: np.ndarray, patch: float = 0.354, grid: int = 28, rings: int = 2, progress: bool = False
) -> Descriptors:
    """Daisy descriptors (Tola, Lepetit & Fua 2010; `skimage.feature.daisy`), of length 1, on a regular grid.

    images : (n, s, s) float32, ink 1 on 0. patch : diameter as a share of the side. grid : about so many positions along
    a side. rings : of 8 histograms of 8 directions each, around the one in the middle. Blank ones are left out.

    >>> from sketchwidgets.models.classical import daisy_descriptors
    >>> images = np.zeros((1, 64, 64), np.float32)
    >>> images[0, 32, 10:50] = 1
    >>> daisy_descriptors(images, grid=8).values.shape[1]
    136
    """
    side = images.shape[1]
    radius = max(round(patch * side / 2), rings)
    step = max(round(side / grid), 1)
    values, positions, counts = [], [], []
    for image in each(images, len(images), progress, "daisy"):
        # It takes no patch that hangs over the edge, so paper is put around.
        found = daisy(np.pad(image, radius), step, radius, rings, 8, 8, normalization="off")
        found = found.reshape(-1, found.shape[-1]).astype(np.float32)
        length = np.linalg.norm(found, axis=1)
        kept = length > 1e-2 * length.mean()
        steps = np.arange(0, side, step)
        places = np.stack(np.meshgrid(steps, steps, indexing="ij"), -1).reshape(-1, 2) / side
        values.append(found[kept] / length[kept, None])
        positions.append(places[kept].astype(np.float32))
        counts.append(int(kept.sum()))
    return Descriptors(np.concatenate(values), np.concatenate(positions), np.array(counts))
