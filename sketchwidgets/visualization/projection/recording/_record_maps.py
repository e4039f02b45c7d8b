"""Recording of convolutions and pools, changes of shape, and linear maps."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from ..steps import _pointwise, _shaping, _sliding
from ..steps._switches import PoolGeometry
from ._registry import handles, record_unknown, run_unknown
from ._tape import Tape

aten = torch.ops.aten

# --- convolution, pools


def _pair(numbers: Sequence[int]) -> tuple[int, int]:
    return (numbers[0], numbers[-1])


@handles(aten.convolution.default)
def _convolution(
    tape: Tape,
    operation: Any,
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: list[int],
    padding: list[int],
    dilation: list[int],
    transposed: bool,
    output_padding: list[int],
    groups: int,
) -> Tensor:
    args = (x, weight, bias, stride, padding, dilation, transposed, output_padding, groups)
    if x.ndim != 4 or transposed or tape.value(x) is None or tape.value(weight) is not None:
        return run_unknown(tape, operation, *args)
    result = operation(*args)
    step = _sliding.Convolution(
        [tape.value(x)], tape.save(weight), _pair(stride), _pair(padding), _pair(dilation), groups
    )
    tape.add(step, result)
    return result


@handles(aten.max_pool2d_with_indices.default)
def _max_pool(
    tape: Tape,
    operation: Any,
    x: Tensor,
    kernel: list[int],
    stride: list[int] = (),
    padding: list[int] = (0, 0),
    dilation: list[int] = (1, 1),
    ceil_mode: bool = False,
) -> tuple[Tensor, Tensor]:
    if x.ndim != 4:
        return run_unknown(tape, operation, x, kernel, stride, padding, dilation, ceil_mode)
    pooled, indices = operation(x, kernel, stride, padding, dilation, ceil_mode)
    geometry = PoolGeometry(
        _pair(kernel), _pair(stride or kernel), _pair(padding), _pair(dilation), ceil_mode
    )
    tape.add(_sliding.MaxPool([tape.value(x)], tape.save(x), tape.save(pooled), indices, geometry), pooled)
    return pooled, indices


@handles(aten.avg_pool2d.default)
def _average_pool(
    tape: Tape,
    operation: Any,
    x: Tensor,
    kernel: list[int],
    stride: list[int] = (),
    padding: list[int] = (0, 0),
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    args = (x, kernel, stride, padding, ceil_mode, count_include_pad, divisor_override)
    if x.ndim != 4:
        return run_unknown(tape, operation, *args)
    result = operation(*args)
    geometry = PoolGeometry(_pair(kernel), _pair(stride or kernel), _pair(padding), ceil_mode=ceil_mode)
    tape.add(_sliding.AveragePool([tape.value(x)], geometry, count_include_pad, divisor_override), result)
    return result


@handles(aten._adaptive_avg_pool2d.default)
def _adaptive_average_pool(tape: Tape, operation: Any, x: Tensor, size: list[int]) -> Tensor:
    if x.ndim != 4:
        return run_unknown(tape, operation, x, size)
    result = operation(x, size)
    bins = _even_bins(x, size)
    if bins is not None:
        tape.add(_sliding.AveragePool([tape.value(x)], PoolGeometry(bins, bins, (0, 0))), result)
    else:
        tape.add(_shaping.AdaptiveAveragePool([tape.value(x)]), result)
    return result


@handles(aten.adaptive_max_pool2d.default)
def _adaptive_max_pool(tape: Tape, operation: Any, x: Tensor, size: list[int]) -> tuple[Tensor, Tensor]:
    bins = _even_bins(x, size)
    if bins is None:
        return run_unknown(tape, operation, x, size)
    pooled, indices = operation(x, size)
    geometry = PoolGeometry(bins, bins, (0, 0))
    tape.add(_sliding.MaxPool([tape.value(x)], tape.save(x), tape.save(pooled), indices, geometry), pooled)
    return pooled, indices


def _even_bins(x: Tensor, size: list[int]) -> tuple[int, int] | None:
    """Height and width of the windows of an adaptive pool; None where they differ among themselves."""
    if x.ndim != 4:
        return None
    bins = [n // m for n, m in zip(x.shape[2:], size, strict=True)]
    even = all(n == m * b for n, m, b in zip(x.shape[2:], size, bins, strict=True))
    return _pair(bins) if even else None


@handles(aten.mean.dim)
def _mean(tape: Tape, operation: Any, x: Tensor, axes: list[int], *args: Any, **kwargs: Any) -> Tensor:
    over = None if axes is None else {axis % x.ndim for axis in axes}
    if x.ndim != 4 or over != {2, 3} or kwargs:
        return run_unknown(tape, operation, x, axes, *args, **kwargs)
    result = operation(x, axes, *args)
    tape.add(_shaping.GlobalMean([tape.value(x)]), result)
    return result


# --- shape


@handles(
    aten.clone.default,
    aten.detach.default,
    aten.alias.default,
    aten._to_copy.default,
    aten.contiguous.default,
    aten.lift_fresh.default,
)
def _copy(tape: Tape, operation: Any, x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    result = operation(x, *args, **kwargs)
    tape.add(_pointwise.Identity([tape.value(x)], x.dtype if result.dtype != x.dtype else None), result)
    return result


@handles(
    aten.view.default,
    aten._unsafe_view.default,
    aten.reshape.default,
    aten.flatten.using_ints,
    aten.unsqueeze.default,
    aten.squeeze.dim,
    aten.squeeze.dims,
    aten.squeeze.default,
)
def _reshape(tape: Tape, operation: Any, x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    value = tape.value(x)
    result = operation(x, *args, **kwargs)
    same_images = result.ndim > 0 and result.shape[0] == x.shape[0]
    if not same_images:
        return record_unknown(tape, operation, result, [value])
    tape.add(_shaping.Reshape([value]) if result.shape != x.shape else _pointwise.Identity([value]), result)
    return result


@handles(aten.permute.default)
def _permute(tape: Tape, operation: Any, x: Tensor, order: list[int]) -> Tensor:
    value = tape.value(x)
    result = operation(x, order)
    order = [axis % x.ndim for axis in order]
    if order[0] != 0:
        return record_unknown(tape, operation, result, [value])
    tape.add(_shaping.Permute([value], order), result)
    return result


@handles(aten.transpose.int)
def _transpose(tape: Tape, operation: Any, x: Tensor, a: int, b: int) -> Tensor:
    value = tape.value(x)
    result = operation(x, a, b)
    order = list(range(x.ndim))
    order[a], order[b] = order[b], order[a]
    if order[0] != 0:
        return record_unknown(tape, operation, result, [value])
    tape.add(_shaping.Permute([value], order), result)
    return result


@handles(aten.slice.Tensor)
def _slice(
    tape: Tape,
    operation: Any,
    x: Tensor,
    axis: int = 0,
    start: int | None = None,
    end: int | None = None,
    step: int = 1,
) -> Tensor:
    value = tape.value(x)
    result = operation(x, axis, start, end, step)
    if result.shape == x.shape:
        made = _pointwise.Identity([value])
    elif axis % x.ndim == 1 and step == 1:
        made = _shaping.Slice([value], range(x.shape[1])[slice(start, end)].start)
    else:
        return record_unknown(tape, operation, result, [value])
    tape.add(made, result)
    return result


@handles(aten.select.int)
def _select(tape: Tape, operation: Any, x: Tensor, axis: int, index: int) -> Tensor:
    value = tape.value(x)
    result = operation(x, axis, index)
    if axis % x.ndim != 1:
        return record_unknown(tape, operation, result, [value])
    tape.add(_shaping.Slice([value], index % x.shape[1], squeezed=True), result)
    return result


@handles(aten.split.Tensor, aten.split_with_sizes.default)
def _split(tape: Tape, operation: Any, x: Tensor, sizes: Any, axis: int = 0) -> Any:
    value = tape.value(x)
    results = operation(x, sizes, axis)
    if axis % x.ndim != 1:
        return record_unknown(tape, operation, results, [value])
    start = 0
    for result in results:
        tape.add(_shaping.Slice([value], start), result)
        start += result.shape[1]
    return results


@handles(aten.cat.default)
def _concatenate(tape: Tape, operation: Any, tensors: list[Tensor], axis: int = 0) -> Tensor:
    values = [tape.value(tensor) for tensor in tensors]
    result = operation(tensors, axis)
    if axis % result.ndim != 1:
        return record_unknown(tape, operation, result, [value for value in values if value is not None])
    parts = [(value, tensor.shape[1]) for value, tensor in zip(values, tensors, strict=True)]
    tape.add(_shaping.Concatenate(parts), result)
    return result


@handles(aten.constant_pad_nd.default)
def _pad(tape: Tape, operation: Any, x: Tensor, padding: list[int], fill: float = 0) -> Tensor:
    value = tape.value(x)
    result = operation(x, padding, fill)
    if x.ndim != 4 or any(padding[4:]):
        return record_unknown(tape, operation, result, [value])
    tape.add(_sliding.Pad([value], [*padding, 0, 0, 0, 0][:4]), result)
    return result


# --- linear


@handles(aten.addmm.default)
def _addmm(tape: Tape, operation: Any, bias: Tensor, x: Tensor, weight: Tensor, **kwargs: Any) -> Tensor:
    if tape.value(x) is None or tape.value(weight) is not None or tape.value(bias) is not None or kwargs:
        return run_unknown(tape, operation, bias, x, weight, **kwargs)
    result = operation(bias, x, weight)
    tape.add(_shaping.Linear([tape.value(x)], tape.save(weight), transposed=True), result)
    return result


@handles(aten.mm.default)
def _mm(tape: Tape, operation: Any, x: Tensor, weight: Tensor) -> Tensor:
    if tape.value(x) is None or tape.value(weight) is not None:
        return run_unknown(tape, operation, x, weight)
    result = operation(x, weight)
    tape.add(_shaping.Linear([tape.value(x)], tape.save(weight), transposed=True), result)
    return result


def linear(
    tape: Tape, run: Callable[[], Tensor], x: Tensor, weight: Tensor, bias: Tensor | None = None
) -> Tensor:
    """Record `torch.nn.functional.linear` on more than two axes; `run()` computes it, unrecorded."""
    value = tape.value(x)
    result = run()
    tape.add(_shaping.Linear([value], tape.save(weight)), result)
    return result
