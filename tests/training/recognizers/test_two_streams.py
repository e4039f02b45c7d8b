"""The default recogniser's recipe: two streams trained apart, their scores added."""

from dataclasses import replace

import numpy as np
import pytest
import torch

import sketchwidgets as sw
from sketchwidgets.models import RecurrentClassifier
from sketchwidgets.recognition import Preprocessing, Recognizer
from sketchwidgets.training.evaluation.calibrate import weights_of_steps
from sketchwidgets.training.recognizers.recurrent import RecurrentRecipe
from sketchwidgets.training.recognizers.two_streams import (
    TwoStreamRecipe,
    fit_shares,
    joined,
    maximum_likelihood_shares,
    train_two_streams,
)

# Lightning's advice on workers and logging intervals, and its own use of what torch calls deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:::lightning", "ignore:::torch")

PREPROCESSING = Preprocessing(size=32, extent=28.0, stroke_width=2.0)
STREAM = {"strokes": {"samples": 4, "hidden_size": 6, "size": 5}, "image_to": "output"}


def streams(classes: int = 6) -> tuple[torch.nn.Module, RecurrentClassifier]:
    torch.manual_seed(0)
    cnn = sw.models.create("sketch_resnet", classes=classes, widths=[4, 6], blocks=[1, 1], norm=False).eval()
    cnn.input_size = 32
    torch.nn.init.normal_(cnn.fc.bias)
    return cnn, RecurrentClassifier(29, 7, classes, **STREAM)


def test_joined_scores_are_the_weighted_sum():
    cnn, strokes = streams()
    both = joined(cnn, strokes, (0.3, 2.0))
    features, read = torch.randn(2, 3, 6), torch.randn(2, 3, 29)
    expected = 0.3 * cnn.fc(features) + 2.0 * strokes(read)
    torch.testing.assert_close(both(torch.cat([features, read], -1)), expected)


def test_shares_make_the_labels_most_probable():
    """Labels drawn from a known mixture of two sets of scores: its weights are found."""
    generator = torch.Generator().manual_seed(0)
    image, stroke = torch.randn(2, 40_000, 5, dtype=torch.float64, generator=generator)
    label = torch.multinomial((1.5 * image + 0.5 * stroke).softmax(1), 1, generator=generator)[:, 0]
    found = maximum_likelihood_shares(image, stroke, label, np.ones(len(label)))
    assert found == pytest.approx((1.5, 0.5), abs=0.05)


def test_shares_of_drawings_minimise_what_the_recogniser_loses(drawings):
    cnn, strokes = streams()
    indices = np.arange(80)
    both = Recognizer(cnn, joined(cnn, strokes), drawings.classes, PREPROCESSING, device="cpu")
    # Labels that follow from what both say, but not surely: for others the best shares may be none.
    chances = both.recognize_many(drawings.strokes(i) for i in indices)
    label = torch.multinomial(torch.from_numpy(chances), 1, generator=torch.Generator().manual_seed(0))
    drawings = replace(drawings, label=label[:, 0].numpy())
    best = fit_shares(both, drawings, indices, progress=False)

    def loss(shares: tuple[float, float]) -> float:
        made = Recognizer(cnn, joined(cnn, strokes, shares), drawings.classes, PREPROCESSING, device="cpu")
        scores = [torch.from_numpy(rows) for rows in made.scores(drawings.strokes(i) for i in indices)]
        lengths = np.array([len(rows) for rows in scores])
        chances = torch.cat(scores).log_softmax(1)
        label = torch.from_numpy(np.repeat(drawings.label[indices].astype(np.int64), lengths))
        weight = torch.from_numpy(weights_of_steps(lengths, 0.5))
        return float(-(weight * chances[torch.arange(len(label)), label]).sum() / weight.sum())

    for factor in (0.8, 1.25):
        assert loss(best) <= loss((best[0] * factor, best[1])) + 1e-6
        assert loss(best) <= loss((best[0], best[1] * factor)) + 1e-6


@pytest.mark.slow
def test_every_stage_resumes_and_the_file_is_a_recogniser(drawings_file, tmp_path):
    given = TwoStreamRecipe()
    recipe = TwoStreamRecipe(
        cnn=replace(
            given.cnn,
            arguments={"widths": [4, 6], "blocks": [1, 1]},
            preprocessing=Preprocessing(size=96, extent=86.0, stroke_width=2.0),
            steps=4,
            batch_size=8,
            warmup=1,
        ),
        strokes=replace(given.strokes, hidden_size=8, epochs=1, batch_size=20),
    )
    made = train_two_streams(drawings_file, tmp_path, timed=drawings_file, recipe=recipe)
    path = tmp_path / "sketchwidgets-quickdraw345.safetensors"
    read = Recognizer.load(path)
    drawing = [[(0, 0), (30, 10), (60, 0)], [(20, -20), (21, -18)]]
    for one, other in zip(made.recognize(drawing), read.recognize(drawing), strict=True):
        np.testing.assert_array_equal(one.probabilities, other.probabilities)
    assert read.calibration is not None
    card = path.with_suffix(".md").read_text()
    assert "two streams" in card
    assert "raw, timed" in card
    # The streams are read, not trained again.
    before = (tmp_path / "cnn.safetensors").stat().st_mtime_ns
    train_two_streams(drawings_file, tmp_path, recipe=recipe)
    assert (tmp_path / "cnn.safetensors").stat().st_mtime_ns == before


def test_a_recipe_without_strokes_is_refused():
    with pytest.raises(ValueError, match="strokes: a recipe with strokes"):
        TwoStreamRecipe(strokes=RecurrentRecipe())
