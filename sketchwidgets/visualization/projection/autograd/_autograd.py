"""The general path: PyTorch's own backward pass, with the rules sitting on the nodes of the autograd graph.

It handles every operation PyTorch can differentiate and any seed, and it shares no code with the window
sweep beyond the stated policies, which makes each the other's oracle. It is the slower one: one whole
backward pass per unit.
"""

from collections.abc import Callable
from contextlib import nullcontext, suppress
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.graph import GradientEdge, get_gradient_edge
from torch.overrides import TorchFunctionMode

from .._errors import ProjectionError
from .._units import Units
from ..recording._recorder import (
    Forward,
    StopForward,
    check_all_ran,
    group_norm_of_instances,
    stops_gradient,
    watch,
)
from ..steps._normalization import local_response_signal
from ..steps._rules import no_rule, skips_normalization
from ._autograd_hooks import (
    FIXED_NORMS,
    adaptive_switching,
    close_first,
    close_second,
    hand_on,
    rectify,
    rectify_incoming,
    rectify_passed,
    switching,
)
from ._relevance_autograd import SharedLayers

# Nodes through which a signal passes by the transpose of a linear map: the same under every rule. Where is none of
# them: its condition may be a comparison of maps, which makes it an activation, and no node tells.
_LINEAR = frozenset(
    """
    AccumulateGrad AdaptiveAvgPool2D AdaptiveMaxPool2D Add Alias AsStrided AvgPool2D Cat Clone Col2Im ConstantPadNd
    Copy CopySlices CudnnBatchNorm Detach Expand Flip Im2Col Index IndexSelect MaxPool2DWithIndices Mean
    NativeBatchNorm Neg Permute PixelShuffle PixelUnshuffle ReflectionPad2D Repeat ReplicationPad2D Reshape
    ReshapeAlias Roll Rsub Select Slice Split SplitWithSizes Squeeze Stack Sub Sum T ToCopy Transpose Unbind Unfold
    UnsafeSplit UnsafeView Unsqueeze UpsampleBicubic2D UpsampleBilinear2D UpsampleNearest2D UpsampleNearestExact2D
    View
    """.split()  # noqa: SIM905
)
# Of these, the ones that move numbers and do not mix them.
_REARRANGING = frozenset(
    """
    AccumulateGrad AdaptiveMaxPool2D Add Alias AsStrided Cat Clone ConstantPadNd Copy CopySlices Detach Expand Flip
    Index IndexSelect MaxPool2DWithIndices Permute PixelShuffle PixelUnshuffle Reshape ReshapeAlias Roll Select Slice
    Split SplitWithSizes Squeeze Stack Sub T ToCopy Transpose Unbind UnsafeSplit UnsafeView Unsqueeze View
    """.split()  # noqa: SIM905
)
# Products: linear if only one factor depends on the images. The value says which of the node's inputs are the factors.
_PRODUCTS = {
    "Mul": (0, 1),
    "Div": (0, 1),
    "Mm": (0, 1),
    "Bmm": (0, 1),
    "Mv": (0, 1),
    "Linear": (0, 1),
    "Addmm": (1, 2),
    "Baddbmm": (1, 2),
    "Convolution": (0, 1),
    "CudnnConvolution": (0, 1),
    "MkldnnConvolution": (0, 1),
    "SlowConv2D": (0, 1),
}
_NAMES = {
    "Mul": "product of two maps",
    "Div": "quotient of two maps",
    "ScaledDotProductFlashAttentionForCpu": "attention",
    "ScaledDotProductEfficientAttention": "attention",
    "ScaledDotProductFlashAttention": "attention",
    "ScaledDotProductCudnnAttention": "attention",
}
_RECTIFIERS = frozenset(
    "Relu LeakyRelu Elu Celu Silu Gelu Mish Hardswish Hardsigmoid Softplus Sigmoid PreluKernel".split()  # noqa: SIM905
)
_SIGMOIDS = ("Sigmoid", "Hardsigmoid")
_THRESHOLDS = ("threshold", "_threshold", "threshold_")
_REPLACEMENT = "sketchwidgets: replacement"  # in the metadata of a node


class AutogradPath:
    """One forward pass with its graph, prepared for one rule."""

    def __init__(
        self,
        model: nn.Module,
        images: Tensor,
        layers: list[str],
        rule: str,
        ties: str = "center",
        normalization: str | None = None,
        forward: Forward | None = None,
        convolution: str = "standard",
    ) -> None:
        self._rule = rule
        self._ties = ties
        self._relevance = convolution == "relevance"
        if self._relevance:
            normalization = normalization or "skip"
        self._skip_normalization = skips_normalization(rule, normalization)
        self._edges: dict[str, GradientEdge] = {}
        self._shapes: dict[str, tuple[int, ...]] = {}
        self._hooked: set[Any] = set()

        def collect(name: str, output: Any) -> bool:
            if name in self._edges:
                return False
            if not isinstance(output, Tensor) or not output.requires_grad:
                raise ProjectionError(f"PyTorch made no gradient graph from the images to layer {name!r}")
            self._edges[name] = get_gradient_edge(output)
            self._shapes[name] = tuple(output.shape)
            return len(self._edges) == len(layers)

        with torch.inference_mode(False), torch.enable_grad():
            self._images = images.detach().clone().requires_grad_()
            shares = SharedLayers(_gate_of) if self._relevance else nullcontext()
            with watch(model, layers, collect), _Graph(self._skip_normalization), shares:
                inputs = self._images.clone()  # not a leaf: the model may write into it
                with suppress(StopForward):
                    model(inputs) if forward is None else forward(model, inputs)
        check_all_ran(layers, self._edges)

    def project(self, layer: str, units: Units, channels_last: bool = False) -> Tensor:
        """(n, t, C, H, W) projections of units."""
        edge, shape = self._edges[layer], self._shapes[layer]
        self._prepare(edge)
        count, projections = units.channels.shape[1], []
        for rank in range(count):
            # Images do not interact in eval mode, so one backward pass carries one unit of every image.
            seeds = torch.cat(
                [
                    units.seeds(at, at + 1, shape, channels_last).pasted(shape[2:]).signal
                    for at in range(rank, len(units), count)
                ]
            )
            (signal,) = torch.autograd.grad(edge, self._images, seeds, retain_graph=True, allow_unused=True)
            projections.append(torch.zeros_like(self._images) if signal is None else signal)
        return torch.stack(projections, dim=1).detach()

    def _prepare(self, edge: GradientEdge) -> None:
        """Put the rule on every node between a layer and the images that does not have it yet."""
        reaching = self._nodes_above_images(edge.node)
        waiting = [edge.node]
        while waiting:
            node = waiting.pop()
            if node not in reaching or node in self._hooked:
                continue
            self._hooked.add(node)
            below = _children(node)
            closed = self._set_rule(node, reaching)
            waiting.extend(child for index, child in enumerate(below) if index != closed)

    def _nodes_above_images(self, root: Any) -> set[Any]:
        """The nodes that the images flow into, from a root down."""
        parents: dict[Any, list[Any]] = {root: []}
        waiting, leaves = [root], []
        while waiting:
            node = waiting.pop()
            if getattr(node, "variable", None) is self._images:
                leaves.append(node)
            for child in _children(node):
                if child is None:
                    continue
                if child not in parents:
                    parents[child] = []
                    waiting.append(child)
                parents[child].append(node)
        reaching: set[Any] = set()
        while leaves:
            node = leaves.pop()
            if node not in reaching:
                reaching.add(node)
                leaves.extend(parents[node])
        return reaching

    def _set_rule(self, node: Any, reaching: set[Any]) -> int | None:
        """Hook one node; returns which of its inputs is to get no signal."""
        kind = _kind(node)
        if kind == "MaxPool2DWithIndices" and self._ties != "first":
            node.register_hook(switching(node, self._ties))
        elif kind == "AdaptiveMaxPool2D" and self._ties != "first":
            node.register_hook(adaptive_switching(node))
        if kind.startswith("_"):
            return None
        if self._relevance:
            self._set_relevance(node, kind, reaching)
            return None
        if kind in FIXED_NORMS:
            if self._skip_normalization:
                node.register_hook(FIXED_NORMS[kind](node))
            return None
        if self._rule == "backprop":
            return None
        if kind in _RECTIFIERS or (kind in _BOUNDED and _BOUNDED[kind](node)):
            if self._rule == "deconvnet":
                node.register_hook(rectify_incoming)
            else:
                node.register_prehook(rectify)
                node.register_hook(rectify_passed)
        elif kind in _PRODUCTS:
            if all(_children(node)[factor] in reaching for factor in _PRODUCTS[kind]):
                gate = _gate(node) if kind == "Mul" else None
                if gate is None:
                    raise no_rule(self._rule, _NAMES.get(kind, kind))
                node.register_hook(close_first if gate == 0 else close_second)
                return gate
        elif kind not in _LINEAR or (kind == "NativeBatchNorm" and node._saved_training):
            raise no_rule(self._rule, _NAMES.get(kind, kind))
        return None

    def _set_relevance(self, node: Any, kind: str, reaching: set[Any]) -> None:
        """Hook a node that no layer of `_relevance_autograd` stands for."""
        rectifies = kind in _RECTIFIERS or (kind in _BOUNDED and _BOUNDED[kind](node))
        if rectifies or (self._rule == "backprop" and kind in (*_BOUNDED, "Tanh")):
            node.register_hook(hand_on if self._rule == "backprop" else rectify_incoming)
        elif rectifies or kind in (*_BOUNDED, "Tanh"):
            raise no_rule(self._rule, kind)
        elif kind in FIXED_NORMS and self._skip_normalization:
            node.register_hook(hand_on)
        elif kind not in _REARRANGING or (
            kind in ("Add", "Sub") and all(child in reaching for child in _children(node)[:2])
        ):
            raise no_rule("relevance", _NAMES.get(kind, kind), "convolution")


def _kind(node: Any) -> str:
    """The operation's name: "Relu" of ReluBackward0; with a leading underscore for our own functions."""
    return node.name().split("::")[-1].partition("Backward")[0]


def _children(node: Any) -> list[Any]:
    return [child for child, _ in node.next_functions]


# Rectifiers only if their lower limit says so.
_BOUNDED: dict[str, Callable[[Any], bool]] = {
    "Hardtanh": lambda node: node._saved_min_val >= 0,
    "ClampMin": lambda node: node._saved_min >= 0,
    "Clamp": lambda node: node._saved_min is not None and node._saved_min >= 0,
    # The node does not keep what takes the place of smaller values: see `_Graph`.
    "Threshold": lambda node: node._saved_threshold >= 0 and node.metadata.get(_REPLACEMENT, -1) >= 0,
}


def _gate_of(a: Tensor, b: Tensor) -> int | None:
    """As `_gate`, for two tensors before they are multiplied."""
    sizes = [tuple(factor.shape[2:]) for factor in (a, b)]
    if all(len(size) == 2 for size in sizes) and sizes[0] != sizes[1]:
        gates = [size == (1, 1) for size in sizes]
    else:
        gates = [_kind(factor.grad_fn) in _SIGMOIDS for factor in (a, b)]
    return gates.index(True) if gates.count(True) == 1 else None


def _gate(node: Any) -> int | None:
    """Which factor of a product is a gate: one position per channel, or made by a sigmoid; None if not exactly one is."""
    sizes = [tuple(child._input_metadata[index].shape[2:]) for child, index in node.next_functions]
    if all(len(size) == 2 for size in sizes) and sizes[0] != sizes[1]:
        gates = [size == (1, 1) for size in sizes]
    else:
        gates = [_kind(child) in _SIGMOIDS for child in _children(node)]
    return gates.index(True) if gates.count(True) == 1 else None


class _LocalResponseNorm(torch.autograd.Function):
    """Local response normalization with the way down that the rule asks for."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, skip: bool, size: int, constants: dict[str, float]) -> Tensor:
        ctx.skip, ctx.size, ctx.constants = skip, size, constants
        ctx.save_for_backward(x)
        return F.local_response_norm(x, size, **constants)

    @staticmethod
    def backward(ctx: Any, signal: Tensor) -> tuple:
        if not ctx.skip:
            signal = local_response_signal(signal, *ctx.saved_tensors, ctx.size, **ctx.constants)
        return signal, None, None, None


class _Graph(TorchFunctionMode):
    """Makes the graph say what the rules have to know.

    Local response normalization is one node, and instance normalization that of the groups; what stops a gradient
    is crossed (`_rules` says why); a threshold's node tells its replacement value.
    """

    def __init__(self, skip: bool) -> None:
        super().__init__()
        self.skip = skip

    def __torch_function__(self, function: Any, types: Any, args: tuple = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if function is F.local_response_norm:
            x, size, *rest = args
            constants = {"alpha": 1e-4, "beta": 0.75, "k": 1.0}
            constants |= dict(zip(constants, rest, strict=False)) | kwargs
            return _LocalResponseNorm.apply(x, self.skip, size, constants)
        if function is F.instance_norm and kwargs.get("use_input_stats", True):
            return group_norm_of_instances(*args, **kwargs)
        if function is torch._C._set_grad_enabled:  # torch.no_grad around a part of the forward pass
            return None
        if stops_gradient(function) and args[0].grad_fn is not None:  # a parameter is left to its owner
            return torch.ops.aten.alias(args[0])
        if function is Tensor.detach_ and args[0].grad_fn is not None:
            return args[0]
        result = function(*args, **kwargs)
        if getattr(function, "__name__", "") in _THRESHOLDS and result.grad_fn is not None:
            given = dict(zip(("input", "threshold", "value"), args, strict=False)) | kwargs
            result.grad_fn.metadata[_REPLACEMENT] = float(given["value"])
        return result
