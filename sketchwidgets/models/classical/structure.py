"""Matching of structure and a bag of features, together (Li, Song & Gong, BMVC 2013)."""

import numpy as np
from sklearn.base import clone

from sketchwidgets.models._checks import check_number

from ._classifier import ImageClassifier, KernelMachine
from .hog import HOGSVM
from .kernels import ClippedKernel
from .star_graph import StarGraphs, star_graphs, star_similarity


class StructureEnsemble(ImageClassifier):
    """Ensemble matching of star graphs, fused with a bag of orientation features (Li, Song & Gong, BMVC 2013).

    A drawing is a star graph: patches, each tied to the centre by its way from it. Two drawings are as similar as their
    patches match in looks and place together (`star_similarity`). What the matching says of each class is added to
    what a `HOGSVM` says, both of mean 0 and deviation 1 over the classes. 61.5 % on the 250 classes of TU-Berlin.

    Parameters
    ----------
    patches : of a graph, at most. looks, place : how much patches that match differ, see `star_graphs`.
    neighbours : None: the similarities are the kernel of one machine per class, its negative eigenvalues cut off. A
        number: a class is as likely as the mean match with so many of its training drawings that match best.
    weight : of the matching; that of the bag of features is 1 - weight.
    C : of the machines on the matching. bag : the `HOGSVM`, not yet fitted; None: one of default arguments and the
        same `ink`, `seed` and `progress`.
    ink, seed, progress : as in `HOGSVM`.

    From the abstract: star graphs, ensemble matching of local features and global structure, holistic matching and learned
    bags of features in one framework. From section 3.3 of the later journal version (Li, Hospedales, Song & Gong, CVIU
    2015): one machine per class with the matching as its kernel. Not from the papers, but chosen here: the formula of the
    match (best match per patch, after Boiman & Irani's ensembles, in both directions), its tolerances, how the two
    parts are weighed, and that graphs have at most 40 patches. Nothing is kept on disk.

    >>> from sketchwidgets.models.classical import HOGSVM, StructureEnsemble
    >>> images = np.full((12, 40, 40), 255, np.uint8)
    >>> for i in range(6):  # lines along and across
    ...     images[i, 15 + i, 5:35] = images[6 + i, 5:35, 15 + i] = 0
    >>> labels = np.repeat(["along", "across"], 6)
    >>> machine = StructureEnsemble(patches=8, bag=HOGSVM(words=8, size=64, progress=False), progress=False)
    >>> float(machine.fit(images[::2], labels[::2]).score(images[1::2], labels[1::2]))
    1.0
    """

    def __init__(
        self,
        patches: int = 40,
        looks: float = 0.35,
        place: float = 0.12,
        neighbours: int | None = None,
        weight: float = 0.5,
        C: float = 10.0,
        bag: HOGSVM | None = None,
        ink: str = "negative",
        seed: int = 0,
        progress: bool = True,
    ) -> None:
        self.patches, self.looks, self.place, self.neighbours = patches, looks, place, neighbours
        self.weight, self.C, self.bag = weight, C, bag
        self.ink, self.seed, self.progress = ink, seed, progress

    def _graphs(self, images: np.ndarray) -> StarGraphs:
        return star_graphs(
            images,
            self.patches,
            looks=self.looks,
            place=self.place,
            ink=self.ink,
            progress=self.progress,
        )

    def _fit(self, images: np.ndarray, labels: np.ndarray) -> None:
        check_number("weight", self.weight, 0)
        if self.weight > 1:
            raise ValueError(f"weight must be at most 1, not {self.weight!r}")
        if self.neighbours is not None:
            check_number("neighbours", self.neighbours, 1, whole=True)
        if self.bag is None:
            bag = HOGSVM(ink=self.ink, seed=self.seed, progress=self.progress)
        elif isinstance(self.bag, HOGSVM):
            bag = clone(self.bag)
        else:
            raise TypeError(f"bag must be a HOGSVM or None, not {type(self.bag).__name__}")
        machine = KernelMachine(self.C)
        graphs = self._graphs(images)
        if self.neighbours is None:
            kernel = ClippedKernel()
            machine.fit(kernel.fit(star_similarity(graphs, graphs, self.progress)), labels)
            self.kernel_, self.machine_ = kernel, machine
        self.bag_ = bag.fit(images, labels)
        self.graphs_, self.labels_ = graphs, labels

    def match(self, images: np.ndarray) -> np.ndarray:
        """What the matching alone says, (n, classes), of checked images (n, h, w)."""
        similar = star_similarity(self._graphs(images), self.graphs_, self.progress)
        if self.neighbours is None:
            return self.machine_.scores(self.kernel_.transform(similar))
        best = []
        for label in range(self.labels_.max() + 1):
            column = np.sort(similar[:, self.labels_ == label], axis=1)
            best.append(column[:, -self.neighbours :].mean(1))
        return np.stack(best, 1)

    def _scores(self, images: np.ndarray) -> np.ndarray:
        return self.weight * _standard(self.match(images)) + (1 - self.weight) * _standard(
            self.bag_.decision_function(images)
        )


def _standard(scores: np.ndarray) -> np.ndarray:
    """Scores (n, classes) of mean 0 and deviation 1 in each row."""
    scores = scores - scores.mean(1, keepdims=True)
    return scores / np.maximum(scores.std(1, keepdims=True), 1e-12)
