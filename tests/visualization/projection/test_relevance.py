"""Relevance propagation against a network worked out by hand, zennit's epsilon rule, and one path against the other."""

import pytest
import torch
import torch.nn.functional as F
import toy_nets
from torch import nn
from toy_nets import NETS, InPlace, Residual, images, seeded
from zennit.composites import LayerMapComposite
from zennit.rules import Epsilon, Pass
from zennit.types import Activation, AvgPool, Convolution, Linear

from sketchwidgets.visualization import ProjectionError, project, record, trace

PATHS = ("windows", "autograd")


def test_two_layers_by_hand():
    # y = relu(2a - b + 1), z = y0 + 3 y1 - 2: pixels (4, 1) and (1, 2)
    model = nn.Sequential(nn.Conv2d(2, 1, 1), nn.ReLU(), nn.Conv2d(1, 1, (1, 2)), nn.ReLU()).double().eval()
    model[0].weight.data = torch.tensor([2.0, -1.0]).double().view(1, 2, 1, 1)
    model[0].bias.data = torch.tensor([1.0]).double()
    model[2].weight.data = torch.tensor([1.0, 3.0]).double().view(1, 1, 1, 2)
    model[2].bias.data = torch.tensor([-2.0]).double()
    x = torch.tensor([[[[4.0, 1.0]], [[1.0, 2.0]]]]).double()
    # y = (2·4 - 1 + 1, 2·1 - 2 + 1) = (8, 1); z = 8 + 3 - 2 = 9
    hidden = [8 * 1 * 9 / 9.001, 1 * 3 * 9 / 9.001]
    expected = [
        [4 * 2 * hidden[0] / 8.001, 1 * 2 * hidden[1] / 1.001],
        [1 * -1 * hidden[0] / 8.001, 2 * -1 * hidden[1] / 1.001],
    ]
    for rule in ("backprop", "guided", "deconvnet"):
        for path in PATHS:
            result = project(model, x, "3", 1, rule, convolution="relevance", path=path)["3"]
            assert torch.allclose(
                result.images[0, 0, :, 0], torch.tensor(expected, dtype=torch.float64), rtol=1e-12
            )


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(("signal", "channel"), [("activation", 1), ("unit", 3), ("map", 2)])
def test_equal_to_the_epsilon_rule_of_zennit(signal, channel, path):
    model, x = seeded(InPlace), images(n=1)
    for name in ("4", "10"):
        options = {"channels": [channel], "signal": signal, "ties": "first", "path": path}
        result = project(model, x, name, 1, "backprop", convolution="relevance", **options)[name]
        share = Epsilon(epsilon=1e-3)
        rules = LayerMapComposite(
            [(Activation, Pass()), (Convolution, share), (Linear, share), (AvgPool, share)]
        )
        stem = nn.Sequential(*list(model)[: int(name) + 1])
        with rules.context(stem) as ruled:
            inputs = x.clone().requires_grad_()
            maps = ruled(inputs)
            start = torch.zeros_like(maps)
            at = (0, channel, *result.positions[0, 0].tolist())[: maps.ndim]
            if signal == "map":
                start[0, channel] = maps[0, channel].detach()
            else:
                start[at] = maps[at].detach() if signal == "activation" else 1.0
            (expected,) = torch.autograd.grad(maps, inputs, start)
        if result.dead.any():
            assert not result.images.any()
            continue
        assert expected.any()
        assert torch.allclose(result.images[0, 0], expected[0], rtol=1e-9, atol=1e-12 * expected.abs().max())


@pytest.mark.parametrize("rule", ["backprop", "guided"])
@pytest.mark.parametrize("net", NETS)
def test_the_two_paths_agree_on_relevance(net, rule):
    model, x = seeded(net), images(n=2)
    recording = record(model, x)
    for layer in recording.layers:
        fast = recording.project(layer, 3, rule, convolution="relevance", path="windows")
        general = recording.project(layer, 3, rule, convolution="relevance", path="autograd")
        assert fast.images.any()
        # The stabilizer divides by what may be as small as itself, which multiplies rounding.
        assert torch.allclose(fast.images, general.images, rtol=1e-6, atol=1e-9 * general.images.abs().max())


def test_without_biases_the_shares_add_up_to_the_seed():
    model, x = seeded(Residual), images(n=2)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.zero_()
            if module.affine:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.Conv2d) and module.bias is not None:
            nn.init.zeros_(module.bias)
    result = project(model, x, "out", 2, "backprop", convolution="relevance")["out"]
    total = result.images.sum((2, 3, 4))
    assert torch.allclose(total, result.activations, rtol=0.1)
    plain = project(model, x, "out", 2, "backprop")["out"].images.sum((2, 3, 4))
    assert not torch.allclose(plain, result.activations, rtol=0.1)


def test_deconvnet_and_guided_are_one_and_leave_out_what_speaks_against():
    model, x = seeded(Residual), images()
    of = {
        rule: project(model, x, "out", 3, rule, convolution="relevance")["out"].images
        for rule in ("deconvnet", "guided", "backprop")
    }
    assert torch.equal(of["deconvnet"], of["guided"])
    assert not torch.allclose(of["guided"], of["backprop"])


def test_a_pixel_of_zero_has_no_share():
    model, x = seeded(Residual), images()
    x[:, :, 8:] = 0
    shares = project(model, x, "out", 3, "backprop", convolution="relevance")["out"].images
    assert not shares[..., 8:, :].any()
    assert shares[..., :8, :].any()


def test_local_response_normalization_goes_down_by_its_derivative_on_request():
    model, x = seeded(toy_nets.Normalized), images()
    of = {
        (option, path): project(
            model, x, "relu2", 2, "backprop", convolution="relevance", normalization=option, path=path
        )["relu2"].images
        for option in (None, "skip", "derivative")
        for path in PATHS
    }
    assert torch.equal(of[None, "windows"], of["skip", "windows"])
    assert not torch.allclose(of["skip", "windows"], of["derivative", "windows"])
    for option in ("skip", "derivative"):
        scale = float(of[option, "autograd"].abs().max())
        assert torch.allclose(of[option, "windows"], of[option, "autograd"], rtol=1e-6, atol=1e-9 * scale)


def test_what_cannot_share_is_named():
    class Bilinear(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b, self.relu = nn.Conv2d(2, 4, 3), nn.Conv2d(2, 4, 3), nn.ReLU()

        def forward(self, x):
            return self.relu(self.a(x) * self.b(x))

    class Softmax(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.out = nn.Conv2d(2, 4, 3), nn.Identity()

        def forward(self, x):
            return self.out(F.softmax(self.a(x), dim=1))

    for path in PATHS:
        with pytest.raises(ProjectionError, match=r"convolution 'relevance' is not defined for .*'standard'"):
            project(seeded(Bilinear), images(), "relu", rule="backprop", convolution="relevance", path=path)
    with pytest.raises(ProjectionError, match="'relevance' is not defined for the operation 'Softmax'"):
        project(seeded(Softmax), images(), "out", rule="backprop", convolution="relevance")
    with pytest.raises(ProjectionError, match="convolution must be one of 'standard', 'relevance'"):
        project(seeded(Residual), images(), convolution="lrp")


def test_relevance_as_a_rule_is_short_for_two_arguments():
    model, x = seeded(InPlace), images(n=2)
    for path in PATHS:
        long = project(model, x, top=2, rule="backprop", convolution="relevance", path=path)
        short = project(model, x, top=2, rule="relevance", path=path)
        recording = record(model, x)
        for layer, expected in long.items():
            alone = recording.project(layer, 2, "relevance", path=path)
            *_, in_turns = recording.project_in_turns(layer, 2, "relevance")
            for found in (short[layer], alone):
                assert expected.images.any()
                assert torch.equal(found.images, expected.images)
                assert (found.rule, found.convolution) == ("backprop", "relevance")
            assert torch.allclose(in_turns.images, expected.images)
    text = repr(short)
    assert "rule='backprop', convolution='relevance'" in text
    assert "relevance, channel and activation below" in short.figure().to_html()
    other = project(model, x, top=2, rule="guided", convolution="relevance")
    assert "relevance by guided, channel" in other.figure().to_html()
    assert "relevance" not in project(model, x, top=2, rule="backprop").figure().to_html()


def test_relevance_is_no_rule_where_it_is_not_offered():
    model, x = seeded(InPlace), images(n=1)
    message = "rule must be one of 'deconvnet', 'guided', 'backprop', not 'relevance'"
    with pytest.raises(ProjectionError, match=message):
        trace(model, x, "4", rules=["relevance"])
    with pytest.raises(ProjectionError, match=r"dtype is for .* convolution='standard'"):
        project(model, x, rule="relevance", dtype=torch.float32)
