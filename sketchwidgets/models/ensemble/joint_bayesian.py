"""Joint Bayesian (Chen et al., ECCV 2012): are two feature vectors of the same class?"""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from scipy import linalg

from sketchwidgets.models._checks import check_number
from sketchwidgets.models._weights import WeightsError, load_weights, save_weights
from sketchwidgets.models.ensemble._gaussian_em import Covariances, expectation, first_guess, maximization

_VERSION = 1
_CHUNK = 256


class JointBayesian:
    """Features as class identity plus variation, x = mu + eps, both Gaussian; its covariances learned by EM.

    mu ~ N(0, S_mu) is shared by all samples of a class, eps ~ N(0, S_eps) is each one's own. Two vectors are
    compared by log P(a, b | one class) - log P(a, b | two classes), which is in closed form.

    Chen et al., "Bayesian Face Revisited: A Joint Formulation", ECCV 2012; for sketches Yu et al., BMVC 2015.

    Parameters
    ----------
    components : features are first turned to so many principal components; None keeps them all. Needed (or `ridge`)
        where there are more features than samples.
    ridge : this share of the mean variance of a feature is added to S_eps on its diagonal.
    posterior : add the posterior covariance of mu in the M-step, as maximum likelihood asks. False is the update of
        the paper, S_mu = cov(mu), S_eps = cov(eps): faster to converge, with S_mu too small by about S_eps over the
        samples of a class.
    tolerance : EM ends when both covariances change by less than this share (Frobenius norm).
    iterations : most steps of EM.

    Raises TypeError and ValueError that name the argument.

    After `fit`: `mean` (d,), `basis` (k, d), `identity` S_mu (k, k), `variation` S_eps (k, k), all float64; `steps`
    taken and `converged`; `reference` (n, k) the training features in the basis, `labels` (n,).

    >>> rng = np.random.default_rng(0)
    >>> centres = 3 * rng.normal(size=(5, 4))
    >>> labels = np.repeat(np.arange(5), 20)
    >>> features = centres[labels] + rng.normal(size=(100, 4))
    >>> joint = sw.models.ensemble.JointBayesian().fit(features, labels)
    >>> joint.predict(centres, neighbours=10).tolist()
    [0, 1, 2, 3, 4]
    """

    def __init__(
        self,
        components: int | None = None,
        ridge: float = 1e-4,
        posterior: bool = False,
        tolerance: float = 1e-4,
        iterations: int = 200,
    ) -> None:
        if components is not None:
            check_number("components", components, 1, whole=True)
        check_number("ridge", ridge, 0)
        check_number("tolerance", tolerance, 0, above=True)
        check_number("iterations", iterations, 0, whole=True)
        self.components = None if components is None else int(components)
        self.ridge, self.posterior = float(ridge), bool(posterior)
        self.tolerance, self.iterations = float(tolerance), int(iterations)
        self.reference: NDArray[np.float64] | None = None

    def fit(
        self,
        features: ArrayLike,
        labels: ArrayLike,
        callback: Callable[[dict], bool | None] | None = None,
    ) -> "JointBayesian":
        """Learn from features (n, d) and labels (n,), integers; returns itself.

        callback : gets {"step", "change"} after each step of EM; False ends it there.

        Raises ValueError where they do not fit each other, are not finite, have fewer than two classes or no class
        of two samples, or where S_eps is singular (give `components` or a larger `ridge`).
        """
        features = _features(features, "features")
        labels = np.asarray(labels)
        if labels.shape != (len(features),) or labels.dtype.kind not in "iu":
            raise ValueError(f"labels must be ({len(features)},) integers, not {labels.shape} {labels.dtype}")
        labels = labels.astype(np.int64)
        counts = np.unique(labels, return_counts=True)[1]
        if len(counts) < 2 or counts.max() < 2:
            raise ValueError("labels must have two classes or more, and one of them two samples or more")
        self.mean = _rounded(features.mean(0))
        centred = features - self.mean
        self.basis = _rounded(_principal(centred, self.components))
        projected = centred @ self.basis.T
        ridge = self.ridge * float((projected**2).mean())
        guess = first_guess(projected, labels, ridge)
        self.steps, self.converged = 0, False
        for step in range(1, self.iterations + 1):
            expected = expectation(guess, projected, labels, spread=self.posterior)
            new = maximization(*expected, projected, labels, ridge)
            change = max(_change(old, value) for old, value in zip(guess, new, strict=True))
            guess, self.steps = new, step
            self.converged = change < self.tolerance
            ended = callback is not None and callback({"step": step, "change": change}) is False
            if self.converged or ended:
                break
        # Rounded to what a file holds, so that a saved and loaded one answers the same to the last bit.
        self._set(Covariances(*map(_rounded, guess)), _rounded(projected), labels)
        return self

    def log_likelihood_ratio(self, a: ArrayLike, b: ArrayLike) -> NDArray[np.float64]:
        """log P(a, b | same class) - log P(a, b | different classes), (n, m), of features a (n, d) and b (m, d).

        Natural logarithm; positive: rather the same class. With A and G of Chen et al. it is
        (a'A a + b'A b) / 2 - a'G b and a constant that they leave out.
        """
        return self._ratio(self._project(a, "a"), self._project(b, "b"))

    def votes(self, features: ArrayLike, neighbours: int = 30) -> NDArray[np.int64]:
        """How many of the `neighbours` training samples of the highest ratio are of each class, (n, classes).

        Columns are in the order of `classes`, the sorted labels of the training set.
        """
        return self._vote(features, neighbours)[0]

    def predict(self, features: ArrayLike, neighbours: int = 30) -> NDArray[np.int64]:
        """The label with most votes among the `neighbours` nearest training samples by ratio, (n,) int64.

        features : (n, d). neighbours : how many vote; cut off at the size of the training set. A tie goes to the
        class whose voters have the larger sum of ratios above that of the last neighbour.
        """
        votes, weights = self._vote(features, neighbours)
        best = votes == votes.max(1, keepdims=True)
        return self.classes[np.where(best, weights, -np.inf).argmax(1)]

    def save(self, path: str | os.PathLike) -> None:
        """Write everything that `load` needs, the training features included, to one safetensors file."""
        self._fitted()
        arrays = {
            "mean": self.mean,
            "basis": self.basis,
            "identity": self.identity,
            "variation": self.variation,
            "reference": self.reference,
        }
        tensors = {name: torch.from_numpy(array).float() for name, array in arrays.items()}
        tensors["labels"] = torch.from_numpy(self.labels)
        settings = {
            "components": self.components,
            "ridge": self.ridge,
            "posterior": self.posterior,
            "tolerance": self.tolerance,
            "iterations": self.iterations,
        }
        done = {"steps": self.steps, "converged": self.converged}
        metadata = {"kind": "joint_bayesian", "version": _VERSION, "settings": settings, **done}
        save_weights(path, tensors, metadata, dtype="float32")

    @classmethod
    def load(cls, path: str | os.PathLike) -> "JointBayesian":
        """The one of a file of `save`; `WeightsError` where the file does not fit."""
        tensors, metadata = load_weights(path)
        path = Path(path)
        if metadata.get("kind") != "joint_bayesian" or metadata.get("version") != _VERSION:
            raise WeightsError(f"{path}: holds no Joint Bayesian of version {_VERSION}")
        try:
            joint = cls(**metadata["settings"])
            arrays = {name: tensors[name].numpy() for name in tensors}
            mean, basis, reference = (
                arrays[name].astype(np.float64) for name in ("mean", "basis", "reference")
            )
            (d,), (k, wide), (n, tall) = mean.shape, basis.shape, reference.shape
            square = arrays["identity"].shape == arrays["variation"].shape == (k, k)
            labels = arrays["labels"]
            if (
                wide != d
                or tall != k
                or not square
                or labels.shape != (n,)
                or labels.dtype != np.int64
                or not n
            ):
                raise ValueError("its tensors do not fit each other")
            joint.mean, joint.basis = mean, basis
            joint.steps, joint.converged = int(metadata["steps"]), bool(metadata["converged"])
            both = (arrays[name].astype(np.float64) for name in ("identity", "variation"))
            joint._set(Covariances(*both), reference, labels)
        except (KeyError, TypeError, ValueError) as error:
            raise WeightsError(f"{path}: no Joint Bayesian can be made of it: {error}") from None
        return joint

    def __repr__(self) -> str:
        if self.reference is None:
            return "JointBayesian(not fitted)"
        return (
            f"JointBayesian({len(self.mean)} features, {len(self.basis)} components, "
            f"{len(self.classes)} classes, {len(self.labels)} samples)"
        )

    def _set(self, covariances: Covariances, reference: NDArray, labels: NDArray) -> None:
        self.identity, self.variation = covariances
        self.reference, self.labels = reference, labels
        self.classes, self._column = np.unique(labels, return_inverse=True)
        # The covariance of a pair is [[T, S_mu], [S_mu, T]] of one class and [[T, 0], [0, T]] of two, T = S_mu + S_eps.
        # In the sum and the difference of the two vectors the first is block diagonal: T + S_mu and T - S_mu = S_eps.
        total = self.identity + self.variation
        alone, size = _inverse(total)
        of_sum, size_sum = _inverse(total + self.identity)
        of_difference, size_difference = _inverse(self.variation)
        # The paper's A and G: the inverse of the first covariance is [[F + G, G], [G, F + G]].
        self._own = alone - (of_sum + of_difference) / 2
        self._cross = (of_sum - of_difference) / 2
        self._constant = 2 * size - size_sum - size_difference

    def _project(self, features: ArrayLike, name: str) -> NDArray[np.float64]:
        self._fitted()
        features = _features(features, name)
        if features.shape[1] != len(self.mean):
            raise ValueError(f"{name} must be (n, {len(self.mean)}), not {features.shape}")
        return (features - self.mean) @ self.basis.T

    def _ratio(self, a: NDArray, b: NDArray) -> NDArray[np.float64]:
        own = [np.einsum("ij,ij->i", x @ self._own, x) for x in (a, b)]
        return (own[0][:, None] + own[1]) / 2 - a @ self._cross @ b.T + self._constant

    def _vote(self, features: ArrayLike, neighbours: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        if isinstance(neighbours, bool) or not isinstance(neighbours, int | np.integer) or neighbours < 1:
            raise ValueError(f"neighbours must be a whole number of at least 1, not {neighbours!r}")
        projected = self._project(features, "features")
        neighbours = min(int(neighbours), len(self.labels))
        votes = np.zeros((len(projected), len(self.classes)), np.int64)
        weights = np.zeros(votes.shape)
        for first in range(0, len(projected), _CHUNK):
            ratio = self._ratio(projected[first : first + _CHUNK], self.reference)
            nearest = np.argpartition(-ratio, neighbours - 1, axis=1)[:, :neighbours]
            close = np.take_along_axis(ratio, nearest, 1)
            rows = np.arange(first, first + len(ratio))[:, None]
            np.add.at(votes, (rows, self._column[nearest]), 1)
            np.add.at(weights, (rows, self._column[nearest]), close - close.min(1, keepdims=True))
        return votes, weights

    def _fitted(self) -> None:
        if self.reference is None:
            raise ValueError("this JointBayesian is not fitted; call fit(features, labels) first")


def _features(values: ArrayLike, name: str) -> NDArray[np.float64]:
    values = np.asarray(values.detach().cpu() if isinstance(values, torch.Tensor) else values)
    if values.ndim != 2 or 0 in values.shape or values.dtype.kind not in "fiu":
        raise ValueError(f"{name} must be (n, d) numbers, not {values.shape} {values.dtype}")
    values = values.astype(np.float64)
    if not np.isfinite(values).all():
        raise ValueError(f"{name} has values that are not finite")
    return values


def _principal(centred: NDArray, components: int | None) -> NDArray[np.float64]:
    """The directions (k, d) of most variance; the features themselves where all are kept."""
    if components is None:
        return np.eye(centred.shape[1])
    most = min(len(centred) - 1, centred.shape[1])
    if components > most:
        raise ValueError(
            f"components must be at most {most}, the rank of {centred.shape} centred features, not {components}"
        )
    return linalg.svd(centred, full_matrices=False)[2][:components]


def _inverse(matrix: NDArray) -> tuple[NDArray[np.float64], float]:
    """The inverse of a covariance, and half the logarithm of its determinant."""
    try:
        factor = linalg.cho_factor((matrix + matrix.T) / 2)
    except linalg.LinAlgError:
        raise ValueError(
            "the covariances are singular: give JointBayesian fewer components or a larger ridge"
        ) from None
    inverse = linalg.cho_solve(factor, np.eye(len(matrix)))
    return (inverse + inverse.T) / 2, float(np.log(np.diag(factor[0])).sum())


def _change(old: NDArray, new: NDArray) -> float:
    # A covariance that has shrunk to nothing changes no more.
    return float(linalg.norm(new - old) / max(linalg.norm(old), np.finfo(float).tiny))


def _rounded(values: NDArray) -> NDArray[np.float64]:
    return values.astype(np.float32).astype(np.float64)
