import numpy as np
import pytest

from sketchwidgets.training import DrawingSet


@pytest.fixture(scope="session")
def drawings_file(tmp_path_factory):
    """An .npz like the QuickDraw one: 80 scribbles of three kinds, one to five strokes each."""
    rng = np.random.default_rng(0)
    n_strokes = rng.integers(1, 6, 80)
    stroke_len = rng.integers(1, 9, n_strokes.sum())
    path = tmp_path_factory.mktemp("drawings") / "drawings.npz"
    np.savez(
        path,
        xy=rng.integers(0, 256, (stroke_len.sum(), 2)).astype(np.uint8),
        stroke_len=stroke_len.astype(np.uint16),
        n_strokes=n_strokes.astype(np.uint16),
        label=(np.arange(80) % 6).astype(np.uint16),
        classes=np.array(["cat", "dog", "the moon", "bee", "owl", "house"]),
        # Every eighth is divisible by 25, so that some are held out.
        key_id=np.arange(80, dtype=np.uint64) * 25 + (np.arange(80) % 8 > 0),
    )
    return path


@pytest.fixture(scope="session")
def drawings(drawings_file):
    return DrawingSet.load(drawings_file)
