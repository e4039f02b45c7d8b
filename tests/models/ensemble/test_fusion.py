"""Fusions against softmax by SciPy and the classifier of scikit-learn."""

import numpy as np
import pytest
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression

from sketchwidgets.models import WeightsError, load_weights, save_weights
from sketchwidgets.models.ensemble import FeatureFusion, concatenate, fuse_scores


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    labels = rng.permutation(np.repeat([3, 5, 9], 30))
    centres = rng.normal(size=(10, 2, 6))
    return 4 + centres[labels] + 0.8 * rng.normal(size=(90, 2, 6)), labels


def test_scores_are_fused_as_probabilities():
    scores = 50 * np.random.default_rng(0).normal(size=(7, 3, 4)) + 1000
    assert np.allclose(fuse_scores(scores), softmax(scores, 2).mean(1))


def test_networks_are_laid_side_by_side():
    features = np.arange(12.0).reshape(2, 2, 3)
    assert concatenate(features)[1].tolist() == [6, 7, 8, 9, 10, 11]


def test_classifier_is_scikit_learns_on_scaled_features(data):
    features, labels = data
    fusion = FeatureFusion(strength=2.0).fit(features, labels)
    flat = features.reshape(90, 12)
    centred = flat - flat.mean(0)
    length = np.sqrt((centred**2).sum(1).mean())
    theirs = LogisticRegression(C=2.0, max_iter=1000).fit(centred / length, labels)
    assert np.allclose(fusion.scores(features), theirs.decision_function(centred / length), atol=1e-4)
    assert np.array_equal(fusion.predict(features), theirs.predict(centred / length))
    assert (fusion.predict(features) == labels).mean() > 0.9


def test_two_classes_have_a_score_each(data):
    features, labels = data
    features, labels = features[labels != 3], labels[labels != 3]
    fusion = FeatureFusion().fit(features, labels)
    scores = fusion.scores(features)
    assert scores.shape == (60, 2)
    flat = features.reshape(60, 12)
    centred = flat - flat.mean(0)
    scaled = centred / np.sqrt((centred**2).sum(1).mean())
    theirs = LogisticRegression(C=10.0, max_iter=1000).fit(scaled, labels)
    assert np.allclose(softmax(scores, 1), theirs.predict_proba(scaled), atol=1e-4)


def test_saved_and_loaded_answers_the_same(data, tmp_path):
    features, labels = data
    fusion = FeatureFusion().fit(features, labels)
    fusion.save(tmp_path / "fusion.safetensors")
    again = FeatureFusion.load(tmp_path / "fusion.safetensors")
    assert np.array_equal(again.scores(features), fusion.scores(features))
    assert np.array_equal(again.predict(features), fusion.predict(features))


def test_a_file_that_does_not_fit_is_refused(data, tmp_path):
    path = tmp_path / "fusion.safetensors"
    FeatureFusion().fit(*data).save(path)
    tensors, metadata = load_weights(path)
    for message, bad, described in (
        ("no feature fusion of version", tensors, metadata | {"version": 9}),
        ("do not fit", tensors | {"bias": tensors["bias"][:1]}, metadata),
        ("can be made", tensors, metadata | {"shape": 7}),
    ):
        save_weights(path, bad, described, dtype="float32")
        with pytest.raises(WeightsError, match=message):
            FeatureFusion.load(path)


def test_bad_arguments_are_named(data):
    features, labels = data
    with pytest.raises(ValueError, match="not fitted"):
        FeatureFusion().predict(features)
    with pytest.raises(ValueError, match="strength must be above 0, not 0"):
        FeatureFusion(strength=0)
    with pytest.raises(TypeError, match="strength must be a number, not 'a'"):
        FeatureFusion(strength="a")
    with pytest.raises(ValueError, match="strength"):
        FeatureFusion(strength=float("nan"))
    with pytest.raises(TypeError, match=r"iterations must be a whole number, not 1\.5"):
        FeatureFusion(iterations=1.5)
    with pytest.raises(ValueError, match=r"labels must be \(90,\)"):
        FeatureFusion().fit(features, labels[:3])
    with pytest.raises(ValueError, match="two classes"):
        FeatureFusion().fit(features, np.ones(90, int))
    with pytest.raises(ValueError, match=r"features must be \(n, networks, d\)"):
        concatenate(features[:, 0])
    with pytest.raises(ValueError, match="not finite"):
        fuse_scores(np.full((1, 1, 2), np.inf))
    with pytest.raises(ValueError, match=r"features must be \(n, 2, 6\)"):
        FeatureFusion().fit(features, labels).predict(features[:, :, :3])
