"""EM for x = mu + eps: mu shared by the samples of a class, eps each sample's own, both Gaussian around 0."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

Array = NDArray[np.float64]


class Covariances(NamedTuple):
    """S_mu between classes and S_eps within them, both (d, d)."""

    identity: Array
    variation: Array


def first_guess(samples: Array, labels: NDArray, ridge: float = 0.0) -> Covariances:
    """S_mu and S_eps from the class means of samples (n, d) around 0, as EM begins.

    S_mu is the scatter of the means, each weighted by its samples, over n; S_eps the scatter within classes over n
    minus the classes of one sample.
    """
    groups = _groups(labels)
    counts = np.bincount(groups)
    means = _sums(samples, groups) / counts[:, None]
    around = means - samples.mean(0)
    identity = (around * counts[:, None]).T @ around / len(samples)
    within = samples - means[groups]
    variation = within.T @ within / (len(samples) - int((counts == 1).sum()))
    return Covariances(identity, variation + ridge * np.eye(samples.shape[1]))


def expectation(
    covariances: Covariances, samples: Array, labels: NDArray, spread: bool = True
) -> tuple[Array, dict[int, Array]]:
    """E-step: the posterior means of mu, (classes, d), and its posterior covariance (d, d) for each size of a class.

    For a class of m samples, with F = S_eps^-1 and G = -(m S_mu + S_eps)^-1 S_mu S_eps^-1, the mean of mu is
    S_mu (F + m G) sum_j x_j, in which F + m G = (m S_mu + S_eps)^-1. The mean of eps_j, x_j + S_eps G sum_j x_j, is
    x_j - mu. The covariance is S_eps (m S_mu + S_eps)^-1 S_mu, the same for all classes of m samples; without
    `spread` it is not computed.

    Raises ValueError where m S_mu + S_eps is singular.
    """
    identity, variation = covariances
    groups = _groups(labels)
    sums, counts = _sums(samples, groups), np.bincount(groups)
    means = np.empty_like(sums)
    spreads = {}
    for m in np.unique(counts).tolist():
        here = counts == m
        try:
            factor = linalg.cho_factor(m * identity + variation)
        except linalg.LinAlgError:
            raise ValueError(
                "the covariances are singular: give JointBayesian fewer components or a larger ridge"
            ) from None
        means[here] = linalg.cho_solve(factor, sums[here].T).T @ identity
        if spread:
            spreads[m] = variation @ linalg.cho_solve(factor, identity)
    return means, spreads


def maximization(
    means: Array, spreads: Mapping[int, Array], samples: Array, labels: NDArray, ridge: float = 0.0
) -> Covariances:
    """M-step: S_mu and S_eps of the posterior means of mu, (classes, d).

    Without `spreads` (an empty mapping) as in the paper: the covariances of the means of mu and of the means of eps.
    With them the posterior covariances are added, which makes each step of EM raise the likelihood.
    """
    groups = _groups(labels)
    rest = samples - means[groups]
    if not spreads:
        pair = [np.atleast_2d(np.cov(means.T)), np.atleast_2d(np.cov(rest.T))]
    else:
        pair = [means.T @ means / len(means), rest.T @ rest / len(samples)]
        sizes, classes = np.unique(np.bincount(groups), return_counts=True)
        for m, many in zip(sizes.tolist(), classes.tolist(), strict=True):
            pair[0] += spreads[m] * many / len(means)
            pair[1] += spreads[m] * many * m / len(samples)
    identity, variation = ((matrix + matrix.T) / 2 for matrix in pair)
    return Covariances(identity, variation + ridge * np.eye(len(variation)))


def _groups(labels: NDArray) -> NDArray[np.int64]:
    """0, 1, ... for the classes in sorted order."""
    return np.unique(labels, return_inverse=True)[1]


def _sums(samples: Array, groups: NDArray) -> Array:
    sums = np.zeros((groups.max() + 1, samples.shape[1]))
    np.add.at(sums, groups, samples)
    return sums
