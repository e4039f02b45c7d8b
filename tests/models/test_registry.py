"""Networks by name."""

import json

import numpy as np
import pytest
import torch

from sketchwidgets import models


def test_names_make_the_classes():
    assert models.list() == [
        "alexnet",
        "alexnet_sketch",
        "googlenet_sketch",
        "lenet",
        "recurrent_classifier",
        "resnet18_sketch",
        "resnet50_sketch",
        "sketch_a_net",
        "sketch_resnet",
        "stroke_encoder",
        "vgg16_sketch",
        "zfnet",
    ]
    assert type(models.create("sketch_a_net", classes=3)) is models.SketchANet
    recurrent = models.create("recurrent_classifier", input_size=4, hidden_size=3, classes=2, cell="lstm")
    assert type(recurrent.cell) is models.LSTMCell


@pytest.mark.parametrize("name", [name for name in models.list() if name != "recurrent_classifier"])
def test_name_of_is_the_inverse(name):
    with torch.device("meta"):
        assert models.name_of(models.create(name)) == name


def test_names_of_other_modules():
    assert models.name_of(models.RecurrentClassifier(4, 3, 2)) == "recurrent_classifier"
    with pytest.raises(ValueError, match="Linear is not a registered network"):
        models.name_of(torch.nn.Linear(1, 1))


@pytest.mark.parametrize("name", ["sketchanet", "resnet999", "", None])
def test_unknown_name(name):
    with pytest.raises(ValueError, match=r"no network is called .*known: alexnet, .*, sketch_a_net"):
        models.create(name)


def test_close_name_is_suggested():
    with pytest.raises(ValueError, match="did you mean 'sketch_a_net'"):
        models.create("sketchanet")


def test_unknown_argument_says_what_is_taken():
    with pytest.raises(TypeError, match=r"sketch_a_net cannot be created: .*'depth'; it takes \(classes"):
        models.create("sketch_a_net", depth=9)


def test_what_is_imported_on_first_use_is_listed():
    names = dir(models)
    assert {"VGG16Sketch", "from_caffe", "to_matconvnet", "ensemble", "classical", "importers"} <= set(names)
    assert set(models.__all__) <= set(names)
    assert all(hasattr(models, name) for name in models.__all__)


def test_numbers_of_numpy_are_saved_as_plain_ones():
    network = models.create("zfnet", classes=np.int64(5), without=[3.0], conv=(4,) * 5, fc=8)
    assert network(torch.zeros(1, 3, 225, 225)).shape == (1, 5)
    assert json.dumps(network.arguments["classes"]) == "5"
    assert json.dumps(network.arguments["without"]) == "[3]"
