"""Small networks to look into, with random weights from a fixed seed."""

import torch
from torch import Tensor, nn

import sketchwidgets as sw

HOUSE = sw.Sketch([[(0, 40), (40, 0), (80, 40), (80, 90), (0, 90), (0, 40)], [(30, 90), (30, 60), (50, 60)]])


class Skipping(nn.Module):
    """A network that nobody prepared: functional ReLUs, a reused pool, a skip, and class scores in no module."""

    def __init__(self, channels: int = 3, classes: int = 6) -> None:
        super().__init__()
        self.stem = nn.Conv2d(channels, 8, 5, stride=2)
        self.norm = nn.BatchNorm2d(8)
        self.pool = nn.MaxPool2d(2)
        self.left = nn.Conv2d(8, 8, 3, padding=1)
        self.last = nn.Conv2d(8, classes, 3)

    def forward(self, images: Tensor) -> Tensor:
        maps = self.pool(self.norm(self.stem(images)).relu())
        maps = torch.relu(self.left(maps) + maps)
        return torch.relu(self.last(self.pool(maps))).mean((2, 3))


def skipping(channels: int = 3, size: int = 48, **settings) -> sw.Network:
    torch.manual_seed(7)
    classes = ["ant", "bee", "cat", "dog", "elk", "fox"]
    return sw.Network(Skipping(channels).eval(), size=size, classes=classes, **settings)


def chain(channels: int = 1, size: int = 40) -> sw.Network:
    """Two convolutions with modules for all that is done."""
    torch.manual_seed(3)
    net = nn.Sequential(
        nn.Conv2d(channels, 6, 5, stride=2),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(6, 9, 3),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(9, 4),
    )
    return sw.Network(net.eval(), size=size, classes=["ant", "bee", "cat", "dog"], name="chain")
