"""The figure of Gabor fits: filters over their fits, R² against the null, and the plane of frequencies."""

from typing import TYPE_CHECKING

import numpy as np
import torch

from ..figures import Chart, Figure, Section, Tile

if TYPE_CHECKING:
    from .gabor_fit import GaborFits

_COLUMNS = 12
_SIDE = 48
_BINS = 20
RINGS = (16, 8, 4, 2)  # wavelengths in pixels

SORTS = ("R²", "orientation", "wavelength", "energy")


def order(fits: "GaborFits", by: str = "R²") -> list[int]:
    """The filters in order: of R² (best first), of orientation, of wavelength (finest first), or of energy."""
    keys = {
        "R²": -fits.r2.nan_to_num(-1.0),
        "orientation": fits.parameter("theta"),
        "wavelength": fits.parameter("wavelength"),
        "energy": -fits.filters.weights.flatten(1).double().norm(dim=1),
    }
    if by not in keys:
        raise ValueError(f"by must be one of {', '.join(map(repr, keys))}, not {by!r}")
    return keys[by].nan_to_num(torch.inf).argsort(stable=True).tolist()


def gabor_figure(fits: "GaborFits", most: int | None = None) -> Figure:
    shown = order(fits)[:most]
    title = f"{fits.filters.layer}: filters (upper rows) and their Gabors (lower rows), each on its own scale"
    sections = [section for section, _ in pair_sections(fits, shown, _COLUMNS, _SIDE, title)]
    return Figure(summary(fits), [*sections, Section("", [histogram(fits), frequencies(fits)])])


def summary(fits: "GaborFits") -> str:
    """How many filters are Gabor-like, and how well Gabors fit them, and filters that have learnt nothing."""
    null = [f"{name} {float(r2.nanmedian()):.2f}" for name, r2 in fits.null_r2.items()]
    return (
        f"{int(fits.gabor_like.sum())} of {len(fits)} filters are Gabor-like (R² above {fits.threshold:g}); median R² "
        f"{float(fits.r2.nanmedian()):.2f}" + (f", of {', '.join(null)}" if null else "")
    )


def pair_sections(
    fits: "GaborFits", shown: list[int], columns: int, side: int, title: str
) -> list[tuple[Section, list[int]]]:
    """A row of filters, below it the row of their fits, and so on; and which filter each tile belongs to.

    A last row that is shorter is its own section, so that its fits stand below their filters.
    """
    if len(shown) > columns:  # rows of nearly the same length
        columns = -(-len(shown) // -(-len(shown) // columns))
    rows = [shown[first : first + columns] for first in range(0, len(shown), columns)]
    short = [rows.pop()] if len(rows) > 1 and len(rows[-1]) < columns else []
    sections = []
    for block in (rows, short):
        tiles = [
            tile
            for row in block
            for tile in [*map(fits.filters.tile, row), *(fit_tile(fits, i) for i in row)]
        ]
        if tiles:
            owners = [i for row in block for i in [*row, *row]]
            sections.append((Section(title, tiles, columns=len(block[0]), side=side), owners))
        title = ""
    return sections


def fit_tile(fits: "GaborFits", i: int, caption: str | None = None, scale: float | None = None) -> Tile:
    """The fit of filter i as a signed picture, by default on its own scale."""
    values = fits.fits[i]
    if not torch.isfinite(values).all():
        return Tile(None, caption or "", label="not fitted")
    return Tile.signed(
        values[None],
        f"{float(fits.r2[i]):.2f}" if caption is None else caption,
        scale=scale,
        description=f"Gabor fitted to filter {i}, R² {float(fits.r2[i]):.3f}",
        facts=facts(fits, i),
    )


def facts(fits: "GaborFits", i: int) -> tuple[tuple[str, str], ...]:
    """The parameters of a fit with their units."""
    value = dict(zip(fits.names, fits.parameters[i].tolist(), strict=True))
    return (
        ("R²", f"{float(fits.r2[i]):.3f}"),
        ("orientation θ", f"{np.degrees(value['theta']):.1f}°"),
        ("wavelength λ", f"{value['wavelength']:.2f} px"),
        ("σ", f"{value['sigma']:.2f} px"),
        ("γ", f"{value['gamma']:.2f}"),
        ("phase φ", f"{np.degrees(value['phase']):.0f}°"),
        ("centre", f"{value['x0']:+.2f}, {value['y0']:+.2f} px"),
        ("amplitude A", f"{value['amplitude']:.3g}"),
        ("offset c", f"{value['offset']:.3g}"),
    )


def histogram(fits: "GaborFits") -> Chart:
    """R² of the trained filters and of the null, in bins of 0.05."""
    edges = np.linspace(0, 1, _BINS + 1)
    series = []
    for name, r2 in {"trained": fits.r2, **fits.null_r2}.items():
        known = r2[torch.isfinite(r2)].clamp(0, 1).numpy()
        series.append((name, edges[:-1].round(2), np.histogram(known, edges)[0]))
    mark = fits.threshold * _BINS - 0.5
    return Chart(
        series,
        "R² of the fit, from",
        "filters",
        "How well a Gabor describes the filters"
        + (", against filters that have learnt nothing" if fits.null_r2 else ""),
        kind="bar",
        marks=[(mark, f"{fits.threshold:g}")],
        size=(296, 240),
    )


def frequencies(fits: "GaborFits", chosen: int | None = None) -> Chart:
    """Each fit as a point of the plane of frequencies: 1 / wavelength away from the middle, in direction theta.

    chosen : a filter that is marked.
    """
    like = fits.gabor_like
    finite = torch.isfinite(fits.r2)
    series = []
    groups = [("Gabor-like", like), ("not", finite & ~like)]
    for name, some in groups:
        theta, wavelength = fits.parameter("theta")[some], fits.parameter("wavelength")[some]
        x, y = theta.cos() / wavelength, -theta.sin() / wavelength  # y runs down in images, up in charts
        # theta and theta + pi are one and the same: both are drawn.
        series.append((name, *_points(torch.cat([x, -x]).numpy(), torch.cat([y, -y]).numpy())))
    around = np.linspace(0, 2 * np.pi, 73)
    ring_x = np.concatenate([[*np.cos(around) / ring, np.nan] for ring in RINGS])
    ring_y = np.concatenate([[*np.sin(around) / ring, np.nan] for ring in RINGS])
    series.append((f"rings: {', '.join(map(str, RINGS))} px", ring_x, ring_y))
    if chosen is not None and finite[chosen]:
        theta, wavelength = (
            float(fits.parameter("theta")[chosen]),
            float(fits.parameter("wavelength")[chosen]),
        )
        x, y = np.cos(theta) / wavelength, -np.sin(theta) / wavelength
        series.append((f"filter {chosen}", [-x, x], [-y, y]))  # joined: easier to find than two dots
    return Chart(
        series,
        "cycles per pixel, horizontal",
        "vertical",
        "Direction and frequency of the fits",
        y_range=(-0.52, 0.52),
        size=(235, 262),
        equal=True,
    )


def _points(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """As a curve that is broken after every point, which draws the points alone."""
    gaps = np.full_like(x, np.nan)
    return np.stack([x, x], 1).ravel(), np.stack([y, gaps], 1).ravel()
