"""What is measured of one feature map while patches are moved over the image."""

from dataclasses import dataclass

import torch
from torch import Tensor

from sketchwidgets.models import widest_float


@dataclass(frozen=True)
class Measured:
    """activity (k,): the map's total activation; change (k,): the 2-norm of what the patch changed in it.

    float64, or what the device has.
    """

    activity: Tensor
    change: Tensor

    @staticmethod
    def cat(parts: list["Measured"]) -> "Measured":
        return Measured(
            torch.cat([part.activity for part in parts]), torch.cat([part.change for part in parts])
        )


def measure(values: Tensor, before: Tensor, channel: int, total: Tensor | None = None) -> Measured:
    """Measure channel `channel` of values (k, c, ...) against the unoccluded ones, (1 or k, c, ...).

    total : where the values are only a part of the map, the unoccluded sum over all of it.
    """
    dtype = widest_float(values.device)
    now, then = values[:, channel].to(dtype), before[:, channel].to(dtype)
    difference = (now - then).flatten(1) if now.ndim > 1 else (now - then)[:, None]
    if total is not None:
        activity = total + difference.sum(1)
    else:
        activity = now.flatten(1).sum(1) if now.ndim > 1 else now
    return Measured(activity, torch.linalg.vector_norm(difference, dim=1))
