"""What the recogniser believes after one stroke."""

import html
from dataclasses import dataclass

import numpy as np

DONT_KNOW = "I don't know yet"
"""What is said where a prediction is not `known`."""


@dataclass(frozen=True, slots=True, eq=False)
class Prediction:
    """Class probabilities after one step.

    probabilities : (n_classes,) float32, in [0, 1], summing to 1, read-only.
    classes : the names, in the same order.
    step : number of strokes seen, from 1.
    provisional : the last of these strokes was still being drawn.
    threshold : the confidence that has to be exceeded for it to be `known`, 0 to 1; see `Calibration`.

    >>> prediction = Prediction(np.array([0.25, 0.75], np.float32), ("cat", "dog"), step=1, threshold=0.8)
    >>> prediction.label, prediction.top(1)
    ('dog', [('dog', 0.75)])
    >>> prediction.known
    False
    """

    probabilities: np.ndarray
    classes: tuple[str, ...]
    step: int
    provisional: bool = False
    threshold: float = 0.0

    @property
    def label(self) -> str:
        """The most probable class; the first of them where several are equal."""
        return self.classes[int(self.probabilities.argmax())]

    @property
    def confidence(self) -> float:
        """The probability of the most probable class, in [0, 1]."""
        return float(self.probabilities.max())

    @property
    def known(self) -> bool:
        """Whether the confidence exceeds the threshold; where not, the recogniser says "I don't know yet"."""
        return self.confidence > self.threshold

    def top(self, k: int = 5) -> list[tuple[str, float]]:
        """The k most probable classes as (name, probability), most probable first."""
        if k < 0:
            raise ValueError(f"k must be at least 0, got {k}")
        order = np.argsort(-self.probabilities, kind="stable")[:k]
        return [(self.classes[i], float(self.probabilities[i])) for i in order]

    def __repr__(self) -> str:
        provisional = ", provisional" if self.provisional else ""
        doubt = "" if self.known else f"{DONT_KNOW}; perhaps "
        return f"Prediction({doubt}{self.label!r} {self.confidence:.0%}, step {self.step}{provisional})"

    def _repr_html_(self) -> str:
        # The text takes the colour of the page, the bars are of middling lightness: fine on light and dark.
        strokes = f"after {self.step} stroke{'s' if self.step != 1 else ''}"
        if self.provisional:
            strokes += ", the last one still being drawn"
        # Guesses that it does not stand by are pale.
        row_style = "background:none" if self.known else "background:none;opacity:.6"
        rows = "".join(
            f"<tr style='{row_style}'>"
            f"<td style='text-align:left;padding:1px 8px 1px 0'>{html.escape(name)}</td>"
            "<td style='padding:1px 0;width:160px'>"
            "<div style='background:rgba(128,128,128,.2);border-radius:2px'>"
            f"<div style='background:var(--jp-brand-color1,#2f80c8);border-radius:2px;height:10px;"
            f"width:{100 * probability:.1f}%'></div></div></td>"
            f"<td style='text-align:right;padding:1px 0 1px 8px'>{100 * probability:.1f}\N{NO-BREAK SPACE}%</td></tr>"
            for name, probability in self.top(5)
        )
        if not self.known:
            strokes = f"{DONT_KNOW}, {strokes}"
        return (
            "<table style='border:none;border-collapse:collapse;color:inherit'>"
            f"<caption style='text-align:left;color:inherit;opacity:.7'>{strokes}</caption>{rows}</table>"
        )
