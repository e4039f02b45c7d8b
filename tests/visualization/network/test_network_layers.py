"""Which layers of a network are looked at, and where its class scores come from."""

import pytest
import torch
from torch import nn

import sketchwidgets as sw
from sketchwidgets.models import SketchANet
from sketchwidgets.visualization import Network


def classifier():
    return nn.Sequential(
        nn.Conv2d(3, 5, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(5, 4)
    ).eval()


@pytest.mark.parametrize(
    ("name", "layers"),
    [
        ("alexnet", ("features.1", "features.4", "features.7", "features.9", "features.11")),
        ("resnet18", ("relu", "layer1.1", "layer2.1", "layer3.1", "layer4.1")),
        ("resnet50", ("relu", "layer1.2", "layer2.3", "layer3.5", "layer4.2")),
        ("googlenet", ("conv1", "conv3", "inception3b", "inception4e", "inception5b")),
        ("squeezenet1_1", ("features.1", "features.4", "features.7", "features.12")),
        # The inputs of ReLU6.
        (
            "mobilenet_v2",
            (
                "features.2.conv.0.1",
                "features.4.conv.0.1",
                "features.7.conv.0.1",
                "features.14.conv.0.1",
                "features.18.1",
            ),
        ),
    ],
)
def test_a_handful_of_layers(name, layers):
    network = Network.torchvision(name, weights=None)
    network.size = (96, 96)  # faster, the same layers
    assert network.layers() == layers
    every = network.layers(every=True)
    assert len(every) >= len(layers)
    assert all(not module._forward_hooks for module in network.module.modules())


class Functions(nn.Module):
    """All activations are functions called in between."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 6, 3, padding=1)
        self.pool = nn.MaxPool2d(2)
        self.conv2 = nn.Conv2d(6, 8, 3)
        self.norm2 = nn.BatchNorm2d(8)
        self.conv3 = nn.Conv2d(8, 4, 6)

    def forward(self, images):
        images = self.pool(torch.relu(self.conv1(images)))
        return self.conv3(torch.relu(self.norm2(self.conv2(images)))).flatten(1)


def test_activations_that_are_no_modules_count_by_what_goes_into_them():
    network = Network(Functions().eval(), size=16)
    assert network.layers() == ("conv1", "norm2")
    assert set(sw.project(network.module, torch.rand(1, 3, 16, 16), network.layers(), top=2)) == {
        "conv1",
        "norm2",
    }


class Join(nn.Module):
    def forward(self, maps, weight=1):
        return torch.cat(maps, 1) * weight


class Flat(nn.Module):
    """Modules of two branches, whose layers stand side by side; what joins them takes a list."""

    def __init__(self, sign=1):
        super().__init__()
        self.sign = sign
        for number, (taken, stride) in enumerate([(3, 1), (6, 1), (6, 2), (6, 1)]):
            for branch in "ab":
                name = f"{number}{branch}"
                self.add_module(f"conv{name}", nn.Conv2d(taken, 3, 3, stride, padding=1))
                self.add_module(f"relu{name}", nn.ReLU(inplace=True))
            self.add_module(f"join{number}", Join())
        self.head = nn.Conv2d(6, 4, 8)

    def forward(self, images):
        for number in range(4):
            parts = []
            for branch in "ab":
                made = self.get_submodule(f"conv{number}{branch}")(images)
                parts.append(self.get_submodule(f"relu{number}{branch}")(made))
            images = self.get_submodule(f"join{number}")(parts, weight=self.sign)
        return self.head(images).flatten(1)


def test_what_joins_branches_stands_for_them_where_it_is_rectified_too():
    network = Network(Flat().eval(), size=16)
    assert network.layers() == ("join1", "join3")
    assert len(network.layers(every=True)) == 8
    assert Network(Flat(sign=-1).eval(), size=16).layers() == ("relu1b", "relu3b")
    assert all(not module._forward_hooks for module in network.module.modules())


class Functional(nn.Module):
    """Its class scores come out of no module of its own."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 6, 3)

    def forward(self, images):
        return self.conv(images).relu().mean((2, 3))


def test_where_the_class_scores_come_from():
    assert Network(classifier(), size=16).class_layer() == "4"
    assert Network(nn.Sequential(classifier(), nn.Softmax(1)).eval(), size=16).class_layer() == "0.4"
    assert Network(SketchANet(7).eval(), size=225).class_layer() == "fc8"
    assert Network.torchvision("squeezenet1_1", weights=None).class_layer() == "classifier.3"
    assert Network(Functional().eval(), size=16).class_layer() is None
    with pytest.raises(ValueError, match="no class scores"):
        Network(classifier()[:2].eval(), size=16).class_layer()
