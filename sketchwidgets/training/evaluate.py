"""How often a recogniser is right: whole drawings, and by the share of their strokes."""

import math
from dataclasses import asdict, dataclass

import numpy as np
from tqdm.auto import tqdm

from sketchwidgets.recognition import Recognizer
from sketchwidgets.training.drawing_set import DrawingSet

SHARES = tuple(range(10, 101, 10))


@dataclass(frozen=True)
class Evaluation:
    """Accuracies in [0, 1] on `drawings` drawings; intervals are Wilson's at 95 %.

    top1, top5 : whole drawings. by_share : top-1 after ceil(share * strokes) strokes, for 10, 20, ... 100 %.
    mean_over_shares : the mean of `by_share`.
    """

    drawings: int
    top1: float
    top1_interval: tuple[float, float]
    top5: float
    top5_interval: tuple[float, float]
    by_share: dict[int, float]
    mean_over_shares: float

    def to_dict(self) -> dict:
        """The fields as JSON-ready values."""
        return asdict(self)


def evaluate(
    recognizer: Recognizer, drawings: DrawingSet, indices: np.ndarray | None = None, progress: bool = True
) -> Evaluation:
    """Recognise drawings stroke by stroke, as in live use, and count.

    Raises ValueError where the drawings have a class that the recogniser does not know.
    """
    indices = np.arange(len(drawings)) if indices is None else indices
    if len(indices) == 0:
        raise ValueError("there is no drawing to evaluate on")
    position = {name: i for i, name in enumerate(recognizer.classes)}
    unknown = set(drawings.classes) - set(position)
    if unknown:
        raise ValueError(f"the recogniser does not know the class {min(unknown)!r}")
    column = np.array([position[name] for name in drawings.classes])
    right = np.zeros((len(indices), len(SHARES)), bool)
    top5 = np.zeros(len(indices), bool)
    for row, index in enumerate(tqdm(indices, desc="evaluating", unit="drawing", disable=not progress)):
        label = column[drawings.label[index]]
        scores = np.stack([p.probabilities for p in recognizer.recognize(drawings.strokes(index))])
        best = scores.argmax(1) == label
        right[row] = best[steps_at(len(best)) - 1]
        top5[row] = (scores[-1] > scores[-1, label]).sum() < 5
    by_share = right.mean(0)
    n = len(indices)
    return Evaluation(
        n,
        float(by_share[-1]),
        wilson(int(right[:, -1].sum()), n),
        float(top5.mean()),
        wilson(int(top5.sum()), n),
        {share: float(value) for share, value in zip(SHARES, by_share, strict=True)},
        float(by_share.mean()),
    )


def steps_at(strokes: int) -> np.ndarray:
    """The step that each of `SHARES` is evaluated at, for a drawing of so many strokes: ceil(share * strokes).

    >>> steps_at(5).tolist()
    [1, 1, 2, 2, 3, 3, 4, 4, 5, 5]
    """
    return -(-np.array(SHARES) * strokes // 100)


def wilson(right: int, total: int, z: float = 1.959964) -> tuple[float, float]:
    """Wilson's score interval of a proportion, 95 % by default.

    >>> [round(bound, 3) for bound in wilson(50, 100)]
    [0.404, 0.596]
    """
    share = right / total
    centre = (share + z * z / (2 * total)) / (1 + z * z / total)
    half = z / (1 + z * z / total) * math.sqrt(share * (1 - share) / total + z * z / (4 * total * total))
    return centre - half, centre + half
