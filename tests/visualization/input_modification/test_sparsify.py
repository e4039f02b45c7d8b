"""The fewest strokes of a drawing: the function, its result and its figure."""

import numpy as np
import pytest
from tiny_recognizer import make_tiny

import sketchwidgets as sw
from sketchwidgets.visualization.input_modification._sparsified_figure import certainty, shown_counts

RECOGNIZER = make_tiny()


def sketch(count=7, seed=0, timed=False):
    rng = np.random.default_rng(seed)
    strokes = [rng.uniform(0, 100, (int(rng.integers(1, 6)), 2)) for _ in range(count)]
    if timed:
        strokes = [np.column_stack([points, np.arange(len(points))]) for points in strokes]
    return sw.Sketch(strokes)


def sparsify(drawing, *args, **kwargs):
    return sw.sparsify(RECOGNIZER, drawing, *args, progress=False, **kwargs)


@pytest.mark.parametrize("seed", range(5))
def test_the_label_is_kept_and_no_stroke_more_can_go(seed):
    drawing = sketch(seed=seed)
    result = sparsify(drawing)
    whole, kept = RECOGNIZER.recognize(drawing), RECOGNIZER.recognize(result.sketch)
    assert kept[-1].label == whole[-1].label == result.name
    assert result.probability == pytest.approx(kept[-1].probabilities[result.label], abs=1e-6)
    assert sorted((*result.kept, *result.removed)) == list(range(7))
    assert len(result.kept) <= result.prefix
    for gone in result.kept if len(result.kept) > 1 else ():
        fewer = [drawing[i] for i in result.kept if i != gone]
        assert RECOGNIZER.recognize(fewer)[-1].label != result.name


def test_the_curve_is_of_the_strokes_left_in_the_order_found():
    drawing = sketch(seed=2)
    result = sparsify(drawing)
    assert result.left(len(result.kept)) == result.kept
    for count in range(1, 8):
        prediction = RECOGNIZER.recognize([drawing[i] for i in result.left(count)])[-1]
        assert result.curve[count - 1] == pytest.approx(prediction.probabilities[result.label], abs=1e-6)
        assert result.on_top[count - 1] == (prediction.label == result.name)
    steps = [prediction.probabilities[result.label] for prediction in RECOGNIZER.recognize(drawing)]
    np.testing.assert_allclose(result.steps, steps, atol=1e-6)


def test_times_are_kept():
    result = sparsify(sketch(3, timed=True))
    assert result.sketch.timed


def test_another_label_by_name_or_index():
    drawing = sketch(4, seed=1)
    by_name, by_index = sparsify(drawing, "cat"), sparsify(drawing, 2)
    assert by_name.name == "cat"
    assert by_name.kept == by_index.kept
    assert by_name.proven
    if by_name.kept:
        assert RECOGNIZER.recognize(by_name.sketch)[-1].label == "cat"


def test_a_label_that_is_never_on_top():
    never = next(name for name in RECOGNIZER.classes if not sparsify(sketch(2), name).kept)
    result = sparsify(sketch(2), never)
    assert len(result.sketch) == 0
    assert np.isnan(result.probability)
    assert result.proven
    assert result.sentence() == f"No choice of its strokes is recognised as “{never}”"
    assert len(result.figure().sections[0].tiles) == 2  # no drawing of what is kept


def test_it_ends_early_with_the_best_so_far():
    drawing = sketch(10, seed=3)
    states = []

    def twice(state):
        states.append(state)
        return len(states) < 2

    result = sparsify(drawing, callback=twice, batch_size=1)
    assert len(states) == 2
    assert [state.done for state in states] == [1, 2]
    assert result.recognized == 2
    assert RECOGNIZER.recognize(result.sketch)[-1].label == result.name
    assert sorted(result.order) == list(range(10))
    assert np.isnan(result.curve[:-1]).all()
    assert "Fewer may be enough" in certainty(result)
    result.figure()


def test_one_stroke():
    result = sparsify(sketch(1))
    assert result.kept == (0,)
    assert result.proven
    assert result.order == (0,)
    assert result.sentence().startswith("Its one stroke is needed")


def test_the_figure_shows_every_number_of_strokes():
    result = sparsify(sketch(seed=4))
    figure = result.figure()
    assert figure.title == result.sentence()
    whole, kept, chart = figure.sections[0].tiles
    assert isinstance(chart, sw.Chart)
    assert (whole.pixels < 60).sum() > (kept.pixels < 60).sum() > 0
    tiles = figure.sections[1].tiles
    assert [int(tile.caption.split(":")[0]) for tile in tiles] == list(range(7, 0, -1))
    assert [", lost" not in tile.caption for tile in tiles] == result.on_top[::-1].tolist()
    assert result._repr_html_().startswith("<")


def test_of_a_long_drawing_some_numbers_are_shown():
    result = sparsify(sketch(60, seed=5), limit=40)
    counts = shown_counts(result)
    assert counts[0] == 60
    assert counts[-1] == 1
    assert len(counts) <= 24
    assert len(result.kept) in counts
    assert counts == sorted(set(counts), reverse=True)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((RECOGNIZER, sw.Sketch([])), ValueError, "sketch has no strokes"),
        ((RECOGNIZER.cnn, sketch(2)), TypeError, "recognizer must be a Recognizer"),
        ((RECOGNIZER, sketch(2), "zebra"), ValueError, "label 'zebra' is not a class"),
        ((RECOGNIZER, sketch(2), 4), ValueError, "label must be"),
    ],
)
def test_wrong_arguments_are_named(arguments, error, message):
    with pytest.raises(error, match=message):
        sw.sparsify(*arguments, progress=False)


@pytest.mark.parametrize("name", ["limit", "beam", "batch_size"])
@pytest.mark.parametrize("value", [0, -1, 2.5, True, "many"])
def test_numbers_must_be_whole_and_positive(name, value):
    with pytest.raises(ValueError, match=f"{name} must be a whole number"):
        sparsify(sketch(2), **{name: value})


def test_left_takes_numbers_of_strokes_only():
    result = sparsify(sketch(3))
    for count in (0, 4):
        with pytest.raises(ValueError, match="between 1 and 3"):
            result.left(count)
