"""InvariancePlot: its curves are the result's, the slider shows a value, the pad is followed."""

import io

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from traitlets import TraitError

import sketchwidgets as sw

PATIENCE = 60
HOUSE = sw.Sketch([[(0, 50), (0, 100), (80, 100), (80, 50), (0, 50)], [(0, 50), (40, 0), (80, 50)]])


def network():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = nn.Sequential(
            nn.Conv2d(1, 4, 5, stride=2),
            nn.ReLU(),
            nn.Conv2d(4, 4, 3),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(4 * 144, 3),
        )
    return sw.Network(net.eval(), size=32, classes=["house", "tree", "<sun>"], name="tiny")


@pytest.fixture
def make():
    made = []

    def make(*args, **kwargs):
        made.append(sw.InvariancePlot(*args, **kwargs))
        assert made[-1].settle(PATIENCE)
        return made[-1]

    yield make
    for plot in made:
        plot.close()


def curves(plot):
    return [np.atleast_2d(chart._curves.y) for chart in plot._charts]


def test_the_curves_are_the_results(make):
    plot = make(network(), HOUSE)
    expected = sw.invariance(network(), [HOUSE], progress=False)
    assert plot.result.layers == expected.layers == ("1", "3")
    for shown, wanted in zip(curves(plot), [*expected.relative, expected.probabilities], strict=True):
        np.testing.assert_allclose(shown, wanted.numpy(), atol=1e-6)
    plot.relative = False
    for shown, wanted in zip(curves(plot), expected.distances, strict=False):
        np.testing.assert_allclose(shown, wanted.numpy(), atol=1e-6)
    np.testing.assert_array_equal(plot._charts[0]._curves.x, expected.values)


def test_the_slider_shows_the_picture_and_the_answer_at_a_value(make):
    plot = make(network(), HOUSE, value=5.2)
    k = 20  # of -15, -14, ... the nearest to 5.2 is 5
    assert plot._slider.value == k
    assert "5 px down" in plot._readout.value
    shown = np.asarray(Image.open(io.BytesIO(plot._picture.value)))
    np.testing.assert_array_equal(shown, plot.result.network.picture(plot.result.images(0))[k])
    assert plot._charts[0]._mark.x[0] == 5
    assert plot._charts[2]._dots.y[0] == pytest.approx(float(plot.result.probabilities[0, k]))
    plot._slider.value = 2
    assert plot.value == -13
    assert "13 px up" in plot._readout.value
    plot._choose_example(0, 0)
    assert plot.value == -15
    assert "&lt;sun&gt;" in plot._answers.value
    assert "<sun>" not in plot._answers.value


def test_the_transform_the_class_and_the_layers_are_chosen(make):
    plot = make(network(), HOUSE)
    plot.transform = "rotation"
    assert plot.settle(PATIENCE)
    assert (plot.value, plot.result.transform, plot._slider.max) == (0.0, "rotation", 35)
    plot.target = "tree"
    assert plot.settle(PATIENCE)
    assert plot.result.targets.tolist() == [1]
    plot._early.value = "3"
    assert plot.settle(PATIENCE)
    assert plot.layers == ["3", "3"]
    assert plot.result.layers == ("3",)
    assert curves(plot)[1].size == 0
    plot.network = network()
    assert plot.settle(PATIENCE)
    assert (plot.layers, plot.target) == (None, None)
    assert plot.result.layers == ("1", "3")


def test_a_pad_is_followed_and_cleared(make):
    pad = sw.SketchPad()
    plot = make(network(), pad)
    assert plot.result is None
    with pytest.raises(ValueError, match="nothing to save"):
        plot.save_picture("plot.png")
    pad.sketch = HOUSE
    assert plot.settle(PATIENCE)
    assert len(plot.result) == 1
    assert plot._stage.layout.display == ""
    pad.clear()
    assert plot.settle(PATIENCE)
    assert plot.result is None
    assert plot._stage.layout.display == "none"


def test_a_given_result_is_shown_image_by_image(make, tmp_path):
    images = torch.rand(3, 1, 32, 32, generator=torch.Generator().manual_seed(0))
    result = sw.invariance(network(), images, "scale", [1, 1.4], progress=False)
    plot = sw.show(result)
    assert isinstance(plot, sw.InvariancePlot)
    assert plot.settle(PATIENCE)
    assert plot.result is result
    assert curves(plot)[0].shape == (3, 2)
    before = plot._picture.value
    plot._images.value = 3
    assert plot._picture.value != before
    plot.value = 1.4
    shown = np.asarray(Image.open(io.BytesIO(plot._picture.value)))
    np.testing.assert_array_equal(shown, result.network.picture(result.images(2))[1])
    plot.save_picture(tmp_path / "plot.svg")
    assert "Invariance to scale" in (tmp_path / "plot.svg").read_text()
    plot.close()


def test_what_is_no_choice_is_named():
    with pytest.raises(TraitError):
        sw.InvariancePlot(network(), HOUSE, transform="shear")
    with pytest.raises(TraitError, match="two names"):
        sw.InvariancePlot(network(), HOUSE, layers=["1"])
    with pytest.raises(TypeError, match="network must be"):
        sw.InvariancePlot("resnet", HOUSE)


def test_an_analysis_that_was_ended_early_is_shown_as_far_as_it_came(make):
    result = sw.invariance(
        network(), [HOUSE], "scale", [1, 1.2, 1.4], progress=False, callback=lambda state: state.done < 2
    )
    plot = make(result)
    assert plot._status.notice.value == ""
    assert np.isfinite(curves(plot)[0][0, :2]).all()
    assert np.isnan(curves(plot)[0][0, 2])
    plot.value = 1.4
    assert "not computed" in plot._answers.value
