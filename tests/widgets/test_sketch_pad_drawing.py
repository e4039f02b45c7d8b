"""The drawing behind a pad, and the order in which messages reach it."""

import json
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sketchwidgets.widgets.board import _drawing, _inbox
from sketchwidgets.widgets.board._drawing import Drawing
from sketchwidgets.widgets.board._inbox import Inbox


def points(*xs):
    return np.array([[x, 0, 0, 1] for x in xs], np.float32).reshape(-1, 4)


def draw(drawing, number):
    drawing.extend(2 * (number + 1), 0, points(number), end=True)


def xs(drawing):
    return [int(stroke.points[0, 0]) for stroke in drawing.snapshot().strokes]


def perform(drawing, steps):
    drawn = 0
    for what in steps:
        if what == "draw":
            draw(drawing, drawn)
            drawn += 1
        elif isinstance(what, int):
            drawing.scrub(what)
        else:
            getattr(drawing, what)()


def test_the_scenarios_of_the_page_end_alike_in_the_kernel(repository):
    # js/test/strokes.test.js plays the same file: both sides apply operations, neither sends the result.
    scenarios = json.loads((repository / "js/test/drawing_scenarios.json").read_text())
    assert scenarios
    for scenario in scenarios:
        drawing = Drawing()
        perform(drawing, scenario["do"])
        ended = (xs(drawing), drawing.snapshot().step, drawing.history)
        wanted = (scenario["strokes"], scenario["step"], (scenario["undo"], scenario["redo"]))
        assert ended == wanted, scenario["name"]


@settings(deadline=None)
@given(st.lists(st.sampled_from(["draw", "undo", "redo", "clear"]), max_size=40))
def test_undoing_everything_and_redoing_it_comes_back_to_the_same_drawing(steps):
    drawing = Drawing()
    perform(drawing, steps)
    while drawing.redo():
        pass
    before = drawing.snapshot().strokes
    while drawing.undo():
        pass
    assert drawing.snapshot().strokes == ()
    while drawing.redo():
        pass
    assert drawing.snapshot().strokes == before


def test_only_the_newest_operations_can_be_undone(monkeypatch):
    monkeypatch.setattr(_drawing, "HISTORY", 3)
    drawing = Drawing()
    for i in range(5):
        draw(drawing, i)
    assert [drawing.undo() for _ in range(4)] == [True, True, True, False]
    assert xs(drawing) == [0, 1]


def test_the_page_and_the_kernel_remember_equally_many_steps(repository):
    source = (repository / "js/src/strokes.js").read_text()
    assert f"export const HISTORY = {_drawing.HISTORY};" in source


class TestStrokeUnderWay:
    def test_grows_in_the_snapshots_and_older_snapshots_stay(self):
        drawing = Drawing()
        seen = []
        for i in range(0, 300, 3):
            drawing.extend(2, i, points(i, i + 1, i + 2))
            seen.append(drawing.snapshot().current)
        assert [len(stroke.points) for stroke in seen] == list(range(3, 303, 3))
        assert all((stroke.points[:, 0] == np.arange(len(stroke.points))).all() for stroke in seen)

    def test_is_finished_by_its_end(self):
        drawing = Drawing()
        drawing.extend(2, 0, points(1, 2))
        drawing.extend(2, 2, points(), end=True, up_ms=77.0)
        snapshot = drawing.snapshot()
        (stroke,) = snapshot.strokes
        assert snapshot.current is None
        assert (stroke.id, stroke.up_ms, stroke.points[:, 0].tolist()) == (2, 77.0, [1, 2])

    def test_cannot_be_changed_through_a_snapshot(self):
        drawing = Drawing()
        drawing.extend(2, 0, points(1))
        with pytest.raises(ValueError, match="read-only"):
            drawing.snapshot().current.points[0] = 0
        drawing.extend(2, 1, points(2), end=True)
        with pytest.raises(ValueError, match="read-only"):
            drawing.snapshot().strokes[0].points[0] = 0

    def test_takes_repeated_points_once(self):
        drawing = Drawing()
        drawing.extend(2, 0, points(0, 1, 2))
        drawing.extend(2, 1, points(1, 2, 3), end=True)
        drawing.extend(2, 0, points(0, 1), end=True)
        assert [stroke.points[:, 0].tolist() for stroke in drawing.snapshot().strokes] == [[0, 1, 2, 3]]

    def test_names_points_that_never_came(self):
        drawing = Drawing()
        with pytest.raises(ValueError, match="stroke 2 starts at point 4"):
            drawing.extend(2, 4, points(1))
        drawing.extend(2, 0, points(1))
        with pytest.raises(ValueError, match="points 1 to 4 are missing"):
            drawing.extend(2, 5, points(1))

    def test_does_not_grow_for_ever(self):
        drawing = Drawing()
        with pytest.raises(ValueError, match="more than 100000 points"):
            drawing.extend(2, 0, np.zeros((100_001, 4), np.float32))

    def test_is_finished_when_another_begins(self):
        drawing = Drawing()
        drawing.extend(2, 0, points(5))
        drawing.extend(4, 0, points(6))
        assert xs(drawing) == [5]
        assert drawing.snapshot().current.id == 4

    def test_goes_on_when_the_kernel_clears_the_board(self):
        drawing = Drawing()
        draw(drawing, 0)
        drawing.extend(8, 0, points(5))
        drawing.clear()
        drawing.extend(8, 1, points(6), end=True)
        assert xs(drawing) == [5]

    def test_without_points_leaves_nothing(self):
        drawing = Drawing()
        drawing.extend(2, 0, points(), end=True)
        assert drawing.snapshot().strokes == ()
        assert drawing.history == (0, 0)


def test_replace_is_undone_stroke_by_stroke_back_to_the_old_drawing():
    drawing = Drawing()
    draw(drawing, 0)
    drawing.replace([points(7), points(8)])
    assert xs(drawing) == [7, 8]
    for _ in range(3):
        drawing.undo()
    assert xs(drawing) == [0]


def test_ids_of_the_kernel_are_odd_and_never_used_twice():
    drawing = Drawing()
    drawing.extend(1, 0, points(1), end=True)
    drawing.replace([points(7), points(8)])
    drawing.undo()
    drawing.replace([points(9)])
    ids = [stroke.id for stroke in drawing.snapshot().strokes]
    assert ids == [7]


@pytest.mark.parametrize("step", [0, -1, 3])
def test_scrub_names_the_steps_there_are(step):
    drawing = Drawing()
    draw(drawing, 0)
    draw(drawing, 1)
    with pytest.raises(ValueError, match="between 1 and 2"):
        drawing.scrub(step)


def test_scrubbed_snapshots_show_the_strokes_so_far():
    drawing = Drawing()
    for i in range(3):
        draw(drawing, i)
    drawing.scrub(2)
    assert [int(stroke.points[0, 0]) for stroke in drawing.snapshot().visible] == [0, 1]


def test_listeners_hear_of_changes_and_only_of_changes():
    drawing = Drawing()
    revisions = []

    def listen():
        revisions.append(drawing.snapshot().revision)

    drawing.listen(listen)
    draw(drawing, 0)
    draw(drawing, 1)
    drawing.scrub(1)
    drawing.scrub(1)
    drawing.redo()
    drawing.undo()
    assert revisions == [1, 2, 3, 4]
    drawing.listen(listen, remove=True)
    drawing.clear()
    assert len(revisions) == 4


def test_threads_lose_no_stroke():
    drawing = Drawing()

    def work(base):
        for i in range(100):
            drawing.extend(base + 2 * i, 0, points(i), end=True)

    threads = [threading.Thread(target=work, args=(1000 * k,)) for k in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(drawing) == 400
    assert len({stroke.id for stroke in drawing.snapshot().strokes}) == 400


class TestInbox:
    @settings(deadline=None)
    @given(st.permutations(list(range(1, 9))))
    def test_any_order_becomes_the_order_of_the_page(self, order):
        inbox = Inbox()
        due = [message for number in order for message in inbox.push("page", number, number)]
        assert due == list(range(1, 9))
        assert inbox.seen == {"page": 8}

    def test_pages_do_not_wait_for_each_other(self):
        inbox = Inbox()
        assert list(inbox.push("one", 2, "late")) == []
        assert list(inbox.push("two", 1, "first")) == ["first"]
        assert inbox.seen == {"one": 0, "two": 1}

    def test_a_repeated_message_counts_once(self):
        inbox = Inbox()
        assert [list(inbox.push("page", 1, "a")) for _ in range(2)] == [["a"], []]

    def test_a_message_without_a_number_is_due_at_once(self):
        assert list(Inbox().push(None, None, "a")) == ["a"]

    def test_a_message_that_never_comes_is_given_up(self, monkeypatch):
        monkeypatch.setattr(_inbox, "PATIENCE", 3)
        inbox = Inbox()
        due = [message for number in (2, 3, 4, 5, 6) for message in inbox.push("page", number, number)]
        assert due == [2, 3, 4, 5, 6]

    def test_pages_not_heard_of_for_long_are_forgotten_first(self, monkeypatch):
        monkeypatch.setattr(_inbox, "PAGES", 3)
        inbox = Inbox()
        for page in ("old", "a", "b"):
            list(inbox.push(page, 1, None))
        list(inbox.push("old", 2, None))
        list(inbox.push("c", 1, None))
        assert inbox.seen == {"b": 1, "old": 2, "c": 1}

    def test_a_page_that_was_forgotten_goes_on_behind_what_it_was_told(self):
        inbox = Inbox()
        assert list(inbox.push("page", 8, "eighth")) == []
        assert list(inbox.push("page", 9, "ninth")) == []
        assert list(inbox.confirmed("page", 7)) == ["eighth", "ninth"]
        assert list(inbox.confirmed("page", 7)) == []  # it never goes back
        assert list(inbox.push("page", 9, "again")) == []
        assert inbox.seen == {"page": 9}
