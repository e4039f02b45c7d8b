"""Networks by name."""

import pytest
import torch

from sketchwidgets import models


def test_names_make_the_classes():
    assert models.list() == ["recurrent_classifier", "sketch_a_net"]
    assert type(models.create("sketch_a_net", classes=3)) is models.SketchANet
    recurrent = models.create("recurrent_classifier", input_size=4, hidden_size=3, classes=2, cell="lstm")
    assert type(recurrent.cell) is models.LSTMCell


def test_name_of_is_the_inverse():
    assert models.name_of(models.RecurrentClassifier(4, 3, 2)) == "recurrent_classifier"
    with pytest.raises(ValueError, match="Linear is not a registered network"):
        models.name_of(torch.nn.Linear(1, 1))


@pytest.mark.parametrize("name", ["sketchanet", "resnet18", "", None])
def test_unknown_name(name):
    with pytest.raises(ValueError, match=r"no network is called .*known: recurrent_classifier, sketch_a_net"):
        models.create(name)


def test_close_name_is_suggested():
    with pytest.raises(ValueError, match="did you mean 'sketch_a_net'"):
        models.create("sketchanet")


def test_unknown_argument_says_what_is_taken():
    with pytest.raises(TypeError, match=r"sketch_a_net cannot be created: .*'depth'; it takes \(classes"):
        models.create("sketch_a_net", depth=9)


def test_sketch_a_net_has_the_published_size():
    assert sum(p.numel() for p in models.create("sketch_a_net").parameters()) == 8_508_666
