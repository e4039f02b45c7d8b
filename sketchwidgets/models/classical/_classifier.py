"""What the classical recognisers share: scikit-learn's manner on images, and one-versus-rest machines on kernels."""

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.multiclass import OneVsRestClassifier
from sklearn.svm import SVC
from sklearn.utils.validation import check_is_fitted

from sketchwidgets.models._checks import check_number

from ._images import check_images, check_ink, check_labels


class KernelMachine:
    """One support vector machine for each class against the others, on kernel matrices.

    fit(kernel (n, n), labels (n,) from 0 to classes - 1); scores(kernel (m, n)) -> (m, classes).
    """

    def __init__(self, C: float) -> None:
        check_number("C", C, 0, above=True)
        self.C = C

    def fit(self, kernel: np.ndarray, labels: np.ndarray) -> "KernelMachine":
        self._machines = OneVsRestClassifier(SVC(kernel="precomputed", C=self.C))
        self._machines.fit(kernel, labels)
        return self

    def scores(self, kernel: np.ndarray) -> np.ndarray:
        found = self._machines.decision_function(kernel)
        # Of two classes, scikit-learn gives one column, the second's.
        return np.stack([-found, found], 1) if found.ndim == 1 else found


class ImageClassifier(ClassifierMixin, BaseEstimator):
    """A classifier of grey images (n, h, w) in scikit-learn's manner: uint8, 0..255; bool; or floating point in 0..1.

    A class below has `_fit(images, labels)`, labels from 0 to classes - 1, and `_scores(images)` -> (n, classes); its
    arguments are `ink`, `seed`, `progress` and those of its own.
    """

    ink: str
    seed: int

    def fit(self, images: np.ndarray, labels: np.ndarray) -> "ImageClassifier":
        """Learn from images and labels (n,) of any kind, of two classes or more. Returns itself.

        images : (n, h, w): uint8, 0..255; bool; or floating point, 0..1.

        Raises ValueError, also for floating point outside 0..1, and TypeError; both name the argument.
        """
        images = check_images(images)
        labels = check_labels(labels, images)
        check_ink(self.ink)
        check_number("seed", self.seed, 0, whole=True)
        classes, encoded = np.unique(labels, return_inverse=True)
        self._fit(images, encoded)
        self.classes_ = classes
        return self

    def decision_function(self, images: np.ndarray) -> np.ndarray:
        """Scores (n, classes) of images as of `fit`, in the order of `classes_`; the highest is the prediction."""
        check_is_fitted(self, "classes_")
        return self._scores(check_images(images))

    def predict(self, images: np.ndarray) -> np.ndarray:
        """The label (n,) of each of images (n, h, w), as of `fit`."""
        scores = self.decision_function(images)
        return self.classes_[scores.argmax(1)]

    def _fit(self, images: np.ndarray, labels: np.ndarray) -> None:
        raise NotImplementedError

    def _scores(self, images: np.ndarray) -> np.ndarray:
        raise NotImplementedError
