"""How far first-layer filters are Gabors: the nine-parameter fit, with untrained and random filters as the null."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from sketchwidgets.models import seeded

from .._modules import module_of
from .._progress import Progress, goes_on, progress_bar
from ..figures import Figure
from ._gabor import PARAMETERS, bounds, evaluate, grid, to_parameters
from ._least_squares import minimize
from ._starts import starts
from .filters import Filters, first_convolution, first_layer, leading_pictures

_AT_ONCE = 16  # filters in a turn: small enough that their derivatives stay in the cache
_SCOUTING = 12  # steps from every start, before all but the best few are given up
_KEPT = 4
SMALLEST = 5  # pixels of a side: below, nine parameters fit whatever there is


@dataclass(frozen=True, eq=False)
class GaborFits:
    """Gabor functions fitted to filters.

    filters : what was fitted: its `spatial` (n, h, w); `weights` for the pictures.
    parameters : (n, 9) float64, columns as in `GaborFits.names`: amplitude >= 0 in units of the weights; x0 (to the right)
        and y0 (down) in pixels from the filter's centre; theta in [0, pi), the direction in which the wave runs, from
        the x axis towards y; sigma in pixels; gamma; wavelength in pixels; phase in (-pi, pi]; offset.
    fits : (n, h, w) float64, the functions, offset included: their real parts.
    r2 : (n,) float64, 1 - sum of squared residuals / sum of squares about the mean; 0 for a constant filter.
    null_r2 : the same for filters that have learnt nothing: "untrained", "noise" and "smooth noise", (n,) each.
    threshold : of R² above which a filter counts as Gabor-like.
    finished : False where a callback ended the fit: the rows not reached are NaN.
    """

    names = PARAMETERS

    filters: Filters
    parameters: Tensor
    fits: Tensor
    r2: Tensor
    null_r2: dict[str, Tensor]
    threshold: float = 0.8
    finished: bool = True

    @property
    def gabor_like(self) -> Tensor:
        """(n,) bool, R² above the threshold."""
        return self.r2 > self.threshold

    def parameter(self, name: str) -> Tensor:
        """One column of the parameters, (n,)."""
        if name not in PARAMETERS:
            raise KeyError(f"no parameter {name!r}; there are {', '.join(PARAMETERS)}")
        return self.parameters[:, PARAMETERS.index(name)]

    def __len__(self) -> int:
        return len(self.r2)

    def __repr__(self) -> str:
        median = float(self.r2.nanmedian())
        return (
            f"GaborFits({self.filters.layer!r}, {len(self)} filters, median R² {median:.2f}, "
            f"{int(self.gabor_like.sum())} above {self.threshold:g})"
        )

    def figure(self, most: int | None = None) -> Figure:
        """Filters in order of their R² next to their fits; R² against the null; orientation and frequency.

        most : of the filters shown; None for all.
        """
        from ._figure import gabor_figure

        return gabor_figure(self, most)

    def _repr_html_(self) -> str:
        return self.figure().to_html()


def gabor_fit(
    filters: Any,
    *,
    untrained: Any = None,
    threshold: float = 0.8,
    null: bool = True,
    seed: int = 0,
    progress: bool = True,
    callback: Callable[[Progress], bool | None] | None = None,
) -> GaborFits:
    """Fit a Gabor function to every filter of a first layer, by least squares.

        g = A exp(-(x'² + gamma² y'²) / (2 sigma²)) cos(2 pi x' / lambda + phi) + c
        x' = (x - x0) cos theta + (y - y0) sin theta,  y' = -(x - x0) sin theta + (y - y0) cos theta

    with sigma in 0.5..7.5 px, lambda in 2..30 px, gamma in 0.2..5 and the centre within the filter. It starts
    from the two strongest peaks of the filter's spectrum (theta, lambda), the centre of its energy, two widths, and four
    phases a quarter turn apart, the first of them that of the quadrature pair; 16 starts, the best 4 of which
    are followed to the end by a Levenberg-Marquardt iteration in float64.

    Yu et al. (IJCV 2017, figure 8) show filters next to Gabors, without numbers. R² alone says little: nine
    parameters explain a good part of small filters of pure noise. The null says how much.

    Parameters
    ----------
    filters : a network as for `first_layer` (None: the bundled recogniser), whose first convolution is taken; what
        `first_layer` returns; or (n, h, w) or (n, C, h, w) weights. Of several channels, the leading spatial
        singular vector is fitted.
    untrained : what the same filters were before training, for the null: a network or (m, C, h, w) weights. None: if
        the network comes from `sw.models`, a new one; else PyTorch's own initialization of a convolution.
    threshold : of R², above which a filter counts as Gabor-like.
    null : whether to fit the null too: as many untrained filters, as many of Gaussian noise, and as many of Gaussian
        noise that is as smooth as the trained filters are, with their mean power spectrum. The last is the one
        that smooth filters have to beat: Gabors explain smooth noise better than rough.
    seed : of the null's random numbers.
    progress : show a progress bar. callback : called after every few filters; False ends the fit.

    Raises ValueError for filters smaller than 5 x 5: 9 parameters say nothing about the 9 weights of a 3 x 3 filter.

    >>> recognizer = sw.Recognizer.load("sketch-a-net-quickdraw345")
    >>> fits = sw.gabor_fit(recognizer, null=False, progress=False)
    >>> fits.parameters.shape, fits.fits.shape
    (torch.Size([64, 9]), torch.Size([64, 15, 15]))
    """
    model = module_of(filters)
    filters = _as_filters("filters", filters)
    height, width = filters.spatial.shape[1:]
    if min(height, width) < SMALLEST:
        raise ValueError(
            f"filters are {height} x {width}: a Gabor has {len(PARAMETERS)} parameters, which {height * width} weights "
            f"cannot pin down; at least {SMALLEST} x {SMALLEST} are needed"
        )
    if not 0 < threshold < 1:
        raise ValueError(f"threshold must be between 0 and 1, not {threshold}")
    groups = {"": filters.spatial.double()}
    if null:
        groups |= _null_filters(filters, model, untrained, seed)
    total = sum(map(len, groups.values()))
    results: dict[str, list[Tensor]] = {}
    done, going = 0, True
    with progress_bar(total, "Fitting Gabors", "filter", progress) as bar:
        for name, pictures in groups.items():
            results[name] = [
                torch.full((len(pictures), k), torch.nan).double() for k in (9, height * width, 1)
            ]
            for i in range(0, len(pictures), _AT_ONCE):
                if not going:
                    break
                part = pictures[i : i + _AT_ONCE]
                for whole, values in zip(results[name], fit_gabors(part), strict=True):
                    whole[i : i + _AT_ONCE] = values.reshape(len(part), -1)
                done += len(part)
                bar.update(len(part))
                going = goes_on(callback, done, total)
    parameters, fits, r2 = results.pop("")
    null_r2 = {name: values[2][:, 0] for name, values in results.items()}
    return GaborFits(
        filters,
        parameters,
        fits.view(-1, height, width),
        r2[:, 0],
        null_r2,
        threshold,
        finished=done == total,
    )


def fit_gabors(pictures: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Parameters (n, 9), functions (n, h, w) and R² (n,) of the best fits to pictures (n, h, w), float64."""
    filters = pictures.detach().cpu().double().numpy()
    n, height, width = filters.shape
    x, y = grid(height, width)
    low, high = bounds(height, width)
    scale = np.maximum(np.linalg.norm(filters.reshape(n, -1), axis=1), np.finfo(np.float64).tiny)
    filters = filters / scale[:, None, None]
    targets = filters.reshape(n, -1)

    def follow(coordinates: np.ndarray, **limit: int) -> tuple[np.ndarray, np.ndarray]:
        count = coordinates.shape[1]
        aims = np.repeat(targets, count, axis=0)
        found, cost = minimize(coordinates.reshape(-1, 9), aims, x, y, low, high, **limit)
        return found.reshape(n, count, 9), cost.reshape(n, count)

    found, cost = follow(starts(filters, x, y), steps=_SCOUTING)
    kept = cost.argsort(axis=1, kind="stable")[:, :_KEPT]
    found, cost = follow(np.take_along_axis(found, kept[:, :, None], axis=1))
    each, best = np.arange(n), cost.argmin(1)
    chosen, cost = found[each, best], cost[each, best]
    values = evaluate(chosen, x, y)[0] * scale[:, None]
    parameters = to_parameters(chosen)
    parameters[:, [0, 8]] *= scale[:, None]
    spread = np.square(targets - targets.mean(1, keepdims=True)).sum(1)
    r2 = np.where(spread > 1e-20, 1 - cost / np.maximum(spread, 1e-300), 0.0)
    return (
        torch.from_numpy(parameters),
        torch.from_numpy(values.reshape(n, height, width)),
        torch.from_numpy(r2),
    )


def _as_filters(name: str, filters: Any) -> Filters:
    if isinstance(filters, Filters):
        _check_finite(name, filters.spatial)
        return filters
    if not isinstance(filters, Tensor | np.ndarray):
        layer, convolution = first_convolution(filters, argument=name)
        _check_finite(name, convolution.weight)
        return first_layer(filters, layer)
    filters = torch.as_tensor(filters)
    weights = filters[:, None] if filters.ndim == 3 else filters
    if weights.ndim != 4 or 0 in weights.shape:
        raise ValueError(f"{name} must be (n, h, w) or (n, C, h, w), not {tuple(filters.shape)}")
    if not weights.is_floating_point():
        raise ValueError(f"{name} must be floating point, not {weights.dtype}")
    _check_finite(name, weights)
    weights = weights.detach().cpu().double().clone()
    spatial, shares = leading_pictures(weights)
    return Filters("weights", weights, spatial, shares, (1, 1))


def _check_finite(name: str, weights: Tensor) -> None:
    if not torch.isfinite(weights).all():
        raise ValueError(f"{name} hold values that are not finite")


def _null_filters(filters: Filters, model: Any, untrained: Any, seed: int) -> dict[str, Tensor]:
    """Filters that have learnt nothing, (n, h, w) each: as before training, white noise, and noise as smooth as they are."""
    shape = tuple(filters.weights.shape)
    with seeded(seed):
        noise = torch.randn(shape, dtype=torch.float64)
        if untrained is None:
            untrained = _fresh(model, shape)
        else:
            untrained = _as_filters("untrained", untrained).weights
    if tuple(untrained.shape[1:]) != shape[1:]:
        raise ValueError(
            f"untrained has filters of {tuple(untrained.shape[1:])}, the trained ones are {shape[1:]}"
        )
    return {
        "untrained": leading_pictures(untrained.double())[0],
        "noise": leading_pictures(noise)[0],
        "smooth noise": _alike(leading_pictures(noise)[0], filters.spatial.double()),
    }


def _alike(noise: Tensor, filters: Tensor) -> Tensor:
    """White noise (m, h, w) given the mean power spectrum of filters (n, h, w)."""
    power = torch.fft.fft2(filters / filters.flatten(1).norm(dim=1).clamp_min(1e-30)[:, None, None])
    amplitude = power.abs().square().mean(0).sqrt()
    return torch.fft.ifft2(torch.fft.fft2(noise) * amplitude).real


def _fresh(model: Any, shape: tuple[int, ...]) -> Tensor:
    """The first filters of a new network of the same kind, (n, C, h, w)."""
    from sketchwidgets import models

    if isinstance(model, nn.Module) and isinstance(getattr(model, "arguments", None), dict):
        try:
            fresh = models.create(models.name_of(model), **model.arguments)
        except ValueError:
            pass
        else:
            return first_convolution(fresh)[1].weight.detach()
    return nn.Conv2d(shape[1], shape[0], shape[2:]).weight.detach()
