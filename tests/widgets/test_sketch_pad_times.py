"""A drawing on the board has times where all of its strokes came with them, and none where some did not."""

import pytest
from _fake_page import Page

from sketchwidgets.sketch import Sketch
from sketchwidgets.widgets import SketchPad


@pytest.fixture
def pad():
    return SketchPad()


@pytest.fixture
def page(pad):
    return Page(pad)


def test_an_untimed_sketch_stays_untimed(pad):
    given = Sketch([[[100, 100], [300, 300]], [[100, 300]]])
    pad.sketch = given
    assert pad.sketch == given
    assert pad.sketch.to_quickdraw() == given.to_quickdraw()
    pad.undo(), pad.redo(), pad.clear(), pad.undo()
    assert pad.sketch == given


def test_times_are_kept_where_every_stroke_has_them(pad, page):
    timed = Sketch([[[100, 100, 5], [300, 300, 17]]])
    pad.sketch = timed
    page.draw([[10, 10, 40]])
    assert pad.sketch.timed
    assert pad.sketch.points[:, 2].tolist() == [5, 17, 40]
    pad.sketch = Sketch([[[100, 100], [300, 300]]])
    page.draw([[10, 10, 40]])
    assert not pad.sketch.timed
    assert pad.sketch.points[:, 2].tolist() == [0, 0, 0], "times of some points are no times of the drawing"
    pad.sketch = Sketch([])
    assert pad.sketch == Sketch([])
    page.draw([[10, 10, 40]])
    assert pad.sketch.timed
    page.mount()
    assert pad.sketch.timed, "a reload changes no drawing"
