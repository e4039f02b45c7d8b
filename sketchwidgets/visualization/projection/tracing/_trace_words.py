"""What a step of a trace is called, and the sentences that say what happened there."""

import torch
from torch import Tensor

from ...figures._numbers import percent
from ..steps._pointwise import (
    Activate,
    GroupNorm,
    Identity,
    LayerNorm,
    LocalResponseNorm,
    PRelu,
    Product,
    Scale,
)
from ..steps._shaping import AdaptiveAveragePool, Concatenate, GlobalMean, Linear, Permute, Reshape, Slice
from ..steps._sliding import AveragePool, Convolution, MaxPool, Pad
from ..steps._step import Step

_KINDS: dict[type[Step], str] = {
    MaxPool: "unpool",
    AveragePool: "unpool",
    AdaptiveAveragePool: "unpool",
    GlobalMean: "unpool",
    Activate: "rectify",
    PRelu: "rectify",
    Convolution: "filter",
    Linear: "filter",
    LocalResponseNorm: "normalize",
    LayerNorm: "normalize",
    GroupNorm: "normalize",
}
_PLAIN: dict[type[Step], str] = {
    AdaptiveAveragePool: "adaptive average pool",
    GlobalMean: "global mean",
    PRelu: "prelu",
    LocalResponseNorm: "local response normalization",
    LayerNorm: "layer normalization",
    GroupNorm: "group normalization",
    Product: "product",
    Concatenate: "concatenation",
    Slice: "slice of channels",
    Reshape: "reshape",
    Permute: "permutation of axes",
    Pad: "padding",
}


def kind_of(step: Step, normalizes: bool) -> str:
    """ "unpool", "rectify", "filter", "normalize" or "other"; `normalizes`: a batch normalization made the step."""
    if isinstance(step, Scale) and normalizes:
        return "normalize"
    return _KINDS.get(type(step), "other")


def operation_of(step: Step, normalizes: bool) -> str:
    """The forward operation, with its geometry: "convolution 5×5", "max pool 3×3, stride 2"."""
    if isinstance(step, Activate):
        return step.activation.name
    if isinstance(step, Convolution):
        return "convolution " + _geometry(tuple(step.weight.tensor.shape[2:]), step.stride)
    if isinstance(step, Linear):
        return "linear"
    if isinstance(step, MaxPool | AveragePool):
        name = "max pool " if isinstance(step, MaxPool) else "average pool "
        return name + _geometry(step.geometry.kernel, step.geometry.stride)
    if isinstance(step, Scale):
        return "batch normalization" if normalizes else "scale"
    if isinstance(step, Identity):
        return "sum" if len(step.inputs) > 1 else "copy"
    return _PLAIN.get(type(step), type(step).__name__.lower())


def _geometry(kernel: tuple[int, ...], stride: tuple[int, int]) -> str:
    text = "×".join(map(str, kernel))
    if stride == (1, 1):
        return text
    return f"{text}, stride {stride[0] if stride[0] == stride[1] else '×'.join(map(str, stride))}"


def explain(step: Step, operation: str, normalizes: bool) -> str:
    """One or two sentences on what a step does to the signal under every rule."""
    if isinstance(step, MaxPool):
        text = "Unpool: each value goes to its switch, the place where this pool found its maximum."
        (kh, kw), (sh, sw) = step.geometry.kernel, step.geometry.stride
        overlap = " Windows overlap, so where several share a switch their values add up."
        return text + (overlap if kh > sh or kw > sw else "")
    if isinstance(step, AveragePool | AdaptiveAveragePool | GlobalMean):
        return "Unpool: each value is shared out evenly over the positions that were averaged."
    if isinstance(step, Activate | PRelu):
        return (
            f"Rectify: here the three rules part. x is what {operation} got on the way up, R the signal that "
            "arrives on the way down."
        )
    if isinstance(step, Convolution | Linear):
        return "Filter: the transposed filters turn the signal on the maps above into one on the maps below; no bias."
    if isinstance(step, LocalResponseNorm | LayerNorm | GroupNorm):
        return "Normalize: deconvnet leaves it out, as Zeiler and Fergus did; the others take its derivative."
    if isinstance(step, Scale) and normalizes:
        return (
            "Normalize: every channel is multiplied by its constant, under every rule; the shift is left out."
        )
    if isinstance(step, Scale):
        return "The signal is multiplied by the same constant as the map on the way up."
    if isinstance(step, Product):
        return "Two maps were multiplied; the gate is held fixed, and only backprop sends signal down both."
    if isinstance(step, Identity) and len(step.inputs) > 1:
        return f"{len(step.inputs)} maps were added: each of these branches gets the whole signal."
    if isinstance(step, Concatenate):
        return "Maps were laid side by side: each branch gets the channels that came from it."
    return "The same numbers, in another place or shape."


def report(kind: str, operation: str, rule: str, forward_input: Tensor, before: Tensor, after: Tensor) -> str:
    """A sentence with the numbers of one rule: what arrived and what was passed down."""
    arrived, passed = int((before != 0).sum()), int((after != 0).sum())
    if arrived == 0:
        return "Nothing arrives."
    if kind == "rectify":
        return f"{passed:,} of {arrived:,} values pass{_condition(operation, rule)}{_lost(before, after)}."
    if kind == "unpool":
        met = ", adding up where they meet" if passed < arrived else ""
        return f"{arrived:,} {_values(arrived)} on {_maps(before)} go to {passed:,} {_places(passed)}{met}."
    if kind == "filter":
        return f"{arrived:,} {_values(arrived)} on {_maps(before)} become {passed:,} on {_maps(after)}."
    if after.shape == before.shape and bool((after == before).all()):
        return f"{arrived:,} {_values(arrived)} on {_maps(before)} pass unchanged."
    return f"{arrived:,} {_values(arrived)} on {_maps(before)} become {passed:,}."


def _condition(operation: str, rule: str) -> str:
    if rule == "deconvnet":
        return " (R > 0)"
    mask = "x > 0" if operation in ("relu", "threshold(0, 0)") else f"slope of {operation} at x"
    return f" ({mask})" if rule == "backprop" else f" ({mask} and R > 0)"


def _lost(before: Tensor, after: Tensor) -> str:
    # Not in half precision, where the sum of a large map rounds; and not on every device is there float64.
    above, below = (float(signal.abs().sum(dtype=torch.float32)) for signal in (before, after))
    share = 1 - below / above
    return f"; {percent(share)} of the signal's strength ends here" if share >= 0.005 else ""


def _maps(signal: Tensor) -> str:
    live = int((signal.flatten(1) != 0).any(1).sum()) if signal.ndim > 1 else int((signal != 0).sum())
    return f"{live:,} of {len(signal):,} maps" if len(signal) > 1 else "one map"


def _values(count: int) -> str:
    return "value" if count == 1 else "values"


def _places(count: int) -> str:
    return "place" if count == 1 else "places"
