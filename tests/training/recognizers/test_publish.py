"""What is shipped is what was calibrated and measured, and its card says so."""

import json

import numpy as np
import pytest
import torch

from sketchwidgets.models import RecurrentClassifier, SketchResNet
from sketchwidgets.recognition import Preprocessing, Recognizer
from sketchwidgets.training import calibration_halves, evaluate
from sketchwidgets.training.evaluation.scribbles import claims, scribbles
from sketchwidgets.training.recognizers.card import model_card
from sketchwidgets.training.recognizers.publish import publish

FACTS = {
    "name": "tiny",
    "data": "scribbles",
    "classes": 6,
    "training_drawings": 0,
    "torch": torch.__version__,
    "about": "Names nothing.",
    "training": ["Not trained at all."],
}


@pytest.fixture
def recognizer(drawings):
    torch.manual_seed(0)
    cnn = SketchResNet(6, widths=[4, 8], blocks=[1, 1], norm=False)
    recurrent = RecurrentClassifier(8, 6, 6)
    preprocessing = Preprocessing(size=96, extent=88.0, stroke_width=2.0)
    return Recognizer(cnn, recurrent, drawings.classes, preprocessing, device="cpu", card=FACTS)


def test_publish(recognizer, drawings, tmp_path):
    path = tmp_path / "tiny.safetensors"
    held_out = np.arange(40)
    shipped = publish(recognizer, path, drawings, held_out, timed=drawings, precision=0.5, progress=False)
    assert shipped.calibration is not None
    assert shipped.calibration.precision == 0.5
    fit, rest = calibration_halves(drawings, held_out)
    assert shipped.calibration.fitted_on["drawings"] == len(fit)
    measured = shipped.card["measured"]
    assert measured["simplified"]["drawings"] == 40
    assert measured["simplified"]["calibration"]["drawings"] == len(rest)
    assert measured["raw, timed"]["drawings"] == 80
    # The file says of itself what is true of it.
    again = evaluate(Recognizer.load(path), drawings, held_out, progress=False, calibrated_on=fit).to_dict()
    assert json.loads(json.dumps(again)) == measured["simplified"]
    assert shipped.card["scribbles"]["drawings"] == 400
    card = path.with_suffix(".md").read_text(encoding="utf-8")
    for text in (
        "# tiny",
        "Names nothing.",
        "- Not trained at all.",
        "calibration error",
        "scribbles that mean nothing",
    ):
        assert text in card
    assert f"{measured['simplified']['calibration']['whole']['error']:.3f}" in card
    assert f"{measured['raw, timed']['changes']:.2f}" in card
    # Every table is as wide as its head.
    for block in card.split("\n\n"):
        rows = [line for line in block.splitlines() if line.startswith("|")]
        assert len({row.count("|") for row in rows}) <= 1, block


def test_another_suffix_is_refused_before_anything_is_done(recognizer, drawings, tmp_path):
    with pytest.raises(ValueError, match=r"path must end in \.safetensors, not 'tiny.bin'"):
        publish(recognizer, tmp_path / "tiny.bin", drawings, np.arange(9))
    assert not list(tmp_path.iterdir())


def test_a_card_from_before_there_was_a_calibration():
    """The facts of an older file: no calibration, nothing of first and last strokes."""
    found = {"drawings": 5, "top1": 0.5, "top1_interval": [0.1, 0.9], "top5": 0.8, "top5_interval": [0.4, 1.0],
             "by_share": {str(share): share / 200 for share in range(10, 101, 10)}, "mean_over_shares": 0.275}  # fmt: skip
    card = model_card({**FACTS, "measured": {"simplified": found}}, 2_000_000)
    assert "| simplified | 5 | 50.0% (10.0% to 90.0%) | 80.0% (40.0% to 100.0%) | 0.275 |" in card
    assert "- File: 2.0 MB of safetensors" in card
    assert "its probabilities are not calibrated" in card
    assert "calibration error" not in card
    assert "first right" not in card


def test_the_bundled_card_is_made_of_the_facts_in_the_file(repository):
    weights = repository / "sketchwidgets" / "models" / "weights" / "sketch-a-net-quickdraw345.safetensors"
    facts = Recognizer.load(weights, device="cpu").card
    assert model_card(facts, weights.stat().st_size) == weights.with_suffix(".md").read_text(encoding="utf-8")


def test_scribbles_are_drawings_and_the_same_each_time():
    some, more = scribbles(12), scribbles(40)
    assert [sketch.points.tolist() for sketch in some] == [sketch.points.tolist() for sketch in more[:12]]
    assert scribbles(12, seed=1)[0].points.tolist() != some[0].points.tolist()
    assert scribbles(0) == []
    with pytest.raises(ValueError, match="count must be at least 0"):
        scribbles(-1)


def test_claims(recognizer):
    found = claims(recognizer, scribbles(8))
    assert (found["drawings"], found["known"]) == (8, 1.0)
    assert found["known_interval"][0] < 1
    with pytest.raises(ValueError, match="there is no drawing"):
        claims(recognizer, [])
