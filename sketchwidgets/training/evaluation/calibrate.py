"""Fit a calibration on held-out drawings: temperatures, and the confidence from which a recogniser knows."""

import numpy as np
import torch

from sketchwidgets.recognition import Calibration, Recognizer
from sketchwidgets.training.datasets.drawing_set import DrawingSet
from sketchwidgets.training.evaluation._scoring import scores_of, targets
from sketchwidgets.training.evaluation.shares import steps_at

PRECISION = 0.75
STEPS = 8
WHOLE = 0.65
# Standard deviation of the change of log T from one number of strokes to the next, before anything is seen.
_DRIFT = 0.1
_LOG_TEMPERATURES = 3.0
_FEWEST = 30


def calibrate(
    recognizer: Recognizer,
    drawings: DrawingSet,
    indices: np.ndarray | None = None,
    *,
    precision: float = PRECISION,
    whole: float = WHOLE,
    steps: int = STEPS,
    progress: bool = True,
) -> Calibration:
    """A calibration of a recogniser, fitted on labelled drawings that it was not trained on.

    Temperatures minimise the negative log-likelihood (Guo et al., ICML 2017, section 4.2), one for each number of
    strokes, neighbours held close. Every drawing counts the same: `whole` of it for the whole drawing, which stays on
    the board when the pen is put down, the rest for its prefixes of 10, 20, ... 100 % of the strokes. Thresholds
    are the lowest with which it is right, where it says that it knows, in `precision` of the cases after any number of
    strokes: see `fit_thresholds`.

    Parameters
    ----------
    recognizer : whose scores are fitted; a calibration that it has is not looked at, and stays.
    drawings, indices : some of the drawings, None for all; a few thousand, none that was trained on.
    precision : how often it shall be right where it says that it knows, in (0, 1).
    whole : 0 to 1. At the same confidence a finished drawing is right more often than one that goes on, and nobody
        knows which it is: 1 makes confidences right for finished drawings and too high before, 0 too low for them.
    steps : numbers of strokes that have a temperature and a threshold of their own; the last is for all later ones.
    progress : show a progress bar.

    Assign the result to `recognizer.calibration`; `save` keeps it. Raises ValueError where there is no drawing, or
    one of a class that the recogniser does not know.

    >>> recognizer = sw.Recognizer.load()
    >>> drawings = sw.training.DrawingSet(
    ...     np.float32([[0, 0], [9, 5], [0, 9], [9, 9]]), None, np.array([2, 2]), np.array([1, 1]),
    ...     np.array([0, 1]), np.array([1, 2]), ("line", "cat"))
    >>> calibration = sw.training.calibrate(recognizer, drawings, progress=False)
    >>> len(calibration.temperatures), calibration.thresholds[0]  # two drawings promise nothing: it never knows
    (8, 1.0)
    """
    if not 0 < precision < 1:
        raise ValueError(f"precision must be between 0 and 1, not {precision}")
    if not 0 <= whole <= 1:
        raise ValueError(f"whole must be from 0 to 1, not {whole}")
    if steps < 1:
        raise ValueError(f"steps must be at least 1, not {steps}")
    indices = np.arange(len(drawings)) if indices is None else np.asarray(indices)
    target = targets(recognizer, drawings, indices)
    scores = list(scores_of(recognizer, drawings, indices, "calibrating", progress))
    lengths = np.array([len(rows) for rows in scores])
    temperatures = fit_temperatures(np.concatenate(scores), lengths, target, steps, whole)
    plain = Calibration(tuple(temperatures))
    confidence, right = [], []
    for rows, label in zip(scores, target, strict=True):
        found = plain.probabilities(torch.from_numpy(rows), np.arange(1, len(rows) + 1))
        confidence.append(found.amax(1).numpy())
        right.append(rows.argmax(1) == label)
    thresholds = fit_thresholds(np.concatenate(confidence), np.concatenate(right), lengths, precision, steps)
    facts = {"drawings": len(indices), "strokes": int(lengths.sum()), "whole": whole}
    return Calibration(plain.temperatures, tuple(thresholds), precision, facts)


def calibration_halves(drawings: DrawingSet, held_out: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Drawings to fit a calibration on and drawings to report on: halves of those held out, by `key_id`.

    A drawing stays in its half whatever other drawings there are.
    """
    # What `DrawingSet.split` has not used of it, every 25th; by an odd number, for the lowest bits are all alike.
    half = drawings.key_id[held_out].astype(np.uint64) // np.uint64(25) % np.uint64(97) % np.uint64(2) == 0
    return held_out[half], held_out[~half]


def fit_temperatures(
    scores: np.ndarray, lengths: np.ndarray, target: np.ndarray, steps: int, whole: float = WHOLE
) -> np.ndarray:
    """Temperatures (steps,) that minimise the weighted negative log-likelihood, and their own changes.

    scores : (sum of lengths, n_classes), drawing by drawing. lengths, target : strokes and class of each drawing.
    The last temperature is that of all later strokes too.
    """
    from scipy.optimize import minimize
    from scipy.special import logsumexp

    step = np.concatenate([np.arange(1, n + 1) for n in lengths])
    number = np.minimum(step, steps) - 1
    weight = weights_of_steps(lengths, whole)
    z = scores.astype(np.float64)
    of_target = z[np.arange(len(z)), np.repeat(target, lengths)]

    def loss(log_t: np.ndarray) -> tuple[float, np.ndarray]:
        beta = np.exp(-log_t)[number]
        scaled = z * beta[:, None]
        norm = logsumexp(scaled, axis=1)
        nll = norm - beta * of_target
        mean = np.einsum("ij,ij->i", np.exp(scaled - norm[:, None]), z)
        slope = -beta * (mean - of_target)  # by log T
        change = np.diff(log_t) / _DRIFT
        gradient = np.bincount(number, weight * slope, minlength=steps)
        gradient[1:] += change / _DRIFT
        gradient[:-1] -= change / _DRIFT
        return float(weight @ nll + 0.5 * change @ change), gradient

    bounds = [(-_LOG_TEMPERATURES, _LOG_TEMPERATURES)] * steps
    return np.exp(minimize(loss, np.zeros(steps), jac=True, method="L-BFGS-B", bounds=bounds).x)


def weights_of_steps(lengths: np.ndarray, whole: float) -> np.ndarray:
    """Of each step of each drawing; those of a drawing add up to 1."""
    weights = []
    for n in lengths:
        at = steps_at(n)
        one = (1 - whole) / len(at) * np.bincount(at - 1, minlength=n)
        one[-1] += whole
        weights.append(one)
    return np.concatenate(weights)


def fit_thresholds(
    confidence: np.ndarray, right: np.ndarray, lengths: np.ndarray, precision: float, steps: int
) -> np.ndarray:
    """For each number of strokes the lowest confidence above which `precision` of the labels are right, (steps,) float64.

    Selective classification (Geifman & El-Yaniv, NeurIPS 2017, section 2) at every stroke: of all drawings that get so
    far, whether or not they are finished then, since a live session cannot tell. 1, never known, where not even the
    most confident 30 are right enough. The last is fitted on all later steps.

    confidence, right : (sum of lengths,), drawing by drawing.
    """
    number = np.minimum(np.concatenate([np.arange(1, n + 1) for n in lengths]), steps)
    thresholds = np.ones(steps)
    for k in range(1, steps + 1):
        here = number == k
        thresholds[k - 1] = _threshold(confidence[here].astype(np.float64), right[here], precision)
    return thresholds


def _threshold(confidence: np.ndarray, right: np.ndarray, precision: float) -> float:
    order = np.argsort(-confidence, kind="stable")
    confidence = confidence[order]
    so_far = np.cumsum(right[order]) / np.arange(1, len(order) + 1)
    enough = np.flatnonzero(so_far[_FEWEST - 1 :] >= precision)
    if not len(enough):
        return 1.0
    last = int(enough[-1]) + _FEWEST - 1
    if last == len(order) - 1:
        return 0.0
    # Half way to the next, so that rounding elsewhere does not leave out the last of these.
    return float(confidence[last : last + 2].mean())
