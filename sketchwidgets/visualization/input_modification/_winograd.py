"""3x3 convolution with fewer multiplications (Winograd; Lavin & Gray, CVPR 2016, section 4), as matrix products.

F(m x m, 3 x 3) makes m x m outputs from a tile of (m + 2) x (m + 2) inputs with (m + 2)^2 multiplications instead of
9 m^2: transform the tile, multiply it by the transformed kernel, transform back. Used here on the differences that a
patch makes, so that the rounding of the transforms is relative to these and not to the values.
"""

from collections.abc import Callable
from functools import cache

import numpy as np
import torch
from torch import Tensor

TILES = (3, 4, 5)  # smaller ones save less, larger ones round worse
_POINTS = (0, 1, -1, 2, -0.5, -2)  # in this order: with 4, 5 and 6 of them the rounding is least


@cache
def _matrices(m: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """B^T (n, n) for inputs, G (n, 3) for the kernel, A^T (m, n) for outputs, by Toom and Cook; n = m + 2.

    A polynomial product is evaluated at n - 1 points and infinity, multiplied there, and interpolated; correlation is
    its transpose.
    """
    n = m + 2

    def vandermonde(columns: int) -> np.ndarray:
        rows = [[float(point) ** k for k in range(columns)] for point in _POINTS[: n - 1]]
        return np.array([*rows, [0.0] * (columns - 1) + [1.0]])

    return np.linalg.inv(vandermonde(n)).T, vandermonde(3), vandermonde(m).T


@cache
def _matrices_2d(tile: tuple[int, int], dtype: torch.dtype, device: torch.device) -> tuple[Tensor, ...]:
    return tuple(
        torch.from_numpy(np.kron(a, b)).to(device, dtype)
        for a, b in zip(_matrices(tile[0]), _matrices(tile[1]), strict=True)
    )


def cost(tile: tuple[int, int], height: int, width: int, inputs: int, outputs: int) -> float:
    """Multiplications for height x width outputs, in units of inputs x outputs: with plain convolution, 9 each."""
    points = (tile[0] + 2) * (tile[1] + 2)
    tiles = -(-height // tile[0]) * -(-width // tile[1])
    return tiles * (points + points**2 / outputs + points * tile[0] * tile[1] / inputs)


def effort(lengths: np.ndarray) -> np.ndarray:
    """What outputs of these lengths cost along one axis, in multiplications."""
    return np.min([-(-lengths // m) * (m + 2) for m in TILES], axis=0)


def kernel_cost(tile: tuple[int, int]) -> float:
    """What transforming the kernel costs, in the same units; measured, since it is memory that takes the time."""
    return 60.0 * (tile[0] + 2) * (tile[1] + 2)


def transformed(weight: Tensor, tile: tuple[int, int]) -> Tensor:
    """The kernel (outputs, inputs, 3, 3) as (points, inputs, outputs)."""
    kernel = _matrices_2d(tile, weight.dtype, weight.device)[1]
    outputs, inputs = weight.shape[:2]
    return (kernel @ weight.reshape(-1, 9).t()).view(-1, outputs, inputs).transpose(1, 2)


def convolve(
    canvas: Callable[[int, int], Tensor], kernel: Tensor, tile: tuple[int, int], height: int, width: int
) -> Tensor:
    """(p, height, width, outputs), contiguous or a view of it: the convolution without padding of a canvas.

    canvas(h, w) makes (p, h, w, inputs), of which the first height + 2 rows and width + 2 columns count and the rest
    may hold anything finite; kernel as `transformed` makes it.
    """
    (m, n), (a, b) = tile, (-(-height // tile[0]), -(-width // tile[1]))
    values = canvas(a * m + 2, b * n + 2)
    count, inputs, outputs = values.shape[0], values.shape[3], kernel.shape[2]
    to_tiles, _, from_tiles = (
        matrix.expand(count * a * b, -1, -1) for matrix in _matrices_2d(tile, values.dtype, values.device)
    )
    # (p, a, b, inputs, m + 2, n + 2), overlapping, to (tiles, points, inputs)
    tiles = values.unfold(1, m + 2, m).unfold(2, n + 2, n).permute(0, 1, 2, 4, 5, 3)
    tiles = torch.bmm(to_tiles, tiles.reshape(count * a * b, -1, inputs))
    # Tile by tile, in a cache; and then point by point: one matrix product for all tiles, which is where the time goes.
    made = torch.bmm(tiles.transpose(0, 1), kernel)
    made = torch.bmm(from_tiles, made.transpose(0, 1)).view(count, a, b, m, n, outputs)
    return made.transpose(2, 3).reshape(count, a * m, b * n, outputs)[:, :height, :width]
