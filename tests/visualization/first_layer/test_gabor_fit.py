"""Gabor fits: known parameters found again, scipy as the oracle, the null, and real filters."""

import math

import numpy as np
import pytest
import torch
from scipy.optimize import least_squares
from torch import nn

from sketchwidgets.models import SketchANet
from sketchwidgets.recognition import Recognizer
from sketchwidgets.visualization import gabor_fit
from sketchwidgets.visualization.first_layer import _gabor
from sketchwidgets.visualization.first_layer._figure import order
from sketchwidgets.visualization.first_layer._gabor import PARAMETERS, bounds, evaluate, gabor, grid
from sketchwidgets.visualization.first_layer._starts import starts
from sketchwidgets.visualization.first_layer.gabor_fit import fit_gabors


def random_gabors(n: int, seed: int = 1) -> torch.Tensor:
    """Parameters (n, 9) of Gabors that a 15 x 15 grid can tell apart."""
    u = torch.rand(n, 9, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    low = torch.tensor([0.5, -3.0, -3.0, 0.05, 1.5, 0.6, 3.0, -3.0, -0.2], dtype=torch.float64)
    high = torch.tensor([1.5, 3.0, 3.0, 3.1, 4.0, 1.6, 8.0, 3.0, 0.2], dtype=torch.float64)
    return low + u * (high - low)


def formula(parameters, x, y):
    """The Gabor function as it is printed, in numpy, one filter."""
    amplitude, x0, y0, theta, sigma, gamma, wavelength, phase, offset = parameters
    along = (x - x0) * np.cos(theta) + (y - y0) * np.sin(theta)
    across = -(x - x0) * np.sin(theta) + (y - y0) * np.cos(theta)
    envelope = np.exp(-(along**2 + gamma**2 * across**2) / (2 * sigma**2))
    return amplitude * envelope * np.cos(2 * np.pi * along / wavelength + phase) + offset


def test_the_function_is_the_printed_one():
    parameters = random_gabors(5)
    x, y = grid(15, 13)
    for row, made in zip(parameters, gabor(parameters, 15, 13), strict=True):
        assert np.allclose(made.flatten().numpy(), formula(row.numpy(), x, y), rtol=0, atol=1e-14)


def test_derivatives_are_the_differences():
    coordinates = _gabor.to_coordinates(random_gabors(3))
    x, y = grid(9, 9)
    _, slopes = evaluate(coordinates, x, y, derivatives=True)
    for place in range(9):
        step = 1e-5 * (np.arange(9) == place)
        above, below = (evaluate(coordinates + sign * step, x, y)[0] for sign in (1, -1))
        np.testing.assert_allclose(slopes[:, place], (above - below) / 2e-5, rtol=1e-6, atol=1e-7)


def test_known_gabors_are_found_again():
    parameters = random_gabors(60)
    fits = gabor_fit(gabor(parameters, 15, 15), null=False, progress=False)
    assert fits.r2.min() > 1 - 1e-9
    assert torch.allclose(fits.fits, gabor(fits.parameters, 15, 15), rtol=0, atol=1e-12)
    error = (fits.parameters - parameters).abs()
    for angle, period in (("theta", math.pi), ("phase", 2 * math.pi)):
        place = PARAMETERS.index(angle)
        error[:, place] = torch.minimum(error[:, place], period - error[:, place])
    # A broad, slow wave can be written in two ways within rounding; all others have one solution.
    assert (error.amax(1) < 1e-5).float().mean() > 0.9


def test_noise_on_a_gabor_takes_its_share():
    clean = gabor(random_gabors(30), 15, 15)
    noise = torch.randn(clean.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    signal = (clean - clean.mean((1, 2), keepdim=True)).square().mean((1, 2), keepdim=True).sqrt()
    r2 = fit_gabors(clean + 0.5 * signal * noise)[2]
    # 1 / (1 + 0.25) = 0.8 of the variance is signal, and 9 of 225 numbers of the noise are fitted as well.
    assert abs(float(r2.mean()) - (1 - 0.2 * 216 / 225)) < 0.02


def test_scipy_finds_nothing_better():
    generator = torch.Generator().manual_seed(3)
    pictures = torch.randn(3, 9, 9, generator=generator, dtype=torch.float64)
    pictures[0] += 3 * gabor(torch.tensor([[1, 0, 1, 0.6, 2, 1, 4, 1, 0.0]]), 9, 9)[0]
    parameters, fits, r2 = fit_gabors(pictures)
    x, y = grid(9, 9)
    low, high = bounds(9, 9)
    for picture, fit, begin in zip(pictures, fits, starts(pictures.numpy(), x, y), strict=True):
        ours = float((fit - picture).square().sum())
        target = picture.flatten().numpy()

        def residual(c, target=target):
            return evaluate(c[None], x, y)[0][0] - target

        def jacobian(c):
            return evaluate(c[None], x, y, derivatives=True)[1][0].T

        inside = np.clip(begin, low + 1e-6, high - 1e-6)
        theirs = min(2 * least_squares(residual, c, jacobian, (low, high)).cost for c in inside)
        assert ours <= theirs * (1 + 1e-4)  # the valleys are flat
    assert (r2 > 0).all()
    sigma, gamma, wavelength = parameters[:, 4], parameters[:, 5], parameters[:, 6]
    for values, (least, most) in (
        (sigma, _gabor.SIGMA_RANGE),
        (gamma, _gabor.GAMMA_RANGE),
        (wavelength, _gabor.WAVELENGTH_RANGE),
    ):
        assert least - 1e-9 <= values.min() <= values.max() <= most + 1e-9


def test_r2_is_that_of_the_returned_function():
    pictures = torch.randn(5, 7, 7, generator=torch.Generator().manual_seed(2))
    fits = gabor_fit(pictures, null=False, progress=False)
    residual = (fits.fits - pictures).square().sum((1, 2))
    spread = (pictures - pictures.mean((1, 2), keepdim=True)).double().square().sum((1, 2))
    assert torch.allclose(fits.r2, 1 - residual / spread, rtol=0, atol=1e-6)
    assert (fits.parameter("amplitude") >= 0).all()
    assert ((fits.parameter("theta") >= 0) & (fits.parameter("theta") < math.pi)).all()


def test_a_scaled_filter_has_the_scaled_fit():
    picture = torch.randn(1, 9, 9, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    one, thousand = (fit_gabors(picture * scale) for scale in (1, 1000))
    assert torch.allclose(one[1] * 1000, thousand[1], rtol=1e-6, atol=1e-6)
    assert torch.allclose(one[2], thousand[2])


def test_constant_filters_have_nothing_to_explain():
    fits = gabor_fit(torch.stack([torch.zeros(7, 7), torch.ones(7, 7)]), null=False, progress=False)
    assert fits.r2.tolist() == [0.0, 0.0]
    assert "Gabor-like" in fits._repr_html_()


# --- networks and the null


def test_filters_of_several_channels_are_fitted_by_their_leading_picture():
    picture = gabor(torch.tensor([[1, 0, 0, 0.5, 2, 1, 5, 0, 0.0]]), 9, 9)[0]
    colours = torch.tensor([0.2, 0.9, 0.4], dtype=torch.float64)
    model = nn.Sequential(nn.Conv2d(3, 2, 9))
    model[0].weight.data = torch.stack(
        [colours[:, None, None] * picture, -colours[:, None, None] * picture]
    ).float()
    fits = gabor_fit(model, null=False, progress=False)
    assert torch.allclose(fits.filters.shares, torch.ones(2))
    assert torch.allclose(fits.fits[0], picture * colours.norm(), rtol=0, atol=1e-6)
    assert fits.gabor_like.all()


def test_the_null_is_random_filters_of_the_same_shape():
    model = nn.Conv2d(1, 32, 9)
    torch.nn.init.normal_(model.weight, generator=torch.Generator().manual_seed(0))
    state = torch.get_rng_state()
    fits = gabor_fit(model, progress=False)
    assert torch.equal(torch.get_rng_state(), state)
    assert list(fits.null_r2) == ["untrained", "noise", "smooth noise"]
    assert all(len(r2) == 32 for r2 in fits.null_r2.values())
    # The filters are noise themselves, and cannot be told from their null.
    means = [float(r2.mean()) for r2 in (fits.r2, *fits.null_r2.values())]
    assert max(means) - min(means) < 0.03
    assert not fits.gabor_like.any()
    again = gabor_fit(model, progress=False)
    assert torch.equal(again.null_r2["untrained"], fits.null_r2["untrained"])


def test_the_filters_of_the_bundled_sketch_a_net_are_structured_but_no_clean_gabors():
    # Trained for a short time only: R² is above that of random filters, also of equally smooth ones, and far from 1.
    fits = gabor_fit(Recognizer.load("sketch-a-net-quickdraw345"), progress=False)
    found = {name: float(r2.median()) for name, r2 in fits.null_r2.items()}
    assert max(found["untrained"], found["noise"]) < 0.12
    assert 1.2 * found["smooth noise"] < float(fits.r2.median()) < 0.7


def test_first_filters_learnt_on_photos_are_gabors(shared):
    path = shared / "models" / "squeezenet_v1.0.npz"
    if not path.exists():
        pytest.skip(f"{path.name} is not there")
    weights = torch.from_numpy(np.load(path)["conv1__w"])
    assert weights.shape == (96, 3, 7, 7)
    fits = gabor_fit(weights, progress=False)
    assert int(fits.gabor_like.sum()) >= 85
    assert not any((r2 > fits.threshold).any() for r2 in fits.null_r2.values())


def test_smooth_noise_does_not_beat_the_noise_that_is_as_smooth():
    rough = torch.randn(48, 1, 15, 15, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    smooth = nn.functional.avg_pool2d(nn.functional.pad(rough, (2, 2, 2, 2), mode="circular"), 5, 1)
    fits = gabor_fit(smooth, progress=False)
    found = {name: float(r2.median()) for name, r2 in fits.null_r2.items()}
    assert float(fits.r2.median()) > 2 * found["noise"]  # which would look like something learnt
    assert float(fits.r2.median()) == pytest.approx(found["smooth noise"], abs=0.06)


def test_an_untrained_network_of_ones_own_is_the_null():
    model, before = nn.Conv2d(1, 6, 9), nn.Conv2d(1, 4, 9)
    fits = gabor_fit(model, untrained=before, progress=False)
    assert len(fits.null_r2["untrained"]) == 4
    assert torch.equal(fits.null_r2["untrained"], gabor_fit(before, null=False, progress=False).r2)


def test_a_callback_sees_the_progress_and_ends_the_fit():
    seen = []

    def stop(state):
        seen.append((state.done, state.total))
        return state.done < 16

    fits = gabor_fit(SketchANet(), progress=False, callback=stop)
    assert seen == [(16, 256)]
    assert not fits.finished
    assert torch.isfinite(fits.r2[:16]).all()
    assert torch.isnan(fits.r2[16:]).all()
    assert "not fitted" in fits._repr_html_()


def test_orders():
    fits = gabor_fit(gabor(random_gabors(7), 9, 9), null=False, progress=False)
    for by, values in (
        ("R²", -fits.r2),
        ("orientation", fits.parameter("theta")),
        ("wavelength", fits.parameter("wavelength")),
        ("energy", -fits.filters.weights.flatten(1).norm(dim=1)),
    ):
        assert (values[order(fits, by)].diff() >= 0).all()
    with pytest.raises(ValueError, match="by must be"):
        order(fits, "colour")


def test_the_figure_pairs_filters_and_fits():
    fits = gabor_fit(gabor(random_gabors(15), 9, 9), progress=False)
    figure = fits.figure()
    full, rest, charts = figure.sections
    assert (len(full.tiles), full.columns, len(rest.tiles), rest.columns) == (16, 8, 14, 7)
    best = int(fits.r2.argmax())
    assert full.tiles[0].caption == str(best)
    assert "R²" in dict(full.tiles[8].facts)
    assert [name for name, _, _ in charts.tiles[0].series] == ["trained", *fits.null_r2]
    assert sum(charts.tiles[0].series[0][2]) == 15


@pytest.mark.parametrize(
    ("filters", "message"),
    [
        (nn.Conv2d(1, 4, 3), "filters are 3 x 3: a Gabor has 9 parameters"),
        (torch.zeros(3, 3), "filters must be"),
        (torch.zeros(3, 9, 9, dtype=torch.int64), "floating point"),
        (torch.full((1, 9, 9), torch.nan), "not finite"),
        (nn.Linear(3, 3), "no Conv2d"),
        (nn.Conv2d(4, 4, 9, groups=2), "grouped"),
    ],
)
def test_what_cannot_be_fitted_is_named(filters, message):
    with pytest.raises(ValueError, match=message):
        gabor_fit(filters, progress=False)
