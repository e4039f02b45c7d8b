"""The button "Fewest strokes" of a board: the kernel's side, from what the page asks to what it is told."""

import pytest
from _stage import Stage, strokes

import sketchwidgets as sw


@pytest.fixture
def stage():
    stage = Stage(panels=False)
    yield stage
    stage.close()


def ask(stage, what="fewest"):
    stage.pad_page.say({"type": what})


def told(stage):
    return stage.pad_page.last("fewest")


def finished(page):
    message = page.last("fewest")
    return message["on"] and not message["busy"]


def test_the_button_is_offered_while_there_is_somebody_to_ask(stage):
    assert told(stage)["offered"]
    alone = sw.SketchPad()
    assert alone._fewest["offered"] is False
    alone.close()
    stage.engine.close()
    assert not told(stage)["offered"]


def test_it_tells_which_strokes_are_enough(stage):
    drawn = [stage.pad_page.draw(points) for points in strokes(6)]
    ask(stage)
    stage.pad_page.wait(finished)
    stage.settle()
    expected = sw.sparsify(stage.recognizer, stage.pad.sketch, progress=False)
    message = told(stage)
    assert message["kept"] == [drawn[i] for i in expected.kept]
    assert message["text"] == expected.sentence()
    assert message["share"] == 1
    assert stage.engine.sparsified.kept == expected.kept
    assert stage.engine.sparsified.proven


def test_it_looks_at_the_strokes_that_are_seen(stage):
    drawn = [stage.pad_page.draw(points) for points in strokes(6)]
    stage.pad.scrub(3)
    ask(stage)
    stage.pad_page.wait(finished)
    stage.settle()
    assert len(stage.engine.sparsified.drawing) == 3
    assert set(told(stage)["kept"]) <= set(drawn[:3])


@pytest.mark.parametrize("change", ["draw", "undo", "scrub", "fewest_off"])
def test_it_is_over_when_the_drawing_changes_or_the_page_says_so(stage, change):
    stage.draw(*strokes(5))
    ask(stage)
    stage.pad_page.wait(finished)
    if change == "draw":
        stage.draw(*strokes(1, seed=3))
    elif change == "scrub":
        stage.pad.scrub(2)
    else:
        ask(stage, change)
    stage.pad_page.wait(lambda page: not page.last("fewest")["on"])
    stage.settle()
    assert stage.pad.fewest_wanted is None
    assert stage.engine.sparsified is None


def test_asked_again_it_tells_again(stage):
    stage.draw(*strokes(4))
    ask(stage)
    stage.pad_page.wait(finished)
    stage.settle()
    before = told(stage)
    ask(stage, "fewest_off")
    ask(stage)
    stage.settle()
    assert told(stage) == before


def test_a_stroke_is_recognised_before_the_search_goes_on(stage):
    """Of a long drawing the search takes long, and yet the pen is answered."""
    stage.draw(*strokes(20))
    ask(stage)
    stage.pad_page.wait(lambda page: page.last("fewest")["on"])
    stage.draw(*strokes(1, seed=3))
    stage.pad_page.wait(lambda page: page.last("prediction")["step"] == 21)
    stage.pad_page.wait(lambda page: not page.last("fewest")["on"])
    # Far fewer than the search would have needed.
    assert stage.cnn.passes < 2000


def test_it_keeps_what_is_known_when_stopped(stage, monkeypatch):
    monkeypatch.setattr("sketchwidgets.widgets.live._fewest_feed._EVERY", 0)
    stage.draw(*strokes(16))
    ask(stage)
    stage.pad_page.wait(lambda page: page.last("fewest")["on"])
    ask(stage, "fewest_stop")
    stage.pad_page.wait(finished)
    stage.settle()
    found = stage.engine.sparsified
    assert len(told(stage)["kept"] or []) == len(found.kept)
    kept = stage.recognizer.recognize(found.sketch)[-1]
    assert kept.label == stage.recognizer.recognize(stage.pad.sketch)[-1].label


def test_a_page_that_is_loaded_again_sees_it(stage):
    stage.draw(*strokes(4))
    ask(stage)
    stage.pad_page.wait(finished)
    before = told(stage)
    stage.pad_page.messages.clear()
    stage.pad_page.mount()
    assert told(stage) == before


def test_an_error_is_shown_and_the_next_drawing_is_recognised(stage, monkeypatch):
    stage.draw(*strokes(3))
    stage.settle()

    def fail(*_args):
        raise RuntimeError("out of ink")

    monkeypatch.setattr(stage.recognizer, "_step", fail)
    ask(stage)
    stage.pad_page.wait(lambda page: (error := page.last("error")) and error["title"])
    assert told(stage)["on"] is False
    assert "fewest strokes" in stage.pad_page.last("error")["title"]
    stage.draw(*strokes(1, seed=5))
    stage.pad_page.wait(lambda page: page.last("error")["title"] is None)


def test_an_empty_board_has_none(stage):
    ask(stage)
    stage.settle()
    assert told(stage)["on"] is False
    assert stage.pad.fewest_wanted is None
