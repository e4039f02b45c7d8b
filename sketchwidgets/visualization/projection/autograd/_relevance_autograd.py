"""Relevance propagation on PyTorch's own backward pass: every layer that mixes becomes one node of the graph.

The formula and its treatment of each kind of layer are those of `_relevance`; this file shares only the stabilizer
with the sweep over windows.
"""

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from ..windows._relevance import stabilized

_LAYERS = frozenset(
    (
        *(F.conv1d, F.conv2d, F.conv3d, F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d),
        *(F.linear, F.batch_norm, F.avg_pool1d, F.avg_pool2d, F.avg_pool3d),
        *(F.adaptive_avg_pool1d, F.adaptive_avg_pool2d, F.adaptive_avg_pool3d, F.interpolate),
        *(torch.mean, Tensor.mean, torch.sum, Tensor.sum, torch.div, Tensor.div, Tensor.__truediv__),
        *(torch.neg, Tensor.neg, Tensor.__neg__),
    )
)
_SUMS = {
    **dict.fromkeys((torch.add, Tensor.add, Tensor.__add__, Tensor.add_, Tensor.__iadd__), torch.add),
    **dict.fromkeys((torch.sub, Tensor.sub, Tensor.__sub__, Tensor.sub_, Tensor.__isub__), torch.sub),
}
_PRODUCTS = frozenset((torch.mul, Tensor.mul, Tensor.__mul__, Tensor.__rmul__, Tensor.mul_, Tensor.__imul__))
_IN_PLACE = frozenset(
    (Tensor.add_, Tensor.__iadd__, Tensor.sub_, Tensor.__isub__, Tensor.mul_, Tensor.__imul__)
)


class _Share(torch.autograd.Function):
    """A linear layer y = run(*inputs), on request written into the first input, whose backward passes shares of y."""

    @staticmethod
    def forward(ctx: Any, run: Callable[..., Tensor], in_place: bool, *inputs: Tensor) -> Tensor:
        ctx.run = run
        ctx.inputs = [x.detach().clone() for x in inputs]  # the model may write into them later
        if not in_place:
            return run(*inputs)
        ctx.mark_dirty(inputs[0])
        return inputs[0].copy_(run(*inputs))

    @staticmethod
    def backward(ctx: Any, signal: Tensor) -> tuple:
        inputs = [x.requires_grad_() for x in ctx.inputs]
        with torch.enable_grad():
            y = ctx.run(*inputs)
        down = torch.autograd.grad(y, inputs, signal / stabilized(y.detach()))
        return None, None, *(share * x.detach() for share, x in zip(down, inputs, strict=True))


class _Gate(torch.autograd.Function):
    """A map times a gate: all of the signal goes to the map."""

    @staticmethod
    def forward(ctx: Any, maps: Tensor, gate: Tensor) -> Tensor:
        return maps * gate

    @staticmethod
    def backward(ctx: Any, signal: Tensor) -> tuple:
        return signal, None


class SharedLayers(TorchFunctionMode):
    """Makes the layers that mix nodes that pass shares; `gate_of(a, b)` says which factor of a product is a gate."""

    def __init__(self, gate_of: Callable[[Tensor, Tensor], int | None]) -> None:
        super().__init__()
        self.gate_of = gate_of

    def __torch_function__(self, function: Any, types: Any, args: tuple = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        in_place = function in _IN_PLACE
        flowing = [arg for arg in args if _depends(arg)]
        if function in _LAYERS and flowing and flowing[0] is args[0] and len(flowing) == 1:
            return _Share.apply(lambda x: function(x, *args[1:], **kwargs), False, args[0])
        if kwargs or len(args) != 2:
            return function(*args, **kwargs)
        if function in _SUMS and len(flowing) == 2:
            return _Share.apply(_SUMS[function], in_place, *args)
        if function in _PRODUCTS and len(flowing) == 1 and not (in_place and flowing[0] is args[1]):
            factor = args[1] if flowing[0] is args[0] else args[0]
            return _Share.apply(lambda x: torch.mul(x, factor), in_place, flowing[0])
        if function in _PRODUCTS and len(flowing) == 2 and not in_place:
            gate = self.gate_of(*args)
            if gate is not None and args[1 - gate].shape == torch.broadcast_shapes(
                *(arg.shape for arg in args)
            ):
                return _Gate.apply(args[1 - gate], args[gate])
        return function(*args)


def _depends(arg: Any) -> bool:
    """Whether an argument comes from the images: it has a gradient and is no parameter."""
    return isinstance(arg, Tensor) and arg.requires_grad and not isinstance(arg, nn.Parameter)
