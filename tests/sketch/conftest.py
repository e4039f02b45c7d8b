import numpy as np
import pytest


@pytest.fixture(scope="session")
def packed_quickdraw(shared):
    """300 drawings of QuickDraw, packed: points (P, 2) float64, points of each stroke, drawing of each stroke."""
    with np.load(shared / "data" / "quickdraw345.npz") as data:
        drawing = np.repeat(np.arange(300), data["n_strokes"][:300])
        lengths = data["stroke_len"][: len(drawing)].astype(np.int64)
        return data["xy"][: lengths.sum()].astype(np.float64), lengths, drawing
