"""Recording of pointwise operations: activations, arithmetic, normalization."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from ..steps import _pointwise, _rules
from ._registry import HANDLERS, handles, record_unknown, run_unknown, running_module
from ._tape import Tape

aten = torch.ops.aten

# --- activations: the arguments behind x are those of the activation's constructor in _rules

_ACTIVATIONS: dict[Any, Callable[..., _rules.Activation]] = {
    aten.relu: _rules.relu,
    aten.hardtanh: _rules.hardtanh,
    aten.clamp: _rules.clamp,
    aten.clamp_min: _rules.clamp,
    aten.threshold: _rules.threshold,
    aten.leaky_relu: _rules.leaky_relu,
    aten.elu: _rules.elu,
    aten.celu: _rules.celu,
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
        where = "" if activation.rectifier else running_module(tape)
        tape.add(_pointwise.Activate([value], activation, saved or tape.save(result), where), result)
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
        return run_unknown(tape, operation, x, slopes)
    result = operation(x, slopes)
    tape.add(_pointwise.PRelu([tape.value(x)], tape.save(x), slopes), result)
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
        step = _pointwise.Identity([value for value in values if value is not None], cast)
    elif values[0] is None:
        step = _pointwise.Scale([values[1]], factor)
    else:
        return record_unknown(tape, operation, result, values)
    tape.add(step, result)
    return result


@handles(aten.neg.default, aten.neg_.default)
def _negative(tape: Tape, operation: Any, x: Tensor) -> Tensor:
    value = tape.value(x)
    result = operation(x)
    tape.add(_pointwise.Scale([value], -1.0), result)
    return result


@handles(aten.mul.Tensor, aten.mul_.Tensor)
def _product(tape: Tape, operation: Any, a: Tensor, b: Any) -> Tensor:
    values = [tape.value(factor) if isinstance(factor, Tensor) else None for factor in (a, b)]
    in_place = operation is aten.mul_.Tensor
    if None in values:
        value, factor = (values[0], b) if values[1] is None else (values[1], a)
        return _scaled(tape, operation, (a, b), value, factor)
    if values[0] == values[1]:  # a square
        return run_unknown(tape, operation, a, b)
    saved = (tape.save(a.clone() if in_place else a), tape.save(b))
    gate = _gate(tape, values)
    result = operation(a, b)
    where = running_module(tape) if gate is None else ""
    tape.add(_pointwise.Product(list(zip(values, saved, strict=True)), gate, where), result)
    return result


@handles(aten.div.Tensor, aten.div_.Tensor)
def _quotient(tape: Tape, operation: Any, a: Tensor, b: Any) -> Tensor:
    value = tape.value(a) if isinstance(a, Tensor) else None
    if value is None or (isinstance(b, Tensor) and tape.value(b) is not None):
        return run_unknown(tape, operation, a, b)
    return _scaled(tape, operation, (a, b), value, 1 / b)


def _scaled(tape: Tape, operation: Any, args: tuple, value: int, factor: float | Tensor) -> Tensor:
    shape = tape.shapes[value]
    result = operation(*args)
    if shape != tuple(result.shape):
        return record_unknown(tape, operation, result, [value])
    tape.add(_pointwise.Scale([value], factor.detach() if isinstance(factor, Tensor) else factor), result)
    return result


def _gate(tape: Tape, values: list[int]) -> int | None:
    """Which of two factors is a gate (see _rules): one position per channel, or made by a sigmoid. None if not one."""
    sizes = [tape.size(value) for value in values]
    if None not in sizes and sizes[0] != sizes[1]:
        small = [size == (1, 1) for size in sizes]
    else:
        small = [
            isinstance(step := tape.makers.get(value), _pointwise.Activate)
            and "sigmoid" in step.activation.name
            for value in values
        ]
    return small.index(True) if small.count(True) == 1 else None


# --- normalization


@handles(aten.native_batch_norm.default, aten.cudnn_batch_norm.default)
def _batch_norm(tape: Tape, operation: Any, x: Tensor, *args: Any) -> Any:
    weight, _, mean, variance, training, _, eps = args
    if training or mean is None:
        return run_unknown(tape, operation, x, *args)
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
    tape.add(_pointwise.Scale([tape.value(x)], factor), result[0])
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
    tape.add(_pointwise.LayerNorm([tape.value(x)], saved, mean, rstd, weight, len(shape)), result)
    return result, mean, rstd


@handles(aten.native_group_norm.default)
def _group_norm(
    tape: Tape,
    operation: Any,
    x: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    n: int,
    channels: int,
    area: int,
    groups: int,
    eps: float,
) -> Any:
    args = (x, weight, bias, n, channels, area, groups, eps)
    if x.ndim != 4:
        return run_unknown(tape, operation, *args)
    result, mean, rstd = operation(*args)
    tape.add(_pointwise.GroupNorm([tape.value(x)], tape.save(x), mean, rstd, weight), result)
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
    tape.add(_pointwise.LocalResponseNorm([value], saved, size, alpha, beta, k), result)
    return result
