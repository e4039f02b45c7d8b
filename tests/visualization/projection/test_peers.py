"""Against captum and zennit: equal where they are right, different and independently checked where they are not."""

import warnings

import captum.attr
import pytest
import torch
import torchvision
from toy_nets import PreActivation, images, oracle, seeded
from zennit.composites import COMPOSITES

from sketchwidgets.visualization import project, record

CAPTUM = {"guided": captum.attr.NeuronGuidedBackprop, "deconvnet": captum.attr.NeuronDeconvolution}


def by_captum(model, x, layer, result, rule):
    """captum's projections of the units of a result on one image."""
    projections = torch.zeros_like(result.images)
    for rank in range(result.channels.shape[1]):
        if result.dead[0, rank]:
            continue
        unit = (int(result.channels[0, rank]), *result.positions[0, rank].tolist())
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that it sets hooks
            # A fresh object per call: captum keeps the hooks of every earlier call.
            method = CAPTUM[rule](model, model.get_submodule(layer))
            projections[0, rank] = method.attribute(x, neuron_selector=unit)[0].detach()
    return projections


def relative(a, b):
    return float((a - b).abs().max() / b.abs().max())


def torchvision_model(name, **options):
    torch.manual_seed(0)
    return getattr(torchvision.models, name)(weights=None, **options).eval().double()


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
    model = torchvision_model(name)
    x = images(1, 3, size, size)
    result = project(model, x, layers, top=2, rule=rule, seed="unit", ties="first")
    for layer in layers:
        assert relative(result[layer].images, by_captum(model, x, layer, result[layer], rule)) < 1e-9, layer


@pytest.mark.parametrize("rule", ["guided", "deconvnet"])
def test_right_where_captum_misses_functional_relus(rule):
    model = torchvision_model("googlenet", aux_logits=False, init_weights=True)
    x = images(1, 3, 48, 48)
    layer = "inception3b"
    result = project(model, x, layer, top=2, rule=rule, seed="unit", ties="first")[layer]
    assert relative(result.images, oracle(model, x, layer, result, rule)) < 1e-9
    assert relative(by_captum(model, x, layer, result, rule), result.images) > 0.05


@pytest.mark.parametrize("rule", ["guided", "deconvnet"])
def test_right_where_captum_clamps_the_total_of_a_skip(rule):
    model, x = seeded(PreActivation), images()
    result = project(model, x, "act2", top=3, rule=rule, seed="unit")["act2"]
    assert relative(result.images, oracle(model, x, "act2", result, rule)) < 1e-12
    assert relative(by_captum(model, x, "act2", result, rule), result.images) > 0.01


@pytest.mark.parametrize(("rule", "composite"), [("guided", "guided_backprop"), ("deconvnet", "deconvnet")])
def test_equal_to_zennit_on_a_pre_activation_block(rule, composite):
    model, x = seeded(PreActivation), images()
    result = project(model, x, "act2", top=3, rule=rule, seed="unit")["act2"]
    with COMPOSITES[composite]().context(model) as ruled:
        inputs = x.clone().requires_grad_()
        maps = ruled(inputs)
        for rank in range(3):
            unit = (0, int(result.channels[0, rank]), *result.positions[0, rank].tolist())
            (gradient,) = torch.autograd.grad(maps[unit], inputs, retain_graph=True)
            assert relative(result.images[0, rank], gradient[0]) < 1e-12


ZOO = [
    ("alexnet", 80),
    ("squeezenet1_1", 64),
    ("mobilenet_v2", 48),
    ("mobilenet_v3_small", 48),
    ("shufflenet_v2_x0_5", 48),
    ("resnet18", 48),
    pytest.param("googlenet", 64, marks=pytest.mark.slow),
    pytest.param("inception_v3", 107, marks=pytest.mark.slow),
    pytest.param("densenet121", 48, marks=pytest.mark.slow),
    pytest.param("efficientnet_b0", 48, marks=pytest.mark.slow),
    pytest.param("convnext_tiny", 48, marks=pytest.mark.slow),
    pytest.param("vgg11_bn", 48, marks=pytest.mark.slow),
    pytest.param("resnext50_32x4d", 48, marks=pytest.mark.slow),
    pytest.param("mnasnet0_5", 48, marks=pytest.mark.slow),
    pytest.param("regnet_y_400mf", 48, marks=pytest.mark.slow),
]


@pytest.mark.parametrize(("name", "size"), ZOO)
def test_torchvision_networks_go_by_windows_and_agree_with_autograd(name, size):
    options = {"aux_logits": False} if name == "googlenet" else {}
    if name in ("googlenet", "inception_v3"):
        options |= {"init_weights": True, "transform_input": True}
    model = torchvision_model(name, **options)
    x = images(1, 3, size, size)
    every = record(model, x).layers
    layers = [every[i] for i in (0, len(every) // 2, -1)]
    for rule in ("deconvnet", "guided", "backprop"):
        fast = project(model, x, layers, top=2, rule=rule, path="windows")
        general = project(model, x, layers, top=2, rule=rule, path="autograd")
        for layer in layers:
            if general[layer].dead.all():
                continue
            assert relative(fast[layer].images, general[layer].images) < 1e-9, (layer, rule)
