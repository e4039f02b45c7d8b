"""Where the two paths have to be told the same: what stops a gradient, ties in adaptive pools, replaced values."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from toy_nets import images, seeded

from sketchwidgets.visualization.projection import ProjectionError, project

RULES = ("deconvnet", "guided", "backprop")


class Stopped(nn.Module):
    """The gradient is stopped between two convolutions, in one of the ways that PyTorch has."""

    def __init__(self, how=None):
        super().__init__()
        self.how = how
        self.a, self.b, self.relu, self.end = nn.Conv2d(2, 4, 3), nn.Conv2d(4, 6, 3), nn.ReLU(), nn.ReLU()

    def forward(self, x):
        if self.how == "no_grad":
            with torch.no_grad():
                x = self.relu(self.a(x))
        else:
            x = self.relu(self.a(x))
        if self.how == "detach":
            x = x.detach()
        elif self.how == "torch.detach":
            x = torch.detach(x)
        elif self.how == "detach_":
            x.detach_()
        elif self.how == "data":
            x = x.data
        return self.end(self.b(x))


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("how", ["detach", "torch.detach", "detach_", "data", "no_grad"])
def test_what_stops_a_gradient_is_crossed_on_both_paths(how, rule):
    plain, stopped, x = seeded(Stopped), seeded(Stopped, how), images(n=2)
    expected = project(plain, x, "end", 4, rule)["end"].images
    assert expected.any()
    for path in ("windows", "autograd"):
        found = project(stopped, x, "end", 4, rule, path=path)["end"].images
        assert torch.allclose(found, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("how", ["detach", "data", "no_grad"])
def test_relevance_crosses_it_too(how):
    plain, stopped, x = seeded(Stopped), seeded(Stopped, how), images()
    expected = project(plain, x, "end", 4, "backprop", convolution="relevance")["end"].images
    for path in ("windows", "autograd"):
        options = {"rule": "backprop", "convolution": "relevance", "path": path}
        found = project(stopped, x, "end", 4, **options)["end"].images
        assert torch.allclose(found, expected, rtol=0, atol=1e-12)


def test_the_model_is_left_as_it_stops():
    model, x = seeded(Stopped, "detach"), images()
    project(model, x, "end", 2, path="autograd")
    inputs = x.clone().requires_grad_()
    model(inputs).sum().backward()
    assert inputs.grad is None


class Adaptive(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.same = nn.Conv2d(1, 1, 1, bias=False)
        self.pool = nn.AdaptiveMaxPool2d(size)
        self.same.weight.data.fill_(1)

    def forward(self, x):
        return self.pool(self.same(x))


@settings(max_examples=40, deadline=None)
@given(
    st.tuples(st.integers(3, 9), st.integers(3, 9)),
    st.tuples(st.integers(1, 3), st.integers(1, 3)),
    st.sampled_from(["first", "center"]),
    st.integers(0, 99),
)
def test_ties_of_adaptive_max_pools(size, bins, ties, seed):
    """Against the definition, window by window; where the windows are alike, on both paths."""
    values = torch.randint(1, 3, size, generator=torch.Generator().manual_seed(seed)).double()
    model = Adaptive(bins).double().eval()
    even = all(n % m == 0 for n, m in zip(size, bins, strict=True))
    for row, column in ((i, j) for i in range(bins[0]) for j in range(bins[1])):
        top, bottom = row * size[0] // bins[0], -(-(row + 1) * size[0] // bins[0])
        left, right = column * size[1] // bins[1], -(-(column + 1) * size[1] // bins[1])
        most = values[top:bottom, left:right].max()
        tied = [(y, x) for y in range(top, bottom) for x in range(left, right) if values[y, x] == most]
        if ties == "center":
            tied.sort(
                key=lambda at: (2 * at[0] + 1 - top - bottom) ** 2 + (2 * at[1] + 1 - left - right) ** 2
            )
        expected = torch.zeros(size, dtype=torch.float64)
        expected[tied[0]] = most
        for path in ("windows", "autograd") if even else ("auto",):
            result = project(
                model,
                values[None, None],
                "pool",
                channels=[0],
                positions=[[[row, column]]],
                ties=ties,
                path=path,
            )["pool"]
            assert torch.equal(result.images[0, 0, 0], expected)


class Thresholded(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.a, self.b, self.end = nn.Conv2d(2, 4, 3), nn.Conv2d(4, 6, 3), nn.ReLU()
        self.function = function

    def forward(self, x):
        return self.end(self.b(self.function(self.a(x))))


WAYS = {
    "module": lambda value: nn.Threshold(0.1, value),
    "in place": lambda value: nn.Threshold(0.1, value, inplace=True),
    "F.threshold": lambda value: lambda x: F.threshold(x, 0.1, value=value),
    "torch.threshold": lambda value: lambda x: torch.threshold(x, 0.1, value),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("rule", ["deconvnet", "guided"])
def test_a_threshold_is_a_rectifier_by_what_it_replaces_with(way, rule):
    x, rectifier, signed = images(), seeded(Thresholded, WAYS[way](0.0)), seeded(Thresholded, WAYS[way](-1.0))
    windows, autograd = (
        project(rectifier, x, "end", 3, rule, path=p)["end"] for p in ("windows", "autograd")
    )
    assert torch.allclose(windows.images, autograd.images, rtol=0, atol=1e-12)
    for path in ("windows", "autograd"):
        with pytest.raises(ProjectionError, match=r"(?i)threshold"):
            project(signed, x, "end", 3, rule, path=path)
