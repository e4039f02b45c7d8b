"""Steps that act on every position by itself: activations, scales, sums, products, normalization."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from .._errors import UnsupportedOperation
from ..recording._tape import Saved
from ..windows._windows import Windows
from ._normalization import group_norm_signal, layer_norm_signal, local_response_signal
from ._rules import Activation, no_rule, send_down, skips_normalization
from ._step import Signals, Step, whole

if TYPE_CHECKING:
    from ..windows._sweep import Sweep


class Identity(Step):
    """A copy, a cast, an addition of a constant, or one output that is the sum of several maps of the same shape."""

    def __init__(self, inputs: Sequence[int], dtype: torch.dtype | None = None) -> None:
        super().__init__(inputs)
        self.dtype = dtype

    def pull(self, signal: Windows, sweep: "Sweep") -> Signals:
        if self.dtype is not None:
            signal = signal.with_signal(signal.signal.to(self.dtype))
        return [(value, signal) for value in self.inputs]


class Scale(Step):
    """A product with a constant: a number, or a tensor that broadcasts over the output without widening it."""

    is_scale = True

    def __init__(self, inputs: Sequence[int], factor: float | Tensor) -> None:
        super().__init__(inputs)
        self.factor = factor

    def pull(self, signal: Windows, sweep: "Sweep") -> Signals:
        factor = self.factor
        if isinstance(factor, Tensor) and factor.ndim:
            factor = factor.reshape((1,) * (signal.signal.ndim - factor.ndim) + factor.shape)
            if (factor.ndim == 4 and factor.shape[2:] != (1, 1)) or factor.shape[0] != 1:
                factor = sweep.gather(Saved(factor.expand(sweep.tape.shapes[self.output])), signal)
            factor = factor.to(signal.signal.dtype)
            if factor.shape == (1, signal.signal.shape[1], 1, 1) and sweep.folds(self, signal):
                sweep.gains[self.inputs[0]] = factor.view(-1, 1, 1, 1)
                return [(self.inputs[0], signal)]
        return [(self.inputs[0], signal.with_signal(signal.signal * factor))]


class Activate(Step):
    """An activation: where the rules differ."""

    is_activation = True

    def __init__(self, inputs: Sequence[int], activation: Activation, saved: Saved, where: str = "") -> None:
        super().__init__(inputs)
        self.activation = activation
        self.saved = saved
        self.where = where  # the module, for the error of an activation without a rule

    def pull(self, signal: Windows, sweep: "Sweep") -> Signals:
        down = send_down(
            sweep.rule,
            self.activation,
            signal.signal,
            lambda: sweep.gather(self.saved, signal),
            self.where,
        )
        return [(self.inputs[0], signal.with_signal(down))]


class PRelu(Step):
    """The parametric ReLU: a leaky ReLU with a slope per channel."""

    is_activation = True

    def __init__(self, inputs: Sequence[int], saved: Saved, slopes: Tensor) -> None:
        super().__init__(inputs)
        self.saved = saved
        self.slopes = slopes

    def pull(self, signal: Windows, sweep: "Sweep") -> Signals:
        activation = Activation(
            "prelu",
            lambda g, x: g * torch.where(x > 0, 1, self.slopes.to(g)),
            saves_output=False,
            monotonic=False,
        )
        down = send_down(sweep.rule, activation, signal.signal, lambda: sweep.gather(self.saved, signal))
        return [(self.inputs[0], signal.with_signal(down))]


class Product(Step):
    """A map times another that also depends on the images: true product rule for backprop, else the gate is fixed."""

    def __init__(self, factors: Sequence[tuple[int, Saved]], gate: int | None, where: str = "") -> None:
        super().__init__([value for value, _ in factors])
        self.where = where  # the module, for the error of a product without a gate
        self.factors = tuple(factors)
        self.gate = gate  # which of the two factors is the gate; None if neither is

    def pull(self, signal: Windows, sweep: "Sweep") -> Signals:
        if sweep.rule != "backprop":
            if self.gate is None:
                raise no_rule(sweep.rule, "product of two maps", where=self.where)
            passed = [1 - self.gate]
        else:
            passed = [0, 1]
        return [self._toward(which, signal, sweep) for which in passed]

    def _toward(self, which: int, signal: Windows, sweep: "Sweep") -> tuple[int, Windows]:
        value = self.inputs[which]
        target, source = sweep.tape.shapes[value], sweep.tape.shapes[self.output]
        other = self.factors[1 - which][1].tensor
        if other.ndim != len(source):
            raise UnsupportedOperation("a product that broadcasts over missing axes")
        if other.shape[2:] == (1, 1) != source[2:]:  # one gain per channel: nothing to cut into windows
            down = signal.signal * other[sweep.owners_on(other.device)]
        else:
            down = signal.signal * sweep.gather(Saved(other.expand(source)), signal)
        if target == source:
            return value, signal.with_signal(down)
        summed = [axis for axis in range(1, len(source)) if target[axis] != source[axis]]
        if not set(summed) <= {2, 3} or any(target[axis] != 1 for axis in summed) or len(summed) != 2:
            raise UnsupportedOperation("a product that broadcasts over other axes than rows and columns")
        return value, Windows(down.sum(summed, keepdim=True))


class LocalResponseNorm(Step):
    """y = x / (k + alpha · mean of x² over `size` neighbouring channels)^beta."""

    def __init__(
        self, inputs: Sequence[int], maps: Saved, size: int, alpha: float, beta: float, k: float
    ) -> None:
        super().__init__(inputs)
        self.maps = maps
        self.constants = (size, alpha, beta, k)

    def pull(self, signal: Windows, sweep: "Sweep") -> Signals:
        if skips_normalization(sweep.rule, sweep.normalization):
            return [(self.inputs[0], signal)]
        down = local_response_signal(signal.signal, sweep.gather(self.maps, signal), *self.constants)
        return [(self.inputs[0], signal.with_signal(down))]


class GroupNorm(Step):
    """Normalization of each group of channels over its whole map; mean and rstd (n, groups)."""

    def __init__(
        self, inputs: Sequence[int], maps: Saved, mean: Tensor, rstd: Tensor, weight: Tensor | None
    ) -> None:
        super().__init__(inputs)
        self.saved = (maps, mean, rstd, weight)

    def pull(self, signal: Windows, sweep: "Sweep") -> Signals:
        maps, mean, rstd, weight = self.saved
        owners = sweep.owners_on(rstd.device)
        if skips_normalization(sweep.rule, sweep.normalization):
            # With fixed statistics it is a scale of every channel, and keeps the place.
            per_group = sweep.tape.shapes[self.output][1] // rstd.shape[1]
            factor = rstd[owners].repeat_interleave(per_group, dim=1)[:, :, None, None]
            if weight is not None:
                factor = factor * weight[:, None, None]
            return [(self.inputs[0], signal.with_signal(signal.signal * factor))]
        on_map = whole(signal, sweep.tape.size(self.output))
        down = group_norm_signal(on_map, maps.tensor[owners], mean[owners], rstd[owners], weight)
        return [(self.inputs[0], Windows(down))]


class LayerNorm(Step):
    """Layer normalization over the last `axes` axes of a value."""

    def __init__(
        self, inputs: Sequence[int], x: Saved, mean: Tensor, rstd: Tensor, weight: Tensor | None, axes: int
    ) -> None:
        super().__init__(inputs)
        self.saved = (x, mean, rstd, weight)
        self.axes = axes

    def pull(self, signal: Windows, sweep: "Sweep") -> Signals:
        x, mean, rstd, weight = self.saved
        on_map = whole(signal, sweep.tape.size(self.output))
        owners = sweep.owners_on(on_map.device)
        fixed = skips_normalization(sweep.rule, sweep.normalization)
        x = None if fixed else x.tensor[owners]
        down = layer_norm_signal(on_map, x, mean[owners], rstd[owners], weight, self.axes)
        return [(self.inputs[0], Windows(down))]
