"""Drawings with fewer strokes: late and short ones go first (Yu et al., IJCV 2017)."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._sketch import Sketch
from ._packed import Packed, Seed, amounts, check_number, generator, of_sketch, packed

ALPHA, BETA = 0.5, 2.0
ORDER = "share"
_ORDERS = ("share", "place")


def removal_probabilities(
    sketch: Any, alpha: float = ALPHA, beta: float = BETA, *, order: str = ORDER
) -> NDArray[np.float64]:
    """How likely each stroke of a drawing is to go: exp(alpha o) / exp(beta l), as shares of their sum.

    o is the place of the stroke in the order of drawing, l its length. People draw what matters first, and with long
    strokes (Yu et al., IJCV 2017, section on stroke removal).

    The formula is the authors', its two scales are not. In their code o is the place itself, 1, 2, 3, ..., and l
    pixels of a canvas of 800. There exp(-2 l) is 0 in double precision from 373 pixels on, and a quarter of a pixel counts
    as much as a place, so that next to nothing but the length decides. Here l is a share of the longest stroke of the
    drawing, and o, unless asked for otherwise, a share of the number of strokes: both count alike in drawings of any
    size and of any number of strokes. The authors' 0.5 for alpha then means much less than in their code: of ten
    strokes of equal length, the last is 1.57 times as likely to go as the first, and 90 times with order="place".

    Parameters
    ----------
    sketch : a Sketch, or its strokes.
    alpha, beta : what the order and the length count, any finite numbers; 0.5 and 2 are those of the authors' code.
    order : what o is. "share": the place over the number S of strokes, 1/S to 1; "place": the place, 1 to S, as in
        the authors' code. With "place", and beta twice the length of the longest stroke in pixels of a canvas of 800,
        the probabilities are theirs, and do not underflow.

    Returns (S,) float64 that sum to 1. Raises SketchError for what is no sketch, ValueError that names the argument.

    >>> house = sw.Sketch([[(0, 0), (8, 0)], [(0, 0), (4, 3)], [(4, 3), (8, 0)]])
    >>> sw.sketch.removal_probabilities(house).round(3)
    array([0.155, 0.387, 0.458])
    >>> sw.sketch.removal_probabilities(house, order="place").round(3)
    array([0.098, 0.341, 0.562])
    """
    _, lines = of_sketch(sketch)
    scores = _scores(lines, alpha, beta, order)
    if not len(scores):
        return scores
    shares = np.exp(scores - scores.max())
    return shares / shares.sum()


def remove_strokes(
    sketch: Any,
    share: float,
    *,
    alpha: float = ALPHA,
    beta: float = BETA,
    seed: Seed | None = None,
    order: str = ORDER,
) -> Sketch:
    """The drawing without a share of its strokes, those that `removal_probabilities` names first.

    round(share * S) strokes go, halves rounded up, but never all of them.

    Parameters
    ----------
    sketch : a Sketch, or its strokes.
    share : 0 to 1; the authors take 0.1 to 0.6.
    alpha, beta, order : as for `removal_probabilities`, where it says how they differ from the authors'.
    seed : None takes the most probable strokes, as the authors do, and the earlier of two equal ones; a seed or a
        numpy Generator draws them by their probabilities, one after the other without putting them back.

    Raises ValueError, naming the argument.

    >>> sketch = sw.Sketch([[(0, 0), (9, 0)], [(0, 1), (5, 1)], [(0, 2), (2, 2)], [(0, 3), (9, 3)]])
    >>> sw.sketch.remove_strokes(sketch, 0.5).points[:, 1].tolist()
    [0.0, 0.0, 3.0, 3.0]
    """
    sketch, lines = of_sketch(sketch)
    stay = strokes_to_keep(lines.points, lines.lengths, lines.drawing, share, alpha, beta, seed, order=order)
    if stay.all():
        return sketch
    points = sketch.points[np.repeat(stay, sketch.lengths)]
    return Sketch.from_arrays(points, sketch.lengths[stay], timed=sketch.timed)


def strokes_to_keep(
    points: ArrayLike,
    lengths: ArrayLike,
    drawing: ArrayLike,
    share: ArrayLike,
    alpha: float = ALPHA,
    beta: float = BETA,
    seed: Seed | None = None,
    *,
    order: str = ORDER,
) -> NDArray[np.bool_]:
    """Which strokes of packed drawings stay, (S,) bool; `remove_strokes` for many at once.

    points (P, 2), lengths (S,) and drawing (S,) as `DrawingSet.gather` gives them; share is one number, or (n,) one
    for each drawing. Raises ValueError, naming the argument.
    """
    lines = packed(points, lengths, drawing)
    shares = amounts("share", share, lines.n, 1.0)
    if not lines.n:
        return np.zeros(0, bool)
    scores = _scores(lines, alpha, beta, order)
    if seed is not None:
        # The largest of scores with Gumbel noise are drawn by their probabilities, without putting back.
        scores = scores + generator(seed).gumbel(size=len(scores))
    counts = np.diff(np.r_[lines.first, len(lines.lengths)])
    # Half a stroke is rounded up, also where the product falls short of the half by rounding (0.29 of 50).
    gone = np.minimum(np.floor(shares * counts + 0.5 + 1e-9).astype(np.int64), counts - 1)
    ranks = np.empty(len(scores), np.int64)
    ranks[np.lexsort((-scores, lines.drawing))] = _places(lines)
    return ranks >= gone[lines.drawing]


def kept_strokes(
    points: NDArray, lengths: NDArray[np.int64], drawing: NDArray[np.int64], stay: NDArray[np.bool_]
) -> tuple[NDArray, NDArray[np.int64], NDArray[np.int64]]:
    """Packed drawings with only the strokes that stay: points, lengths and drawing."""
    return points[np.repeat(stay, lengths)], lengths[stay], drawing[stay]


def _places(lines: Packed) -> NDArray[np.int64]:
    """(S,) the place of each stroke in its drawing, from 0."""
    return np.arange(len(lines.lengths)) - lines.first[lines.drawing]


def _scores(lines: Packed, alpha: float, beta: float, order: str) -> NDArray[np.float64]:
    """(S,) alpha o - beta l: the logarithms of the probabilities, up to a constant of the drawing."""
    alpha, beta = (check_number(name, v, -np.inf) for name, v in (("alpha", alpha), ("beta", beta)))
    if order not in _ORDERS:
        raise ValueError(f"order must be one of {', '.join(map(repr, _ORDERS))}, not {order!r}")
    if not lines.n:
        return np.zeros(0)
    length = np.add.reduceat(lines.steps(), lines.starts)
    longest = np.maximum.reduceat(length, lines.first)[lines.drawing]
    places = _places(lines) + 1.0
    if order == "share":
        places /= np.diff(np.r_[lines.first, len(lines.lengths)])[lines.drawing]
    return alpha * places - beta * np.divide(length, longest, out=np.zeros_like(length), where=longest > 0)
