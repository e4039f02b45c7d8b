"""Shrinking what no drawing excites, against ridge regression by hand and by the responses it keeps."""

import numpy as np
import pytest
import torch
from torch import nn

import sketchwidgets as sw
from sketchwidgets.training.recognizers.first_layer import shrink_unexcited


@pytest.fixture
def drawings():
    turns = np.linspace(0, 2 * np.pi, 40)
    circles = [
        sw.Sketch([np.stack([100 + r * np.cos(turns), 100 + r * np.sin(turns)], 1) for r in radii])
        for radii in ((90, 30), (80,), (60, 50, 20), (95, 10))
    ]
    return sw.rasterize(circles)


def test_one_weight_by_hand():
    conv = nn.Conv2d(1, 1, 1)
    with torch.no_grad():
        conv.weight.fill_(2.0)
    change = shrink_unexcited(conv, [torch.full((1, 1, 2, 2), 3.0)], strength=1.0)  # 9 / (9 + 1) of it stays
    assert conv.weight.item() == pytest.approx(1.8)
    assert change == pytest.approx(0.01)


def test_is_the_ridge_regression_of_the_old_responses(drawings):
    torch.manual_seed(0)
    conv = nn.Conv2d(1, 3, 7, stride=3, padding=2, bias=False).double()
    strength = 0.01
    with torch.no_grad():
        targets = conv(drawings.double()).permute(0, 2, 3, 1).reshape(-1, 3).numpy()
    patches = nn.functional.unfold(drawings.double(), 7, padding=2, stride=3)
    patches = patches.transpose(1, 2).reshape(-1, 49).numpy()
    # The ridge as more rows of an ordinary least-squares problem.
    rows = np.vstack([patches, np.sqrt(strength * len(patches)) * np.eye(49)])
    wanted, *_ = np.linalg.lstsq(rows, np.vstack([targets, np.zeros((49, 3))]), rcond=None)
    shrink_unexcited(conv, [drawings[:1], drawings[1:]], strength)
    np.testing.assert_allclose(conv.weight.detach().flatten(1).numpy().T, wanted, atol=1e-8)


def test_noise_goes_and_the_responses_stay(drawings):
    torch.manual_seed(0)
    net = sw.models.create("sketch_a_net").eval()
    with torch.no_grad():
        before, norm = net.conv1(drawings), net.conv1.weight.norm()
        shrink_unexcited(net.conv1, [drawings], strength=0.003)
        change = (net.conv1(drawings) - before).square().mean() / before.square().mean()
    assert change < 0.02
    assert net.conv1.weight.norm() < 0.8 * norm


@pytest.mark.parametrize(
    ("conv", "images", "strength", "message"),
    [
        (nn.Conv2d(2, 2, 3, groups=2), [torch.rand(1, 2, 8, 8)], 1.0, "groups"),
        (nn.Conv2d(1, 2, 3), [torch.rand(1, 1, 8, 8)], -1.0, "strength"),
        (nn.Conv2d(1, 2, 3), [torch.zeros(1, 1, 8, 8)], 0.0, "strength must be above 0"),
        (nn.Conv2d(1, 2, 3), [], 1.0, "empty"),
    ],
)
def test_says_what_it_cannot_do(conv, images, strength, message):
    with pytest.raises(ValueError, match=message):
        shrink_unexcited(conv, images, strength)
