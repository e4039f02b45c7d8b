"""Many small bounded least-squares problems at once: Levenberg and Marquardt, with limits that hold.

A coordinate at its limit that the step would push further is held there for that step, and a step that would
cross a limit ends on it. All problems of a batch share the grid, each has its own damping, and those that have
converged drop out.
"""

import torch
from torch import Tensor

from ._gabor import evaluate

_MOST_STEPS = 150
_ENOUGH = 1e-9  # of the cost gained in a step, relative: then a problem has converged
_STUCK = 1e9  # damping at which no step helps any more


def minimize(
    start: Tensor,
    targets: Tensor,
    x: Tensor,
    y: Tensor,
    low: Tensor,
    high: Tensor,
    steps: int = _MOST_STEPS,
) -> tuple[Tensor, Tensor]:
    """Coordinates (n, 9) and sums of squares (n,) of the Gabors nearest to targets (n, pixels), from `start` (n, 9)."""
    best = start.clamp(low, high)
    cost = (evaluate(best, x, y)[0] - targets).square().sum(1)
    damping = torch.full_like(cost, 1e-2)
    active = torch.arange(len(best))
    for _ in range(steps):
        if not len(active):
            break
        at = best[active]
        values, slopes = evaluate(at, x, y, derivatives=True)
        gradient = slopes @ (targets[active] - values)[:, :, None]
        step = _step(at, gradient[:, :, 0], slopes @ slopes.mT, damping[active], low, high)
        tried = (at + step).clamp(low, high)
        new = (evaluate(tried, x, y)[0] - targets[active]).square().sum(1)
        better = new < cost[active]
        gain = cost[active] - new
        best[active] = torch.where(better[:, None], tried, at)
        cost[active] = torch.where(better, new, cost[active])
        damping[active] = torch.where(better, (damping[active] / 4).clamp_min(1e-10), damping[active] * 5)
        done = (better & (gain <= _ENOUGH * new)) | (damping[active] > _STUCK) | (new < 1e-18)
        active = active[~done]
    return best, cost


def _step(at: Tensor, gradient: Tensor, normal: Tensor, damping: Tensor, low: Tensor, high: Tensor) -> Tensor:
    held = ((at <= low) & (gradient < 0)) | ((at >= high) & (gradient > 0))
    free = (~held).to(at.dtype)
    normal = normal * free[:, :, None] * free[:, None, :]
    scale = normal.diagonal(dim1=1, dim2=2)
    # Where a coordinate has no influence at all, any positive number keeps it where it is.
    ridge = damping[:, None] * scale + torch.where(scale > 1e-12, 0.0, 1.0)
    step, _ = torch.linalg.solve_ex(normal + torch.diag_embed(ridge), gradient * free)
    return step.nan_to_num(0.0, 0.0, 0.0)
