"""What keeps a reconstructed image an image: penalties, and operations applied between steps.

All work on each image of a batch (n, C, H, W) on its own.
"""

from functools import lru_cache

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor


def total_variation(x: Tensor, beta: float = 2.0) -> Tensor:
    """Sum over pixels and channels of ((right - here)^2 + (below - here)^2)^(beta / 2), (n,).

    The border is replicated, so that differences across it are 0 (Mahendran & Vedaldi, CVPR 2015, section 3.3).
    Where both differences are 0, the gradient is 0 for every beta.

    >>> total_variation(torch.tensor([[[[0.0, 3.0], [4.0, 0.0]]]]), beta=1)
    tensor([12.])
    """
    across = F.pad(x[..., :, 1:] - x[..., :, :-1], (0, 1))
    down = F.pad(x[..., 1:, :] - x[..., :-1, :], (0, 0, 0, 1))
    squares = across.square() + down.square()
    if beta != 2:
        flat = squares == 0  # the power has no finite derivative there
        squares = torch.where(flat, 0, torch.where(flat, 1, squares) ** (beta / 2))
    return squares.flatten(1).sum(1)


def alpha_norm(x: Tensor, alpha: float = 6.0) -> Tensor:
    """Sum of |x|^alpha over pixels and channels, (n,) (Mahendran & Vedaldi, CVPR 2015, section 3.2).

    >>> alpha_norm(torch.tensor([[[[1.0, -2.0]]]]), alpha=6)
    tensor([65.])
    """
    return x.abs().pow(alpha).flatten(1).sum(1)


def gaussian_blur(x: Tensor, radius: float) -> Tensor:
    """Each channel blurred by a Gaussian of standard deviation `radius` pixels (Yosinski et al. 2015).

    Cut off at 4 deviations, the border mirrored with its edge: what `scipy.ndimage.gaussian_filter` does.
    """
    reach = int(4 * radius + 0.5)
    if reach == 0:
        return x
    weights = _gaussian(radius, reach).to(x)
    channels = x.shape[1]
    for axis in (2, 3):
        padded = x.index_select(axis, _mirrored(x.shape[axis], reach).to(x.device))
        shape = [1, 1, -1, 1] if axis == 2 else [1, 1, 1, -1]
        x = F.conv2d(padded, weights.view(shape).expand(channels, -1, -1, -1), groups=channels)
    return x


@lru_cache(maxsize=32)
def _gaussian(radius: float, reach: int) -> Tensor:
    offsets = torch.arange(-reach, reach + 1, dtype=torch.float64)
    weights = torch.exp(-(offsets**2) / (2 * radius**2))
    return weights / weights.sum()


@lru_cache(maxsize=32)
def _mirrored(length: int, reach: int) -> Tensor:
    return torch.from_numpy(np.pad(np.arange(length), reach, mode="symmetric"))


def clip_small_norm(x: Tensor, percentile: float) -> Tensor:
    """Pixels whose norm over the channels is below the percentile (0..100) of their image become 0.

    Yosinski et al. 2015, "clipping pixels with small norm".

    >>> clip_small_norm(torch.tensor([[[[1.0, -2.0, 3.0]]]]), 50)
    tensor([[[[ 0., -2.,  3.]]]])
    """
    return _clip_below(x, torch.linalg.vector_norm(x, dim=1), percentile)


def clip_small_contribution(x: Tensor, gradient: Tensor, percentile: float) -> Tensor:
    """Pixels whose contribution |sum over channels of x * gradient| is below the percentile become 0.

    The contribution is to first order what the activation loses without the pixel (Yosinski et al. 2015,
    "clipping pixels with small contribution").

    >>> x = torch.tensor([[[[1.0, -2.0, 3.0]]]])
    >>> clip_small_contribution(x, torch.tensor([[[[9.0, 1.0, 1.0]]]]), 50)
    tensor([[[[1., 0., 3.]]]])
    """
    return _clip_below(x, (x * gradient).sum(1).abs(), percentile)


def _clip_below(x: Tensor, sizes: Tensor, percentile: float) -> Tensor:
    flat = sizes.flatten(1)
    thresholds = torch.from_numpy(np.percentile(flat.cpu().double().numpy(), percentile, axis=1))
    kept = sizes >= thresholds.to(sizes).view(-1, 1, 1)
    return torch.where(kept.unsqueeze(1), x, 0)
