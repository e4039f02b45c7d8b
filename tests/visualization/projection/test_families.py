"""The families of torchvision: backprop against plain float64 autograd, and windows against the autograd path."""

import pytest
import torch
from random_networks import random_network
from toy_nets import images

from sketchwidgets.visualization import project, record

FAMILIES = [
    ("alexnet", 80),
    ("vgg11", 32),
    pytest.param("vgg11_bn", 32, marks=pytest.mark.slow),
    ("googlenet", 64),
    ("inception_v3", 75),
    ("resnet18", 48),
    pytest.param("resnet50", 32, marks=pytest.mark.slow),
    pytest.param("resnext50_32x4d", 32, marks=pytest.mark.slow),
    ("densenet121", 48),
    ("squeezenet1_0", 64),
    ("squeezenet1_1", 64),
    ("mobilenet_v2", 48),
    ("mobilenet_v3_small", 48),
    ("mobilenet_v3_large", 48),
    ("efficientnet_b0", 48),
    ("convnext_tiny", 32),
    ("shufflenet_v2_x0_5", 48),
    ("mnasnet0_5", 48),
    pytest.param("efficientnet_v2_s", 48, marks=pytest.mark.slow),
    pytest.param("vgg16", 64, marks=pytest.mark.slow),
]
HEADS = {
    "resnet18": "fc",
    "densenet121": "classifier",
    "squeezenet1_1": "classifier",
    "convnext_tiny": "classifier.2",
}


def relative(a, b):
    assert b.any(), "the oracle is blank: the comparison would say nothing"
    return float((a - b).abs().max() / b.abs().max())


def gradients(model, x, layer, result, channels_last):
    """The gradient of every unit of a result on one image, by autograd and nothing else."""
    kept = []
    handle = model.get_submodule(layer).register_forward_hook(lambda m, i, o: kept.append(o.clone()))
    inputs = x.clone().requires_grad_()
    try:
        model(inputs)
    finally:
        handle.remove()
    units = zip(result.channels[0].tolist(), result.positions[0].tolist(), strict=True)
    rows = []
    for channel, (row, column) in units:
        at = (0, row, column, channel) if channels_last else (0, channel, row, column)[: kept[0].ndim]
        rows.append(torch.autograd.grad(kept[0][at], inputs, retain_graph=True)[0][0])
    return torch.stack(rows)[None]


@pytest.mark.parametrize(("name", "size"), FAMILIES)
def test_a_family_of_torchvision(name, size):
    model, x = random_network(name), images(1, 3, size, size)
    every = record(model, x).layers
    for layer in (every[len(every) // 2], every[-1]):
        recording = record(model, x, layer)
        fast = recording.project(layer, 2, "backprop", signal="unit", ties="first", path="windows")
        assert not fast.dead.any()
        expected = gradients(model, x, layer, fast, channels_last=name == "convnext_tiny")
        assert relative(fast.images, expected) < 1e-9, layer
        for rule in ("deconvnet", "guided"):
            windows = recording.project(layer, 2, rule, path="windows")
            general = recording.project(layer, 2, rule, path="autograd")
            assert relative(windows.images, general.images) < 1e-9, (layer, rule)


@pytest.mark.parametrize(("name", "layer"), HEADS.items())
def test_a_class_score_of_a_network(name, layer):
    model, x = random_network(name), images(1, 3, 64, 64)
    inputs = x.clone().requires_grad_()
    (expected,) = torch.autograd.grad(model(inputs)[0, 4], inputs)
    options = {"channels": [4], "signal": "unit", "ties": "first"}
    result = project(model, x, layer, rule="backprop", **options)[layer]
    assert relative(result.images[0, 0], expected[0]) < 1e-9
