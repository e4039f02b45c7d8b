"""Drawings for a hand to repeat: a person's own, with its times, or one made here where there is no data."""

from pathlib import Path

import numpy as np
from skimage.measure import approximate_polygon

BOARD = 400.0
MARGIN = 40.0
TOLERANCE = 2.0  # board units; of QuickDraw's simplified drawings, whose sides are 255 long


def timed_drawing(shared: Path | None, name: str = "cat", which: int = 0) -> list[np.ndarray]:
    """Strokes (n, 3), x and y in board units and t in ms from the first point, of a QuickDraw drawing.

    Where `shared` is None it is a cat of six strokes made in code, whatever the name.
    """
    if shared is None:
        return cat()
    with np.load(shared / "data" / "quickdraw345_timed.npz") as data:
        index = np.flatnonzero(data["label"] == list(data["classes"]).index(name))[which]
        stroke_ends = np.cumsum(data["n_strokes"], dtype=np.int64)
        point_ends = np.cumsum(data["stroke_len"], dtype=np.int64)
        points = np.stack([data["x"], data["y"], data["t_ms"]], axis=1).astype(float)
        last = stroke_ends[index]
        first = last - data["n_strokes"][index]
    ends = point_ends[first:last]
    starts = ends - np.diff(np.r_[0, point_ends])[first:last]
    return fit([points[a:b] for a, b in zip(starts, ends, strict=True)])


def fewer_points(strokes: list[np.ndarray]) -> list[np.ndarray]:
    """The same drawing by the points at which its lines bend: a third of them, and so of the page's frames."""
    kept = [approximate_polygon(stroke[:, :2], TOLERANCE) for stroke in strokes]
    return [
        stroke[np.isin(stroke[:, 0] + 1j * stroke[:, 1], some[:, 0] + 1j * some[:, 1])]
        for stroke, some in zip(strokes, kept, strict=True)
    ]


def cat() -> list[np.ndarray]:
    """A cat's face: head, two ears, two eyes, and a mouth with whiskers in one line each."""
    turn = np.linspace(0, 2 * np.pi, 40)
    lines = [
        np.stack([200 + 110 * np.cos(turn), 230 + 100 * np.sin(turn)], axis=1),
        np.array([(110, 170), (105, 80), (165, 138)]),
        np.array([(235, 138), (295, 80), (290, 170)]),
        np.stack([165 + 10 * np.cos(turn), 205 + 14 * np.sin(turn)], axis=1),
        np.stack([235 + 10 * np.cos(turn), 205 + 14 * np.sin(turn)], axis=1),
        np.array([(190, 250), (210, 250), (200, 262), (200, 275), (180, 290), (200, 275), (222, 290)]),
    ]
    strokes, clock = [], 0.0
    for line in lines:
        times = clock + 12.0 * np.arange(len(line))
        clock = times[-1] + 300
        strokes.append(np.column_stack([line, times]))
    return strokes


def fit(strokes: list[np.ndarray]) -> list[np.ndarray]:
    """Centre strokes on the board and scale them to fill it but for a margin; times start at 0."""
    points = np.concatenate(strokes)
    low, high = points[:, :2].min(axis=0), points[:, :2].max(axis=0)
    scale = (BOARD - 2 * MARGIN) / (high - low).max()
    fitted = []
    for stroke in strokes:
        stroke = stroke.copy()
        stroke[:, :2] = (stroke[:, :2] - (low + high) / 2) * scale + BOARD / 2
        stroke[:, 2] -= points[0, 2]
        fitted.append(stroke)
    return fitted
