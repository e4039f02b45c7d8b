"""A linear SVM and a softmax on fixed features: the mean over the classes of the share that they name right."""

import warnings
from collections.abc import Callable, Sequence

import numpy as np

from sketchwidgets.training import split_per_class

# Strengths of the loss against the length of the weights, of features of length 1.
_SVM = (1.0, 10.0, 100.0)
_SOFTMAX = (10.0, 100.0, 1000.0)
_ITERATIONS = 300


def mean_of_classes(named: np.ndarray, labels: np.ndarray) -> float:
    """The share that is named right, of each class, and of these the mean: the measure of the Caltech tables.

    >>> from sketchwidgets.studies.transfer_learning._classifiers import mean_of_classes
    >>> mean_of_classes(np.array([0, 0, 0, 1]), np.array([0, 0, 0, 0]))
    0.75
    """
    right = named == labels
    return float(np.mean([right[labels == label].mean() for label in np.unique(labels)]))


def svm_accuracy(kernel: np.ndarray, labels: np.ndarray, train: np.ndarray, test: np.ndarray) -> float:
    """Of a linear SVM, one class against another and the class with most of these votes.

    kernel : (n, n), products of the features of all pictures. train, test : numbers of pictures.
    """
    from sklearn.svm import SVC

    def named(strength: float, known: np.ndarray, asked: np.ndarray) -> np.ndarray:
        machine = SVC(kernel="precomputed", C=strength)
        machine.fit(kernel[np.ix_(known, known)], labels[known])
        return machine.predict(kernel[np.ix_(asked, known)])

    strength = _best(_SVM, named, labels, train)
    return mean_of_classes(named(strength, train, test), labels[test])


def softmax_accuracy(features: np.ndarray, labels: np.ndarray, train: np.ndarray, test: np.ndarray) -> float:
    """Of a softmax (multinomial logistic regression) on features (n, F)."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    def named(strength: float, known: np.ndarray, asked: np.ndarray) -> np.ndarray:
        machine = LogisticRegression(C=strength, max_iter=_ITERATIONS)
        with warnings.catch_warnings():
            # After so many steps what is named hardly changes.
            warnings.simplefilter("ignore", ConvergenceWarning)
            machine.fit(features[known], labels[known])
        return machine.predict(features[asked])

    strength = _best(_SOFTMAX, named, labels, train)
    return mean_of_classes(named(strength, train, test), labels[test])


def _best(
    strengths: Sequence[float],
    named: Callable[[float, np.ndarray, np.ndarray], np.ndarray],
    labels: np.ndarray,
    train: np.ndarray,
) -> float:
    """The strength that names most of a third of the training pictures right when it learns from the others."""
    least = int(np.bincount(labels[train]).max())
    known, asked = split_per_class(labels[train], max(1, least * 2 // 3), None)
    known, asked = train[known], train[asked]
    found = [mean_of_classes(named(strength, known, asked), labels[asked]) for strength in strengths]
    return strengths[int(np.argmax(found))]
