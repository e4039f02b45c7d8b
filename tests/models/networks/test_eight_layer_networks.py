"""ZFNet and AlexNet against the layer tables of their papers, and the networks of the ablation table."""

import json

import pytest
import torch
from layer_tables import count, output_shapes, parameters

import sketchwidgets as sw
from sketchwidgets import models

ZFNET = {
    "conv1": (96, 110, 110),
    "pool1": (96, 55, 55),
    "norm1": (96, 55, 55),
    "conv2": (256, 26, 26),
    "pool2": (256, 13, 13),
    "norm2": (256, 13, 13),
    "conv3": (384, 13, 13),
    "conv4": (384, 13, 13),
    "conv5": (256, 13, 13),
    "pool5": (256, 6, 6),
    "fc6": (4096, 1, 1),
    "fc7": (4096, 1, 1),
    "fc8": (1000, 1, 1),
}
ALEXNET = ZFNET | {
    "conv1": (96, 55, 55),
    "norm1": (96, 55, 55),
    "pool1": (96, 27, 27),
    "conv2": (256, 27, 27),
    "norm2": (256, 27, 27),
}
# Weights and biases of the dense layers, by hand: filters x (side squared x maps below + 1).
ZFNET_PARAMETERS = {
    "conv1": 96 * (49 * 3 + 1),
    "conv2": 256 * (25 * 96 + 1),
    "conv3": 384 * (9 * 256 + 1),
    "conv4": 384 * (9 * 384 + 1),
    "conv5": 256 * (9 * 384 + 1),
    "fc6": 4096 * (36 * 256 + 1),
    "fc7": 4096 * (4096 + 1),
    "fc8": 1000 * (4096 + 1),
}
ORDER = [
    "relu1",
    "pool1",
    "norm1",
    "conv2",
    "relu2",
    "pool2",
    "norm2",
    "conv3",
    "relu3",
    "conv4",
    "relu4",
    "conv5",
]


def make(name, **arguments):
    with torch.device("meta"):
        return models.create(name, **arguments)


@pytest.mark.parametrize(("name", "table"), [("zfnet", ZFNET), ("alexnet", ALEXNET)])
def test_every_layer_has_the_printed_size(name, table):
    shapes = output_shapes(make(name), channels=3)
    assert {layer: shapes[layer] for layer in table} == table
    assert all(shapes[f"relu{k}"] == shapes[f"conv{k}" if k < 6 else f"fc{k}"] for k in range(1, 8))


def test_parameters_of_zfnet():
    network = make("zfnet")
    assert parameters(network) == ZFNET_PARAMETERS
    assert count(network) == 62_357_608


def test_parameters_of_alexnet():
    """Its groups halve what the filters of 2, 4 and 5 see."""
    expected = ZFNET_PARAMETERS | {
        "conv1": 96 * (121 * 3 + 1),
        "conv2": 256 * (25 * 48 + 1),
        "conv4": 384 * (9 * 192 + 1),
        "conv5": 256 * (9 * 192 + 1),
    }
    network = make("alexnet")
    assert parameters(network) == expected
    assert count(network) == 60_965_224  # of bvlc_alexnet.caffemodel


def test_order_of_the_layers():
    assert [name for name, _ in make("zfnet").named_children()][1:13] == ORDER
    ours = [name for name, _ in make("alexnet").named_children()]
    assert ours[:8] == ["conv1", "relu1", "norm1", "pool1", "conv2", "relu2", "norm2", "pool2"]
    assert ours[-7:] == ["fc6", "relu6", "drop6", "fc7", "relu7", "drop7", "fc8"]


def test_the_one_change_between_the_two():
    """Of dense networks in the same order only the first filters differ, and the stride that makes up for theirs."""
    zfnet = dict(make("zfnet").named_children())
    alexnet = dict(make("alexnet", groups=1, norm_before_pool=False).named_children())
    assert list(zfnet) == list(alexnet)
    changed = {name for name in zfnet if repr(zfnet[name]) != repr(alexnet[name])}
    assert changed == {"conv1", "conv2", "pool1", "pool2"}
    assert (alexnet["conv1"].kernel_size, alexnet["conv1"].stride) == ((11, 11), (4, 4))
    assert (zfnet["conv1"].kernel_size, zfnet["conv1"].stride) == ((7, 7), (2, 2))
    for name in ("conv2", "pool1", "pool2"):
        assert zfnet[name].kernel_size == alexnet[name].kernel_size


WIDE = (96, 256, 512, 1024, 512)
# Zeiler & Fergus, table 3: one argument list a row; the layers with weights and the units of 3-7.
ABLATION = [
    ("alexnet", {}, "12345678", (384, 384, 256, 4096, 4096)),
    ("alexnet", {"without": (3, 4)}, "125678", (256, 4096, 4096)),
    ("alexnet", {"without": (7,)}, "1234568", (384, 384, 256, 4096)),
    ("alexnet", {"without": (6, 7)}, "123458", (384, 384, 256)),
    ("alexnet", {"without": (3, 4, 6, 7)}, "1258", (256,)),
    ("alexnet", {"fc": 2048}, "12345678", (384, 384, 256, 2048, 2048)),
    ("alexnet", {"fc": 8192}, "12345678", (384, 384, 256, 8192, 8192)),
    ("zfnet", {}, "12345678", (384, 384, 256, 4096, 4096)),
    ("zfnet", {"fc": 2048}, "12345678", (384, 384, 256, 2048, 2048)),
    ("zfnet", {"fc": 8192}, "12345678", (384, 384, 256, 8192, 8192)),
    ("zfnet", {"conv": WIDE}, "12345678", (512, 1024, 512, 4096, 4096)),
    ("zfnet", {"conv": WIDE, "fc": 8192}, "12345678", (512, 1024, 512, 8192, 8192)),
]


@pytest.mark.parametrize(("name", "arguments", "layers", "widths"), ABLATION)
def test_the_rows_of_the_ablation_table(name, arguments, layers, widths):
    network = make(name, classes=20, **arguments)
    with_weights = {k: v for k, v in network.named_children() if isinstance(v, torch.nn.Conv2d)}
    assert [layer[-1] for layer in with_weights] == list(layers)
    assert tuple(v.out_channels for k, v in with_weights.items() if k[-1] in "34567") == widths
    shapes = output_shapes(network, channels=3)
    assert shapes["pool5"][1:] == (6, 6)
    assert shapes["fc8"] == (20, 1, 1)
    images = torch.zeros(2, 3, network.input_size, network.input_size, device="meta")
    assert network(images).shape == (2, 20)
    assert network.features(images).shape == (2, network.feature_size)
    # Its arguments, as a file of weights keeps them, make it again.
    again = make(name, **json.loads(json.dumps(network.arguments)))
    assert repr(again) == repr(network)


@pytest.mark.parametrize(
    ("name", "published"),
    [
        ("zfnet", "conv1 7/2, pool1 11/4, conv2 27/8, pool2 43/16, conv3 75/16, conv4 107/16, conv5 139/16, "
         "pool5 171/32"),
        ("alexnet", "conv1 11/4, pool1 19/8, conv2 51/8, pool2 67/16, conv3 99/16, conv4 131/16, conv5 163/16, "
         "pool5 195/32"),
    ],
)  # fmt: skip
def test_receptive_fields(name, published):
    """Size and jump in pixels of the image, of a network with few maps: they do not matter."""
    network = models.create(name, conv=(2, 2, 2, 2, 2), fc=2, classes=2, channels=1).eval()
    layers = [entry.split()[0] for entry in published.split(", ")]
    fields = sw.receptive_field(network, layers)
    found = ", ".join(f"{layer} {fields[layer].size[0]}/{fields[layer].jump[0]}" for layer in layers)
    assert found == published


def test_two_widths_and_no_fifth_layer():
    network = make("zfnet", fc=(64, 32), without=(5,), channels=1)
    shapes = output_shapes(network, channels=1)
    assert shapes["pool5"] == (384, 6, 6)
    assert (shapes["fc6"][0], shapes["fc7"][0]) == (64, 32)


@pytest.mark.parametrize(
    ("name", "size", "maps"),
    [
        ("zfnet", 112, {"conv1": 54, "pool1": 27, "conv2": 12, "pool2": 6, "conv5": 6, "pool5": 2}),
        ("alexnet", 115, {"conv1": 27, "pool1": 13, "conv2": 13, "pool2": 6, "conv5": 6, "pool5": 2}),
        ("zfnet", 64, {"pool2": 3, "pool5": 1}),
        ("zfnet", 256, {"pool2": 15, "pool5": 7}),
    ],
)
def test_another_size_of_the_input(name, size, maps):
    network = make(name, size=size, channels=1, conv=(2, 2, 2, 2, 2), fc=4, classes=3)
    shapes = output_shapes(network, channels=1)
    assert {layer: shapes[layer][1] for layer in maps} == maps
    assert shapes["fc8"] == (3, 1, 1)
    assert network.arguments["size"] == network.input_size == size
    with pytest.raises(ValueError, match="takes images"):
        network(torch.zeros(1, 1, size + 32, size + 32, device="meta"))


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"classes": 0}, "classes must be a positive integer, got 0"),
        ({"channels": 1.5}, "channels must be a positive integer"),
        ({"without": (2,)}, "without has 2; layers that can be removed are 3, 4, 5, 6, 7"),
        ({"without": ("conv3",)}, "without has 'conv3'"),
        ({"without": 3}, r"without must be layer numbers such as \(3, 4\), got 3"),
        ({"conv": (1, 2, 3)}, "conv must be 5 widths"),
        ({"conv": (96, 256, 384, 384, -1)}, r"conv\[4\] must be a positive integer"),
        ({"fc": (4096,)}, "fc must be 2 widths"),
        ({"fc": "4096"}, "fc must be 2 widths"),
        ({"groups": 3}, "conv: layer 2 has 96 -> 256 maps, not to be cut into 3 groups"),
        ({"dropout": 1}, "dropout must be a probability below 1"),
        ({"size": 20}, "size 20 is too small"),
        ({"size": "224"}, "size must be a positive integer"),
    ],
)
def test_what_makes_no_network(arguments, problem):
    with pytest.raises(ValueError, match=problem):
        make("zfnet", **arguments)
