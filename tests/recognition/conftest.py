"""Recognisers with random weights."""

import pytest
import torch
from tiny_recognizer import make_tiny

from sketchwidgets.models import RecurrentClassifier, SketchANet
from sketchwidgets.recognition import Preprocessing, Recognizer


@pytest.fixture(
    params=[("gru",), ("lstm",), ("gru", "cell"), ("lstm", "output")],
    ids=["gru", "lstm", "gru with strokes", "lstm past which the image goes"],
)
def tiny(request):
    return make_tiny(*request.param)


@pytest.fixture(scope="session")
def full():
    """Sketch-a-Net and a GRU, untrained."""
    torch.manual_seed(2)
    return Recognizer(
        SketchANet(5),
        RecurrentClassifier(512, 32, 5),
        ["ant", "bee", "cat", "dog", "elk"],
        Preprocessing(),
        device="cpu",
        card={"license": "CC BY 4.0"},
    )
