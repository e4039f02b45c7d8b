"""SketchPad: what the page says to it, what it says to the page, and what it makes of nonsense."""

import gc
import weakref

import numpy as np
import pytest
from _fake_page import Page
from hypothesis import given, settings
from hypothesis import strategies as st
from traitlets import TraitError

from sketchwidgets.recognition import Prediction
from sketchwidgets.sketch import Sketch
from sketchwidgets.widgets import SketchPad
from sketchwidgets.widgets.parts import _base


@pytest.fixture
def pad():
    return SketchPad()


@pytest.fixture
def page(pad):
    return Page(pad)


def last_state(page):
    """Newest state message with the points of its strokes."""
    index = max(i for i, message in enumerate(page.messages) if message["type"] == "state")
    message, buffers = page.messages[index], page.buffers[index]
    all_points = np.frombuffer(buffers[0], np.float32).reshape(-1, 4) if buffers else np.empty((0, 4))
    ends = np.cumsum([stroke["n"] for stroke in message["strokes"]])
    return message, np.split(all_points, ends[:-1].astype(int)) if len(ends) else []


def test_a_stroke_in_pieces_becomes_a_sketch(pad, page):
    stroke = page.draw([(10, 20, 0), (11, 21, 16)], end=False)
    page.draw([(12, 22, 32)], stroke=stroke, first=2)
    page.draw([(5, 5, 50)])
    assert [s.tolist() for s in pad.sketch.strokes] == [
        [[10, 20, 0, 1], [11, 21, 16, 1], [12, 22, 32, 1]],
        [[5, 5, 50, 1]],
    ]
    assert pad.sketch.timed
    assert repr(pad) == "SketchPad(2 strokes)"


def test_pressure_arrives_clipped_to_its_range(pad, page):
    rows = np.array([[0, 0, 0, 0.25], [1, 1, 1, 7], [2, 2, 2, -1]], np.float32)
    page.say({"type": "points", "stroke": 2, "first": 0, "end": True, "up_ms": 5}, [rows.tobytes()])
    assert pad.sketch.strokes[0][:, 3].tolist() == [0.25, 1, 0]


def test_a_buffer_may_be_a_memoryview(pad, page):
    rows = np.ones((2, 4), np.float32)
    page.say({"type": "points", "stroke": 2, "first": 0, "end": True}, [memoryview(rows)])
    assert len(pad.sketch.points) == 2


def test_undo_redo_clear_and_scrub_from_the_page(pad, page):
    for i in range(3):
        page.draw([(i, i)])
    page.say({"type": "undo"})
    page.say({"type": "scrub", "step": 1})
    assert pad.drawing.snapshot().step == 1
    page.say({"type": "scrub", "step": None})
    page.say({"type": "redo"})
    assert len(pad.sketch) == 3
    page.say({"type": "clear"})
    assert len(pad.sketch) == 0
    assert page.of("error") == [{"type": "error", "title": None}]


def test_an_undo_that_overtakes_its_stroke_waits_for_it(pad, page):
    rows = np.zeros((1, 4), np.float32).tobytes()

    def say(seq, **content):
        page.say(content | {"client": "page", "seq": seq}, [rows] if content["type"] == "points" else None)

    say(1, type="points", stroke=2, first=0, end=True)
    say(3, type="undo")
    assert len(pad.sketch) == 1
    say(2, type="points", stroke=4, first=0, end=True)
    assert [stroke.id for stroke in pad.drawing.snapshot().strokes] == [2]


class TestLostMessages:
    """The page keeps what is not confirmed, asks, and sends again (js/src/delivery.js)."""

    def test_the_kernel_says_what_it_lacks(self, page):
        rows = np.zeros((1, 4), np.float32).tobytes()
        for seq in (1, 3):
            content = {"type": "points", "stroke": 2 * seq, "first": 0, "end": True}
            page.say(content | {"client": "page", "seq": seq}, [rows])
        page.say({"type": "check", "client": "page", "check": 4, "confirmed": 0})
        page.say({"type": "check", "client": "unheard of", "check": 1, "confirmed": 0})
        assert page.of("seen") == [
            {"type": "seen", "client": "page", "check": 4, "seen": 1},
            {"type": "seen", "client": "unheard of", "check": 1, "seen": 0},
        ]

    def test_a_message_that_makes_no_sense_keeps_none_behind_it_waiting(self, pad, page):
        rows = np.zeros((1, 4), np.float32).tobytes()
        stroke = {"type": "points", "stroke": 2, "first": 0, "end": True, "client": "page"}
        page.say(stroke | {"seq": 3}, [rows])
        page.say({"type": "scrub", "step": 7, "client": "page", "seq": 2})
        page.say({"type": "clear", "client": "page", "seq": 1})
        assert "between 1 and" in page.last("error")["message"]
        assert len(pad.sketch) == 1

    @settings(deadline=None, max_examples=60)
    @given(st.randoms(use_true_random=False))
    def test_whatever_is_lost_or_comes_twice_the_drawing_is_the_page_s(self, random):
        pad, sent, answers, drawn = SketchPad(), [], [], []
        times = (0, 1, 1, 2)  # that a message comes
        pad.send = lambda content, buffers=None: answers.append(content)

        def say(content, buffers):
            for _ in range(random.choice(times)):
                pad._receive(pad, content, buffers)

        def tell(content, buffers):
            content |= {"client": "page", "seq": len(sent) + 1}
            sent.append((content, buffers))
            say(content, buffers)

        def check(number):
            answers.clear()
            say({"type": "check", "client": "page", "check": number, "confirmed": 0}, [])
            seen = [answer["seen"] for answer in answers if answer["type"] == "seen"]
            for content, buffers in random.sample(sent[seen[-1] :], len(sent) - seen[-1]) if seen else []:
                say(content, buffers)

        for number in range(1, 13):
            points = np.full((5, 4), number / 20, np.float32)
            for first, end in ((0, 2), (2, 4), (4, 5)):
                content = {"type": "points", "stroke": 2 * number, "first": first, "end": end == 5}
                tell(content, [points[first:end].tobytes()])
            drawn.append(points.tolist())
            if random.random() < 0.3:
                tell({"type": "undo"}, [])
                drawn.pop()
            if random.random() < 0.3:
                check(number)
        for number in range(13, 100):
            check(number)
        times = (1, 2)  # a line that loses all for ever brings nothing
        check(100)
        assert [points.tolist() for points in pad.sketch.strokes] == drawn
        assert not [answer for answer in answers if answer["type"] == "error"]


class TestState:
    def test_a_hello_is_answered_with_all_there_is(self, pad, page):
        page.draw([(1, 2), (3, 4)])
        page.draw([(5, 6)])
        page.say({"type": "undo"})
        pad.send_status("loading")
        pad.send_error(ValueError("no"))
        page.messages.clear()
        page.buffers.clear()
        page.say({"type": "hello", "client": "new"})
        state, points = last_state(page)
        assert (state["undo"], state["redo"], state["step"]) == (1, 1, None)
        assert [p.tolist() for p in points] == [[[1, 2, 0, 1], [3, 4, 0, 1]]]
        assert page.last("status")["text"] == "loading"
        assert page.last("error")["message"] == "no"

    def test_it_says_which_messages_of_each_page_it_knows_of(self, page):
        rows = np.zeros((1, 4), np.float32).tobytes()
        for seq in (1, 2):
            content = {"type": "points", "stroke": 2 * seq, "first": 0, "end": True}
            page.say(content | {"client": "page", "seq": seq}, [rows])
        page.say({"type": "hello", "client": "page"})
        assert last_state(page)[0]["seen"] == {"page": 2}

    def test_changes_from_python_reach_the_page(self, pad, page):
        page.draw([(1, 1)])
        page.draw([(2, 2)])
        before = len(page.of("state"))
        assert pad.undo()
        assert pad.redo()
        pad.scrub(1)
        assert pad.clear()
        assert [s["step"] for s in page.of("state")[before:]] == [None, None, 1, None]
        assert not pad.clear()
        assert len(page.of("state")) == before + 4

    def test_changes_of_the_page_are_not_sent_back_to_it(self, page):
        before = len(page.of("state"))
        page.draw([(1, 1)])
        page.say({"type": "undo"})
        assert len(page.of("state")) == before

    def test_a_new_page_finishes_the_stroke_that_the_old_one_left(self, pad, page):
        page.draw([(1, 1)], end=False)
        page.say({"type": "hello", "client": "new"})
        assert len(pad.sketch) == 1
        assert pad.drawing.snapshot().current is None

    def test_another_view_of_the_same_page_leaves_the_stroke_alone(self, pad, page):
        rows = np.zeros((1, 4), np.float32).tobytes()
        content = {"type": "points", "stroke": 2, "first": 0, "end": False, "client": "page", "seq": 1}
        page.say(content, [rows])
        page.say({"type": "hello", "client": "page"})
        assert pad.drawing.snapshot().current is not None


class TestSketch:
    def test_round_trip_keeps_a_drawing_that_fits(self, pad):
        sketch = Sketch([[[10, 20], [300, 320]], [[50, 60]]])
        pad.sketch = sketch
        assert [s[:, :2].tolist() for s in pad.sketch.strokes] == [[[10, 20], [300, 320]], [[50, 60]]]

    @pytest.mark.parametrize("scale", [1 / 100, 0.9, 10])
    def test_a_drawing_that_does_not_fit_is_scaled_to_the_board(self, pad, scale):
        pad.sketch = Sketch([np.array([[0, 0], [100, 200]]) * scale])
        x_min, y_min, x_max, y_max = pad.sketch.bounds
        np.testing.assert_allclose([x_min, x_max], [110, 290], rtol=1e-5)
        np.testing.assert_allclose([y_min, y_max], [20, 380], rtol=1e-5)

    def test_a_dot_outside_moves_to_the_middle(self, pad):
        pad.sketch = Sketch([[[-50, 900]]])
        assert pad.sketch.strokes[0][0, :2].tolist() == [200, 200]

    def test_it_may_be_given_to_start_with_and_taken_back(self):
        pad = SketchPad(sketch=Sketch([[[10, 20], [300, 320]]]))
        assert len(pad.sketch) == 1
        pad.sketch = Sketch([])
        assert len(pad.sketch) == 0
        pad.undo()
        assert len(pad.sketch) == 1

    def test_anything_else_is_refused(self, pad):
        with pytest.raises(TypeError, match=r"must be a sketchwidgets\.Sketch, not list"):
            pad.sketch = [[1, 2]]


POINTS = {"type": "points", "stroke": 2, "first": 0, "end": True}
ROW = np.zeros((1, 4), np.float32)


@pytest.mark.parametrize(
    ("content", "buffers", "message"),
    [
        (POINTS, [b"123"], "16 bytes a point"),
        (POINTS, [ROW.tobytes(), ROW.tobytes()], "expected one buffer"),
        (POINTS, [np.full((1, 4), np.nan, np.float32).tobytes()], "not a finite number"),
        (POINTS | {"first": 5}, [ROW.tobytes()], "its beginning never came"),
        (POINTS | {"first": -1}, [ROW.tobytes()], "-1"),
        (POINTS | {"stroke": "x"}, [ROW.tobytes()], "'x'"),
        ({"type": "scrub", "step": 7}, [], "between 1 and 1, not 7"),
        ({"type": "scrub", "step": "end"}, [], "'end'"),
        ({"type": "ack", "frame": None, "latency_ms": 3}, [], "integer frame"),
        ({"type": "check", "client": 5, "confirmed": 0}, [], "not 5 and 0"),
        ({"type": "check", "client": "page", "confirmed": -1}, [], "not 'page' and -1"),
        ({"type": "novelty"}, [], "unknown message type 'novelty'"),
        ({"type": ["undo"]}, [], "unknown message type"),
    ],
)
def test_nonsense_is_ignored_and_shown(pad, page, content, buffers, message):
    page.draw([(1, 1)], stroke=100)
    pad._handle_custom_msg(content, buffers)
    error = page.last("error")
    assert error["title"] == "A message from the page was ignored"
    assert message in error["message"]
    assert len(pad.sketch) == 1


@pytest.mark.parametrize("content", [None, 3, [], {}, {"kind": "somebody else's"}])
def test_messages_that_are_not_ours_pass_by(pad, page, content):
    pad._handle_custom_msg(content, [])
    assert page.last("error")["title"] is None


def test_a_callback_that_raises_is_shown_with_its_traceback(pad, page):
    def fail():
        raise RuntimeError("the listener is broken")

    pad.on_drawing(fail)
    page.draw([(1, 1)])
    error = page.last("error")
    assert error["message"] == "the listener is broken"
    assert "in fail" in error["traceback"]
    assert len(pad.sketch) == 1
    pad.send_error(None)
    assert page.last("error") == {"type": "error", "title": None}


def test_taking_an_error_back_twice_sends_it_once(pad, page):
    pad.send_error(ValueError("no"))
    before = len(page.of("error"))
    pad.send_error(None)
    pad.send_error(None)
    assert len(page.of("error")) == before + 1


def test_acks_and_hellos_reach_their_callbacks(pad, page):
    heard = []
    pad.on_ack(lambda frame, latency: heard.append((frame, latency)))

    def hello():
        heard.append("hello")

    pad.on_hello(hello)
    page.say({"type": "ack", "frame": 3, "latency_ms": 41.5})
    page.say({"type": "ack", "frame": 4, "latency_ms": None})
    page.say({"type": "hello"})
    pad.on_hello(hello, remove=True)
    page.say({"type": "hello"})
    assert heard == [(3, 41.5), (4, None), "hello"]


def prediction(provisional=False, threshold=0.0):
    return Prediction(np.array([0.07, 0.83, 0.1]), ("owl", "cat", "dog"), 2, provisional, threshold)


def test_a_prediction_is_sent_and_sent_again_without_a_frame(pad, page):
    pad.send_prediction(prediction(provisional=True), frame=6, since=12.5, top=2)
    message = page.last("prediction")
    assert message == {
        "type": "prediction",
        "frame": 6,
        "since": 12.5,
        "step": 2,
        "provisional": True,
        "known": True,
        "top": [["cat", 0.83], ["dog", 0.1]],
    }
    page.say({"type": "hello"})
    assert page.last("prediction") == message | {"frame": None, "since": None}


def test_what_is_not_known_is_sent_as_such(pad, page):
    pad.send_prediction(prediction(threshold=0.9), frame=1)
    assert page.last("prediction")["known"] is False
    assert page.last("prediction")["top"][0] == ["cat", 0.83]


def test_no_prediction_takes_the_label_away(pad, page):
    pad.send_prediction(prediction(), frame=1)
    pad.send_prediction(None, frame=None)
    assert page.last("prediction")["top"] == []


def test_an_unknown_keyword_says_what_to_check():
    with pytest.raises(TypeError, match=r"SketchPad\(\) got unexpected keyword arguments 'bord'.*board"):
        SketchPad(bord=300)


def test_a_board_has_a_smallest_size():
    with pytest.raises(TraitError, match="at least 50"):
        SketchPad(board=3)


def test_a_copy_without_its_bundle_says_what_to_run(monkeypatch, tmp_path):
    monkeypatch.setattr(_base, "STATIC", tmp_path)
    with pytest.raises(FileNotFoundError, match="make bundle"):
        _base.bundled("sketchwidgets.js")


def test_the_bundle_is_text_unless_it_is_reloaded_on_change(monkeypatch):
    assert "export {" in _base.bundled("sketchwidgets.js")
    monkeypatch.setenv("ANYWIDGET_HMR", "1")
    assert _base.bundled("sketchwidgets.js").name == "sketchwidgets.js"


def test_a_closed_pad_is_freed():
    def closed():
        pad = SketchPad()
        pad.on_ack(lambda frame, latency: pad.undo())
        pad.close()
        return weakref.ref(pad)

    gone = closed()
    gc.collect()
    assert gone() is None
