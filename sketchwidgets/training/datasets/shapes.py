"""Drawings of ten things made by rule: something to train on where there is no data."""

from collections.abc import Callable
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from sketchwidgets.sketch import Sketch
from sketchwidgets.sketch.augmentation import augment

Strokes = list[NDArray[np.float64]]
Random = np.random.Generator


def draw_shapes(
    per_class: int, seed: int = 0, *, strength: float = 0.6
) -> tuple[list[Sketch], NDArray[np.int64], tuple[str, ...]]:
    """Sketches, labels (n,) int64 and class names of houses, suns, faces, fish and six things more, class by class in turn.

    Every drawing has its own proportions, order of details and number of rays, teeth or rungs, is turned a little, and
    then deformed as in `sw.sketch.augment`. Much easier than what people draw: they are for trying things out.

    per_class : how many of each. seed : the same gives the same drawings. strength : of the deformation, 0 for none.

    Raises ValueError for less than one a class.

    >>> sketches, labels, classes = sw.training.draw_shapes(2)
    >>> len(sketches), classes[:4]
    (20, ('car', 'cup', 'face', 'fish'))
    """
    if isinstance(per_class, bool) or not isinstance(per_class, int | np.integer) or per_class < 1:
        raise ValueError(f"per_class must be a whole number from 1 on, not {per_class!r}")
    classes = tuple(sorted(_SHAPES))
    labels = np.tile(np.arange(len(classes)), per_class)
    sketches = []
    for number, label in enumerate(labels.tolist()):
        rng = np.random.default_rng([seed, number])
        strokes = _SHAPES[classes[label]](rng)
        sketch = Sketch(_placed(strokes, rng))
        sketches.append(augment(sketch, rng, stroke_strength=strength, sketch_strength=strength))
    return sketches, labels, classes


def _placed(strokes: Strokes, rng: Random) -> Strokes:
    """Turned by up to 12 degrees, stretched, and brought to the canvas of 800 pixels that deformations are meant for."""
    angle = rng.uniform(-0.21, 0.21)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    stretch = np.exp(rng.uniform(-0.18, 0.18, 2))
    points = [np.asarray(stroke, np.float64) * stretch @ turn for stroke in strokes]
    every = np.concatenate(points)
    low, high = every.min(0), every.max(0)
    scale = rng.uniform(480, 700) / (high - low).max()
    return [(stroke - (low + high) / 2) * scale + 400 for stroke in points]


def _arc(
    x: float, y: float, a: float, b: float, start: float = 0.0, end: float = 2 * np.pi, n: int = 28
) -> NDArray:
    turn = np.linspace(start, end, n)
    return np.stack([x + a * np.cos(turn), y + b * np.sin(turn)], 1)


def _line(*corners: tuple[float, float], n: int = 6) -> NDArray:
    """A stroke through corners, with points between them, as a pen leaves."""
    parts = [np.linspace(p, q, n, endpoint=False) for p, q in pairwise(corners)]
    return np.concatenate([*parts, [corners[-1]]])


def _box(left: float, top: float, right: float, bottom: float) -> NDArray:
    return _line((left, top), (right, top), (right, bottom), (left, bottom), (left, top))


def _house(rng: Random) -> Strokes:
    wall, roof, door = rng.uniform(45, 70), rng.uniform(25, 50), rng.uniform(12, 20)
    over, x = rng.uniform(0, 8), rng.uniform(10, 60)
    strokes = [
        _box(0, 0, 100, wall),
        _line((-over, 0), (rng.uniform(40, 60), -roof), (100 + over, 0)),
        _line((x, wall), (x, wall * 0.45), (x + door, wall * 0.45), (x + door, wall)),
    ]
    if rng.random() < 0.7:
        at = 8 if x > 45 else 66
        strokes.append(_box(at, wall * 0.25, at + 22, wall * 0.6))
        if rng.random() < 0.5:
            strokes.append(_line((at, wall * 0.42), (at + 22, wall * 0.42)))
    if rng.random() < 0.4:
        strokes.append(_line((72, -roof * 0.5), (72, -roof), (84, -roof), (84, -roof * 0.28)))
    return strokes


def _sun(rng: Random) -> Strokes:
    start, rays, inner = rng.uniform(0, 6.3), int(rng.integers(7, 14)), rng.uniform(26, 36)
    strokes = [_arc(0, 0, 25, 25, start, start + 6.4)]
    for angle in start + np.arange(rays) * 2 * np.pi / rays:
        way = np.array([np.cos(angle), np.sin(angle)])
        strokes.append(_line(tuple(inner * way), tuple(rng.uniform(45, 58) * way), n=4))
    return strokes


def _face(rng: Random) -> Strokes:
    eye, apart, mood = rng.uniform(3, 8), rng.uniform(14, 22), rng.uniform(-6, 14)
    mouth = np.linspace(-rng.uniform(15, 25), 20, 12)
    strokes = [_arc(0, 0, rng.uniform(38, 50), 50)]
    strokes += [_arc(side * apart, -14, eye, eye, n=12) for side in (-1, 1)]
    strokes.append(np.stack([mouth, 26 - mood * ((mouth / 20) ** 2 - 0.5)], 1))
    if rng.random() < 0.7:
        strokes.append(_line((0, -6), (rng.uniform(-7, 7), 10), (2, 11), n=4))
    return strokes


def _fish(rng: Random) -> Strokes:
    fat, tail = rng.uniform(16, 28), rng.uniform(16, 28)
    strokes = [
        _arc(0, 0, 48, fat, 0.25, 2 * np.pi - 0.25),
        _line(
            (45, fat * 0.25),
            (45 + tail, tail * 0.8),
            (45 + tail * 0.7, 0),
            (45 + tail, -tail * 0.8),
            (45, -fat * 0.25),
        ),
        _arc(-30, -fat * 0.25, 3, 3, n=10),
    ]
    if rng.random() < 0.6:
        strokes.append(_arc(-30, 0, 12, fat * 0.85, -0.9, 0.9, n=10))
    if rng.random() < 0.6:
        strokes.append(_line((-8, -fat), (6, -fat - 14), (18, -fat * 0.9)))
    side = rng.choice([-1, 1])
    return [stroke * [side, 1] for stroke in strokes]


def _star(rng: Random) -> Strokes:
    angles = -np.pi / 2 + np.arange(11) * np.pi / 5
    if rng.random() < 0.5:  # in one go, the lines crossing
        corners = -np.pi / 2 + np.arange(6) * 4 * np.pi / 5
        return [_line(*((50 * np.cos(t), 50 * np.sin(t)) for t in corners))]
    deep = rng.uniform(17, 25)
    radius = np.where(np.arange(11) % 2, deep, 50)
    return [
        _line(*zip((radius * np.cos(angles)).tolist(), (radius * np.sin(angles)).tolist(), strict=True), n=4)
    ]


def _spiral(rng: Random) -> Strokes:
    turns, way = rng.uniform(2.2, 4.5), rng.choice([-1, 1])
    t = np.linspace(0, 1, 90)
    angle = way * 2 * np.pi * turns * t + rng.uniform(0, 6.3)
    return [np.stack([50 * t * np.cos(angle), 50 * t * np.sin(angle)], 1)]


def _ladder(rng: Random) -> Strokes:
    width, rungs, lean = rng.uniform(22, 38), int(rng.integers(4, 9)), rng.uniform(0, 6)
    sides = [_line((lean, -50), (-lean, 50)), _line((width - lean, -50), (width + lean, 50))]
    levels = np.linspace(-42, 42, rungs)
    return sides + [
        _line((lean * -y / 50, y), (width + lean * y / 50, y + rng.normal(0, 1)), n=4) for y in levels
    ]


def _cup(rng: Random) -> Strokes:
    foot, high, ear = rng.uniform(20, 34), rng.uniform(55, 80), rng.uniform(12, 20)
    strokes = [
        _arc(0, 0, 36, rng.uniform(5, 10)),
        _line((-36, 0), (-foot, high)),
        _arc(0, high, foot, 6, np.pi, 0, n=12),
        _line((foot, high), (36, 0)),
        _arc(33, high * 0.42, ear, high * 0.28, -1.35, 1.6, n=16),
    ]
    for k in range(int(rng.integers(0, 4))):
        y = np.linspace(-14, -36, 10)
        strokes.append(np.stack([-16 + 15 * k + 4 * np.sin(y / 4), y], 1))
    return strokes


def _tree(rng: Random) -> Strokes:
    trunk, high = rng.uniform(6, 11), rng.uniform(25, 45)
    strokes = [_line((-trunk, 0), (-trunk * 1.2, high)), _line((trunk, 0), (trunk * 1.2, high))]
    if rng.random() < 0.5:  # a fir
        layers = int(rng.integers(2, 5))
        for k in range(layers):
            wide, y = 40 - 26 * k / layers, -22 * k
            strokes.append(_line((-wide, y), (0, y - 34), (wide, y), (-wide, y)))
        return strokes
    bumps, t = int(rng.integers(6, 10)), np.linspace(0, 2 * np.pi, 80)
    radius = 36 + rng.uniform(3, 6) * np.abs(np.sin(bumps * t / 2))
    return [*strokes, np.stack([radius * np.cos(t + 1.7), -32 + radius * np.sin(t + 1.7)], 1)]


def _car(rng: Random) -> Strokes:
    roof, wheel, hood = rng.uniform(20, 30), rng.uniform(9, 13), rng.uniform(18, 30)
    strokes = [
        _line(
            (-55, 20),
            (-55, 0),
            (-55 + hood, -2),
            (-45 + hood, -roof),
            (15, -roof),
            (30, -2),
            (55, 0),
            (55, 20),
            (-55, 20),
        ),
        _arc(-30, 22, wheel, wheel),
        _arc(30, 22, wheel, wheel),
    ]
    if rng.random() < 0.7:
        strokes.append(
            _line((-40 + hood, -4), (-36 + hood, -roof + 5), (10, -roof + 5), (20, -4), (-40 + hood, -4))
        )
    if rng.random() < 0.5:
        strokes += [_arc(side * 30, 22, wheel * 0.4, wheel * 0.4, n=12) for side in (-1, 1)]
    side = rng.choice([-1, 1])
    return [stroke * [side, 1] for stroke in strokes]


_SHAPES: dict[str, Callable[[Random], Strokes]] = {
    "car": _car,
    "cup": _cup,
    "face": _face,
    "fish": _fish,
    "house": _house,
    "ladder": _ladder,
    "spiral": _spiral,
    "star": _star,
    "sun": _sun,
    "tree": _tree,
}
