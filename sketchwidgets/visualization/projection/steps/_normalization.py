"""The ways down through local response, group and layer normalization, shared by both paths of the projection engine."""

import torch.nn.functional as F
from torch import Tensor


def local_response_signal(
    signal: Tensor, x: Tensor, size: int, alpha: float, beta: float, k: float
) -> Tensor:
    """The derivative of `torch.nn.functional.local_response_norm` at x, times a signal; both (n, c, h, w).

    With d_c = k + alpha · mean of x² over the `size` channels around c and y_c = x_c · d_c^-beta, the
    derivative of y_c by x_j is [c = j] · d_c^-beta - 2 · alpha · beta / size · x_c · x_j · d_c^(-beta-1)
    for every j around c.
    """
    before, after = size // 2, (size - 1) // 2
    divisor = k + alpha * _channel_mean(x * x, size, before, after)
    shared = _channel_mean(signal * x * divisor.pow(-beta - 1), size, after, before)
    return signal * divisor.pow(-beta) - 2 * alpha * beta * x * shared


def _channel_mean(x: Tensor, size: int, before: int, after: int) -> Tensor:
    """For every channel the sum over channels -before ... +after, divided by size."""
    n, c, h, w = x.shape
    padded = F.pad(x.reshape(n, 1, c, h * w), (0, 0, before, after))
    return F.avg_pool2d(padded, (size, 1), stride=1).view(n, c, h, w)


def layer_norm_signal(
    signal: Tensor, x: Tensor | None, mean: Tensor, rstd: Tensor, weight: Tensor | None, axes: int
) -> Tensor:
    """The signal below a layer normalization over the last axes; x None: with mean and deviation held fixed.

    mean and rstd (one over the standard deviation) broadcast against x, as `torch.native_layer_norm`
    returns them.
    """
    if weight is not None:
        signal = signal * weight
    if x is None:
        return signal * rstd
    normalized = (x - mean) * rstd
    over = tuple(range(-axes, 0))
    centred = signal - signal.mean(over, keepdim=True)
    return rstd * (centred - normalized * (signal * normalized).mean(over, keepdim=True))


def group_norm_signal(
    signal: Tensor, x: Tensor | None, mean: Tensor, rstd: Tensor, weight: Tensor | None
) -> Tensor:
    """The signal (n, c, h, w) below a group normalization with mean and rstd (n, groups); x None: held fixed."""
    if weight is not None:
        signal = signal * weight[:, None, None]
    n, groups = rstd.shape
    grouped = layer_norm_signal(
        signal.reshape(n, groups, -1),
        None if x is None else x.reshape(n, groups, -1),
        mean[..., None],
        rstd[..., None],
        None,
        1,
    )
    return grouped.view(signal.shape)
