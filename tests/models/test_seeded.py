"""Weights from a seed: the same ones everywhere, and no generator of the user's is changed."""

import pytest
import torch

import sketchwidgets as sw
from sketchwidgets.models import seeded


@pytest.fixture
def untouched(monkeypatch):
    """Fails where a GPU's generator is set, which `torch.manual_seed` does."""
    monkeypatch.setattr(torch.cuda, "manual_seed_all", lambda seed: pytest.fail("a GPU's generator is set"))


def test_they_are_those_of_that_seed():
    torch.manual_seed(3)
    wanted = torch.randn(4), torch.nn.Linear(2, 3).weight
    with seeded(3):
        found = torch.randn(4), torch.nn.Linear(2, 3).weight
    assert all(torch.equal(a, b) for a, b in zip(wanted, found, strict=True))


def test_the_generators_are_afterwards_as_they_were(untouched):
    before = torch.get_rng_state()
    with pytest.raises(KeyError), seeded(3):
        {}[float(torch.rand(1))]
    assert torch.equal(torch.get_rng_state(), before)


def test_they_are_on_the_cpu_whatever_the_default():
    with torch.device("meta"), seeded(3):
        assert torch.rand(1).device.type == "cpu"


def test_untrained_filters_leave_gpus_alone(untouched):
    net = torch.nn.Sequential(torch.nn.Conv2d(1, 1, 5))
    fits = sw.gabor_fit(net, seed=2, progress=False)
    assert set(fits.null_r2) == {"untrained", "noise", "smooth noise"}
