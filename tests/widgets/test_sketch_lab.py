"""SketchLab and `link`: the widgets together."""

import gc
import threading
import weakref

import pytest
from _fake_page import Page
from _tiny_recognizer import tiny_recognizer
from traitlets import TraitError

import sketchwidgets as sw

SKETCH = sw.Sketch([[[20, 30], [300, 320]], [[300, 40], [50, 330]]])


@pytest.fixture
def lab():
    lab = sw.SketchLab(tiny_recognizer())
    yield lab
    lab.close()


def test_it_is_made_of_a_pad_charts_and_panels_with_their_places_in_the_grid(lab):
    (grid,) = lab.children
    assert "skw-lab" in lab._dom_classes
    assert "skw-lab-grid" in grid._dom_classes
    assert grid.children == (lab.pad, lab.recognition, lab.panels)
    for name in ("pad", "recognition", "panels"):
        assert f"skw-lab-{name}" in getattr(lab, name)._dom_classes


def test_a_sketch_from_python_is_recognised(lab):
    lab.sketch = SKETCH
    assert lab.settle(20)
    assert [p.step for p in lab.session.predictions] == [1, 2]
    assert lab.sketch == sw.Sketch(lab.session.sketch, timed=lab.sketch.timed)
    assert lab.recognition._names.text[0] == lab.session.predictions[-1].label
    assert repr(lab) == "SketchLab(2 strokes)"


def test_it_can_start_with_a_sketch_and_settings():
    lab = sw.SketchLab(tiny_recognizer(), rule="deconvnet", top=3, layers=["relu2"], sketch=SKETCH)
    page = Page(lab.panels)
    page.wait(lambda page: page.last("panels") and page.last("panels")["done"])
    message = page.last("panels")
    assert message["rule"] == "deconvnet"
    assert [(layer["name"], len(layer["tiles"])) for layer in message["layers"]] == [("relu2", 3)]
    lab.close()


def test_it_appears_at_once_and_loads_in_the_background():
    let_go = threading.Event()

    def load():
        assert let_go.wait(20)
        return tiny_recognizer()

    lab = sw.SketchLab(load, sketch=SKETCH)
    assert lab.session is None
    let_go.set()
    assert lab.settle(20)
    assert len(lab.session) == 2
    lab.close()


def test_a_path_without_weights_is_shown_in_the_widget(tmp_path):
    lab = sw.SketchLab(tmp_path / "nothing.safetensors")
    page = Page(lab.pad)
    assert lab.settle(20)
    page.wait(lambda page: page.last("error")["title"] == "The recogniser could not be loaded")
    assert "nothing.safetensors" in page.last("error")["message"]
    assert lab.session is None
    lab.close()


def test_a_path_of_saved_weights_is_loaded(tmp_path):
    recurrent = sw.models.create("recurrent_classifier", input_size=512, hidden_size=8, classes=3)
    made = sw.Recognizer(
        sw.models.create("sketch_a_net", classes=3),
        recurrent,
        ["a", "b", "c"],
        sw.recognition.Preprocessing(),
        device="cpu",
    )
    path = tmp_path / "small.safetensors"
    made.save(path, int8_above=1000)
    lab = sw.SketchLab(path)
    assert lab.settle(60)
    assert lab.engine.recognizer.classes == ("a", "b", "c")
    lab.close()


@pytest.mark.parametrize("settings", [{"rule": "magic"}, {"top": 0}])
def test_settings_out_of_range_are_refused(settings):
    with pytest.raises(TraitError):
        sw.SketchLab(tiny_recognizer(), **settings)


def test_what_is_no_recogniser_is_refused():
    with pytest.raises(TypeError, match="recognizer must be"):
        sw.SketchLab(42)


def test_close_ends_everything():
    lab = sw.SketchLab(tiny_recognizer(), sketch=SKETCH)
    assert lab.settle(20)
    thread = lab.engine._worker._thread
    parts = [weakref.ref(part) for part in (lab.pad, lab.recognition, lab.panels, lab.engine)]
    lab.close()
    lab.close()
    assert not thread.is_alive()
    assert all(part().comm is None for part in parts[:3])
    del lab
    gc.collect()
    assert [part() for part in parts] == [None] * 4


def test_link_makes_widgets_that_stand_alone_work_together():
    pad, recognition, panels = sw.SketchPad(), sw.Recognition(), sw.LayerPanels()
    page, panels_page = Page(pad), Page(panels)  # shown before they are linked
    engine = sw.link(pad, recognition, panels, tiny_recognizer())
    page.draw([[20, 30], [300, 320]])
    assert engine.settle(20)
    assert page.last("prediction")["step"] == 1
    assert recognition._names.text[0] == engine.session.predictions[-1].label
    panels_page.wait(lambda page: page.last("panels") and page.last("panels")["done"])
    again = sw.link(pad, recognizer=tiny_recognizer())
    assert again.settle(20)
    assert engine.session is None, "the first link has ended"
    page.draw([[300, 30], [20, 320]])
    assert again.settle(20)
    assert len(again.session) == 2
    for widget in (pad, recognition, panels):
        widget.close()


def test_link_says_what_is_not_a_widget():
    with pytest.raises(TypeError, match="pad must be a SketchPad, not Recognition"):
        sw.link(sw.Recognition())
    with pytest.raises(TypeError, match="panels must be a LayerPanels, not SketchPad"):
        sw.link(sw.SketchPad(), panels=sw.SketchPad())
