"""Caffe's layers as its documentation and source state them, in plain numpy and float64, one window at a time."""

import math
import re

import numpy as np


def run(net, images: np.ndarray) -> dict[str, np.ndarray]:
    """What every layer of a `caffe_files.Net` makes, by its name; the softmax included."""
    blobs, made = {"data": images.astype(np.float64)}, {}
    for kind, name, bottoms, tops, text in net.layers:
        param = re.findall(r"(\w+): *\"?([-+.\w]+)", text)
        given = dict(param)
        weights = [w.astype(np.float64) for w in net.weights.get(name, ())]
        out = LAYERS[kind]([blobs[b] for b in bottoms], given, weights, param)
        for top, value in zip(tops, out if isinstance(out, list) else [out], strict=True):
            blobs[top] = made[name] = value
    return made


def _pair(given: dict, stem: str, default: int | None = None, both: str = "") -> tuple[int, int]:
    if f"{stem}_h" in given:
        return int(given[f"{stem}_h"]), int(given[f"{stem}_w"])
    value = given.get(both or stem, default)
    return int(value), int(value)


def _padded(x: np.ndarray, pad: tuple[int, int]) -> np.ndarray:
    return np.pad(x, ((0, 0), (0, 0), (pad[0], pad[0]), (pad[1], pad[1])))


def convolution(bottoms, given, weights, _):
    (x,), weight = bottoms, weights[0]
    stride, pad, dilation = _pair(given, "stride", 1), _pair(given, "pad", 0), _pair(given, "dilation", 1)
    group = int(given.get("group", 1))
    outputs, taken, kh, kw = weight.shape
    x = _padded(x, pad)
    height = (x.shape[2] - dilation[0] * (kh - 1) - 1) // stride[0] + 1
    width = (x.shape[3] - dilation[1] * (kw - 1) - 1) // stride[1] + 1
    out = np.zeros((len(x), outputs, height, width))
    share = outputs // group
    for g in range(group):
        maps, filters = x[:, g * taken : (g + 1) * taken], weight[g * share : (g + 1) * share]
        for i in range(height):
            for j in range(width):
                top, left = i * stride[0], j * stride[1]
                window = maps[
                    :,
                    :,
                    top : top + dilation[0] * kh : dilation[0],
                    left : left + dilation[1] * kw : dilation[1],
                ]
                out[:, g * share : (g + 1) * share, i, j] = np.tensordot(
                    window[:, :, :kh, :kw], filters, ((1, 2, 3), (1, 2, 3))
                )
    return out + (weights[1][:, None, None] if len(weights) > 1 else 0)


def deconvolution(bottoms, given, weights, _):
    (x,), weight = bottoms, weights[0]
    stride, pad, group = _pair(given, "stride", 1), _pair(given, "pad", 0), int(given.get("group", 1))
    inputs, share, kh, kw = weight.shape
    height, width = (stride[0] * (x.shape[2] - 1) + kh, stride[1] * (x.shape[3] - 1) + kw)
    out = np.zeros((len(x), share * group, height, width))
    per = inputs // group
    for c in range(inputs):
        g = c // per
        for i in range(x.shape[2]):
            for j in range(x.shape[3]):
                put = x[:, c, i, j][:, None, None, None] * weight[c][None]
                out[:, g * share : (g + 1) * share, i * stride[0] :, j * stride[1] :][:, :, :kh, :kw] += put
    out = out[:, :, pad[0] : height - pad[0], pad[1] : width - pad[1]]
    return out + (weights[1][:, None, None] if len(weights) > 1 else 0)


def pooling(bottoms, given, weights, _):
    (x,) = bottoms
    size = x.shape[2:]
    if given.get("global_pooling") == "true":
        kernel, stride, pad = size, (1, 1), (0, 0)
    else:
        kernel, stride, pad = (
            _pair(given, "kernel", None, "kernel_size"),
            _pair(given, "stride", 1),
            _pair(given, "pad", 0),
        )
    rounding = math.floor if given.get("round_mode") == "FLOOR" else math.ceil
    count = [rounding((n + 2 * p - k) / s) + 1 for n, p, k, s in zip(size, pad, kernel, stride, strict=True)]
    if any(pad):
        for axis in (0, 1):
            if (count[axis] - 1) * stride[axis] >= size[axis] + pad[axis]:
                count[axis] -= 1
    out = np.zeros((*x.shape[:2], *count))
    for i in range(count[0]):
        for j in range(count[1]):
            top, left = i * stride[0] - pad[0], j * stride[1] - pad[1]
            bottom, right = min(top + kernel[0], size[0] + pad[0]), min(left + kernel[1], size[1] + pad[1])
            area = (bottom - top) * (right - left)
            window = x[:, :, max(top, 0) : min(bottom, size[0]), max(left, 0) : min(right, size[1])]
            average = given.get("pool") == "AVE"
            out[:, :, i, j] = window.sum((2, 3)) / area if average else window.max((2, 3))
    return out


def response_norm(bottoms, given, weights, _):
    (x,) = bottoms
    size, alpha, beta = (
        int(given.get("local_size", 5)),
        float(given.get("alpha", 1)),
        float(given.get("beta", 0.75)),
    )
    half = size // 2
    out = np.zeros_like(x)
    if given.get("norm_region") == "WITHIN_CHANNEL":
        for i in range(x.shape[2]):
            for j in range(x.shape[3]):
                window = x[:, :, max(0, i - half) : i + half + 1, max(0, j - half) : j + half + 1]
                out[:, :, i, j] = x[:, :, i, j] * (1 + alpha / size**2 * (window**2).sum((2, 3))) ** -beta
        return out
    for c in range(x.shape[1]):
        total = (x[:, max(0, c - half) : c + half + 1] ** 2).sum(1)
        out[:, c] = x[:, c] / (float(given.get("k", 1)) + alpha / size * total) ** beta
    return out


def inner_product(bottoms, given, weights, _):
    weight = weights[0].T if given.get("transpose") == "true" else weights[0]
    return bottoms[0].reshape(len(bottoms[0]), -1) @ weight.T + (weights[1] if len(weights) > 1 else 0)


def batch_norm(bottoms, given, weights, _):
    mean, variance, factor = weights
    factor = 1 / factor[0] if factor[0] else 0
    shape = (-1, *[1] * (bottoms[0].ndim - 2))
    deviation = np.sqrt(variance * factor + float(given.get("eps", 1e-5)))
    return (bottoms[0] - (mean * factor).reshape(shape)) / deviation.reshape(shape)


def scale(bottoms, given, weights, _):
    x, axis = bottoms[0], int(given.get("axis", 1)) % bottoms[0].ndim
    factors = bottoms[1] if len(bottoms) > 1 else weights[0]
    view = lambda w: w.reshape(*w.shape, *[1] * (x.ndim - axis - w.ndim))  # noqa: E731
    out = x * view(factors)
    return out + view(weights[1]) if given.get("bias_term") == "true" else out


def bias(bottoms, given, weights, _):
    x, axis = bottoms[0], int(given.get("axis", 1)) % bottoms[0].ndim
    return x + weights[0].reshape(*weights[0].shape, *[1] * (x.ndim - axis - weights[0].ndim))


def eltwise(bottoms, given, weights, param):
    operation = given.get("operation", "SUM")
    if operation == "PROD":
        return np.prod(bottoms, 0)
    if operation == "MAX":
        return np.max(bottoms, 0)
    coefficients = [float(value) for name, value in param if name == "coeff"] or [1] * len(bottoms)
    return sum(c * b for c, b in zip(coefficients, bottoms, strict=True))


def cut(bottoms, given, weights, param):
    axis = int(given.get("axis", given.get("slice_dim", 1)))
    return np.split(bottoms[0], [int(value) for name, value in param if name == "slice_point"], axis)


def reshape(bottoms, given, weights, param):
    dims = [int(value) for name, value in param if name == "dim"]
    return bottoms[0].reshape([bottoms[0].shape[i] if d == 0 else d for i, d in enumerate(dims)])


def softmax(bottoms, given, weights, _):
    e = np.exp(bottoms[0] - bottoms[0].max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


def _relu(bottoms, given, weights, _):
    x = bottoms[0]
    return np.where(x > 0, x, float(given.get("negative_slope", 0)) * x)


def _prelu(bottoms, given, weights, _):
    x = bottoms[0]
    return np.where(x > 0, x, x * weights[0].reshape(-1, *[1] * (x.ndim - 2)))


def _elu(bottoms, given, weights, _):
    x = bottoms[0]
    return np.where(x > 0, x, float(given.get("alpha", 1)) * (np.exp(x) - 1))


def _power(bottoms, given, weights, _):
    return (float(given.get("shift", 0)) + float(given.get("scale", 1)) * bottoms[0]) ** float(
        given.get("power", 1)
    )


LAYERS = {
    "BatchNorm": batch_norm,
    "Bias": bias,
    "Clip": lambda b, g, w, _: b[0].clip(float(g["min"]), float(g["max"])),
    "Concat": lambda b, g, w, _: np.concatenate(b, int(g.get("axis", g.get("concat_dim", 1)))),
    "Convolution": convolution,
    "Deconvolution": deconvolution,
    "Dropout": lambda b, g, w, _: b[0],
    "ELU": _elu,
    "Eltwise": eltwise,
    "Flatten": lambda b, g, w, _: b[0].reshape(len(b[0]), -1),
    "InnerProduct": inner_product,
    "LRN": response_norm,
    "PReLU": _prelu,
    "Pooling": pooling,
    "Power": _power,
    "ReLU": _relu,
    "Reshape": reshape,
    "Scale": scale,
    "Sigmoid": lambda b, g, w, _: 1 / (1 + np.exp(-b[0])),
    "Slice": cut,
    "Softmax": softmax,
    "Split": lambda b, g, w, _: [b[0], b[0]],
    "TanH": lambda b, g, w, _: np.tanh(b[0]),
}
