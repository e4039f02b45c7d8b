"""What the numbers of a network's input mean, and the units in which the papers state their settings."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from sketchwidgets.models.importers import ImportedNetwork
from sketchwidgets.recognition import Recognizer

from ..network import Network
from ._errors import ReconstructionError


@dataclass(frozen=True)
class InputSpace:
    """The way from grey levels to a network's input: input = (value - mean) / std, values in low..high.

    The papers' networks (Caffe, MatConvNet) take grey levels 0..255 less their mean, and the papers' learning
    rates, penalties and noise are in those units. Here every image is optimised in them, whatever the network
    takes. With q = 255 / (high - low):

        level = q * (value - low)               0..255, what is clipped
        x     = q * (value - mean)              = level - mean level, what is optimised and penalised
        input = x / (q * std)

    For a Caffe network (value_range=(0, 255), std=1) x is the input. For a drawing (ink 0..1, mean 0) x is 255
    times the ink.

    mean, std : one number a channel. low, high : range of the values. ink : "positive" where ink is high on paper of low.
    channel_order : "rgb" or "bgr".
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]
    low: float = 0.0
    high: float = 1.0
    ink: str = "negative"
    channel_order: str = "rgb"

    @property
    def channels(self) -> int:
        return len(self.mean)

    def _columns(self, like: Tensor) -> tuple[Tensor, Tensor]:
        make = lambda values: torch.tensor(values, dtype=like.dtype, device=like.device).view(-1, 1, 1)  # noqa: E731
        return make(self.mean), make(self.std)

    @property
    def _levels(self) -> float:
        return 255 / (self.high - self.low)

    def to_inputs(self, x: Tensor) -> Tensor:
        """Levels less their mean, (n, C, H, W), as the network takes them; differentiable."""
        return x / (self._columns(x)[1] * self._levels)

    def from_inputs(self, inputs: Tensor) -> Tensor:
        """Inverse of `to_inputs`."""
        return inputs * (self._columns(inputs)[1] * self._levels)

    def bounds(self, like: Tensor) -> tuple[Tensor, Tensor]:
        """The least and the largest x of each channel, (C, 1, 1): levels 0 and 255."""
        mean, _ = self._columns(like)
        return (self.low - mean) * self._levels, (self.high - mean) * self._levels

    def clip(self, x: Tensor) -> Tensor:
        """x with its levels clipped to 0..255."""
        low, high = self.bounds(x)
        return torch.minimum(torch.maximum(x, low), high)

    def levels(self, x: Tensor) -> Tensor:
        """The levels of x, (n, C, H, W) uint8, rounded and clipped."""
        low, _ = self.bounds(x)
        return (x - low).nan_to_num().clamp(0, 255).round().to(torch.uint8)

    def pictures(self, levels: Tensor) -> np.ndarray:
        """Levels (n, C, H, W) uint8 as a person sees them: (n, H, W) or (n, H, W, 3), drawings dark on white.

        Of 6 channels (stroke order) the last is shown, the whole drawing; of other numbers their average.
        """
        if self.channels == 6:
            levels = levels[:, -1:]
        elif self.channels not in (1, 3):
            levels = levels.float().mean(1, keepdim=True).round().to(torch.uint8)
        elif self.channels == 3 and self.channel_order == "bgr":
            levels = levels.flip(1)
        if self.ink == "positive":
            levels = 255 - levels
        pixels = levels.cpu().permute(0, 2, 3, 1).numpy()
        return np.ascontiguousarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)


@dataclass(frozen=True)
class Subject:
    """A module, its input space, and what else is known about it."""

    module: nn.Module
    space: InputSpace
    size: tuple[int, int] | None = None
    classes: tuple[str, ...] | None = None
    name: str = ""

    def place(self) -> tuple[torch.device, torch.dtype]:
        """Device and dtype of the first floating-point parameter."""
        for tensor in (*self.module.parameters(), *self.module.buffers()):
            if tensor.is_floating_point():
                return tensor.device, tensor.dtype
        return torch.device("cpu"), torch.float32


def known_network(model: Any) -> Any:
    """The Network of a `sw.Recognizer`, an imported network, or for None the bundled one; anything else as it is."""
    knows_its_input = model is None or isinstance(model, Recognizer | ImportedNetwork)
    return Network.of(model) if knows_its_input else model


def subject_of(
    model: Any,
    mean: float | Sequence[float] | None,
    std: float | Sequence[float] | None,
    value_range: tuple[float, float] | None,
    channels: int | None,
) -> Subject:
    """The module of `model`, a torch module or a `sw.Network`, with its input space; arguments win over both."""
    module = model if isinstance(model, nn.Module) else getattr(model, "module", None)
    if not isinstance(module, nn.Module):
        raise ReconstructionError(f"model must be a torch.nn.Module or a Network, not {type(model).__name__}")
    known = model if module is not model else None
    for name, part in module.named_modules():
        if part.training:
            where = f"its module {name!r}" if name else "the model"
            raise ReconstructionError(f"{where} is in training mode; call model.eval() first")
    if channels is None:
        channels = getattr(known, "channels", None) or _first_channels(module)
    size = getattr(known, "size", None)
    if size is None and isinstance(own := getattr(module, "input_size", None), int):
        size = (own, own)
    try:
        low, high = map(float, (0, 1) if value_range is None else value_range)
    except (TypeError, ValueError):
        low = high = math.nan
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise ReconstructionError(f"value_range must be two numbers, the lower first, not {value_range!r}")
    space = InputSpace(
        _per_channel("mean", getattr(known, "mean", 0.0) if mean is None else mean, channels),
        _per_channel("std", getattr(known, "std", 1.0) if std is None else std, channels),
        low,
        high,
        getattr(known, "ink", None) or ("positive" if channels in (1, 6) else "negative"),
        getattr(known, "channel_order", "rgb"),
    )
    if min(space.std) <= 0:
        raise ReconstructionError(f"std must be above 0, not {std!r}")
    name = getattr(known, "name", None) or type(module).__name__
    return Subject(module, space, size, getattr(known, "classes", None), name)


def _first_channels(module: nn.Module) -> int:
    for part in module.modules():
        if isinstance(part, nn.Conv2d):
            return part.in_channels
    return 1


def _per_channel(name: str, values: float | Sequence[float], channels: int) -> tuple[float, ...]:
    numbers = np.asarray(values, np.float64).reshape(-1)
    if len(numbers) not in (1, channels) or not np.isfinite(numbers).all():
        raise ReconstructionError(f"{name} must be a number or {channels} of them, not {values!r}")
    return tuple(np.broadcast_to(numbers, (channels,)).tolist())
