"""Convolutions, pools, fully connected layers and response normalization for Caffe."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .._layers import CroppedConvTranspose2d, PaddedAvgPool2d, PaddedConv2d, PaddedMaxPool2d
from ._modules import SpatialResponseNorm, windows
from ._writer import Place, geometry, two

Pair = tuple[int, int]


def convolution(at: Place) -> None:
    module: nn.Conv2d = at.step.module
    if module.padding_mode != "zeros":
        raise at.fail(f"padding mode {module.padding_mode!r}; Caffe pads with zeros")
    if isinstance(module, PaddedConv2d):
        left, right, top, bottom = module.pad
    else:
        left, right, top, bottom = module._reversed_padding_repeated_twice
    before, after = _cropped(at, (top, left), (bottom, right))
    weight, dilation = module.weight, two(module.dilation)
    weight, pad = _same_on_both_sides(at, weight, before, after, dilation)
    layer = at.layer("Convolution")
    param = layer.convolution_param
    _state(param, module, weight, pad, dilation, module.out_channels)
    at.blob(layer, weight)
    if module.bias is not None:
        at.blob(layer, module.bias)


def zero_padding(at: Place) -> None:
    """A convolution by 1, channel by channel: the only layer of Caffe that pads and does nothing else."""
    left, right, top, bottom = at.step.module.padding
    before, after = _cropped(at, (top, left), (bottom, right))
    channels = at.takes[1]
    weight, pad = _same_on_both_sides(at, torch.ones(channels, 1, 1, 1), before, after, (1, 1))
    layer = at.layer("Convolution")
    param = layer.convolution_param
    param.num_output, param.group, param.bias_term = channels, channels, False
    geometry(param, "kernel", tuple(weight.shape[2:]), None, "kernel_size")
    geometry(param, "pad", pad, 0)
    at.blob(layer, weight)


def _state(param: Any, module: nn.Module, weight: Tensor, pad: Pair, dilation: Pair, outputs: int) -> None:
    param.num_output = outputs
    if module.bias is None:
        param.bias_term = False
    geometry(param, "kernel", tuple(weight.shape[2:]), None, "kernel_size")
    geometry(param, "stride", two(module.stride), 1)
    geometry(param, "pad", pad, 0)
    if dilation != (1, 1):
        param.dilation.extend(dilation if dilation[0] != dilation[1] else dilation[:1])
    if module.groups != 1:
        param.group = module.groups


def _cropped(at: Place, before: Pair, after: Pair) -> tuple[Pair, Pair]:
    """Negative padding as a crop of the maps; returns what is left of the padding."""
    for axis, (first, last) in enumerate(zip(before, after, strict=True), start=2):
        length = at.takes[axis]
        cut = max(0, -first), max(0, -last)
        at.part(axis, cut[0], length - sum(cut), length)
    return tuple(max(0, side) for side in before), tuple(max(0, side) for side in after)


def _same_on_both_sides(
    at: Place, weight: Tensor, before: Pair, after: Pair, dilation: Pair
) -> tuple[Tensor, Pair]:
    """Weights and padding, the same on opposite sides: rows of zeros in the kernel make up for the difference.

    Zeros before the kernel move its windows back by as much as the larger padding moves them forth; zeros behind it
    take away the windows that the larger padding would add. The result has the same size and the same values.
    """
    grown = [0, 0, 0, 0]  # left, right, top, bottom
    for axis, (first, last, step) in enumerate(zip(before, after, dilation, strict=True)):
        rows, rest = divmod(abs(first - last), step)
        if rest:
            raise at.fail(f"padding of {first} and {last} pixels on opposite sides with a dilation of {step}")
        grown[2 * (1 - axis) + (0 if last > first else 1)] = rows
    return F.pad(weight.detach(), grown), tuple(map(max, zip(before, after, strict=True)))


def transposed_convolution(at: Place) -> None:
    module: nn.ConvTranspose2d = at.step.module
    layer = at.layer("Deconvolution")
    param = layer.convolution_param
    if two(module.output_padding) != (0, 0):
        raise at.fail(f"output padding {module.output_padding}")
    _state(param, module, module.weight, two(module.padding), two(module.dilation), module.out_channels)
    at.blob(layer, module.weight)
    if module.bias is not None:
        at.blob(layer, module.bias)
    if isinstance(module, CroppedConvTranspose2d):
        left, right, top, bottom = module.crop
        for axis, first, last in ((2, top, bottom), (3, left, right)):
            size = at.makes[axis]
            at.part(axis, first, size, size + first + last)


def linear(at: Place) -> None:
    module: nn.Linear = at.step.module
    if len(at.makes) != 2:
        raise at.fail(f"it is run on {at.takes}, position by position")
    layer = at.layer("InnerProduct")
    layer.inner_product_param.num_output = module.out_features
    at.blob(layer, module.weight)
    if module.bias is None:
        layer.inner_product_param.bias_term = False
    else:
        at.blob(layer, module.bias)


# --- pools


def max_pool(at: Place) -> None:
    module: nn.MaxPool2d = at.step.module
    if two(module.dilation) != (1, 1) or module.return_indices:
        raise at.fail("a dilation, or indices returned")
    pad = two(module.padding)
    _pool(at, 0, two(module.kernel_size), two(module.stride), pad)


def average_pool(at: Place) -> None:
    module: nn.AvgPool2d = at.step.module
    kernel, stride, pad = two(module.kernel_size), two(module.stride), two(module.padding)
    # What torch divides by, window by window.
    divisors = _window_sizes(at.takes, kernel, stride, pad, at.makes, module.count_include_pad)
    if module.divisor_override:
        divisors = torch.full_like(divisors, module.divisor_override)
    _pool(at, 1, kernel, stride, pad, divisors)


def padded_pool(at: Place) -> None:
    module: PaddedMaxPool2d = at.step.module
    left, _, top, _ = module.pad
    divisors = None
    if isinstance(module, PaddedAvgPool2d):
        divisors = _window_sizes(at.takes, module.kernel, module.stride, (top, left), at.makes, False)
    _pool(at, int(divisors is not None), module.kernel, module.stride, (top, left), divisors)


def adaptive_pool(at: Place) -> None:
    method = int(isinstance(at.step.module, nn.AdaptiveAvgPool2d))
    if at.makes == at.takes:
        at.same()
    elif at.makes[2:] == (1, 1):
        param = at.layer("Pooling").pooling_param
        param.pool, param.global_pooling = method, True
    else:
        sizes = list(zip(at.takes[2:], at.makes[2:], strict=True))
        if any(size % wanted for size, wanted in sizes):
            raise at.fail(f"{at.makes[2:]} bins of maps of {at.takes[2:]} pixels have different sizes")
        kernel = tuple(size // wanted for size, wanted in sizes)
        _pool(at, method, kernel, kernel, (0, 0))


def global_max_pool(at: Place) -> None:
    param = at.layer("Pooling").pooling_param
    param.pool, param.global_pooling = 0, True


def _window_sizes(takes, kernel: Pair, stride: Pair, pad: Pair, makes, with_padding: bool) -> Tensor:
    """Pixels that count in every window, (oh, ow): all inside the padding on every side, or of the map alone."""
    axes = []
    for size, k, s, p, count in zip(takes[2:], kernel, stride, pad, makes[2:], strict=True):
        first = torch.arange(count) * s - p
        last = (first + k).clamp_max(size + p if with_padding else size)
        axes.append(last - (first if with_padding else first.clamp_min(0)))
    return (axes[0][:, None] * axes[1]).float()


def _pool(
    at: Place, method: int, kernel: Pair, stride: Pair, pad: Pair, divisors: Tensor | None = None
) -> None:
    """A pool whose windows begin `pad` before the map and are as many as the step makes.

    Caffe rounds the number of windows up and pads both sides alike. So: what a pool that rounds down never sees is
    cut off its maps where nothing is padded, else the windows too many are cut off its result; and where
    there would be too few, it is padded by a further stride, and the first windows are cut off. `divisors`
    (oh, ow): what sums are divided by; where Caffe divides by other numbers, its result is scaled.
    """
    sizes, wanted = list(at.takes[2:]), at.makes[2:]
    if pad == (0, 0):
        for axis in (0, 1):
            seen = min(sizes[axis], (wanted[axis] - 1) * stride[axis] + kernel[axis])
            at.part(axis + 2, 0, seen, sizes[axis])
            sizes[axis] = seen
    skipped, padding, made = [0, 0], list(pad), [0, 0]
    for axis in (0, 1):
        while True:
            skipped[axis] = (padding[axis] - pad[axis]) // stride[axis]
            made[axis] = _caffe_size(sizes[axis], kernel[axis], stride[axis], padding[axis], any(pad))
            if made[axis] >= skipped[axis] + wanted[axis]:
                break
            padding[axis] += stride[axis]
            if padding[axis] >= kernel[axis]:
                raise at.fail(f"{wanted[axis]} windows of {kernel} pixels on {at.takes[2:]}, padded by {pad}")
    layer = at.layer("Pooling")
    param = layer.pooling_param
    param.pool = method
    geometry(param, "kernel", kernel, None, "kernel_size")
    geometry(param, "stride", stride, 1)
    geometry(param, "pad", tuple(padding), 0)
    for axis in (0, 1):
        at.part(axis + 2, skipped[axis], wanted[axis], made[axis], "_windows")
    if divisors is None:
        return
    own = []
    for axis in (0, 1):
        first = (torch.arange(wanted[axis]) + skipped[axis]) * stride[axis] - padding[axis]
        own.append((first + kernel[axis]).clamp_max(sizes[axis] + padding[axis]) - first)
    ratio = (own[0][:, None] * own[1]).float() / divisors
    if not bool((ratio == 1).all()):
        scale = at.layer("Scale", "_divisor")
        scale.scale_param.axis, scale.scale_param.num_axes = 2, 2
        at.blob(scale, ratio)


def _caffe_size(size: int, kernel: int, stride: int, padding: int, is_padded: bool) -> int:
    count = windows(size, kernel, stride, padding, True)
    return count - (is_padded and (count - 1) * stride >= size + padding)


def response_norm(at: Place) -> None:
    module: nn.LocalResponseNorm = at.step.module
    if module.size % 2 == 0:
        raise at.fail(f"a window of {module.size} channels; Caffe's has an odd number")
    param = at.layer("LRN").lrn_param
    param.local_size, param.alpha, param.beta, param.k = module.size, module.alpha, module.beta, module.k


def spatial_response_norm(at: Place) -> None:
    module: SpatialResponseNorm = at.step.module
    param = at.layer("LRN").lrn_param
    param.local_size, param.alpha, param.beta, param.norm_region = module.size, module.alpha, module.beta, 1
