"""The live engine: every stroke in order, the newest preview, and any step that is looked back at."""

import numpy as np
import pytest
from _stage import assert_equals_recognising_from_scratch, strokes

from sketchwidgets.sketch import Sketch

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


def test_no_times_are_made_up_for_a_session(stage):
    lab = stage(panels=False)
    lab.pad.sketch = Sketch([points[:, :2] for points in strokes(2)])
    lab.settle()
    assert lab.engine.session.sketch == lab.pad.sketch
    assert not lab.pad.sketch.timed
    lab.pad.sketch = Sketch(strokes(2))
    lab.settle()
    assert lab.engine.session.sketch == lab.pad.sketch
    assert lab.pad.sketch.timed


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
