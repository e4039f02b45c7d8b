"""Activations, normalization by channel, arithmetic and changes of shape, from the file's layer to a module."""

import math
from itertools import pairwise
from typing import Any

import torch
from torch import nn

from .._layers import Concat, CropLike, Product, Scale, Sum
from . import _modules
from ._at import At, Shape, bare, filled
from ._sliding import Made

# --- activations


def relu(at: At) -> Made:
    slope = at.finite("negative_slope", at.layer.relu_param.negative_slope)
    return (nn.LeakyReLU(slope) if slope else nn.ReLU()), [at.one()]


def elu(at: At) -> Made:
    return nn.ELU(at.finite("alpha", at.layer.elu_param.alpha)), [at.one()]


def sigmoid(at: At) -> Made:
    return nn.Sigmoid(), [at.one()]


def tanh(at: At) -> Made:
    return nn.Tanh(), [at.one()]


def clip(at: At) -> Made:
    param = at.layer.clip_param
    low, high = at.finite("min", param.min), at.finite("max", param.max)
    if low >= high:
        raise at.fail(f"min must be below max, not {low:g} and {high:g}")
    return (nn.ReLU6() if (low, high) == (0, 6) else nn.Hardtanh(low, high)), [at.one()]


def prelu(at: At) -> Made:
    param, shape = at.layer.prelu_param, at.one()
    if len(shape) < 2:
        raise at.fail(f"takes (n, c, ...), and gets the shape {shape}")
    count = 1 if param.channel_shared else shape[1]
    weight = at.blob((count,), param.filler if param.HasField("filler") else 0.25)
    return filled(bare(nn.PReLU, count), weight=weight), [shape]


def softmax(at: At) -> Made:
    shape = at.one()
    return nn.Softmax(at.axis("axis", at.layer.softmax_param.axis, len(shape))), [shape]


def dropout(at: At) -> Made:
    ratio = at.layer.dropout_param.dropout_ratio
    if not 0 <= ratio < 1:
        raise at.fail(f"dropout_ratio must be in 0..1, not {ratio}")
    return nn.Dropout(ratio), [at.one()]


# --- by channel


def batch_norm(at: At) -> Made:
    param, shape = at.layer.batch_norm_param, at.one()
    if param.HasField("use_global_stats") and not param.use_global_stats:
        raise at.fail("use_global_stats is false: it normalizes by the batch, which no image has alone")
    if len(shape) not in (2, 4):
        raise at.fail(f"takes (n, c) or (n, c, h, w), and gets the shape {shape}")
    channels = shape[1]
    mean, variance = at.blob((channels,), 0.0), at.blob((channels,), 1.0)
    total = float(at.blob((1,), 1.0))
    # Caffe keeps sums of a moving average, and what they are to be divided by.
    factor = 1 / total if total else 0.0
    mean, variance, eps = mean * factor, variance * factor, at.positive("eps", param.eps)
    if not (mean.isfinite().all() and variance.isfinite().all()):
        raise at.fail(f"the scale of its statistics is {total}")
    if (variance + eps <= 0).any():
        raise at.fail("a variance is below 0")
    kind = nn.BatchNorm2d if len(shape) == 4 else nn.BatchNorm1d
    module = bare(kind, channels, eps, affine=False)
    batches = torch.tensor(0)
    return filled(module, running_mean=mean, running_var=variance, num_batches_tracked=batches), [shape]


def scale(at: At) -> Made:
    param = at.layer.scale_param
    if len(at.shapes) == 2:
        return _gate(at)
    shape = at.one()
    covered = _covered(at, param, shape)
    weight = at.blob(covered, param.filler if param.HasField("filler") else 1.0)
    bias = at.blob(covered, param.bias_filler) if param.bias_term else None
    view = _broadcast(at, param, shape, covered)
    return Scale(weight.view(view), None if bias is None else bias.view(view)), [shape]


def _gate(at: At) -> Made:
    """A scale whose factors are a second input: one for every image and channel, as in squeeze-and-excitation."""
    (shape, factors), param = at.shapes, at.layer.scale_param
    if param.axis not in (0, -len(shape)) or factors != shape[:2]:
        raise at.fail(f"factors of the shape {factors} for {shape} from axis {param.axis} are not known here")
    if param.bias_term:
        raise at.fail("a bias beside factors that are an input is not known here")
    return _modules.Gate(), [shape]


def bias(at: At) -> Made:
    param, shape = at.layer.bias_param, at.one()
    covered = _covered(at, param, shape)
    values = at.blob(covered, param.filler if param.HasField("filler") else 0.0)
    return _modules.Shift(values.view(_broadcast(at, param, shape, covered))), [shape]


def _covered(at: At, param: Any, shape: Shape) -> Shape:
    """The axes that weights of a Scale or Bias layer run along."""
    first = at.axis("axis", param.axis, len(shape))
    if param.num_axes == -1:
        return shape[first:]
    count = at.number("num_axes", param.num_axes, 0, len(shape) - first)
    return shape[first : first + count]


def _broadcast(at: At, param: Any, shape: Shape, covered: Shape) -> Shape:
    behind = len(shape) - at.axis("axis", param.axis, len(shape)) - len(covered)
    return (*covered, *[1] * behind)


def power(at: At) -> Made:
    param = at.layer.power_param
    numbers = [at.finite(field, getattr(param, field)) for field in ("power", "scale", "shift")]
    return _modules.Power(*numbers), [at.one()]


# --- several inputs or outputs


def eltwise(at: At) -> Made:
    param, shape = at.layer.eltwise_param, at.alike()
    operation = ("PROD", "SUM", "MAX")[param.operation]
    coefficients = tuple(at.finite("coeff", value) for value in param.coeff)
    if coefficients and operation != "SUM":
        raise at.fail(f"coeff is for sums, not for {operation}")
    if coefficients and len(coefficients) != len(at.shapes):
        raise at.fail(f"{len(coefficients)} coefficients for {len(at.shapes)} inputs")
    if operation == "SUM":
        return Sum(None if all(c == 1 for c in coefficients) else coefficients), [shape]
    return (Product() if operation == "PROD" else _modules.Maximum()), [shape]


def concat(at: At) -> Made:
    param = at.layer.concat_param
    field = "concat_dim" if param.HasField("concat_dim") else "axis"
    shapes = at.shapes
    if not shapes:
        raise at.fail("takes no input")
    axis = at.axis(field, getattr(param, field), len(shapes[0]))
    rests = {(*shape[:axis], *shape[axis + 1 :]) for shape in shapes if len(shape) == len(shapes[0])}
    if len(rests) > 1 or any(len(shape) != len(shapes[0]) for shape in shapes):
        raise at.fail(f"inputs of the shapes {', '.join(map(str, shapes))} do not go behind each other")
    total = sum(shape[axis] for shape in shapes)
    return Concat(axis), [at.made((*shapes[0][:axis], total, *shapes[0][axis + 1 :]))]


def slices(at: At) -> Made:
    param, shape = at.layer.slice_param, at.one()
    field = "slice_dim" if param.HasField("slice_dim") else "axis"
    axis = at.axis(field, getattr(param, field), len(shape))
    count, length = len(at.layer.top), shape[axis]
    points = list(param.slice_point)
    if not points:
        if not count or length % count:
            raise at.fail(f"{length} does not go into {count} parts of one size")
        points = [length // count * part for part in range(1, count)]
    edges = [0, *points, length]
    if len(points) != count - 1 or any(a >= b for a, b in pairwise(edges)):
        raise at.fail(f"slice_point {points} does not cut 0..{length} into {count} parts")
    sizes = tuple(b - a for a, b in pairwise(edges))
    return _modules.Slice(sizes, axis), [(*shape[:axis], size, *shape[axis + 1 :]) for size in sizes]


def crop(at: At) -> Made:
    param = at.layer.crop_param
    if len(at.shapes) != 2 or any(len(shape) != 4 for shape in at.shapes) or param.axis not in (2, -2):
        raise at.fail("takes maps and maps of the wanted size, cropped from axis 2 on")
    shape, like = at.shapes
    offset = list(param.offset) or [0]
    if len(offset) > 2:
        raise at.fail(f"offset has {len(offset)} numbers")
    first = at.number("offset", offset[0]), at.number("offset", offset[-1])
    if any(o + wanted > side for o, wanted, side in zip(first, like[2:], shape[2:], strict=True)):
        raise at.fail(f"a crop of {like[2:]} from {first} on goes beyond maps of {shape[2:]}")
    return CropLike(*first), [(*shape[:2], *like[2:])]


# --- shape


def flatten(at: At) -> Made:
    param, shape = at.layer.flatten_param, at.one()
    first, last = (at.axis(name, getattr(param, name), len(shape)) for name in ("axis", "end_axis"))
    if last < first:
        raise at.fail(f"end_axis {param.end_axis} is before axis {param.axis}")
    middle = math.prod(shape[first : last + 1])
    return nn.Flatten(first, last), [(*shape[:first], middle, *shape[last + 1 :])]


def reshape(at: At) -> Made:
    param, shape = at.layer.reshape_param, at.one()
    first = param.axis + (len(shape) + 1 if param.axis < 0 else 0)
    last = len(shape) if param.num_axes == -1 else first + param.num_axes
    if not 0 <= first <= last <= len(shape):
        raise at.fail(f"axis {param.axis} and num_axes {param.num_axes} do not fit the shape {shape}")
    old, new = shape[first:last], []
    wanted = list(param.shape.dim)
    if len(wanted) > 32:
        raise at.fail(f"a shape of {len(wanted)} axes")
    for place, side in enumerate(wanted):
        if side < -1 or (side == 0 and place >= len(old)):
            raise at.fail(f"dim {side} at place {place} of the new shape for {old}")
        new.append(old[place] if side == 0 else side)
    if new.count(-1) == 1:
        rest = math.prod(side for side in new if side != -1)
        new[new.index(-1)] = math.prod(old) // rest
    out = (*shape[:first], *new, *shape[last:])
    if any(side < 1 for side in out) or math.prod(out) != math.prod(shape):
        raise at.fail(f"the shape {shape} cannot become {wanted}")
    if not out or out[0] != shape[0]:
        raise at.fail(f"it mixes images: {shape} would become {out}")
    return _modules.Reshape(out[1:]), [out]
