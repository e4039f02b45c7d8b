"""Expected calibration error and its interval."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom
from torchmetrics.classification import BinaryCalibrationError, MulticlassCalibrationError

from sketchwidgets.training.evaluation.reliability import BINS, error_by_chance, reliability


@given(st.integers(1, 300), st.integers(2, 40), st.floats(0.2, 8), st.integers(0, 10_000))
def test_the_error_is_that_of_torchmetrics(n, classes, spread, seed):
    generator = torch.Generator().manual_seed(seed)
    probabilities = (spread * torch.randn(n, classes, generator=generator)).softmax(1)
    target = torch.randint(classes, (n,), generator=generator)
    oracle = MulticlassCalibrationError(classes, n_bins=BINS, norm="l1")(probabilities, target)
    confidence, label = probabilities.max(1)
    found = reliability(confidence.numpy(), (label == target).numpy())
    assert found.error == pytest.approx(float(oracle), abs=1e-5)
    assert sum(found.count) == n


def test_the_table_by_hand():
    confidence = np.array([0.05, 0.06, 1.0, 0.99, 0.5])
    right = np.array([False, True, True, True, False])
    found = reliability(confidence, right)
    assert found.count == (2, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 2)
    assert (found.confidence[0], found.accuracy[0]) == (pytest.approx(0.055), 0.5)
    assert (found.confidence[7], found.accuracy[7]) == (0.5, 0)
    assert (found.confidence[14], found.accuracy[14]) == (pytest.approx(0.995), 1)
    assert found.confidence[1] is None
    assert found.error == pytest.approx((2 * 0.445 + 0.5 + 2 * 0.005) / 5)
    oracle = BinaryCalibrationError(n_bins=BINS)(torch.tensor(confidence), torch.tensor(right).long())
    assert found.error == pytest.approx(float(oracle), abs=1e-6)


def test_the_interval_holds_the_true_error():
    """Right with a probability 0.1 less than the confidence: the true error is 0.1."""
    rng = np.random.default_rng(0)
    hits = 0
    for seed in range(40):
        confidence = rng.uniform(0.2, 1.0, 1500)
        right = rng.random(1500) < confidence - 0.1
        low, high = reliability(confidence, right, seed=seed).interval
        hits += low <= 0.1 <= high
    assert hits >= 34


def test_predictions_of_one_drawing_are_one_observation():
    rng = np.random.default_rng(1)
    confidence, right = rng.uniform(0, 1, 200), rng.random(200) < 0.5
    alone = reliability(confidence, right)
    # Everything ten times: nothing more is known, where it is said that these are the same drawings.
    ten = reliability(np.tile(confidence, 10), np.tile(right, 10), np.tile(np.arange(200), 10))
    assert ten.error == pytest.approx(alone.error)
    assert ten.interval == pytest.approx(alone.interval)
    deceived = reliability(np.tile(confidence, 10), np.tile(right, 10))
    assert np.diff(deceived.interval) < 0.6 * np.diff(ten.interval)
    assert reliability(confidence[:1], right[:1]).interval is None


@given(st.lists(st.tuples(st.integers(0, 12), st.floats(0, 1)), min_size=1, max_size=6))
def test_what_chance_alone_adds_is_the_mean_over_all_outcomes(bins):
    counts, confidences = [n for n, _ in bins], [p if n else None for n, p in bins]
    if not sum(counts):
        return
    expected = 0.0
    for n, p in bins:
        if n:
            outcomes = np.arange(n + 1)
            expected += float(np.abs(outcomes - n * p) @ binom.pmf(outcomes, n, p))
    assert error_by_chance(counts, confidences) == pytest.approx(expected / sum(counts), abs=1e-9)


def test_a_recogniser_that_is_as_right_as_it_says_has_the_error_of_chance():
    rng = np.random.default_rng(2)
    confidence = rng.uniform(0.05, 1.0, 690) ** 0.5
    errors = [reliability(confidence, rng.random(690) < confidence, np.zeros(690, int)) for _ in range(200)]
    found = error_by_chance(errors[0].count, errors[0].confidence)
    assert np.mean([each.error for each in errors]) == pytest.approx(found, rel=0.05)
