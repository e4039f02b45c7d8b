"""StrokeExplorer without a page: what it computes, shows and says."""

import numpy as np
import pytest
from _tiny_recognizer import CLASSES, tiny_recognizer
from traitlets import TraitError

import sketchwidgets as sw

SKETCH = sw.Sketch([[(0, 0), (40, 8), (50, 60)], [(10, 40), (35, 22)], [(5, 55), (20, 50)]])


@pytest.fixture
def explorer():
    made = []

    def make(*args, **kwargs):
        made.append(sw.StrokeExplorer(*args, **kwargs))
        return made[-1]

    yield make
    for each in made:
        each.close()


def test_a_recogniser_is_asked_stroke_by_stroke(explorer):
    recognizer = tiny_recognizer()
    strokes = explorer(recognizer, SKETCH)
    assert strokes.settle(20)
    expected = sw.stroke_occlusion(recognizer, SKETCH, progress=False)
    np.testing.assert_allclose(strokes.result.values, expected.effect)
    assert strokes.result.occlusion.steps is not None
    assert [len(section.tiles) for section in strokes.figure.sections] == [4, 3, 3]
    assert "The whole drawing" in strokes._said.value


def test_a_network_sees_the_drawing_once(explorer):
    network = sw.Network.of(tiny_recognizer())
    strokes = explorer(network, SKETCH, label=CLASSES[2])
    assert strokes.settle(20)
    occlusion = strokes.result.occlusion
    assert (occlusion.frame, occlusion.name, occlusion.steps) == ("fixed", CLASSES[2], None)
    assert [len(section.tiles) for section in strokes.figure.sections] == [3, 3, 3]


def test_pointing_and_clicking_take_a_stroke_away(explorer):
    strokes = explorer(tiny_recognizer(), SKETCH)
    assert strokes.settle(20)
    whole = strokes.figure.sections[0].tiles[1].pixels
    strokes._point(1, 1, 0.5, 0.5)
    assert "Without stroke 2" in strokes._said.value
    assert (strokes.figure.sections[0].tiles[1].pixels != whole).any()
    strokes._point(None, 0, 0, 0)
    assert (strokes.figure.sections[0].tiles[1].pixels == whole).all()
    strokes._click(2, 2)
    assert (strokes.stroke, "Without stroke 3" in strokes._said.value) == (2, True)
    strokes._click(2, 2)
    assert strokes.stroke == -1
    # In the drawing itself: the first stroke ends at the lower right, the paper beside it is nobody's.
    x0, y0, x1, y1 = SKETCH.bounds
    place = (0.5 + 0.9 * ((x1 - x0) / (y1 - y0)) / 2, 0.95)
    strokes._point(0, 0, *place)
    assert strokes._pointed == 0
    strokes._point(0, 0, 0.02, 0.02)
    assert strokes._pointed == -1


def test_methods_and_units(explorer):
    recognizer = tiny_recognizer()
    strokes = explorer(recognizer, SKETCH, method="gradient")
    assert strokes.settle(20)
    gradient = sw.stroke_attribution(recognizer, SKETCH)
    np.testing.assert_allclose(strokes.result.values, gradient.strokes, rtol=1e-5)
    strokes.method = "unit"
    strokes.layer = "relu2"
    assert strokes.settle(20)
    assert strokes.result.attribution.target.startswith("relu2/")
    assert strokes._layers.layout.display == ""
    channel = strokes._units.options[2][1]
    strokes.channel = channel
    assert strokes.settle(20)
    projected = sw.stroke_attribution(recognizer, SKETCH, layer="relu2", channel=channel)
    np.testing.assert_allclose(strokes.result.values, projected.strokes, rtol=1e-5)
    assert strokes.result.occlusion.layers["relu2"].channels.tolist() == [channel]
    strokes.stroke = 0
    assert f"The maximum of relu2/{channel} goes from" in strokes._said.value
    strokes.channel = 99
    assert strokes.settle(20)
    assert "channel 99 is not one of the 8" in strokes._status.notice.value


def test_it_follows_a_pad(explorer):
    pad = sw.SketchPad()
    strokes = explorer(tiny_recognizer(), pad, stroke=2)
    assert strokes.settle(20)
    assert strokes.figure is None
    pad.sketch = SKETCH
    assert strokes.settle(20)
    assert "Without stroke 3" in strokes._said.value
    pad.undo()  # the stroke that is looked at is gone
    assert strokes.settle(20)
    assert "The whole drawing" in strokes._said.value


def test_what_has_no_strokes_is_refused(explorer):
    strokes = explorer(tiny_recognizer(), np.zeros((33, 33)))
    assert strokes.settle(20)
    assert "a picture, which has no strokes" in strokes._status.notice.value
    with pytest.raises(TraitError, match="stroke must be -1"):
        strokes.stroke = -2
    with pytest.raises(TraitError):
        strokes.method = "guess"


def test_results_are_shown_as_figures():
    network = sw.Network.of(tiny_recognizer())
    for result in (
        sw.stroke_occlusion(network, SKETCH, progress=False),
        sw.stroke_attribution(network, SKETCH),
        sw.trace(network.module, network.prepare(SKETCH), "relu2"),
    ):
        grid = sw.show(result)
        assert isinstance(grid, sw.TileGrid)
        assert grid.figure.sections
        grid.close()
