"""A Network, a Recognizer, and None for the bundled one, wherever a torch.nn.Module is taken."""

import numpy as np
import pytest
import torch

import sketchwidgets as sw
from sketchwidgets.recognition import Preprocessing

RECOGNIZER = sw.Recognizer.load(device="cpu")
SIDE = RECOGNIZER.preprocessing.size
FIRST, SECOND = sw.Network.of(RECOGNIZER).layers()[:2]
IMAGES = (torch.arange(2 * SIDE * SIDE).reshape(2, 1, SIDE, SIDE) % 97 < 8).float()
GIVEN = {"none": None, "recognizer": RECOGNIZER, "network": sw.Network.of(RECOGNIZER)}

CALLS = {
    "project": lambda model: sw.project(model, IMAGES[:1], SECOND, top=2)[SECOND].images,
    "record": lambda model: sw.record(model, IMAGES[:1], [SECOND]).project(SECOND, top=2).images,
    "trace": lambda model: sw.trace(model, IMAGES[:1], SECOND, rules=("guided",)).pixels["guided"],
    "receptive_field": lambda model: sw.receptive_field(model, SECOND).mask,
    "atlas": lambda model: sw.atlas(model, IMAGES, SECOND, top=1, progress=False)[SECOND].activations,
    "first_layer": lambda model: sw.first_layer(model).weights,
}


@pytest.mark.parametrize("name", CALLS)
def test_all_are_the_same_network(name):
    expected = CALLS[name](RECOGNIZER.cnn)
    for model in GIVEN.values():
        np.testing.assert_array_equal(np.asarray(CALLS[name](model)), np.asarray(expected))


@pytest.mark.parametrize("model", GIVEN.values(), ids=GIVEN)
def test_evolution_and_fits(model):
    state = RECOGNIZER.cnn.state_dict()
    found = sw.evolution({1: state}, model, IMAGES, FIRST, channels=2, progress=False)
    assert found[FIRST].images.shape == (2, 1)
    stopped = sw.gabor_fit(model, null=False, progress=False, callback=lambda state: False)
    assert stopped.filters.layer == "conv1"
    assert not stopped.finished


def test_a_recogniser_whose_cnn_has_features_only():
    class Features(torch.nn.Module):
        feature_size = 4

        def __init__(self):
            super().__init__()
            self.conv = torch.nn.Conv2d(1, 4, 3)
            self.relu = torch.nn.ReLU()

        def features(self, images):
            return self.relu(self.conv(images)).amax((2, 3))

    recurrent = sw.models.create("recurrent_classifier", input_size=4, hidden_size=4, classes=3)
    recognizer = sw.Recognizer(Features(), recurrent, ["a", "b", "c"], Preprocessing(), device="cpu")
    found = sw.project(recognizer, IMAGES[:1, :, :20, :20], top=2)
    assert found["relu"].images.shape == (1, 2, 1, 20, 20)


def test_the_size_that_the_model_says_it_takes():
    net = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.ReLU()).eval()
    assert sw.receptive_field(net, "1").image_size == (224, 224)
    assert sw.receptive_field(sw.Network(net, size=(30, 40)), "1").image_size == (30, 40)
    net.input_size = 50
    assert sw.receptive_field(net, "1").image_size == (50, 50)
    assert sw.receptive_field(None, FIRST).image_size == (SIDE, SIDE)
