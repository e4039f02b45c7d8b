"""What is written for Caffe reads back to the same numbers, and is what Caffe computes."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from caffe_files import alexnet, inception, resnet
from torch import nn

import sketchwidgets as sw
from sketchwidgets.models.importers import (
    ImagePreprocessing,
    ImportedNetwork,
    Layer,
    NetworkFileError,
    Source,
)
from sketchwidgets.models.importers import _layers as shared_layers
from sketchwidgets.models.importers.caffe import _modules


def round_trip(network, folder, **arguments):
    sw.models.to_caffe(network, folder / "net.prototxt", folder / "net.caffemodel", **arguments)
    return sw.models.from_caffe(folder / "net.prototxt", folder / "net.caffemodel")


def assert_same(network, folder, channels=3, size=None, n=2, **arguments):
    """The file gives the numbers of the network, to 1e-6 of the largest."""
    network.eval()
    again = round_trip(network, folder, input_size=size, **arguments)
    images = torch.rand((n, channels, *again.input_size), generator=torch.Generator().manual_seed(1)) - 0.3
    with torch.no_grad():
        expected, found = network(images), again(images)
    if expected.ndim == 4 and expected.shape[2:] == (1, 1):
        expected = expected.flatten(1)
    largest = expected.abs().max().item()
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-6 * largest)
    return again


def lively(network, seed=0):
    """Statistics and weights as after training, so that nothing cancels by chance."""
    generator = torch.Generator().manual_seed(seed)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(generator=generator)
            module.running_var.uniform_(0.5, 2, generator=generator)
            module.weight.data.uniform_(0.5, 1.5, generator=generator)
            module.bias.data.normal_(generator=generator)
    return network.eval()


NETWORKS = {
    "sketch_a_net of stroke order": lambda: (
        sw.models.create("sketch_a_net", classes=9, channels=6),
        6,
        None,
    ),
    "alexnet": lambda: (
        sw.models.create("alexnet", classes=5, conv=(8, 8, 8, 8, 8), fc=16, groups=2),
        3,
        None,
    ),
    "zfnet": lambda: (sw.models.create("zfnet", classes=5, conv=(8, 8, 8, 8, 8), fc=16), 3, None),
    "lenet": lambda: (sw.models.create("lenet", classes=5), 1, None),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_networks_of_the_papers(name, tmp_path):
    network, channels, size = NETWORKS[name]()
    again = assert_same(network, tmp_path, channels, size, n=1)
    assert again.input_size == (network.input_size, network.input_size)


@pytest.mark.parametrize("name", ["resnet18", "googlenet", "mobilenet_v2"])
def test_networks_of_torchvision(name, tmp_path):
    """Through torch.fx: fire modules, residual sums, branches, depthwise convolutions with ReLU6."""
    models = pytest.importorskip("torchvision.models")
    quietly = {"init_weights": False} if name == "googlenet" else {}
    network = lively(models.get_model(name, weights=None, num_classes=7, **quietly))
    assert_same(network, tmp_path, size=65, n=1)


def test_vgg(tmp_path):
    from torchvision.models.vgg import VGG, make_layers

    features = make_layers([4, "M", 8, "M", 8, 8, "M"], batch_norm=True)
    network = lively(VGG(features, num_classes=5, init_weights=False))
    network.classifier = nn.Sequential(
        nn.Linear(8 * 49, 16), nn.ReLU(True), nn.Dropout(), nn.Linear(16, 5)
    ).eval()
    assert_same(network, tmp_path, size=56)  # 7 x 7 maps: the adaptive pool changes nothing
    assert_same(network, tmp_path, size=112)  # 14 x 14: bins of 2 x 2
    with pytest.raises(NetworkFileError, match=r"'avgpool'.*different sizes"):
        round_trip(network, tmp_path, input_size=72)


@pytest.mark.parametrize("graph", [alexnet, inception, resnet])
def test_a_network_of_caffe_again(graph, tmp_path):
    first = sw.models.from_caffe(*graph().write(tmp_path))
    again = assert_same(first, tmp_path, n=1)
    assert [name for name, _ in again.named_children()] == [name for name, _ in first.named_children()]
    assert [type(module) for module in again.children()] == [type(module) for module in first.children()]


@pytest.mark.parametrize("kernel", [1, 2, 3])
@pytest.mark.parametrize("kind", ["max", "average", "average of pixels"])
def test_pools_that_round_down_or_up_at_every_size(kernel, kind, tmp_path):
    for size in (6, 7):
        for stride in (1, 2, 3):
            for padding in range(kernel // 2 + 1):
                for ceil_mode in (False, True):
                    if kind == "max":
                        pool = nn.MaxPool2d(kernel, stride, padding, ceil_mode=ceil_mode)
                    else:
                        pool = nn.AvgPool2d(kernel, stride, padding, ceil_mode, kind == "average")
                    assert_same(nn.Sequential(nn.Conv2d(3, 2, 1), pool), tmp_path, size=(size, 9), n=1)


PADDED = {
    "below and right, as MatConvNet rounds up": (3, 2, (0, 1, 0, 1)),
    "one side": (3, 2, (1, 0, 0, 2)),
    "two windows more": (3, 1, (0, 2, 0, 2)),
    "above and left": (4, 3, (3, 0, 2, 0)),
}


@pytest.mark.parametrize("case", PADDED)
@pytest.mark.parametrize("kind", [shared_layers.PaddedMaxPool2d, shared_layers.PaddedAvgPool2d])
def test_pools_padded_differently_on_opposite_sides(case, kind, tmp_path):
    kernel, stride, pad = PADDED[case]
    for size in (6, 7, 8):
        pool = kind((kernel, kernel), (stride, stride), pad)
        assert_same(imported([("conv", nn.Conv2d(3, 2, 1)), ("pool", pool)], size), tmp_path)


def test_more_windows_than_caffe_can_make(tmp_path):
    pool = shared_layers.PaddedMaxPool2d(
        (2, 2), (2, 2), (0, 1, 0, 1)
    )  # 4 windows of 7 pixels: as Caffe rounds
    assert_same(imported([("conv", nn.Conv2d(3, 2, 1)), ("pool", pool)], 7), tmp_path)
    pool = shared_layers.PaddedMaxPool2d((3, 3), (3, 3), (0, 2, 0, 2))
    assert_same(imported([("conv", nn.Conv2d(3, 2, 1)), ("pool", pool)], 7), tmp_path)


@pytest.mark.parametrize("pad", [(0, 1, 2, 0), (3, 0, 0, 1), (-1, 2, 1, -2)])
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_convolutions_padded_differently_on_opposite_sides(pad, stride, tmp_path):
    """The kernel gets rows of zeros: the same size, the same numbers."""
    for size in (8, 9, 10):
        conv = shared_layers.PaddedConv2d(3, 4, (3, 2), stride=stride, pad=pad)
        assert_same(imported([("conv", conv), ("relu", nn.ReLU())], size), tmp_path)


@pytest.mark.filterwarnings("ignore:Using padding='same':UserWarning")
def test_a_convolution_padded_to_the_same_size(tmp_path):
    assert_same(nn.Sequential(nn.Conv2d(3, 4, (4, 5), padding="same")), tmp_path, size=9)
    odd = shared_layers.PaddedConv2d(3, 4, 3, dilation=2, pad=(0, 1, 0, 0))
    with pytest.raises(NetworkFileError, match=r"'0'.*dilation of 2"):
        round_trip(nn.Sequential(odd).eval(), tmp_path, input_size=9)


def imported(layers, size, **arguments):
    """An ImportedNetwork of layers in a row, on 3 channels."""
    values = ["data", *(f"x{i}" for i in range(len(layers)))]
    made = [Layer(name, module, (values[i],), (values[i + 1],)) for i, (name, module) in enumerate(layers)]
    preprocessing = arguments.pop("preprocessing", None) or ImagePreprocessing((size, size), 3, "rgb")
    return ImportedNetwork(
        made,
        input="data",
        channels=3,
        preprocessing=preprocessing,
        source=Source("by hand", "x"),
        **arguments,
    )


MODULES = {
    "prelu": nn.PReLU(3),
    "prelu shared": nn.PReLU(),
    "elu": nn.ELU(0.5),
    "leaky relu": nn.LeakyReLU(0.2),
    "sigmoid": nn.Sigmoid(),
    "tanh": nn.Tanh(),
    "hardtanh": nn.Hardtanh(-0.1, 0.2),
    "deconvolution": nn.ConvTranspose2d(3, 4, 4, 2, 1),
    "cropped deconvolution": shared_layers.CroppedConvTranspose2d(3, 4, 4, stride=2, crop=(0, 1, 2, 0)),
    "linear": nn.Sequential(nn.Flatten(), nn.Linear(3 * 49, 4, bias=False)),
    "flatten some axes": nn.Sequential(nn.Flatten(2), nn.Identity()),
    "lrn": nn.LocalResponseNorm(3, 0.5, 0.7, 2),
    "lrn within": _modules.SpatialResponseNorm(3, 0.5, 0.7),
    "scale": shared_layers.Scale(torch.rand(3, 1, 1), torch.rand(3, 1, 1)),
    "scale by pixel": shared_layers.Scale(torch.rand(3, 7, 7)),
    "scale by column": shared_layers.Scale(torch.rand(7)),
    "scale by a number": shared_layers.Scale(torch.tensor(0.5), torch.tensor(0.25)),
    "shift": _modules.Shift(torch.rand(3, 1, 1)),
    "power": _modules.Power(2, 0.5, 1),
    "part": _modules.Part(1, 2, 1),
    "rows": _modules.Part(2, 3, 2),
    "columns from the left": _modules.Part(0, 5, 3),
    "global max": _modules.GlobalMaxPool2d(),
    "adaptive max": nn.AdaptiveMaxPool2d(1),
    "reshape": _modules.Reshape((7, 21)),
    "batch norm without factors": nn.BatchNorm2d(3, affine=False),
    "zeros around": nn.ZeroPad2d((1, 2, 0, 3)),
    "wide padding": _modules.MaxPool2d((3, 3), (2, 2), (2, 2), ceil_mode=True),
}


@pytest.mark.parametrize("name", MODULES)
def test_every_module(name, tmp_path):
    assert_same(nn.Sequential(nn.Conv2d(3, 3, 1), MODULES[name]), tmp_path, size=7)


class Functions(nn.Module):
    """Every way to say it without a module."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.gate = nn.Linear(4, 4)
        self.fc = nn.Linear(8, 5)
        self.act = nn.ReLU()

    def forward(self, x):
        x = F.relu(self.conv(x))
        x = F.max_pool2d(x, 3, stride=2, padding=1)
        x = F.pad(x, (1, 0))
        y = F.avg_pool2d(x, kernel_size=2, stride=1) * 0.5 + 1
        y = F.local_response_norm(y, 3, alpha=0.1, k=2.0)
        x = torch.cat([y, 2 - y], dim=1).clamp(min=-1.0, max=1.5)
        a, b = x * 1.0, F.leaky_relu(x, 0.1)
        x = self.act(a - b) + self.act(b).tanh()
        s = torch.sigmoid(self.gate(F.avg_pool2d(y, y.shape[2:]).flatten(1)))
        z = (y * s.view(s.size(0), -1, 1, 1)).mean((2, 3))
        x = torch.maximum(x, F.elu(x)).mean(dim=(-2, -1), keepdim=True).flatten(1)
        return self.fc(F.dropout(x, training=self.training)) + self.fc(torch.cat([z, z], 1))


def test_functions(tmp_path):
    network = Functions().eval()
    images = torch.rand(1, 3, 12, 12)
    # A factor (n, c, 1, 1) goes through a Reshape first, which Caffe's Scale takes flat.
    again = round_trip(network, tmp_path, input_size=12)
    torch.testing.assert_close(again(images), network(images), rtol=1e-5, atol=1e-6)


def test_layers_with_the_names_of_values(tmp_path):
    """A layer may be called as the images are, or as a part of another layer's output."""
    layers = [
        Layer("data", nn.Conv2d(3, 4, 1), ("x",), ("data",)),
        Layer("cut", _modules.Slice((1, 3), 1), ("data",), ("a", "b")),
        Layer("cut_1", nn.ReLU(), ("a",), ("a",)),
        Layer("sum", shared_layers.Concat(), ("a", "x", "b"), ("y",)),
    ]
    network = ImportedNetwork(
        layers,
        input="x",
        channels=3,
        preprocessing=ImagePreprocessing((5, 5), 3),
        source=Source("by hand", "x"),
    )
    again = assert_same(network, tmp_path)
    assert len(list(again.children())) == 4


class NotCaffe(nn.Module):
    def __init__(self, step):
        super().__init__()
        self.conv, self.step = nn.Conv2d(3, 4, 1), step

    def forward(self, x):
        return self.step(self.conv(x))


REFUSED = {
    "GELU": (NotCaffe(nn.GELU()), r"'step' \(GELU\)"),
    "a function": (NotCaffe(lambda x: F.pixel_shuffle(x, 2)), "pixel_shuffle"),
    "a transpose": (NotCaffe(lambda x: x.transpose(1, 2)), "transpose"),
    "a branch by value": (NotCaffe(lambda x: x if x.sum() > 0 else -x), "depends on the images"),
    "reflection": (nn.Sequential(nn.Conv2d(3, 4, 3, padding=1, padding_mode="reflect")), "reflect"),
    "even normalization": (nn.Sequential(nn.Conv2d(3, 4, 1), nn.LocalResponseNorm(4)), "odd"),
    "dilated pool": (nn.Sequential(nn.Conv2d(3, 4, 1), nn.MaxPool2d(2, dilation=2)), "'1'.*dilation"),
    "linear by position": (nn.Sequential(nn.Conv2d(3, 4, 1), nn.Linear(9, 2)), "'1'.*position by position"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_caffe_lacks_is_named(name, tmp_path):
    network, message = REFUSED[name]
    with pytest.raises(NetworkFileError, match=message):
        round_trip(network.eval(), tmp_path, input_size=9)
    assert not list(tmp_path.iterdir())  # nothing is written by halves


def test_wrong_arguments(tmp_path):
    paths = tmp_path / "a.prototxt", tmp_path / "a.caffemodel"
    network = nn.Sequential(nn.Conv2d(3, 2, 1)).eval()
    with pytest.raises(TypeError, match="network must be"):
        sw.models.to_caffe("net", *paths)
    with pytest.raises(ValueError, match="input_size"):
        sw.models.to_caffe(network, *paths, input_size=0)
    with pytest.raises(TypeError, match="input_size"):
        sw.models.to_caffe(network, *paths, input_size="big")
    with pytest.raises(ValueError, match="preprocessing is for 1 channels"):
        sw.models.to_caffe(network, *paths, preprocessing=ImagePreprocessing((9, 9), 1))
    with pytest.raises(ValueError, match=r"Sequential cannot be run on images \(1, 3, 9, 9\): .*shapes"):
        sw.models.to_caffe(
            nn.Sequential(nn.Conv2d(3, 2, 1), nn.Flatten(), nn.Linear(9, 2)).eval(), *paths, input_size=9
        )
    network[0].weight.data[0] = float("nan")
    with pytest.raises(NetworkFileError, match="not finite"):
        sw.models.to_caffe(network, *paths, input_size=9)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("order", ["rgb", "bgr"])
@pytest.mark.parametrize("by_pixel", [False, True])
def test_preprocessing_and_names_go_along(order, by_pixel, tmp_path):
    ink = "positive" if order == "rgb" else "negative"
    mean = torch.rand(3, 8, 8) * 100 if by_pixel else torch.tensor([104.5, 117.25, 123.125])
    preprocessing = ImagePreprocessing((8, 8), 3, order, mean=mean, scale=0.25, ink=ink, resize=11)
    network = imported(
        [("conv", nn.Conv2d(3, 2, 8))], 8, preprocessing=preprocessing, class_names=("owl", "a  lamp\n")
    )
    written = sw.models.to_caffe(network, tmp_path / "n.prototxt", tmp_path / "n.caffemodel")
    names = [path.name for path in written]
    assert names == [
        "n.prototxt",
        "n.caffemodel",
        *(["n_mean.binaryproto"] if by_pixel else []),
        "n_labels.txt",
    ]
    again = sw.models.from_caffe(*written[:2], class_names=written[-1])
    assert again.class_names == ("owl", "a lamp")
    assert again.preprocessing.channel_order == order
    photo = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)
    assert torch.equal(again.prepare(photo), network.prepare(photo))
    assert torch.equal(again(again.prepare(photo)), network(network.prepare(photo)))


def test_a_network_in_training_is_written_as_it_is_used_and_left_in_training(tmp_path):
    """Statistics are the running ones, dropout drops nothing, and a frozen part stays in eval mode."""
    net = lively(nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Dropout(0.5), nn.ReLU()))
    images = torch.rand(2, 1, 9, 9)
    expected = net(images)
    net.train()
    net[1].eval()
    state = {name: value.clone() for name, value in net.state_dict().items()}
    again = round_trip(net, tmp_path, input_size=9)
    torch.testing.assert_close(again(images), expected, rtol=1e-5, atol=1e-5)
    assert [module.training for module in net] == [True, False, True, True]
    assert net.training
    assert all(torch.equal(value, state[name]) for name, value in net.state_dict().items())
    with pytest.raises(NetworkFileError, match="Caffe has no such layer"):
        round_trip(nn.Sequential(net, nn.PixelShuffle(2)).train(), tmp_path, input_size=9)
    assert net[1].training  # of the second network, which was all in training


@pytest.mark.parametrize("channels", [1, 6])
def test_a_network_for_drawings_is_read_with_its_ink(channels, tmp_path):
    """From both formats the same, so that no drawing is turned round in one of them."""
    net = sw.models.create("sketch_a_net", classes=3, channels=channels, width=0.05)
    again = round_trip(net, tmp_path)
    assert (tmp_path / "net.prototxt").read_text().startswith("# ink: positive\n")
    sw.models.to_matconvnet(net, tmp_path / "net.mat")
    both = again, sw.models.from_matconvnet(tmp_path / "net.mat")
    assert [network.preprocessing.ink for network in both] == ["positive", "positive"]
    sketch = sw.Sketch([[(20, 20), (200, 120), (60, 200)], [(20, 200), (200, 20)], [(20, 90), (90, 90)]])
    caffe, matconvnet = (sw.Network.of(network).prepare(sketch) for network in both)
    assert torch.equal(caffe, matconvnet)
    assert caffe.mean() < 0.2 * caffe.max()  # paper is 0


@pytest.mark.parametrize("mean", [None, 100.0])
@pytest.mark.parametrize("ink", ["negative", "positive"])
def test_the_ink_of_grey_pictures_goes_along(ink, mean, tmp_path):
    mean = None if mean is None else torch.tensor([mean])
    given = ImagePreprocessing((9, 9), 1, mean=mean, ink=ink)
    assert (
        round_trip(nn.Sequential(nn.Conv2d(1, 2, 3)), tmp_path, preprocessing=given).preprocessing.ink == ink
    )
    paths = tmp_path / "net.prototxt", tmp_path / "net.caffemodel"
    other = "positive" if ink == "negative" else "negative"
    assert sw.models.from_caffe(*paths, ink=other).preprocessing.ink == other
    # A file that says nothing.
    lines = paths[0].read_text().splitlines()
    paths[0].write_text("\n".join(line for line in lines if not line.startswith("#")))
    usual = "positive" if mean is None else "negative"
    assert sw.models.from_caffe(*paths).preprocessing.ink == usual
    with pytest.raises(ValueError, match=r"ink must be one of 'negative', 'positive', not 'blue'"):
        sw.models.from_caffe(*paths, ink="blue")
