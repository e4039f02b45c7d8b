"""When a label is first right, and from when on it stays right."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sketchwidgets.training.evaluation.intervals import mean_interval
from sketchwidgets.training.evaluation.shares import SHARES, steps_at


@dataclass(frozen=True)
class Onset:
    """The step at which something begins, over the drawings that are right at their end.

    strokes_mean, strokes_median : the step, from 1. share_mean, share_median : the step divided by the strokes of
    the drawing, in (0, 1]. None where no drawing is right at its end. Intervals: 95 %, of the means.
    by_share : the share of all drawings, also of those that are not right at their end, where it has begun after 10,
        20, ... 100 % of the strokes.
    """

    strokes_mean: float | None
    strokes_mean_interval: tuple[float, float] | None
    strokes_median: float | None
    share_mean: float | None
    share_mean_interval: tuple[float, float] | None
    share_median: float | None
    by_share: dict[int, float]


def first_right(right: np.ndarray) -> int | None:
    """The first step, from 1, at which a label is right, (strokes,) bool; None where it never is.

    >>> from sketchwidgets.training.evaluation.onset import first_right
    >>> first_right(np.array([False, True, False, True]))
    2
    """
    return int(right.argmax()) + 1 if right.any() else None


def stays_right(right: np.ndarray) -> int | None:
    """The step, from 1, from which a label is right to the end, (strokes,) bool; None where the end is not right.

    >>> from sketchwidgets.training.evaluation.onset import stays_right
    >>> stays_right(np.array([False, True, False, True]))
    4
    """
    if not right[-1]:
        return None
    return len(right) - int((~right[::-1]).argmax()) + 1 if not right.all() else 1


def onset(steps: Sequence[int | None], lengths: Sequence[int], ends_right: np.ndarray) -> Onset:
    """Of the step at which it begins in each drawing, None for never, and the strokes of each."""
    begun = np.zeros(len(SHARES))
    for step, length in zip(steps, lengths, strict=True):
        if step is not None:
            begun += steps_at(length) >= step
    by_share = {share: float(value) for share, value in zip(SHARES, begun / len(lengths), strict=True)}
    chosen = np.flatnonzero(ends_right)
    if not len(chosen):
        return Onset(None, None, None, None, None, None, by_share)
    found = np.array([steps[i] for i in chosen], np.float64)
    shares = found / np.asarray(lengths)[chosen]
    return Onset(
        float(found.mean()),
        mean_interval(found),
        float(np.median(found)),
        float(shares.mean()),
        mean_interval(shares),
        float(np.median(shares)),
        by_share,
    )
