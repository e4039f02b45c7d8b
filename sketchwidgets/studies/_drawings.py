"""Some of many drawings."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from sketchwidgets.training.datasets.drawing_set import DrawingSet, ranges


def opened(data: str | Path | DrawingSet) -> DrawingSet:
    """The drawings themselves, or those of a file or folder."""
    return data if isinstance(data, DrawingSet) else DrawingSet.load(data)


def of_classes(drawings: DrawingSet, names: Sequence[str]) -> DrawingSet:
    """The drawings of these classes, which are numbered anew, in the order of the names.

    Raises ValueError for an unknown or repeated name, saying which there are.

    >>> points, one = np.zeros((6, 2)), np.ones(3, int)
    >>> three = sw.training.DrawingSet(points, None, 2 * one, one, np.arange(3), np.arange(3), ("ant", "bee", "cat"))
    >>> from sketchwidgets.studies._drawings import of_classes
    >>> two = of_classes(three, ["cat", "ant"])
    >>> two.classes, two.label
    (('cat', 'ant'), array([1, 0]))
    """
    unknown = [name for name in names if name not in drawings.classes]
    if unknown:
        raise ValueError(
            f"data has no class {unknown[0]!r}; the study asks for {_listed(names)}, and data has "
            f"{_listed(drawings.classes)}. Name others in the plan's classes, or with --classes"
        )
    if len(set(names)) < len(names):
        raise ValueError("a class is there twice")
    number = np.full(len(drawings.classes), -1)
    number[[drawings.classes.index(name) for name in names]] = np.arange(len(names))
    labels = number[drawings.label]
    chosen = np.flatnonzero(labels >= 0)
    strokes = ranges(drawings.first_stroke[chosen], drawings.n_strokes[chosen].astype(np.int64))
    points = ranges(drawings.first_point[strokes], drawings.stroke_len[strokes].astype(np.int64))
    return replace(
        drawings,
        points=drawings.points[points],
        times=None if drawings.times is None else drawings.times[points],
        stroke_len=drawings.stroke_len[strokes],
        n_strokes=drawings.n_strokes[chosen],
        label=labels[chosen],
        key_id=drawings.key_id[chosen],
        classes=tuple(names),
    )


def _listed(names: Sequence[str], most: int = 5) -> str:
    """The first names, and how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return f"{', '.join(names[:most])}{more}" if names else "none"
