"""A recogniser small enough to run hundreds of times, with random weights."""

import torch
from torch import nn

from sketchwidgets.models import RecurrentClassifier
from sketchwidgets.recognition import Preprocessing, Recognizer
from sketchwidgets.sketch.stroke_descriptors import descriptor_size


class TinyCNN(nn.Module):
    """Sees where the ink is, so that a wrong image changes its features."""

    feature_size = 8
    input_size = 33

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 5, stride=2)
        self.relu = nn.ReLU()
        self.fc = nn.Conv2d(4, 8, 15)

    def features(self, images: torch.Tensor) -> torch.Tensor:
        return self.fc(self.relu(self.conv(images))).flatten(1)


def make_tiny(cell: str = "gru", image_to: str | None = None) -> Recognizer:
    """`image_to` "cell" or "output": with strokes beside the image, which goes there; None: the image alone."""
    torch.manual_seed(1)
    strokes, size = {}, 8
    if image_to is not None:
        strokes = {"strokes": {"samples": 4, "hidden_size": 9, "size": 5}, "image_to": image_to}
        size += descriptor_size(4)
    recurrent = RecurrentClassifier(size, 6, 4, cell=cell, learn_initial_state=True, **strokes)
    with torch.no_grad():
        for parameter in recurrent.parameters():
            parameter.uniform_(-1, 1)
    preprocessing = Preprocessing(size=33, extent=29.0, stroke_width=2.0)
    return Recognizer(TinyCNN(), recurrent, ["ant", "bee", "cat", "dog"], preprocessing, device="cpu")
