"""Which step each ATen operation of a forward pass becomes.

A handler runs the operation and appends its step to the tape; only called when some argument depends on the images. What no
handler knows, or a handler finds in a variant that it does not know, is recorded as Unknown: harmless unless a projection has
to pass through it.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from . import _ops, _rules
from ._switches import PoolGeometry
from ._tape import Tape

aten = torch.ops.aten

HANDLERS: dict[Any, Callable] = {}


def handles(*operations: Any) -> Callable:
    """Register a handler: called as handler(tape, operation, *args, **kwargs), it returns what the operation returned."""

    def register(handler: Callable) -> Callable:
        for operation in operations:
            HANDLERS[operation] = handler
        return handler

    return register


def tracked(tape: Tape, args: Sequence[Any], kwargs: dict[str, Any]) -> list[int]:
    """The values among the arguments, lists included."""
    values = []
    for arg in (*args, *kwargs.values()):
        for item in arg if isinstance(arg, list | tuple) else (arg,):
            if isinstance(item, Tensor) and (value := tape.value(item)) is not None:
                values.append(value)
    return values


def record_unknown(tape: Tape, operation: Any, result: Any, values: list[int]) -> Any:
    """Record an operation that nothing is known about."""
    name = str(getattr(operation, "__name__", operation)).split(".")[0]
    for item in result if isinstance(result, list | tuple) else (result,):
        if isinstance(item, Tensor):
            tape.add(_ops.Unknown(values, name), item)
    return result


def _unknown(tape: Tape, operation: Any, *args: Any, **kwargs: Any) -> Any:
    values = tracked(tape, args, kwargs)
    return record_unknown(tape, operation, operation(*args, **kwargs), values)


# --- activations: the arguments behind x are those of the activation's constructor in _rules

_ACTIVATIONS: dict[Any, Callable[..., _rules.Activation]] = {
    aten.relu: _rules.relu,
    aten.hardtanh: _rules.hardtanh,
    aten.clamp: _rules.clamp,
    aten.clamp_min: _rules.clamp,
    aten.threshold: _rules.threshold,
    aten.leaky_relu: _rules.leaky_relu,
    aten.elu: _rules.elu,
    aten.softplus: _rules.softplus,
    aten.gelu: _rules.gelu,
    aten.silu: _rules.silu,
    aten.mish: _rules.mish,
    aten.hardswish: _rules.hardswish,
    aten.hardsigmoid: _rules.hardsigmoid,
    aten.sigmoid: _rules.sigmoid,
    aten.tanh: _rules.tanh,
}


def _activation_handler(make: Callable[..., _rules.Activation], in_place: bool) -> Callable:
    def handler(tape: Tape, operation: Any, x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        activation = make(*args, **kwargs)
        value = tape.value(x)
        saved = None
        if not activation.saves_output:
            saved = tape.save(x.clone() if in_place else x)
        result = operation(x, *args, **kwargs)
        tape.add(_ops.Activate([value], activation, saved or tape.save(result)), result)
        return result

    return handler


for _packet, _make in _ACTIVATIONS.items():
    HANDLERS[_packet.default] = _activation_handler(_make, in_place=False)
    _in_place = getattr(aten, _packet.__name__ + "_", None)
    if _in_place is not None:
        HANDLERS[_in_place.default] = _activation_handler(_make, in_place=True)


@handles(aten._prelu_kernel.default)
def _prelu(tape: Tape, operation: Any, x: Tensor, slopes: Tensor) -> Tensor:
    if tape.value(slopes) is not None:
        return _unknown(tape, operation, x, slopes)
    result = operation(x, slopes)
    tape.add(_ops.PRelu([tape.value(x)], tape.save(x), slopes), result)
    return result


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
        return _unknown(tape, operation, *args)
    result = operation(*args)
    step = _ops.Convolution(
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
        return _unknown(tape, operation, x, kernel, stride, padding, dilation, ceil_mode)
    pooled, indices = operation(x, kernel, stride, padding, dilation, ceil_mode)
    geometry = PoolGeometry(
        _pair(kernel), _pair(stride or kernel), _pair(padding), _pair(dilation), ceil_mode
    )
    tape.add(_ops.MaxPool([tape.value(x)], tape.save(x), tape.save(pooled), indices, geometry), pooled)
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
        return _unknown(tape, operation, *args)
    result = operation(*args)
    geometry = PoolGeometry(_pair(kernel), _pair(stride or kernel), _pair(padding), ceil_mode=ceil_mode)
    tape.add(
        _ops.AveragePool([tape.value(x)], geometry, count_include_pad, divisor_override), result
    )
    return result


@handles(aten._adaptive_avg_pool2d.default)
def _adaptive_average_pool(tape: Tape, operation: Any, x: Tensor, size: list[int]) -> Tensor:
    if x.ndim != 4:
        return _unknown(tape, operation, x, size)
    result = operation(x, size)
    bins = [n // m for n, m in zip(x.shape[2:], size, strict=True)]
    even = all(n == m * b for n, m, b in zip(x.shape[2:], size, bins, strict=True))
    if even:
        tape.add(
            _ops.AveragePool([tape.value(x)], PoolGeometry(_pair(bins), _pair(bins), (0, 0))), result
        )
    else:
        tape.add(_ops.AdaptiveAveragePool([tape.value(x)]), result)
    return result


@handles(aten.mean.dim)
def _mean(tape: Tape, operation: Any, x: Tensor, axes: list[int], *args: Any, **kwargs: Any) -> Tensor:
    over = None if axes is None else {axis % x.ndim for axis in axes}
    if x.ndim != 4 or over != {2, 3} or kwargs:
        return _unknown(tape, operation, x, axes, *args, **kwargs)
    result = operation(x, axes, *args)
    tape.add(_ops.GlobalMean([tape.value(x)]), result)
    return result


# --- normalization


@handles(aten.native_batch_norm.default, aten.cudnn_batch_norm.default)
def _batch_norm(tape: Tape, operation: Any, x: Tensor, *args: Any) -> Any:
    weight, _, mean, variance, training, _, eps = args
    if training or mean is None:
        return _unknown(tape, operation, x, *args)
    return _record_batch_norm(tape, operation, x, args, weight, variance, eps)


@handles(aten._native_batch_norm_legit_no_training.default)
def _batch_norm_eval(tape: Tape, operation: Any, x: Tensor, *args: Any) -> Any:
    weight, _, _, variance, _, eps = args
    return _record_batch_norm(tape, operation, x, args, weight, variance, eps)


def _record_batch_norm(
    tape: Tape,
    operation: Any,
    x: Tensor,
    args: tuple,
    weight: Tensor | None,
    variance: Tensor,
    eps: float,
) -> Any:
    result = operation(x, *args)
    factor = (variance + eps).rsqrt()
    if weight is not None:
        factor = factor * weight
    factor = factor.to(x.dtype).view(1, -1, *[1] * (x.ndim - 2))
    tape.add(_ops.Scale([tape.value(x)], factor), result[0])
    return result


@handles(aten.native_layer_norm.default)
def _layer_norm(
    tape: Tape,
    operation: Any,
    x: Tensor,
    shape: list[int],
    weight: Tensor | None,
    bias: Tensor | None,
    eps: float,
) -> Any:
    result, mean, rstd = operation(x, shape, weight, bias, eps)
    if len(shape) == x.ndim:  # over the images too
        return record_unknown(tape, operation, (result, mean, rstd), [tape.value(x)])
    saved = tape.save(x)
    tape.add(_ops.LayerNorm([tape.value(x)], saved, mean, rstd, weight, len(shape)), result)
    return result, mean, rstd


def local_response_norm(
    tape: Tape,
    run: Callable[[], Tensor],
    x: Tensor,
    size: int,
    alpha: float = 1e-4,
    beta: float = 0.75,
    k: float = 1.0,
) -> Tensor:
    """Record `torch.nn.functional.local_response_norm`; `run()` computes it, unrecorded."""
    value, saved = tape.value(x), tape.save(x)
    result = run()
    tape.add(_ops.LocalResponseNorm([value], saved, size, alpha, beta, k), result)
    return result


# --- arithmetic


@handles(aten.add.Tensor, aten.add_.Tensor, aten.sub.Tensor, aten.sub_.Tensor)
def _sum(tape: Tape, operation: Any, a: Tensor, b: Any, *, alpha: float = 1) -> Tensor:
    values = [tape.value(term) if isinstance(term, Tensor) else None for term in (a, b)]
    shapes = [tape.shapes[value] for value in values if value is not None]
    sign = -1 if operation in (aten.sub.Tensor, aten.sub_.Tensor) else 1
    kwargs = {} if alpha == 1 else {"alpha": alpha}
    result = operation(a, b, **kwargs)
    if any(shape != tuple(result.shape) for shape in shapes):  # broadcasts
        return record_unknown(tape, operation, result, [v for v in values if v is not None])
    dtypes = {term.dtype for term, value in zip((a, b), values, strict=True) if value is not None}
    cast = dtypes.pop() if len(dtypes) == 1 and dtypes != {result.dtype} else None
    if dtypes and cast is None and len(dtypes) > 1:
        return record_unknown(tape, operation, result, [v for v in values if v is not None])
    factor = alpha * sign
    if values[1] is None or factor == 1:
        step = _ops.Identity([value for value in values if value is not None], cast)
    elif values[0] is None:
        step = _ops.Scale([values[1]], factor)
    else:
        return record_unknown(tape, operation, result, values)
    tape.add(step, result)
    return result


@handles(aten.neg.default, aten.neg_.default)
def _negative(tape: Tape, operation: Any, x: Tensor) -> Tensor:
    value = tape.value(x)
    result = operation(x)
    tape.add(_ops.Scale([value], -1.0), result)
    return result


@handles(aten.mul.Tensor, aten.mul_.Tensor)
def _product(tape: Tape, operation: Any, a: Tensor, b: Any) -> Tensor:
    values = [tape.value(factor) if isinstance(factor, Tensor) else None for factor in (a, b)]
    in_place = operation is aten.mul_.Tensor
    if None in values:
        value, factor = (values[0], b) if values[1] is None else (values[1], a)
        return _scaled(tape, operation, (a, b), value, factor)
    if values[0] == values[1]:  # a square
        return _unknown(tape, operation, a, b)
    saved = (tape.save(a.clone() if in_place else a), tape.save(b))
    gate = _gate(tape, values)
    result = operation(a, b)
    tape.add(_ops.Product(list(zip(values, saved, strict=True)), gate), result)
    return result


@handles(aten.div.Tensor, aten.div_.Tensor)
def _quotient(tape: Tape, operation: Any, a: Tensor, b: Any) -> Tensor:
    value = tape.value(a) if isinstance(a, Tensor) else None
    if value is None or (isinstance(b, Tensor) and tape.value(b) is not None):
        return _unknown(tape, operation, a, b)
    return _scaled(tape, operation, (a, b), value, 1 / b)


def _scaled(tape: Tape, operation: Any, args: tuple, value: int, factor: float | Tensor) -> Tensor:
    shape = tape.shapes[value]
    result = operation(*args)
    if shape != tuple(result.shape):
        return record_unknown(tape, operation, result, [value])
    tape.add(_ops.Scale([value], factor.detach() if isinstance(factor, Tensor) else factor), result)
    return result


def _gate(tape: Tape, values: list[int]) -> int | None:
    """Which of two factors is a gate (see _rules): one position per channel, or made by a sigmoid. None if not one."""
    sizes = [tape.size(value) for value in values]
    if None not in sizes and sizes[0] != sizes[1]:
        small = [size == (1, 1) for size in sizes]
    else:
        small = [
            isinstance(step := tape.makers.get(value), _ops.Activate) and "sigmoid" in step.activation.name
            for value in values
        ]
    return small.index(True) if small.count(True) == 1 else None


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
    tape.add(_ops.Identity([tape.value(x)], x.dtype if result.dtype != x.dtype else None), result)
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
    tape.add(_ops.Reshape([value]) if result.shape != x.shape else _ops.Identity([value]), result)
    return result


@handles(aten.permute.default)
def _permute(tape: Tape, operation: Any, x: Tensor, order: list[int]) -> Tensor:
    value = tape.value(x)
    result = operation(x, order)
    order = [axis % x.ndim for axis in order]
    if order[0] != 0:
        return record_unknown(tape, operation, result, [value])
    tape.add(_ops.Permute([value], order), result)
    return result


@handles(aten.transpose.int)
def _transpose(tape: Tape, operation: Any, x: Tensor, a: int, b: int) -> Tensor:
    value = tape.value(x)
    result = operation(x, a, b)
    order = list(range(x.ndim))
    order[a], order[b] = order[b], order[a]
    if order[0] != 0:
        return record_unknown(tape, operation, result, [value])
    tape.add(_ops.Permute([value], order), result)
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
        made = _ops.Identity([value])
    elif axis % x.ndim == 1 and step == 1:
        made = _ops.Slice([value], range(x.shape[1])[slice(start, end)].start)
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
    tape.add(_ops.Slice([value], index % x.shape[1], squeezed=True), result)
    return result


@handles(aten.split.Tensor, aten.split_with_sizes.default)
def _split(tape: Tape, operation: Any, x: Tensor, sizes: Any, axis: int = 0) -> Any:
    value = tape.value(x)
    results = operation(x, sizes, axis)
    if axis % x.ndim != 1:
        return record_unknown(tape, operation, results, [value])
    start = 0
    for result in results:
        tape.add(_ops.Slice([value], start), result)
        start += result.shape[1]
    return results


@handles(aten.cat.default)
def _concatenate(tape: Tape, operation: Any, tensors: list[Tensor], axis: int = 0) -> Tensor:
    values = [tape.value(tensor) for tensor in tensors]
    result = operation(tensors, axis)
    if axis % result.ndim != 1:
        return record_unknown(tape, operation, result, [value for value in values if value is not None])
    parts = [(value, tensor.shape[1]) for value, tensor in zip(values, tensors, strict=True)]
    tape.add(_ops.Concatenate(parts), result)
    return result


@handles(aten.constant_pad_nd.default)
def _pad(tape: Tape, operation: Any, x: Tensor, padding: list[int], fill: float = 0) -> Tensor:
    value = tape.value(x)
    result = operation(x, padding, fill)
    if x.ndim != 4 or any(padding[4:]):
        return record_unknown(tape, operation, result, [value])
    tape.add(_ops.Pad([value], [*padding, 0, 0, 0, 0][:4]), result)
    return result


# --- linear


@handles(aten.addmm.default)
def _addmm(tape: Tape, operation: Any, bias: Tensor, x: Tensor, weight: Tensor, **kwargs: Any) -> Tensor:
    if tape.value(x) is None or tape.value(weight) is not None or tape.value(bias) is not None or kwargs:
        return _unknown(tape, operation, bias, x, weight, **kwargs)
    result = operation(bias, x, weight)
    tape.add(_ops.Linear([tape.value(x)], tape.save(weight), transposed=True), result)
    return result


@handles(aten.mm.default)
def _mm(tape: Tape, operation: Any, x: Tensor, weight: Tensor) -> Tensor:
    if tape.value(x) is None or tape.value(weight) is not None:
        return _unknown(tape, operation, x, weight)
    result = operation(x, weight)
    tape.add(_ops.Linear([tape.value(x)], tape.save(weight), transposed=True), result)
    return result


def linear(
    tape: Tape, run: Callable[[], Tensor], x: Tensor, weight: Tensor, bias: Tensor | None = None
) -> Tensor:
    """Record `torch.nn.functional.linear` on more than two axes; `run()` computes it, unrecorded."""
    value = tape.value(x)
    result = run()
    tape.add(_ops.Linear([value], tape.save(weight)), result)
    return result
