"""Moving least squares: the deformation of the plane that takes pivots to where they are moved."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._packed import check_number

KINDS = ("similarity", "rigid")
_AT_ONCE = 1 << 16  # pairs of a point and a pivot: their dozen temporaries stay in the cache


def move_by_least_squares(
    points: ArrayLike, pivots: ArrayLike, moved: ArrayLike, kind: str = "similarity", a: float = 2.0
) -> NDArray[np.float64]:
    """Move points as pivots are moved (Schaefer, McPhail & Warren, SIGGRAPH 2006, sections 2.2 and 2.3).

    For each point v the transform T that minimises the sum of w_i |T(p_i) - q_i|^2, w_i = 1 / |p_i - v|^(2a),
    is found, and v goes to T(v). Pivots go exactly to where they are moved. Where all the weight is on one place (a
    single pivot, coinciding ones), T is a shift; of pivots at one place that are moved apart, it is their mean.

    Parameters
    ----------
    points : (n, 2). pivots, moved : (m, 2), m >= 1.
    kind : "similarity" (rotation, shift and one scale) or "rigid" (rotation and shift).
    a : how fast the influence of a pivot falls with the distance, above 0.

    Returns (n, 2) float64. Raises ValueError, naming the argument, for other shapes, numbers that are not finite, and
    an unknown kind.

    >>> square = np.array([[0.0, 0], [0, 2], [2, 0], [2, 2]])
    >>> sw.sketch.augmentation.move_by_least_squares([[1, 1], [2, 2]], square, square @ [[0, 1], [-1, 0]]).round(6)
    array([[-1.,  1.],
           [-2.,  2.]])
    """
    arrays = {"points": points, "pivots": pivots, "moved": moved}
    for name, values in arrays.items():
        array = np.asarray(values, np.float64)
        if array.ndim != 2 or array.shape[1] != 2:
            raise ValueError(f"{name} must be (n, 2), not {array.shape}")
        if not np.isfinite(array).all():
            raise ValueError(f"{name} holds a number that is not finite")
        arrays[name] = array
    points, pivots, moved = arrays.values()
    if len(pivots) < 1 or len(pivots) != len(moved):
        raise ValueError(
            f"pivots and moved must be as many, at least one, not {len(pivots)} and {len(moved)}"
        )
    shared = np.zeros(len(points), np.int64)
    present = np.ones((1, len(pivots)), bool)
    return points + shifts(points, shared, pivots[None], (moved - pivots)[None], present, kind, a)


def shifts(
    points: NDArray[np.float64],
    owner: NDArray[np.int64],
    pivots: NDArray[np.float64],
    moves: NDArray[np.float64],
    present: NDArray[np.bool_],
    kind: str,
    a: float = 2.0,
) -> NDArray[np.float64]:
    """By how much points (n, 2) move, each with the pivots of its owner (n,).

    pivots, moves : (g, m, 2), the pivots of each owner and by how much they are moved. present : (g, m), the pivots
    that there are, at least one an owner.

    All is written relative to the point itself and to the moves, so that unmoved pivots move nothing, to the last
    bit, and weights relative to the nearest pivot, so that none is infinite. In complex numbers, with d = p - v,
    e = q - p, c and s the weighted means of d and e, mu = sum w |d - c|^2 and tau = sum w conj(d - c) e:
    a similarity gives the shift s - c tau / mu, a rigid motion s + c (1 - (mu + tau) / |mu + tau|).
    """
    if kind not in KINDS:
        raise ValueError(f"kind must be 'similarity' or 'rigid', not {kind!r}")
    check_number("a", a, np.finfo(float).tiny)
    result = np.empty_like(points)
    step = max(1, _AT_ONCE // max(1, pivots.shape[1]))
    for begin in range(0, len(points), step):
        some = slice(begin, begin + step)
        result[some] = _shifts(points[some], owner[some], pivots, moves, present, kind, a)
    return result


def _shifts(
    points: NDArray[np.float64],
    owner: NDArray[np.int64],
    pivots: NDArray[np.float64],
    moves: NDArray[np.float64],
    present: NDArray[np.bool_],
    kind: str,
    a: float,
) -> NDArray[np.float64]:
    """`shifts` of as many points as fit the cache."""
    dx = pivots[owner, :, 0] - points[:, :1]
    dy = pivots[owner, :, 1] - points[:, 1:]
    ex, ey = moves[owner, :, 0], moves[owner, :, 1]
    squared = dx * dx
    squared += dy * dy
    squared[~present[owner]] = np.inf
    nearest = squared.min(1, keepdims=True)
    # On a pivot (nearest 0) only the pivots at that place count. A weight relative to the nearest is at most 1.
    with np.errstate(invalid="ignore", divide="ignore"):
        weight = np.where(squared == nearest, 1.0, nearest / squared)
    weight = weight * weight if a == 2 else weight**a
    weight /= weight.sum(1, keepdims=True)
    cx, cy, sx, sy = (np.einsum("ij,ij->i", weight, values) for values in (dx, dy, ex, ey))
    dx -= cx[:, None]
    dy -= cy[:, None]
    mu = np.einsum("ij,ij,ij->i", weight, dx, dx) + np.einsum("ij,ij,ij->i", weight, dy, dy)
    wx, wy = weight * dx, weight * dy
    along = np.einsum("ij,ij->i", wx, ex) + np.einsum("ij,ij->i", wy, ey)
    across = np.einsum("ij,ij->i", wx, ey) - np.einsum("ij,ij->i", wy, ex)
    if kind == "similarity":
        scale = np.where(mu > 0, mu, 1.0)
        turn_x, turn_y = -along / scale, -across / scale
        turn_x[mu == 0] = turn_y[mu == 0] = 0.0
    else:
        along += mu
        length = np.hypot(along, across)
        unmoved = (length == 0) | ((across == 0) & (along > 0))
        scale = np.where(unmoved, 1.0, length)
        turn_x = np.where(unmoved, 0.0, 1 - along / scale)
        turn_y = np.where(unmoved, 0.0, -across / scale)
    return np.stack([sx + turn_x * cx - turn_y * cy, sy + turn_x * cy + turn_y * cx], 1)
