"""Kernel matrices: RBF, what is not quite a kernel made one, and weights by centred alignment."""

import numpy as np
from scipy.linalg import cholesky, eigh, solve_triangular
from scipy.optimize import nnls
from sklearn.metrics.pairwise import rbf_kernel

from sketchwidgets.models._checks import check_number


def mean_squared_distance(features: np.ndarray) -> float:
    """The mean squared distance between two rows of features (n, d), in float64."""
    # Twice the variance, summed over the dimensions; the pairs of a row with itself count.
    return float(2 * np.asarray(features, np.float64).var(0).sum())


def alignment(kernel: np.ndarray, target: np.ndarray) -> float:
    """Centred alignment of two kernel matrices (n, n), in -1..1 (Cortes, Mohri & Rostamizadeh 2012, definition 4).

    >>> from sketchwidgets.models.classical import alignment
    >>> labels = np.array([0, 0, 1, 1])
    >>> same = (labels[:, None] == labels).astype(float)
    >>> round(alignment(3 * same + 5, same), 6)
    1.0
    """
    first, second = center(kernel), center(target)
    return float((first * second).sum() / (np.linalg.norm(first) * np.linalg.norm(second)))


def center(kernel: np.ndarray) -> np.ndarray:
    """The kernel matrix (n, n) of the features less their mean."""
    kernel = np.asarray(kernel, np.float64)
    rows, columns = kernel.mean(0), kernel.mean(1)
    return kernel - rows - columns[:, None] + rows.mean()


def alignment_weights(kernels: list[np.ndarray], labels: np.ndarray) -> np.ndarray:
    """Weights of kernels, at least 0 and of length 1, whose sum is best aligned with what the labels say.

    kernels : of the same training examples, (n, n) each. labels : (n,).

    The target is 1 for two examples of one class and 0 for others. Solves `alignf` of Cortes, Mohri &
    Rostamizadeh (JMLR 2012, section 4.2): minimise v'Mv - 2v'a over v >= 0, M the products of the centred
    kernels with each other and a those with the target; the weights are v / |v|. Kernels should be of the same
    scale, or the weights make up for it.

    Returns (kernels,) float64. Raises ValueError where no kernel agrees with the labels at all.

    >>> from sketchwidgets.models.classical import alignment_weights
    >>> labels = np.array([0, 0, 1, 1])
    >>> good, useless = np.kron(np.eye(2), np.ones((2, 2))), np.eye(4)[::-1] + np.eye(4)
    >>> alignment_weights([good, useless], labels).round(3)
    array([1., 0.])
    """
    if not kernels:
        raise ValueError("kernels must not be empty")
    labels = np.asarray(labels)
    for i, kernel in enumerate(kernels):
        if np.shape(kernel) != (len(labels), len(labels)):
            raise ValueError(f"kernels[{i}] must be {(len(labels),) * 2}, not {np.shape(kernel)}")
        if not np.isfinite(kernel).all():
            raise ValueError(f"kernels[{i}] holds values that are not finite")
    centred = [center(kernel) for kernel in kernels]
    lengths = np.array([np.linalg.norm(kernel) for kernel in centred])
    target = center(labels[:, None] == labels)
    usable = np.flatnonzero(lengths > 1e-12 * max(lengths.max(), 1))
    # Of length 1 each while it is solved: kernels of very different scale are no trouble then.
    products = np.array(
        [[(centred[i] * centred[j]).sum() / (lengths[i] * lengths[j]) for j in usable] for i in usable]
    ).reshape(len(usable), len(usable))
    wanted = np.array([(centred[i] * target).sum() / lengths[i] for i in usable])
    weights = np.zeros(len(kernels))
    if len(usable):
        # A little ridge, for kernels that are given twice.
        lower = cholesky(products + 1e-10 * np.eye(len(usable)), lower=True)
        weights[usable] = nnls(lower.T, solve_triangular(lower, wanted, lower=True))[0] / lengths[usable]
    if not weights.any():
        raise ValueError("no kernel has anything to do with the labels: all weights would be 0")
    return weights / np.linalg.norm(weights)


class ClippedKernel:
    """Makes a kernel of a similarity that is symmetric and no kernel: negative eigenvalues become 0.

    fit(similarities (n, n)) -> positive semi-definite (n, n); transform(similarities (m, n)) of new examples with the
    same n is consistent with it: of the training examples themselves it gives what `fit` gave ("spectrum
    clip" of Chen et al., JMLR 2009, section 4.1). Costs the eigenvectors of an (n, n) matrix.
    """

    def fit(self, similarities: np.ndarray) -> np.ndarray:
        if similarities.ndim != 2 or similarities.shape[0] != similarities.shape[1]:
            raise ValueError(f"similarities must be (n, n), not {similarities.shape}")
        similarities = np.asarray(similarities, np.float64)
        if not np.allclose(similarities, similarities.T, atol=1e-5 * np.abs(similarities).max()):
            raise ValueError("similarities must be symmetric")
        values, vectors = eigh((similarities + similarities.T) / 2)
        kept = vectors[:, values > 0]
        self._projection = kept @ kept.T
        return (kept * values[values > 0]) @ kept.T

    def transform(self, similarities: np.ndarray) -> np.ndarray:
        return np.asarray(similarities, np.float64) @ self._projection


class RBF:
    """exp(-gamma |x - y|^2) of features (n, d) with those it was fitted on.

    gamma : above 0; None: 1 / the mean squared distance of the training features.
    """

    def __init__(self, gamma: float | None = None) -> None:
        if gamma is not None:
            check_number("gamma", gamma, 0, above=True)
        self.gamma = gamma

    def fit(self, features: np.ndarray) -> np.ndarray:
        self.features = np.asarray(features, np.float64)
        self.gamma_ = self.gamma
        if self.gamma is None:
            self.gamma_ = 1 / max(mean_squared_distance(self.features), 1e-12)
        return self.transform(self.features)

    def transform(self, features: np.ndarray) -> np.ndarray:
        return rbf_kernel(np.asarray(features, np.float64), self.features, gamma=self.gamma_)
