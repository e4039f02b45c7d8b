"""An engine with everything around it, for tests that run the whole way."""

import numpy as np
from _fake_page import Page
from _tiny_recognizer import tiny_recognizer

from sketchwidgets.widgets import LayerPanels, Recognition, SketchPad
from sketchwidgets.widgets.live._engine import LiveEngine


def strokes(n, seed=0):
    """n random strokes of four points, (4, 3) each: x, y, t."""
    random = np.random.default_rng(seed)
    return [
        np.column_stack([random.uniform(20, 380, (4, 2)), np.arange(4) * 16]).astype(np.float32)
        for _ in range(n)
    ]


class Stage:
    """An engine with everything around it; `pad_page` and `panels_page` play the browser."""

    def __init__(self, recognizer=None, confirms="at once", mounted=True, panels=True):
        self.recognizer = recognizer or tiny_recognizer()
        self.cnn = self.recognizer.cnn
        self.pad = SketchPad()
        self.recognition = Recognition()
        self.panels = LayerPanels(top=4) if panels else None
        self.pad_page = Page(self.pad, confirms, mounted)
        self.panels_page = Page(self.panels, confirms, mounted) if panels else None
        self.engine = LiveEngine(self.recognizer, self.pad, self.recognition, self.panels)
        assert self.engine.settle(20)
        self.cnn.passes = 0

    def draw(self, *all_strokes):
        for points in all_strokes:
            self.pad_page.draw(points)

    def settle(self):
        assert self.engine.settle(20)

    def panels_of(self, step):
        """Wait for the whole of the panels of a step."""
        self.panels_page.wait(
            lambda page: (last := page.last("panels")) and last["step"] == step and last["done"]
        )

    def shown(self):
        return self.pad_page.last("prediction")

    def close(self):
        self.engine.close()
        for widget in (self.pad, self.recognition, self.panels):
            if widget is not None:
                widget.close()


def assert_equals_recognising_from_scratch(stage):
    """The session holds every stroke on the board, in order, with the predictions of a fresh recogniser."""
    session, sketch = stage.engine.session, stage.pad.sketch
    assert len(session) == len(sketch)
    for held, drawn in zip(session.sketch, sketch, strict=True):
        np.testing.assert_array_equal(held, drawn)
    expected = tiny_recognizer().recognize(sketch)
    for prediction, wanted in zip(session.predictions, expected, strict=True):
        np.testing.assert_allclose(prediction.probabilities, wanted.probabilities, atol=1e-5)
