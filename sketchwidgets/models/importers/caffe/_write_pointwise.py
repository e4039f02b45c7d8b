"""Activations, normalization by channel, arithmetic and changes of shape for Caffe."""

import torch
from torch import Tensor, nn

from .._layers import Concat, CropLike, Scale, Sum
from ._modules import Part, Power, Reshape, Shift, Slice
from ._writer import Place


def same(at: Place) -> None:
    at.same()


def relu(at: Place) -> None:
    at.layer("ReLU")


def leaky_relu(at: Place) -> None:
    at.layer("ReLU").relu_param.negative_slope = at.step.module.negative_slope


def clip(at: Place) -> None:
    module: nn.Hardtanh = at.step.module
    param = at.layer("Clip").clip_param
    param.min, param.max = module.min_val, module.max_val


def prelu(at: Place) -> None:
    module: nn.PReLU = at.step.module
    layer = at.layer("PReLU")
    layer.prelu_param.channel_shared = module.num_parameters == 1
    at.blob(layer, module.weight)


def elu(at: Place) -> None:
    at.layer("ELU").elu_param.alpha = at.step.module.alpha


def sigmoid(at: Place) -> None:
    at.layer("Sigmoid")


def tanh(at: Place) -> None:
    at.layer("TanH")


def softmax(at: Place) -> None:
    axis = at.step.module.dim
    if axis is None or axis % len(at.takes) == 0:
        raise at.fail(f"dim {axis}")
    at.layer("Softmax").softmax_param.axis = axis % len(at.takes)


def dropout(at: Place) -> None:
    at.layer("Dropout").dropout_param.dropout_ratio = at.step.module.p


def batch_norm(at: Place) -> None:
    module: nn.BatchNorm2d = at.step.module
    if module.running_mean is None:
        raise at.fail("it has no statistics of its own")
    layer = at.layer("BatchNorm")
    layer.batch_norm_param.use_global_stats = True
    layer.batch_norm_param.eps = module.eps
    for values in (module.running_mean, module.running_var, torch.ones(1)):
        at.blob(layer, values)
    if module.weight is not None:
        _scale(at, module.weight, module.bias, 1, "_scale")


def scale(at: Place) -> None:
    module: Scale = at.step.module
    axis, weight = _covered(at, module.weight)
    bias = None
    if module.bias is not None:
        bias = module.bias.expand_as(module.weight) if module.bias.numel() == 1 else module.bias
        if bias.shape != module.weight.shape:
            raise at.fail(f"factors {tuple(module.weight.shape)} and a bias {tuple(bias.shape)}")
        bias = bias.reshape(weight.shape)
    _scale(at, weight, bias, axis, "")


def _scale(at: Place, weight: Tensor, bias: Tensor | None, axis: int, suffix: str) -> None:
    layer = at.layer("Scale", suffix)
    param = layer.scale_param
    param.axis, param.num_axes = axis, weight.ndim
    at.blob(layer, weight)
    if bias is not None:
        param.bias_term = True
        at.blob(layer, bias)


def shift(at: Place) -> None:
    module: Shift = at.step.module
    axis, bias = _covered(at, module.bias)
    layer = at.layer("Bias")
    layer.bias_param.axis, layer.bias_param.num_axes = axis, bias.ndim
    at.blob(layer, bias)


def _covered(at: Place, values: Tensor) -> tuple[int, Tensor]:
    """The first axis that values run along which broadcast to the maps, and they without axes of one number."""
    shape = [1] * (len(at.takes) - values.ndim) + list(values.shape)
    along = [axis for axis, side in enumerate(shape) if side != 1]
    first, last = (along[0], along[-1] + 1) if along else (1, 1)
    # Between them every axis is there in full.
    full = torch.broadcast_to(values.detach().reshape(shape[first:last]), at.takes[first:last])
    if first == 0 or len(shape) != len(at.takes):
        raise at.fail(f"values {tuple(values.shape)} for maps {at.takes}")
    return first, full


def power(at: Place) -> None:
    module: Power = at.step.module
    param = at.layer("Power").power_param
    param.power, param.scale, param.shift = module.power, module.scale, module.shift


# --- several inputs or outputs


def eltwise_sum(at: Place) -> None:
    module: Sum = at.step.module
    param = at.layer("Eltwise").eltwise_param
    param.operation = 1
    if module.coefficients is not None:
        param.coeff.extend(module.coefficients)


def product(at: Place) -> None:
    takes = at.step.takes
    if len(takes) == 2 and takes[0] != takes[1]:
        gate(at)
        return
    if len(set(takes)) != 1:
        raise at.fail(f"inputs of the shapes {', '.join(map(str, takes))}")
    at.layer("Eltwise").eltwise_param.operation = 0


def maximum(at: Place) -> None:
    at.layer("Eltwise").eltwise_param.operation = 2


def gate(at: Place) -> None:
    (maps, factors), bottoms = at.step.takes, at.bottoms
    if factors not in (maps[:2], (*maps[:2], *[1] * (len(maps) - 2))):
        raise at.fail(f"inputs of the shapes {maps} and {factors}")
    if factors != maps[:2]:
        at.bottoms = bottoms[1:]
        at.layer("Flatten", "_factors")
        bottoms = [bottoms[0], at.tops[0]]
    at.bottoms = bottoms
    at.layer("Scale").scale_param.axis = 0


def concat(at: Place) -> None:
    module: Concat = at.step.module
    axis = module.axis % len(at.takes)
    if axis == 0:
        raise at.fail("it joins images")
    at.layer("Concat").concat_param.axis = axis


def slices(at: Place) -> None:
    module: Slice = at.step.module
    param = at.layer("Slice", tops=len(module.sizes)).slice_param
    param.axis = module.axis
    param.slice_point.extend(sum(module.sizes[:part]) for part in range(1, len(module.sizes)))


def part(at: Place) -> None:
    module: Part = at.step.module
    at.part(module.axis, module.start, module.size, at.takes[module.axis], "")
    if not at.tops:
        at.same()


def crop_like(at: Place) -> None:
    module: CropLike = at.step.module
    at.bottoms = at.bottoms[:1]
    for axis, first in ((2, module.top), (3, module.left)):
        length, size = at.takes[axis], at.makes[axis]
        at.part(axis, min(first, length - size), size, length)
    if not at.tops:
        at.same()


# --- shape


def flatten(at: Place) -> None:
    if at.makes == at.takes:
        at.same()
        return
    module: nn.Flatten = at.step.module
    first, last = module.start_dim % len(at.takes), module.end_dim % len(at.takes)
    if first == 0:
        raise at.fail("it joins images")
    param = at.layer("Flatten").flatten_param
    param.axis, param.end_axis = first, last if last < len(at.takes) - 1 else -1


def reshape(at: Place) -> None:
    module: Reshape = at.step.module
    at.layer("Reshape").reshape_param.shape.dim.extend((0, *module.shape))
