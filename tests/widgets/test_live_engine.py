"""The live engine the whole way: a real pad, recogniser, recording and panels, with a page that is played."""

import gc
import threading
import weakref

import numpy as np
import pytest
import torch
from _fake_page import Page
from _tiny_recognizer import tiny_recognizer

from sketchwidgets.sketch import Sketch
from sketchwidgets.widgets import LayerPanels, Recognition, SketchPad
from sketchwidgets.widgets.live import _outlet
from sketchwidgets.widgets.live._engine import LiveEngine
from sketchwidgets.widgets.live._gate import Gate


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


@pytest.fixture
def stage():
    made = []

    def make(*args, **kwargs):
        made.append(Stage(*args, **kwargs))
        return made[-1]

    yield make
    for each in made:
        each.close()


def assert_equals_recognising_from_scratch(stage):
    """The session holds every stroke on the board, in order, with the predictions of a fresh recogniser."""
    session, sketch = stage.engine.session, stage.pad.sketch
    assert len(session) == len(sketch)
    for held, drawn in zip(session.sketch, sketch, strict=True):
        np.testing.assert_array_equal(held, drawn)
    expected = tiny_recognizer().recognize(sketch)
    for prediction, wanted in zip(session.predictions, expected, strict=True):
        np.testing.assert_allclose(prediction.probabilities, wanted.probabilities, atol=1e-5)


# Strokes


def test_every_stroke_is_recognised_in_order_and_shown(stage):
    lab = stage()
    for count, points in enumerate(strokes(5), start=1):
        lab.draw(points)
        lab.settle()
        prediction = lab.engine.session.predictions[-1]
        shown = lab.shown()
        assert (shown["step"], shown["provisional"], shown["since"]) == (count, False, 1000.0 + 2 * count)
        assert shown["top"][0][0] == prediction.label
        assert shown["top"][0][1] == pytest.approx(prediction.probabilities.max(), abs=1e-5)
        assert lab.recognition._names.text[0] == prediction.label
    assert_equals_recognising_from_scratch(lab)


def test_a_slow_recogniser_drops_no_finished_stroke(stage):
    lab = stage()
    lab.cnn.seconds = 0.03
    lab.draw(*strokes(12))
    lab.settle()
    assert_equals_recognising_from_scratch(lab)
    steps = [message["step"] for message in lab.pad_page.of("prediction")]
    assert steps == sorted(steps)
    assert lab.shown()["step"] == 12


def test_the_network_runs_once_for_each_stroke_panels_included(stage):
    lab = stage()
    for count, points in enumerate(strokes(4), start=1):
        lab.draw(points)
        lab.panels_of(count)
    assert lab.cnn.passes == 4


def test_undo_redo_and_clear_are_followed_by_state(stage):
    lab = stage()
    drawn = strokes(5)
    lab.draw(*drawn)
    lab.settle()
    passes = lab.cnn.passes
    lab.panels_of(5)
    lab.pad_page.say({"type": "undo"})
    lab.pad_page.say({"type": "undo"})
    lab.settle()
    assert lab.shown()["step"] == 3
    lab.panels_of(3)
    assert lab.cnn.passes == passes + 1, "the states are kept: only the panels need a pass"
    assert_equals_recognising_from_scratch(lab)
    lab.pad_page.say({"type": "redo"})
    lab.draw(strokes(1, seed=9)[0])
    lab.settle()
    assert_equals_recognising_from_scratch(lab)
    lab.pad_page.say({"type": "clear"})
    lab.settle()
    assert len(lab.engine.session) == 0
    assert lab.shown()["top"] == []
    lab.panels_page.wait(lambda page: page.of("empty"))
    lab.draw(drawn[2])
    lab.settle()
    assert_equals_recognising_from_scratch(lab)


def test_many_changes_at_once_end_in_the_right_state(stage):
    lab = stage()
    lab.cnn.seconds = 0.01
    random = np.random.default_rng(3)
    for points in strokes(40, seed=4):
        lab.draw(points)
        action = random.choice(["undo", "redo", "clear", "none", "none"])
        if action != "none":
            lab.pad_page.say({"type": str(action)})
    lab.settle()
    assert_equals_recognising_from_scratch(lab)


def test_a_sketch_set_from_python_is_recognised(stage):
    lab = stage()
    lab.pad.sketch = Sketch(strokes(3))
    lab.settle()
    assert_equals_recognising_from_scratch(lab)
    assert lab.shown()["step"] == 3
    assert lab.shown()["since"] is None


# A stroke in progress


def test_a_stroke_in_progress_gives_provisional_predictions_and_one_step(stage):
    lab = stage()
    lab.draw(strokes(1)[0])
    lab.settle()
    points = np.linspace([20, 20], [300, 350], 30)
    stroke = lab.pad_page.draw(points[:10], end=False)
    lab.settle()
    assert (lab.shown()["provisional"], lab.shown()["step"], lab.shown()["since"]) == (True, 2, None)
    assert len(lab.engine.session) == 1
    assert "skw-provisional" in lab.recognition._title.value
    lab.panels_of(2)
    lab.pad_page.draw(points[10:], stroke=stroke, first=10)
    lab.settle()
    assert (lab.shown()["provisional"], lab.shown()["step"]) == (False, 2)
    assert_equals_recognising_from_scratch(lab)


def test_points_that_come_faster_than_they_are_recognised_are_not_queued(stage):
    lab = stage()
    lab.cnn.seconds = 0.05
    points = np.linspace([20, 20], [300, 350], 200)
    stroke = lab.pad_page.draw(points[:1], end=False)
    for first in range(1, 199):
        lab.pad_page.draw(points[first : first + 1], end=False, stroke=stroke, first=first)
    lab.pad_page.draw(points[199:], stroke=stroke, first=199)
    lab.settle()
    assert lab.cnn.passes < 20
    assert_equals_recognising_from_scratch(lab)


def test_panels_are_finished_while_a_stroke_keeps_growing(stage, monkeypatch):
    lab = stage()
    stroke = lab.pad_page.draw([[10, 10], [20, 40]], end=False)
    points = 2
    project = type(lab.engine._panels)._begin
    assert project
    grow_at = []

    original = lab.engine._recorder.record

    def grow_and_record(cnn, image):
        nonlocal points
        if points < 12:  # newer points come while this pass and its layers are computed
            points += 1
            grow_at.append(points)
            lab.pad_page.draw([[20 + 10 * points, 40 + points]], end=False, stroke=stroke, first=points - 1)
        return original(cnn, image)

    monkeypatch.setattr(lab.engine._recorder, "record", grow_and_record)
    lab.pad_page.draw([[50, 80]], end=False, stroke=stroke, first=2)
    points = 3
    lab.panels_page.wait(lambda page: sum(message["done"] for message in page.of("panels")) >= 3)
    assert grow_at


# Scrubbing


def test_a_scrubbed_step_shows_its_prediction_and_projects_its_prefix(stage):
    lab = stage()
    lab.draw(*strokes(5))
    lab.settle()
    lab.panels_of(5)
    passes = lab.cnn.passes
    lab.pad_page.say({"type": "scrub", "step": 2})
    lab.settle()
    assert lab.shown()["step"] == 2
    assert lab.shown()["top"][0][0] == lab.engine.session.predictions[1].label
    lab.panels_of(2)
    assert lab.cnn.passes == passes + 1
    paper = next(
        buffers
        for content, buffers in zip(
            reversed(lab.panels_page.messages), reversed(lab.panels_page.buffers), strict=True
        )
        if content["type"] == "paper"
    )
    image = lab.engine.session.image(2)[0, 0].numpy()
    np.testing.assert_array_equal(
        np.frombuffer(paper[0], np.uint8).reshape(image.shape), np.rint(image * 255).astype(np.uint8)
    )
    assert len(lab.engine.session) == 5, "looking back forgets nothing"
    lab.draw(strokes(1, seed=8)[0])
    lab.settle()
    assert lab.shown()["step"] == 6
    assert_equals_recognising_from_scratch(lab)


# Back-pressure


def test_no_frame_is_sent_while_two_are_unconfirmed_and_the_newest_follows(stage):
    lab = stage(confirms="later")
    for points in strokes(8):
        lab.draw(points)
        lab.settle()
    assert len(lab.engine.session) == 8, "a page that does not paint does not stop the recognition"
    assert lab.pad_page.most_unconfirmed == 2
    assert lab.panels_page.most_unconfirmed <= 2
    frames = [message["step"] for message in lab.pad_page.of("prediction") if message["frame"]]
    assert len(frames) == 2
    lab.pad_page.confirm()
    lab.pad_page.wait(lambda page: page.last("prediction")["step"] == 8)
    assert [message["step"] for message in lab.pad_page.of("prediction") if message["frame"]] == [*frames, 8]
    for _ in range(20):
        lab.panels_page.confirm()
        lab.pad_page.confirm()
        lab.settle()
    lab.panels_of(8)
    assert lab.panels_page.most_unconfirmed <= 2


def test_with_nobody_looking_nothing_is_sent_and_nothing_projected_but_all_is_recognised(stage):
    lab = stage(mounted=False)
    lab.pad.sketch = Sketch(strokes(4))
    lab.settle()
    assert_equals_recognising_from_scratch(lab)
    assert lab.pad_page.of("prediction") == []
    assert lab.panels_page.of("panels") == []
    assert lab.cnn.passes == 4
    assert lab.recognition._names.text[0] == lab.engine.session.predictions[-1].label
    lab.pad_page.mount()
    lab.panels_page.mount()
    lab.pad_page.wait(lambda page: page.last("prediction")["step"] == 4)
    lab.panels_of(4)


def test_a_view_that_dies_does_not_block_the_next_one(stage, monkeypatch):
    monkeypatch.setattr(_outlet, "Gate", lambda: Gate(expiry=0.1))
    lab = stage(confirms="never")
    lab.draw(*strokes(5))
    lab.settle()
    gates = [lab.engine._predictions.gate, lab.engine._panels.gate]
    lab.pad_page.wait(lambda _: not any(gate.present for gate in gates))
    sent = len(lab.pad_page.of("prediction"))
    lab.draw(*strokes(2, seed=1))
    lab.settle()
    assert len(lab.pad_page.of("prediction")) == sent, "nobody looks, nothing is sent"
    for page in (lab.pad_page, lab.panels_page):
        page.confirms = "at once"
        page.mount()
    lab.pad_page.wait(lambda page: page.last("prediction")["frame"] and page.last("prediction")["step"] == 7)
    lab.panels_of(7)


def test_a_reload_gets_the_newest_prediction(stage):
    lab = stage()
    lab.draw(*strokes(3))
    lab.settle()
    lab.panels_of(3)
    lab.pad_page.messages.clear()
    lab.pad_page.mount()
    lab.pad_page.wait(lambda page: page.last("prediction") and page.last("prediction")["step"] == 3)


# Panels


def test_panels_of_an_older_drawing_are_given_up(stage, monkeypatch):
    lab = stage()
    lab.draw(strokes(1)[0])
    lab.panels_of(1)
    refinements = []
    feed = lab.engine._panels
    begin = feed._begin

    def begin_and_draw(record):
        begun = begin(record)
        if begun and not refinements:  # a stroke is finished while the first layer is projected
            lab.draw(strokes(1, seed=2)[0])
        if begun:
            refinements.append(feed._job)
        return begun

    monkeypatch.setattr(feed, "_begin", begin_and_draw)
    lab.draw(strokes(1, seed=1)[0])
    lab.panels_of(3)
    stale, newest = refinements
    assert not stale.computed
    assert newest.done
    assert not any(m["done"] for m in lab.panels_page.of("panels") if m["step"] == 2)


def test_layers_in_sight_come_first(stage):
    lab = stage()
    lab.panels_page.say({"type": "visible", "layers": ["relu2"]})
    lab.draw(strokes(1)[0])
    lab.panels_of(1)
    names = [layer["name"] for message in lab.panels_page.of("panels") for layer in message["layers"]]
    assert names == ["relu2", "relu1"]


def test_a_stroke_in_progress_projects_only_what_is_in_sight(stage):
    lab = stage()
    lab.panels_page.say({"type": "visible", "layers": ["relu2"]})
    stroke = lab.pad_page.draw([[10, 10], [200, 300]], end=False)
    lab.panels_of(1)
    names = {layer["name"] for message in lab.panels_page.of("panels") for layer in message["layers"]}
    assert names == {"relu2"}
    lab.pad_page.draw([[250, 300]], stroke=stroke, first=2)
    lab.panels_page.wait(
        lambda page: {layer["name"] for m in page.of("panels") for layer in m["layers"]} == {"relu1", "relu2"}
    )


def test_another_rule_or_top_projects_the_same_pass_again(stage):
    lab = stage()
    lab.draw(*strokes(2))
    lab.settle()
    lab.panels_of(2)
    passes = lab.cnn.passes
    lab.panels.rule = "deconvnet"
    lab.panels_page.wait(
        lambda page: page.last("panels")["rule"] == "deconvnet" and page.last("panels")["done"]
    )
    lab.panels.top = 2
    lab.panels_page.wait(lambda page: [len(r["tiles"]) for r in page.last("panels")["layers"]] == [2, 2])
    assert lab.cnn.passes == passes


def test_other_layers_are_recorded_anew(stage):
    lab = stage()
    lab.draw(strokes(1)[0])
    lab.panels_of(1)
    lab.panels.layers = ["pool1"]
    lab.panels_page.wait(lambda page: [r["name"] for r in page.last("panels")["layers"]] == ["pool1"])
    assert lab.panels_page.last("rows")["rows"][0]["name"] == "pool1"
    lab.draw(strokes(1, seed=3)[0])
    lab.panels_of(2)
    assert [row["name"] for row in lab.panels_page.last("panels")["layers"]] == ["pool1"]


def test_the_projections_are_those_of_the_prefix(stage):
    import sketchwidgets as sw
    from sketchwidgets.widgets._packing import pack_layers

    lab = stage()
    lab.draw(*strokes(3))
    lab.settle()
    lab.panels_of(3)
    net = tiny_recognizer().cnn
    expected = sw.project(net, lab.engine.session.image(), top=4, rule="guided")
    _, wanted = pack_layers((name, name, projection) for name, projection in expected.items())
    last = [
        (content, buffers)
        for content, buffers in zip(lab.panels_page.messages, lab.panels_page.buffers, strict=True)
        if content["type"] == "panels" and content["step"] == 3
    ]
    assert b"".join(bytes(buffers[0]) for _, buffers in last) == wanted


def test_without_panels_there_are_still_predictions(stage):
    lab = stage(panels=False)
    lab.draw(*strokes(3))
    lab.settle()
    assert lab.shown()["step"] == 3
    assert lab.engine.latencies["panels"] == []


def test_latencies_are_collected_from_confirmations(stage):
    lab = stage()
    lab.draw(strokes(1)[0])
    lab.panels_of(1)
    lab.settle()
    assert lab.engine.latencies == {"prediction": [5.0], "panels": [5.0]}


# Errors


def test_a_recogniser_that_raises_once_is_shown_and_the_stroke_is_not_lost(stage):
    lab = stage()
    lab.draw(strokes(1)[0])
    lab.settle()
    lab.cnn.errors = [RuntimeError("out of smoke")]
    drawn = strokes(2, seed=1)
    lab.draw(drawn[0])
    lab.settle()
    error = lab.pad_page.last("error")
    assert error["title"] == "The drawing could not be recognised"
    assert error["message"] == "out of smoke"
    assert "RuntimeError: out of smoke" in error["traceback"]
    assert "in features" in error["traceback"]
    assert len(lab.engine.session) == 1
    lab.draw(drawn[1])
    lab.settle()
    assert lab.pad_page.last("error")["title"] is None
    assert_equals_recognising_from_scratch(lab)
    lab.panels_of(3)


def test_a_projection_that_raises_is_shown_in_the_panels_and_predictions_go_on(stage, monkeypatch):
    lab = stage()
    lab.panels.layers = ["no_such_layer"]
    lab.draw(strokes(1)[0])
    lab.settle()
    lab.panels_page.wait(lambda page: page.last("error")["title"] == "The layers could not be projected")
    assert "no_such_layer" in lab.panels_page.last("error")["message"]
    assert lab.shown()["step"] == 1, "what the panels cannot do must not stop the recognition"
    lab.panels.layers = None
    lab.draw(strokes(1, seed=1)[0])
    lab.panels_of(2)
    lab.panels_page.wait(lambda page: page.last("error")["title"] is None)
    assert_equals_recognising_from_scratch(lab)


def test_the_same_error_is_not_sent_for_every_point(stage):
    lab = stage()
    lab.cnn.errors = [RuntimeError("again")] * 100
    stroke = lab.pad_page.draw([[10, 10], [30, 30]], end=False)
    for first in range(2, 12):
        lab.pad_page.draw([[30 + first, 40]], end=False, stroke=stroke, first=first)
        lab.settle()
    assert len([message for message in lab.pad_page.of("error") if message["title"]]) == 1


def test_a_recogniser_is_loaded_on_the_thread_with_a_status(stage):
    loading, loaded = threading.Event(), threading.Event()
    threads = []

    def load():
        threads.append(threading.current_thread())
        loading.set()
        assert loaded.wait(20)
        return tiny_recognizer()

    pad = SketchPad()
    page = Page(pad)
    engine = LiveEngine(load, pad)
    assert loading.wait(20)
    assert "Loading" in page.last("status")["text"]
    assert engine.session is None
    for points in strokes(2):
        page.draw(points)
    assert not engine.settle(0.01)
    loaded.set()
    assert engine.settle(20)
    assert page.last("status")["text"] == ""
    assert len(engine.session) == 2
    assert threads != [threading.current_thread()]
    engine.close()
    pad.close()


def test_a_loader_that_fails_is_shown_and_another_recogniser_helps():
    def load():
        raise FileNotFoundError("there are no weights here")

    pad = SketchPad()
    page = Page(pad)
    engine = LiveEngine(load, pad)
    assert engine.settle(20)
    assert page.last("error")["title"] == "The recogniser could not be loaded"
    assert "no weights here" in page.last("error")["message"]
    page.draw(strokes(1)[0])
    assert engine.settle(20)
    engine.recognizer = tiny_recognizer()
    assert engine.settle(20)
    assert page.last("error")["title"] is None
    assert len(engine.session) == 1
    engine.close()
    pad.close()


def test_another_recogniser_recognises_the_drawing_anew(stage):
    lab = stage()
    lab.draw(*strokes(3))
    lab.settle()
    other = tiny_recognizer()
    with torch.no_grad():
        other.cnn.conv2.weight.mul_(-1)
    lab.engine.recognizer = other
    lab.settle()
    assert other.cnn.passes >= 3
    assert lab.engine.recognizer is other
    expected = other.recognize(lab.pad.sketch)[-1]
    np.testing.assert_allclose(
        lab.engine.session.predictions[-1].probabilities, expected.probabilities, atol=1e-5
    )


def test_what_is_no_recogniser_is_refused():
    pad = SketchPad()
    with pytest.raises(TypeError, match=r"recognizer must be a Recognizer.+not int"):
        LiveEngine(3, pad)
    pad.close()


# The end


def test_close_ends_the_thread_and_frees_the_session(stage):
    lab = stage()
    lab.draw(*strokes(3))
    lab.panels_of(3)
    thread = lab.engine._worker._thread
    session, take = weakref.ref(lab.engine.session), weakref.ref(lab.engine._panels._take.recording)
    lab.engine.close()
    assert not thread.is_alive()
    gc.collect()
    assert session() is None
    assert take() is None
    lab.draw(strokes(1)[0])
    assert lab.engine.session is None
    assert lab.engine.settle(1)
    lab.engine.close()


def test_closing_the_pad_closes_the_engine(stage):
    lab = stage()
    thread = lab.engine._worker._thread
    lab.pad.close()
    assert not thread.is_alive()


def test_closing_the_panels_leaves_the_rest_alive(stage):
    lab = stage()
    lab.panels.close()
    lab.recognition.close()
    lab.draw(strokes(1)[0])
    lab.settle()
    assert lab.shown()["step"] == 1


def test_an_engine_and_its_widgets_are_freed_once_closed():
    lab = Stage()
    lab.draw(*strokes(2))
    lab.settle()
    engine, pad, panels = weakref.ref(lab.engine), weakref.ref(lab.pad), weakref.ref(lab.panels)
    lab.close()
    del lab
    gc.collect()
    assert engine() is None
    assert pad() is None
    assert panels() is None


def test_recordings_do_not_pile_up(stage):
    lab = stage()
    recordings = []
    record = lab.engine._recorder.record

    def watched(cnn, image):
        take = record(cnn, image)
        recordings.append(weakref.ref(take.recording))
        return take

    lab.engine._recorder.record = watched
    for count, points in enumerate(strokes(30), start=1):
        lab.draw(points)
        lab.panels_of(count)
    lab.settle()
    assert len(recordings) == 30
    assert sum(recording() is not None for recording in recordings) == 1
