"""The live engine and a page that is slow, dead or elsewhere; panels that are refined or given up."""

import itertools

import numpy as np
import pytest
from _fake_page import Page
from _stage import assert_equals_recognising_from_scratch, strokes
from _tiny_recognizer import tiny_recognizer

import sketchwidgets as sw
from sketchwidgets.sketch import Sketch
from sketchwidgets.widgets.live import _outlet, _refinement
from sketchwidgets.widgets.live._packing import pack_layers
from sketchwidgets.widgets.live._prediction_feed import PredictionFeed
from sketchwidgets.widgets.live._view import View
from sketchwidgets.widgets.parts import _gate
from sketchwidgets.widgets.parts._gate import Gate

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


def view_of(step):
    """A drawing of so many strokes."""
    shares = np.array([0.25, 0.75], np.float32)
    return View(tuple(sw.Prediction(shares, ("cat", "dog"), k) for k in range(1, step + 1)))


@pytest.mark.parametrize("tick", [0.1, 0.3, 0.45, 0.7, 1.0, 1.9])
def test_a_deadline_that_passes_while_a_frame_is_made_loses_no_view(monkeypatch, tick):
    # The clock moves with every look at it, so that sooner or later a frame expires between any two of them.
    seconds = itertools.count(step=tick)
    monkeypatch.setattr(_outlet, "Gate", lambda: Gate(clock=lambda: next(seconds)))
    pad = sw.SketchPad()
    page = Page(pad, confirms="never")
    feed = PredictionFeed(pad, None, lambda: None)
    for step in range(1, 60):
        feed.show(view_of(step))
        feed.deliver()
        if step % 3 == 0:
            page.mount()
    for _ in range(100):
        page.mount()
        feed.deliver()
    assert page.last("prediction")["step"] == 59
    pad.close()


def test_a_view_that_could_not_be_sent_is_sent_later(monkeypatch):
    pad = sw.SketchPad()
    page = Page(pad, confirms="later")
    feed = PredictionFeed(pad, None, lambda: None)
    feed.show(view_of(1))

    def fail(*_, **__):
        raise OSError("no such wire")

    with monkeypatch.context() as patched:
        patched.setattr(pad, "send_prediction", fail)
        with pytest.raises(OSError, match="no such wire"):
            feed.deliver()
    feed.deliver()
    assert page.last("prediction")["step"] == 1
    pad.close()


def test_a_page_that_paints_again_gets_the_view_of_the_meantime(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(_outlet, "Gate", lambda: Gate(clock=lambda: now[0]))
    pad = sw.SketchPad()
    page = Page(pad, confirms="later")
    feed = PredictionFeed(pad, None, lambda: None)
    feed.show(view_of(1))
    feed.deliver()
    now[0] += 5  # a tab in the background paints nothing
    feed.show(view_of(2))
    feed.deliver()
    assert page.last("prediction")["step"] == 1
    page.confirm()
    feed.deliver()
    assert page.last("prediction")["step"] == 2
    pad.close()


@pytest.mark.parametrize("loses", ["frame", "confirmation"])
def test_one_lost_message_does_not_leave_an_old_prediction(monkeypatch, loses):
    now = [0.0]
    monkeypatch.setattr(_outlet, "Gate", lambda: Gate(clock=lambda: now[0]))
    pad = sw.SketchPad()
    page = Page(pad, confirms="never" if loses == "confirmation" else "later")
    if loses == "frame":
        monkeypatch.setattr(pad, "send", lambda content, buffers=None: None)
    feed = PredictionFeed(pad, None, lambda: None)
    feed.show(view_of(1))
    feed.deliver()
    monkeypatch.setattr(pad, "send", page._receive)
    page.confirms, page.unconfirmed = "at once", []
    for _ in range(3):
        now[0] += feed.retry_in() or 2.0
        feed.deliver()
    assert page.last("prediction")["step"] == 1
    assert feed.gate.present
    assert feed.retry_in() is None
    pad.close()


def test_lost_panels_are_sent_again_though_nothing_is_drawn(stage, monkeypatch):
    monkeypatch.setattr(_outlet, "Gate", lambda: Gate(expiry=0.1))
    monkeypatch.setattr(_gate, "PROBES", (0.1, 0.1, 0.1))
    lab = stage()
    page = lab.panels_page
    lost = []

    def lose(content, buffers=None):
        if content["type"] == "panels":
            lost.append(content)

    monkeypatch.setattr(lab.panels, "send", lose)
    lab.draw(strokes(1)[0])
    page.wait(lambda _: lost)
    monkeypatch.setattr(lab.panels, "send", page._receive)
    lab.panels_of(1)
    names = {layer["name"] for message in page.of("panels") for layer in message["layers"]}
    assert names == {"relu1", "relu2"}


def test_a_page_that_draws_is_there_whatever_was_lost(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(_outlet, "Gate", lambda: Gate(clock=lambda: now[0]))
    woken = []
    pad = sw.SketchPad()
    page = Page(pad, confirms="never")
    feed = PredictionFeed(pad, None, lambda: woken.append(1))
    feed.show(view_of(1))
    feed.deliver()
    now[0] += 3
    feed.show(view_of(2))
    feed.deliver()
    assert page.last("prediction")["step"] == 1
    woken.clear()
    page.say({"type": "check", "client": "page", "check": 1, "confirmed": 0})
    assert woken
    feed.deliver()
    assert page.last("prediction")["step"] == 2
    pad.close()


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


def test_a_stroke_does_not_wait_for_the_layer_under_way(stage, monkeypatch):
    monkeypatch.setattr(_refinement, "_TURN", 0.0)
    lab = stage()
    lab.draw(strokes(1)[0])
    lab.panels_of(1)
    feed = lab.engine._panels
    advance = _refinement.Refinement.advance
    interrupted = []

    def advance_and_draw(job):
        advance(job)
        if not interrupted and job._layer is not None:
            interrupted.append(job)
            lab.draw(strokes(1, seed=2)[0])

    monkeypatch.setattr(_refinement.Refinement, "advance", advance_and_draw)
    feed.widget.rule = "deconvnet"
    lab.panels_of(2)
    (stale,) = interrupted
    assert stale._layer is not None, "the layer was left where it was"
    assert lab.engine.session.predictions[-1].step == 2
    # And a layer that takes many turns is the layer of one.
    layers = [m["layers"] for m in lab.panels_page.of("panels") if m["step"] == 2]
    assert [layer["name"] for message in layers for layer in message] == ["relu1", "relu2"]


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


def test_the_first_stroke_on_a_cleared_board_is_projected_while_it_is_drawn(stage):
    lab = stage()
    lab.panels_page.say({"type": "visible", "layers": ["relu2"]})
    lab.draw(strokes(1)[0])
    lab.panels_of(1)
    before = len(lab.panels_page.of("empty"))
    lab.pad_page.say({"type": "clear"})
    lab.panels_page.wait(lambda page: len(page.of("empty")) > before)
    lab.panels_page.say({"type": "visible", "layers": []})  # the rows are gone, and so none is in sight
    lab.panels_page.messages.clear()
    lab.pad_page.draw([[10, 10], [200, 300]], end=False)
    lab.panels_of(1)


def test_rows_that_are_shown_and_out_of_sight_are_not_projected_while_one_draws(stage):
    lab = stage()
    lab.draw(strokes(1)[0])
    lab.panels_of(1)
    lab.settle()
    lab.panels_page.say({"type": "visible", "layers": []})
    lab.panels_page.messages.clear()
    stroke = lab.pad_page.draw([[10, 10], [200, 300]], end=False)
    lab.pad_page.wait(lambda page: page.last("prediction")["provisional"])
    lab.settle()
    assert lab.panels_page.of("panels") == []
    lab.pad_page.draw([[250, 300]], stroke=stroke, first=2)
    lab.panels_of(2)


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
    lab = stage()
    lab.draw(*strokes(3))
    lab.settle()
    lab.panels_of(3)
    net = tiny_recognizer().cnn
    expected = sw.project(net, lab.engine.session.image(), top=4, rule="guided", dtype="fast")
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
