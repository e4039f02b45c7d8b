"""Strokes as short vectors of their points, for networks that read coordinates beside pixels.

A stroke is described where it lies in the drawing so far, and nothing of the strokes to come is known: what the
QuickDraw recurrent network (Ha & Eck, ICLR 2018) and Sketch-R2CNN (Li et al., 2018) read point by point is one vector of
fixed length a stroke here, so that one step of a recurrent network takes one stroke.
"""

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

# Of the stroke beside its points: length, the box so far in the frame (4), the way the pen moved here (2), the aspect
# of the box (2), first and last point (4).
_BESIDE_POINTS = 13
_POINT = 4  # x, y and the direction of the way there
# A drawing smaller than this, in its own units, is a dot: nothing is divided by less.
_DOT = 1e-3
# A shorter step, in the frame, has no direction: it may be nothing but rounding.
_STILL = 1e-4


def descriptor_size(samples: int = 16) -> int:
    """The length of a descriptor of `samples` points.

    >>> descriptor_size(16)
    77
    """
    return samples * _POINT + _BESIDE_POINTS


def resample_strokes(points: ArrayLike | Tensor, lengths: ArrayLike, samples: int = 16) -> Tensor:
    """Points at equal distances along each stroke, from its first to its last point.

    So a stroke is the same however densely its points lie: simplified or straight from a pen.

    Parameters
    ----------
    points : (P, 2) float, the points of all strokes, one stroke after the other.
    lengths : (S,) int, points of each stroke, at least 1.
    samples : points of each resampled stroke, at least 2.

    Returns
    -------
    (S, samples, 2) float32, or of the dtype of a tensor, whose gradient passes.
    Raises ValueError where the lengths do not fit the points.

    >>> resample_strokes(np.array([[0, 0], [4, 0], [4, 4], [9, 9]]), np.array([3, 1]), samples=3).tolist()
    [[[0.0, 0.0], [4.0, 0.0], [4.0, 4.0]], [[9.0, 9.0], [9.0, 9.0], [9.0, 9.0]]]
    """
    lengths = np.array(lengths, np.int64)
    if samples < 2:
        raise ValueError(f"samples must be at least 2, got {samples}")
    if (lengths < 1).any() or lengths.sum() != len(points):
        raise ValueError(f"lengths promise {lengths.sum()} points in strokes of 1 or more, got {len(points)}")
    if not isinstance(points, Tensor):
        points = np.array(points, np.float32)
        if len(lengths) == 1:
            return torch.from_numpy(_resample(points, samples))[None]
        points = torch.from_numpy(points)
    if not len(lengths):
        return points.new_empty(0, samples, 2)
    counts = torch.from_numpy(lengths).to(points.device)
    last = counts.cumsum(0) - 1
    first = last + 1 - counts
    exact = points.double()
    steps = torch.linalg.vector_norm(exact[1:] - exact[:-1], dim=1)
    between = torch.ones_like(points[:, 0], dtype=torch.bool).scatter(0, first, False)[1:]
    way = torch.cat([steps.new_zeros(1), torch.where(between, steps, 0.0)]).cumsum(0)
    along = torch.linspace(0, 1, samples, dtype=way.dtype, device=way.device)
    wanted = way[first, None] + (way[last] - way[first])[:, None] * along
    # The end of the segment that each wanted point lies on; a stroke of one point has no segment.
    end = torch.searchsorted(way.detach(), wanted.detach())
    end = torch.clamp(end, torch.minimum(first + 1, last)[:, None], last[:, None])
    start = torch.maximum(end - 1, first[:, None])
    long = way[end] - way[start]
    share = ((wanted - way[start]) / torch.where(long > 0, long, 1.0)).clamp(0, 1)[..., None]
    return (exact[start] * (1 - share) + exact[end] * share).to(points.dtype)


def _resample(points: np.ndarray, samples: int) -> np.ndarray:
    """One stroke, (samples, 2), from points (n, 2): many small operations on one stroke cost more than the few of NumPy."""
    exact = points.astype(np.float64)
    step = exact[1:] - exact[:-1]
    way = np.zeros(len(exact))
    np.cumsum(np.sqrt(np.square(step).sum(1)), out=way[1:])
    wanted = np.linspace(0, way[-1], samples)
    return np.stack([np.interp(wanted, way, along) for along in exact.T], 1).astype(points.dtype)


def stroke_descriptors(strokes: Tensor, drawing: ArrayLike | None = None) -> Tensor:
    """One vector for each resampled stroke, in the frame of the drawing up to and with that stroke.

    The frame is the bounding box so far, centred, its longer side from -1 to 1. A vector holds x, y and the direction
    of each point (a unit vector, 0 at the first point and where the pen stands); log(1 + 10 * length); the box before
    this stroke (left, top, right, bottom); the way from the end of the stroke before to the beginning of this one;
    width and height of the box relative to the longer; first point; last point.

    Parameters
    ----------
    strokes : (S, samples, 2) float, from `resample_strokes`.
    drawing : (S,) int, not decreasing: the drawing that each stroke belongs to; None: all to one.

    Returns
    -------
    (S, descriptor_size(samples)), of the dtype of `strokes`; gradients pass with the boxes held. Row i depends on the
    strokes up to i of its drawing alone.

    >>> stroke_descriptors(resample_strokes(np.array([[0, 0], [8, 0]]), np.array([2]))).shape
    torch.Size([1, 77])
    """
    count, samples = strokes.shape[:2]
    if not count:
        return strokes.new_empty(0, descriptor_size(samples))
    drawing = np.zeros(count, np.int64) if drawing is None else np.asarray(drawing)
    begins = np.r_[True, drawing[1:] != drawing[:-1]]
    lower, upper = _box_so_far(strokes.detach(), begins)
    longer = (upper - lower).amax(1, keepdim=True).clamp_min(_DOT)
    middle = (lower + upper) / 2
    before = torch.from_numpy(np.where(begins, np.arange(count), np.arange(count) - 1))

    x = (strokes - middle[:, None]) / longer[:, None] * 2
    step = torch.cat([torch.zeros_like(x[:, :1]), x[:, 1:] - x[:, :-1]], 1)
    length = torch.linalg.vector_norm(step, dim=2, keepdim=True)
    direction = step / length.clamp_min(_STILL)
    pen = torch.where(torch.from_numpy(begins)[:, None].to(x.device), strokes[:, 0], strokes[before, -1])
    parts = (
        torch.cat([x, direction], 2).flatten(1),
        torch.log1p(10 * length.sum(1)),
        (lower[before] - middle) / longer * 2,
        (upper[before] - middle) / longer * 2,
        (strokes[:, 0] - pen) / longer * 2,
        (upper - lower) / longer,
        x[:, 0],
        x[:, -1],
    )
    return torch.cat(parts, 1)


def _box_so_far(strokes: Tensor, begins: np.ndarray) -> tuple[Tensor, Tensor]:
    """Corners (S, 2) of the bounding box of each stroke and those before it in its drawing."""
    lower, upper = strokes.amin(1), strokes.amax(1)
    if not begins[1:].any():
        return lower.cummin(0).values, upper.cummax(0).values
    # Running minima within drawings: at step k the k-th stroke of every drawing meets the one before it.
    first = np.flatnonzero(begins)
    counts = np.diff(np.r_[first, len(begins)])
    for k in range(1, counts.max()):
        at = torch.from_numpy(first[counts > k] + k)
        lower[at] = torch.minimum(lower[at], lower[at - 1])
        upper[at] = torch.maximum(upper[at], upper[at - 1])
    return lower, upper
