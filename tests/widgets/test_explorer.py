"""Explorer: the newest drawing wins, what is under way can be cancelled, and nothing that fails is silent."""

import threading
import time

import ipywidgets
import numpy as np
import pytest
import torch
from _counting import Counting, Ink, network

import sketchwidgets as sw
from sketchwidgets.visualization.figures import Figure
from sketchwidgets.widgets.explorer._explorer import Explorer

PATIENCE = 20


@pytest.fixture
def make():
    made = []

    def make(*args, kind=Counting, **kwargs):
        made.append(kind(*args, **kwargs))
        return made[-1]

    yield make
    for explorer in made:
        if hasattr(explorer, "go"):
            explorer.go.set()
        explorer.close()


def eventually(condition):
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "never came to pass"
        time.sleep(0.005)


def line(n):
    return np.array([(10 * n, 10), (10 * n, 300)], np.float32)


def stroke(pad, number, *, end=True, first=0, points=None):
    """Points of a stroke as the page sends them."""
    points = line(number) if points is None else points
    rows = np.zeros((len(points), 4), np.float32)
    rows[:, :2] = points
    pad.drawing.extend(2 * number, first, rows, end)


def shown(explorer):
    (section,) = explorer.view.figure.sections
    return explorer.view.figure.title, section.tiles[0].caption


def test_a_sketch_is_computed_and_shown(make, tmp_path):
    explorer = make(network(), sw.Sketch([line(1), line(9)]))
    assert explorer.settle(PATIENCE)
    assert explorer.result.strokes == 2
    assert shown(explorer) == ("setting 1", "2 strokes")
    np.testing.assert_array_equal(explorer.result.image, network().prepare(explorer.source))
    explorer.save_picture(tmp_path / "ink.png")
    assert (tmp_path / "ink.png").read_bytes()[:4] == b"\x89PNG"


def test_a_picture_is_computed_and_another_one_may_follow(make):
    explorer = make(network(), np.zeros((40, 50, 3), np.uint8))
    assert explorer.settle(PATIENCE)
    assert explorer.result.image.min() == 1  # black is ink
    explorer.source = torch.ones(1, 20, 20)
    assert explorer.settle(PATIENCE)
    assert explorer.result.image.max() == 0
    assert explorer.jobs[-1].sketch is None


def test_a_pad_is_followed_stroke_by_stroke_and_scrubbed_back(make):
    pad = sw.SketchPad()
    explorer = make(network(), pad)
    assert explorer.settle(PATIENCE)
    assert explorer.result is None
    assert "Draw a stroke" in explorer._status._text.value
    for number in (1, 2, 3):
        stroke(pad, number)
        assert explorer.settle(PATIENCE)
        assert shown(explorer)[1] == f"{number} strokes"
    assert explorer._status.line.layout.display == "none"
    pad.scrub(2)
    assert explorer.settle(PATIENCE)
    assert explorer.result.strokes == 2
    pad.undo()
    pad.undo()
    assert explorer.settle(PATIENCE)
    assert explorer.result.strokes == 1
    pad.clear()
    assert explorer.settle(PATIENCE)
    assert explorer.result is None
    assert explorer.view.figure.sections == ()


def test_the_newest_drawing_wins(make):
    pad = sw.SketchPad()
    explorer = make(network(), pad, gated=True)
    stroke(pad, 1)
    assert explorer.started.wait(PATIENCE)
    for number in range(2, 8):
        stroke(pad, number)
    explorer.go.set()
    assert explorer.settle(PATIENCE)
    assert explorer.result.strokes == 7
    assert explorer.outcomes[0] == "Cancelled"
    assert explorer.outcomes[-1] == "done"
    assert explorer.outcomes.count("done") == 1


def test_points_of_a_stroke_under_way_give_nothing_up(make):
    pad = sw.SketchPad()
    explorer = make(network(), pad, gated=True)
    explorer.settle(PATIENCE)
    stroke(pad, 1, end=False)
    assert explorer.started.wait(PATIENCE)
    stroke(pad, 1, end=False, first=2, points=line(3))
    assert not explorer.jobs[0].cancelled
    assert explorer.jobs[0].unfinished
    stroke(pad, 1, end=True, first=4, points=line(4))
    assert explorer.jobs[0].cancelled
    explorer.go.set()
    assert explorer.settle(PATIENCE)
    assert not explorer.jobs[-1].unfinished
    assert len(explorer.jobs[-1].sketch.strokes[0]) == 6


def test_one_that_waits_for_the_pen_to_lift(make):
    class Patient(Counting):
        _follows_pen = False

    pad = sw.SketchPad()
    explorer = make(network(), pad, kind=Patient)
    stroke(pad, 1, end=False)
    assert explorer.settle(PATIENCE)
    assert explorer.jobs == []
    stroke(pad, 1, first=2, points=line(2))
    assert explorer.settle(PATIENCE)
    assert len(explorer.jobs) == 1


def test_a_changed_setting_cancels_and_computes_again(make):
    explorer = make(network(), sw.Sketch([line(1)]), gated=True)
    assert explorer.started.wait(PATIENCE)
    explorer.setting = 2
    explorer.refresh()
    assert explorer.jobs[0].cancelled
    explorer.go.set()
    assert explorer.settle(PATIENCE)
    assert explorer.outcomes == ["Cancelled", "done"]
    assert shown(explorer)[0] == "setting 2"


def test_controls_are_shown_and_refresh(make):
    class Controlled(Counting):
        def __init__(self, *args):
            self.slider = ipywidgets.IntSlider(3)
            self.slider.observe(self.refresh, names="value")
            super().__init__(*args, controls=[self.slider])

        def _compute(self, job):
            self.setting = self.slider.value
            return super()._compute(job)

    explorer = make(network(), sw.Sketch([line(1)]), kind=Controlled)
    explorer.settle(PATIENCE)
    explorer.slider.value = 5
    explorer.settle(PATIENCE)
    assert shown(explorer)[0] == "setting 5"
    assert explorer.slider in explorer.controls.children


def test_the_button_cancels_and_starts_again(make):
    explorer = make(network(), sw.Sketch([line(1)]), gated=True)
    assert explorer.started.wait(PATIENCE)
    status = explorer._status
    eventually(lambda: status.line.layout.display == "")  # it has taken long
    assert status._button.description == "Cancel"
    status._button.click()
    assert explorer.settle(PATIENCE)
    assert explorer.outcomes == ["Cancelled"]
    assert "Cancelled" in status._text.value
    assert explorer.result is None
    explorer.go.set()
    assert status._button.description == "Go again"
    status._button.click()
    assert explorer.settle(PATIENCE)
    assert explorer.outcomes == ["Cancelled", "done"]
    assert status.line.layout.display == "none"


def test_progress_lies_over_what_is_shown_and_takes_a_line_before_there_is_anything(make):
    explorer = make(network(), sw.Sketch([line(1)]), gated=True)
    status = explorer._status
    eventually(lambda: status.line.layout.display == "")
    assert "skw-explorer-over" not in status.line._dom_classes
    explorer.go.set()
    assert explorer.settle(PATIENCE)
    explorer.go.clear()
    explorer.refresh()
    eventually(lambda: status.line.layout.display == "")
    assert "skw-explorer-over" in status.line._dom_classes
    status._button.click()
    assert explorer.settle(PATIENCE)
    assert "Cancelled" in status._text.value
    assert "skw-explorer-over" not in status.line._dom_classes  # it stays, and hides nothing


def test_what_a_cancelled_computation_returns_is_shown(make):
    class Stepwise(Explorer):
        def _compute(self, job):
            step = 0
            while job.progress(step, 1000, "climbing"):
                step += 1
                job.preview(step)
                if step == 3:
                    self.cancel()
                if step == 10:
                    break
            return step

        def _present(self, result):
            shown_steps.append(result)
            return Figure(f"step {result}")

    shown_steps = []
    explorer = make(network(), sw.Sketch([line(1)]), kind=Stepwise)
    assert explorer.settle(PATIENCE)
    assert explorer.result == 3
    assert explorer.figure.title == "step 3"
    assert shown_steps[:3] == [1, 2, 3]
    assert "how far it came" in explorer._status._text.value


def test_progress_is_shown_once_it_takes_long(make):
    class Slow(Counting):
        def _compute(self, job):
            job.progress(3, 12, "layer <b>")
            return super()._compute(job)

    explorer = make(network(), sw.Sketch([line(1)]), kind=Slow, gated=True)
    status = explorer._status
    assert explorer.started.wait(PATIENCE)
    eventually(lambda: status.line.layout.display == "")
    assert status._bar.value == 0.25
    assert "layer &lt;b&gt; · 3 of 12" in status._text.value
    explorer.go.set()
    assert explorer.settle(PATIENCE)
    assert status.line.layout.display == "none"


def test_an_error_is_shown_with_its_traceback_and_goes_with_the_next_success(make):
    explorer = make(network(), sw.Sketch([line(1)]))
    explorer.settle(PATIENCE)
    explorer.failure = RuntimeError("no <unit> there")
    explorer.refresh()
    assert explorer.settle(PATIENCE)
    notice = explorer._status.notice
    assert notice.layout.display == ""
    assert "no &lt;unit&gt; there" in notice.value
    assert "_counting.py" in notice.value
    assert shown(explorer)[1] == "1 strokes"  # the last result stays
    explorer.failure = None
    explorer.refresh()
    assert explorer.settle(PATIENCE)
    assert notice.layout.display == "none"


def test_an_image_that_the_network_does_not_take_is_an_error_in_the_widget(make):
    explorer = make(network(), torch.zeros(1, 3, 32, 32))
    assert explorer.settle(PATIENCE)
    assert "ValueError" in explorer._status.notice.value


@pytest.mark.parametrize("source", ["cat.png", 7, {"a": 1}])
def test_what_is_no_source_is_refused_and_leaves_no_thread(source):
    before = threading.active_count()
    with pytest.raises(TypeError, match="source must be"):
        Counting(network(), source)
    assert threading.active_count() == before


def test_what_is_no_network_is_refused():
    with pytest.raises(TypeError, match=r"network must be .*, not str$"):
        Counting("alexnet")


def test_another_network(make):
    explorer = make(network(), sw.Sketch([line(1)]))
    explorer.settle(PATIENCE)
    explorer.network = sw.Network(network().module, size=32, ink="negative", name="other")
    assert explorer.settle(PATIENCE)
    assert explorer.jobs[-1].network.name == "other"
    assert explorer.result.image.max() == 1  # paper is white now
    assert "other" in repr(explorer)


def test_one_that_needs_no_source(make):
    class Free(Explorer):
        _needs_source = False

        def _compute(self, job):
            return job.image, job.network.name

        def _present(self, result):
            return None

    explorer = make(network(), kind=Free)
    assert explorer.settle(PATIENCE)
    assert explorer.result == (None, "tiny")
    with pytest.raises(ValueError, match="nothing to save"):
        explorer.save_picture("x.png")


def test_closing_cancels_and_leaves_no_thread():
    before = set(threading.enumerate())
    pad = sw.SketchPad()
    explorer = Counting(network(), pad, gated=True)
    stroke(pad, 1)
    assert explorer.started.wait(PATIENCE)
    explorer.close()
    eventually(lambda: explorer.outcomes == ["Cancelled"])
    eventually(lambda: set(threading.enumerate()) <= before)
    stroke(pad, 2)  # nobody listens any more
    assert len(explorer.jobs) == 1
    assert explorer.settle(1)
    explorer.close()


def test_closing_does_not_wait_for_what_cannot_be_cancelled():
    class Deaf(Counting):
        def _compute(self, job):
            self.started.set()
            assert self.go.wait(PATIENCE)
            return Ink(0, 0, job.image)

    before = set(threading.enumerate())
    explorer = Deaf(network(), sw.Sketch([line(1)]), gated=True)
    assert explorer.started.wait(PATIENCE)
    start = time.monotonic()
    explorer.close()
    assert time.monotonic() - start < 2
    explorer.go.set()
    eventually(lambda: set(threading.enumerate()) <= before)
    assert explorer.figure is None, "what came too late is not shown"


def test_following_another_pad(make):
    first, second = sw.SketchPad(), sw.SketchPad(sw.Sketch([line(1), line(2)]))
    explorer = make(network(), first)
    explorer.source = second
    assert explorer.settle(PATIENCE)
    assert explorer.result.strokes == 2
    count = len(explorer.jobs)
    stroke(first, 1)
    assert explorer.settle(PATIENCE)
    assert len(explorer.jobs) == count
