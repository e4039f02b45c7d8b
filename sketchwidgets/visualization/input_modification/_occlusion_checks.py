"""What `sw.occlusion` is given: checked, with its defaults."""

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ._patches import Pair, as_pair


def check_image(model: Any, image: Any) -> Tensor:
    if not isinstance(model, nn.Module):
        raise ValueError(f"model must be a torch.nn.Module, not {type(model).__name__}")
    for name, module in model.named_modules():
        if module.training:
            raise ValueError(
                f"{f'module {name!r} of the model' if name else 'the model'} is in training mode; call model.eval()"
            )
    if not isinstance(image, Tensor | np.ndarray):
        raise ValueError(f"image must be a tensor, not {type(image).__name__}")
    image = torch.as_tensor(image)
    image = image[None] if image.ndim == 3 else image
    if image.ndim != 4 or image.shape[0] != 1 or 0 in image.shape:
        raise ValueError(f"image must be (1, C, H, W), not {tuple(image.shape)}")
    if not image.is_floating_point():
        raise ValueError(f"image must be floating point, not {image.dtype}")
    if not image.isfinite().all():
        raise ValueError("image must be finite")
    dtypes = {parameter.dtype for parameter in model.parameters() if parameter.is_floating_point()}
    if dtypes and image.dtype not in dtypes:
        wanted = " and ".join(sorted(map(str, dtypes)))
        raise ValueError(f"image is {image.dtype}, and the model is {wanted}: image.to({wanted})")
    return image.detach()


def check_runs(image: Tensor, size: Any, stride: Any, further: Any) -> list[tuple[Pair, Pair]]:
    height, width = image.shape[2:]
    # A seventh, and even: patches half of it apart then overlap all alike, without seams in the heat map.
    pair = (2 * max(1, height // 14), 2 * max(1, width // 14)) if size is None else as_pair("size", size)
    step = tuple(max(1, n // 2) for n in pair) if stride is None else as_pair("stride", stride)
    runs = [(pair, step)]
    try:
        runs += [
            (as_pair(f"size of further[{i}]", a), as_pair(f"stride of further[{i}]", b))
            for i, (a, b) in enumerate(further)
        ]
    except TypeError:
        raise ValueError(f"further must be pairs of a size and a stride, not {further!r}") from None
    for pair, _ in runs:
        if pair[0] > height or pair[1] > width:
            raise ValueError(f"size {pair} is larger than the image, {height} x {width}")
    return runs


def check_count(name: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
        raise ValueError(f"{name} must be a whole number of at least 1, not {value!r}")
    return int(value)


def check_index(name: str, value: Any, count: int, default: Any) -> int:
    if value is None:
        return int(default)
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or not 0 <= value < count:
        raise ValueError(f"{name} must be a whole number from 0 to {count - 1}, not {value!r}")
    return int(value)


def check_layer(model: nn.Module, layer: Any) -> str | None:
    if layer is not None and (
        not isinstance(layer, str) or not layer or layer not in dict(model.named_modules())
    ):
        raise ValueError(f"the model has no layer {layer!r}; see model.named_modules()")
    return layer


def check_channel(channel: Any, before: Tensor, layer: str) -> int:
    if before.ndim not in (2, 4) or before.shape[0] != 1:
        raise ValueError(f"layer {layer!r} returns {tuple(before.shape)}, not (1, c, h, w) or (1, c)")
    totals = before[0].cpu().double().flatten(1).sum(1) if before.ndim == 4 else before[0]
    return check_index("channel", channel, before.shape[1], totals.argmax())
