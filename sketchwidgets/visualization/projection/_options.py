"""What a projection can be asked for, and the checks of what a caller hands in."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ._errors import ProjectionError
from .steps._rules import RULES
from .steps._switches import TIES

_CHOICES = {
    "rule": RULES,
    "signal": ("activation", "unit", "map"),
    "convolution": ("standard", "relevance"),
    "ties": TIES,
    "normalization": (None, "skip", "derivative"),
    "path": ("auto", "windows", "autograd"),
}
_FORMATS = (None, torch.bfloat16, torch.float32, torch.float64, "fast")


@dataclass(frozen=True)
class Options:
    """How to project, as in `project`; checked when made."""

    top: int = 9
    rule: str = "deconvnet"
    signal: str = "activation"
    ties: str = "center"
    normalization: str | None = None
    path: str = "auto"
    convolution: str = "standard"
    dtype: torch.dtype | str | None = None

    def __post_init__(self) -> None:
        for name, choices in _CHOICES.items():
            value = getattr(self, name)
            if value not in choices:
                raise ProjectionError(f"{name} must be one of {', '.join(map(repr, choices))}, not {value!r}")
        if self.dtype not in _FORMATS:
            raise ProjectionError(
                f"dtype must be one of {', '.join(map(_spelled, _FORMATS))}, not {self.dtype!r}"
            )
        if self.dtype is not None and (self.path == "autograd" or self.convolution == "relevance"):
            raise ProjectionError("dtype is for path='auto' or 'windows' with convolution='standard'")
        if isinstance(self.top, bool) or not isinstance(self.top, int | np.integer) or self.top < 1:
            raise ProjectionError(f"top must be a whole number of at least 1, not {self.top!r}")


def asked_options(
    top: int,
    rule: str,
    signal: str = "activation",
    ties: str = "center",
    normalization: str | None = None,
    path: str = "auto",
    convolution: str = "standard",
    dtype: torch.dtype | str | None = None,
) -> Options:
    """`Options` of what a caller asks for, who may say "relevance" as if it were a rule."""
    if rule == "relevance":
        rule, convolution = "backprop", "relevance"
    elif rule not in RULES:
        choices = ", ".join(map(repr, (*RULES, "relevance")))
        raise ProjectionError(f"rule must be one of {choices}, not {rule!r}")
    return Options(top, rule, signal, ties, normalization, path, convolution, dtype)


def _spelled(choice: Any) -> str:
    return repr(choice) if isinstance(choice, str) else str(choice)


def check_images(images: Any, name: str = "images") -> Tensor:
    if not isinstance(images, Tensor | np.ndarray):
        raise ProjectionError(
            f"{name} must be a tensor, not {type(images).__name__}: a torch.nn.Module takes (n, C, H, W) as it is; "
            "drawings and pictures are for a Network, sw.Network.of(module), a Recognizer or None"
        )
    images = torch.as_tensor(images)
    if images.ndim != 4 or 0 in images.shape:
        hint = f"; add an axis for one image: {name}[None]" if images.ndim == 3 else ""
        raise ProjectionError(f"{name} must be (n, C, H, W), not {tuple(images.shape)}{hint}")
    if not images.is_floating_point():
        raise ProjectionError(f"{name} must be floating point, not {images.dtype}")
    if not images.isfinite().all():
        raise ProjectionError(f"{name} with values that are not finite cannot be projected")
    return images


def check_module(model: Any) -> nn.Module:
    if not isinstance(model, nn.Module):
        raise ProjectionError(
            f"model must be a torch.nn.Module, not {type(model).__name__}; or a Network, a Recognizer or None"
        )
    return model


def check_model(model: Any, layers: str | Sequence[str] | None) -> list[str] | None:
    """The names of the wanted layers, each once; None for the default."""
    modules = dict(check_module(model).named_modules())
    for name, module in modules.items():
        if module.training:
            where = f"its module {name!r}" if name else "the model"
            raise ProjectionError(f"{where} is in training mode; call model.eval() first")
    if layers is None:
        return None
    if not isinstance(layers, str | Iterable):
        raise ProjectionError(f"layers must be names of modules, not {layers!r}")
    names = [layers] if isinstance(layers, str) else list(dict.fromkeys(layers))
    for name in names:
        if name not in modules or not name:
            raise ProjectionError(f"the model has no layer {name!r}; see model.named_modules()")
    if not names:
        raise ProjectionError("layers is empty")
    return names


def check_units(
    maps: Tensor, channels: Any, positions: Any, signal: str
) -> tuple[Tensor | None, Tensor | None]:
    """Channels (n, t) and positions (n, t, 2) as int64 on the device of maps (n, c, h, w); None stays None."""
    if channels is None:
        if positions is not None:
            raise ProjectionError("positions needs channels: which channel is each position on?")
        return None, None
    n, count = maps.shape[:2]
    channels = _whole_numbers("channels", channels, maps.device)
    if channels.ndim == 1:
        channels = channels.expand(n, -1)
    if channels.ndim != 2 or len(channels) != n or channels.shape[1] == 0:
        raise ProjectionError(
            f"channels must be a sequence of numbers or ({n}, t), a row for each image, not {tuple(channels.shape)}"
        )
    _check_range("channels", channels, count, f"the {count} channels of the layer")
    if positions is None:
        return channels, None
    if signal == "map":
        raise ProjectionError("positions has no meaning with signal='map', which starts from the whole map")
    positions = _whole_numbers("positions", positions, maps.device)
    if positions.shape != (*channels.shape, 2):
        raise ProjectionError(
            f"positions must be {(*channels.shape, 2)}, row and column of each unit, not {tuple(positions.shape)}"
        )
    for axis, name in enumerate(("row", "column")):
        size = maps.shape[2 + axis]
        _check_range(f"the {name}s in positions", positions[..., axis], size, f"the layer's {size} {name}s")
    return channels, positions


def _whole_numbers(name: str, values: Any, device: torch.device) -> Tensor:
    try:
        values = torch.as_tensor(values)
    except (TypeError, ValueError, RuntimeError) as error:
        raise ProjectionError(f"{name} must be whole numbers: {error}") from None
    if values.numel() and (values.is_floating_point() or values.is_complex() or values.dtype == torch.bool):
        raise ProjectionError(f"{name} must be whole numbers, not {values.dtype}")
    return values.to(device, torch.int64)


def _check_range(name: str, values: Tensor, size: int, of_what: str) -> None:
    low, high = int(values.min()), int(values.max())
    if low < 0 or high >= size:
        raise ProjectionError(f"{name}: {low if low < 0 else high} is not one of {of_what}, 0 to {size - 1}")
