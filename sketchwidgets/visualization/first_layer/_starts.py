"""Where the fits start: orientation and wavelength from the spectrum, the centre from the energy, the phase from
both quadratures, and four phases a quarter turn apart."""

import math

import torch
from torch import Tensor

from ._gabor import FREQUENCY, GAMMA, SIGMA, THETA, WAVELENGTH_RANGE, X0, Y0, C, evaluate

PHASES = 4
_PEAKS = 2
_WIDTHS = (1.0, 0.5)  # of the spread of the energy
_PADDED = 64  # frequencies of the spectrum: fine enough that its peak is near


def starts(filters: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Coordinates (n, starts, 9) for filters (n, h, w): two spectral peaks, two widths, four phases."""
    n = len(filters)
    centred = filters - filters.mean((1, 2), keepdim=True)
    theta, frequency = _spectral_peaks(centred)
    energy = centred.flatten(1).square()
    energy = energy / energy.sum(1, keepdim=True).clamp_min(1e-300)
    x0, y0 = energy @ x, energy @ y
    spread = (energy * ((x - x0[:, None]) ** 2 + (y - y0[:, None]) ** 2)).sum(1).div(2).sqrt()
    coordinates = filters.new_zeros((n, _PEAKS, len(_WIDTHS), PHASES, 9))
    coordinates[..., X0] = x0[:, None, None, None]
    coordinates[..., Y0] = y0[:, None, None, None]
    coordinates[..., THETA] = theta[:, :, None, None]
    coordinates[..., FREQUENCY] = frequency[:, :, None, None]
    coordinates[..., GAMMA] = 0.0
    for k, share in enumerate(_WIDTHS):
        coordinates[:, :, k, :, SIGMA] = (share * spread).clamp(0.5, 7.5).log()[:, None, None]
    a, b, c = _amplitudes(coordinates[:, :, :, 0], filters.flatten(1), x, y)
    for quarter in range(PHASES):
        turned = (a, b) if quarter % 2 == 0 else (-b, a)
        sign = 1 if quarter < 2 else -1
        for place, value in ((0, sign * turned[0]), (1, sign * turned[1]), (C, c)):
            coordinates[:, :, :, quarter, place] = value
    return coordinates.flatten(1, 3)


def _spectral_peaks(centred: Tensor) -> tuple[Tensor, Tensor]:
    """Orientation and frequency, each (n, peaks), of the strongest peaks of the spectrum of filters (n, h, w)."""
    power = torch.fft.rfft2(centred, s=(_PADDED, _PADDED)).abs()
    down = torch.fft.fftfreq(_PADDED, dtype=torch.float64)[:, None]
    right = torch.fft.rfftfreq(_PADDED, dtype=torch.float64)[None]
    radius = torch.hypot(down, right)
    power = power * ((radius >= 1 / WAVELENGTH_RANGE[1]) & (radius <= 1 / WAVELENGTH_RANGE[0]))
    apart = 1.0 / max(centred.shape[1:])  # about the width of the main lobe
    thetas, frequencies = [], []
    for _ in range(_PEAKS):
        peak = power.flatten(1).argmax(1)
        fy, fx = down.flatten()[peak // power.shape[2]], right.flatten()[peak % power.shape[2]]
        thetas.append(torch.atan2(fy, fx) % math.pi)
        frequencies.append(torch.hypot(fy, fx).clamp(1 / WAVELENGTH_RANGE[1], 1 / WAVELENGTH_RANGE[0]))
        near = torch.hypot(down - fy[:, None, None], right - fx[:, None, None]) < apart
        mirrored = torch.hypot(down + fy[:, None, None], right + fx[:, None, None]) < apart
        power = power.masked_fill(near | mirrored, 0.0)
    return torch.stack(thetas, 1), torch.stack(frequencies, 1)


def _amplitudes(coordinates: Tensor, targets: Tensor, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The best a, b, c (n, ...) with all else fixed: least squares on the two quadratures and a constant."""
    shape = coordinates.shape[:-1]
    flat = coordinates.reshape(-1, 9)
    _, slopes = evaluate(flat, x, y, derivatives=True)
    basis = slopes[:, [0, 1, 8]]
    targets = targets.repeat_interleave(len(flat) // len(targets), 0)
    normal = basis @ basis.mT
    normal = normal + 1e-9 * torch.eye(3, dtype=normal.dtype) * normal.diagonal(dim1=1, dim2=2).mean(1)[
        :, None, None
    ].clamp_min(1e-12)
    solved, _ = torch.linalg.solve_ex(normal, (basis @ targets[:, :, None])[:, :, 0])
    return tuple(solved.nan_to_num(0.0).view(*shape, 3).unbind(-1))
