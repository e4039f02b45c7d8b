"""`show`: the widget of every value that has one."""

import ipywidgets
import numpy as np
import pytest
import torch
from _fake_page import Page
from _tiny_recognizer import tiny_recognizer

import sketchwidgets as sw
from sketchwidgets.widgets.live._packing import pack_layers

SKETCH = sw.Sketch([[[20, 30], [300, 320]], [[300, 40], [50, 330]], [[100, 100], [110, 300]]])


@pytest.fixture
def projections():
    images = torch.rand(3, 1, 33, 33, generator=torch.Generator().manual_seed(1))
    return sw.project(tiny_recognizer().cnn, images, top=4, rule="guided")


def shown_by(page):
    """The layers and the packed tiles of the newest message of panels."""
    content, buffers = [
        (content, buffers)
        for content, buffers in zip(page.messages, page.buffers, strict=True)
        if content["type"] == "panels"
    ][-1]
    return content, bytes(buffers[0])


def test_a_sketch_is_put_on_a_pad():
    pad = sw.show(SKETCH)
    assert isinstance(pad, sw.SketchPad)
    assert len(pad.sketch) == 3
    np.testing.assert_allclose(pad.sketch[0][:, :2], SKETCH[0][:, :2])


def test_predictions_are_charts():
    recognizer = tiny_recognizer()
    predictions = recognizer.recognize(SKETCH)
    session = recognizer.session()
    for stroke in SKETCH:
        session.add(stroke)
    for value in (predictions, tuple(predictions), session):
        recognition = sw.show(value)
        assert isinstance(recognition, sw.Recognition)
        assert list(recognition._names.text) == [name for name, _ in predictions[-1].top(5)]
        assert len(recognition._curves.x) == 3
    single = sw.show(predictions[0])
    assert list(single._names.text) == [name for name, _ in predictions[0].top(5)]


def test_the_projections_of_one_image_are_panels():
    image = torch.rand(1, 1, 33, 33)
    result = sw.project(tiny_recognizer().cnn, image, top=4, rule="backprop")
    panels = sw.show(result)
    assert isinstance(panels, sw.LayerPanels)
    assert (panels.rule, panels.top) == ("backprop", 4)
    content, data = shown_by(Page(panels))  # the page mounts later and asks for what is there
    assert [layer["name"] for layer in content["layers"]] == ["relu1", "relu2"]
    assert (content["rule"], content["sketch_size"]) == ("backprop", 33)
    assert data == pack_layers((name, name, layer) for name, layer in result.items())[1]


def test_several_images_get_a_slider(projections):
    view = sw.show(projections)
    slider, panels = view.children
    assert "skw-player" in view._dom_classes  # its keys are kept from the notebook
    assert isinstance(slider, ipywidgets.IntSlider)
    assert slider.max == 2
    page = Page(panels)
    _, first = shown_by(page)
    slider.value = 2
    content, third = shown_by(page)
    assert first != third
    for layer in content["layers"]:
        assert [tile["channel"] for tile in layer["tiles"]] == projections[layer["name"]].channels[2].tolist()


def test_one_layer_alone(projections):
    _, panels = sw.show(projections["relu2"]).children
    content, _ = shown_by(Page(panels))
    assert [layer["name"] for layer in content["layers"]] == ["relu2"]


def test_fewer_tiles_can_be_chosen_and_another_rule_is_explained(projections):
    _, panels = sw.show(projections).children
    page = Page(panels)
    panels.top = 2
    content, _ = shown_by(page)
    assert [len(layer["tiles"]) for layer in content["layers"]] == [2, 2]
    panels.rule = "deconvnet"
    assert panels.rule == "guided"
    assert "rule='deconvnet'" in page.last("status")["text"]


def test_a_sparsified_drawing_is_played(tmp_path):
    strokes = np.random.default_rng(1).uniform(0, 300, (6, 4, 2))
    result = sw.sparsify(tiny_recognizer(), sw.Sketch(list(strokes)), progress=False)
    player = sw.show(result)
    assert player.left == len(result.kept) < 6
    _, kept, chart = player.figure.sections[0].tiles
    assert kept.caption.startswith(f"{len(result.kept)}: ")
    assert chart.marks == ((len(result.kept), "fewest"),)
    player.view._on_click({"type": "click", "section": 1, "tile": 0}, [])
    assert player.left == 6
    _, shown, chart = player.figure.sections[0].tiles
    assert (shown.pixels < 60).sum() > (kept.pixels < 60).sum()
    assert chart.marks == ((6, "6"),)
    player.save_picture(tmp_path / "player.svg")
    with pytest.raises(ValueError, match="left must be one of 6, 5"):
        player.left = 7
    player.close()


def test_a_label_that_no_stroke_brings_about_is_played_too():
    recognizer, sketch = tiny_recognizer(), sw.Sketch([[(0, 0), (9, 9)]])
    name = next(name for name in recognizer.classes if name != recognizer.recognize(sketch)[-1].label)
    result = sw.sparsify(recognizer, sketch, name, progress=False)
    player = sw.show(result)
    assert player.left == 1
    assert len(player.figure.sections[0].tiles) == 2
    player.close()


@pytest.mark.parametrize(
    ("value", "named"), [(3, "int"), ("cat", "str"), ([1, "a"], "a list of int, str"), (None, "NoneType")]
)
def test_what_has_no_widget_is_named(value, named):
    with pytest.raises(TypeError, match=f"there is no widget for {named};"):
        sw.show(value)
