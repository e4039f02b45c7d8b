"""What MatConvNet's blocks compute, written down once more in numpy and scipy, in float64.

Maps are (height, width, channels) as in MATLAB. From the formulas of the manual (Vedaldi and Lenc, "MatConvNet:
Convolutional Neural Networks for MATLAB", 2015, chapters 3 and 4).
"""

import numpy as np
from scipy.signal import convolve2d, correlate2d


def conv(x, filters, bias=None, pad=(0, 0, 0, 0), stride=(1, 1), dilate=(1, 1)):
    filters = np.asarray(filters, np.float64)
    height, width, depth, count = filters.shape
    spread = np.zeros(((height - 1) * dilate[0] + 1, (width - 1) * dilate[1] + 1, depth, count))
    spread[:: dilate[0], :: dilate[1]] = filters
    top, bottom, left, right = pad
    x = np.pad(x, ((top, bottom), (left, right), (0, 0)))
    groups = x.shape[2] // depth
    maps = []
    for k in range(count):
        first = k // (count // groups) * depth
        parts = [correlate2d(x[:, :, first + c], spread[:, :, c, k], "valid") for c in range(depth)]
        total = sum(parts)[:: stride[0], :: stride[1]]
        maps.append(total + (0 if bias is None else np.ravel(bias)[k]))
    return np.stack(maps, 2)


def convt(x, filters, bias=None, upsample=(1, 1), crop=(0, 0, 0, 0), groups=1):
    filters = np.asarray(filters, np.float64)
    _, _, count, depth = filters.shape
    apart = np.zeros(((x.shape[0] - 1) * upsample[0] + 1, (x.shape[1] - 1) * upsample[1] + 1, depth))
    apart[:: upsample[0], :: upsample[1]] = x
    maps = []
    for group in range(groups):
        members = range(group * depth // groups, (group + 1) * depth // groups)
        for k in range(count):
            total = sum(convolve2d(apart[:, :, d], filters[:, :, k, d], "full") for d in members)
            top, bottom, left, right = crop
            total = total[top : total.shape[0] - bottom, left : total.shape[1] - right]
            maps.append(total + (0 if bias is None else np.ravel(bias)[len(maps)]))
    return np.stack(maps, 2)


def pool(x, size, stride=(1, 1), pad=(0, 0, 0, 0), method="max"):
    top, bottom, left, right = pad
    rows = (x.shape[0] + top + bottom - size[0]) // stride[0] + 1
    columns = (x.shape[1] + left + right - size[1]) // stride[1] + 1
    y = np.empty((rows, columns, x.shape[2]))
    for i in range(rows):
        for j in range(columns):
            v, u = i * stride[0] - top, j * stride[1] - left
            window = x[max(v, 0) : v + size[0], max(u, 0) : u + size[1]]
            y[i, j] = window.max((0, 1)) if method == "max" else window.mean((0, 1))
    return y


def relu(x, leak=0.0):
    return np.where(x > 0, x, leak * x)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def lrn(x, param):
    n, kappa, alpha, beta = param
    before, after = int((n - 1) // 2), int(np.ceil((n - 1) / 2))
    y = np.empty_like(x)
    for c in range(x.shape[2]):
        near = x[:, :, max(0, c - before) : c + after + 1]
        y[:, :, c] = x[:, :, c] / (kappa + alpha * (near**2).sum(2)) ** beta
    return y


def bnorm(x, gain, bias, moments):
    moments = np.asarray(moments, np.float64)
    return (x - moments[:, 0]) / moments[:, 1] * np.ravel(gain) + np.ravel(bias)


def crop_like(x, like, crop):
    top, left = (min(c, a - b) for c, a, b in zip(crop, x.shape, like.shape, strict=False))
    return x[top : top + like.shape[0], left : left + like.shape[1]]
