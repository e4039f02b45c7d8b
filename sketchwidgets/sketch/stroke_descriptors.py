"""Strokes as short vectors of their points, for networks that read coordinates beside pixels.

A stroke is described where it lies in the drawing so far, and nothing of the strokes to come is known: what the
QuickDraw recurrent network (Ha & Eck, ICLR 2018) and Sketch-R2CNN (Li et al., 2018) read point by point is one vector of
fixed length a stroke here, so that one step of a recurrent network takes one stroke.
"""

import numpy as np

# Of the stroke beside its points: length, the box so far in the frame (4), the way the pen moved here (2), the aspect
# of the box (2), first and last point (4).
_BESIDE_POINTS = 13
_POINT = 4  # x, y and the direction of the way there
# A drawing smaller than this, in its own units, is a dot: nothing is divided by less.
_DOT = 1e-3


def descriptor_size(samples: int = 16) -> int:
    """The length of a descriptor of `samples` points.

    >>> descriptor_size(16)
    77
    """
    return samples * _POINT + _BESIDE_POINTS


def resample_strokes(points: np.ndarray, lengths: np.ndarray, samples: int = 16) -> np.ndarray:
    """Points at equal distances along each stroke, from its first to its last point.

    So a stroke is the same however densely its points lie: simplified or straight from a pen.

    Parameters
    ----------
    points : (P, 2) float, the points of all strokes, one stroke after the other.
    lengths : (S,) int, points of each stroke, at least 1.
    samples : points of each resampled stroke, at least 2.

    Returns
    -------
    (S, samples, 2) float32. Raises ValueError where the lengths do not fit the points.

    >>> resample_strokes(np.array([[0, 0], [4, 0], [4, 4], [9, 9]]), np.array([3, 1]), samples=3).tolist()
    [[[0.0, 0.0], [4.0, 0.0], [4.0, 4.0]], [[9.0, 9.0], [9.0, 9.0], [9.0, 9.0]]]
    """
    points, lengths = np.asarray(points, np.float64), np.asarray(lengths, np.int64)
    if samples < 2:
        raise ValueError(f"samples must be at least 2, got {samples}")
    if (lengths < 1).any() or lengths.sum() != len(points):
        raise ValueError(f"lengths promise {lengths.sum()} points in strokes of 1 or more, got {len(points)}")
    if not len(lengths):
        return np.empty((0, samples, 2), np.float32)
    last = np.cumsum(lengths) - 1
    first = last + 1 - lengths
    way = np.zeros(len(points))
    way[1:] = np.hypot(*np.diff(points, axis=0).T)
    way[first] = 0.0
    way = np.cumsum(way)
    wanted = way[first, None] + (way[last] - way[first])[:, None] * np.linspace(0, 1, samples)
    # The end of the segment that each wanted point lies on; a stroke of one point has no segment.
    end = np.searchsorted(way, wanted.ravel()).reshape(wanted.shape)
    end = np.clip(end, np.minimum(first + 1, last)[:, None], last[:, None])
    start = np.maximum(end - 1, first[:, None])
    long = way[end] - way[start]
    share = np.clip((wanted - way[start]) / np.where(long > 0, long, 1.0), 0, 1)[..., None]
    return (points[start] * (1 - share) + points[end] * share).astype(np.float32)


def stroke_descriptors(strokes: np.ndarray, drawing: np.ndarray | None = None) -> np.ndarray:
    """One vector for each resampled stroke, in the frame of the drawing up to and with that stroke.

    The frame is the bounding box so far, centred, its longer side from -1 to 1. A vector holds x, y and the direction
    (a unit vector, 0 at the first point) of each point; log(1 + 10 * length); the box before this stroke (left, top,
    right, bottom); the way from the end of the stroke before to the beginning of this one; width and height of the box
    relative to the longer; first point; last point.

    Parameters
    ----------
    strokes : (S, samples, 2) float, from `resample_strokes`.
    drawing : (S,) int, not decreasing: the drawing that each stroke belongs to; None: all to one.

    Returns
    -------
    (S, descriptor_size(samples)) float32. Row i depends on the strokes up to i of its drawing alone.

    >>> stroke_descriptors(resample_strokes(np.array([[0, 0], [8, 0]]), np.array([2]))).shape
    (1, 77)
    """
    strokes = np.asarray(strokes, np.float32)
    count, samples = strokes.shape[:2]
    if not count:
        return np.empty((0, descriptor_size(samples)), np.float32)
    drawing = np.zeros(count, np.int64) if drawing is None else np.asarray(drawing)
    begins = np.r_[True, drawing[1:] != drawing[:-1]]
    lower, upper = _box_so_far(strokes, begins)
    longer = np.maximum((upper - lower).max(1), _DOT)[:, None]
    middle = (lower + upper) / 2

    def framed(points: np.ndarray) -> np.ndarray:
        return (points - middle) / longer * 2

    x = (strokes - middle[:, None]) / longer[:, None] * 2
    step = np.zeros_like(x)
    step[:, 1:] = x[:, 1:] - x[:, :-1]
    length = np.linalg.norm(step, axis=2, keepdims=True)
    direction = step / np.maximum(length, 1e-6)
    before = np.where(begins, np.arange(count), np.arange(count) - 1)
    pen = np.where(begins[:, None], strokes[:, 0], strokes[before, -1])
    parts = (
        np.concatenate([x, direction], 2).reshape(count, -1),
        np.log1p(10 * length.sum(1)),
        framed(lower[before]),
        framed(upper[before]),
        (strokes[:, 0] - pen) / longer * 2,
        (upper - lower) / longer,
        x[:, 0],
        x[:, -1],
    )
    return np.concatenate(parts, 1).astype(np.float32)


def _box_so_far(strokes: np.ndarray, begins: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Corners (S, 2) of the bounding box of each stroke and those before it in its drawing."""
    lower, upper = strokes.min(1), strokes.max(1)
    # Running minima within drawings: at step k the k-th stroke of every drawing meets the one before it.
    first = np.flatnonzero(begins)
    counts = np.diff(np.r_[first, len(begins)])
    for k in range(1, counts.max()):
        at = first[counts > k] + k
        lower[at] = np.minimum(lower[at], lower[at - 1])
        upper[at] = np.maximum(upper[at], upper[at - 1])
    return lower, upper
