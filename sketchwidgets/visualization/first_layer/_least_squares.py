"""Many small bounded least-squares problems at once: Levenberg and Marquardt, with limits that hold.

A coordinate at its limit that the step would push further is held there for that step, and a step that would
cross a limit ends on it. All problems of a batch share the grid, each has its own damping, and those that have
converged drop out.
"""

import numpy as np

from ._gabor import evaluate

_MOST_STEPS = 150
_ENOUGH = 1e-9  # of the cost gained in a step, relative: then a problem has converged
_STUCK = 1e9  # damping at which no step helps any more


def minimize(
    start: np.ndarray,
    targets: np.ndarray,
    x: np.ndarray,
    y: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    steps: int = _MOST_STEPS,
) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates (n, 9) and sums of squares (n,) of the Gabors nearest to targets (n, pixels), from `start` (n, 9)."""
    best = np.clip(start, low, high)
    cost = np.square(evaluate(best, x, y)[0] - targets).sum(1)
    damping = np.full(len(best), 1e-2)
    active = np.arange(len(best))
    for _ in range(steps):
        if not len(active):
            break
        at = best[active]
        values, slopes = evaluate(at, x, y, derivatives=True)
        gradient = (slopes @ (targets[active] - values)[:, :, None])[:, :, 0]
        step = _step(at, gradient, slopes @ slopes.swapaxes(1, 2), damping[active], low, high)
        tried = np.clip(at + step, low, high)
        new = np.square(evaluate(tried, x, y)[0] - targets[active]).sum(1)
        better = new < cost[active]
        gain = cost[active] - new
        best[active[better]], cost[active[better]] = tried[better], new[better]
        damping[active] = np.where(better, np.maximum(damping[active] / 4, 1e-10), damping[active] * 5)
        done = (better & (gain <= _ENOUGH * new)) | (damping[active] > _STUCK) | (new < 1e-18)
        active = active[~done]
    return best, cost


def _step(
    at: np.ndarray,
    gradient: np.ndarray,
    normal: np.ndarray,
    damping: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
) -> np.ndarray:
    held = ((at <= low) & (gradient < 0)) | ((at >= high) & (gradient > 0))
    free = (~held).astype(np.float64)
    normal = normal * free[:, :, None] * free[:, None, :]
    scale = normal.diagonal(axis1=1, axis2=2)
    # Where a coordinate has no influence at all, any positive number keeps it where it is.
    ridge = damping[:, None] * scale + np.where(scale > 1e-12, 1e-300, 1.0)
    normal[:, range(9), range(9)] += ridge
    step = np.linalg.solve(normal + 1e-14 * np.eye(9), (gradient * free)[:, :, None])[:, :, 0]
    return np.nan_to_num(step, nan=0.0, posinf=0.0, neginf=0.0)
