"""The scores of labelled drawings, as calibration and evaluation take them."""

from collections.abc import Iterator

import numpy as np
from tqdm.auto import tqdm

from sketchwidgets.recognition import Recognizer
from sketchwidgets.training.datasets.drawing_set import DrawingSet


def targets(recognizer: Recognizer, drawings: DrawingSet, indices: np.ndarray) -> np.ndarray:
    """The recogniser's index of the class of each drawing, (len(indices),) int64; ValueError where there is none."""
    if len(indices) == 0:
        raise ValueError("indices: there is no drawing")
    position = {name: i for i, name in enumerate(recognizer.classes)}
    unknown = set(drawings.classes) - set(position)
    if unknown:
        raise ValueError(f"the recogniser does not know the class {min(unknown)!r}")
    return np.array([position[name] for name in drawings.classes])[drawings.label[indices]]


def scores_of(
    recognizer: Recognizer, drawings: DrawingSet, indices: np.ndarray, what: str, progress: bool
) -> Iterator[np.ndarray]:
    """`Recognizer.scores` of some of the drawings, (strokes, n_classes) each, with a bar that says `what`."""
    found = recognizer.scores(drawings.strokes(index) for index in indices)
    yield from tqdm(found, desc=what, unit="drawing", total=len(indices), disable=not progress)
