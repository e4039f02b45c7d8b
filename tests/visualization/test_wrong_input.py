"""What does not fit a network is named by its argument; nothing of PyTorch's own words alone reaches the user."""

import numpy as np
import pytest
import torch
from torch import nn

import sketchwidgets as sw
from sketchwidgets.visualization._failures import explained

NET = nn.Sequential(
    nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 4, 5), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 10 * 10, 5)
).eval()  # of 16 x 16 pixels
NO_CNN = nn.Sequential(nn.Flatten(), nn.Linear(10, 5)).eval()
BOX = {"part": [(0, 0, 3, 3)] * 2}
QUIET = {"progress": False}

CALLS = {
    "project": ("images", lambda model, x: sw.project(model, x)),
    "record": ("images", lambda model, x: sw.record(model, x)),
    "trace": ("image", lambda model, x: sw.trace(model, x[:1], [*dict(model.named_modules())][-1])),
    "receptive_field": ("image", lambda model, x: sw.receptive_field(model, None, x[:1])),
    "occlusion": ("image", lambda model, x: sw.occlusion(model, x[:1], size=2, stride=2, **QUIET)),
    "maximize like": ("like", lambda model, x: sw.maximize(model, None, 0, like=x, steps=1, **QUIET)),
    "maximize start": ("start", lambda model, x: sw.maximize(model, None, 0, start=x[0], steps=1, **QUIET)),
    "maximize shape": (
        "shape",
        lambda model, x: sw.maximize(model, None, 0, shape=x.shape[1:], steps=1, **QUIET),
    ),
    "invert": ("image", lambda model, x: sw.invert(model, x[:1], None, steps=1, **QUIET)),
    "correspondence": ("images", lambda model, x: sw.correspondence(model, x, BOX, **QUIET)),
    "invariance": ("images", lambda model, x: sw.invariance(model, x, **QUIET)),
    "atlas": ("images of loader", lambda model, x: sw.atlas(model, x, top=1, **QUIET)),
    "evolution": ("images of loader", lambda model, x: sw.evolution({1: model}, model, x, **QUIET)),
}


@pytest.fixture(params=CALLS)
def call(request):
    return CALLS[request.param]


def test_channels(call):
    argument, run = call
    with pytest.raises(
        ValueError, match=rf"^{argument} must be \(n, 3, H, W\), as module '0' .* not \(\d, 1, 16, 16\)"
    ):
        run(NET, torch.rand(2, 1, 16, 16))


def test_a_size_that_the_linear_layer_does_not_take(call):
    argument, run = call
    if run is CALLS["trace"][1]:
        run = lambda model, x: sw.trace(model, x[:1], "5")  # noqa: E731
    with pytest.raises(
        ValueError, match=rf"^{argument} \(\d, 3, 20, 20\) do(es)? not fit .*'5' .* 400 .* gets 784"
    ):
        run(NET, torch.rand(2, 3, 20, 20))


def test_a_size_below_the_kernel(call):
    argument, run = call
    with pytest.raises(
        ValueError, match=rf"^{argument} \(\d, 3, 4, 4\) cannot pass module '2' \(Conv2d\).*\(\d, 4, 2, 2\)"
    ):
        run(NET, torch.rand(2, 3, 4, 4))


def test_a_network_without_convolutions(call):
    argument, run = call
    with pytest.raises(
        ValueError, match=rf"^{argument} .*module '1' \(Linear\) takes 10 numbers and gets 768"
    ):
        run(NO_CNN, torch.rand(2, 3, 16, 16))


@pytest.mark.parametrize("name", ["project", "record", "trace", "receptive_field", "occlusion"])
def test_a_dtype(name):
    argument, run = CALLS[name]
    with pytest.raises(
        ValueError, match=rf"^{argument} (is|are) torch.float64, and the model is torch.float32"
    ):
        run(NET, torch.rand(2, 3, 16, 16).double())
    with pytest.raises(ValueError, match=rf"^{argument} must be floating point, not torch.int64"):
        run(NET, torch.zeros(2, 3, 16, 16, dtype=torch.int64))


@pytest.mark.parametrize("name", ["maximize like", "maximize start"])
def test_what_is_no_tensor(name):
    argument, run = CALLS[name]
    with pytest.raises(ValueError, match=rf"^{argument} must be a tensor \(C, H, W\), not ndarray"):
        run(NET, np.zeros((1, 3, 16, 16), np.float32))


def test_filters():
    with pytest.raises(ValueError, match="model: the model has no Conv2d"):
        sw.first_layer(NO_CNN)
    with pytest.raises(ValueError, match="filters: the model has no Conv2d"):
        sw.gabor_fit(NO_CNN, **QUIET)
    with pytest.raises(ValueError, match="filters hold values that are not finite"):
        sw.gabor_fit(torch.full((2, 3, 7, 7), torch.nan), **QUIET)
    with pytest.raises(TypeError, match=r"filters must be a torch.nn.Module, not str"):
        sw.gabor_fit("weights", **QUIET)
    with pytest.raises(ValueError, match="untrained must be floating point"):
        sw.gabor_fit(torch.rand(2, 3, 7, 7), untrained=torch.zeros(2, 3, 7, 7, dtype=torch.int64), **QUIET)


def test_several_starts_for_one_image():
    with pytest.raises(ValueError, match=r"start must be .* images of \(3, 16, 16\), not \(2, 3, 16, 16\)"):
        sw.maximize(NET, None, 0, start=torch.rand(2, 3, 16, 16), steps=1, **QUIET)
    with pytest.raises(ValueError, match="start must be 'zero', 'noise' or a tensor, not ndarray"):
        sw.invert(NET, torch.rand(1, 3, 16, 16), "1", start=np.zeros((3, 16, 16)), steps=1, **QUIET)


def test_the_networks_own_size():
    network = sw.Network(NET, size=20)
    with pytest.raises(
        ValueError, match=r"inputs of the Network's size and channels .*1, 3, 20, 20.* takes 400"
    ):
        network.class_layer()
    with pytest.raises(ValueError, match=r"^images .*1, 3, 20, 20.* takes 400"):
        network.scores(torch.rand(1, 3, 20, 20))


class Own(nn.Module):
    """Raises what its author raises."""

    def __init__(self, failure):
        super().__init__()
        self.failure = failure
        self.conv = nn.Conv2d(3, 2, 3)

    def forward(self, x):
        self.conv(x)
        raise self.failure


@pytest.mark.parametrize(
    "failure", [RuntimeError("mine"), ValueError("mine"), KeyError("mine"), TypeError("mine")]
)
def test_what_the_models_author_raises_stays_as_it_is(failure):
    model = Own(failure).eval()
    with pytest.raises(type(failure), match="mine") as caught:
        sw.record(model, torch.rand(1, 3, 8, 8))
    assert caught.value is failure


def test_what_a_function_in_the_model_cannot_do():
    class Viewing(nn.Module):
        input_size = 8

        def forward(self, x):
            return x.view(len(x), 27)

    with (
        pytest.raises(
            ValueError, match=r"images \(1, 3, 8, 8\) cannot pass the model: shape .*; the model .* takes 8"
        ),
        explained(Viewing(), torch.rand(1, 3, 8, 8)),
    ):
        Viewing()(torch.rand(1, 3, 8, 8))
