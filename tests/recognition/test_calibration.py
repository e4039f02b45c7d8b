"""Temperatures and thresholds: what they do to scores, and in files."""

import dataclasses
import json

import numpy as np
import pytest
import scipy.special
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from tiny_recognizer import make_tiny

from sketchwidgets.models import WeightsError, load_weights
from sketchwidgets.recognition import Calibration, Prediction, Recognizer
from sketchwidgets.sketch import Sketch

CLASSES = ("ant", "bee", "cat")
CALIBRATION = Calibration((3.0, 0.5, 1.5), (0.9, 0.3), precision=0.8, fitted_on={"drawings": 7})


def drawing(strokes: int, seed: int = 0) -> Sketch:
    generator = np.random.default_rng(seed)
    return Sketch([generator.integers(0, 50, (4, 2)) for _ in range(strokes)])


@given(
    st.lists(st.floats(-30, 30, width=32), min_size=2, max_size=9, unique=True),
    st.lists(st.floats(0.05, 20), min_size=1, max_size=4),
    st.integers(1, 9),
)
def test_probabilities_are_a_softmax_by_hand_and_keep_the_order(scores, temperatures, step):
    calibration = Calibration(tuple(temperatures))
    found = calibration.probabilities(torch.tensor(scores, dtype=torch.float64), step).numpy()
    temperature = temperatures[step - 1] if step <= len(temperatures) else temperatures[-1]
    np.testing.assert_allclose(found, scipy.special.softmax(np.array(scores) / temperature), atol=1e-12)
    order = np.argsort(scores)
    assert (np.diff(found[order]) >= 0).all()
    assert found.argmax() == np.argmax(scores) or np.isclose(found.max(), found[np.argmax(scores)])


def test_each_row_has_the_temperature_of_its_number_of_strokes():
    scores = torch.randn(5, 3, generator=torch.Generator().manual_seed(0))
    rows = CALIBRATION.probabilities(scores, [1, 2, 3, 4, 9])
    for row, score, temperature in zip(rows, scores, (3.0, 0.5, 1.5, 1.5, 1.5), strict=True):
        torch.testing.assert_close(row, (score / temperature).softmax(0))
    assert [CALIBRATION.threshold(step) for step in (1, 2, 3, 50)] == [0.9, 0.3, 0.3, 0.3]


@pytest.mark.parametrize(("fields", "message"), [
    ({"temperatures": ()}, "temperatures must be 1 to 1000 numbers, got 0"),
    ({"temperatures": (1.0, 0.0)}, r"temperatures\[1\] must be a number from 0.001 to 1000, not 0.0"),
    ({"temperatures": (float("nan"),)}, r"temperatures\[0\] must be a number .* not nan"),
    ({"temperatures": "12"}, "temperatures must be a list of numbers, not '12'"),
    ({"thresholds": (1.5,)}, r"thresholds\[0\] must be a number from 0 to 1, not 1.5"),
    ({"thresholds": (True,)}, r"thresholds\[0\] must be a number"),
    ({"precision": 0}, "precision must be None or more than 0 and at most 1, not 0"),
    ({"fitted_on": 5}, "fitted_on must be a dict, not 5"),
])  # fmt: skip
def test_numbers_out_of_range_are_named(fields, message):
    with pytest.raises(ValueError, match=message):
        Calibration(**fields)


def test_to_dict_and_back_through_json():
    assert Calibration.from_dict(json.loads(json.dumps(CALIBRATION.to_dict()))) == CALIBRATION
    with pytest.raises(ValueError, match="unknown calibration field 'bias'"):
        Calibration.from_dict({**CALIBRATION.to_dict(), "bias": 1})
    with pytest.raises(ValueError, match="calibration field 'thresholds' is missing"):
        Calibration.from_dict({"temperatures": [1.0]})


@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_session_recognize_and_recognize_many_agree(cell):
    plain, calibrated = make_tiny(cell), make_tiny(cell)
    calibrated.calibration = CALIBRATION
    sketch = drawing(5)
    (scores,) = calibrated.scores([sketch])
    temperatures = np.array([3.0, 0.5, 1.5, 1.5, 1.5])[:, None]
    expected = scipy.special.softmax(scores.astype(np.float64) / temperatures, axis=1)
    session = calibrated.session()
    lived = [session.add(stroke) for stroke in sketch]
    at_once = calibrated.recognize(sketch)
    for found in (lived, at_once):
        np.testing.assert_allclose([p.probabilities for p in found], expected, atol=1e-5)
        assert [p.threshold for p in found] == [0.9, 0.3, 0.3, 0.3, 0.3]
        assert [p.known for p in found] == (expected.max(1) > [0.9, 0.3, 0.3, 0.3, 0.3]).tolist()
    many = calibrated.recognize_many([drawing(2, 1), sketch])
    np.testing.assert_allclose(many[1], expected[-1], atol=1e-5)
    np.testing.assert_allclose(session.preview([(1, 1)]).probabilities.sum(), 1, rtol=1e-5)
    # The same scores, and without a calibration their plain softmax.
    (same,) = plain.scores([sketch])
    np.testing.assert_array_equal(same, scores)
    for row, prediction in zip(scores, plain.recognize(sketch), strict=True):
        np.testing.assert_allclose(prediction.probabilities, scipy.special.softmax(row), atol=1e-6)
        assert prediction.known


@settings(max_examples=20)
@given(st.lists(st.integers(1, 9), max_size=6), st.integers(1, 5))
def test_scores_of_many_are_those_of_each(counts, batch_size):
    recognizer = make_tiny()
    drawings = [drawing(n, seed) for seed, n in enumerate(counts)]
    found = list(recognizer.scores(iter(drawings), batch_size=batch_size))
    assert [rows.shape for rows in found] == [(n, 4) for n in counts]
    for rows, sketch in zip(found, drawings, strict=True):
        (alone,) = recognizer.scores([sketch])
        np.testing.assert_allclose(rows, alone, atol=1e-5)


def test_scores_name_a_drawing_without_strokes():
    with pytest.raises(ValueError, match="drawing 1 has no strokes"):
        list(make_tiny().scores([drawing(2), Sketch([])]))
    with pytest.raises(ValueError, match="batch_size must be at least 1, got 0"):
        list(make_tiny().scores([], batch_size=0))


def test_known_is_more_confident_than_the_threshold():
    prediction = Prediction(np.array([0.5, 0.25, 0.25], np.float32), CLASSES, step=2, threshold=0.5)
    assert (prediction.confidence, prediction.known) == (0.5, False)
    assert dataclasses.replace(prediction, threshold=0.49).known
    certain = Prediction(np.array([1.0, 0.0, 0.0], np.float32), CLASSES, step=2, threshold=1.0)
    assert not certain.known


def test_what_it_does_not_know_it_says():
    known = Prediction(np.array([0.5, 0.25, 0.25], np.float32), CLASSES, step=2, threshold=0.4)
    unknown = dataclasses.replace(known, threshold=0.6)
    assert repr(unknown) == "Prediction(I don't know yet; perhaps 'ant' 50%, step 2)"
    assert "I don't know yet, after 2 strokes" in unknown._repr_html_()
    assert "opacity:.6'" in unknown._repr_html_()
    assert "know" not in repr(known) + known._repr_html_()
    assert "opacity:.6'" not in known._repr_html_()


def test_it_is_saved_and_loaded(full, tmp_path):
    path = tmp_path / "net.safetensors"
    full.save(path)
    assert "calibration" not in load_weights(path)[1]
    assert Recognizer.load(path).calibration is None
    loaded = Recognizer.load(path)
    loaded.calibration = CALIBRATION
    loaded.save(path)
    assert Recognizer.load(path).calibration == CALIBRATION


@pytest.mark.parametrize(("value", "message"), [
    ([1.0], '"calibration" in the metadata is not an object'),
    ({"temperatures": [0], "thresholds": [0]}, r"calibration: temperatures\[0\] must be a number"),
    ({"temperatures": {"1": 1}, "thresholds": [0]}, "calibration: temperatures must be a list"),
    ({"temperatures": [1], "thresholds": [0], "code": "x"}, "unknown calibration field 'code'"),
])  # fmt: skip
def test_a_damaged_calibration_is_named(full, tmp_path, value, message):
    path = tmp_path / "net.safetensors"
    full.save(path)
    metadata = load_weights(path)[1] | {"calibration": value}
    header = json.dumps({"format": 1, "int8": [], "metadata": metadata})
    save_file(load_file(path), path, {"sketchwidgets": header})
    with pytest.raises(WeightsError, match=rf"net\.safetensors: .*{message}"):
        Recognizer.load(path)
