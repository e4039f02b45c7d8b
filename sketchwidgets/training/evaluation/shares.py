"""The shares of a drawing that a recogniser is measured at."""

import numpy as np

SHARES = tuple(range(10, 101, 10))
"""Per cent of the strokes."""


def steps_at(strokes: int) -> np.ndarray:
    """The step that each of `SHARES` is evaluated at, for a drawing of so many strokes: ceil(share * strokes).

    >>> from sketchwidgets.training.evaluation.shares import steps_at
    >>> steps_at(5).tolist()
    [1, 1, 2, 2, 3, 3, 4, 4, 5, 5]
    """
    return -(-np.array(SHARES) * strokes // 100)
