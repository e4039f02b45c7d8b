"""The live engine when something raises, while it loads, and when it ends."""

import gc
import threading
import time
import weakref

import numpy as np
import pytest
import torch
from _fake_page import Page
from _stage import Stage, assert_equals_recognising_from_scratch, strokes
from _tiny_recognizer import tiny_recognizer

from sketchwidgets.widgets import SketchPad
from sketchwidgets.widgets.live._engine import LiveEngine

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


@pytest.mark.parametrize("fails", [False, True])
def test_close_does_not_wait_for_a_slow_pass_and_what_it_gives_is_not_shown(stage, caplog, fails):
    lab = stage()
    passing, go_on = threading.Event(), threading.Event()
    features = lab.cnn.features

    def slow(images):
        passing.set()
        assert go_on.wait(20)
        if fails:
            raise RuntimeError("nobody asks any more")
        return features(images)

    lab.cnn.features = slow
    thread = lab.engine._worker._thread
    lab.draw(strokes(1)[0])
    assert passing.wait(20)
    session = weakref.ref(lab.engine.session)
    start = time.monotonic()
    lab.engine.close()
    assert time.monotonic() - start < 2
    assert thread.is_alive()
    assert lab.engine.settle(1), "a closed engine has nothing to settle"
    sent = [len(page.messages) for page in (lab.pad_page, lab.panels_page)]
    go_on.set()
    thread.join(20)
    assert not thread.is_alive()
    assert [len(page.messages) for page in (lab.pad_page, lab.panels_page)] == sent
    assert caplog.records == []
    gc.collect()
    assert lab.engine.session is None
    assert session() is None


def test_linking_a_pad_anew_leaves_it_to_the_new_engine(stage):
    lab = stage(panels=False)
    passing, go_on = threading.Event(), threading.Event()
    features = lab.cnn.features

    def slow(images):
        passing.set()
        assert go_on.wait(20)
        return features(images)

    lab.cnn.features = slow
    lab.draw(strokes(1)[0])
    assert passing.wait(20)
    other = tiny_recognizer()
    with torch.no_grad():
        other.cnn.conv2.weight.mul_(-1)
    engine = LiveEngine(other, lab.pad)
    lab.engine.close()
    assert engine.settle(20)
    shown = lab.shown()
    go_on.set()
    lab.engine._worker._thread.join(20)
    assert lab.shown() == shown
    engine.close()


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
