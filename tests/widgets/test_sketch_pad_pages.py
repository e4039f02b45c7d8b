"""Several pages of one notebook, and a page that was reloaded: who has changed the drawing, and whose stroke is left."""

import numpy as np
import pytest
from _fake_page import Page

from sketchwidgets.widgets import LayerPanels, SketchPad
from sketchwidgets.widgets.board import sketch_pad
from sketchwidgets.widgets.parts import _pages
from sketchwidgets.widgets.parts._pages import GONE, Pages


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(_pages.Pages.__init__, "__defaults__", (clock,))
    return clock


@pytest.fixture
def page(clock):
    page = Page(SketchPad(), mounted=False)
    yield page
    page.widget.close()


def hello(page, client):
    page.say({"type": "hello", "client": client})


def points(page, client, stroke, xs, first=0, end=False):
    rows = np.array([[x, 0, 0, 1] for x in xs], np.float32)
    content = {"type": "points", "stroke": stroke, "first": first, "end": end, "client": client}
    page.say(content, [rows.tobytes()])


def xs(page):
    return [stroke[:, 0].tolist() for stroke in page.widget.sketch]


def test_the_other_pages_hear_of_what_one_has_changed_and_of_nothing_else(page):
    hello(page, "a")
    points(page, "a", 2, [1], end=True)
    assert page.of("changed") == [], "there is nobody else"
    hello(page, "b")
    points(page, "a", 4, [2])
    assert page.of("changed") == []
    points(page, "a", 4, [3], first=1, end=True)
    for kind in ("undo", "undo", "undo", "redo", "redo", "clear", "clear"):
        page.say({"type": kind, "client": "b"})
    page.say({"type": "undo", "client": "b"})
    page.say({"type": "scrub", "step": 1, "client": "a"})
    assert [message["by"] for message in page.of("changed")] == ["a", *"bb", *"bb", "b", "b", "a"]
    assert len(page.of("state")) == 2, "who wants the drawing asks for it"


def test_pages_draw_at_the_same_time_and_cut_nothing_off(page):
    hello(page, "a")
    points(page, "a", 2, [1, 2])
    hello(page, "b")
    points(page, "b", 1 << 30, [10])
    points(page, "a", 2, [3], first=2)
    assert page.widget.drawing.snapshot().current.id == 2
    points(page, "b", 1 << 30, [11], first=1, end=True)
    assert page.widget.drawing.snapshot().current.id == 2
    points(page, "a", 2, [4], first=3, end=True)
    assert xs(page) == [[10, 11], [1, 2, 3, 4]]


def test_a_stroke_is_left_to_its_page_until_that_is_silent_for_long(page, clock):
    hello(page, "a")
    points(page, "a", 2, [1])
    clock.now += GONE - 1
    hello(page, "b")
    points(page, "a", 2, [2], first=1)
    clock.now += GONE - 1
    page.say({"type": "check", "client": "b", "check": 1, "confirmed": 0})
    assert xs(page) == []
    before = len(page.of("state"))
    clock.now += 2
    page.say({"type": "check", "client": "b", "check": 2, "confirmed": 0})
    assert xs(page) == [[1, 2]]
    assert [len(state["strokes"]) for state in page.of("state")[before:]] == [1]


def test_the_stroke_of_a_page_that_was_reloaded_is_finished_though_nobody_says_anything(
    page, clock, monkeypatch
):
    timers = []

    class Timer:
        def __init__(self, seconds, function):
            self.seconds, self.function, self.cancelled = seconds, function, False
            timers.append(self)

        def start(self):
            pass

        def cancel(self):
            self.cancelled = True

    monkeypatch.setattr(sketch_pad.threading, "Timer", Timer)
    hello(page, "a")
    points(page, "a", 2, [1])
    hello(page, "a")
    assert timers == []
    hello(page, "reloaded")
    hello(page, "reloaded")
    assert [timer.cancelled for timer in timers] == [True, False]
    clock.now += timers[1].seconds
    timers[1].function()
    assert xs(page) == [[1]]
    assert len(page.last("state")["strokes"]) == 1
    page.widget.close()
    assert timers[1].cancelled


def test_what_any_page_sees_is_in_sight_until_the_page_is_left_behind(clock):
    panels = LayerPanels()
    page = Page(panels, mounted=False)
    assert panels.visible is None
    page.say({"type": "visible", "layers": ["a", "b"], "client": "one"})
    page.say({"type": "visible", "layers": [], "client": "two"})
    assert panels.visible == ("a", "b")
    page.say({"type": "visible", "layers": ["c", "b"], "client": "two"})
    assert panels.visible == ("a", "b", "c")
    clock.now += 3600  # nobody draws
    assert panels.visible == ("a", "b", "c")
    page.say({"type": "ack", "frame": 1, "latency_ms": None, "client": "two"})
    assert panels.visible == ("c", "b")
    page.say({"type": "ack", "frame": 1, "latency_ms": None, "client": "one"})
    assert panels.visible == ("a", "b", "c")
    panels.close()


def test_pages_not_heard_of_for_long_are_forgotten_first(clock):
    pages = Pages(clock)
    for number in range(_pages.KEPT):
        pages.hear(str(number))
    pages.hear("0")
    pages.hear("new")
    assert not pages.gone("0")
    assert pages.gone("1")
    assert pages.others("new")
    assert pages.others(None)
