"""Pictures of whatever kind with their labels, of which a part is given to `fit`."""

from pathlib import Path
from typing import Any

import numpy as np

from sketchwidgets.training import (
    Caltech101,
    Caltech256,
    DataSetError,
    DrawingSet,
    ImageFolder,
    load_images_npz,
)


class Labelled:
    """Drawings, (images, labels, classes) or a data set with `labels` and `classes`, as `fit` takes them.

    labels : (n,) int64. classes : names.

    >>> from sketchwidgets.studies._labelled import Labelled
    >>> pictures = Labelled((np.zeros((3, 8, 8), np.uint8), np.array([0, 1, 1]), ("ant", "bee")))
    >>> pictures.take(np.array([2, 0]))[1]
    array([1, 0])
    """

    def __init__(self, data: Any) -> None:
        self.data = data
        if isinstance(data, DrawingSet):
            labels, classes = data.label, data.classes
        elif isinstance(data, tuple):
            labels, classes = data[1:]
        else:
            labels, classes = data.labels, data.classes
        self.labels, self.classes = np.asarray(labels).astype(np.int64), tuple(classes)

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, indices: np.ndarray) -> Any:
        """Those of these numbers, in this order."""
        if isinstance(self.data, DrawingSet):
            return self.data, indices
        if isinstance(self.data, tuple):
            return self.data[0][indices], self.labels[indices], self.classes
        return _Part(self.data, self.labels[indices], self.classes, indices)

    @classmethod
    def open(cls, data: Any, name: str = "data") -> "Labelled":
        """Of a path, what is there: an .npz of drawings or of images, Caltech-101 or -256, or a folder of folders.

        Raises FileNotFoundError, or ValueError saying what it is not.
        """
        if not isinstance(data, str | Path):
            return cls(data)
        path = Path(data)
        if not path.is_dir():
            try:
                return cls(load_images_npz(path))
            except ValueError:
                return cls(DrawingSet.load(path))
        for kind in (Caltech101, Caltech256):
            try:
                return cls(kind(path))
            except FileNotFoundError:
                continue
        try:
            return cls(ImageFolder(path))
        except DataSetError as error:
            raise ValueError(f"{name}: {error}") from None


class _Part:
    """Some pictures of a data set."""

    def __init__(self, whole: Any, labels: np.ndarray, classes: tuple[str, ...], indices: np.ndarray) -> None:
        self.whole, self.labels, self.classes, self.indices = whole, labels, classes, indices

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, number: int) -> tuple[Any, int]:
        return self.whole[int(self.indices[number])][0], int(self.labels[number])


def at_most(labels: np.ndarray, wanted: int | None, seed: int) -> np.ndarray:
    """Numbers of at most so many of each class at random, rising; all where `wanted` is None.

    >>> from sketchwidgets.studies._labelled import at_most
    >>> np.bincount(np.repeat([0, 1], [9, 2])[at_most(np.repeat([0, 1], [9, 2]), 4, seed=0)])
    array([4, 2])
    """
    if wanted is None:
        return np.arange(len(labels))
    rng = np.random.default_rng([seed, 4])
    parts = [rng.permutation(np.flatnonzero(labels == label))[:wanted] for label in np.unique(labels)]
    return np.sort(np.concatenate(parts))
