"""The charts of a recognition: what they show, and that one prediction is few messages."""

import ipywidgets
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sketchwidgets.recognition import Prediction
from sketchwidgets.widgets.live.recognition import Recognition, _apart

CLASSES = ("cat", "dog", "fish", "<b>tree</b>", "The Great Wall of China", "moon", "sun")


def predict(step, seed=None, provisional=False):
    shares = np.random.default_rng(step if seed is None else seed).dirichlet(np.ones(len(CLASSES)))
    return Prediction(shares.astype(np.float32), CLASSES, step, provisional)


@pytest.fixture
def recognition():
    recognition = Recognition()
    yield recognition
    recognition.close()


@pytest.fixture
def sent(monkeypatch):
    """The widgets that sent their state, one entry a message."""
    messages = []

    monkeypatch.setattr(ipywidgets.Widget, "_send", lambda self, *args, **kwargs: messages.append(self))
    return messages


def bars(recognition):
    """(name, share, text of the share, colour) of each bar, from the top."""
    rows = zip(
        recognition._names.text,
        recognition._bars.y,
        recognition._shares.text,
        recognition._bars.colors,
        strict=True,
    )
    return [(str(name), float(share), str(text), color) for name, share, text, color in rows]


def curves(recognition):
    """Name -> its values over the strokes."""
    lines = recognition._curves
    return {name: np.asarray(lines.y)[row] for row, name in enumerate(lines.labels)}


def test_starts_empty(recognition):
    assert "Nothing drawn yet" in recognition._title.value
    assert not np.any(recognition._bars.y)
    assert curves(recognition) == {}


def test_the_bars_are_the_best_classes_in_order(recognition):
    prediction = predict(1)
    recognition.update([prediction])
    shown = bars(recognition)
    assert [name for name, *_ in shown] == [name for name, _ in prediction.top(5)]
    np.testing.assert_allclose([share for _, share, *_ in shown], [share for _, share in prediction.top(5)])
    assert shown[0][2] == f"{100 * prediction.top(1)[0][1]:.0f}\N{NO-BREAK SPACE}%"


def test_the_curves_are_the_best_classes_over_all_strokes(recognition):
    predictions = [predict(step) for step in range(1, 8)]
    recognition.update(predictions)
    shown = curves(recognition)
    assert set(shown) == {name for name, _ in predictions[-1].top(5)}
    np.testing.assert_array_equal(recognition._curves.x, range(1, 8))
    for name, values in shown.items():
        column = CLASSES.index(name)
        np.testing.assert_allclose(values, [prediction.probabilities[column] for prediction in predictions])


def test_a_bar_has_the_colour_of_its_curve(recognition):
    recognition.update([predict(step) for step in range(1, 4)])
    colors = dict(zip(recognition._curves.labels, recognition._curves.colors, strict=True))
    assert all(color == colors[name] for name, _, _, color in bars(recognition))


def test_a_class_keeps_its_colour_while_it_stays_among_the_best(recognition):
    before = {}
    for strokes in range(1, 40):
        recognition.update([predict(step) for step in range(1, strokes + 1)])
        now = {name: color for name, _, _, color in bars(recognition)}
        assert len(set(now.values())) == 5, "no two classes share a colour"
        assert all(now[name] == color for name, color in before.items() if name in now)
        before = now


def test_the_first_stroke_gives_one_point_for_each_curve(recognition):
    prediction = predict(1)
    recognition.update([prediction])
    for name, values in curves(recognition).items():
        np.testing.assert_allclose(values, prediction.probabilities[CLASSES.index(name)])


def test_scrubbing_shows_the_step_and_keeps_the_whole_curve(recognition):
    predictions = [predict(step) for step in range(1, 10)]
    recognition.update(predictions, step=4)
    assert [name for name, *_ in bars(recognition)] == [name for name, _ in predictions[3].top(5)]
    assert "after 4 of 9 strokes" in recognition._title.value
    np.testing.assert_array_equal(recognition._mark.x, [4, 4])
    assert len(recognition._curves.x) == 9
    recognition.update(predictions)
    assert len(recognition._mark.x) == 0
    recognition.update(predictions, step=0)
    assert "before the first of 9 strokes" in recognition._title.value


def test_a_step_that_does_not_exist_is_named(recognition):
    with pytest.raises(ValueError, match="step 3 is not within the 2 predictions"):
        recognition.update([predict(1), predict(2)], step=3)


def test_a_preview_looks_provisional_and_ends_the_curve(recognition):
    finished = [predict(step) for step in range(1, 4)]
    recognition.update(finished, preview=predict(4, provisional=True))
    assert "skw-provisional" in recognition._title.value
    assert "while stroke 4 is being drawn" in recognition._title.value
    assert len(recognition._curves.x) == 4
    pale = recognition._bars.opacities[0]
    recognition.update([*finished, predict(4)])
    assert "skw-provisional" not in recognition._title.value
    assert recognition._bars.opacities[0] > pale


def test_one_prediction_is_few_messages(recognition, sent):
    predictions = [predict(step) for step in range(1, 9)]
    recognition.update(predictions[:7])
    sent.clear()
    recognition.update(predictions)
    assert 0 < len(sent) <= 6
    assert len(sent) == len(set(map(id, sent))), "each widget sends once"


def test_the_same_prediction_again_is_no_message(recognition, sent):
    predictions = [predict(step) for step in range(1, 9)]
    recognition.update(predictions)
    sent.clear()
    recognition.update(predictions)
    assert sent == []


def test_the_curves_of_a_long_drawing_stay_small_and_end_at_the_last_stroke(recognition):
    predictions = [predict(step) for step in range(1, 1001)]
    recognition.update(predictions)
    x = np.asarray(recognition._curves.x)
    assert len(x) == 200
    assert (x[0], x[-1]) == (1, 1000)
    assert recognition._steps.max >= 1000
    assert len(recognition._step_axis.tick_values) == 8
    best = predictions[-1].label
    assert curves(recognition)[best][-1] == pytest.approx(predictions[-1].probabilities.max())


def test_a_name_is_shown_as_text_and_not_as_markup(recognition):
    shares = np.zeros(len(CLASSES), np.float32)
    shares[CLASSES.index("<b>tree</b>")] = 1
    recognition.update([Prediction(shares, CLASSES, 1)])
    assert "&lt;b&gt;tree&lt;/b&gt;" in recognition._title.value
    assert "<b>" not in recognition._title.value


def test_fewer_classes_than_bars(recognition):
    two = Prediction(np.array([0.004, 0.996], np.float32), ("yes", "no"), 1)
    recognition.update([two])
    assert [str(name) for name in recognition._names.text] == ["no", "yes", "", "", ""]
    shares = [str(text).replace("\N{NO-BREAK SPACE}", "_") for text in recognition._shares.text]
    assert shares == ["> 99_%", "< 1_%", "", "", ""]
    assert set(curves(recognition)) == {"yes", "no"}


def test_what_it_does_not_know_it_does_not_claim(recognition):
    sure = predict(1)
    unsure = Prediction(sure.probabilities, CLASSES, 1, threshold=0.99)
    recognition.update([unsure])
    assert "I don&#x27;t know yet" in recognition._title.value
    assert "skw-unsure" in recognition._title.value
    assert sure.label not in recognition._title.value
    assert "%" not in recognition._title.value
    assert [name for name, *_ in bars(recognition)] == [name for name, _ in sure.top(5)]
    assert set(recognition._bars.opacities) == {0.3}
    recognition.update([unsure, predict(2)])
    assert "know" not in recognition._title.value
    assert set(recognition._bars.opacities) == {0.5}


def test_the_title_can_be_left_out():
    with_title, without = Recognition(), Recognition(title=False)
    assert len(with_title.children) == len(without.children) + 1
    assert with_title._title in with_title.children
    assert without._title not in without.children
    for recognition in (with_title, without):
        recognition.close()


@pytest.mark.parametrize("top", [0, 11])
def test_top_out_of_range_is_an_error(top):
    with pytest.raises(ValueError, match="top must be 1 to 10"):
        Recognition(top=top)


def test_close_closes_every_widget_it_made():
    before = set(ipywidgets.widgets.widget._instances)
    recognition = Recognition()
    made = {
        key: widget
        for key, widget in ipywidgets.widgets.widget._instances.items()
        if key not in before and not isinstance(widget, ipywidgets.Layout | ipywidgets.Style)
    }
    assert len(made) > 10
    recognition.close()
    assert not set(made) & set(ipywidgets.widgets.widget._instances)


def test_names_stand_at_the_ends_of_their_curves(recognition):
    predictions = [predict(step) for step in range(1, 8)]
    recognition.update(predictions)
    ends, names = recognition._ends, recognition._curves.labels
    assert [text.removesuffix("…") for text in ends.text] == [name[:11] for name in names]
    assert set(ends.x) == {7}
    shares = [predictions[-1].probabilities[CLASSES.index(name)] for name in names]
    assert np.argsort(ends.y).tolist() == np.argsort(shares).tolist()
    recognition.update([])
    assert len(ends.text) == 0


@given(st.lists(st.floats(0, 1), min_size=1, max_size=10), st.floats(0.01, 0.3))
def test_heights_of_names_keep_apart_and_in_order(shares, least):
    placed = _apart(np.array(shares), least)
    least = min(least, 1 / max(1, len(shares) - 1))
    order = np.argsort(shares, kind="stable")
    assert (np.diff(placed[order]) >= least - 1e-9).all()
    assert placed.min() >= -1e-9
    assert placed.max() <= 1 + 1e-9
    if (np.diff(np.sort(shares)) >= least).all():
        np.testing.assert_allclose(placed, shares, atol=1e-9)
