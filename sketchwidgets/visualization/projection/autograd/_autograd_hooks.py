"""What a node of the autograd graph does with the signal that comes down, as hooks of that node.

Each takes what PyTorch hands it: what the node passes on to its inputs, and what came in from its outputs.

A hook on a node must not close over the graph, not even through a tensor of it: node -> hook -> tensor ->
node is a cycle through C++ that Python's collector cannot see. The hooks here hold numbers, and detached
tensors.
"""

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F

from ..steps._normalization import group_norm_signal, layer_norm_signal
from ..steps._switches import PoolGeometry, adaptive_switches, switch_offsets

Hook = Callable[[tuple, tuple], tuple | None]


def rectify(incoming: tuple) -> tuple:
    return (incoming[0].clamp_min(0),)


def rectify_passed(passed: tuple, incoming: tuple) -> tuple:
    return (passed[0].clamp_min(0), *passed[1:])


def hand_on(passed: tuple, incoming: tuple) -> tuple:
    return (incoming[0], *passed[1:])


def rectify_incoming(passed: tuple, incoming: tuple) -> tuple | None:
    if incoming[0] is None:  # nothing arrives from a closed branch
        return None
    return (incoming[0].clamp_min(0), *passed[1:])


def close_first(passed: tuple, incoming: tuple) -> tuple:
    return (None, passed[1])


def close_second(passed: tuple, incoming: tuple) -> tuple:
    return (passed[0], None)


def switching(node: Any, ties: str) -> Hook:
    maps = node._saved_self.detach()
    kernel = tuple(node._saved_kernel_size)
    geometry = PoolGeometry(
        kernel,
        tuple(node._saved_stride) or kernel,
        tuple(node._saved_padding),
        tuple(node._saved_dilation),
        node._saved_ceil_mode,
    )

    def hook(passed: tuple, incoming: tuple) -> tuple:
        pooled, indices = F.max_pool2d(
            maps,
            geometry.kernel,
            geometry.stride,
            geometry.padding,
            geometry.dilation,
            geometry.ceil_mode,
            True,
        )
        rows, columns = switch_offsets(ties, maps, pooled, indices, geometry)
        (sh, sw), (ph, pw) = geometry.stride, geometry.padding
        rows = (
            rows.permute(0, 3, 1, 2) + (torch.arange(pooled.shape[2], device=maps.device) * sh - ph)[:, None]
        )
        columns = columns.permute(0, 3, 1, 2) + torch.arange(pooled.shape[3], device=maps.device) * sw - pw
        switches = (rows * maps.shape[3] + columns).flatten(2)
        down = torch.zeros_like(maps).flatten(2).scatter_add_(2, switches, incoming[0].flatten(2))
        return (down.view_as(maps),)

    return hook


def adaptive_switching(node: Any) -> Hook:
    maps, size = node._saved_self.detach(), tuple(node._saved_result1.shape[2:])

    def hook(passed: tuple, incoming: tuple) -> tuple:
        switches = adaptive_switches(maps, size).flatten(2)
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


def _fixed_group_norm(node: Any) -> Hook:
    rstd = node._saved_result2.detach()
    weight = None if node._saved_weight is None else node._saved_weight.detach()

    def hook(passed: tuple, incoming: tuple) -> tuple:
        return (group_norm_signal(incoming[0], None, rstd, rstd, weight), *passed[1:])

    return hook


FIXED_NORMS: dict[str, Callable[[Any], Hook]] = {
    "NativeLayerNorm": _fixed_layer_norm,
    "NativeGroupNorm": _fixed_group_norm,
}
