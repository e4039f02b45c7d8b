"""The plain evaluation: one whole forward pass of every occluded image, in batches."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..projection.recording._recorder import Forward, watch
from ._layers import LastMap
from ._measure import Measured, measure
from ._patches import Patches


def run_forward(
    model: nn.Module, images: Tensor, layer: str | None, forward: Forward | None = None
) -> tuple[Any, str, Tensor]:
    """Output, layer and the layer's value of one forward pass, as the pass left it at that place.

    layer : None for the last that returns a map of more than one position.
    """
    kept: dict[str, Tensor] = {}
    last = LastMap(model)

    def collect(name: str, output: Any) -> bool:
        if layer is None:
            if last.offer(name, output):
                kept.clear()
                kept[name] = output.clone()  # an in-place activation may follow
        elif not kept:
            if not isinstance(output, Tensor):
                raise ValueError(f"layer {layer!r} returns a {type(output).__name__}, not a tensor")
            kept[name] = output.clone()
        return False

    with torch.inference_mode(False), torch.no_grad(), watch(model, layer and [layer], collect):
        images = images.clone()  # the model may write into its input
        output = model(images) if forward is None else forward(model, images)
    if not kept:
        raise ValueError(
            "the model has no feature map of more than one position; name a layer"
            if layer is None
            else f"the forward pass did not run layer {layer!r}"
        )
    ((name, value),) = kept.items()
    return output, name, value


def evaluate(
    model: nn.Module,
    patches: Patches,
    layer: str,
    channel: int,
    before: Tensor,
    batch_size: int,
    forward: Forward | None = None,
) -> Iterator[tuple[np.ndarray, Measured, Tensor]]:
    """Positions (k,), what was measured there, and the outputs (k, classes), a batch at a time.

    before: the layer's unoccluded value. Positions at which the patch changes no pixel are left out.
    """
    positions = patches.changed()
    for first in range(0, len(positions), batch_size):
        some = positions[first : first + batch_size]
        output, _, value = run_forward(model, patches.images(some), layer, forward)
        yield some, measure(value, before, channel), output
