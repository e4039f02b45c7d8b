"""How sure a recogniser is: temperatures for its scores, and the confidence from which it says that it knows."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any

import numpy as np
import torch
from torch import Tensor

_MOST_STEPS = 1000
_TEMPERATURES = (1e-3, 1e3)


@dataclass(frozen=True)
class Calibration:
    """Temperatures and thresholds by the number of strokes so far; the last of each holds for all later strokes.

    Class scores z after k strokes become softmax(z / temperatures[k - 1]) (Guo et al., "On Calibration of Modern
    Neural Networks", ICML 2017, section 4.2), which leaves the order of the classes as it is. The number of strokes
    is what a live session knows; which share of the drawing they are it does not.

    A recogniser knows a drawing where its confidence, the probability of the best class, is more than
    thresholds[k - 1]; else it says "I don't know yet" (selective classification: Geifman & El-Yaniv, NeurIPS 2017).

    temperatures : 0.001 to 1000; 1 leaves the scores as they are.
    thresholds : 0 (always knows) to 1 (never).
    precision : how often it is right, at least, where it knows, in (0, 1]; None where nothing is promised.
    fitted_on : facts about the drawings it was fitted on, JSON values.

    Raises ValueError, naming the field, for numbers out of range. Made by `training.calibrate`.

    >>> calibration = sw.Calibration(temperatures=(2.0, 1.0), thresholds=(0.9, 0.5), precision=0.8)
    >>> scores = torch.tensor([[2.0, 0.0], [2.0, 0.0], [2.0, 0.0]])  # after 1, 2 and 3 strokes
    >>> calibration.probabilities(scores, [1, 2, 3])[:, 0]
    tensor([0.7311, 0.8808, 0.8808])
    >>> calibration.threshold(3)
    0.5
    """

    temperatures: tuple[float, ...] = (1.0,)
    thresholds: tuple[float, ...] = (0.0,)
    precision: float | None = None
    fitted_on: dict[str, Any] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        for name, (low, high) in (("temperatures", _TEMPERATURES), ("thresholds", (0.0, 1.0))):
            values = getattr(self, name)
            if isinstance(values, str) or not isinstance(values, Sequence | np.ndarray):
                raise ValueError(f"{name} must be a list of numbers, not {values!r}")
            if not 1 <= len(values) <= _MOST_STEPS:
                raise ValueError(f"{name} must be 1 to {_MOST_STEPS} numbers, got {len(values)}")
            for k, value in enumerate(values):
                if not _is_number(value) or not low <= value <= high:
                    raise ValueError(f"{name}[{k}] must be a number from {low:g} to {high:g}, not {value!r}")
            object.__setattr__(self, name, tuple(float(value) for value in values))
        if self.precision is not None and not (_is_number(self.precision) and 0 < self.precision <= 1):
            raise ValueError(f"precision must be None or more than 0 and at most 1, not {self.precision!r}")
        if not isinstance(self.fitted_on, dict):
            raise ValueError(f"fitted_on must be a dict, not {self.fitted_on!r}")

    def probabilities(self, scores: Tensor, steps: int | Sequence[int] | np.ndarray) -> Tensor:
        """softmax(scores / temperature), (..., n_classes), of scores (..., n_classes) after so many strokes.

        steps : number of strokes, from 1; one for all, or one for each row of scores.
        """
        return self.scaled(scores, steps).softmax(-1)

    def scaled(self, scores: Tensor, steps: int | Sequence[int] | np.ndarray) -> Tensor:
        """scores / temperature, as `probabilities` takes them; differentiable."""
        found = torch.as_tensor(of_steps(self.temperatures, steps), dtype=scores.dtype, device=scores.device)
        return scores / found[..., None]

    def threshold(self, step: int) -> float:
        """The confidence that has to be exceeded after `step` strokes, from 1."""
        return float(of_steps(self.thresholds, step))

    def knows(self, confidence: np.ndarray, steps: int | Sequence[int] | np.ndarray) -> np.ndarray:
        """Whether each confidence after so many strokes is that of a drawing that it knows, bool."""
        return confidence > of_steps(self.thresholds, steps)

    def to_dict(self) -> dict[str, Any]:
        """The fields as JSON-ready values, for the metadata of the weights."""
        return {**asdict(self), "temperatures": list(self.temperatures), "thresholds": list(self.thresholds)}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Calibration":
        """Inverse of `to_dict`. ValueError names an unknown, ill-typed or missing field."""
        names = [one.name for one in fields(cls)]
        unknown = sorted(set(values) - set(names))
        if unknown:
            raise ValueError(f"unknown calibration field {unknown[0]!r}")
        for name in ("temperatures", "thresholds"):
            if name not in values:
                raise ValueError(f"calibration field {name!r} is missing")
        try:
            return cls(**values)
        except ValueError as error:
            raise ValueError(f"calibration: {error}") from None


def of_steps(values: Sequence[float], steps: int | Sequence[int] | np.ndarray) -> np.ndarray:
    """The value for each number of strokes, from 1, float64; the last for all later ones.

    >>> from sketchwidgets.recognition.calibration import of_steps
    >>> of_steps((0.9, 0.5), [1, 2, 7])
    array([0.9, 0.5, 0.5])
    """
    return np.asarray(values, np.float64)[np.minimum(steps, len(values)) - 1]


def _is_number(value: Any) -> bool:
    return not isinstance(value, bool) and isinstance(value, int | float) and math.isfinite(value)
