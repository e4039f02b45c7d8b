"""Penalties and clippings against numpy, scipy and cases worked out by hand."""

import numpy as np
import pytest
import torch
from scipy import ndimage

from sketchwidgets.visualization.input_reconstruction import StepSchedule
from sketchwidgets.visualization.input_reconstruction._errors import ReconstructionError
from sketchwidgets.visualization.input_reconstruction.regularizers import (
    alpha_norm,
    clip_small_contribution,
    clip_small_norm,
    gaussian_blur,
    total_variation,
)
from sketchwidgets.visualization.input_reconstruction.schedules import as_schedule, progress_rates


def random(*shape, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).normal(0, 50, shape))


@pytest.mark.parametrize("beta", [1, 1.5, 2])
def test_total_variation_is_the_sum_over_pixels(beta):
    x = random(2, 3, 5, 4)
    wanted = np.zeros(2)
    for n, c, i, j in np.ndindex(*x.shape):
        right = x[n, c, i, min(j + 1, 3)] - x[n, c, i, j]
        below = x[n, c, min(i + 1, 4), j] - x[n, c, i, j]
        wanted[n] += float(right**2 + below**2) ** (beta / 2)
    np.testing.assert_allclose(total_variation(x, beta).numpy(), wanted)
    assert torch.autograd.gradcheck(lambda y: total_variation(y, beta), x.requires_grad_())


def test_total_variation_of_flat_paper_has_no_gradient():
    x = torch.full((1, 1, 4, 4), 7.0, requires_grad=True)
    (gradient,) = torch.autograd.grad(total_variation(x, beta=1).sum(), x)
    assert torch.equal(gradient, torch.zeros_like(x))


def test_alpha_norm_of_a_hand_case():
    x = torch.tensor([[[[1.0, -2.0], [0.0, 3.0]]], [[[0.5, 0.0], [0.0, 0.0]]]], dtype=torch.float64)
    assert alpha_norm(x, 6).tolist() == [1 + 64 + 729, 0.5**6]
    assert alpha_norm(x, 1).tolist() == [6, 0.5]


@pytest.mark.parametrize("radius", [0.3, 0.5, 1.0, 2.7])
def test_the_blur_is_that_of_scipy(radius):
    x = random(2, 3, 14, 9)
    wanted = np.stack([[ndimage.gaussian_filter(c, radius) for c in image] for image in x.numpy()])
    np.testing.assert_allclose(gaussian_blur(x, radius).numpy(), wanted, atol=1e-10)


def test_a_blur_that_reaches_beyond_a_small_image():
    x = random(1, 1, 3, 4)
    wanted = ndimage.gaussian_filter(x[0, 0].numpy(), 2.0)
    np.testing.assert_allclose(gaussian_blur(x, 2.0)[0, 0].numpy(), wanted, atol=1e-10)
    assert gaussian_blur(x, 0.1) is x  # less than a pixel


@pytest.mark.parametrize("percentile", [0, 20, 50, 90, 100])
def test_clipping_by_norm_and_contribution_is_that_of_numpy(percentile):
    x, gradient = random(2, 3, 6, 5), random(2, 3, 6, 5, seed=1)
    for n in range(2):
        norms = np.linalg.norm(x[n].numpy(), axis=0)
        wanted = np.where(norms < np.percentile(norms, percentile), 0, x[n].numpy())
        np.testing.assert_array_equal(clip_small_norm(x, percentile)[n].numpy(), wanted)
        gains = np.abs((x[n] * gradient[n]).sum(0).numpy())
        wanted = np.where(gains < np.percentile(gains, percentile), 0, x[n].numpy())
        np.testing.assert_array_equal(clip_small_contribution(x, gradient, percentile)[n].numpy(), wanted)


def test_progress_rates():
    gradient = torch.tensor([[[[3.0, 4.0]]], [[[0.01, 0.0]]], [[[0.0, 0.0]]]], dtype=torch.float64)
    np.testing.assert_allclose(progress_rates(gradient, desired=2, most=100), [2 / 25, 100, 100])
    np.testing.assert_allclose(progress_rates(gradient, desired=2, most=1e8), [2 / 25, 2e4, 1e8])
    # To first order, the step raises the objective by what was desired.
    rate = progress_rates(gradient, 2, 1e8)[:2]
    np.testing.assert_allclose(rate * gradient[:2].square().sum((1, 2, 3)), 2)


def test_the_schedule_of_the_paper():
    schedule = StepSchedule(((0.004, 100), (0.0004, 200), (0.00004, 100)))
    assert schedule.steps == 400
    assert [schedule.rate(step) for step in (0, 99, 100, 299, 300, 399, 500)] == [
        0.004,
        0.004,
        0.0004,
        0.0004,
        0.00004,
        0.00004,
        0.00004,
    ]
    assert [step for step in range(400) if schedule.changes(step)] == [100, 300]
    assert schedule.over(40).parts == ((0.004, 10), (0.0004, 20), (0.00004, 10))
    assert schedule.over(1).steps == 1
    assert as_schedule(0.5, "rate").parts == ((0.5, 1),)


@pytest.mark.parametrize("parts", [(), ((0, 5),), ((0.1, 0),), ((-1, 5),)])
def test_a_schedule_that_makes_no_sense(parts):
    with pytest.raises(ReconstructionError, match="a schedule is"):
        StepSchedule(parts)
