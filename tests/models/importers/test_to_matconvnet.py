"""Networks written as MatConvNet files: layer for layer, and back to the same numbers."""

import numpy as np
import pytest
import scipy.io
import torch
from torch import nn

import sketchwidgets as sw
from sketchwidgets.models.importers import ImagePreprocessing, _layers

# papers.md 4.1: index of the layer in the file -> type, output size at 225 px, filters.
SKETCH_A_NET = [
    ("conv", (71, 71, 64), (15, 15, 1, 64)),
    ("relu", (71, 71, 64), None),
    ("pool", (35, 35, 64), None),
    ("conv", (31, 31, 128), (5, 5, 64, 128)),
    ("relu", (31, 31, 128), None),
    ("pool", (15, 15, 128), None),
    ("conv", (15, 15, 256), (3, 3, 128, 256)),
    ("relu", (15, 15, 256), None),
    ("conv", (15, 15, 256), (3, 3, 256, 256)),
    ("relu", (15, 15, 256), None),
    ("conv", (15, 15, 256), (3, 3, 256, 256)),
    ("relu", (15, 15, 256), None),
    ("pool", (7, 7, 256), None),
    ("conv", (1, 1, 512), (7, 7, 256, 512)),
    ("relu", (1, 1, 512), None),
    ("dropout", (1, 1, 512), None),
    ("conv", (1, 1, 512), (1, 1, 512, 512)),
    ("relu", (1, 1, 512), None),
    ("dropout", (1, 1, 512), None),
    ("conv", (1, 1, 250), (1, 1, 512, 250)),
    ("softmaxloss", None, None),
]


def test_sketch_a_net_in_the_layout_of_its_authors(tmp_path, numbers, layer_outputs):
    torch.manual_seed(0)
    net = sw.models.create("sketch_a_net", classes=250).eval()
    path = tmp_path / "sketch.mat"
    sw.models.to_matconvnet(net, path, loss="softmaxloss")

    # As MATLAB sees the file.
    written = scipy.io.loadmat(path, squeeze_me=True, struct_as_record=False)["net"]
    assert [layer.type for layer in written.layers] == [row[0] for row in SKETCH_A_NET]
    for layer, (kind, _, filters) in zip(written.layers, SKETCH_A_NET, strict=True):
        if kind == "conv":
            assert layer.weights[0].reshape(filters).dtype == np.float32
        if kind == "pool":
            assert (layer.pool.tolist(), layer.stride.tolist(), layer.pad.tolist()) == (
                [3, 3],
                [2, 2],
                [0, 0, 0, 0],
            )
    assert [layer.pad.tolist() for layer in written.layers[6:12:2]] == [[1, 1, 1, 1]] * 3
    assert written.layers[0].stride.tolist() == [3, 3]
    assert written.layers[15].rate == 0.5
    assert written.meta.normalization.imageSize.tolist() == [225, 225, 1]

    # And back, layer for layer.
    back = sw.models.from_matconvnet(path)
    assert [name for name, _ in back.named_children()] == [name for name, _ in net.named_children()]
    image = np.abs(numbers(225, 225, 1))
    before, after = layer_outputs(net, image), layer_outputs(back, image)
    for (name, output), (_, shape, _) in zip(after.items(), SKETCH_A_NET, strict=False):
        assert output.shape == shape, name
        assert np.array_equal(output, before[name]), name
    assert sum(p.numel() for p in back.parameters()) == 8_508_666
    assert (back.input_size, back.preprocessing.ink) == ((225, 225), "positive")
    assert sw.Network.of(back).layers() == ("relu1", "relu2", "relu3", "relu4", "relu5")


def chain(*modules):
    torch.manual_seed(1)
    net = nn.Sequential(*modules).eval()
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d) and module.track_running_stats:
            nn.init.uniform_(module.running_mean)
            nn.init.uniform_(module.running_var, 0.5, 2)
            nn.init.normal_(module.weight)
    return net


@pytest.mark.parametrize(
    "net",
    [
        chain(
            nn.Conv2d(4, 8, 3, (2, 1), padding=(1, 2), dilation=(1, 2), groups=2, bias=False),
            nn.LeakyReLU(0.2),
        ),
        chain(nn.Conv2d(4, 6, (4, 3), padding="same"), nn.BatchNorm2d(6), nn.Sigmoid()),
        chain(nn.Conv2d(4, 5, 1), nn.MaxPool2d(3, 2, ceil_mode=True), nn.AvgPool2d(2, ceil_mode=True)),
        chain(nn.Conv2d(4, 5, 1), nn.AvgPool2d(3, 2, padding=1, count_include_pad=False)),
        chain(
            nn.Conv2d(4, 6, 1),
            nn.LocalResponseNorm(5, 0.3, 0.6, 1.5),
            _layers.Reversed(nn.LocalResponseNorm(4, 0.5)),
        ),
        chain(nn.Conv2d(4, 6, 1), nn.ConvTranspose2d(6, 4, 3, 2, padding=1, output_padding=1, groups=2)),
        chain(nn.Conv2d(4, 6, 3), nn.Sequential(nn.ReLU(inplace=True), nn.AdaptiveAvgPool2d((3, 1)))),
        chain(
            nn.Conv2d(4, 3, 3),
            nn.Flatten(),
            nn.Dropout(0.3),
            nn.Linear(3 * 15 * 10, 7),
            nn.ReLU(),
            nn.Linear(7, 2),
        ),
        chain(
            _layers.PaddedConv2d(4, 3, 3, pad=(0, 1, 2, 0)),
            _layers.PaddedMaxPool2d((3, 3), (2, 2), (0, 1, 0, 1)),
        ),
        chain(
            nn.Conv2d(4, 3, 3),
            _layers.CroppedConvTranspose2d(3, 2, 4, crop=(1, 0, 2, 1)),
            nn.Softmax(1),
        ),
    ],
    ids=lambda net: "-".join(type(module).__name__ for module in net),
)
@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")
def test_back_to_the_same_numbers(net, tmp_path, numbers):
    path = tmp_path / "net.mat"
    sw.models.to_matconvnet(net, path, input_size=(17, 12))
    back = sw.models.from_matconvnet(path)
    if isinstance(net[-1], nn.Softmax):  # left off
        net = net[:-1]
    images = torch.from_numpy(numbers(2, 4, 17, 12))
    assert torch.allclose(back(images), net(images), atol=2e-6)
    assert back.input_size == (17, 12)
    # What is read is written again as it is.
    sw.models.to_matconvnet(back, path)
    assert torch.equal(sw.models.from_matconvnet(path)(images), back(images))


def test_a_network_with_a_forward_of_its_own_that_is_a_chain(tmp_path, numbers):
    net = sw.models.create("lenet").eval()
    side = net.input_size if isinstance(net.input_size, int) else net.input_size[0]
    path = tmp_path / "lenet.mat"
    sw.models.to_matconvnet(net, path)
    images = torch.from_numpy(numbers(2, net.arguments.get("channels", 1), side, side))
    assert torch.allclose(sw.models.from_matconvnet(path)(images).flatten(1), net(images), atol=1e-5)


def test_channel_order_and_scale_go_into_the_first_filters(tmp_path, numbers):
    net = chain(nn.Conv2d(3, 4, 3), nn.ReLU())
    mean = torch.tensor([104.0, 117.0, 123.0])
    of_caffe = ImagePreprocessing((10, 10), 3, "bgr", mean=mean, scale=0.5)
    path = tmp_path / "net.mat"
    sw.models.to_matconvnet(net, path, preprocessing=of_caffe)
    back = sw.models.from_matconvnet(path)
    assert back.preprocessing.channel_order == "rgb"
    assert back.preprocessing.mean.tolist() == [123, 117, 104]
    photo = np.random.default_rng(0).integers(0, 256, (10, 10, 3), dtype=np.uint8)
    assert torch.allclose(back(back.prepare(photo)), net(of_caffe.prepare(photo)), atol=1e-3)


def test_names_and_preprocessing_come_back(tmp_path, numbers):
    mean = torch.from_numpy(np.abs(numbers(1, 8, 8)))
    given = ImagePreprocessing((8, 8), 1, mean=mean, resize=10, interpolation="bicubic")
    net = chain(nn.Conv2d(1, 2, 8))
    path = tmp_path / "net.mat"
    sw.models.to_matconvnet(net, path, preprocessing=given, class_names=["Katze", "Hündin"], loss="softmax")
    back = sw.models.from_matconvnet(path)
    assert back.class_names == ("Katze", "Hündin")
    assert torch.equal(back.preprocessing.mean, mean)
    assert (back.preprocessing.resize, back.preprocessing.interpolation) == (10, "bicubic")
    assert back.left_out == (("softmax", "the scores before it are returned"),)


class Branches(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Conv2d(1, 2, 1), nn.Conv2d(1, 2, 1)

    def forward(self, x):
        return self.a(x) + self.b(x)


class Two(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.mix = nn.Conv2d(1, 2, 1), nn.Bilinear(12, 12, 3)

    def forward(self, x):
        return self.mix(self.a(x), self.a(x))


class Functional(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Conv2d(1, 2, 1), nn.Conv2d(2, 2, 1)

    def forward(self, x):
        return self.b(torch.relu(self.a(x)))


@pytest.mark.parametrize(
    ("net", "match"),
    [
        (chain(nn.Conv2d(1, 2, 1), nn.GELU()), r"'1' \(GELU\) has no counterpart"),
        (chain(nn.Conv2d(1, 2, 1, padding_mode="reflect", padding=1)), "pads with 'reflect'"),
        (chain(nn.Conv2d(1, 2, 1), nn.AvgPool2d(3, padding=1)), "counts its padding"),
        (chain(nn.Conv2d(1, 2, 1), nn.MaxPool2d(2, dilation=2)), "is dilated"),
        (chain(nn.Conv2d(1, 2, 1), nn.LocalResponseNorm(4)), "spans 4 channels"),
        (chain(nn.Conv2d(1, 2, 1), nn.AdaptiveAvgPool2d(5)), "not windows of one size"),
        (chain(nn.Conv2d(1, 2, 1), nn.BatchNorm2d(2, track_running_stats=False)), "no running mean"),
        (chain(nn.Conv2d(1, 2, 1), nn.Softmax(3)), "not over the channels"),
        (chain(nn.Conv2d(1, 2, 20)), "does not take an image"),
        (chain(nn.ReLU()), "no convolution"),
        (Branches(), r"no chain of layers: 'b' \(Conv2d\) takes something else than what 'a' made"),
        (Two(), r"^the network is no chain of layers: 'mix' \(Bilinear\) takes 2 inputs"),
        (Functional(), "'b' .* takes something else than what 'a' made, as a function in between would"),
    ],
)
def test_what_a_simplenn_cannot_hold_is_named(net, match, tmp_path):
    path = tmp_path / "net.mat"
    with pytest.raises(ValueError, match=match):
        sw.models.to_matconvnet(net, path, input_size=12)
    assert not list(tmp_path.iterdir())


def test_arguments_of_the_writer_are_named(tmp_path):
    net = chain(nn.Conv2d(1, 2, 1))
    path = tmp_path / "net.mat"
    for arguments, match in (
        ({}, "input_size must be"),
        ({"input_size": 5, "loss": "hinge"}, "loss must be one of"),
        ({"input_size": 5, "class_names": ["one"]}, "class_names must be 2 names"),
        ({"input_size": 5, "preprocessing": ImagePreprocessing((6, 6), 1)}, "the preprocessing makes"),
    ):
        with pytest.raises(ValueError, match=match):
            sw.models.to_matconvnet(net, path, **arguments)
    with pytest.raises(TypeError, match=r"network must be a torch\.nn\.Module"):
        sw.models.to_matconvnet("net", path)


def test_the_network_is_left_as_it_was(tmp_path):
    net = chain(nn.Conv2d(1, 2, 1), nn.BatchNorm2d(2), nn.Dropout(0.5)).train()
    state = {name: value.clone() for name, value in net.state_dict().items()}
    sw.models.to_matconvnet(net, tmp_path / "net.mat", input_size=8)
    assert all(module.training for module in net.modules())
    assert all(torch.equal(value, state[name]) for name, value in net.state_dict().items())
    assert not any(module._forward_hooks for module in net.modules())
