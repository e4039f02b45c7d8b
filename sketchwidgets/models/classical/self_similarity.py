"""Local self-similarity descriptors (Shechtman & Irani, CVPR 2007)."""

import numpy as np

from sketchwidgets.models._checks import check_number

from ._images import batches
from .descriptors import Descriptors

_AT_ONCE = 64
_ANGLES = 12
_RADII = 3
_LEAST_RADIUS = 4.5  # pixels; within less, some bins have no pixel


def self_similarity_descriptors(
    images: np.ndarray, region: float = 0.354, patch: int = 5, grid: int = 28, progress: bool = False
) -> Descriptors:
    """How like its surroundings a small patch is, in log-polar bins around it.

    images : (n, s, s) float32, ink 1 on 0; 64 pixels are enough, and the time grows with the fourth power.
    region : diameter of the surroundings as a share of the side. patch : side of the patches in pixels, odd.
    grid : positions along a side.

    The squared differences D between the patch at x and that at x + q make the similarity exp(-D / v), v the greatest
    D of the eight neighbours, so that a shift of one pixel does not count as different, and at least a
    hundredth of the patch's area. Each of 3 rings x 12 angles keeps its greatest similarity; the 36 values are
    stretched to 0..1 and then normalised to length 1 here. Left out are patches that hold no ink,
    and those whose surroundings say nothing (all bins alike).

    >>> from sketchwidgets.models.classical import self_similarity_descriptors
    >>> images = np.zeros((1, 64, 64), np.float32)
    >>> images[0, 32, 10:50] = 1
    >>> self_similarity_descriptors(images, grid=16).values.shape[1]
    36
    """
    check_number("region", region, 0, above=True)
    check_number("patch", patch, 1, whole=True)
    check_number("grid", grid, 1, whole=True)
    if patch % 2 == 0:
        raise ValueError(f"patch must be odd, not {patch}")
    side = images.shape[1]
    radius = region * side / 2
    if radius < _LEAST_RADIUS:
        raise ValueError(
            f"region {region} of images of {side} pixels is too small: a radius of {radius:.1f} pixels"
        )
    shifts, bins = _log_polar(radius)
    near = np.flatnonzero(np.abs(shifts).max(1) == 1)
    reach, half = int(np.abs(shifts).max()), patch // 2
    centres = (np.arange(grid) * side + side // 2) // grid
    # Sums over the patch around each centre, along one axis; the patch may hang over the edge.
    sums = (np.abs(np.arange(side) - centres[:, None]) <= half).astype(np.float32)
    places = np.stack(np.meshgrid(centres, centres, indexing="ij"), -1).reshape(-1, 2) / side
    values, positions, counts = [], [], []
    for some in batches(len(images), _AT_ONCE, progress, "self-similarity"):
        batch = images[some]
        ink = (sums @ batch @ sums.T).reshape(len(batch), -1)
        padded = np.pad(batch, ((0, 0), (reach, reach), (reach, reach)))
        differences = np.empty((len(shifts), *ink.shape), np.float32)
        for k, (down, right) in enumerate(shifts):
            moved = padded[:, reach + down : reach + down + side, reach + right : reach + right + side]
            differences[k] = (sums @ np.square(batch - moved) @ sums.T).reshape(ink.shape)
        scale = np.maximum(differences[near].max(0), 0.01 * patch**2)
        similar = np.exp(-differences / scale)
        found = np.stack([similar[bins == k].max(0) for k in range(_ANGLES * _RADII)], -1)
        low, high = found.min(2, keepdims=True), found.max(2, keepdims=True)
        kept = (ink > 0.02 * patch) & ((high - low)[..., 0] > 1e-3)
        chosen = ((found - low) / np.maximum(high - low, 1e-6))[kept]
        values.append(chosen / np.linalg.norm(chosen, axis=1, keepdims=True))
        positions.append(places[np.nonzero(kept)[1]].astype(np.float32))
        counts.append(kept.sum(1))
    return Descriptors(np.concatenate(values), np.concatenate(positions), np.concatenate(counts))


def _log_polar(radius: float) -> tuple[np.ndarray, np.ndarray]:
    """The shifts (k, 2) within the radius, the patch itself left out, and the bin (k,) of each."""
    reach = int(radius)
    down, right = np.meshgrid(*2 * (np.arange(-reach, reach + 1),), indexing="ij")
    distance = np.hypot(down, right)
    inside = (distance > 0) & (distance <= radius)
    down, right, distance = down[inside], right[inside], distance[inside]
    angle = np.floor(np.mod(np.arctan2(down, right), 2 * np.pi) / (2 * np.pi) * _ANGLES).astype(int) % _ANGLES
    # Rings grow by the same factor; the innermost takes what is nearer, and is wide enough to have every angle.
    inner = max(radius ** (1 / _RADII), 2.3)
    edges = np.geomspace(inner, radius, _RADII)
    ring = np.searchsorted(edges[:-1], distance, side="left")
    return np.stack([down, right], 1), ring * _ANGLES + angle
