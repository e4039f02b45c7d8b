"""Which recorded operations can be played on changed windows alone."""

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ._replay import Recording, Ref, Step
from ._window_steps import AveragePool, Convolution, MaxPool, Padding, Pointwise, Windowed

aten = torch.ops.aten

_CHANNELWISE = {
    aten.native_batch_norm.default,
    aten.cudnn_batch_norm.default,
    aten._native_batch_norm_legit_no_training.default,
    F.local_response_norm,
    aten.clone.default,
    aten.detach.default,
    aten.alias.default,
    aten._to_copy.default,
    aten.contiguous.default,
    aten.lift_fresh.default,
    aten._prelu_kernel.default,
}
_ON_CHANNELS = {aten.slice.Tensor, aten.split.Tensor, aten.split_with_sizes.default, aten._softmax.default}


def windowed(step: Step, recording: Recording) -> Windowed | None:
    """The step as one on windows; None if it has to run on whole values. Its inputs are maps with windows."""
    values = recording.values
    shapes = {tuple(values[value].shape) for value in (*step.inputs, *step.outputs) if value is not None}
    if any(len(shape) != 4 for shape in shapes):
        return None
    make = _MAKERS.get(step.operation)
    if make is not None:
        return make(step, recording)
    sizes = {shape[2:] for shape in shapes}
    if len(sizes) != 1:
        return None
    operation = step.operation
    if operation is aten.cat.default:
        axis = step.args[1] if len(step.args) > 1 else 0
        return Pointwise(step, recording) if axis in (1, -3) and _only_values(step.args[0]) else None
    if operation in _ON_CHANNELS:
        places = {aten.slice.Tensor: 1, aten._softmax.default: 1}
        place = places.get(operation, 2)
        axis = step.args[place] if len(step.args) > place else 0
        return Pointwise(step, recording) if axis in (1, -3) else None
    if operation in _CHANNELWISE:
        trains = operation in (aten.native_batch_norm.default, aten.cudnn_batch_norm.default) and step.args[5]
        return None if trains else Pointwise(step, recording)
    if torch.Tag.pointwise in getattr(operation, "tags", ()) and _broadcasts(step, sizes.pop()):
        return Pointwise(step, recording)
    return None


def _only_values(items: Any) -> bool:
    return all(isinstance(item, Ref) for item in items)


def _broadcasts(step: Step, size: tuple[int, int]) -> bool:
    """Whether the other tensors among the arguments are the same at every position."""
    for item in (*step.args, *step.kwargs.values()):
        if not isinstance(item, Ref | bool | int | float | str | torch.dtype | type(None)):
            if not isinstance(item, Tensor):
                return False
            if any(n != 1 for n in item.shape[-2:]):
                return False
    return True


def _convolution(step: Step, recording: Recording) -> Windowed | None:
    transposed = step.args[6]
    is_plain = isinstance(step.args[1], Tensor) and not isinstance(step.args[2], Ref) and not transposed
    return Convolution(step, recording) if is_plain else None


def _max_pool(step: Step, recording: Recording) -> Windowed | None:
    return MaxPool(step, recording) if step.outputs[1] is None else None


def _adaptive_average(step: Step, recording: Recording) -> Windowed | None:
    size, made = (recording.values[v].shape[2:] for v in (step.inputs[0], step.outputs[0]))
    if any(n % m for n, m in zip(size, made, strict=True)):
        return None
    bins = [n // m for n, m in zip(size, made, strict=True)]
    return AveragePool(step, recording, (bins, bins, [0, 0], False, True, None))


def _constant_padding(step: Step, recording: Recording) -> Windowed | None:
    return Padding(step, recording) if len(step.args[1]) <= 4 and min(step.args[1]) >= 0 else None


_MAKERS: dict[Callable, Callable[[Step, Recording], Windowed | None]] = {
    aten.convolution.default: _convolution,
    aten.max_pool2d_with_indices.default: _max_pool,
    aten.avg_pool2d.default: AveragePool,
    aten._adaptive_avg_pool2d.default: _adaptive_average,
    aten.constant_pad_nd.default: _constant_padding,
}
