"""The computational blocks of MatConvNet as modules.

MatConvNet (Vedaldi and Lenc, ACM-MM 2015) computes on arrays (height, width, channels, images). Its filters are
(height, width, channels, filters) and are not flipped, so that `permute(3, 2, 0, 1)` makes torch's of them. Pads are
[top bottom left right]; sizes are rounded down.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from .. import _layers
from ._fields import Fields, describe, is_empty, is_numeric
from ._values import Value


class Block(NamedTuple):
    """A module and the number of channels that it makes; None where that is not known."""

    module: nn.Module
    channels: int | None


Params = Sequence[Value]
# (fields, parameters, channels of each input) -> block
Builder = Callable[[Fields, Params, Sequence[int | None]], Block]


def convolution(fields: Fields, params: Params, channels: Sequence[int | None]) -> Block:
    filters = _filters(fields, params)
    height, width, depth, count = filters.shape
    takes = channels[0] or depth
    if takes % depth or count % (takes // depth):
        raise fields.fail(f"{count} filters of {depth} channels do not fit maps of {takes} channels")
    top, bottom, left, right = fields.sides("pad")
    settings = {
        "stride": fields.pair("stride", 1),
        "dilation": fields.pair("dilate", 1),
        "groups": takes // depth,
        "bias": _has_bias(fields, params),
        "device": "meta",
    }
    sizes = (takes, count, (height, width))
    if top == bottom and left == right:
        module = nn.Conv2d(*sizes, padding=(top, left), **settings)
    else:
        module = _layers.PaddedConv2d(*sizes, pad=(left, right, top, bottom), **settings)
    _fill(module, filters.permute(3, 2, 0, 1), fields, params, count)
    return Block(module, count)


def transposed_convolution(fields: Fields, params: Params, channels: Sequence[int | None]) -> Block:
    filters = _filters(fields, params)
    height, width, count, depth = filters.shape
    groups = fields.whole("numGroups" if fields.has("numGroups") else "numgroups", (1,), 1, 1)[0]
    if depth % groups or channels[0] not in (None, depth):
        raise fields.fail(
            f"filters for {depth} channels in {groups} groups do not fit maps of {channels[0]} channels"
        )
    top, bottom, left, right = fields.sides("crop")
    settings = {
        "stride": fields.pair("upsample", 1),
        "groups": groups,
        "bias": _has_bias(fields, params),
        "device": "meta",
    }
    sizes = (depth, count * groups, (height, width))
    if top == bottom and left == right:
        module = nn.ConvTranspose2d(*sizes, padding=(top, left), **settings)
    else:
        module = _layers.CroppedConvTranspose2d(*sizes, crop=(left, right, top, bottom), **settings)
    _fill(module, filters.permute(3, 2, 0, 1), fields, params, count * groups)
    return Block(module, count * groups)


def pool(fields: Fields, params: Params, channels: Sequence[int | None]) -> Block:
    kernel = fields.pair("poolSize" if fields.has("poolSize") else "pool", 1)
    stride = fields.pair("stride", 1)
    top, bottom, left, right = fields.sides("pad")
    if max(top, bottom) >= kernel[0] or max(left, right) >= kernel[1]:
        raise fields.fail(f"a pad of {(top, bottom, left, right)} is not smaller than the pool of {kernel}")
    method = fields.text("method", "max")
    if method not in ("max", "avg"):
        raise fields.fail(f"'method' should be 'max' or 'avg', is {describe(method)}")
    # Torch's own pools take the same pad on opposite sides, up to half of the window.
    plain = top == bottom and left == right and 2 * top <= kernel[0] and 2 * left <= kernel[1]
    if plain and method == "max":
        module = nn.MaxPool2d(kernel, stride, (top, left))
    elif plain:
        # What the padding is made of does not count: an average is one of the pixels that are there.
        module = nn.AvgPool2d(kernel, stride, (top, left), count_include_pad=False)
    else:
        padded = _layers.PaddedMaxPool2d if method == "max" else _layers.PaddedAvgPool2d
        module = padded(kernel, stride, (left, right, top, bottom))
    return Block(module, channels[0])


def global_pool(fields: Fields, params: Params, channels: Sequence[int | None]) -> Block:
    method = fields.text("method", "avg")
    if method not in ("max", "avg"):
        raise fields.fail(f"'method' should be 'max' or 'avg', is {describe(method)}")
    return Block(nn.AdaptiveAvgPool2d(1) if method == "avg" else nn.AdaptiveMaxPool2d(1), channels[0])


def relu(fields: Fields, params: Params, channels: Sequence[int | None]) -> Block:
    leak = fields.number("leak", 0)
    options = fields.values.get("opts")
    if not fields.has("leak") and isinstance(options, list) and "leak" in options[:-1]:
        value = options[options.index("leak") + 1]
        leak = Fields({"leak": value}, f"{fields.where}, 'opts'").number("leak")
    return Block(nn.LeakyReLU(leak) if leak else nn.ReLU(), channels[0])


def sigmoid(fields: Fields, params: Params, channels: Sequence[int | None]) -> Block:
    return Block(nn.Sigmoid(), channels[0])


def tanh(fields: Fields, params: Params, channels: Sequence[int | None]) -> Block:
    return Block(nn.Tanh(), channels[0])


def softmax(fields: Fields, params: Params, channels: Sequence[int | None]) -> Block:
    return Block(nn.Softmax(1), channels[0])


def local_response(fields: Fields, params: Params, channels: Sequence[int | None]) -> Block:
    """y = x / (kappa + alpha * sum of x² over N channels)^beta. Torch divides alpha by N."""
    values = fields.numbers("param", (5, 1, 1e-4 / 5, 0.75))
    if len(values) != 4 or values[0] != int(values[0]) or not 1 <= values[0] <= 4096:
        raise fields.fail(f"'param' should be [N kappa alpha beta], is {values}")
    size, kappa, alpha, beta = int(values[0]), *values[1:]
    module = nn.LocalResponseNorm(size, alpha * size, beta, kappa)
    # Of an even number of channels torch takes the odd one before the channel, MatConvNet after it.
    return Block(_layers.Reversed(module) if size % 2 == 0 else module, channels[0])


def batch_norm(fields: Fields, params: Params, channels: Sequence[int | None]) -> Block:
    """Moments are [mean, standard deviation], the deviation with epsilon in it: std² = variance + epsilon."""
    if len(params) < 3:
        raise fields.fail("there are no moments, so that the batch normalization can only be run on batches")
    gain, shift = (_numbers(fields, params[i], what) for i, what in ((0, "multipliers"), (1, "biases")))
    count = gain.numel()
    moments = _numbers(fields, params[2], "moments")
    if shift.numel() != count or moments.numel() != 2 * count or channels[0] not in (None, count):
        raise fields.fail(
            f"{count} multipliers, {shift.numel()} biases and {moments.numel()} moments for {channels[0]} channels"
        )
    # Column-major: first all means, then all deviations, whatever shape the array has.
    mean, deviation = moments.t().reshape(-1).split(count) if moments.ndim == 2 else (None, None)
    if mean is None:
        raise fields.fail(f"moments of dimensions {tuple(moments.shape)}")
    if bool((deviation <= 0).any()):
        raise fields.fail("a standard deviation is not above 0: the network was saved before it was trained")
    epsilon = fields.number("epsilon", 1e-4)
    module = nn.BatchNorm2d(count, eps=epsilon, device="meta")
    variance = deviation.double().square() - epsilon
    assigned = {"weight": gain.reshape(-1), "bias": shift.reshape(-1), "running_mean": mean}
    assigned |= {"running_var": variance.float(), "num_batches_tracked": torch.tensor(0)}
    module.load_state_dict(assigned, assign=True)
    return Block(module, count)


def dropout(fields: Fields, params: Params, channels: Sequence[int | None]) -> Block:
    rate = fields.number("rate", 0.5)
    if not 0 <= rate < 1:
        raise fields.fail(f"'rate' should be in 0..1, is {rate}")
    return Block(nn.Dropout(rate), channels[0])


def concatenation(fields: Fields, params: Params, channels: Sequence[int | None]) -> Block:
    axis = fields.whole("dim", (1,), 1, 3)[0]
    if axis > 4:
        raise fields.fail(f"'dim' should be in 1..4, is {axis}")
    total = channels[0]
    if axis == 3:
        total = None if None in channels else sum(channels)
    return Block(_layers.Concat((2, 3, 1, 0)[axis - 1]), total)


def addition(fields: Fields, params: Params, channels: Sequence[int | None]) -> Block:
    return Block(_layers.Sum(), next((c for c in channels if c), None))


def scale(fields: Fields, params: Params, channels: Sequence[int | None]) -> Block:
    has_bias = fields.flag("hasBias", True)
    if len(channels) == 2 and not has_bias and not params:
        return Block(_layers.Product(), channels[0])
    if len(channels) != 1 or len(params) < 1 + has_bias:
        raise fields.fail(f"{len(channels)} inputs and {len(params)} parameters; a factor is missing")
    factors = [_factor(fields, params[i], channels[0]) for i in range(1 + has_bias)]
    return Block(_layers.Scale(*factors), channels[0])


def crop(fields: Fields, params: Params, channels: Sequence[int | None]) -> Block:
    if len(channels) != 2:
        raise fields.fail(f"a crop takes maps and maps of the wanted size, not {len(channels)} inputs")
    top, left = fields.pair("crop", 0, least=0)
    return Block(_layers.CropLike(top, left), channels[0])


def _factor(fields: Fields, value: Value, channels: int | None) -> Tensor:
    """A parameter of a scale, (height, width, channels) or (channels, 1) in the file, as it broadcasts to maps."""
    factor = _numbers(fields, value, "a factor")
    if factor.numel() == channels and channels in factor.shape[:2]:
        return factor.reshape(-1, 1, 1)  # a vector; bsxfun would want 1 x 1 x channels, and files have both
    if factor.ndim > 3:
        raise fields.fail(f"a factor of dimensions {tuple(factor.shape)}")
    factor = factor.reshape(*factor.shape, *[1] * (3 - factor.ndim)).permute(2, 0, 1)
    if channels and factor.shape[0] not in (1, channels):
        raise fields.fail(f"a factor of {factor.shape[0]} channels for maps of {channels}")
    return factor.contiguous()


def _filters(fields: Fields, params: Params) -> Tensor:
    filters = _numbers(fields, params[0] if params else None, "filters")
    if filters.ndim > 4 or 0 in filters.shape:
        raise fields.fail(f"filters of dimensions {' x '.join(map(str, filters.shape))}")
    return filters.reshape(*filters.shape, *[1] * (4 - filters.ndim))  # MATLAB drops trailing dimensions of 1


def _has_bias(fields: Fields, params: Params) -> bool:
    return fields.flag("hasBias", True) and len(params) > 1 and not is_empty(params[1])


def _fill(module: nn.Module, weight: Tensor, fields: Fields, params: Params, count: int) -> None:
    """Give a module made without storage its filters and biases."""
    assigned = {"weight": weight.contiguous()}
    if module.bias is not None:
        bias = _numbers(fields, params[1], "biases")
        if bias.numel() != count:
            raise fields.fail(f"{bias.numel()} biases for {count} filters")
        assigned["bias"] = bias.reshape(-1)
    module.load_state_dict(assigned, assign=True)


def _numbers(fields: Fields, value: Value, what: str) -> Tensor:
    """A parameter as a float32 tensor of its own, in the dimensions of the file."""
    if not is_numeric(value):
        raise fields.fail(f"{what} should be numbers, are {describe(value)}")
    numbers = torch.from_numpy(np.array(value, np.float32, order="C"))
    if not bool(numbers.isfinite().all()):
        raise fields.fail(f"{what} hold values that are not finite")
    return numbers


BUILDERS: dict[str, Builder] = {
    "conv": convolution,
    "convt": transposed_convolution,
    "pool": pool,
    "global pool": global_pool,
    "relu": relu,
    "sigmoid": sigmoid,
    "tanh": tanh,
    "softmax": softmax,
    "lrn": local_response,
    "bnorm": batch_norm,
    "dropout": dropout,
    "concat": concatenation,
    "sum": addition,
    "scale": scale,
    "crop": crop,
}
