"""MKL-SVM: several features, one kernel each, and their weighted sum (Li, Hospedales, Song & Gong, CVIU 2015)."""

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from sketchwidgets.models._checks import check_number

from ._classifier import ImageClassifier, KernelMachine
from .bag_of_features import BagOfFeatures
from .descriptors import Descriptors, daisy_descriptors
from .hog import hog_extractor
from .kernels import RBF, ClippedKernel, alignment_weights
from .self_similarity import self_similarity_descriptors
from .star_graph import star_graphs, star_similarity

FEATURES = ("hog", "self_similarity", "daisy", "star_graph")

# Of each bag: framed images -> descriptors, and the pixels of the frame.
_BAGS: dict[str, tuple[Callable[[np.ndarray], Descriptors], int]] = {
    "hog": (hog_extractor(28, 0.354), 128),
    "self_similarity": (partial(self_similarity_descriptors, grid=24), 64),
    "daisy": (partial(daisy_descriptors, grid=21), 64),
}


class MultipleKernelSVM(ImageClassifier):
    """Support vector machines on a learned sum of kernels (Li, Hospedales, Song & Gong, CVIU 2015).

    The kernels are RBFs of bags of features of orientation histograms, of self-similarities and of Daisy descriptors, and
    the matching of star graphs; features and kernels are those of the paper (its sections 3.3 and 4.2), which has 65.8 % on
    the 250 classes of TU-Berlin.

    Parameters
    ----------
    features : which of "hog", "self_similarity", "daisy", "star_graph".
    weights : one for each feature, at least 0; None: learned, by centred alignment with the labels.
    words, sigma, samples : of the bags, see `HOGSVM`. C : of the machines.
    patches : of a star graph, see `star_graphs`.
    ink, seed, progress : as in `HOGSVM`.

    After `fit`, `weights_` (features,) is of length 1.

    What differs: the paper learns the weights together with the machines, and its best result adds attributes as one
    more feature; here one set of weights serves all classes and is learned before the machines (`alignment_weights`,
    Cortes et al. 2012). Sizes of patches and vocabularies are chosen here. Nothing is kept on disk.

    >>> from sketchwidgets.models.classical import MultipleKernelSVM
    >>> images = np.full((12, 40, 40), 255, np.uint8)
    >>> for i in range(6):  # lines along and across
    ...     images[i, 15 + i, 5:35] = images[6 + i, 5:35, 15 + i] = 0
    >>> labels = np.repeat(["along", "across"], 6)
    >>> machine = MultipleKernelSVM(words=8, patches=8, progress=False).fit(images[::2], labels[::2])
    >>> float(machine.score(images[1::2], labels[1::2])), machine.weights_.shape
    (1.0, (4,))
    """

    def __init__(
        self,
        features: Sequence[str] = FEATURES,
        weights: Sequence[float] | None = None,
        words: int = 500,
        sigma: float = 0.1,
        C: float = 10.0,
        samples: int = 50_000,
        patches: int = 40,
        ink: str = "negative",
        seed: int = 0,
        progress: bool = True,
    ) -> None:
        self.features, self.weights = features, weights
        self.words, self.sigma, self.C, self.samples, self.patches = words, sigma, C, samples, patches
        self.ink, self.seed, self.progress = ink, seed, progress

    def _fit(self, images: np.ndarray, labels: np.ndarray) -> None:
        weights = self._check()
        machine = KernelMachine(self.C)
        sources = [self._source(name) for name in self.features]
        kernels = []
        for source in sources:
            kernel = source.fit(images)
            # Of mean 1 on the diagonal, so that the weights compare.
            source.scale = 1 / np.diag(kernel).mean()
            kernels.append(kernel * source.scale)
        if weights is None:
            weights = alignment_weights(kernels, labels)
        machine.fit(sum(w * kernel for w, kernel in zip(weights, kernels, strict=True)), labels)
        self.weights_, self.sources_, self.machine_ = weights, sources, machine

    def _scores(self, images: np.ndarray) -> np.ndarray:
        kernel = sum(
            weight * source.scale * source.transform(images)
            for weight, source in zip(self.weights_, self.sources_, strict=True)
            if weight
        )
        return self.machine_.scores(kernel)

    def _source(self, name: str) -> "_Bag | _Stars":
        if name == "star_graph":
            return _Stars(partial(star_graphs, patches=self.patches, ink=self.ink, progress=self.progress))
        extract, size = _BAGS[name]
        return _Bag(
            BagOfFeatures(
                extract,
                words=self.words,
                sigma=self.sigma,
                samples=self.samples,
                size=size,
                fill=0.78,
                ink=self.ink,
                seed=self.seed,
                progress=self.progress,
            )
        )

    def _check(self) -> np.ndarray | None:
        """The weights as an array of length 1, if they are given."""
        if isinstance(self.features, str) or not self.features or not set(self.features) <= set(FEATURES):
            raise ValueError(f"features must be some of {', '.join(FEATURES)}, not {self.features!r}")
        if len(set(self.features)) < len(self.features):
            raise ValueError(f"features must be different, not {self.features!r}")
        check_number("words", self.words, 1, whole=True)
        check_number("sigma", self.sigma, 0, above=True)
        check_number("samples", self.samples, self.words, whole=True)
        if self.weights is None:
            return None
        weights = np.asarray(self.weights, np.float64)
        if weights.shape != (len(self.features),) or not (weights >= 0).all() or not weights.any():
            raise ValueError(
                f"weights must be {len(self.features)} numbers of at least 0, not all 0, not {self.weights!r}"
            )
        return weights / np.linalg.norm(weights)


class _Bag:
    """The kernel of a bag of features."""

    scale = 1.0

    def __init__(self, bag: BagOfFeatures) -> None:
        self.bag, self.kernel = bag, RBF()

    def fit(self, images: np.ndarray) -> np.ndarray:
        return self.kernel.fit(self.bag.fit(images).transform(images))

    def transform(self, images: np.ndarray) -> np.ndarray:
        return self.kernel.transform(self.bag.transform(images))


class _Stars:
    """The kernel of matching star graphs."""

    scale = 1.0

    def __init__(self, graphs: Callable) -> None:
        self.graphs, self.kernel = graphs, ClippedKernel()

    def fit(self, images: np.ndarray) -> np.ndarray:
        self.train = self.graphs(images)
        return self.kernel.fit(star_similarity(self.train, self.train, self.graphs.keywords["progress"]))

    def transform(self, images: np.ndarray) -> np.ndarray:
        found = star_similarity(self.graphs(images), self.train, self.graphs.keywords["progress"])
        return self.kernel.transform(found)
