"""One new drawing of a drawing: all stroke-level changes in turn."""

from typing import Any

from .._sketch import Sketch
from ._packed import Seed, generator
from .deformation import deform_sketch, deform_strokes
from .stroke_removal import ALPHA, BETA, ORDER, remove_strokes


def augment(
    sketch: Any,
    seed: Seed = 0,
    *,
    removal: float = 0.0,
    stroke_strength: float = 1.0,
    sketch_strength: float = 1.0,
    alpha: float = ALPHA,
    beta: float = BETA,
    order: str = ORDER,
) -> Sketch:
    """A drawing with a share of its strokes removed, then every stroke deformed, then the whole.

    Parameters
    ----------
    sketch : a Sketch, or its strokes. Times and pressures are kept.
    seed : a whole number, or a numpy Generator; the same gives the same drawing.
    removal : share of the strokes that go, 0 to 1: those that `remove_strokes` takes without a seed.
    stroke_strength, sketch_strength : of `deform_strokes` and `deform_sketch`, 0 or more; 1 is the authors'.
    alpha, beta, order : of `remove_strokes`.

    Raises ValueError, naming the argument. Yu et al., IJCV 2017.

    >>> sketch = sw.Sketch([[(0, 0), (50, 20), (100, 0)], [(50, 20), (50, 90)], [(40, 95), (60, 95)]])
    >>> sw.sketch.augment(sketch, seed=7, removal=0.3)
    Sketch(2 strokes, 5 points)
    """
    random = generator(seed)
    sketch = remove_strokes(sketch, removal, alpha=alpha, beta=beta, order=order)
    sketch = deform_strokes(sketch, random, strength=stroke_strength)
    return deform_sketch(sketch, random, strength=sketch_strength)
