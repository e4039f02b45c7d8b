"""The projection engine against autograd, against ReLUs rewritten by hand, and its two paths against each other."""

import copy

import pytest
import torch
import toy_nets
from torch import nn
from toy_nets import ACTIVATIONS, NETS, RELU_NETS, images, oracle, seeded

from sketchwidgets.visualization import ProjectionError, project, record

RULES = ("deconvnet", "guided", "backprop")


def relative(a, b):
    scale = b.abs().max()
    assert scale > 0, "the oracle is blank: the comparison would say nothing"
    return float((a - b).abs().max() / scale)


@pytest.mark.parametrize("path", ["windows", "autograd"])
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("net", RELU_NETS)
def test_relu_networks_equal_relus_rewritten_by_hand(net, rule, path):
    model, x = seeded(net), images(n=2)
    result = project(model, x, top=3, rule=rule, signal="unit", ties="first", path=path)
    for layer, projection in result.items():
        expected = oracle(model, x, layer, projection, rule)
        assert relative(projection.images, expected) < 1e-12, layer


@pytest.mark.parametrize("path", ["windows", "autograd"])
@pytest.mark.parametrize("net", NETS)
def test_backprop_is_the_gradient(net, path):
    model, x = seeded(net), images(n=2)
    result = project(model, x, top=3, rule="backprop", signal="unit", ties="first", path=path)
    for layer, projection in result.items():
        if layer == "act" and net is toy_nets.LayerNormalized:
            continue  # channels-last: the oracle's indexing is not for it
        kept = []
        probe = copy.deepcopy(model)
        probe.get_submodule(layer).register_forward_hook(lambda m, i, o, kept=kept: kept.append(o))
        inputs = x.clone().requires_grad_()
        probe(inputs.clone())
        for i in range(2):
            for rank in range(projection.channels.shape[1]):
                if projection.dead[i, rank]:
                    continue
                at = (i, int(projection.channels[i, rank]), *projection.positions[i, rank].tolist())
                (gradient,) = torch.autograd.grad(kept[0][at[: kept[0].ndim]], inputs, retain_graph=True)
                assert relative(projection.images[i, rank], gradient[i]) < 1e-12, (layer, rank)


@pytest.mark.parametrize("ties", ["center", "first"])
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("net", NETS)
def test_the_two_paths_agree(net, rule, ties):
    model, x = seeded(net), images(n=3)
    x[:, :, 8:, 5:] = 0.25  # blank paper, where pools are tied
    recording = record(model, x)
    for layer in recording.layers:
        fast = recording.project(layer, 4, rule, ties=ties, path="windows")
        general = recording.project(layer, 4, rule, ties=ties, path="autograd")
        assert relative(fast.images, general.images) < 1e-12, layer
        # The receptive field holds all that is not zero.
        assert (fast.boxes[..., :2] <= general.boxes[..., :2])[~general.dead].all()
        assert (fast.boxes[..., 2:] >= general.boxes[..., 2:]).all()


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("activation", ACTIVATIONS, ids=str)
def test_activations_follow_the_stated_rule(activation, rule):
    model, x = seeded(toy_nets.Activated, copy.deepcopy(activation)), images()
    result = project(model, x, "relu", top=2, rule=rule, signal="unit", path="windows")["relu"]
    general = project(model, x, "relu", top=2, rule=rule, signal="unit", path="autograd")["relu"]
    assert relative(result.images, general.images) < 1e-12
    # By hand: R is the signal below the upper ReLU and convolution, f' the derivative by autograd.
    inputs = 2 * model.a(x)
    inputs = inputs.detach().requires_grad_()
    out = model.b(model.act1(inputs * 1))
    for rank in range(2):
        at = (0, int(result.channels[0, rank]), *result.positions[0, rank].tolist())
        model_out = out[at]
        between = torch.autograd.grad(model_out, inputs, retain_graph=True)[0]
        mapped = model.act1(inputs * 1).detach().requires_grad_()
        signal = torch.autograd.grad(model.b(mapped)[at], mapped)[0]
        ones = inputs.detach().requires_grad_()
        derivative = torch.autograd.grad(model.act1(ones * 1).sum(), ones)[0]
        expected = {
            "backprop": between,
            "deconvnet": signal.clamp(min=0),
            "guided": (signal.clamp(min=0) * derivative).clamp(min=0),
        }[rule]
        pixels = torch.nn.functional.conv_transpose2d(2 * expected, model.a.weight).detach()
        assert relative(result.images[0, rank], pixels[0]) < 1e-12


@pytest.mark.parametrize("activation", [nn.Tanh(), nn.Hardtanh(), nn.Softsign(), nn.LogSigmoid()], ids=str)
def test_an_activation_without_a_rule_is_named(activation):
    model, x = seeded(toy_nets.Activated, activation), images()
    for rule in ("deconvnet", "guided"):
        with pytest.raises(ProjectionError, match=rf"'relu'.*{rule}.*not defined"):
            project(model, x, "relu", rule=rule)
    expected = oracle(
        model,
        x,
        "relu",
        result := project(model, x, "relu", 2, "backprop", signal="unit")["relu"],
        "backprop",
    )
    assert relative(result.images, expected) < 1e-12


def test_an_unknown_operation_takes_the_autograd_path():
    model, x = seeded(toy_nets.Upsampled), images()
    with pytest.raises(ProjectionError, match="upsample_nearest2d"):
        project(model, x, "act2", path="windows")
    for rule in RULES:
        result = project(model, x, "act2", 3, rule, signal="unit", ties="first")["act2"]
        assert relative(result.images, oracle(model, x, "act2", result, rule)) < 1e-12


def test_a_write_into_a_view_takes_the_autograd_path():
    class Views(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Conv2d(2, 4, 3), nn.Conv2d(4, 4, 3)
            self.relu = nn.ReLU()

        def forward(self, x):
            x = self.a(x)
            x[:, :2] *= 3
            return self.relu(self.b(torch.relu(x)))

    model, x = seeded(Views), images()
    with pytest.raises(ProjectionError, match="writes into a view"):
        project(model, x, "relu", path="windows")
    result = project(model, x, "relu", 2, "backprop", signal="unit")["relu"]
    assert relative(result.images, oracle(model, x, "relu", result, "backprop")) < 1e-12


def test_a_map_overwritten_after_its_use_is_kept():
    class Overwritten(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Conv2d(2, 4, 3), nn.Conv2d(4, 4, 3, padding=1)
            self.relu, self.last = nn.ReLU(), nn.ReLU()

        def forward(self, x, overwrite=True):
            x = self.relu(self.a(x))
            y = self.b(x)
            if overwrite:  # autograd itself could not go through this
                x += y
            else:
                x = x + y
            return self.last(x)

    model, x = seeded(Overwritten), images()
    for layer in ("relu", "last"):
        for rule in RULES:
            kept = record(model, x, layer, forward=lambda m, x: m(x, overwrite=False)).project(layer, 3, rule)
            overwritten = project(model, x, layer, 3, rule, path="windows")[layer]
            assert torch.equal(kept.images, overwritten.images)
            assert torch.equal(kept.activations, overwritten.activations)


def test_two_maps_multiplied_have_no_rule():
    class Bilinear(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Conv2d(2, 4, 3), nn.Conv2d(2, 4, 3)
            self.relu = nn.ReLU()

        def forward(self, x):
            return self.relu(self.a(x) * self.b(x))

    model, x = seeded(Bilinear), images()
    for path in ("windows", "autograd"):
        for rule in ("guided", "deconvnet"):
            with pytest.raises(ProjectionError, match="product of two maps"):
                project(model, x, rule=rule, path=path)
        result = project(model, x, "relu", 2, "backprop", signal="unit", path=path)["relu"]
        assert relative(result.images, oracle(model, x, "relu", result, "backprop")) < 1e-12


@pytest.mark.parametrize("path", ["windows", "autograd"])
def test_gates_are_held_fixed(path):
    model, x = seeded(toy_nets.Gated), images()
    features = model.relu(model.conv(x))
    gate = model.excite(torch.relu(model.squeeze(features.mean((2, 3), keepdim=True)))).sigmoid().detach()
    fixed = nn.Sequential(copy.deepcopy(model.conv), nn.ReLU(), copy.deepcopy(model.out), nn.ReLU()).eval()
    fixed[2].weight.data *= gate[:, :, :, :]
    for rule in ("guided", "deconvnet"):
        result = project(model, x, "act", 3, rule, path=path)["act"]
        expected = project(fixed, x, "3", 3, rule, path=path)["3"]
        assert torch.equal(result.channels, expected.channels)
        assert relative(result.images, expected.images) < 1e-12


@pytest.mark.parametrize("path", ["windows", "autograd"])
@pytest.mark.parametrize("rule", RULES)
def test_local_response_normalization_is_skipped_or_derived(rule, path):
    model, x = seeded(toy_nets.Normalized), images()
    derived = project(
        model, x, "relu2", 3, rule, normalization="derivative", ties="first", signal="unit", path=path
    )["relu2"]
    assert relative(derived.images, oracle(model, x, "relu2", derived, rule)) < 1e-11
    skipped = project(model, x, "relu2", 3, rule, normalization="skip", path=path)["relu2"]
    default = project(model, x, "relu2", 3, rule, path=path)["relu2"]
    same = (
        skipped
        if rule == "deconvnet"
        else project(model, x, "relu2", 3, rule, normalization="derivative", path=path)["relu2"]
    )
    assert torch.equal(default.images, same.images)
    # Skipped: the switches are those of the normalized maps, but the signal passes the normalization as it is.
    assert relative(skipped.images, derived.images) > 0.01


def test_deconvnet_holds_layer_norm_statistics_fixed():
    model, x = seeded(toy_nets.LayerNormalized), images()
    skipped = project(model, x, "relu", 2, "deconvnet")["relu"].images
    derived = project(model, x, "relu", 2, "deconvnet", normalization="derivative")["relu"].images
    assert relative(skipped, derived) > 1e-3


class ChannelsLastHead(nn.Module):
    """A fully connected layer on the mean of a map whose channels are its last axis."""

    def __init__(self):
        super().__init__()
        self.conv, self.head, self.act = nn.Conv2d(1, 6, 3), nn.Linear(6, 4), nn.ReLU()

    def forward(self, x):
        return self.act(self.head(self.conv(x).permute(0, 2, 3, 1).mean((1, 2))))


@pytest.mark.parametrize("path", ["auto", "autograd"])
def test_a_fully_connected_layer_behind_a_channels_last_map(path):
    torch.manual_seed(1)
    model, x = ChannelsLastHead().double().eval(), torch.rand(2, 1, 8, 8, dtype=torch.float64)
    result = project(model, x, "act", top=4, rule="backprop", signal="unit", path=path)["act"]
    pixels = x.clone().requires_grad_()
    outputs = model(pixels)
    for i, rank in ((0, 0), (1, 0)):
        assert not result.dead[i, rank]
        (wanted,) = torch.autograd.grad(outputs[i, result.channels[i, rank]], pixels, retain_graph=True)
        torch.testing.assert_close(result.images[i, rank], wanted[i], rtol=1e-9, atol=1e-12)


def test_channels_last_maps_are_told_apart():
    model, x = seeded(toy_nets.LayerNormalized), images(n=2)
    result = project(model, x, "act", 4, "backprop", signal="unit")["act"]
    with torch.no_grad():
        maps = model.act(model.widen(model.norm(model.depthwise(model.stem(x)).permute(0, 2, 3, 1))))
    peaks = maps.amax((1, 2))
    assert torch.equal(result.activations, peaks.topk(4).values)
    inputs = x.clone().requires_grad_()
    maps = model.act(model.widen(model.norm(model.depthwise(model.stem(inputs)).permute(0, 2, 3, 1))))
    row, column = result.positions[1, 2].tolist()
    (gradient,) = torch.autograd.grad(maps[1, row, column, result.channels[1, 2]], inputs)
    assert relative(result.images[1, 2], gradient[1]) < 1e-12


@pytest.mark.parametrize("channels", [1, 3, 6])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_channels_and_dtypes(channels, dtype):
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(channels, 8, 5, stride=3), nn.ReLU(), nn.MaxPool2d(3, 2), nn.Conv2d(8, 4, 3), nn.ReLU()
    )
    model = model.eval().to(dtype)
    x = images(2, channels, 40, 40).to(dtype)
    for rule in RULES:
        fast = project(model, x, "4", 3, rule, path="windows")["4"]
        general = project(model, x, "4", 3, rule, path="autograd")["4"]
        assert fast.images.dtype == fast.activations.dtype == dtype
        tolerance = {torch.float64: 1e-12, torch.float32: 1e-5, torch.bfloat16: 0.05}[dtype]
        assert relative(fast.images.double(), general.images.double()) < tolerance


def test_many_images_go_down_in_turns():
    model, x = seeded(toy_nets.Residual), images(n=23)
    many = project(model, x, "out", top=5, rule="guided")["out"]
    assert many.images.shape == (23, 5, 2, 22, 19)
    for i in (0, 7, 22):
        one = project(model, x[i : i + 1], "out", top=5, rule="guided")["out"]
        assert torch.equal(one.channels[0], many.channels[i])
        assert torch.equal(one.boxes[0], many.boxes[i])
        assert torch.allclose(one.images[0], many.images[i], rtol=0, atol=1e-12)
