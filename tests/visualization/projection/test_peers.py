"""Against captum and zennit: equal where they are right, different and independently checked where they are not."""

import warnings

import captum.attr
import pytest
import torch
from random_networks import random_network
from toy_nets import PreActivation, images, oracle, seeded
from zennit.composites import COMPOSITES

from sketchwidgets.visualization import project

CAPTUM = {"guided": captum.attr.NeuronGuidedBackprop, "deconvnet": captum.attr.NeuronDeconvolution}


def by_captum(model, x, layer, result, rule):
    """captum's projections of the units of a result on one image."""
    projections = torch.zeros_like(result.images)
    for rank in range(result.channels.shape[1]):
        if result.dead[0, rank]:
            continue
        unit = (int(result.channels[0, rank]), *result.positions[0, rank].tolist())
        if layer == "classifier":
            unit = unit[0]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that it sets hooks
            # A fresh object per call: captum keeps the hooks of every earlier call.
            method = CAPTUM[rule](model, model.get_submodule(layer))
            projections[0, rank] = method.attribute(x, neuron_selector=unit)[0].detach()
    return projections


def by_zennit(model, x, layer, result, rule):
    """As `by_captum`, by zennit."""
    projections, kept = torch.zeros_like(result.images), []
    composite = COMPOSITES[{"guided": "guided_backprop", "deconvnet": "deconvnet"}[rule]]
    handle = model.get_submodule(layer).register_forward_hook(lambda m, i, o: kept.append(o))
    with composite().context(model) as ruled:
        inputs = x.clone().requires_grad_()
        ruled(inputs)
        for rank in range(result.channels.shape[1]):
            unit = (0, int(result.channels[0, rank]), *result.positions[0, rank].tolist())
            (projections[0, rank],) = torch.autograd.grad(kept[0][unit], inputs, retain_graph=True)[0]
    handle.remove()
    return projections


def relative(a, b):
    return float((a - b).abs().max() / b.abs().max())


@pytest.mark.parametrize("rule", ["guided", "deconvnet"])
@pytest.mark.parametrize(
    ("name", "size", "layers"),
    [
        ("alexnet", 95, ["features.1", "features.4", "features.11"]),
        ("vgg11", 48, ["features.1", "features.7", "features.12"]),
        ("resnet18", 64, ["relu", "layer1.0", "layer2.1", "layer4.0"]),
    ],
)
def test_equal_to_captum_where_it_is_right(name, size, layers, rule):
    model = random_network(name)
    x = images(1, 3, size, size)
    result = project(model, x, layers, top=2, rule=rule, signal="unit", ties="first")
    for layer in layers:
        assert relative(result[layer].images, by_captum(model, x, layer, result[layer], rule)) < 1e-9, layer


@pytest.mark.parametrize("rule", ["guided", "deconvnet"])
@pytest.mark.parametrize(
    ("name", "size", "layer"), [("googlenet", 64, "inception3b"), ("inception_v3", 75, "Mixed_5b")]
)
def test_right_where_captum_and_zennit_miss_functional_relus(name, size, layer, rule):
    model, x = random_network(name), images(1, 3, size, size)
    result = project(model, x, layer, top=2, rule=rule, signal="unit", ties="first")[layer]
    gradient = project(model, x, layer, rule="backprop", signal="unit", ties="first",
                       channels=result.channels, positions=result.positions)[layer]  # fmt: skip
    assert relative(result.images, oracle(model, x, layer, result, rule)) < 1e-9
    for theirs in (by_captum(model, x, layer, result, rule), by_zennit(model, x, layer, result, rule)):
        assert relative(theirs, result.images) > 0.05
        assert relative(theirs, gradient.images) < 1e-9  # the plain gradient, under the name of another rule


def test_right_where_captum_misses_the_last_relu_of_densenet():
    # Of the 121 ReLUs of DenseNet-121, the last is a function.
    model, x = random_network("densenet121"), images(1, 3, 64, 64)
    result = project(model, x, "classifier", rule="guided", signal="unit", ties="first", channels=[2])[
        "classifier"
    ]
    assert relative(result.images, oracle(model, x, "classifier", result, "guided")) < 1e-9
    assert relative(by_captum(model, x, "classifier", result, "guided"), result.images) > 0.05


@pytest.mark.parametrize("rule", ["guided", "deconvnet"])
def test_right_where_captum_clamps_the_total_of_a_skip(rule):
    model, x = seeded(PreActivation), images()
    result = project(model, x, "act2", top=3, rule=rule, signal="unit")["act2"]
    assert relative(result.images, oracle(model, x, "act2", result, rule)) < 1e-12
    assert relative(by_captum(model, x, "act2", result, rule), result.images) > 0.01


@pytest.mark.parametrize(("rule", "composite"), [("guided", "guided_backprop"), ("deconvnet", "deconvnet")])
def test_equal_to_zennit_on_a_pre_activation_block(rule, composite):
    model, x = seeded(PreActivation), images()
    result = project(model, x, "act2", top=3, rule=rule, signal="unit")["act2"]
    with COMPOSITES[composite]().context(model) as ruled:
        inputs = x.clone().requires_grad_()
        maps = ruled(inputs)
        for rank in range(3):
            unit = (0, int(result.channels[0, rank]), *result.positions[0, rank].tolist())
            (gradient,) = torch.autograd.grad(maps[unit], inputs, retain_graph=True)
            assert relative(result.images[0, rank], gradient[0]) < 1e-12
