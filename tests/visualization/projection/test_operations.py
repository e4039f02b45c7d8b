"""Single operations: normalization over groups, what only autograd can cross, and the names in errors."""

import pytest
import torch
from torch import nn
from toy_nets import images, oracle, seeded

from sketchwidgets.visualization import ProjectionError, project, receptive_field, record

RULES = ("deconvnet", "guided", "backprop")


class Between(nn.Module):
    """An operation of choice between two rectified convolutions."""

    def __init__(self, operation: nn.Module, channels: int = 6) -> None:
        super().__init__()
        self.a, self.act = nn.Conv2d(2, 6, 3, padding=1), nn.ReLU()
        self.between = operation
        self.b, self.relu = nn.Conv2d(channels, 5, 3), nn.ReLU()

    def forward(self, x):
        return self.relu(self.b(self.between(self.act(self.a(x)))))


def relative(a, b):
    assert b.any(), "the oracle is blank: the comparison would say nothing"
    return float((a - b).abs().max() / b.abs().max())


@pytest.mark.parametrize(
    "norm", [nn.GroupNorm(3, 6), nn.GroupNorm(2, 6, affine=False), nn.InstanceNorm2d(6, affine=True)], ids=str
)
def test_group_normalization_by_windows_and_by_autograd(norm):
    model, x = seeded(Between, norm), images(n=2)
    if norm.affine:
        nn.init.normal_(norm.weight, 1.0, 0.3)
    for rule in RULES:
        for normalization in ("skip", "derivative"):
            options = {"rule": rule, "normalization": normalization, "signal": "unit", "ties": "first"}
            fast = project(model, x, "relu", 3, path="windows", **options)["relu"]
            general = project(model, x, "relu", 3, path="autograd", **options)["relu"]
            assert relative(fast.images, general.images) < 1e-12
            if normalization == "derivative":
                assert relative(fast.images, oracle(model, x, "relu", fast, rule)) < 1e-10
            default = project(model, x, "relu", 3, rule, signal="unit", ties="first")["relu"]
            if (normalization == "skip") == (rule == "deconvnet"):
                assert torch.equal(default.images, fast.images)
    # With fixed statistics it is a scale: the windows stay small.
    box = project(model, x, "relu", 1)["relu"].boxes[0, 0]
    assert (box[2:] - box[:2]).max() <= 5


def test_group_normalization_widens_the_receptive_field():
    model, x = seeded(Between, nn.GroupNorm(3, 6)), images()
    assert tuple(receptive_field(model, "relu", x, (4, 4)).size) == (22, 19)


@pytest.mark.parametrize(
    ("operation", "channels"),
    [
        (nn.ConvTranspose2d(6, 4, 3, stride=2), 4),
        (nn.AdaptiveMaxPool2d((5, 7)), 6),
        (nn.Upsample(scale_factor=1.5, mode="bilinear"), 6),
        (nn.ReflectionPad2d(2), 6),
        (nn.Sequential(nn.Flatten(2), nn.Conv1d(6, 6, 3, padding=1), nn.Unflatten(2, (22, 19))), 6),
        (nn.Sequential(nn.Unflatten(1, (2, 3)), nn.Conv3d(2, 2, 3, padding=1), nn.Flatten(1, 2)), 6),
        (nn.PixelUnshuffle(1), 6),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, nn.Module) else "",
)
def test_what_has_no_windows_goes_by_autograd(operation, channels):
    model, x = seeded(Between, operation, channels), images()
    for rule in RULES:
        result = project(model, x, "relu", 2, rule, signal="unit", ties="first")["relu"]
        assert relative(result.images, oracle(model, x, "relu", result, rule)) < 1e-12


def test_a_convolution_without_windows_names_its_module():
    model = seeded(Between, nn.ConvTranspose2d(6, 4, 3, stride=2), 4)
    with pytest.raises(
        ProjectionError, match="no windows through convolution in the ConvTranspose2d 'between'"
    ):
        project(model, images(), "relu", path="windows")


@pytest.mark.parametrize(
    "operation",
    [nn.Softmax(1), nn.Softshrink(), nn.RReLU(), nn.LogSigmoid(), nn.Tanh(), nn.Softsign(), nn.Tanhshrink()],
    ids=lambda value: type(value).__name__,
)
def test_a_nonlinearity_without_a_rule_is_named_with_its_module(operation):
    model, x = seeded(Between, operation), images()
    for rule in ("deconvnet", "guided"):
        with pytest.raises(ProjectionError, match=rf"{rule}.* {type(operation).__name__} 'between'"):
            project(model, x, "relu", rule=rule)
    result = project(model, x, "relu", 2, "backprop", signal="unit", ties="first")["relu"]
    assert relative(result.images, oracle(model, x, "relu", result, "backprop")) < 1e-10


def test_two_maps_multiplied_are_named_with_their_module():
    class Squared(nn.Module):
        def forward(self, x):
            return x * x.flip(2)

    with pytest.raises(ProjectionError, match="product of two maps' in the Squared 'between'"):
        project(seeded(Between, Squared()), images(), "relu", rule="guided")


@pytest.mark.parametrize("path", ["windows", "autograd"])
def test_images_with_other_channels_are_told_what_the_first_convolution_takes(path):
    model = seeded(Between, nn.Identity())
    with pytest.raises(
        ProjectionError,
        match=r"images must be \(n, 2, H, W\), as module 'a' \(Conv2d\) takes 2 channels, not \(1, 3, 22, 19\)",
    ):
        project(model, images(channels=3), path=path)


class Tokens(nn.Module):
    """A small vision transformer."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(2, 8, 4, stride=4)
        self.block = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, activation="gelu")
        self.head = nn.Linear(8, 3)

    def forward(self, x):
        tokens = self.block(self.patches(x).flatten(2).transpose(1, 2))
        return self.head(tokens.mean(1))


def test_a_transformer_is_explained():
    model, x = seeded(Tokens), images(height=16, width=16)
    with pytest.raises(ProjectionError, match=r"name the layers; modules that return maps .*: 'patches'"):
        project(model, x)
    with pytest.raises(ProjectionError, match=r"returns \(1, 16, 8\), not maps .* tokens of a transformer"):
        project(model, x, "block")
    with pytest.raises(ProjectionError, match=r"deconvnet.* is not defined for the operation"):
        project(model, x, "head", channels=[1], signal="unit")
    kernel = project(model, x, "patches", 1, signal="unit")["patches"]
    assert torch.equal(kernel.crops(0)[0], model.patches.weight[kernel.channels[0, 0]].detach())
    inputs = x.clone().requires_grad_()
    (expected,) = torch.autograd.grad(model(inputs)[0, 1], inputs)
    result = project(model, x, "head", channels=[1], signal="unit", rule="backprop")["head"]
    assert relative(result.images[0, 0], expected[0]) < 1e-10


def test_recorded_maps_of_a_layer_that_is_no_map_stay_readable():
    recording = record(seeded(Tokens), images(height=16, width=16), "block")
    assert recording.maps("block").shape == (1, 16, 8)


@pytest.mark.parametrize("rule", ["guided", "deconvnet"])
def test_a_rectifier_written_as_a_choice_is_not_passed_over(rule):
    class Chooses(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.last = nn.Conv2d(1, 4, 3), nn.Conv2d(4, 2, 3)

        def forward(self, x):
            x = self.first(x)
            return self.last(torch.where(x > 0, x, torch.zeros_like(x)))

    model, x = Chooses().double().eval(), torch.randn(1, 1, 9, 9, dtype=torch.float64)
    with pytest.raises(ProjectionError, match=f"rule '{rule}' is not defined for the operation 'Where'"):
        project(model, x, "last", rule=rule)
    found = project(model, x, "last", channels=[0], positions=[[[2, 3]]], rule="backprop", signal="unit")[
        "last"
    ]
    inputs = x.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(model(inputs)[0, 0, 2, 3], inputs)
    assert torch.allclose(found.images[0, 0], gradient[0], rtol=0, atol=1e-12)
