"""Convolutions, pools, fully connected layers and local response normalization, from the file's layer to a module."""

import math
from typing import Any

from torch import Tensor, nn

from . import _modules
from ._at import MAX_OUTPUTS, At, Shape, bare, filled, filler_of

Made = tuple[nn.Module, list[Shape]]


def convolution(at: At) -> Made:
    param, (n, channels, *size) = at.layer.convolution_param, at.maps()
    kernel, stride, pad, dilation, outputs = _geometry(at, param)
    extent = [d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True)]
    padded = [side + 2 * p for side, p in zip(size, pad, strict=True)]
    if any(side < e for side, e in zip(padded, extent, strict=True)):
        raise at.fail(f"a kernel of {extent[0]} x {extent[1]} pixels on maps of {padded[0]} x {padded[1]}")
    out = [(side - e) // s + 1 for side, e, s in zip(padded, extent, stride, strict=True)]
    shape = at.made((n, outputs, *out), needs=channels * math.prod(padded))
    group = _group(at, param, channels, outputs)
    weight, bias = _weights(at, param, (outputs, channels // group, *kernel), outputs)
    module = bare(nn.Conv2d, channels, outputs, kernel, stride, pad, dilation, group, bias is not None)
    return filled(module, weight=weight, bias=bias), [shape]


def deconvolution(at: At) -> Made:
    param, (n, channels, *size) = at.layer.convolution_param, at.maps()
    kernel, stride, pad, dilation, outputs = _geometry(at, param)
    out = [
        s * (side - 1) + d * (k - 1) + 1 - 2 * p
        for side, k, s, p, d in zip(size, kernel, stride, pad, dilation, strict=True)
    ]
    shape = at.made(
        (n, outputs, *out), needs=outputs * math.prod(o + 2 * p for o, p in zip(out, pad, strict=True))
    )
    group = _group(at, param, channels, outputs)
    weight, bias = _weights(at, param, (channels, outputs // group, *kernel), outputs)
    args = (channels, outputs, kernel, stride, pad, 0, group, bias is not None, dilation)
    return filled(bare(nn.ConvTranspose2d, *args), weight=weight, bias=bias), [shape]


def _geometry(at: At, param: Any) -> tuple[tuple[int, int], ...]:
    if param.axis not in (1, -3):
        raise at.fail(f"axis must be 1, not {param.axis}")
    kernel = at.pair(param, "kernel", None, 1, "kernel_size")
    given = list(param.dilation) or [1]
    if len(given) > 2:
        raise at.fail(f"dilation has {len(given)} numbers")
    dilation = (at.number("dilation", given[0], 1), at.number("dilation", given[-1], 1))
    outputs = at.number("num_output", param.num_output, 1, MAX_OUTPUTS)
    return kernel, at.pair(param, "stride", 1, 1), at.pair(param, "pad", 0, 0), dilation, outputs


def _group(at: At, param: Any, channels: int, outputs: int) -> int:
    group = at.number("group", param.group, 1, MAX_OUTPUTS)
    if channels % group or outputs % group:
        raise at.fail(f"group {group} does not divide {channels} channels and {outputs} outputs")
    return group


def _weights(at: At, param: Any, shape: Shape, outputs: int) -> tuple[Tensor, Tensor | None]:
    weight = at.blob(shape, filler_of(param, "weight_filler"))
    return weight, at.blob((outputs,), param.bias_filler) if param.bias_term else None


def inner_product(at: At) -> Made:
    param, (n, *rest) = at.layer.inner_product_param, at.one()
    if at.axis("axis", param.axis, len(rest) + 1) != 1:
        raise at.fail(f"axis must be 1, not {param.axis}")
    inputs, outputs = math.prod(rest), at.number("num_output", param.num_output, 1, MAX_OUTPUTS)
    shape = (inputs, outputs) if param.transpose else (outputs, inputs)
    weight, bias = _weights(at, param, shape, outputs)
    if param.transpose:
        weight = weight.t().contiguous()
    module = bare(_modules.InnerProduct, inputs, outputs, bias is not None)
    return filled(module, weight=weight, bias=bias), [at.made((n, outputs))]


def pooling(at: At) -> Made:
    param, (n, channels, *size) = at.layer.pooling_param, at.maps()
    method = ("MAX", "AVE", "STOCHASTIC")[param.pool]
    if method == "STOCHASTIC":
        raise at.fail("STOCHASTIC pooling is not known here")
    if any(step != 1 for step in param.dilation):
        raise at.fail("a dilation of pools is not known here")
    stride, pad = at.pair(param, "stride", 1, 1), at.pair(param, "pad", 0, 0)
    if param.global_pooling:
        if param.kernel_size or param.HasField("kernel_h") or param.HasField("kernel_w"):
            raise at.fail("global_pooling with a kernel size")
        if pad != (0, 0) or stride != (1, 1):
            raise at.fail("global_pooling with padding or a stride")
        module = nn.AdaptiveAvgPool2d(1) if method == "AVE" else _modules.GlobalMaxPool2d()
        return module, [(n, channels, 1, 1)]
    kernel = at.pair(param, "kernel", None, 1, "kernel_size")
    if any(p >= k for p, k in zip(pad, kernel, strict=True)):
        raise at.fail(f"padding {pad} is not smaller than the kernel {kernel}")
    ceil_mode = param.round_mode == 0 and param.ceil_mode
    axes = list(zip(size, kernel, stride, pad, strict=True))
    out = [_modules.pooled_size(*axis, ceil_mode) for axis in axes]
    if pad == (0, 0) and out != [_modules.windows(*axis, ceil_mode) for axis in axes]:
        # Caffe leaves this window only in padded pools; else its maximum is -3.4e38, its average 0 / 0.
        raise at.fail(f"on maps of {size[0]} x {size[1]} the last window lies beyond the border")
    shape = at.made(
        (n, channels, *out),
        needs=channels * math.prod(side + 2 * p for side, p in zip(size, pad, strict=True)),
    )
    narrow = all(p <= k // 2 for p, k in zip(pad, kernel, strict=True))
    pools = (nn.MaxPool2d, nn.AvgPool2d) if narrow else (_modules.MaxPool2d, _modules.AvgPool2d)
    # Averages are over the part of a window that is inside the padded image: in both libraries.
    return pools[method == "AVE"](kernel, stride, pad, ceil_mode=ceil_mode), [shape]


def response_norm(at: At) -> Made:
    param, shape = at.layer.lrn_param, at.maps()
    within = param.norm_region == 1
    size = at.number("local_size", param.local_size, 1, 1_000)
    if size % 2 == 0:
        raise at.fail(f"local_size must be odd, not {size}")
    alpha, beta = at.finite("alpha", param.alpha), at.finite("beta", param.beta)
    at.made(shape, needs=math.prod(shape[1:]) // shape[1] * (shape[1] + size))
    if within:  # k is not used there
        return _modules.SpatialResponseNorm(size, alpha, beta), [shape]
    return nn.LocalResponseNorm(size, alpha, beta, at.finite("k", param.k)), [shape]
