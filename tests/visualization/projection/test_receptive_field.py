"""Receptive fields against the published numbers, and against the support of the gradient."""

import pytest
import torch
import torch.nn.functional as F
import torchvision
from hypothesis import assume, given, reject, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from toy_nets import (
    Branches,
    Gated,
    GlobalHead,
    InPlace,
    LayerNormalized,
    Normalized,
    PreActivation,
    Residual,
    Shuffled,
    Upsampled,
    seeded,
)

from sketchwidgets.models import SketchANet
from sketchwidgets.visualization import ProjectionError, receptive_field, record
from sketchwidgets.visualization.projection.receptive_field import field_of


class ZFNet(nn.Sequential):
    """Zeiler & Fergus 2014, figure 3, one channel a layer: only the geometry counts here."""

    def __init__(self) -> None:
        super().__init__()
        for name, module in (
            ("conv1", nn.Conv2d(3, 1, 7, 2, 1)),
            ("pool1", nn.MaxPool2d(3, 2, ceil_mode=True)),
            ("norm1", nn.LocalResponseNorm(5)),
            ("conv2", nn.Conv2d(1, 1, 5, 2)),
            ("pool2", nn.MaxPool2d(3, 2, ceil_mode=True)),
            ("conv3", nn.Conv2d(1, 1, 3, 1, 1)),
            ("conv4", nn.Conv2d(1, 1, 3, 1, 1)),
            ("conv5", nn.Conv2d(1, 1, 3, 1, 1)),
            ("pool5", nn.MaxPool2d(3, 2)),
            ("flatten", nn.Flatten()),
            ("fc6", nn.Linear(36, 5)),
        ):
            self.add_module(name, module)


PUBLISHED = {
    ZFNet: (
        224,
        "conv1 7/2, pool1 11/4, conv2 27/8, pool2 43/16, conv3 75/16, conv4 107/16, conv5 139/16, pool5 171/32",
    ),
    torchvision.models.alexnet: (
        227,
        "features.0 11/4, features.2 19/8, features.3 51/8, features.5 67/16, features.6 99/16, "
        "features.8 131/16, features.10 163/16, features.12 195/32",
    ),
    SketchANet: (
        225,
        "conv1 15/3, pool1 21/6, conv2 45/6, pool2 57/12, conv3 81/12, conv4 105/12, conv5 129/12, pool5 153/24, "
        "fc6 297/24",
    ),
}


@pytest.mark.parametrize("make", PUBLISHED)
def test_sizes_and_jumps_are_the_published_ones(make):
    side, table = PUBLISHED[make]
    wanted = {}
    for entry in table.split(", "):
        layer, size, jump = entry.replace("/", " ").split()
        wanted[layer] = ((int(size),) * 2, (int(jump),) * 2)
    fields = receptive_field(make().eval(), list(wanted), side)
    assert {layer: (field.size, field.jump) for layer, field in fields.items()} == wanted


def test_zfnet_maps_are_the_printed_ones():
    fields = receptive_field(ZFNet().eval(), ["conv1", "pool1", "conv2", "pool2", "conv5", "pool5"])
    assert [field.map_size[0] for field in fields.values()] == [110, 55, 26, 13, 13, 6]


def test_a_fully_connected_unit_sees_the_whole_image_and_says_why():
    field = receptive_field(ZFNet().eval(), "fc6")
    # Of 224 columns the floor of pool 5 leaves the last pixels out; what is seen is exact also there.
    assert field.jump is None
    assert "fully connected" in field.reason
    assert field.size == (field.box[2] - field.box[0], field.box[3] - field.box[1])
    assert receptive_field(torchvision.models.alexnet().eval(), "classifier.6").whole
    fc6 = receptive_field(SketchANet().eval(), "fc6", 225)
    assert (fc6.size, fc6.whole) == ((297, 297), True)


# --- the support of the gradient as the oracle


def support(model: nn.Module, layer: str, x: Tensor, at: tuple) -> Tensor:
    """Which pixels the gradient of one unit reaches, (H, W) bool, with all weights positive and no pool but sums."""
    kept = []
    x = x.clone().requires_grad_()
    handle = model.get_submodule(layer).register_forward_hook(lambda m, i, o: kept.append(o))
    try:
        with SumPools():
            model(x)
    finally:
        handle.remove()
    (gradient,) = torch.autograd.grad(kept[0][at].sum(), x)
    return (gradient[0] != 0).any(0)


class SumPools(torch.overrides.TorchFunctionMode):
    """Max pools as sums over the same windows, so that the gradient reaches every position of a window."""

    def __torch_function__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if function is not F.max_pool2d:
            return function(*args, **kwargs)
        return self.pool(*args, **kwargs)

    @staticmethod
    def pool(x, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False):
        shape = F.max_pool2d(x, kernel_size, stride, padding, dilation, ceil_mode).shape[2:]
        (kernel, stride, padding, dilation) = (
            (v, v) if isinstance(v, int) else tuple(v)
            for v in (kernel_size, stride or kernel_size, padding, dilation)
        )
        room = [
            (n - 1) * s + (k - 1) * d + 1 for n, s, k, d in zip(shape, stride, kernel, dilation, strict=True)
        ]
        beyond = [max(0, r - p - n) for r, p, n in zip(room, padding, x.shape[2:], strict=True)]
        x = F.pad(x, (padding[1], beyond[1], padding[0], beyond[0]))[:, :, : room[0], : room[1]]
        ones = x.new_ones(x.shape[1], 1, *kernel)
        return F.conv2d(x, ones, stride=stride, dilation=dilation, groups=x.shape[1])


def positive(model: nn.Module) -> nn.Module:
    for parameter in model.parameters():
        parameter.data.abs_().add_(0.1)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.zero_()
    return model


def picture(channels: int, height: int, width: int) -> Tensor:
    generator = torch.Generator().manual_seed(3)
    return torch.rand(1, channels, height, width, generator=generator, dtype=torch.float64) + 0.1


@st.composite
def networks(draw):
    """A chain of convolutions and pools of any geometry, with skips, branches and grouped parts."""
    blocks, channels = [], 2
    for _ in range(draw(st.integers(1, 4))):
        kind = draw(st.sampled_from(["conv", "max", "average", "skip", "branches", "grouped", "pad"]))
        kernel = draw(st.tuples(st.integers(1, 4), st.integers(1, 4)))
        stride = draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
        dilation = draw(st.tuples(st.integers(1, 2), st.integers(1, 3)))
        if kind == "conv":
            padding = draw(st.tuples(st.integers(0, 3), st.integers(0, 3)))
            blocks.append(nn.Conv2d(channels, 2, kernel, stride, padding, dilation))
        elif kind == "grouped":
            blocks.append(nn.Conv2d(channels, channels * 2, kernel, stride, 1, dilation, groups=channels))
        elif kind == "max":
            padding = tuple(draw(st.integers(0, k // 2)) for k in kernel)
            blocks.append(nn.MaxPool2d(kernel, stride, padding, dilation, ceil_mode=draw(st.booleans())))
        elif kind == "average":
            padding = tuple(draw(st.integers(0, k // 2)) for k in kernel)
            blocks.append(nn.AvgPool2d(kernel, stride, padding, draw(st.booleans()), draw(st.booleans())))
        elif kind == "pad":
            blocks.append(nn.ZeroPad2d(draw(st.tuples(*[st.integers(-1, 3)] * 4))))
        elif kind == "skip":
            blocks.append(Skip(channels, draw(st.integers(1, 2))))
        else:
            blocks.append(Sides(channels))
        channels = {"conv": 2, "grouped": 2 * channels, "branches": 3 * channels}.get(kind, channels)
    return nn.Sequential(*blocks)


class Skip(nn.Module):
    def __init__(self, channels: int, dilation: int) -> None:
        super().__init__()
        self.inner = nn.Conv2d(channels, channels, 3, padding=dilation, dilation=dilation)

    def forward(self, x: Tensor) -> Tensor:
        return self.inner(x) + x


class Sides(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.wide = nn.Conv2d(channels, channels, (5, 3), padding=(2, 1))

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x, self.wide(x), F.max_pool2d(x, 3, 1, 1)], dim=1)


@settings(max_examples=60)
@given(networks(), st.integers(9, 21), st.integers(9, 21), st.data())
def test_the_mask_is_the_support_of_the_gradient(model, height, width, data):
    model = positive(model.double().eval())
    x = picture(2, height, width)
    try:
        out = model(x)
    except RuntimeError:  # a kernel larger than its map
        reject()
    assume(0 not in out.shape)
    channel = data.draw(st.integers(0, out.shape[1] - 1))
    row, column = data.draw(st.integers(0, out.shape[2] - 1)), data.draw(st.integers(0, out.shape[3] - 1))
    layer = str(len(model) - 1)
    expected = support(model, layer, x, (0, channel, row, column))
    try:
        field = receptive_field(model, layer, x, (row, column), channel=channel)
    except ProjectionError:
        assert not expected.any()  # a window that holds nothing but padding
        return
    assert torch.equal(field.mask, expected)
    rows, columns = expected.any(1).nonzero(), expected.any(0).nonzero()
    assert field.box == (int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1)
    # The formula, cut at the image, holds all that is seen; far from the borders it is the box.
    for axis, side in enumerate((height, width)):
        first = field.start[axis] + field.jump[axis] * (row, column)[axis]
        low, high = max(0, first), min(side, first + field.size[axis])
        assert low <= field.box[axis]
        assert field.box[axis + 2] <= high


@pytest.mark.parametrize(
    "make",
    [InPlace, PreActivation, Residual, Branches, GlobalHead, Shuffled, Gated, Normalized, LayerNormalized],
)
def test_toy_networks(make):
    model, x = positive(seeded(make)), picture(2, 22, 19)
    for layer in record(model, x).layers:
        shape = record(model, x, [layer]).maps(layer).shape
        for channel in (0, shape[1] - 1):
            position = None if len(shape) == 2 else (shape[2] - 1, shape[3] // 2)
            at = (0, channel, *(position or ()))
            if make is LayerNormalized and layer == "act":
                continue  # channels come last there
            field = receptive_field(model, layer, x, position, channel=channel)
            assert torch.equal(field.mask, support(model, layer, x, at)), layer


def test_sizes_far_from_the_border_are_the_boxes():
    for make, layers in ((Residual, ["out"]), (Branches, ["relu", "end"]), (LayerNormalized, ["relu"])):
        fields = receptive_field(seeded(make), layers, 64)
        for field in fields.values():
            top, left, bottom, right = field.box
            assert field.size == (bottom - top, right - left)
            assert (top, left) == tuple(
                start + jump * at
                for start, jump, at in zip(field.start, field.jump, field.position, strict=True)
            )


def test_channels_of_branches_see_different_sizes():
    model = seeded(Branches)
    sizes = [receptive_field(model, "relu", 32, channel=channel).size for channel in (0, 4, 8)]
    assert sizes == [(1, 1), (5, 5), (5, 5)]
    assert receptive_field(model, "relu", 32).size == (5, 5)


def test_a_dilated_kernel_leaves_holes():
    model = nn.Sequential(nn.Conv2d(1, 1, 3, dilation=2)).eval()
    field = receptive_field(model, "0", 9, (1, 2))
    assert (field.size, field.box) == ((5, 5), (1, 2, 6, 7))
    assert field.mask.sum() == 9


def test_gates_see_everything_unless_held_fixed():
    model = seeded(Gated)
    field = receptive_field(model, "act", 32)
    assert field.whole
    assert field.jump is None
    assert "whole map" in field.reason
    fixed = receptive_field(model, "act", 32, fixed_gates=True)
    assert (fixed.size, fixed.jump) == ((5, 5), (1, 1))


def test_a_normalization_over_the_map_sees_all_of_its_group():
    model = nn.Sequential(nn.Conv2d(1, 4, 3, groups=1), nn.GroupNorm(2, 4), nn.Conv2d(4, 4, 3, groups=4))
    x = picture(1, 12, 11)
    field = receptive_field(positive(model.double().eval()), "2", x, (0, 0), channel=3)
    assert field.whole
    assert "normalization" in field.reason
    fixed = receptive_field(model, "2", x, (0, 0), channel=3, fixed_gates=True)
    assert (fixed.size, fixed.box) == ((5, 5), (0, 0, 5, 5))


def test_a_recording_is_asked_directly_and_the_model_stays_as_it_is():
    model = seeded(Residual)
    hooks = [len(module._forward_hooks) for module in model.modules()]
    recording = record(model, torch.zeros(1, 2, 20, 20, dtype=torch.float64))
    assert field_of(recording, "out").layer == "out"
    assert [len(module._forward_hooks) for module in model.modules()] == hooks
    assert all(parameter.grad is None for parameter in model.parameters())


# Size and jump from Araujo, Norris & Sim (Distill 2019, table 1), where they list the network.
NETWORKS = {
    "resnet18": {"layer1": None, "layer4": (435, 32)},
    "inception_v3": {"Mixed_7c": (1311, 32)},
    "squeezenet1_1": {"features.12": None},
    "densenet121": {"features.denseblock2": None},
    "efficientnet_b0": {"features.2": None},
}


@pytest.mark.parametrize("name", NETWORKS)
def test_torchvision_networks(name):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        arguments = {"init_weights": False} if name == "inception_v3" else {}
        model = torchvision.models.get_model(name, weights=None, **arguments).eval()
    for layer, published in NETWORKS[name].items():
        field = receptive_field(model, layer, 224, fixed_gates=name.startswith("efficient"))
        if published is not None:
            assert (field.size[0], field.jump[0]) == published
        # The box is the field of that size cut at the image, less what a floored division leaves out at the end.
        for axis in (0, 1):
            first = field.start[axis] + field.jump[axis] * field.position[axis]
            assert field.box[axis] == max(0, first)
            assert min(224, first + field.size[axis]) - 4 <= field.box[axis + 2] <= 224


def test_figure_marks_the_box_on_the_image():
    fields = receptive_field(SketchANet().eval(), ["conv1", "conv5"], torch.rand(1, 1, 225, 225), (3, 4))
    tiles = fields.figure().sections[0].tiles
    assert [tile.boxes for tile in tiles] == [(field.box,) for field in fields.values()]
    assert "conv5 · 129 px, jump 12" in fields["conv5"]._repr_html_()
    assert tiles[0].pixels.shape == (225, 225)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((SketchANet().eval(), "conv9", 225), "no layer 'conv9'"),
        ((SketchANet().eval(), "conv2", 225, (31, 0)), "position must lie on the map of layer 'conv2', 31"),
        ((SketchANet().eval(), "conv2", 225, 5), r"position must be \(row, column\), not 5"),
        ((SketchANet().eval(), "conv2", "big"), "image must be"),
        ((SketchANet().eval(), "conv2", torch.zeros(1, 1, 225, 225).numpy()), "image must be .* not ndarray"),
        ((SketchANet().eval(), "conv2", torch.zeros(2, 1, 225, 225)), "image must be"),
        ((nn.Flatten().eval(), "0", 9), "no convolution"),
        ((SketchANet(), "conv2", 225), "training mode"),
        ((seeded(Upsampled), "act2", 20), "'upsample_nearest2d' is not known"),
    ],
)
def test_what_does_not_fit_is_named(arguments, message):
    with pytest.raises(ProjectionError, match=message):
        receptive_field(*arguments)


def test_a_channel_that_is_not_there_is_named():
    with pytest.raises(ProjectionError, match=r"channel must be in 0\.\.63"):
        receptive_field(SketchANet().eval(), "conv1", 225, channel=64)


def test_a_drawing_is_shown_as_ink_on_paper_and_what_is_not_seen_is_dimmed():
    drawing = torch.zeros(1, 1, 225, 225)
    drawing[..., 100:103, :] = 1.0
    (tile,) = receptive_field(SketchANet().eval(), "conv5", drawing).figure().sections[0].tiles
    top, left, bottom, right = tile.boxes[0]
    assert (tile.pixels[101, left], tile.pixels[90, left]) == (0, 255)
    assert 0 < tile.pixels[101, left - 1] < tile.pixels[90, left - 1] < 255
    assert (bottom - top, right - left) == (129, 129)
