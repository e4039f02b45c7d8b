"""95 % confidence intervals of what is measured."""

import math

import numpy as np

_Z = 1.959964


def wilson(right: int, total: int, z: float = _Z) -> tuple[float, float]:
    """Wilson's score interval of a proportion, 95 % by default.

    >>> from sketchwidgets.training.evaluation.intervals import wilson
    >>> [round(bound, 3) for bound in wilson(50, 100)]
    [0.404, 0.596]
    """
    share = right / total
    centre = (share + z * z / (2 * total)) / (1 + z * z / total)
    half = z / (1 + z * z / total) * math.sqrt(share * (1 - share) / total + z * z / (4 * total * total))
    # Of none or all, the formula is off 0 or 1 by a rounding.
    return max(0.0, centre - half), min(1.0, centre + half)


def mean_interval(values: np.ndarray) -> tuple[float, float] | None:
    """Of a mean, by Student's distribution: of few values it is far wider than the normal one; None for fewer than two.

    >>> from sketchwidgets.training.evaluation.intervals import mean_interval
    >>> [round(bound, 2) for bound in mean_interval(np.array([1.0, 2.0, 3.0]))]
    [-0.48, 4.48]
    """
    if len(values) < 2:
        return None
    from scipy.special import stdtrit

    mean = float(np.mean(values))
    half = float(stdtrit(len(values) - 1, 0.975)) * float(np.std(values, ddof=1)) / math.sqrt(len(values))
    return mean - half, mean + half
