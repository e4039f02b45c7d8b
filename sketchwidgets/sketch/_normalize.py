"""Where a drawing goes in the frame: centred, its longer side a stated length, the aspect ratio kept."""

import numpy as np

# A drawing smaller than this (in its own units) is a dot: it is centred and not enlarged to fill the frame.
DOT = 1e-3


def fit_to_frame(
    lower: np.ndarray, upper: np.ndarray, size: int, extent: float
) -> tuple[np.ndarray, np.ndarray]:
    """Scale and offset that centre bounding boxes in a frame of `size` x `size` pixels.

    Parameters
    ----------
    lower, upper : (..., 2) corners of the bounding boxes, x and y.
    size : side of the frame in pixels.
    extent : length in pixels given to the longer side of the box.

    Returns
    -------
    scale (...,) and offset (..., 2), float64: a point p goes to p * scale + offset.

    >>> scale, offset = fit_to_frame(np.array([0.0, 0.0]), np.array([10.0, 5.0]), size=225, extent=200)
    >>> float(scale), offset.tolist()
    (20.0, [12.0, 62.0])
    """
    lower = np.asarray(lower, np.float64)
    upper = np.asarray(upper, np.float64)
    longer = (upper - lower).max(-1)
    scale = np.where(longer > DOT, extent / np.maximum(longer, DOT), 1.0)
    offset = (size - 1) / 2 - scale[..., None] * (lower + upper) / 2
    return scale, offset
