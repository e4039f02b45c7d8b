"""Fitting temperatures and thresholds."""

import math

import numpy as np
import pytest
import scipy.optimize
import scipy.special
import torch

from sketchwidgets.recognition import Calibration
from sketchwidgets.training import calibrate, calibration_halves
from sketchwidgets.training.evaluation.calibrate import fit_temperatures, fit_thresholds
from sketchwidgets.training.evaluation.shares import steps_at


class Scripted:
    """A recogniser whose scores are made up: drawing i has the scores `rows[i]`."""

    def __init__(self, drawings, rows):
        self.classes = drawings.classes
        self.rows = rows
        self.calibration = None

    def scores(self, sketches):
        for rows, sketch in zip(self.rows, sketches, strict=True):
            assert len(rows) == len(sketch)
            yield rows


def made_up(lengths, classes=6, sharpness=1.0, seed=0):
    """Scores and labels drawn from their softmax, so that a temperature of `sharpness` is the true one."""
    rng = np.random.default_rng(seed)
    target = rng.integers(0, classes, len(lengths))
    scores = []
    for n, label in zip(lengths, target, strict=True):
        rows = rng.normal(0, 1, (n, classes))
        rows[:, label] += (
            1.0  # normal scores with this offset have softmax(rows) as the probabilities of the label
        )
        scores.append((sharpness * rows).astype(np.float32))
    return scores, target


@pytest.mark.parametrize("whole", [0.5, 0.2])
def test_temperatures_are_those_of_scipy_in_float64_by_hand(whole):
    """One number of strokes: nothing but the weighted likelihood decides."""
    lengths = np.array([1, 3, 7, 12, 2, 5] * 20)
    scores, target = made_up(lengths, sharpness=2.5)

    def loss(log_t):
        total = 0.0
        for rows, label in zip(scores, target, strict=True):
            log_p = scipy.special.log_softmax(rows.astype(np.float64) / math.exp(log_t), axis=1)[:, label]
            total -= (1 - whole) * log_p[steps_at(len(rows)) - 1].mean() + whole * log_p[-1]
        return total

    oracle = scipy.optimize.minimize_scalar(loss, bounds=(-3, 3), method="bounded", options={"xatol": 1e-9})
    (found,) = fit_temperatures(np.concatenate(scores), lengths, target, steps=1, whole=whole)
    assert found == pytest.approx(math.exp(oracle.x), rel=1e-4)
    assert found == pytest.approx(2.5, rel=0.15)


def test_each_number_of_strokes_has_its_temperature():
    lengths = np.full(6000, 2)
    scores, target = made_up(lengths)
    scaled = np.stack(scores) * np.array([1.4, 0.9])[:, None]
    found = fit_temperatures(np.concatenate(scaled).astype(np.float32), lengths, target, steps=2)
    np.testing.assert_allclose(found, [1.4, 0.9], rtol=0.07)


def test_neighbours_hold_a_number_of_strokes_that_was_hardly_seen():
    lengths = np.array([2] * 2000 + [3])
    scores, target = made_up(lengths, sharpness=2.0)
    found = fit_temperatures(np.concatenate(scores), lengths, target, steps=4)
    np.testing.assert_allclose(found, 2.0, rtol=0.15)


def test_a_threshold_is_the_lowest_that_is_right_as_often_as_said():
    rng = np.random.default_rng(0)
    lengths = np.full(4000, 2)
    confidence = rng.uniform(0, 1, 8000)
    right = rng.random(8000) < confidence
    found = fit_thresholds(confidence, right, lengths, 0.75, steps=2)
    # Of confidences evenly above t the mean is (1 + t) / 2.
    np.testing.assert_allclose(found, 0.5, atol=0.06)
    for k, threshold in enumerate(found):
        known = confidence[k::2] > threshold
        assert right[k::2][known].mean() == pytest.approx(0.75, abs=0.002)


def test_the_promise_holds_over_all_strokes_however_long_the_drawings_are():
    """Late strokes of long drawings are the least sure here; the last threshold is that of all of them."""
    rng = np.random.default_rng(1)
    lengths = rng.integers(1, 30, 1500)
    step = np.concatenate([np.arange(1, n + 1) for n in lengths])
    confidence = rng.uniform(0, 1, len(step))
    right = rng.random(len(step)) < confidence ** (1 + step / 10)
    thresholds = fit_thresholds(confidence, right, lengths, 0.75, steps=4)
    known = confidence > thresholds[np.minimum(step, 4) - 1]
    assert right[known].mean() == pytest.approx(0.75, abs=0.002)
    assert right[known & (step >= 4)].mean() == pytest.approx(0.75, abs=0.002)


def test_where_nothing_is_right_it_never_knows_and_where_all_is_it_always_does():
    lengths = np.ones(100, int)
    confidence = np.linspace(0.1, 1.0, 100)
    assert fit_thresholds(confidence, np.zeros(100, bool), lengths, 0.75, 2).tolist() == [1.0, 1.0]
    assert fit_thresholds(confidence, np.ones(100, bool), lengths, 0.75, 2).tolist() == [0.0, 1.0]
    few = fit_thresholds(confidence[:20], np.ones(20, bool), lengths[:20], 0.75, 1)
    assert few.tolist() == [1.0]


def test_calibrate_says_on_how_much_and_leaves_the_recogniser_alone(drawings):
    lengths = drawings.n_strokes.astype(int)
    scores, _ = made_up(lengths)
    recognizer = Scripted(drawings, scores)
    found = calibrate(recognizer, drawings, precision=0.6, steps=3, progress=False)
    assert (len(found.temperatures), len(found.thresholds), found.precision) == (3, 3, 0.6)
    assert found.fitted_on == {"drawings": 80, "strokes": int(lengths.sum()), "whole": 0.65}
    assert recognizer.calibration is None
    assert Calibration.from_dict(found.to_dict()) == found
    # Labels stay as they are.
    for rows in scores[:20]:
        steps = np.arange(1, len(rows) + 1)
        calibrated = found.probabilities(torch.from_numpy(rows), steps).numpy()
        np.testing.assert_array_equal(calibrated.argsort(1), rows.argsort(1))


def test_bad_arguments_are_named(drawings):
    recognizer = Scripted(drawings, [])
    with pytest.raises(ValueError, match="precision must be between 0 and 1, not 1"):
        calibrate(recognizer, drawings, precision=1)
    with pytest.raises(ValueError, match="whole must be from 0 to 1, not 2"):
        calibrate(recognizer, drawings, whole=2)
    with pytest.raises(ValueError, match="steps must be at least 1, not 0"):
        calibrate(recognizer, drawings, steps=0)
    with pytest.raises(ValueError, match="there is no drawing"):
        calibrate(recognizer, drawings, np.array([], int))
    recognizer.classes = ("cat",)
    with pytest.raises(ValueError, match="does not know the class"):
        calibrate(recognizer, drawings)


def test_halves_share_nothing_and_do_not_depend_on_other_drawings(drawings):
    _, held_out = drawings.split()
    fit, rest = calibration_halves(drawings, held_out)
    assert sorted([*fit, *rest]) == sorted(held_out)
    few, _ = calibration_halves(drawings, held_out[:4])
    assert set(few) == set(fit) & set(held_out[:4])


def test_halves_of_the_real_drawings_are_halves(shared):
    from sketchwidgets.training import DrawingSet

    drawings = DrawingSet.load(shared / "data" / "quickdraw345.npz")
    fit, rest = calibration_halves(drawings, drawings.split()[1])
    assert 0.47 < len(fit) / (len(fit) + len(rest)) < 0.53
    assert len(np.unique(drawings.label[fit])) > 340
