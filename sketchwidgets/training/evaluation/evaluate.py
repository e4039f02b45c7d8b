"""How often a recogniser is right, how early, how steadily, and whether it knows: over the strokes of drawings."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
import torch

from sketchwidgets.recognition import Calibration, Recognizer
from sketchwidgets.training.datasets.drawing_set import DrawingSet
from sketchwidgets.training.evaluation._scoring import scores_of, targets
from sketchwidgets.training.evaluation.intervals import mean_interval, wilson
from sketchwidgets.training.evaluation.onset import Onset, first_right, onset, stays_right
from sketchwidgets.training.evaluation.reliability import Reliability, reliability
from sketchwidgets.training.evaluation.shares import SHARES, steps_at
from sketchwidgets.visualization import Figure

Interval = tuple[float, float]


@dataclass(frozen=True)
class Knowing:
    """Where a recogniser says that it knows.

    coverage : share of the drawings where it does. precision : how often it is right there; None where it never does.
    Intervals are Wilson's at 95 %.
    """

    coverage: float
    coverage_interval: Interval
    precision: float | None
    precision_interval: Interval | None


@dataclass(frozen=True)
class CalibrationQuality:
    """What depends on the calibration, over `drawings` that it was not fitted on.

    whole : reliability of whole drawings. shares : of all of 10, 20, ... 100 % of the strokes of all drawings
    together. steps : of all steps of all drawings together. error_by_share : expected calibration error at each share.
    knows : by share. knows_at_steps : over all steps of all drawings, as the promise is meant; its intervals take steps
    for independent. knows_unfinished : over the steps before the last of each drawing, None where all have one stroke:
    nobody knows while drawing whether more is to come, so that this is no promise, but what one meets.
    promised : the precision that the calibration promises, None where it promises nothing.
    """

    drawings: int
    whole: Reliability
    shares: Reliability
    steps: Reliability
    error_by_share: dict[int, float]
    knows: dict[int, Knowing]
    knows_at_steps: Knowing
    knows_unfinished: Knowing | None
    promised: float | None


@dataclass(frozen=True)
class Evaluation:
    """What was measured on `drawings` drawings, in [0, 1] unless said otherwise; intervals at 95 %.

    top1, top5 : accuracies on whole drawings, intervals by Wilson. by_share : top-1 after ceil(share * strokes)
        strokes, for 10, 20, ... 100 %, and its intervals. mean_over_shares : the mean of `by_share`.
    first_right, stays_right : the step at which the label is first right, and from which it is right to the end.
    never_right, lost : numbers of drawings that were never right, and that were right before the end but not at it.
    changes, changes_interval : how often the label changes from stroke to stroke, mean number for each drawing.
    calibration : None where no drawing was left to measure it on.
    """

    drawings: int
    top1: float
    top1_interval: Interval
    top5: float
    top5_interval: Interval
    by_share: dict[int, float]
    by_share_interval: dict[int, Interval]
    mean_over_shares: float
    first_right: Onset
    stays_right: Onset
    never_right: int
    lost: int
    changes: float
    changes_interval: Interval | None
    calibration: CalibrationQuality | None

    def to_dict(self) -> dict:
        """The fields as JSON-ready values."""
        return asdict(self)

    def figure(self) -> Figure:
        """Curves over the share of strokes, and confidence against accuracy."""
        from sketchwidgets.training.evaluation._figure import evaluation_figure

        return evaluation_figure(self)

    def __repr__(self) -> str:
        return f"Evaluation({self.drawings:,} drawings, top-1 {self.top1:.1%}, top-5 {self.top5:.1%})"

    def _repr_html_(self) -> str:
        return self.figure().to_html()


@dataclass(frozen=True)
class _Steps:
    """What was said after each stroke of one drawing, (strokes,) each."""

    label: np.ndarray
    right: np.ndarray
    confidence: np.ndarray
    known: np.ndarray
    top5: bool

    def __len__(self) -> int:
        return len(self.label)


def evaluate(
    recognizer: Recognizer,
    drawings: DrawingSet,
    indices: np.ndarray | None = None,
    progress: bool = True,
    *,
    calibrated_on: np.ndarray | None = None,
) -> Evaluation:
    """Recognise drawings stroke by stroke and count; what is found is what a `Session` would show.

    Images of many drawings go through the CNN at once.

    Parameters
    ----------
    recognizer : with its calibration, or without one, when it always knows.
    drawings, indices : some of the drawings, None for all.
    progress : show a progress bar.
    calibrated_on : indices of drawings that the calibration was fitted on. A calibration changes no label, so they
        count for what depends on labels, but not for `Evaluation.calibration`.

    Raises ValueError where the drawings have a class that the recogniser does not know.

    >>> recognizer = sw.Recognizer.load()
    >>> drawings = sw.training.DrawingSet(
    ...     np.float32([[0, 0], [9, 5], [0, 9], [9, 9]]), None, np.array([2, 2]), np.array([1, 1]),
    ...     np.array([0, 0]), np.array([1, 2]), ("line",))
    >>> found = sw.training.evaluate(recognizer, drawings, progress=False)
    >>> found.drawings, found.changes
    (2, 0.0)
    """
    indices = np.arange(len(drawings)) if indices is None else np.asarray(indices)
    target = targets(recognizer, drawings, indices)
    scores = scores_of(recognizer, drawings, indices, "evaluating", progress)
    seen = [_look(rows, label, recognizer.calibration) for rows, label in zip(scores, target, strict=True)]
    fresh = ~np.isin(indices, [] if calibrated_on is None else calibrated_on)
    n = len(seen)
    at = _at_shares(seen)
    right = np.stack([steps.right[k] for steps, k in zip(seen, at, strict=True)])
    top5 = sum(steps.top5 for steps in seen)
    lengths = [len(steps) for steps in seen]
    first = [first_right(steps.right) for steps in seen]
    changes = np.array([np.count_nonzero(np.diff(steps.label)) for steps in seen], np.float64)
    of_calibration = [steps for steps, counts in zip(seen, fresh, strict=True) if counts]
    return Evaluation(
        drawings=n,
        top1=float(right[:, -1].mean()),
        top1_interval=wilson(int(right[:, -1].sum()), n),
        top5=top5 / n,
        top5_interval=wilson(top5, n),
        by_share=_by_share(right.mean(0).tolist()),
        by_share_interval=_by_share([wilson(int(hits), n) for hits in right.sum(0)]),
        mean_over_shares=float(right.mean(0).mean()),
        first_right=onset(first, lengths, right[:, -1]),
        stays_right=onset([stays_right(steps.right) for steps in seen], lengths, right[:, -1]),
        never_right=first.count(None),
        lost=sum(step is not None for step in first) - int(right[:, -1].sum()),
        changes=float(changes.mean()),
        changes_interval=mean_interval(changes),
        calibration=_calibration(of_calibration, recognizer.calibration) if of_calibration else None,
    )


def _look(scores: np.ndarray, target: int, calibration: Calibration | None) -> _Steps:
    step = np.arange(1, len(scores) + 1)
    calibration = calibration or Calibration()
    probabilities = calibration.probabilities(torch.from_numpy(scores), step)
    confidence = probabilities.amax(1).numpy()
    label = scores.argmax(1)
    return _Steps(
        label,
        label == target,
        confidence,
        calibration.knows(confidence, step),
        bool((scores[-1] > scores[-1, target]).sum() < 5),
    )


def _at_shares(seen: Sequence[_Steps]) -> list[np.ndarray]:
    return [steps_at(len(steps)) - 1 for steps in seen]


def _by_share(values: Sequence) -> dict:
    return dict(zip(SHARES, values, strict=True))


def _calibration(seen: Sequence[_Steps], calibration: Calibration | None) -> CalibrationQuality:
    at = _at_shares(seen)
    right, confidence, known = (
        np.stack([getattr(steps, name)[k] for steps, k in zip(seen, at, strict=True)])
        for name in ("right", "confidence", "known")
    )
    columns = list(zip(confidence.T, right.T, known.T, strict=True))
    number = np.arange(len(seen))
    return CalibrationQuality(
        drawings=len(seen),
        whole=reliability(confidence[:, -1], right[:, -1]),
        shares=reliability(confidence.ravel(), right.ravel(), np.repeat(number, len(SHARES))),
        steps=reliability(
            _all(seen, "confidence"),
            _all(seen, "right"),
            np.repeat(number, [len(steps) for steps in seen]),
        ),
        error_by_share=_by_share([reliability(sure, hits).error for sure, hits, _ in columns]),
        knows=_by_share([_knowing(knows, hits) for _, hits, knows in columns]),
        knows_at_steps=_knowing(_all(seen, "known"), _all(seen, "right")),
        knows_unfinished=_before_the_last(seen),
        promised=None if calibration is None else calibration.precision,
    )


def _all(seen: Sequence[_Steps], name: str) -> np.ndarray:
    return np.concatenate([getattr(steps, name) for steps in seen])


def _before_the_last(seen: Sequence[_Steps]) -> Knowing | None:
    known, right = (
        np.concatenate([getattr(steps, name)[:-1] for steps in seen]) for name in ("known", "right")
    )
    return _knowing(known, right) if len(known) else None


def _knowing(known: np.ndarray, right: np.ndarray) -> Knowing:
    count, hits = int(known.sum()), int((known & right).sum())
    return Knowing(
        count / len(known),
        wilson(count, len(known)),
        hits / count if count else None,
        wilson(hits, count) if count else None,
    )
