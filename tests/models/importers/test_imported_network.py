"""A graph of named layers as one module, and what pictures go through before it."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

import sketchwidgets as sw
from sketchwidgets.models.importers import (
    ImagePreprocessing,
    ImportedNetwork,
    Layer,
    NetworkFileError,
    Source,
)
from sketchwidgets.models.importers._layers import Concat, Sum
from sketchwidgets.models.importers._sizes import output_size


class Halves(nn.Module):
    def forward(self, maps):
        return tuple(maps.chunk(2, 1))


def network(*layers, output=None, channels=2):
    return ImportedNetwork(
        [Layer(*layer) for layer in layers],
        input="data",
        output=output,
        channels=channels,
        preprocessing=ImagePreprocessing((4, 4), channels),
        source=Source("by hand", "hand.txt"),
    )


def test_layers_run_as_the_graph_says():
    net = network(
        ("split", Halves(), ("data",), ("a", "b")),
        ("relu", nn.ReLU(), ("b",), ("b",)),  # in place: from here on b is the rectified one
        ("both", Concat(), ("a", "b", "data"), ("c",)),
        ("sum", Sum((1, -2)), ("c", "c"), ("d",)),
    )
    x = torch.randn(3, 2, 4, 4, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(net(x), -torch.cat([x[:, :1], x[:, 1:].relu(), x], 1))
    assert net.graph[1] == ("relu", ("b",), ("b",))
    assert (net.input_name, net.output_name) == ("data", "d")
    assert not net.training
    again = copy.deepcopy(net)
    assert torch.equal(again(x), net(x))


def test_maps_of_one_position_are_scores():
    net = network(("fc", nn.Conv2d(2, 5, 4), ("data",), ("scores",)))
    assert net(torch.zeros(3, 2, 4, 4)).shape == (3, 5)
    assert net(torch.zeros(3, 2, 5, 4)).shape == (3, 5, 2, 1)


def test_names_that_a_module_cannot_have():
    layers = [(name, nn.ReLU(), ("data",), ("data",)) for name in ("a.b", "a_b", "", "forward", "a/b", "a.b")]
    names = [name for name, _ in network(*layers).named_children()]
    assert names == ["a_b", "a_b_2", "layer", "forward_2", "a/b", "a_b_3"]


def test_what_does_not_lead_to_the_output_is_left_out():
    layers = [
        ("one", nn.ReLU(), ("data",), ("a",)),
        ("aside", nn.ReLU(), ("a",), ("extra",)),
        ("two", nn.Sigmoid(), ("a",), ("b",)),
    ]
    net = network(*layers)
    assert [name for name, _ in net.named_children()] == ["one", "two"]
    assert net.left_out == (("aside", "does not lead to the output"),)
    assert [name for name, _ in network(*layers, output="extra").named_children()] == ["one", "aside"]
    with pytest.raises(ValueError, match=r"output must be .*'a', 'extra', 'b'.*, not 'c'"):
        network(*layers, output="c")


def test_graphs_that_cannot_run():
    with pytest.raises(
        NetworkFileError, match=r"hand\.txt: layer 'two' takes 'x', which no layer before it makes"
    ):
        network(("two", nn.ReLU(), ("x",), ("y",)))
    with pytest.raises(NetworkFileError, match="no layer that computes"):
        network()
    with pytest.raises(ValueError, match=r"images must be \(n, 2, h, w\), not \(1, 3, 4, 4\)"):
        network(("one", nn.ReLU(), ("data",), ("a",)))(torch.zeros(1, 3, 4, 4))


def test_sizes_are_those_of_the_run():
    net = network(
        ("conv", nn.Conv2d(2, 3, (3, 5), (2, 1), (1, 0), (1, 2)), ("data",), ("a",)),
        ("pool", nn.MaxPool2d(3, 2, 1, ceil_mode=True), ("a",), ("b",)),
        ("up", nn.ConvTranspose2d(3, 2, 3, 2, 1, 1), ("b",), ("c",)),
    )
    for size in ((9, 14), (10, 15), (12, 13)):
        assert output_size(net, size) == tuple(net(torch.zeros(1, 2, *size)).shape[2:])
    with pytest.raises(ValueError, match="maps of 9 x 5 pixels are too small for layer 'conv'"):
        output_size(net, (9, 5))
    unlike = network(("small", nn.MaxPool2d(2), ("data",), ("a",)), ("sum", Sum(), ("a", "data"), ("b",)))
    with pytest.raises(ValueError, match="layer 'sum' takes maps of different sizes, 2 x 2, 4 x 4"):
        output_size(unlike, (4, 4))


def test_pictures_are_prepared_as_the_fields_say():
    picture = np.zeros((4, 8, 3), np.uint8)
    picture[..., 0], picture[..., 2] = 200, 50
    mean = torch.tensor([1.0, 2.0, 3.0])
    prepared = ImagePreprocessing((4, 4), 3, "bgr", mean, 0.5).prepare(picture)
    assert torch.allclose(prepared[0, :, 0, 0], torch.tensor([49 / 2, -2 / 2, 197 / 2]))
    grey = ImagePreprocessing((4, 4), 1, ink="positive").prepare(picture[..., 0])
    assert torch.allclose(grey, torch.full((1, 1, 4, 4), 55.0))
    image = torch.arange(16.0).reshape(1, 4, 4)
    assert torch.allclose(
        ImagePreprocessing((4, 4), 1, mean=image).prepare(picture[..., 0]), 200 - image[None]
    )
    wide = np.tile(np.arange(0, 240, 10, dtype=np.uint8), (24, 1))
    cropped = ImagePreprocessing((8, 8), 1, resize=24).prepare(wide)
    assert torch.allclose(cropped[0, 0, 0], torch.arange(80.0, 160, 10))


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"size": (0, 4)}, "size must be"),
        ({"channel_order": "grey"}, "channel_order of 3 channels must be 'rgb' or 'bgr'"),
        ({"mean": torch.zeros(4)}, "mean must be"),
        ({"mean": torch.full((3,), torch.nan)}, "not finite"),
        ({"scale": 0}, "scale must be"),
        ({"ink": "blue"}, "ink must be"),
        ({"resize": 2}, "resize must be"),
    ],
)
def test_fields_of_the_preprocessing_are_named(arguments, match):
    with pytest.raises(ValueError, match=match):
        ImagePreprocessing(**{"size": (4, 4), "channels": 3} | arguments)


def test_only_pictures_of_one_or_three_channels():
    with pytest.raises(ValueError, match="the network takes 6"):
        ImagePreprocessing((4, 4), 6).prepare(np.zeros((4, 4), np.uint8))


def test_a_network_may_have_a_mean_image():
    net = nn.Conv2d(1, 2, 4).eval()
    image = torch.rand(1, 4, 4, generator=torch.Generator().manual_seed(0))
    taken = sw.Network(net, size=4, mean=image, ink="negative")
    assert taken.mean == pytest.approx((image.mean().item(),))
    prepared = taken.prepare(np.full((4, 4), 255, np.uint8))
    assert torch.allclose(prepared, 1 - image[None])
    assert (taken.picture(prepared) == 255).all()
    assert torch.allclose(taken.from_ink(torch.zeros(1, 1, 4, 4)), prepared)
    with pytest.raises(ValueError, match=r"mean as an image must be \(1, 4, 4\)"):
        sw.Network(net, size=4, mean=image[:, :3])
