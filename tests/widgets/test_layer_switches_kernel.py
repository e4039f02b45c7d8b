"""LayerSwitches without a page: what is off, what is then said, and what each part is worth."""

import numpy as np
import pytest
import torch
from _tiny_recognizer import CLASSES, tiny_recognizer
from traitlets import TraitError

import sketchwidgets as sw
from sketchwidgets.widgets.network_modification._switch_runs import is_off, toggled_channel, toggled_layer

SKETCH = sw.Sketch([[(0, 0), (40, 8), (50, 60)], [(10, 40), (35, 22)], [(5, 55), (20, 50)]])
LAYERS = ("relu1", "relu2")


@pytest.fixture
def switches():
    made = []

    def make(*args, **kwargs):
        made.append(sw.LayerSwitches(*args, **kwargs))
        return made[-1]

    yield make
    for each in made:
        each.close()


def crossed(widget, section):
    return [index for index, tile in enumerate(widget.view.figure.sections[section].tiles) if tile.crossed]


def test_clicks():
    off = toggled_channel({}, "a", 2, 4)
    assert off == {"a": (2,)}
    assert toggled_channel(off, "a", 2, 4) == {}
    assert toggled_channel({"a": (0, 1, 3)}, "a", 2, 4) == {"a": None}
    # Of a layer that is off, one goes on alone.
    assert toggled_channel({"a": None, "b": (1,)}, "a", 2, 4) == {"a": (0, 1, 3), "b": (1,)}
    assert toggled_layer({"a": (1,)}, "a") == {"a": None}
    assert toggled_layer({"a": None}, "a") == {}
    assert (is_off({"a": None}, "a", 7), is_off({"a": (1,)}, "a", 7), is_off({}, "a", 7)) == (
        True,
        False,
        False,
    )


@pytest.mark.parametrize("to", ["zero", "paper"])
def test_a_growing_drawing_is_followed(switches, to):
    recognizer, pad = tiny_recognizer(), sw.SketchPad(sketch=SKETCH)
    widget = switches(recognizer, pad, to=to, shown=3)
    assert widget.settle(20)
    assert [len(section.tiles) for section in widget.view.figure.sections] == [1 + 3 + 1] * 2
    np.testing.assert_array_equal(widget.result.said.before, widget.result.said.after)
    widget._click(1, 0)
    channel = widget._places[0][2][1]
    widget._click(0, 2)
    assert widget.off == {"relu2": None, "relu1": (channel,)}
    assert (crossed(widget, 0), crossed(widget, 1)) == ([2], [0, 1, 2, 3])
    # Undone, redone and scrubbed: as from scratch.
    for change in (lambda: None, pad.undo, pad.redo, lambda: pad.scrub(1), pad.clear, pad.undo):
        change()
        assert widget.settle(20)
        seen = sw.Sketch(pad.sketch.strokes[:1]) if pad.drawing.snapshot().step == 1 else pad.sketch
        if not len(seen):
            assert widget.result is None
            continue
        expected = sw.switch_off(recognizer, seen, widget.off, to)
        np.testing.assert_allclose(widget.result.said.before[-1], expected.before[-1], atol=1e-6)
        np.testing.assert_allclose(widget.result.said.after[-1], expected.after[-1], atol=1e-6)
    assert "relu2; relu1/" in widget._said.value
    assert len(widget.figure.sections) == 3
    widget.all_on()
    assert widget.settle(20)
    assert "Everything is on" in widget._said.value
    assert not any(crossed(widget, section) for section in (0, 1))


def test_what_each_is_worth(switches):
    recognizer, pad = tiny_recognizer(), sw.SketchPad(sketch=SKETCH)
    widget = switches(recognizer, pad, label=CLASSES[2], shown=2)
    widget.which_matter()
    assert widget.settle(20)
    expected = sw.ablation(recognizer, pad.sketch, target=CLASSES[2], progress=False)
    for layer in LAYERS:
        np.testing.assert_allclose(
            widget.result.worth[layer].channels[layer], expected.channels[layer], atol=1e-6
        )
    assert "without it fish" in widget.view.figure.sections[0].title
    widget.order = "worth"
    strongest = np.argsort(-np.abs(expected.channels["relu2"]), kind="stable")[:2].tolist()
    assert [channel for _, channel in widget._places[1][1:3]] == strongest
    # A switch keeps what is known; one that is off stays in its row; another drawing forgets it all.
    far = int(np.argmin(np.abs(expected.channels["relu2"])))
    widget.off = {"relu2": [far]}
    assert widget.settle(20)
    assert ("relu2", far) in widget._places[1]
    assert set(widget.result.worth) == set(LAYERS)
    pad.undo()
    assert widget.settle(20)
    assert widget.result.worth == {}
    widget.order = "number"
    widget._click(1, len(widget._places[1]) - 1)
    assert [channel for _, channel in widget._places[1][1:-1]] == list(range(8))


def test_a_network_and_a_picture(switches):
    network = sw.Network.of(tiny_recognizer())
    image = torch.rand(1, 1, 33, 33)
    widget = switches(network, image, off={"relu1": [1]})
    assert widget.settle(20)
    expected = sw.switch_off(network, image, {"relu1": [1]})
    np.testing.assert_allclose(widget.result.said.after, expected.after, atol=1e-6)
    widget.network = tiny_recognizer()
    assert widget.settle(20)
    assert widget.off == {}


def test_what_is_wrong_is_said(switches):
    widget = switches(tiny_recognizer(), SKETCH, off={"relu1": [99]})
    assert widget.settle(20)
    assert "99 is not one of its 4 channels" in widget._status.notice.value
    widget.off = {"nose": None}
    assert widget.settle(20)
    assert "no layer &#x27;nose&#x27;" in widget._status.notice.value
    widget.off = {}
    assert widget.settle(20)
    assert widget._status.notice.value == ""
    for name, value in {"off": {"relu1": [-1]}, "to": "noise", "order": "luck", "shown": 0}.items():
        with pytest.raises(TraitError):
            setattr(widget, name, value)
    with pytest.raises(TypeError):
        sw.LayerSwitches(source=3)
