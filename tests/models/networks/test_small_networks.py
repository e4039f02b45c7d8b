"""LeNet and Sketch-a-Net against the layer tables of their papers."""

import copy
import math

import pytest
import torch
from layer_tables import count, output_shapes, parameters

from sketchwidgets import models
from sketchwidgets.models.networks.lenet import CONNECTIONS

SKETCH_A_NET = {
    "conv1": (64, 71, 71),
    "pool1": (64, 35, 35),
    "conv2": (128, 31, 31),
    "pool2": (128, 15, 15),
    "conv3": (256, 15, 15),
    "conv4": (256, 15, 15),
    "conv5": (256, 15, 15),
    "pool5": (256, 7, 7),
    "fc6": (512, 1, 1),
    "fc7": (512, 1, 1),
    "fc8": (250, 1, 1),
}
LENET = {
    "conv1": (6, 28, 28),
    "pool1": (6, 14, 14),
    "conv2": (16, 10, 10),
    "pool2": (16, 5, 5),
    "conv3": (120, 1, 1),
    "fc4": (84, 1, 1),
    "fc5": (10, 1, 1),
}


@pytest.mark.parametrize(("channels", "total"), [(1, 8_508_666), (6, 8_580_666)])
def test_sketch_a_net(channels, total):
    with torch.device("meta"):
        network = models.create("sketch_a_net", channels=channels)
    shapes = output_shapes(network, channels)
    assert {layer: shapes[layer] for layer in SKETCH_A_NET} == SKETCH_A_NET
    assert network.conv1.weight.shape == (64, channels, 15, 15)
    assert count(network) == total
    assert len(list(network.children())) == 20  # the 21 of the authors' file less its softmax loss


@pytest.mark.parametrize("original", [False, True])
def test_sizes_of_lenet(original):
    with torch.device("meta"):
        network = models.create("lenet", original=original)
    shapes = output_shapes(network, channels=1)
    assert {layer: shapes[layer] for layer in LENET} == LENET


def test_parameters_of_lenet():
    """The paper's own counts: C1 156, S2 12, C3 1516, S4 32, C5 48,120, F6 10,164, together 60,000."""
    network = models.create("lenet", original=True)
    assert parameters(network) == {
        "conv1": 156,
        "pool1": 12,
        "conv2": 1516,
        "pool2": 32,
        "conv3": 48_120,
        "fc4": 10_164,
        "fc5": 850,
    }
    assert count(models.create("lenet")) == 61_706


def test_a_map_of_c3_sees_what_table_1_says_before_and_after_a_step():
    network = models.create("lenet", original=True)
    seen = torch.zeros(16, 6, dtype=torch.bool)
    for filter_, row in enumerate(CONNECTIONS):
        seen[filter_, list(row)] = True
    assert seen.sum() == 60
    assert [int(row.sum()) for row in seen] == [3] * 6 + [4] * 9 + [6]
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1, weight_decay=0.1)
    before = network.conv2.weight.detach().clone()
    network(torch.randn(4, 1, 32, 32)).square().sum().backward()
    optimizer.step()
    after = network.conv2.weight.detach()
    for weight in (before, after):
        assert torch.equal(weight.flatten(2).abs().amax(2) > 0, seen)
    assert (before != after).any()


def test_the_original_lenet_by_hand():
    """The paper's formulas with numpy-like loops, float64."""
    network = copy.deepcopy(models.create("lenet", original=True)).double()
    with torch.no_grad():
        for part in network.parameters():
            part += 0.01 * torch.randn_like(part)
    image = torch.randn(1, 1, 32, 32, dtype=torch.float64)

    def squash(a):
        return 1.7159 * torch.tanh(2 / 3 * a)

    def correlate(maps, weight, bias):
        side = weight.shape[-1]
        windows = maps.unfold(1, side, 1).unfold(2, side, 1)
        return torch.einsum("chwij,ocij->ohw", windows, weight) + bias[:, None, None]

    def subsample(maps, pool):
        summed = maps[:, ::2, ::2] + maps[:, 1::2, ::2] + maps[:, ::2, 1::2] + maps[:, 1::2, 1::2]
        weight, bias = pool.scale.weight.flatten() / 4, pool.scale.bias
        return weight[:, None, None] * summed + bias[:, None, None]

    with torch.no_grad():
        maps = image[0]
        for conv, pool in ((network.conv1, network.pool1), (network.conv2, network.pool2)):
            maps = squash(subsample(squash(correlate(maps, conv.weight, conv.bias)), pool))
        maps = squash(correlate(maps, network.conv3.weight, network.conv3.bias))
        hidden = squash(network.fc4.weight.flatten(1) @ maps.flatten() + network.fc4.bias)
        scores = network.fc5.weight.flatten(1) @ hidden + network.fc5.bias
        torch.testing.assert_close(network(image)[0], scores)
        torch.testing.assert_close(network.features(image)[0], hidden)
    assert math.isclose(float(squash(torch.tensor(1.0))), 1, abs_tol=1e-3)


@pytest.mark.parametrize(("name", "argument"), [("lenet", "classes"), ("sketch_a_net", "channels")])
def test_bad_sizes(name, argument):
    with pytest.raises(ValueError, match=f"{argument} must be a positive integer, got 0"):
        models.create(name, **{argument: 0})


@pytest.mark.parametrize("side", [31, 36, 64])
def test_images_of_another_size_do_not_pass_for_more_classes(side):
    network = models.create("lenet").eval()
    with pytest.raises(ValueError, match=rf"LeNet takes images \(n, channels, 32, 32\), not \(1, 1, {side}"):
        network(torch.zeros(1, 1, side, side))
    with pytest.raises(ValueError, match="LeNet takes images"):
        network.features(torch.zeros(1, 1, side, side))


def test_the_first_layers_take_any_image():
    network = models.create("sketch_a_net", classes=3).eval()
    maps = []
    network.relu3.register_forward_hook(lambda *given: maps.append(given[-1]))
    with pytest.raises(ValueError, match="SketchANet takes images"):
        network(torch.zeros(1, 1, 97, 97))
    assert maps[0].shape == (1, 256, 4, 4)  # 97 -> 28 -> 13 -> 9 -> 4
