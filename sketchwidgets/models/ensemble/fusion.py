"""Score-level and feature-level fusion of several networks."""

import os
from pathlib import Path

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from sketchwidgets.models._checks import check_number
from sketchwidgets.models._weights import WeightsError, load_weights, save_weights

_VERSION = 1


def fuse_scores(scores: ArrayLike) -> NDArray[np.float64]:
    """Mean over the networks of each one's probabilities, (n, classes), of scores (n, networks, classes).

    scores : before the softmax, of any finite size. Score-level fusion; Yu et al. (BMVC 2015) compare with one.

    >>> sw.models.ensemble.fuse_scores([[[0.0, 0.0], [0.0, np.log(3)]]]).round(3)
    array([[0.375, 0.625]])
    """
    scores = _finite(scores, "scores")
    if scores.ndim != 3 or 0 in scores.shape:
        raise ValueError(f"scores must be (n, networks, classes), not {scores.shape}")
    odds = np.exp(scores - scores.max(2, keepdims=True))
    return (odds / odds.sum(2, keepdims=True)).mean(1)


def concatenate(features: ArrayLike) -> NDArray[np.float64]:
    """The features of all networks side by side, (n, networks * d), of features (n, networks, d).

    Five networks of 512 features give the 2,560 that Joint Bayesian is trained on.
    """
    features = _finite(features, "features")
    if features.ndim != 3 or 0 in features.shape:
        raise ValueError(f"features must be (n, networks, d), not {features.shape}")
    return features.reshape(len(features), -1)


class FeatureFusion:
    """Feature-level fusion: one linear classifier on the concatenated features of all networks.

    Multinomial logistic regression (scikit-learn) on features scaled to a mean square length of 1.

    Parameters
    ----------
    strength : inverse of the regularisation, scikit-learn's `C`; finite, above 0.
    iterations : most steps of its solver, 1 or more.

    Raises TypeError and ValueError that name the argument.

    >>> rng = np.random.default_rng(0)
    >>> labels = np.repeat([0, 1], 20)
    >>> features = rng.normal(size=(40, 2, 3)) + 5 * labels[:, None, None]
    >>> fusion = sw.models.ensemble.FeatureFusion().fit(features, labels)
    >>> float((fusion.predict(features) == labels).mean())
    1.0
    """

    def __init__(self, strength: float = 10.0, iterations: int = 1000) -> None:
        check_number("strength", strength, 0, above=True)
        check_number("iterations", iterations, 1, whole=True)
        self.strength, self.iterations = float(strength), int(iterations)
        self.weight: NDArray[np.float64] | None = None

    def fit(self, features: ArrayLike, labels: ArrayLike) -> "FeatureFusion":
        """Learn from features (n, networks, d) and labels (n,), integers; returns itself."""
        from sklearn.linear_model import LogisticRegression

        samples = concatenate(features)
        labels = np.asarray(labels)
        if labels.shape != (len(samples),) or labels.dtype.kind not in "iu":
            raise ValueError(f"labels must be ({len(samples)},) integers, not {labels.shape} {labels.dtype}")
        if len(np.unique(labels)) < 2:
            raise ValueError("labels must have two classes or more")
        self.shape = np.shape(features)[1:]
        mean = samples.mean(0)
        length = np.sqrt(((samples - mean) ** 2).sum(1).mean()) or 1.0
        solver = LogisticRegression(C=self.strength, max_iter=self.iterations)
        solver.fit((samples - mean) / length, labels.astype(np.int64))
        weight, bias = solver.coef_, solver.intercept_
        if len(solver.classes_) == 2:
            # scikit-learn keeps one row for two classes.
            weight, bias = np.concatenate([-weight, weight]) / 2, np.concatenate([-bias, bias]) / 2
        # Rounded to what a file holds: a saved and loaded one answers the same.
        self.classes = solver.classes_
        self.weight = (weight / length).astype(np.float32).astype(np.float64)
        self.bias = (bias - weight @ mean / length).astype(np.float32).astype(np.float64)
        return self

    def scores(self, features: ArrayLike) -> NDArray[np.float64]:
        """Scores before the softmax, (n, classes), of features (n, networks, d)."""
        if self.weight is None:
            raise ValueError("this FeatureFusion is not fitted; call fit(features, labels) first")
        samples = concatenate(features)
        if np.shape(features)[1:] != tuple(self.shape):
            raise ValueError(
                f"features must be (n, {self.shape[0]}, {self.shape[1]}), not {np.shape(features)}"
            )
        return samples @ self.weight.T + self.bias

    def predict(self, features: ArrayLike) -> NDArray[np.int64]:
        """The label of the highest score, (n,) int64."""
        scores = self.scores(features)
        return self.classes[scores.argmax(1)]

    def save(self, path: str | os.PathLike) -> None:
        """Write it to one safetensors file."""
        if self.weight is None:
            raise ValueError("this FeatureFusion is not fitted; call fit(features, labels) first")
        tensors = {
            "weight": torch.from_numpy(self.weight).float(),
            "bias": torch.from_numpy(self.bias).float(),
            "classes": torch.from_numpy(self.classes),
        }
        settings = {"strength": self.strength, "iterations": self.iterations}
        metadata = {
            "kind": "feature_fusion",
            "version": _VERSION,
            "settings": settings,
            "shape": list(self.shape),
        }
        save_weights(path, tensors, metadata, dtype="float32")

    @classmethod
    def load(cls, path: str | os.PathLike) -> "FeatureFusion":
        """The one of a file of `save`; `WeightsError` where the file does not fit."""
        tensors, metadata = load_weights(path)
        path = Path(path)
        if metadata.get("kind") != "feature_fusion" or metadata.get("version") != _VERSION:
            raise WeightsError(f"{path}: holds no feature fusion of version {_VERSION}")
        try:
            fusion = cls(**metadata["settings"])
            networks, size = metadata["shape"]
            weight, bias, classes = (tensors[name].numpy() for name in ("weight", "bias", "classes"))
            n = len(classes)
            fits = weight.shape == (n, networks * size) and bias.shape == classes.shape == (n,)
            if not fits or classes.dtype != np.int64:
                raise ValueError("its tensors do not fit each other")
        except (KeyError, TypeError, ValueError) as error:
            raise WeightsError(f"{path}: no feature fusion can be made of it: {error}") from None
        fusion.shape, fusion.classes = (networks, size), classes
        fusion.weight, fusion.bias = weight.astype(np.float64), bias.astype(np.float64)
        return fusion


def _finite(values: ArrayLike, name: str) -> NDArray[np.float64]:
    values = np.asarray(values.detach().cpu() if isinstance(values, torch.Tensor) else values)
    if values.dtype.kind not in "fiu":
        raise ValueError(f"{name} must be numbers, not {values.dtype}")
    values = values.astype(np.float64)
    if not np.isfinite(values).all():
        raise ValueError(f"{name} has values that are not finite")
    return values
