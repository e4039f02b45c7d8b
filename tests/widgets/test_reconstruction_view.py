"""ReconstructionView: what each mode makes, what changes start anew, and what a cancelled run keeps."""

import time

import numpy as np
import pytest
import torch
from torch import nn
from traitlets import TraitError

import sketchwidgets as sw
from sketchwidgets.visualization import Inversions, Reconstruction

CROSS = [[(0, 0), (30, 30)], [(0, 30), (30, 0)]]


def network(classes=("cat", "dog", "sun")):
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(1, 4, 5), nn.ReLU(), nn.Conv2d(4, 6, 5), nn.ReLU(), nn.Flatten(), nn.Linear(6 * 16 * 16, 3)
    )
    return sw.Network(net.eval(), size=24, classes=classes, name="tiny")


@pytest.fixture
def make():
    made = []

    def make(*args, **kwargs):
        made.append(sw.ReconstructionView(*args, **{"steps": 6, **kwargs}))
        return made[-1]

    yield make
    for view in made:
        view.close()


def slow_network():
    """A network that takes a while for every step."""

    class Slow(nn.Module):
        def forward(self, x):
            time.sleep(0.02)
            return x.flatten(1)[:, :3]

    made = network()
    made.module.append(Slow())
    made.module.eval()
    return made


def test_a_class_is_maximised(make):
    view = make(network(), class_name="dog", images=2)
    assert view.settle()
    assert view.result.names == ("dog", "dog")
    assert view.result.seeds == (0, 1)
    assert view.result.method == "sketch"
    view.method = "simonyan"
    assert view.settle()
    assert (view.result.objective[-1] > view.result.objective[0]).all()
    assert view.figure.title == "tiny: maximise dog"
    view.class_name = "sun"
    assert view.settle()
    assert view.result.names == ("sun", "sun")
    assert view._classes.value == "sun"
    assert view._start.description == "Start"


def test_a_network_without_names_gives_its_outputs_by_number(make):
    view = make(network(classes=None), channel=2)
    assert view.settle()
    assert view.result.channels == (2,)
    assert view._named["class_name"].layout.display == "none"
    assert view._named["channel"].layout.display == ""


def test_a_channel_at_the_centre_and_everywhere(make):
    view = make(network(), mode="channel", layer="1", channel=3)
    assert view.settle()
    assert view.result.position == (10, 10)
    view.position = "all"
    assert view.settle()
    assert view.result.position == "all"
    view.layer = None
    assert view.settle()
    assert view.result.layer == "3"


def test_a_drawing_is_inverted_again_after_each_stroke(make):
    pad = sw.SketchPad()
    view = make(network(), pad)
    assert view.settle()
    assert view.result is None
    pad.sketch = sw.Sketch(CROSS)
    assert view.settle()
    first = view.result
    assert isinstance(first, Inversions)
    assert list(first) == ["1", "5"]  # every other layer, and the class scores
    assert len(view.figure.sections[0].tiles) == 3
    pad.undo()
    assert view.settle()
    assert not np.array_equal(first["1"].target_picture, view.result["1"].target_picture)
    view.layers = ["3"]
    assert view.settle()
    assert list(view.result) == ["3"]


def test_the_pad_does_not_matter_while_a_class_is_maximised(make):
    pad = sw.SketchPad()
    view = make(network(), pad, mode="class")
    assert view.settle()
    before = view.result
    pad.sketch = sw.Sketch(CROSS)
    assert view.settle()
    assert view.result is before
    view.mode = "invert"
    assert view.settle()
    assert isinstance(view.result, Inversions)


def test_methods_belong_to_their_mode(make):
    view = make(network(), sw.Sketch(CROSS), mode="class", method="yosinski-c")
    assert view.settle()
    # The published rate is for photos. On paper it is by what a step does there, here with autograd: 1.3 levels.
    paper = torch.zeros(1, *view.result.images.shape[1:], requires_grad=True)
    (gradient,) = torch.autograd.grad(network().module(paper)[0, 0], paper)
    assert float(gradient.abs().mean()) / 255 * view.result.settings.rate == pytest.approx(1.3, rel=1e-3)
    with pytest.raises(TraitError, match="method must be None or one of simonyan"):
        view.method = "mahendran"
    view.mode = "invert"
    assert view.method is None
    view.method = "mahendran"
    assert view.settle()
    assert view.result["1"].method == "mahendran"
    assert view._method.value == "mahendran"
    for name, value in (("steps", 1), ("images", 9), ("channel", -1), ("mode", "dream")):
        with pytest.raises(TraitError, match=name):
            setattr(view, name, value)


def test_cancel_keeps_what_there_is(make):
    view = make(slow_network(), steps=2000, mode="class")
    end = time.monotonic() + 30
    while view.figure is None or len(view.figure.sections) < 2:
        assert time.monotonic() < end
        time.sleep(0.02)
    assert view._start.description == "Cancel"
    view._start.click()
    assert view.settle(20)
    assert isinstance(view.result, Reconstruction)
    assert view.result.stopped
    assert 0 < view.result.steps < 2000
    assert "stopped early" in view.figure.sections[0].caption
    assert view._start.description == "Start"


def test_errors_are_shown(make):
    view = make(network(), class_name="unicorn")
    assert view.settle()
    assert "knows no class" in view._status.notice.value
    assert view._start.description == "Start"
    view.class_name = "cat"
    assert view.settle()
    assert view._status.notice.value == ""


def test_another_network_goes_back_to_defaults_and_saves(make, tmp_path):
    view = make(network(), class_name="dog")
    assert view.settle()
    view.network = network(classes=("one", "two", "three"))
    assert view.settle()
    assert view.result.names == ("one",)
    view.save_picture(tmp_path / "one.svg")
    assert "one" in (tmp_path / "one.svg").read_text()


def test_a_reconstruction_is_shown_with_its_way():
    result = sw.maximize(network(), None, ["cat", "dog"], steps=4, preview_every=2, progress=False)
    shown = sw.show(result)
    slider, grid = shown.children[0].children[-1], shown.children[1]
    assert grid.figure.sections[0].tiles[0].caption.startswith("cat")
    slider.value = 0
    np.testing.assert_array_equal(grid.figure.sections[0].tiles[1].pixels, result.preview_pictures(1)[0])
    assert "step 2" in grid.figure.sections[0].caption
    shown.close()
