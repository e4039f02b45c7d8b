"""HOG-SVM: a bag of orientation features and a support vector machine (Eitz, Hays & Alexa 2012)."""

from functools import partial

import numpy as np

from sketchwidgets.models._checks import check_number

from ._classifier import ImageClassifier, KernelMachine
from .bag_of_features import BagOfFeatures
from .descriptors import Descriptors, dense_descriptors
from .kernels import RBF


class HOGSVM(ImageClassifier):
    """The recogniser of "How do humans sketch objects?" (Eitz, Hays & Alexa, SIGGRAPH 2012, sections 4 and 5).

    A drawing is scaled and centred by its bounding box; histograms of line orientation (4 bins in 4 x 4 cells) are taken
    of patches on a regular grid; they are shared softly among the words of a vocabulary, and the histogram of words goes to
    one RBF support vector machine per class, of which the highest decides. 56 % on the 250 classes of TU-Berlin.

    Images are (n, h, w): uint8, 0..255; bool; or floating point, 0..1. ValueError for floating point outside.

    Parameters
    ----------
    words : of the vocabulary. sigma : of the soft quantisation, in distances between descriptors of length 1.
    C, gamma : of the machines; gamma None: 1 / the mean squared distance of the training histograms.
    grid : patches along a side. patch : their side as a share of the image's.
    size, fill : pixels of the framed image, and the share of it that a drawing takes, see `frame`.
    samples : descriptors that the vocabulary is learned from.
    ink : "negative": dark ink on white paper; "positive": ink is 1 (or 255) on 0.
    seed : the same seed gives the same machine. progress : show a bar.

    Numbers of the paper, from memory: 256 pixels, 28 x 28 patches of an eighth of the area, 500 words, sigma
    0.1, C 3.2, gamma 17.8. Here 128 pixels are the default, gamma follows the data (about 50 on TU-Berlin), blank patches
    are left out, and the k-means runs in small batches. Nothing is kept on disk: arguments and seed give the
    same machine again.

    >>> from sketchwidgets.models.classical import HOGSVM
    >>> images = np.full((12, 40, 40), 255, np.uint8)
    >>> for i in range(6):  # lines along and across
    ...     images[i, 15 + i, 5:35] = images[6 + i, 5:35, 15 + i] = 0
    >>> labels = np.repeat(["along", "across"], 6)
    >>> machine = HOGSVM(words=8, size=64, progress=False).fit(images[::2], labels[::2])
    >>> float(machine.score(images[1::2], labels[1::2]))
    1.0
    """

    def __init__(
        self,
        words: int = 500,
        sigma: float = 0.1,
        C: float = 3.2,
        gamma: float | None = None,
        grid: int = 28,
        patch: float = 0.354,
        size: int = 128,
        fill: float | None = 0.78,
        samples: int = 50_000,
        ink: str = "negative",
        seed: int = 0,
        progress: bool = True,
    ) -> None:
        self.words, self.sigma, self.C, self.gamma = words, sigma, C, gamma
        self.grid, self.patch, self.size, self.fill = grid, patch, size, fill
        self.samples, self.ink, self.seed, self.progress = samples, ink, seed, progress

    def _fit(self, images: np.ndarray, labels: np.ndarray) -> None:
        check_number("words", self.words, 1, whole=True)
        check_number("sigma", self.sigma, 0, above=True)
        check_number("samples", self.samples, self.words, whole=True)
        kernel, machine = RBF(self.gamma), KernelMachine(self.C)
        bag = BagOfFeatures(
            hog_extractor(self.grid, self.patch),
            words=self.words,
            sigma=self.sigma,
            samples=self.samples,
            size=self.size,
            fill=self.fill,
            ink=self.ink,
            seed=self.seed,
            progress=self.progress,
        ).fit(images)
        machine.fit(kernel.fit(bag.transform(images)), labels)
        self.bag_, self.kernel_, self.machine_ = bag, kernel, machine

    def _scores(self, images: np.ndarray) -> np.ndarray:
        return self.machine_.scores(self.kernel_.transform(self.bag_.transform(images)))


def hog_extractor(grid: int, patch: float) -> "partial[Descriptors]":
    """Framed images -> the descriptors of the paper."""
    return partial(dense_descriptors, patch=patch, grid=grid, cells=4, orientations=4)
