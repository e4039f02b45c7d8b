"""The nine-parameter Gabor function on a pixel grid, and its derivatives; batched.

    g = A exp(-(x'² + gamma² y'²) / (2 sigma²)) cos(2 pi x' / lambda + phi) + c
    x' = (x - x0) cos theta + (y - y0) sin theta,   y' = -(x - x0) sin theta + (y - y0) cos theta

x runs to the right and y down, in pixels from the centre of the grid. For the fit the same function is written in
*coordinates* in which least squares are well behaved: cosine and sine amplitudes a = A cos phi, b = -A sin phi
(the function is linear in them), log sigma, log gamma, and the frequency 1 / lambda.

All of the fit is numpy, float64: thousands of small operations, for which threads would only wait for each other.
"""

import math

import numpy as np
import torch
from torch import Tensor

PARAMETERS = ("amplitude", "x0", "y0", "theta", "sigma", "gamma", "wavelength", "phase", "offset")

# Places of the coordinates.
A, B, X0, Y0, THETA, SIGMA, GAMMA, FREQUENCY, C = range(9)

# Of Gabors that a filter of 7 to 15 pixels can show: sigma, gamma, lambda.
SIGMA_RANGE = (0.5, 7.5)
GAMMA_RANGE = (0.2, 5.0)
WAVELENGTH_RANGE = (2.0, 30.0)


def grid(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """x and y of every pixel, each (height * width,), from the centre."""
    y, x = np.mgrid[:height, :width].astype(np.float64)
    return x.ravel() - (width - 1) / 2, y.ravel() - (height - 1) / 2


def bounds(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Lowest and highest coordinates, each (9,): the stated ranges, and a centre within the filter."""
    free = math.inf
    low = [-free, -free, -(width - 1) / 2, -(height - 1) / 2, -free, math.log(SIGMA_RANGE[0])]
    low += [math.log(GAMMA_RANGE[0]), 1 / WAVELENGTH_RANGE[1], -free]
    high = [free, free, (width - 1) / 2, (height - 1) / 2, free, math.log(SIGMA_RANGE[1])]
    high += [math.log(GAMMA_RANGE[1]), 1 / WAVELENGTH_RANGE[0], free]
    return np.array(low), np.array(high)


def evaluate(
    coordinates: np.ndarray, x: np.ndarray, y: np.ndarray, derivatives: bool = False
) -> tuple[np.ndarray, np.ndarray | None]:
    """The functions (n, pixels) of coordinates (n, 9), and their derivatives (n, 9, pixels) if asked for."""
    a, b, x0, y0, theta, log_sigma, log_gamma, frequency, c = (
        column[:, None] for column in np.moveaxis(coordinates, 1, 0)
    )
    cosine, sine = np.cos(theta), np.sin(theta)
    along = (x - x0) * cosine + (y - y0) * sine
    across = (y - y0) * cosine - (x - x0) * sine
    tight, squeeze = np.exp(-2 * log_sigma), np.exp(2 * log_gamma)
    u, v = along**2 * tight, across**2 * (tight * squeeze)
    envelope = np.exp(-(u + v) / 2)
    angle = 2 * math.pi * frequency * along
    even, odd = envelope * np.cos(angle), envelope * np.sin(angle)
    bump = a * even + b * odd
    if not derivatives:
        return bump + c, None
    turned = b * even - a * odd  # the derivative by the angle
    by_along = 2 * math.pi * frequency * turned - bump * along * tight
    by_across = -bump * across * (tight * squeeze)
    slopes = np.empty((len(coordinates), 9, len(x)))
    slopes[:, A] = even
    slopes[:, B] = odd
    slopes[:, X0] = by_across * sine - by_along * cosine
    slopes[:, Y0] = -by_along * sine - by_across * cosine
    slopes[:, THETA] = by_along * across - by_across * along
    slopes[:, SIGMA] = bump * (u + v)
    slopes[:, GAMMA] = -bump * v
    slopes[:, FREQUENCY] = 2 * math.pi * along * turned
    slopes[:, C] = 1.0
    return bump + c, slopes


def to_parameters(coordinates: np.ndarray) -> np.ndarray:
    """(n, 9) in the order of PARAMETERS: amplitude >= 0, theta in [0, pi), phase in (-pi, pi]."""
    a, b, x0, y0, theta, log_sigma, log_gamma, frequency, c = coordinates.T
    phase = np.arctan2(-b, a)
    turns = np.floor(theta / math.pi)
    theta = np.minimum(theta - turns * math.pi, np.nextafter(math.pi, 0))
    # Half a turn later x' runs the other way, and so does the phase.
    phase = np.where(turns % 2 == 1, -phase, phase)
    parameters = [
        np.hypot(a, b),
        x0,
        y0,
        theta,
        np.exp(log_sigma),
        np.exp(log_gamma),
        1 / frequency,
        phase,
        c,
    ]
    return np.stack(parameters, 1)


def to_coordinates(parameters: np.ndarray) -> np.ndarray:
    """The inverse of `to_parameters`."""
    amplitude, x0, y0, theta, sigma, gamma, wavelength, phase, c = np.asarray(parameters, np.float64).T
    a, b = amplitude * np.cos(phase), -amplitude * np.sin(phase)
    return np.stack([a, b, x0, y0, theta, np.log(sigma), np.log(gamma), 1 / wavelength, c], 1)


def gabor(parameters: Tensor, height: int, width: int) -> Tensor:
    """The Gabor functions of parameters (n, 9), in the order of PARAMETERS, on a grid: (n, height, width) float64."""
    values, _ = evaluate(to_coordinates(parameters.numpy()), *grid(height, width))
    return torch.from_numpy(values.reshape(-1, height, width))
