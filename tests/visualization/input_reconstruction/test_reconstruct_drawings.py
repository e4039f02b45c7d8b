"""On the bundled Sketch-a-Net: what it wants to see is what it recognises, and what it knows is what was drawn."""

import pytest
import torch

import sketchwidgets as sw

HOUSE = [
    [(0, 40), (40, 0), (80, 40), (80, 90), (0, 90), (0, 40), (80, 40)],
    [(30, 90), (30, 60), (50, 60), (50, 90)],
]


@pytest.fixture(scope="module")
def network():
    return sw.Network.of(sw.Recognizer.load("sketch-a-net-quickdraw345", device="cpu"))


def test_a_cat_from_a_blank_sheet(network):
    result = sw.maximize(network, None, "cat", steps=70, progress=False)
    assert float(result.objective[-1, 0] - result.objective[0, 0]) > 3
    ((name, share),) = network.top(result.images, k=1)[0]
    assert (name, share > 0.5) == ("cat", True)
    # Strokes on paper, not grey all over.
    ink = result.images
    assert float(ink.mean()) < 0.15
    assert float((ink > 0.5).float().mean()) > 0.005
    assert float((ink < 0.05).float().mean()) > 0.5


def test_what_layers_know_of_a_house(network):
    known = sw.invert(network, sw.Sketch(HOUSE), ["relu1", "relu3"], steps=30, progress=False)
    for result, most in zip(known.values(), (0.02, 0.1), strict=True):
        assert float(result.error[0]) < most
        assert float(result.objective[-1, 0]) < 0.2 * float(result.objective[0, 0])
    drawn, found = known["relu1"].target[0, 0], known["relu1"].images[0, 0]
    assert float(torch.corrcoef(torch.stack([drawn.flatten(), found.flatten()]))[0, 1]) > 0.95


def test_a_recogniser_stands_for_its_network():
    recognizer = sw.Recognizer.load()
    options = {"steps": 1, "progress": False}
    layer = sw.Network.of(recognizer).layers()[1]
    want = sw.maximize(sw.Network.of(recognizer), layer, 3, **options).images
    for model in (recognizer, None):
        assert torch.equal(sw.maximize(model, layer, 3, **options).images, want)
    house = sw.Sketch([[(0, 40), (40, 0), (80, 40)], [(0, 40), (0, 90), (80, 90), (80, 40)]])
    want = sw.invert(sw.Network.of(recognizer), house, layer, **options).images
    assert torch.equal(sw.invert(recognizer, house, layer, **options).images, want)
