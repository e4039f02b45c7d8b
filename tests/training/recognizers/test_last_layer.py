"""The last layer trained on alone: what it learns, and what stays."""

import numpy as np
import pytest
import torch

from sketchwidgets import models
from sketchwidgets.models import RecurrentClassifier
from sketchwidgets.recognition import Preprocessing, Recognizer
from sketchwidgets.training import DrawingSet
from sketchwidgets.training.recognizers.last_layer import LastLayerRecipe, _weights, train_last_layer
from sketchwidgets.training.recognizers.two_streams import joined


@pytest.fixture(scope="module")
def drawings() -> DrawingSet:
    """Forty of one class, a line across and one down, and forty of another, one down and one across."""
    rng = np.random.default_rng(0)
    points, label = [], np.arange(80) % 2
    for kind in label:
        across, down = [(0, 50), (100, 50)], [(50, 0), (50, 100)]
        points += across + down if kind == 0 else down + across
    points = np.float32(points) + rng.normal(0, 4, (320, 2)).astype(np.float32)
    return DrawingSet(points, None, np.full(160, 2), np.full(80, 2), label, np.arange(80), ("a", "b"))


@pytest.fixture
def recognizer() -> Recognizer:
    torch.manual_seed(0)
    preprocessing = Preprocessing(size=32, extent=28.0, stroke_width=2.0)
    cnn = models.create("sketch_resnet", classes=2, widths=[4, 6], blocks=[1, 1], norm=False).eval()
    cnn.input_size = 32
    strokes = RecurrentClassifier(77, 8, 2, strokes={}, image_to="output")
    return Recognizer(cnn, joined(cnn, strokes), ("a", "b"), preprocessing, device="cpu")


RECIPE = LastLayerRecipe(epochs=30, batch_size=16, learning_rate=0.02, label_smoothing=0.0, averaging=0.9)


def right(recognizer: Recognizer, drawings: DrawingSet) -> float:
    scores = recognizer.scores(drawings.strokes(i) for i in range(len(drawings)))
    return float(
        np.mean([rows[-1].argmax() == label for rows, label in zip(scores, drawings.label, strict=True)])
    )


def test_it_learns_and_nothing_else_changes(recognizer, drawings):
    before = {name: value.clone() for name, value in recognizer.recurrent.state_dict().items()}
    layer = train_last_layer(recognizer, drawings, np.arange(80), RECIPE, progress=False)
    assert all(torch.equal(value, before[name]) for name, value in recognizer.recurrent.state_dict().items())
    assert not layer.weight.requires_grad
    untrained = right(recognizer, drawings)
    recognizer.recurrent.output.load_state_dict(layer.state_dict())
    assert right(recognizer, drawings) > max(0.9, untrained)


def test_a_seed_repeats_it(recognizer, drawings):
    once, again = (
        train_last_layer(recognizer, drawings, np.arange(80), RECIPE, progress=False) for _ in "ab"
    )
    assert torch.equal(once.weight, again.weight)


def test_of_no_drawings_the_layer_stays(recognizer, drawings):
    layer = train_last_layer(recognizer, drawings, np.arange(80), LastLayerRecipe(drawings=0), progress=False)
    assert torch.equal(layer.weight, recognizer.recurrent.output.weight)


def test_every_drawing_counts_the_same_and_late_steps_more():
    weights = _weights(np.array([1, 2]), late_weight=1.0).double()
    # 1 + t/T: (2) and (1.5, 2), each divided by its sum; then by the mean of 1, 3/7 and 4/7.
    expected = torch.tensor([1.0, 3 / 7, 4 / 7], dtype=torch.float64) * 1.5
    torch.testing.assert_close(weights, expected, rtol=1e-6, atol=0)


@pytest.mark.parametrize(
    "name", ["drawings", "epochs", "batch_size", "learning_rate", "label_smoothing", "averaging", "seed"]
)
def test_what_is_out_of_its_range_is_named(name):
    with pytest.raises(ValueError, match=name):
        LastLayerRecipe(**{name: -1})
