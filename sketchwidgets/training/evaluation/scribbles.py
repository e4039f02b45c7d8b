"""Drawings of nothing, to see whether a recogniser claims to know them."""

from collections.abc import Callable

import numpy as np

from sketchwidgets.recognition import Recognizer
from sketchwidgets.sketch import Sketch
from sketchwidgets.training.evaluation.intervals import wilson

_SIDE = 256.0


def scribbles(count: int, seed: int = 0) -> list[Sketch]:
    """So many drawings of nothing, a quarter each of random walks, curves, polylines and polygons, 1 to 11 strokes.

    None has a meaning, though what comes out may look like a squiggle, a zigzag or grass. Raises ValueError for a
    count below 0. The same seed gives the same drawings, and the first of more of them.

    >>> from sketchwidgets.training.evaluation.scribbles import scribbles
    >>> [len(sketch) for sketch in scribbles(4)]
    [7, 1, 7, 4]
    """
    if count < 0:
        raise ValueError(f"count must be at least 0, not {count}")
    rng = np.random.default_rng(seed)
    kinds: tuple[Callable[[np.random.Generator], list[np.ndarray]], ...] = (
        _walks,
        _curves,
        _lines,
        _polygons,
    )
    return [Sketch(kinds[i % len(kinds)](rng)) for i in range(count)]


def claims(recognizer: Recognizer, sketches: list[Sketch]) -> dict:
    """How many of these drawings a recogniser says it knows after the last stroke, JSON-ready.

    Raises ValueError where there is no drawing, or one without strokes.

    >>> from sketchwidgets.training.evaluation.scribbles import claims, scribbles
    >>> claims(sw.Recognizer.load(), scribbles(4))["drawings"]
    4
    """
    if not sketches:
        raise ValueError("sketches: there is no drawing")
    confidence = recognizer.recognize_many(sketches).max(1)
    if recognizer.calibration is None:
        known = len(sketches)
    else:
        lengths = np.array([len(sketch) for sketch in sketches])
        known = int(recognizer.calibration.knows(confidence, lengths).sum())
    return {
        "drawings": len(sketches),
        "known": known / len(sketches),
        "known_interval": wilson(known, len(sketches)),
        "confidence": float(confidence.mean()),
    }


def _walks(rng: np.random.Generator) -> list[np.ndarray]:
    return [
        rng.uniform(0, _SIDE, 2) + rng.normal(0, 8, (rng.integers(2, 40), 2)).cumsum(0)
        for _ in range(rng.integers(1, 9))
    ]


def _curves(rng: np.random.Generator) -> list[np.ndarray]:
    strokes = []
    for _ in range(rng.integers(1, 7)):
        angle = 0.6 * rng.normal(0, 1, rng.integers(10, 60)).cumsum()
        steps = rng.uniform(4, 14) * np.stack([np.cos(angle), np.sin(angle)], 1)
        strokes.append(rng.uniform(0, _SIDE, 2) + steps.cumsum(0))
    return strokes


def _lines(rng: np.random.Generator) -> list[np.ndarray]:
    return [rng.uniform(0, _SIDE, (rng.integers(2, 5), 2)) for _ in range(rng.integers(2, 12))]


def _polygons(rng: np.random.Generator) -> list[np.ndarray]:
    strokes = []
    for _ in range(rng.integers(2, 9)):
        angle = rng.uniform(0, 2 * np.pi) + np.linspace(0, 2 * np.pi, rng.integers(4, 10))
        size = rng.uniform(8, 80, 2)
        strokes.append(rng.uniform(0, _SIDE, 2) + size * np.stack([np.cos(angle), np.sin(angle)], 1))
    return strokes
