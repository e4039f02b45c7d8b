"""The general path: PyTorch's own backward pass, with the rules sitting on the nodes of the autograd graph.

It handles every operation PyTorch can differentiate and any seed, and it shares no code with the window sweep beyond the
stated policies, which makes each the other's oracle. It is the slower one: one whole backward pass per unit.

A hook on a node must not close over the graph, not even through a tensor of it: node -> hook -> tensor -> node is a cycle
through C++ that Python's collector cannot see. The hooks here hold numbers, and detached tensors.
"""

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.graph import GradientEdge, get_gradient_edge
from torch.overrides import TorchFunctionMode

from ._errors import ProjectionError
from ._normalization import layer_norm_signal, local_response_signal
from ._recorder import Forward, StopForward, check_all_ran, watch
from ._rules import no_rule, skips_normalization
from ._switches import PoolGeometry, switch_offsets

# Nodes through which a signal passes by the transpose of a linear map: the same under every rule.
_LINEAR = ["AccumulateGrad", "Accumulate", "Add", "AddBackward", "Addmm", "Addmv", "Addbmm", "Alias", "AsStrided", "AvgPool1D", "AvgPool2D", "AvgPool3D", "AdaptiveAvgPool2D", "AdaptiveAvgPool3D", "AdaptiveMaxPool2D", "AdaptiveMaxPool3D", "AmaxBackward", "Baddbmm", "Bmm", "Cat", "Clone", "ConstantPadNd", "Convolution", "Copy", "CopySlices", "CopyBackwards", "CudnnBatchNorm", "CudnnConvolution", "Detach", "Diagonal", "Div", "Expand", "FlattenBackward", "Fold", "Gather", "Im2Col", "Col2Im", "IndexSelect", "Index", "LiftFresh", "Linear", "Lerp", "MaxPool2DWithIndices", "MaxPool3DWithIndices", "Mean", "MkldnnConvolution", "Mm", "Mul", "Mv", "NativeBatchNorm", "Narrow", "Neg", "Permute", "PixelShuffle", "PixelUnshuffle", "ReflectionPad1D", "ReflectionPad2D", "Repeat", "ReplicationPad1D", "ReplicationPad2D", "ReshapeAlias", "Reshape", "Roll", "Rot90", "Select", "Slice", "SlowConvTranspose2D", "SlowConv2D", "ThnnConv2D", "ConvolutionOverrideable", "Split", "SplitWithSizes", "Squeeze", "Stack", "Sub", "Sum", "T", "ToCopy", "Transpose", "Unbind", "Unfold", "UnsafeSplit", "UnsafeView", "Unsqueeze", "UpsampleBicubic2D", "UpsampleBilinear2D", "UpsampleNearest2D", "UpsampleNearestExact2D", "View", "Where", "ZeroBackward", "Flip", "Squeeze", "Unflatten"]
_RECTIFIERS = ["Relu", "LeakyRelu", "Elu", "Silu", "Gelu", "Mish", "Hardswish", "Hardsigmoid", "Softplus", "Sigmoid", "PreluKernel"]
_SIGMOIDS = ("Sigmoid", "Hardsigmoid")

Hook = Callable[[tuple, tuple], tuple | None]


class AutogradPath:
    """One forward pass with its graph, prepared for one rule.

    >>> path = AutogradPath(model, images, ["features.8"], "guided")
    >>> path.project("features.8", channels, positions, values)   # (n, top, C, H, W)
    """

    def __init__(
        self,
        model: nn.Module,
        images: Tensor,
        layers: list[str],
        rule: str,
        ties: str = "center",
        normalization: str | None = None,
        forward: Forward | None = None,
    ) -> None:
        self._rule = rule
        self._ties = ties
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
            with watch(model, layers, collect), _Normalization(self._skip_normalization):
                try:
                    inputs = self._images.clone()  # not a leaf: the model may write into it
                    model(inputs) if forward is None else forward(model, inputs)
                except StopForward:
                    pass
        check_all_ran(layers, self._edges)

    def project(self, layer: str, channels: Tensor, positions: Tensor, values: Tensor) -> Tensor:
        """(n, top, C, H, W) projections of units given as (n, top), (n, top, 2), (n, top), each seeded with its value."""
        edge, shape = self._edges[layer], self._shapes[layer]
        self._prepare(edge)
        images, projections = torch.arange(len(channels), device=values.device), []
        for rank in range(channels.shape[1]):
            # Images do not interact in eval mode, so one backward pass carries one unit of every image.
            seeds = torch.zeros(shape, dtype=values.dtype, device=values.device)
            place = (images, channels[:, rank])
            if len(shape) == 4:
                place += (positions[:, rank, 0], positions[:, rank, 1])
            seeds[place] = values[:, rank]
            (signal,) = torch.autograd.grad(
                edge, self._images, seeds, retain_graph=True, allow_unused=True
            )
            projections.append(torch.zeros_like(self._images) if signal is None else signal)
        return torch.stack(projections, dim=1).detach()

    def _prepare(self, edge: GradientEdge) -> None:
        """Put the rule on every node between a layer and the images that does not have it yet."""
        waiting = [edge.node]
        while waiting:
            node = waiting.pop()
            if node is None or node in self._hooked:
                continue
            self._hooked.add(node)
            below = _children(node)
            for index in self._set_rule(node):
                below[index] = None
            waiting.extend(below)

    def _set_rule(self, node: Any) -> tuple[int, ...]:
        """Hook one node; returns which of its inputs get no signal."""
        kind = _kind(node)
        if kind == "MaxPool2DWithIndices" and self._ties != "first":
            node.register_hook(_switching(node, self._ties))
        if self._rule == "backprop" or kind.startswith("_"):
            pass
        elif kind in _RECTIFIERS or (kind in _BOUNDED and _BOUNDED[kind](node)):
            if self._rule == "deconvnet":
                node.register_hook(_rectify_incoming)
            else:
                node.register_prehook(_rectify)
                node.register_hook(_rectify_passed)
        elif kind == "NativeLayerNorm":
            if self._skip_normalization:
                node.register_hook(_fixed_layer_norm(node))
        elif kind == "Mul" and self._is_product(node):
            gate = _gate(node)
            if gate is None:
                raise no_rule(self._rule, "product of two maps")
            node.register_hook(_close_first if gate == 0 else _close_second)
            return (gate,)
        elif kind == "Div" and _children(node)[1] is not None and self._reaches_images(_children(node)[1]):
            raise no_rule(self._rule, "quotient of two maps")
        elif kind not in _LINEAR:
            raise no_rule(self._rule, kind)
        return ()

    def _is_product(self, node: Any) -> bool:
        return all(child is not None and self._reaches_images(child) for child in _children(node))

    def _reaches_images(self, node: Any) -> bool:
        seen, waiting = set(), [node]
        while waiting:
            node = waiting.pop()
            if node is None or node in seen:
                continue
            seen.add(node)
            if getattr(node, "variable", None) is self._images:
                return True
            waiting.extend(_children(node))
        return False


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
    "Threshold": lambda node: node._saved_threshold >= 0,
}


def _gate(node: Any) -> int | None:
    """Which factor of a product is a gate: one position per channel, or made by a sigmoid; None if not exactly one is."""
    sizes = [tuple(child._input_metadata[index].shape[2:]) for child, index in node.next_functions]
    if all(len(size) == 2 for size in sizes) and sizes[0] != sizes[1]:
        gates = [size == (1, 1) for size in sizes]
    else:
        gates = [_kind(child) in _SIGMOIDS for child in _children(node)]
    return gates.index(True) if gates.count(True) == 1 else None


# The hooks. Each takes what PyTorch hands it, and what it closes over is not part of the graph.


def _rectify(incoming: tuple) -> tuple:
    return (incoming[0].clamp_min(0),)


def _rectify_passed(passed: tuple, incoming: tuple) -> tuple:
    return (passed[0].clamp_min(0), *passed[1:])


def _rectify_incoming(passed: tuple, incoming: tuple) -> tuple:
    return (incoming[0].clamp_min(0), *passed[1:])


def _close_first(passed: tuple, incoming: tuple) -> tuple:
    return (None, passed[1])


def _close_second(passed: tuple, incoming: tuple) -> tuple:
    return (passed[0], None)


def _switching(node: Any, ties: str) -> Hook:
    maps = node._saved_self.detach()
    geometry = PoolGeometry(
        *(tuple(node.__getattribute__(f"_saved_{name}")) for name in ("kernel_size", "stride", "padding")),
        dilation=tuple(node._saved_dilation),
        ceil_mode=node._saved_ceil_mode,
    )

    def hook(passed: tuple, incoming: tuple) -> tuple:
        pooled, indices = F.max_pool2d(
            maps, geometry.kernel, geometry.stride, geometry.padding, geometry.dilation, geometry.ceil_mode, True
        )
        rows, columns = switch_offsets(ties, maps, pooled, indices, geometry)
        (sh, sw), (ph, pw) = geometry.stride, geometry.padding
        rows = rows.permute(0, 3, 1, 2) + (torch.arange(pooled.shape[2], device=maps.device) * sh - ph)[:, None]
        columns = columns.permute(0, 3, 1, 2) + torch.arange(pooled.shape[3], device=maps.device) * sw - pw
        switches = (rows * maps.shape[3] + columns).flatten(2)
        down = torch.zeros_like(maps).flatten(2).scatter_add_(2, switches, incoming[0].flatten(2))
        return (down.view_as(maps),)

    return hook


def _fixed_layer_norm(node: Any) -> Hook:
    rstd = node._saved_result2.detach()
    weight = None if node._saved_weight is None else node._saved_weight.detach()
    axes = len(node._saved_normalized_shape)

    def hook(passed: tuple, incoming: tuple) -> tuple:
        return (layer_norm_signal(incoming[0], None, rstd, rstd, weight, axes), *passed[1:])

    return hook


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


class _Normalization(TorchFunctionMode):
    """Makes local response normalization one node of the graph."""

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
        return function(*args, **kwargs)


