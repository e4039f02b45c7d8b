"""What surrounds the engine: the model is left alone, nothing stays behind, bad input is named, results draw themselves."""

import base64
import gc
import io
import re
import statistics
import threading
import time
import weakref

import numpy as np
import psutil
import pytest
import torch
from PIL import Image
from torch import nn
from toy_nets import Functional, InPlace, PreActivation, Residual, Upsampled, images, seeded

import sketchwidgets as sw
from sketchwidgets.models import SketchANet
from sketchwidgets.visualization import LayerProjection, ProjectionError, Projections, project, record


def state(model):
    """All that a projection must not change."""
    hooks = [
        len(store)
        for module in model.modules()
        for name, store in vars(module).items()
        if name.endswith("_hooks") and store is not None
    ]
    return (
        hooks,
        [module.training for module in model.modules()],
        [
            (p.requires_grad, p.grad is None, p._version, hash(p.detach().numpy().tobytes()))
            for p in model.parameters()
        ],
        [hash(b.numpy().tobytes()) for b in model.buffers()],
        [sorted(vars(module)) for module in model.modules()],
    )


@pytest.mark.parametrize("path", ["windows", "autograd"])
@pytest.mark.parametrize("net", [InPlace, Functional, Residual])
def test_the_model_and_the_images_are_untouched(net, path):
    model, x = seeded(net), images(n=2)
    next(model.parameters()).requires_grad_(False)
    before, pixels = state(model), x.clone()
    project(model, x, top=2, path=path)
    assert state(model) == before
    assert torch.equal(x, pixels)
    assert x.grad is None
    assert not x.requires_grad


def test_the_model_is_untouched_after_a_failure():
    class Failing(InPlace):
        def forward(self, x):
            super().forward(x)
            raise RuntimeError("in the middle")

    model, x = seeded(Failing), images()
    before = state(model)
    with pytest.raises(RuntimeError, match="in the middle"):
        project(model, x)
    with pytest.raises(ProjectionError, match="no layer 'nowhere'"):
        project(model, x, ["0", "nowhere"])
    with pytest.raises(ProjectionError, match="takes 2 channels"):
        project(model, images(channels=3))
    assert state(model) == before


def test_gradient_mode_of_the_caller_does_not_matter():
    model, x = seeded(Residual), images()
    expected = project(model, x, "out", top=2)["out"].images
    for mode in (torch.no_grad, torch.inference_mode, torch.enable_grad):
        for path in ("windows", "autograd"):
            with mode():
                result = project(model, images() if path == "windows" else x, "out", top=2, path=path)[
                    "out"
                ].images
            assert torch.allclose(result, expected, rtol=0, atol=1e-12)
            assert not result.requires_grad


def test_the_forward_runs_once_and_its_output_is_kept():
    model, x = seeded(InPlace), images()
    calls = []
    handle = model[0].register_forward_hook(lambda *_: calls.append(1))
    recording = record(model, x)
    for rule in ("deconvnet", "guided"):
        for layer in recording.layers:
            recording.project(layer, 3, rule)
    handle.remove()
    assert len(calls) == 1
    assert torch.equal(recording.output, model(x).detach())


def test_another_forward_can_be_recorded():
    torch.manual_seed(0)
    model = SketchANet().eval()
    x = (torch.rand(1, 1, 225, 225) > 0.95).float()
    recording = record(model, x, ["relu2", "relu5"], forward=lambda net, inputs: net.features(inputs))
    assert recording.layers == ("relu2", "relu5")
    assert torch.equal(recording.output, model.features(x).detach())
    fast = recording.project("relu5", 2, "guided", path="windows").images
    assert torch.allclose(
        fast, recording.project("relu5", 2, "guided", path="autograd").images, atol=1e-4 * fast.abs().max()
    )


def test_a_module_that_runs_twice_names_its_first_output():
    model, x = seeded(Residual), images()
    recording = record(model, x)
    assert recording.layers == ("relu", "out")  # the last ReLU call is named by the identity behind it
    assert recording.maps("relu").shape == (1, 4, 22, 19)


def test_nothing_stays_behind():
    model, x = seeded(InPlace), images()
    gc.collect()
    gc.disable()
    try:
        for path in ("windows", "autograd"):
            recording = record(model, x)
            references = [
                weakref.ref(recording),
                weakref.ref(recording._tape),
                weakref.ref(recording.maps("1")),
            ]
            result = recording.project("4", 2, path=path)
            del recording
            assert [reference() for reference in references] == [None] * 3  # by reference counting alone
            assert result.images.shape == (1, 2, 2, 22, 19)
    finally:
        gc.enable()


class FailingHalfWay(PreActivation):
    """Raises in the middle of the forward pass while `fails` is set."""

    fails = False

    def forward(self, x):
        h = self.act(self.stem(x))
        if self.fails:
            raise ArithmeticError("half way")
        return self.act2(self.inner(h) + h)


def test_two_hundred_calls_leave_nothing_and_cost_the_same():
    model, x = seeded(FailingHalfWay), images(height=40, width=40)
    general = seeded(Upsampled)
    next(model.parameters()).requires_grad_(False)
    before = state(model), state(general)
    process, spent = psutil.Process(), []

    def call():
        start = time.thread_time()
        recording = record(model, x)
        for layer in recording.layers:
            recording.project(layer, 3, "guided")
        project(general, x, "act2", 1, "guided")  # by autograd
        recording.project("act2", 1, signal="map", convolution="relevance")
        spent.append(time.thread_time() - start)
        model.fails = True
        for path in ("windows", "autograd"):
            with pytest.raises(ArithmeticError, match="half way"):
                project(model, x, path=path)
        del model.fails

    def tensors():
        gc.collect()
        return sum(issubclass(type(item), torch.Tensor) for item in gc.get_objects())

    for _ in range(20):
        call()
    spent.clear()
    held, memory = tensors(), process.memory_info().rss
    for _ in range(200):
        call()
    assert tensors() <= held
    assert process.memory_info().rss - memory < 8e6  # a leaked graph a call would add up to 100 MB
    assert (state(model), state(general)) == before
    # Time of this thread alone, and medians, so that a busy machine does not count.
    assert statistics.median(spent[-50:]) < 2 * statistics.median(spent[:50])


def test_two_threads_record_one_model():
    model, x = seeded(Functional), [images(seed=i) for i in range(4)]
    expected = [project(model, each, top=2)["four"].images for each in x]
    results = [[] for _ in x]

    def work(i):
        for _ in range(10):
            results[i].append(project(model, x[i], top=2)["four"].images)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for mine, wanted in zip(results, expected, strict=True):
        assert len(mine) == 10
        assert all(torch.equal(each, wanted) for each in mine)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"layers": "missing"}, "no layer 'missing'"),
        ({"layers": []}, "layers is empty"),
        ({"layers": "unused"}, "did not run layer 'unused'"),
        ({"layers": "pair"}, "returns a tuple"),
        ({"layers": "constant"}, "'constant' does not depend on the images"),
        (
            {"rule": "gradient"},
            "rule must be one of 'deconvnet', 'guided', 'backprop', 'relevance', not 'gradient'",
        ),
        ({"top": 0}, "top must be a whole number of at least 1"),
        ({"top": 2.5}, "top must be a whole number"),
        ({"signal": "one"}, "signal must be one of"),
        ({"ties": "last"}, "ties must be one of"),
        ({"path": "slow"}, "path must be one of"),
        ({"normalization": "none"}, "normalization must be one of"),
        ({"images": torch.zeros(2, 22, 19)}, r"images must be \(n, C, H, W\).*images\[None\]"),
        ({"images": torch.zeros(1, 2, 22, 19, dtype=torch.uint8)}, "floating point, not torch.uint8"),
        ({"images": torch.zeros(0, 2, 22, 19)}, r"not \(0, 2, 22, 19\)"),
        ({"images": [[0.0]]}, "must be a tensor, not list"),
        (
            {"images": torch.full((1, 2, 22, 19), torch.nan).double()},
            "images with values that are not finite",
        ),
        ({"images": torch.zeros(1, 2, 22, 19)}, "images are torch.float32, and the model is torch.float64"),
        ({"layers": 4}, "layers must be names of modules, not 4"),
        ({"model": "resnet18"}, "must be a torch.nn.Module, not str"),
    ],
)
def test_bad_input_is_named(arguments, message):
    class Pair(nn.Module):
        def forward(self, x):
            return x, x

    class Constant(nn.Module):
        def forward(self, x):
            return torch.ones(1, 2, 3, 3)

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.relu, self.unused = nn.Conv2d(2, 3, 3), nn.ReLU(), nn.Conv2d(2, 3, 3)
            self.pair, self.constant = Pair(), Constant()

        def forward(self, x):
            self.pair(x)
            self.constant(x)
            return self.relu(self.conv(x))

    call = {"model": seeded(Net), "images": images()} | arguments
    with pytest.raises(ProjectionError, match=message):
        project(**call)


def test_a_model_in_training_mode_is_refused():
    model = seeded(Residual)
    model.norm1.train()
    with pytest.raises(ProjectionError, match=r"'norm1' is in training mode; call model.eval\(\) first"):
        project(model, images())
    with pytest.raises(ProjectionError, match="the model is in training mode"):
        record(model.train(), images())


def test_a_model_without_named_maps_asks_for_layers():
    with pytest.raises(ProjectionError, match="name the layers"):
        project(nn.Sequential(nn.Conv2d(2, 3, 3)).double().eval(), images())


def test_weights_that_change_under_a_recording_are_noticed():
    model, x = seeded(InPlace), images()
    recording = record(model, x)
    with torch.no_grad():
        model[3].weight.mul_(2)
    with pytest.raises(ProjectionError, match="modified in place"):
        recording.project("4", 2, path="windows")


def test_numpy_images_are_taken():
    result = project(seeded(InPlace), images().numpy(), top=2)
    assert torch.equal(result["1"].images, project(seeded(InPlace), images(), top=2)["1"].images)


def test_a_network_stands_for_its_module():
    model, x = seeded(InPlace), images()
    network = sw.Network(model, size=(22, 19))
    assert torch.equal(project(network, x, "1", 2)["1"].images, project(model, x, "1", 2)["1"].images)
    assert sw.trace(network, x[:1], "1").pixels.keys() == sw.trace(model, x[:1], "1").pixels.keys()
    assert sw.receptive_field(network, "1", x[:1]).box == sw.receptive_field(model, "1", x[:1]).box


def test_the_result_is_a_mapping_that_names_what_it_has():
    result = sw.project(seeded(Residual), images(), top=2)
    assert isinstance(result, Projections)
    assert list(result) == ["relu", "out"]
    assert isinstance(result["out"], LayerProjection)
    assert repr(result["out"]) == "LayerProjection('out', rule='deconvnet', images=1, top=2, dead=0)"
    with pytest.raises(KeyError, match="no layer 'relu7'; there are relu, out"):
        result["relu7"]


def test_images_are_made_when_asked_for():
    result = project(seeded(Residual), images(), "relu", top=2)["relu"]
    assert result._images is None
    result.crops(0)
    result._repr_html_()
    assert result._images is None
    assert result.images is result.images


def pictures(html):
    return [
        np.array(Image.open(io.BytesIO(base64.b64decode(data))))
        for data in re.findall(r"data:image/png;base64,([A-Za-z0-9+/=]+)", html)
    ]


def test_a_result_draws_itself_with_zero_at_mid_grey():
    model = nn.Sequential(nn.Conv2d(1, 2, 2, bias=False), nn.ReLU()).eval()
    model[0].weight.data = torch.tensor([[[[1.0, 0.0], [-0.5, 0.25]]], [[[-1.0, -1.0], [-1.0, -1.0]]]])
    x = torch.zeros(1, 1, 8, 8)
    x[0, 0, 4, 4] = 1.0
    html = project(model, x, top=2)._repr_html_()
    (picture,) = pictures(html)
    assert picture.tolist() == [[255, 128], [64, 160]]
    assert html.count(">dead<") == 1
    assert "ch 0 · 1" in html


def test_colour_images_draw_in_colour():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 4, 5), nn.ReLU()).eval()
    drawn = pictures(project(model, torch.rand(5, 3, 16, 16), top=2)._repr_html_())
    assert all(picture.shape == (5, 5, 3) for picture in drawn)
    assert 1 <= len(drawn) <= 8  # of the first four images
