"""What a paper says comes before what, and whether it does here."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sketchwidgets.training.evaluation.intervals import mean_interval, wilson

YES, WITHIN, REVERSED = "yes", "within the intervals", "reversed"


@dataclass(frozen=True)
class Measured:
    """A number of a table with its 95 % interval.

    name : of the row. value : in the table's unit. low, high : bounds, both the value where nothing is known.

    Raises ValueError for numbers that are not finite or bounds that do not enclose the value.

    >>> sw.studies.Measured.share("GRU", 60, 100)
    Measured(name='GRU', value=60.0, low=50.2, high=69.1)
    """

    name: str
    value: float
    low: float
    high: float

    def __post_init__(self) -> None:
        if not all(map(math.isfinite, (self.low, self.value, self.high))):
            raise ValueError(f"{self.name}: {self.low}, {self.value}, {self.high} are not all finite")
        if not self.low <= self.value <= self.high:
            raise ValueError(f"{self.name}: {self.value} is not within {self.low} and {self.high}")

    @classmethod
    def share(cls, name: str, right: int, total: int) -> "Measured":
        """Per cent of a total, with Wilson's interval, all to a tenth."""
        low, high = wilson(right, total)
        return cls(name, *(round(100 * x, 1) for x in (right / total, low, high)))

    @classmethod
    def mean(cls, name: str, values: Sequence[float], digits: int = 1) -> "Measured":
        """Mean of several runs or folds, with its interval by the normal distribution; of a single one, no interval."""
        mean = float(np.mean(values))
        low, high = mean_interval(np.asarray(values, float)) or (mean, mean)
        return cls(name, *(round(x, digits) for x in (mean, low, high)))


@dataclass(frozen=True)
class Ordering:
    """That one row of a published table is above another, and what was measured of both here.

    sentence : what the paper reports. higher, lower : the rows, as the paper orders them, whatever is better.
    published : both numbers of the paper where it gives them. source : paper and table.

    >>> gru, lstm = (sw.studies.Measured.share(name, n, 100) for name, n in (("GRU", 60), ("LSTM", 55)))
    >>> sw.studies.Ordering("A GRU recognises more than an LSTM.", gru, lstm, (85.1, 82.5)).holds
    'within the intervals'
    """

    sentence: str
    higher: Measured
    lower: Measured
    published: tuple[float, float] | None = None
    source: str = ""

    @property
    def holds(self) -> str:
        """ "yes" or "reversed" where the intervals are apart, "within the intervals" where they are not."""
        if self.higher.low > self.lower.high:
            return YES
        return REVERSED if self.higher.high < self.lower.low else WITHIN

    def to_dict(self) -> dict[str, Any]:
        """The fields and `holds` as JSON-ready values."""
        return {
            "sentence": self.sentence,
            "holds": self.holds,
            "higher": dict(vars(self.higher)),
            "lower": dict(vars(self.lower)),
            "published": None if self.published is None else list(self.published),
            "source": self.source,
        }

    def cells(self) -> list[str]:
        """The line of a table: what is published, what was measured, whether it holds."""
        paper = "" if self.published is None else " > ".join(f"{x:g}" for x in self.published)
        here = "; ".join(
            f"{row.name} {row.value:g}" + (f" ({row.low:g} to {row.high:g})" if row.low < row.high else "")
            for row in (self.higher, self.lower)
        )
        return [self.sentence, paper, here, self.holds]


HEAD = ["the paper reports", "published", "here (95 %)", "holds"]
