"""OcclusionExplorer without a browser: what is computed, what is sent, and what follows from a setting."""

import numpy as np
import pytest
import torch
from _fake_page import Page
from _tiny_recognizer import tiny_recognizer
from torch import nn
from traitlets import TraitError

import sketchwidgets as sw
from sketchwidgets.widgets.input_modification._occlusion_view import OcclusionView, pack_occlusion

SKETCH = sw.Sketch([[(0, 0), (50, 80), (100, 0)], [(10, 60), (80, 70)]])


def photo_network() -> sw.Network:
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(8 * 16 * 16, 3)
    )
    return sw.Network(net.eval(), size=32, classes=("a", "b", "c"), mean=0.5, std=0.25)


@pytest.fixture
def explorer():
    made = []

    def make(*args, **kwargs):
        made.append(sw.OcclusionExplorer(*args, **kwargs))
        assert made[-1].settle(30)
        assert made[-1]._status.notice.value == ""
        return made[-1]

    yield make
    for one in made:
        one.close()


def test_a_drawing_is_covered_with_paper_and_a_photo_with_its_mean(explorer):
    drawing = explorer(tiny_recognizer(), SKETCH, size=8, stride=4).result
    assert drawing.filling.unique().tolist() == [0.0]
    assert drawing.size == (8, 8)
    assert drawing.stride == (4, 4)
    picture = np.random.default_rng(0).integers(0, 255, (32, 32, 3), dtype=np.uint8)
    made = explorer(photo_network(), picture, size=8, stride=8)
    found = made.result
    assert torch.allclose(found.filling[:, 0, 0], found.image.mean((1, 2)), atol=1e-5)
    expected = made.network.scores(found.occluded(1, 2)[None])[0]
    assert float(found.probability[1, 2]) == pytest.approx(float(expected[found.target]), abs=1e-5)


def test_scores_are_those_of_the_network(explorer):
    """Of a recogniser: one recurrent step, not the features."""
    made = explorer(tiny_recognizer(), SKETCH, size=8, stride=8)
    found = made.result
    expected = made.network.scores(made.network.prepare(SKETCH))[0]
    assert torch.allclose(found.probabilities_before, expected, atol=1e-5)


def test_settings_compute_anew(explorer):
    made = explorer(photo_network(), np.zeros((40, 40, 3), np.uint8), size=16, stride=16)
    first = made.result
    for name, value, attribute, wanted in [
        ("size", 8, "size", (8, 8)),
        ("stride", 8, "stride", (8, 8)),
        ("target", "b", "target", 1),
        ("target", 2, "target", 2),
        ("layer", "0", "layer", "0"),
        ("channel", 3, "channel", 3),
    ]:
        setattr(made, name, value)
        assert made.settle(30)
        assert made.result is not first
        assert getattr(made.result, attribute) == wanted
    made.fill = (0.5, -0.5, 1.0)
    assert made.settle(30)
    assert made.result.filling[:, 5, 5].tolist() == [0.5, -0.5, 1.0]
    assert made._fill.value == "own"


def test_controls_and_traits_agree(explorer):
    made = explorer(photo_network(), np.zeros((40, 40, 3), np.uint8), size=16, stride=16)
    assert made._target_text.options == ("a", "b", "c")
    made._size.value, made._fill.value, made._target_text.value = 8, "grey", "c"
    assert (made.size, made.fill, made.target) == (8, "grey", "c")
    made._fill.value, made._target_text.value = "automatic", ""
    assert (made.fill, made.target) == (None, None)
    made.channel = 2
    made._layers.value = "1"
    assert (made.layer, made.channel) == ("1", -1)
    made.layer = None
    assert made._layers.value == ""
    assert made.settle(30)


def test_the_most_active_maps_of_a_layer_are_offered(explorer):
    picture = np.random.default_rng(0).integers(0, 255, (32, 32, 3), dtype=np.uint8)
    made = explorer(photo_network(), picture, size=16, stride=16, layer="1")
    found = made.result.channel
    (first, value), (second, strongest), *others = made._units.options
    assert (first, value, strongest) == (f"most active ({found})", -1, found)
    assert second.startswith(f"{found} · ")
    made._units.value = others[0][1]
    assert made.settle(30)
    assert made.result.channel == made.channel == others[0][1]
    made.layer = "4"  # scores, without rows and columns
    assert made.settle(30)
    assert made._status.notice.value == ""


def test_a_class_that_is_none_is_said(explorer):
    made = explorer(photo_network(), np.zeros((40, 40, 3), np.uint8), size=16, stride=16)
    made.target = "unicorn"
    assert made.settle(30)
    assert "&#x27;unicorn&#x27; is not a class" in made._status.notice.value


def test_traits_are_checked(explorer):
    made = explorer(photo_network(), np.zeros((40, 40, 3), np.uint8), size=16, stride=16)
    for name, value in [("size", 0), ("stride", -1), ("fill", "blue"), ("top", 0)]:
        with pytest.raises(TraitError, match=name):
            setattr(made, name, value)
    with pytest.raises(TraitError, match="cell"):
        made.cell = (9, 9)
    made.cell = (1, 0)
    assert made.cell == [1, 0]
    made.size, made.stride = 32, 32
    assert made.settle(30)
    assert made.cell is None  # there is only one place now


def test_the_message_says_what_the_maps_say():
    model = photo_network()
    found = sw.occlusion(model, torch.randn(1, 3, 32, 32), size=12, stride=8, top=2, progress=False)
    content, buffer = pack_occlusion(found)
    rows, cols, top = content["rows"], content["cols"], content["top"]
    count = rows * cols
    assert (rows, cols, top) == (*found.activity.shape, 2)
    boxes = np.frombuffer(buffer, np.int32, 4 * count)
    assert boxes.tolist() == found.boxes.flatten().tolist()
    best = np.frombuffer(buffer, np.int32, top * count, 16 * count)
    assert best.tolist() == found.top_classes.flatten().tolist()
    activity = np.frombuffer(buffer, np.float32, count, 16 * count + 8 * top * count + 4 * count)
    assert np.allclose(activity, found.activity.flatten())
    tile = content["tiles"]["filling"]
    pixels = np.frombuffer(buffer, np.uint8, 32 * 32 * 3, tile["offset"]).reshape(32, 32, 3)
    assert np.array_equal(pixels, model.picture(found.filling[None])[0])
    assert {name for _, name, _ in content["classes"]} <= {"a", "b", "c"}


def test_the_view_waits_for_the_page_and_answers_hello():
    found = sw.occlusion(photo_network().module, torch.randn(1, 3, 32, 32), size=16, progress=False)
    view = sw.show(found)
    assert isinstance(view, OcclusionView)
    assert view.occlusion is found
    page = Page(view, confirms="later")
    (first,) = page.of("occlusion")
    assert (first["rows"], first["frame"]) == (3, None)
    for _ in range(5):
        view.show(found)
    assert page.most_unconfirmed <= 2
    sent = len(page.of("occlusion"))
    page.confirm()
    assert len(page.of("occlusion")) == sent + 1
    view.show(None)
    page.confirm()
    assert page.of("occlusion")[-1]["rows"] == 0
    with pytest.raises(ValueError, match="nothing to save"):
        view.save_picture("maps.png")


def test_the_last_maps_come_though_the_view_that_was_to_paint_those_before_is_gone():
    found = sw.occlusion(photo_network().module, torch.randn(1, 3, 32, 32), size=16, progress=False)
    view = sw.show(found)
    page = Page(view, confirms="never")
    for _ in range(2):
        view.show(found)
    page.mount()
    view.show(None)
    page.wait(lambda page: page.of("occlusion")[-1]["rows"] == 0)
    view.close()


def test_follows_a_pad_and_saves(explorer, tmp_path):
    pad = sw.SketchPad()
    made = explorer(tiny_recognizer(), pad, size=8, stride=8)
    assert made.result is None
    assert made.figure is None
    pad.sketch = SKETCH
    assert made.settle(30)
    assert made.result.activity.shape == (5, 5)
    made.save_picture(tmp_path / "maps.svg")
    assert "Occlusion" in (tmp_path / "maps.svg").read_text()
    pad.sketch = sw.Sketch([])
    assert made.settle(30)
    assert made.view.occlusion is None
