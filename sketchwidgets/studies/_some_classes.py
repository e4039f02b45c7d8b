"""A part of a set of drawings: those of some classes, at random."""

import numpy as np

from sketchwidgets.training import DrawingSet


def of_classes(drawings: DrawingSet, classes: np.ndarray) -> DrawingSet:
    """The drawings of these classes alone, whose numbers (c,) become 0, 1, ... in this order.

    >>> from sketchwidgets.studies._some_classes import of_classes
    >>> strokes = np.full(3, 2), np.ones(3, int), np.array([0, 1, 2]), np.arange(3)
    >>> drawings = sw.training.DrawingSet(np.zeros((6, 2)), None, *strokes, ("ant", "bee", "cat"))
    >>> found = of_classes(drawings, np.array([2, 0]))
    >>> found.classes, found.label.tolist(), found.key_id.tolist()
    (('cat', 'ant'), [1, 0], [0, 2])
    """
    chosen = np.flatnonzero(np.isin(drawings.label, classes))
    place = np.empty(len(drawings.classes), np.int64)
    place[classes] = np.arange(len(classes))
    points, lengths, _ = drawings.gather(chosen, drawings.n_strokes[chosen].astype(np.int64))
    return DrawingSet(
        points,
        None,
        lengths,
        drawings.n_strokes[chosen],
        place[drawings.label[chosen]],
        drawings.key_id[chosen],
        tuple(drawings.classes[number] for number in classes),
    )


def some_classes(count: int, wanted: int | None, seed: int) -> np.ndarray:
    """Numbers (wanted,) of classes drawn at random, rising; all where `wanted` is None.

    Raises ValueError where there are fewer.
    """
    if wanted is None:
        return np.arange(count)
    if wanted > count:
        raise ValueError(f"classes must be at most the {count} of the data, not {wanted}")
    return np.sort(np.random.default_rng([seed, 2]).permutation(count)[:wanted])
