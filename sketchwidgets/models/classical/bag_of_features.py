"""Bags of local features: a vocabulary by k-means, and softly quantised histograms over it."""

from collections.abc import Callable

import numpy as np
from sklearn.cluster import MiniBatchKMeans

from ._images import batches, frame
from .descriptors import Descriptors

# Images of which descriptors are held at a time.
_AT_ONCE = 64


def sample_descriptors(
    extract: Callable[[np.ndarray], Descriptors],
    images: np.ndarray,
    total: int,
    rng: np.random.Generator,
    progress: bool = False,
) -> np.ndarray:
    """About `total` descriptors (n, d) of images drawn at random, as many as there are if there are fewer.

    extract : framed images -> their descriptors. images : what it takes, of which only some may be looked at.
    """
    found: list[np.ndarray] = []
    have = 0
    order = rng.permutation(len(images))
    # From many images, so that no few drawings make up the sample.
    least = min(len(images), 400)
    share = -(-total // least)
    for some in batches(len(images), _AT_ONCE, progress, "sampling descriptors"):
        if have >= total and some.start >= least:
            break
        descriptors = extract(images[np.sort(order[some])])
        for part in descriptors.slices():
            values = descriptors.values[part]
            found.append(values[rng.permutation(len(values))[:share]])
            have += len(found[-1])
    sample = np.concatenate(found)
    return sample if len(sample) <= total else sample[rng.permutation(len(sample))[:total]]


def learn_vocabulary(descriptors: np.ndarray, words: int, seed: int = 0) -> np.ndarray:
    """The centres (words, d) float32 of a k-means clustering (in small batches) of descriptors (n, d).

    Raises ValueError where there are fewer descriptors than words.
    """
    if len(descriptors) < words:
        raise ValueError(
            f"words is {words}, and the images give only {len(descriptors)} descriptors to learn them from"
        )
    means = MiniBatchKMeans(words, random_state=seed, n_init=1, batch_size=4096, max_iter=60)
    return means.fit(descriptors).cluster_centers_.astype(np.float32)


def soft_histogram(descriptors: np.ndarray, vocabulary: np.ndarray, sigma: float) -> np.ndarray:
    """How much of a drawing is each word, softly (Eitz et al. 2012, section 4.3; Philbin et al. 2008).

    descriptors : (n, d). vocabulary : (words, d). sigma : of the Gaussian by the distance between the two.

    Every descriptor is shared among the words in proportion to exp(-distance^2 / (2 sigma^2)); the histogram is
    the mean over descriptors, so it sums to 1. Returns (words,) float32, zeros without any descriptor.

    >>> from sketchwidgets.models.classical import soft_histogram
    >>> words = np.array([[0.0, 1.0], [1.0, 0.0]])
    >>> soft_histogram(np.array([[0.0, 1.0], [0.5, 0.5]]), words, sigma=0.1)
    array([0.75, 0.25], dtype=float32)
    """
    if not len(descriptors):
        return np.zeros(len(vocabulary), np.float32)
    # The squared length of the descriptor is the same for all words and drops out.
    exponent = (2 * (descriptors @ vocabulary.T) - (vocabulary**2).sum(1)) / (2 * sigma**2)
    exponent -= exponent.max(1, keepdims=True)
    shares = np.exp(exponent, out=exponent)
    shares /= shares.sum(1, keepdims=True)
    return shares.mean(0).astype(np.float32)


class BagOfFeatures:
    """Histograms over the words of one kind of local descriptor.

    extract : framed images (n, size, size), ink 1 on 0 -> `Descriptors`, of unit length.
    words : of the vocabulary. sigma : see `soft_histogram`. samples : descriptors that it is learned from.
    size, fill, ink : how images are framed, see `frame`.
    """

    def __init__(
        self,
        extract: Callable[[np.ndarray], Descriptors],
        *,
        words: int,
        sigma: float,
        samples: int,
        size: int,
        fill: float | None,
        ink: str,
        seed: int,
        progress: bool,
    ) -> None:
        self.extract, self.words, self.sigma, self.samples = extract, words, sigma, samples
        self.size, self.fill, self.ink = size, fill, ink
        self.seed, self.progress = seed, progress

    def _extract(self, images: np.ndarray) -> Descriptors:
        return self.extract(frame(images, self.size, self.fill, self.ink))

    def fit(self, images: np.ndarray) -> "BagOfFeatures":
        """Learn the vocabulary from checked images (n, h, w)."""
        rng = np.random.default_rng(self.seed)
        sample = sample_descriptors(self._extract, images, self.samples, rng, self.progress)
        self.vocabulary = learn_vocabulary(sample, self.words, self.seed)
        return self

    def transform(self, images: np.ndarray) -> np.ndarray:
        """Histograms (n, words) float32 of checked images (n, h, w)."""
        histograms = np.empty((len(images), self.words), np.float32)
        for some in batches(len(images), _AT_ONCE, self.progress, "bags of features"):
            descriptors = self._extract(images[some])
            for i, part in enumerate(descriptors.slices(), some.start):
                histograms[i] = soft_histogram(descriptors.values[part], self.vocabulary, self.sigma)
        return histograms
