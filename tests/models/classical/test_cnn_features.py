"""Features of networks: what the layer returns, of any network, which stays as it is."""

import numpy as np
import pytest
import torch
from torch import nn

import sketchwidgets as sw
from sketchwidgets.models.classical import CNNFeatureSVM, frame, layer_by_layer, layer_features


@pytest.fixture
def network():
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(1, 4, 5, 3), nn.ReLU(), nn.Dropout(0.5), nn.Flatten(), nn.Linear(4 * 100, 3)
    )
    net.input_size = 32
    net.eval()
    net[2].train()  # a mode of its own
    return net


def test_features_are_what_the_layer_returns(network, shapes):
    images = torch.from_numpy(frame(shapes[0], 32, 0.89))[:, None]
    with torch.no_grad():
        expected = network[1](network[0](images))
    assert np.allclose(layer_features(network, shapes[0], "1", batch=7), expected.flatten(1), atol=1e-6)
    assert np.allclose(layer_features(network, shapes[0]), expected.flatten(1), atol=1e-6)  # dropout is off


def test_the_network_stays_as_it_is(network, shapes):
    modes = [part.training for part in network.modules()]
    layer_features(network, shapes[0], "1")
    for layer, match in (("8", "is not a module"), ("unused", "does not run")):
        if layer == "unused":
            network.unused = nn.Identity()
            network.forward = lambda x: network[1](network[0](x))
        with pytest.raises(ValueError, match=match):
            layer_features(network, shapes[0], layer)
    assert [part.training for part in network.modules()][: len(modes)] == modes
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in network.modules())


@pytest.mark.parametrize("faint", [0, 150])
def test_lines_are_drawn_again(network, faint):
    image = np.full((1, 33, 33), 255, np.uint8)
    image[0, 16, 1:32] = faint
    thick = np.full((1, 33, 33), 255, np.uint8)
    thick[0, 15:18] = 0
    network.input_size = 33
    options = {"layer": "0", "fill": None}
    assert np.allclose(
        layer_features(network, image, pen=3, **options), layer_features(network, thick, **options), atol=1e-6
    )


def test_a_network_that_prepares(shapes):
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 2, 3), nn.ReLU()).eval()
    known = sw.Network(net, size=24, mean=0.3, std=0.2)
    images = shapes[0][:4]
    pictures = 1 - torch.from_numpy(frame(images, 24, 0.89))[:, None].expand(-1, 3, -1, -1)
    with torch.no_grad():
        expected = net((pictures - 0.3) / 0.2).flatten(1)
    assert np.allclose(layer_features(known, images, "1"), expected, atol=1e-4)
    plain = layer_features(net, images[:2], "1")  # as a photo of ImageNet, 224 pixels
    assert plain.shape == (2, 2 * 222 * 222)


def test_networks_that_take_no_drawing(shapes):
    for net in (nn.Linear(3, 3), nn.Conv2d(6, 3, 3)):
        with pytest.raises(ValueError, match=r"give a sw\.Network"):
            layer_features(net, shapes[0])
    with pytest.raises(TypeError, match="network must be"):
        layer_features(None, shapes[0])


def test_layer_by_layer_is_one_machine_per_fold(network, shapes):
    images, names = shapes
    folds = np.arange(36) % 2
    found = layer_by_layer(network, ["0", None], images, names, folds, progress=False)
    assert list(found) == ["0", None]
    for layer, predicted in found.items():
        for fold in (0, 1):
            machine = CNNFeatureSVM(network, layer, progress=False)
            machine.fit(images[folds != fold], names[folds != fold])
            assert np.array_equal(predicted[folds == fold], machine.predict(images[folds == fold]))


@pytest.mark.parametrize(
    ("folds", "match"),
    [(np.zeros(36), "folds must be one for each"), (np.arange(36) % 3, "has examples in fold 0 only")],
)
def test_folds_that_cannot_be(network, shapes, folds, match):
    with pytest.raises(ValueError, match=match):
        layer_by_layer(network, ["1"], *shapes, folds, progress=False)
