"""The threefold cross-validation of the sketch recognition papers."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

FOLDS = 3


def three_folds(labels: ArrayLike, seed: int = 0) -> NDArray[np.int64]:
    """The fold, 0, 1 or 2, that each example is tested in, class by class at random.

    Two folds train and one tests, in turn (Yu et al., BMVC 2015, section 4). Every class is cut into three
    parts as equal as can be, the larger ones last: 80 drawings a class become 26, 27 and 27, which gives TU-Berlin the
    published 13,500 / 6,500 and twice 13,250 / 6,750. Which drawing is where was never published: it follows from
    `seed` and, within a class, from the order of the examples.

    Parameters
    ----------
    labels : (n,) integers or strings, one for each example.
    seed : at least 0; the same seed gives the same folds.

    Returns (n,) int64. Raises ValueError where labels are not (n,) integers or strings, where a class has fewer than
    three examples, or for a negative seed.

    >>> fold = sw.training.three_folds(np.repeat(np.arange(250), 80))
    >>> [int((fold == k).sum()) for k in range(3)]
    [6500, 6750, 6750]
    >>> train, test = np.flatnonzero(fold != 0), np.flatnonzero(fold == 0)
    """
    labels = np.asarray(labels)
    if labels.ndim != 1 or (labels.size and labels.dtype.kind not in "iuUS"):
        raise ValueError(f"labels must be (n,) integers or strings, not {labels.shape} {labels.dtype}")
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
        raise ValueError(f"seed must be a whole number of at least 0, not {seed!r}")
    classes, label, counts = np.unique(labels, return_inverse=True, return_counts=True)
    fold = np.empty(len(labels), np.int64)
    for index, (name, count) in enumerate(zip(classes.tolist(), counts.tolist(), strict=True)):
        if count < FOLDS:
            raise ValueError(f"labels: class {name!r} has {count} examples; each fold needs at least one")
        # A generator of its own, so that the folds of a class do not depend on how many others there are before it.
        order = np.random.default_rng([seed, index]).permutation(count)
        fold[np.flatnonzero(label == index)[order]] = _parts(count)
    return fold


def _parts(count: int) -> NDArray[np.int64]:
    """0 ... 0 1 ... 1 2 ... 2, `count` of them, the larger parts last."""
    ends = np.arange(FOLDS + 1) * count // FOLDS
    return np.repeat(np.arange(FOLDS), np.diff(ends))
