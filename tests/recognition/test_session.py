"""A session, in any order of calls, against recognition from scratch."""

import numpy as np
import pytest
import torch
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from tiny_recognizer import make_tiny

from sketchwidgets.recognition import _session
from sketchwidgets.recognition._states import StateStack
from sketchwidgets.sketch import Sketch, SketchError, resample_strokes, stroke_descriptors
from sketchwidgets.sketch.stroke_descriptors import descriptor_size

LINE = np.array([[0.0, 0.0], [40.0, 30.0]])
HOOK = np.array([[10.0, 0.0], [10.0, 20.0], [30.0, 20.0]])
FAR = np.array([[100.0, 90.0], [-20.0, -10.0]])

# Whole numbers of a small range, so that strokes often repeat points and often keep the bounding box.
strokes = hnp.arrays(
    np.float32,
    st.tuples(st.integers(1, 5), st.just(2)),
    elements=st.integers(-20, 20).map(float),
)


def from_scratch(recognizer, sketch):
    """The predictions by the definition: every prefix drawn on a new canvas, one step after the other."""
    rows = []
    with torch.no_grad():
        state = recognizer.recurrent.initial_state(1)
        for k in range(1, len(sketch) + 1):
            canvas = recognizer.preprocessing.canvas()
            canvas.set_strokes(sketch.strokes[:k])
            features = recognizer.cnn.features(canvas.image)
            if samples := recognizer.recurrent.stroke_samples:
                prefix = sketch.prefix(k)
                resampled = resample_strokes(prefix.points[:, :2], prefix.lengths, samples)
                features = torch.cat([features, stroke_descriptors(resampled)[-1:]], 1)
            logits, state = recognizer.recurrent.step(features, state)
            rows.append(logits[0].softmax(0).numpy())
    return rows


def assert_same(predictions, rows):
    assert len(predictions) == len(rows)
    for step, (prediction, row) in enumerate(zip(predictions, rows, strict=True), 1):
        assert prediction.step == step
        assert not prediction.provisional
        np.testing.assert_allclose(prediction.probabilities, row, rtol=0, atol=1e-5)


class SessionMachine(RuleBasedStateMachine):
    """Draws, previews, takes back, fails, and always is what a fresh look at its sketch would be."""

    def __init__(self):
        super().__init__()
        self.recognizer = make_tiny()
        self.broken = False
        self.session = self.recognizer.session(self.forward)
        self.expected: list[np.ndarray] = []
        self.in_progress: np.ndarray | None = None

    def forward(self, cnn, image):
        if self.broken:
            raise RuntimeError("the network broke")
        return cnn.features(image)

    def check_preview(self, points):
        prediction = self.session.preview(points)
        rows = from_scratch(self.recognizer, Sketch([*self.expected, points]))
        assert prediction.provisional
        assert prediction.step == len(self.expected) + 1
        np.testing.assert_allclose(prediction.probabilities, rows[-1], rtol=0, atol=1e-5)

    @rule(stroke=strokes)
    def add(self, stroke):
        assert self.session.add(stroke) is self.session.predictions[-1]
        self.expected.append(stroke)
        self.in_progress = None

    @rule(points=strokes)
    def preview(self, points):
        self.check_preview(points)
        self.in_progress = points

    @precondition(lambda self: self.in_progress is not None)
    @rule(more=strokes)
    def preview_grown(self, more):
        self.in_progress = np.concatenate([self.in_progress, more])
        self.check_preview(self.in_progress)

    @precondition(lambda self: self.in_progress is not None)
    @rule(more=st.none() | strokes)
    def lift_pen(self, more):
        stroke = self.in_progress if more is None else np.concatenate([self.in_progress, more])
        self.add(stroke)

    @precondition(lambda self: self.expected)
    @rule()
    def undo(self):
        self.session.undo()
        self.expected.pop()

    @rule()
    def clear(self):
        self.session.clear()
        self.expected.clear()

    @rule(stroke=strokes, provisional=st.booleans())
    def broken_network(self, stroke, provisional):
        self.broken = True
        with pytest.raises(RuntimeError, match="the network broke"):
            (self.session.preview if provisional else self.session.add)(stroke)
        self.broken = False

    @rule(bad=st.sampled_from([[], [[0.0, np.nan]], [1.0, 2.0]]))
    def bad_stroke(self, bad):
        with pytest.raises(SketchError):
            self.session.add(bad)

    @rule(data=st.data())
    def look_back(self, data):
        step = data.draw(st.integers(0, len(self.expected)))
        canvas = self.recognizer.preprocessing.canvas()
        canvas.set_strokes(self.expected[:step])
        # A point that was previewed and drawn again as part of a segment may differ by rounding.
        torch.testing.assert_close(self.session.image(step), canvas.image, rtol=0, atol=1e-4)

    @invariant()
    def is_what_its_sketch_is(self):
        assert self.session.sketch == Sketch(self.expected)
        assert_same(self.session.predictions, from_scratch(self.recognizer, Sketch(self.expected)))


TestSessionMachine = SessionMachine.TestCase
TestSessionMachine.settings = settings(max_examples=60, stateful_step_count=20, deadline=None)


def test_add_is_recognition_from_scratch(tiny):
    session = tiny.session()
    for stroke in (LINE, HOOK, FAR, LINE + 3, np.zeros((1, 2))):
        session.add(stroke)
    assert_same(session.predictions, from_scratch(tiny, session.sketch))


def test_a_stroke_costs_one_forward_and_one_step(tiny, monkeypatch):
    forwards, steps = [], []

    def forward(cnn, image):
        forwards.append(image)
        return cnn.features(image)

    step = tiny.recurrent.step
    monkeypatch.setattr(tiny.recurrent, "step", lambda *given: (steps.append(given), step(*given))[1])
    session = tiny.session(forward)
    for k in range(6):
        session.add(LINE + k)
        assert (len(forwards), len(steps)) == (k + 1, k + 1)
    session.undo()
    session.undo()
    assert [p.step for p in session.predictions] == [1, 2, 3, 4]
    assert (len(forwards), len(steps)) == (6, 6)
    session.preview(HOOK)
    session.add(HOOK)
    assert (len(forwards), len(steps)) == (8, 8)


def test_only_the_new_stroke_is_described_and_exactly_as_among_all(monkeypatch):
    recognizer = make_tiny("gru", "cell")
    samples = recognizer.recurrent.stroke_samples
    given = []

    def describe(strokes):
        given.append(len(strokes))
        return stroke_descriptors(strokes)

    monkeypatch.setattr(_session, "stroke_descriptors", describe)
    described = []
    step = recognizer.recurrent.step
    monkeypatch.setattr(
        recognizer.recurrent, "step", lambda x, state: (described.append(x[0]), step(x, state))[1]
    )
    session = recognizer.session()
    random = np.random.default_rng(0)
    drawn = [random.uniform(0, 200, (n, 2)).astype(np.float32) for n in (5, 1, 2, 9, 30, 3)]
    for k, stroke in enumerate(drawn):
        session.preview(stroke[:1])
        session.add(stroke)
        if k == 3:
            session.undo()
            session.add(stroke)
        together = torch.cat([resample_strokes(s, [len(s)], samples) for s in drawn[: k + 1]])
        size = descriptor_size(samples)
        assert torch.equal(described[-1][-size:], stroke_descriptors(together)[-1])
    assert max(given) == 3, "of those before, the last and one that stands for their box"


def test_only_the_new_points_are_drawn(tiny, monkeypatch):
    from sketchwidgets.sketch.rasterizer import Canvas

    drawn = []
    draw = Canvas.draw
    monkeypatch.setattr(
        Canvas, "draw", lambda self, given: (drawn.append(sum(map(len, given))), draw(self, given))[1]
    )
    session = tiny.session()
    session.add(FAR)  # sets the bounding box; everything else lies within
    for k in range(20):
        session.add(LINE + k)
    assert drawn[1:] == [2] * 20
    drawn.clear()
    long = np.stack([np.linspace(0, 50, 40), np.linspace(20, 60, 40)], 1)
    for k in range(10, 41, 10):
        session.preview(long[:k])
    assert drawn == [10, 11, 11, 11]  # the last point drawn is where the next segment begins
    session.add(long)
    assert drawn[-1] <= 1


def test_the_image_given_to_forward_may_be_kept(tiny):
    kept = []

    def forward(cnn, image):
        kept.append(image)
        return cnn.features(image)

    session = tiny.session(forward)
    session.add(LINE)
    session.preview(HOOK)
    session.add(FAR)
    assert torch.equal(kept[0], session.image(1))
    assert torch.equal(kept[2], session.image(2))
    assert torch.equal(session.image(), session.image(2))
    session.image().zero_()
    assert torch.equal(kept[2], session.image(2))


def test_image_has_no_stroke_in_progress(tiny):
    session = tiny.session()
    session.add(LINE)
    before = session.image()
    session.preview(HOOK)
    assert torch.equal(session.image(), before)
    assert not session.image(0).any()
    with pytest.raises(IndexError, match="step 2 of a session of 1 strokes"):
        session.image(2)


def test_undo_without_strokes(tiny):
    with pytest.raises(IndexError, match="no stroke to undo"):
        tiny.session().undo()


def test_times_are_kept(tiny):
    timed = np.array([[0, 0, 5, 1], [3, 4, 9, 0.5]], np.float32)
    session = tiny.session()
    session.add(timed)
    assert session.sketch == Sketch([timed])
    assert session.sketch.timed
    session.add(LINE)
    assert not session.sketch.timed
    session.undo()
    assert session.sketch.timed


@pytest.mark.parametrize(("stroke", "message"), [
    ([], "stroke 1: has no points"),
    (np.empty((0, 2)), "stroke 1: has no points"),
    ([1.0, 2.0], r"stroke 1: has shape \(2,\)"),
    (np.zeros((3, 5)), r"stroke 1: has shape \(3, 5\)"),
    ([[0.0, 1.0], [np.nan, 1.0]], "stroke 1: point 1: x is nan"),
    ([[0.0, np.inf]], "stroke 1: point 0: y is inf"),
    ([["a", "b"]], "stroke 1: holds"),
])  # fmt: skip
@pytest.mark.parametrize("method", ["add", "preview"])
def test_bad_strokes_change_nothing(tiny, method, stroke, message):
    session = tiny.session()
    session.add(LINE)
    before = session.predictions
    with pytest.raises(SketchError, match=message):
        getattr(session, method)(stroke)
    assert session.predictions == before
    session.add(HOOK)
    assert_same(session.predictions, from_scratch(tiny, Sketch([LINE, HOOK])))


def test_forward_of_the_wrong_shape(tiny):
    session = tiny.session(lambda cnn, image: torch.zeros(1, 9))
    with pytest.raises(ValueError, match=r"features of shape \(1, 9\), not \(1, 8\)"):
        session.add(LINE)
    assert len(session) == 0
    assert session.predictions == ()


def test_what_is_kept_for_a_stroke_is_small(tiny):
    session = tiny.session()
    for k in range(50):
        session.add(LINE + k % 7)
    assert all(p.probabilities.base is None for p in session.predictions)  # no view of something larger
    assert all(p.classes is tiny.classes for p in session.predictions)
    assert all(stroke.base is None for stroke in session._strokes)


def test_a_prediction_does_not_change_after_undo(tiny):
    session = tiny.session()
    session.add(LINE)
    old = session.add(HOOK)
    kept = old.probabilities.copy()
    session.undo()
    session.add(FAR)
    assert np.array_equal(old.probabilities, kept)


@pytest.mark.parametrize("parts", [1, 2])
def test_states_are_a_stack(parts):
    stack, expected = StateStack(), []
    generator = np.random.default_rng(0)
    for turn in range(2000):
        # Grows over several blocks, then shrinks to nothing, twice.
        if expected and generator.random() < (0.3 if turn % 1000 < 500 else 0.75):
            stack.pop()
            expected.pop()
        else:
            state = tuple(torch.full((1, 3), float(turn + part)) for part in range(parts))
            stack.push(state)
            expected.append(state)
        assert len(stack) == len(expected)
        if expected:
            assert all(torch.equal(a, b) for a, b in zip(stack.top(), expected[-1], strict=True))
    stack.clear()
    assert len(stack) == 0


def test_repr(tiny):
    session = tiny.session()
    assert repr(session) == "Session(0 strokes)"
    session.add(LINE)
    assert repr(session).startswith("Session(1 stroke, Prediction(")


def test_a_stroke_is_held_as_finely_as_the_whole_drawing_needs(tiny):
    comma = [(1e6, 1e6), (1e6 + 0.01, 1e6 + 0.02)]
    session = tiny.session()
    for call in (session.add, session.preview):
        with pytest.raises(SketchError, match=r"^stroke 0: .* too small for float32"):
            call(comma)
    assert len(session) == 0
    session.add([(0, 0), (9, 9)])
    session.preview(comma)
    session.add(comma)
    assert session.sketch == Sketch([[(0, 0), (9, 9)], comma])
    timed = tiny.session()
    timed.add([(0, 0, 5), (9, 9, 7)])
    timed.add([(1, 1, 8)])
    assert timed.sketch == Sketch([[(0, 0, 5), (9, 9, 7)], [(1, 1, 8)]])
