"""The backward rules of the three projection methods, and the activations they apply to.

Let x be the input of an activation, y = f(x) its output, R the signal that arrives from above. What is
passed down (Grün et al., ICML workshop 2016, arXiv 1606.07757, figure 2; here written for any f):

    backprop    R · f'(x)                     Simonyan et al. 2013: the true gradient
    deconvnet   max(R, 0)                     Zeiler & Fergus 2014: rectify the signal, ignore the forward mask
    guided      max(max(R, 0) · f'(x), 0)     Springenberg et al. 2015: both

For the ReLU, f'(x) = [x > 0], these are R·[x>0], R·[R>0] and R·[x>0]·[R>0] of the papers. The same three
lines hold for every *rectifier*, an activation whose output is non-negative or nearly so, because the
argument of the papers for rectifying the signal (the maps going up are positive, so the maps going down
should be) needs no more than that:

    ReLU, ReLU6, Hardtanh and clamp with a lower limit of 0 or more, threshold, leaky and parametric ReLU,
    ELU (SELU, CELU), SiLU, GELU, Mish, Hardswish, Softplus, sigmoid and Hardsigmoid.

SiLU, GELU, Mish and Hardswish have f' < 0 on a small interval; the outer maximum of the guided rule removes
what would come through there. Tanh, Hardtanh(-1, 1) and the like have signed maps: only backprop is defined
for them, and the other two rules raise an error that names the activation.

What is not an activation goes down the same way under every rule, with two exceptions:

    gates           A product of two maps that both depend on the image is a map times a gate (squeeze and
                    excite). Under deconvnet and guided the gate is held fixed, as a per-channel gain. The
                    gate is the factor with one position per channel, or the one that a sigmoid or
                    hardsigmoid made. Backprop differentiates both.
    normalization   Local response normalization is skipped by deconvnet, as in the paper (identity), and
                    layer, group and instance normalization keep their statistics fixed there; the other rules take
                    the true derivative. `normalization="skip"` or `"derivative"` overrides this. Batch normalization
                    in eval mode is a per-channel scale, a part of the filter, under every rule.

What only tells PyTorch where to stop a gradient (`detach`, `.data`, `torch.no_grad` around a part of the forward
pass) changes nothing of what the network computes of the image, and is crossed under every rule, as if it were not
there: also the stem of a network is looked into that is frozen in this way.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from .._errors import ProjectionError

aten = torch.ops.aten

RULES = ("deconvnet", "guided", "backprop")


@dataclass(frozen=True)
class Activation:
    """One kind of activation: how its derivative multiplies a signal, and whether it is a rectifier.

    `derivative(signal, saved)` is signal · f'(x), pointwise; `saved` is y where `saves_output`, else x.
    """

    name: str
    derivative: Callable[[Tensor, Tensor], Tensor]
    saves_output: bool
    rectifier: bool = True
    monotonic: bool = True  # f' >= 0 everywhere
    into: Callable[[Tensor, Tensor], Tensor] | None = None  # `derivative`, written into the signal

    def check(self, rule: str, where: str = "") -> None:
        """Raise ProjectionError where the rule is not defined for this activation."""
        if rule != "backprop" and not self.rectifier:
            raise no_rule(rule, self.name, where=where)


def no_rule(rule: str, name: str, option: str = "rule", where: str = "") -> ProjectionError:
    """The error for an operation that has no stated way down under a rule, or another option; `where` names its module."""
    works = {"rule": "rule='backprop'", "convolution": "convolution='standard'"}[option]
    return ProjectionError(
        f"{option} {rule!r} is not defined for the operation {name!r}{where}; {works} works"
    )


def relu(*_: Any) -> Activation:
    return Activation(
        "relu",
        lambda g, y: aten.threshold_backward(g, y, 0),
        saves_output=True,
        into=lambda g, y: aten.threshold_backward.grad_input(g, y, 0, grad_input=g),
    )


def hardtanh(low: float = -1.0, high: float = 1.0) -> Activation:
    return Activation(
        f"hardtanh({low:g}, {high:g})",
        lambda g, y: aten.hardtanh_backward(g, y, low, high),
        saves_output=True,
        rectifier=low >= 0,
    )


def clamp(low: float | None = None, high: float | None = None) -> Activation:
    # Unlike relu and hardtanh, clamp passes the gradient at the limits themselves, so it needs x and not y.
    def derivative(g: Tensor, x: Tensor) -> Tensor:
        inside = torch.ones_like(x, dtype=torch.bool)
        if low is not None:
            inside &= x >= low
        if high is not None:
            inside &= x <= high
        return g * inside

    rectifier = low is not None and low >= 0
    return Activation(f"clamp({low}, {high})", derivative, saves_output=False, rectifier=rectifier)


def threshold(limit: float, value: float) -> Activation:
    return Activation(
        f"threshold({limit:g}, {value:g})",
        lambda g, x: aten.threshold_backward(g, x, limit),
        saves_output=False,
        rectifier=limit >= 0 and value >= 0,
    )


def leaky_relu(slope: float = 0.01) -> Activation:
    return Activation(
        f"leaky_relu({slope:g})",
        lambda g, x: aten.leaky_relu_backward(g, x, slope, False),
        saves_output=False,
    )


def elu(alpha: float = 1.0, scale: float = 1.0, input_scale: float = 1.0) -> Activation:
    return Activation(
        f"elu({alpha:g})",
        lambda g, x: aten.elu_backward(g, alpha, scale, input_scale, False, x),
        saves_output=False,
    )


def celu(alpha: float = 1.0) -> Activation:
    return elu(alpha, 1.0, 1.0 / alpha)


def softplus(beta: float = 1.0, limit: float = 20.0) -> Activation:
    return Activation("softplus", lambda g, x: aten.softplus_backward(g, x, beta, limit), saves_output=False)


def gelu(approximate: str = "none") -> Activation:
    return Activation(
        "gelu",
        lambda g, x: aten.gelu_backward(g, x, approximate=approximate),
        saves_output=False,
        monotonic=False,
    )


def silu() -> Activation:
    return Activation("silu", lambda g, x: aten.silu_backward(g, x), saves_output=False, monotonic=False)


def mish() -> Activation:
    return Activation("mish", lambda g, x: aten.mish_backward(g, x), saves_output=False, monotonic=False)


def hardswish() -> Activation:
    return Activation(
        "hardswish", lambda g, x: aten.hardswish_backward(g, x), saves_output=False, monotonic=False
    )


def hardsigmoid() -> Activation:
    return Activation("hardsigmoid", lambda g, x: aten.hardsigmoid_backward(g, x), saves_output=False)


def sigmoid() -> Activation:
    return Activation("sigmoid", lambda g, y: aten.sigmoid_backward(g, y), saves_output=True)


def tanh() -> Activation:
    return Activation("tanh", lambda g, y: aten.tanh_backward(g, y), saves_output=True, rectifier=False)


def send_down(
    rule: str, activation: Activation, signal: Tensor, saved: Callable[[], Tensor], where: str = ""
) -> Tensor:
    """The signal below an activation, same shape as `signal`; `saved()` is called only by the rules that need it."""
    activation.check(rule, where)
    if rule == "deconvnet":
        return signal.clamp_min(0)
    if rule == "guided":
        passed = (activation.into or activation.derivative)(signal.clamp_min(0), saved())
        return passed if activation.monotonic else passed.clamp_min_(0)
    return activation.derivative(signal, saved())


def skips_normalization(rule: str, normalization: str | None) -> bool:
    """Whether normalization layers are skipped: the stated option, else only under deconvnet."""
    return rule == "deconvnet" if normalization is None else normalization == "skip"
