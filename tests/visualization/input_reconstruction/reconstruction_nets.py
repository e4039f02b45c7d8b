"""Small networks to reconstruct inputs of."""

import torch
from torch import nn


def seeded(build, dtype=torch.float64):
    """A network in eval mode with weights that are always the same."""
    torch.manual_seed(0)
    return build().to(dtype).eval()


class Small(nn.Sequential):
    """Two convolutions and a linear layer, with an in-place rectifier; (n, channels, 12, 10) -> (n, 5)."""

    input_size = 12

    def __init__(self, channels=1):
        super().__init__(
            nn.Conv2d(channels, 6, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(2),
            nn.Conv2d(6, 8, 3, padding=1),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(8 * 30, 5),
        )
