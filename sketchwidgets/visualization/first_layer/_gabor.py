"""The nine-parameter Gabor function on a pixel grid, and its derivatives; batched.

    g = A exp(-(x'² + gamma² y'²) / (2 sigma²)) cos(2 pi x' / lambda + phi) + c
    x' = (x - x0) cos theta + (y - y0) sin theta,   y' = -(x - x0) sin theta + (y - y0) cos theta

x runs to the right and y down, in pixels from the centre of the grid. For the fit the same function is written in
*coordinates* in which least squares are well behaved: cosine and sine amplitudes a = A cos phi, b = -A sin phi
(the function is linear in them), log sigma, log gamma, and the frequency 1 / lambda.
"""

import math

import torch
from torch import Tensor

PARAMETERS = ("amplitude", "x0", "y0", "theta", "sigma", "gamma", "wavelength", "phase", "offset")

# Places of the coordinates.
A, B, X0, Y0, THETA, SIGMA, GAMMA, FREQUENCY, C = range(9)

# Of Gabors that a filter of 7 to 15 pixels can show: sigma, gamma, lambda.
SIGMA_RANGE = (0.5, 7.5)
GAMMA_RANGE = (0.2, 5.0)
WAVELENGTH_RANGE = (2.0, 30.0)


def grid(height: int, width: int) -> tuple[Tensor, Tensor]:
    """x and y of every pixel, each (height * width,) float64, from the centre."""
    y, x = torch.meshgrid(
        torch.arange(height, dtype=torch.float64) - (height - 1) / 2,
        torch.arange(width, dtype=torch.float64) - (width - 1) / 2,
        indexing="ij",
    )
    return x.flatten(), y.flatten()


def bounds(height: int, width: int) -> tuple[Tensor, Tensor]:
    """Lowest and highest coordinates, each (9,): the stated ranges, and a centre within the filter."""
    free = math.inf
    low = [-free, -free, -(width - 1) / 2, -(height - 1) / 2, -free, math.log(SIGMA_RANGE[0])]
    low += [math.log(GAMMA_RANGE[0]), 1 / WAVELENGTH_RANGE[1], -free]
    high = [free, free, (width - 1) / 2, (height - 1) / 2, free, math.log(SIGMA_RANGE[1])]
    high += [math.log(GAMMA_RANGE[1]), 1 / WAVELENGTH_RANGE[0], free]
    return torch.tensor(low, dtype=torch.float64), torch.tensor(high, dtype=torch.float64)


def evaluate(
    coordinates: Tensor, x: Tensor, y: Tensor, derivatives: bool = False
) -> tuple[Tensor, Tensor | None]:
    """The functions (n, pixels) of coordinates (n, 9), and their derivatives (n, 9, pixels) if asked for."""
    a, b, x0, y0, theta, log_sigma, log_gamma, frequency, c = coordinates[:, :, None].unbind(1)
    cosine, sine = theta.cos(), theta.sin()
    along = (x - x0) * cosine + (y - y0) * sine
    across = (y - y0) * cosine - (x - x0) * sine
    tight, squeeze = (-2 * log_sigma).exp(), (2 * log_gamma).exp()
    u, v = along.square() * tight, across.square() * (tight * squeeze)
    envelope = (-(u + v) / 2).exp()
    angle = 2 * math.pi * frequency * along
    even, odd = envelope * angle.cos(), envelope * angle.sin()
    bump = a * even + b * odd
    if not derivatives:
        return bump + c, None
    turned = b * even - a * odd  # the derivative by the angle
    by_along = 2 * math.pi * frequency * turned - bump * along * tight
    by_across = -bump * across * (tight * squeeze)
    slopes = (
        even,
        odd,
        by_across * sine - by_along * cosine,
        -by_along * sine - by_across * cosine,
        by_along * across - by_across * along,
        bump * (u + v),
        -bump * v,
        2 * math.pi * along * turned,
        torch.ones_like(bump),
    )
    return bump + c, torch.stack(slopes, 1)


def to_parameters(coordinates: Tensor) -> Tensor:
    """(n, 9) in the order of PARAMETERS: amplitude >= 0, theta in [0, pi), phase in (-pi, pi]."""
    a, b, x0, y0, theta, log_sigma, log_gamma, frequency, c = coordinates.unbind(1)
    phase = torch.atan2(-b, a)
    turns = torch.floor(theta / math.pi)
    theta = theta - turns * math.pi
    # Half a turn later x' runs the other way, and so does the phase.
    phase = torch.where(turns % 2 == 1, -phase, phase)
    return torch.stack(
        [torch.hypot(a, b), x0, y0, theta, log_sigma.exp(), log_gamma.exp(), 1 / frequency, phase, c], 1
    )


def to_coordinates(parameters: Tensor) -> Tensor:
    """The inverse of `to_parameters`."""
    amplitude, x0, y0, theta, sigma, gamma, wavelength, phase, c = parameters.double().unbind(1)
    a, b = amplitude * phase.cos(), -amplitude * phase.sin()
    return torch.stack([a, b, x0, y0, theta, sigma.log(), gamma.log(), 1 / wavelength, c], 1)


def gabor(parameters: Tensor, height: int, width: int) -> Tensor:
    """The Gabor functions of parameters (n, 9), in the order of PARAMETERS, on a grid: (n, height, width) float64."""
    values, _ = evaluate(to_coordinates(parameters), *grid(height, width))
    return values.view(-1, height, width)
