"""A Network, what brings one, a Recognizer, and None for the bundled one, wherever a torch.nn.Module is taken."""

from itertools import product

import numpy as np
import pytest
import torch
from PIL import Image

import sketchwidgets as sw
from sketchwidgets.recognition import Preprocessing
from sketchwidgets.visualization import ProjectionError

RECOGNIZER = sw.Recognizer.load(device="cpu")
SIDE = RECOGNIZER.preprocessing.size
FIRST, SECOND = sw.Network.of(RECOGNIZER).layers()[:2]
IMAGES = (torch.arange(2 * SIDE * SIDE).reshape(2, 1, SIDE, SIDE) % 97 < 8).float()


class Trained:
    """What a training leaves: it has the network and knows how its input is made."""

    def as_network(self):
        return sw.Network.of(RECOGNIZER)


GIVEN = {
    "none": None,
    "recognizer": RECOGNIZER,
    "network": sw.Network.of(RECOGNIZER),
    "trained": Trained(),
}

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


SKETCH = sw.Sketch([[(0, 0), (30, 10), (60, 0)], [(20, -20), (21, -18)]])
PIXELS = (np.arange(60 * 50 * 3).reshape(60, 50, 3) * 7 % 256).astype(np.uint8)
SOURCES = {
    "sketch": SKETCH,
    "array": PIXELS,
    "grey array": PIXELS[..., 0] / 255,
    "PIL image": Image.fromarray(PIXELS),
    "list": [SKETCH, PIXELS],
    "tuple": (SKETCH,),
}
ASKS = {
    "project": lambda model, x: sw.project(model, x, SECOND, top=2)[SECOND].images,
    "record": lambda model, x: sw.record(model, x, [SECOND]).maps(SECOND),
    "record forward": lambda model, x: sw.record(
        model, x, [FIRST], forward=lambda net, images: net.features(images)
    ).maps(FIRST),
    "trace": lambda model, x: sw.trace(model, x, SECOND, rules=("guided",)).pixels["guided"],
    "receptive_field": lambda model, x: sw.receptive_field(model, SECOND, x).image,
}


@pytest.mark.parametrize(
    ("name", "source"),
    [
        (name, source)
        for name, source in product(ASKS, SOURCES)
        if name in ("project", "record") or not isinstance(SOURCES[source], list | tuple)
    ],
)
def test_drawings_and_pictures_are_prepared(name, source):
    given = SOURCES[source]
    network = GIVEN["network"]
    images = torch.cat(
        [network.prepare(one) for one in (given if isinstance(given, list | tuple) else [given])]
    )
    expected = ASKS[name](RECOGNIZER.cnn, images)
    assert expected.any()
    for model in GIVEN.values():
        np.testing.assert_array_equal(ASKS[name](model, given), expected)


def test_arrays_of_four_axes_count_as_prepared():
    expected = sw.record(RECOGNIZER.cnn, IMAGES, [FIRST]).maps(FIRST)
    for model in (RECOGNIZER.cnn, *GIVEN.values()):
        assert torch.equal(sw.record(model, IMAGES.numpy(), [FIRST]).maps(FIRST), expected)


@pytest.mark.parametrize("name", ["project", "record", "trace"])
def test_a_plain_module_takes_what_is_prepared(name):
    argument = "image" if name == "trace" else "images"
    for given in (SKETCH, Image.fromarray(PIXELS), [SKETCH]):
        kind = type(given).__name__
        message = (
            rf"^{argument} must be a tensor, not {kind}: a torch.nn.Module takes .*sw.Network.of\(module\)"
        )
        with pytest.raises(ProjectionError, match=message):
            ASKS[name](RECOGNIZER.cnn, given)
    with pytest.raises(ProjectionError, match=rf"^{argument} must be \(n, C, H, W\), not \(60, 50, 3\)"):
        ASKS[name](RECOGNIZER.cnn, PIXELS)


@pytest.mark.parametrize("name", ["project", "record", "trace"])
@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("house.svg", r" must be a tensor \(n, C, H, W\), a Sketch, a PIL image .* not str$"),
        (3, r" must be a tensor .* not int$"),
        ([SKETCH, "b"], r"\[1\] must be a tensor .* not str$"),
        ([], r" is empty$"),
        (np.full((9, 9), 200.0), r" of floating point must lie in 0..1, .*; divide by 255$"),
        (np.zeros((1, 9, 9)), r" as an array must be .*channels come last in an array$"),
        (IMAGES[0], r" must be \(n, C, H, W\), not \(1, \d+, \d+\); add an axis"),
    ],
)
def test_what_no_network_prepares_is_named(name, given, message):
    argument = "image" if name == "trace" else "images"
    for model in GIVEN.values():
        with pytest.raises(ProjectionError, match=f"^{argument}{message}"):
            ASKS[name](model, given)


@pytest.mark.parametrize("name", ASKS)
def test_a_drawing_in_the_place_of_the_model(name):
    with pytest.raises(
        ProjectionError, match=r"^model must be a torch.nn.Module, not Sketch; or a Network, "
    ):
        ASKS[name](SKETCH, None)


def test_several_images_to_trace():
    with pytest.raises(ProjectionError, match=r"must be one image .* not 2 of them"):
        sw.trace(None, [SKETCH, SKETCH], SECOND)


def test_a_network_that_no_picture_fits():
    net = torch.nn.Sequential(torch.nn.Conv2d(4, 2, 3), torch.nn.ReLU()).eval()
    message = r"^images is a drawing, and a network of 4 channels says nothing .* \(1, 4, 20, 20\)$"
    with pytest.raises(ProjectionError, match=message):
        sw.project(sw.Network(net, size=20), SKETCH)
