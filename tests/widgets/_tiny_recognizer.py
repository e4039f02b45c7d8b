"""A recogniser small enough for tests that run the whole way, from strokes to projections."""

import time

import torch
from torch import Tensor, nn

from sketchwidgets.models import RecurrentClassifier
from sketchwidgets.recognition import Preprocessing, Recognizer

CLASSES = ("cat", "dog", "fish", "house", "moon", "sun")


class TinyNet(nn.Module):
    """Two convolutions on 33 pixels. It counts its passes, and can be slow or fail on purpose."""

    input_size = 33
    feature_size = 8

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 4, 5, stride=2)
        self.relu1 = nn.ReLU()
        self.pool1 = nn.MaxPool2d(3, 2)
        self.conv2 = nn.Conv2d(4, 8, 3)
        self.relu2 = nn.ReLU()
        self.passes = 0
        self.seconds = 0.0
        self.errors: list[Exception] = []  # raised by the next passes, one each

    def features(self, images: Tensor) -> Tensor:
        self.passes += 1
        time.sleep(self.seconds)
        if self.errors:
            raise self.errors.pop(0)
        return self.relu2(self.conv2(self.pool1(self.relu1(self.conv1(images))))).amax((2, 3))

    def forward(self, images: Tensor) -> Tensor:
        return self.features(images)


def tiny_recognizer() -> Recognizer:
    """Random weights from a fixed seed; the cell is eager, so that classes change from stroke to stroke."""
    torch.manual_seed(5)
    recurrent = RecurrentClassifier(8, 8, len(CLASSES))
    with torch.no_grad():
        for parameter in recurrent.parameters():
            parameter.mul_(4)
    preprocessing = Preprocessing(size=33, extent=28.0, stroke_width=1.5)
    return Recognizer(TinyNet(), recurrent, CLASSES, preprocessing, device="cpu")
