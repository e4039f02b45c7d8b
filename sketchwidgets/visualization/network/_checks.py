"""Checks of what describes a network, which name the argument."""

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from sketchwidgets.recognition import Preprocessing

_FINEST_PEN = 1.5  # pixels; a finer one leaves no pixel wholly black


def check_module(module: Any) -> nn.Module:
    if not isinstance(module, nn.Module):
        raise TypeError(f"module must be a torch.nn.Module, not {type(module).__name__}")
    for name, part in module.named_modules():
        if part.training:
            where = f"module {name!r} of the network" if name else "module"
            raise ValueError(f"{where} is in training mode; call module.eval() first")
    return module


def first_channels(module: nn.Module) -> int:
    for part in module.modules():
        if isinstance(part, nn.Conv2d):
            return part.in_channels
    raise ValueError("channels must be given: the module has no convolution to tell them")


def check_count(name: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or not 1 <= value <= 4096:
        raise ValueError(f"{name} must be a whole number in 1..4096, not {value!r}")
    return int(value)


def check_size(size: Any) -> tuple[int, int]:
    sides = tuple(size) if isinstance(size, tuple | list) else (size, size)
    if len(sides) != 2:
        raise ValueError(f"size must be one number or (height, width), not {size!r}")
    return check_count("size", sides[0]), check_count("size", sides[1])


def check_per_channel(name: str, values: Any, channels: int) -> tuple[float, ...]:
    array = np.asarray(values, np.float64)
    if array.ndim > 1 or array.size not in (1, channels) or not np.isfinite(array).all():
        raise ValueError(f"{name} must be one number or {channels}, one a channel, not {values!r}")
    return tuple(float(v) for v in np.broadcast_to(array, (channels,)))


def split_mean(mean: Any, shape: tuple[int, int, int]) -> tuple[Tensor | None, Any]:
    """A mean image (channels, h, w) and its average colour; of anything else None and itself."""
    if not isinstance(mean, Tensor | np.ndarray) or mean.ndim != 3:
        return None, mean
    image = torch.as_tensor(mean).detach().float().cpu()
    if tuple(image.shape) != shape or not torch.isfinite(image).all():
        raise ValueError(f"mean as an image must be {shape} and finite, not {tuple(image.shape)}")
    return image.clone(), image.mean((1, 2))


def check_choice(name: str, value: Any, choices: tuple[str, ...]) -> str:
    if value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, choices))}, not {value!r}")
    return value


def check_classes(classes: Any) -> tuple[str, ...] | None:
    if classes is None:
        return None
    if isinstance(classes, str):
        raise TypeError("classes must be a sequence of names, not one string")
    return tuple(str(name) for name in classes)


def own_size(module: nn.Module) -> tuple[int, int]:
    """(height, width) of what a module says of its input, else the usual 224 pixels."""
    size = getattr(module, "input_size", None)
    sides = size if isinstance(size, tuple | list) else (size, size)
    known = len(sides) == 2 and all(isinstance(side, int) and not isinstance(side, bool) for side in sides)
    return check_size(tuple(sides)) if known else (224, 224)


def check_preprocessing(preprocessing: Preprocessing | None, side: int) -> Preprocessing:
    if preprocessing is None:
        usual = Preprocessing()
        scale = side / usual.size
        return Preprocessing(side, usual.extent * scale, max(usual.stroke_width * scale, _FINEST_PEN))
    if not isinstance(preprocessing, Preprocessing):
        raise TypeError(f"preprocessing must be a Preprocessing, not {type(preprocessing).__name__}")
    if preprocessing.size != side:
        raise ValueError(f"preprocessing makes {preprocessing.size} px, the network takes {side} px")
    return preprocessing
