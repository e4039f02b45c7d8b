"""Where the fits start: orientation and wavelength from the spectrum, the centre from the energy, the phase from
both quadratures, and four phases a quarter turn apart."""

import math

import numpy as np

from ._gabor import FREQUENCY, SIGMA, SIGMA_RANGE, THETA, WAVELENGTH_RANGE, X0, Y0, A, B, C, evaluate

PHASES = 4
_PEAKS = 2
_WIDTHS = (1.0, 0.5)  # of the spread of the energy
_PADDED = 64  # frequencies of the spectrum: fine enough that its peak is near


def starts(filters: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Coordinates (n, starts, 9) for filters (n, h, w): two spectral peaks, two widths, four phases."""
    n = len(filters)
    centred = filters - filters.mean((1, 2), keepdims=True)
    theta, frequency = _spectral_peaks(centred)
    energy = np.square(centred.reshape(n, -1))
    energy = energy / np.maximum(energy.sum(1, keepdims=True), 1e-300)
    x0, y0 = energy @ x, energy @ y
    spread = np.sqrt((energy * ((x - x0[:, None]) ** 2 + (y - y0[:, None]) ** 2)).sum(1) / 2)
    coordinates = np.zeros((n, _PEAKS, len(_WIDTHS), PHASES, 9))
    coordinates[..., X0] = x0[:, None, None, None]
    coordinates[..., Y0] = y0[:, None, None, None]
    coordinates[..., THETA] = theta[:, :, None, None]
    coordinates[..., FREQUENCY] = frequency[:, :, None, None]
    for k, share in enumerate(_WIDTHS):
        coordinates[:, :, k, :, SIGMA] = np.log(np.clip(share * spread, *SIGMA_RANGE))[:, None, None]
    a, b, c = _amplitudes(coordinates[:, :, :, 0], filters.reshape(n, -1), x, y)
    for quarter, (even, odd) in enumerate(((a, b), (-b, a), (-a, -b), (b, -a))):
        for place, value in ((A, even), (B, odd), (C, c)):
            coordinates[:, :, :, quarter, place] = value
    return coordinates.reshape(n, -1, 9)


def _spectral_peaks(centred: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Orientation and frequency, each (n, peaks), of the strongest peaks of the spectrum of filters (n, h, w)."""
    power = np.abs(np.fft.rfft2(centred, s=(_PADDED, _PADDED)))
    down = np.fft.fftfreq(_PADDED)[:, None]
    right = np.fft.rfftfreq(_PADDED)[None]
    radius = np.hypot(down, right)
    least, most = 1 / WAVELENGTH_RANGE[1], 1 / WAVELENGTH_RANGE[0]
    power = power * ((radius >= least) & (radius <= most))
    apart = 1.0 / max(centred.shape[1:])  # about the width of the main lobe
    thetas, frequencies = [], []
    for _ in range(_PEAKS):
        peak = power.reshape(len(power), -1).argmax(1)
        fy, fx = down.ravel()[peak // power.shape[2]], right.ravel()[peak % power.shape[2]]
        thetas.append(np.arctan2(fy, fx) % math.pi)
        frequencies.append(np.clip(np.hypot(fy, fx), least, most))
        near = np.hypot(down - fy[:, None, None], right - fx[:, None, None]) < apart
        mirrored = np.hypot(down + fy[:, None, None], right + fx[:, None, None]) < apart
        power = np.where(near | mirrored, 0.0, power)
    return np.stack(thetas, 1), np.stack(frequencies, 1)


def _amplitudes(
    coordinates: np.ndarray, targets: np.ndarray, x: np.ndarray, y: np.ndarray
) -> tuple[np.ndarray, ...]:
    """The best a, b, c (n, ...) with all else fixed: least squares on the two quadratures and a constant."""
    flat = coordinates.reshape(-1, 9)
    _, slopes = evaluate(flat, x, y, derivatives=True)
    basis = slopes[:, [A, B, C]]
    targets = np.repeat(targets, len(flat) // len(targets), axis=0)
    normal = basis @ basis.swapaxes(1, 2)
    size = normal.diagonal(axis1=1, axis2=2).mean(1)
    normal = normal + 1e-9 * np.maximum(size, 1e-12)[:, None, None] * np.eye(3)
    solved = np.linalg.solve(normal, basis @ targets[:, :, None])[:, :, 0]
    return tuple(np.moveaxis(solved.reshape(*coordinates.shape[:-1], 3), -1, 0))
