"""Whether a recogniser is right as often as its confidence says."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

BINS = 15
_RESAMPLES = 500


@dataclass(frozen=True)
class Reliability:
    """Confidence and accuracy in 15 bins of equal width, (0, 1/15], (1/15, 2/15], ...

    error : expected calibration error, the mean over all predictions of |accuracy - confidence| of their bin (Guo et
        al., ICML 2017, equation 3). Chance makes it too high where there are few predictions.
    interval : 95 %, basic bootstrap over drawings (Davison & Hinkley 1997, section 5.2), which allows for that, so
        that it may lie below `error`; None for a single drawing.
    count : predictions in each bin. confidence, accuracy : their means, None in an empty bin.
    """

    error: float
    interval: tuple[float, float] | None
    count: tuple[int, ...]
    confidence: tuple[float | None, ...]
    accuracy: tuple[float | None, ...]


def reliability(
    confidence: np.ndarray, right: np.ndarray, drawing: np.ndarray | None = None, seed: int = 0
) -> Reliability:
    """Of predictions with a confidence (n,) in [0, 1] that are right or not, (n,) bool.

    drawing : which drawing each is of, (n,) int, as predictions of one drawing are not independent; None where each
        is of its own. The interval resamples drawings, `seed` says how.

    >>> from sketchwidgets.training.evaluation.reliability import reliability
    >>> found = reliability(np.array([0.9, 0.9, 0.3]), np.array([True, False, False]))
    >>> round(found.error, 3)  # (2 * |0.5 - 0.9| + |0 - 0.3|) / 3
    0.367
    """
    drawing = np.arange(len(confidence)) if drawing is None else drawing
    number = np.clip(np.ceil(confidence * BINS).astype(int) - 1, 0, BINS - 1)
    count = np.bincount(number, minlength=BINS)
    sums = [np.bincount(number, values.astype(np.float64), BINS) for values in (confidence, right)]
    means = [
        tuple(float(total / n) if n else None for total, n in zip(each, count, strict=True)) for each in sums
    ]
    error = float(np.abs(sums[0] - sums[1]).sum() / len(number))
    return Reliability(
        error, _interval(number, confidence, right, drawing, error, seed), tuple(count.tolist()), *means
    )


def error_by_chance(count: Sequence[int], confidence: Sequence[float | None]) -> float:
    """The calibration error to expect of a recogniser that is right exactly as often as its confidence says.

    count, confidence : of the bins, as in `Reliability`; every prediction of another drawing. The accuracy of a bin
    scatters as a binomial share does, and the error is of its absolute deviations (De Moivre's formula: Diaconis &
    Zabell, Statistical Science 1991, section 1), all predictions of a bin taken at its mean confidence.

    >>> from sketchwidgets.training.evaluation.reliability import error_by_chance
    >>> error_by_chance([1, 2], [1.0, 0.5])  # of two coins, one too many or too few in half of the cases
    0.16666666666666666
    """
    from scipy.stats import binom

    n = np.array(count)[np.array(count) > 0]
    p = np.array([value for value, of in zip(confidence, count, strict=True) if of])
    most = np.floor(n * p) + 1
    # E|X - n p| = 2 m (1 - p) P(X = m), m the first number above n p.
    deviation = np.where(p < 1, 2 * most * (1 - p) * binom.pmf(most, n, p), 0.0)
    return float(deviation.sum() / n.sum())


def _interval(
    number: np.ndarray,
    confidence: np.ndarray,
    right: np.ndarray,
    drawing: np.ndarray,
    error: float,
    seed: int,
) -> tuple[float, float] | None:
    # What one drawing adds to each bin; a resample weighs drawings.
    _, row = np.unique(drawing, return_inverse=True)
    n = int(row.max()) + 1
    if n < 2:
        return None
    excess = np.zeros((n, BINS))
    np.add.at(excess, (row, number), confidence - right)
    predictions = np.bincount(row)
    rng = np.random.default_rng(seed)
    errors = np.empty(_RESAMPLES)
    for i in range(_RESAMPLES):
        weight = np.bincount(rng.integers(0, n, n), minlength=n).astype(np.float64)
        errors[i] = np.abs(weight @ excess).sum() / (weight @ predictions)
    low, high = np.quantile(errors, (0.025, 0.975))
    # Resamples scatter around the measured error as that does around the true one, upwards: so reflected.
    return max(0.0, 2 * error - float(high)), max(0.0, 2 * error - float(low))
