"""What a paper says comes before what, and whether it does here."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sketchwidgets.studies._paired import Pairs
from sketchwidgets.training.evaluation.intervals import mean_interval, wilson

YES, UNDECIDED, NO = "yes", "undecided", "no"
_LEVEL = 0.05  # of McNemar's test


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
        """Mean of several runs or folds, with Student's interval; of a single one, no interval."""
        mean = float(np.mean(values))
        low, high = mean_interval(np.asarray(values, float)) or (mean, mean)
        return cls(name, *(round(x, digits) for x in (mean, low, high)))


@dataclass(frozen=True)
class Ordering:
    """A claim about two rows of a table, and what was measured of both here.

    sentence : the claim. higher, lower : the rows, as the paper orders them, whatever is better.
    published : both numbers of the paper where it gives them. source : paper and table.
    margin : None: the claim is that `higher` is above `lower`. A number, in the table's unit: that it is not above it by
        more than that, as "costs little" says.
    control : whether the claim is our own, a check that the papers do not make.
    differences : `higher` less `lower`, fold by fold, where both were measured on the same ones.
    pairs : how often both count the same drawing, `higher` first, where both were asked about the same ones and it is
        known which of them they name right.
    chance : by how many drawings another seed alone makes a row differ; a difference that is no larger is none.

    >>> gru, lstm = (sw.studies.Measured.share(name, n, 100) for name, n in (("GRU", 60), ("LSTM", 55)))
    >>> sw.studies.Ordering("A GRU recognises more than an LSTM.", gru, lstm, (85.1, 82.5)).holds
    'undecided'
    >>> sw.studies.Ordering("An LSTM costs little.", gru, lstm, (85.1, 82.5), margin=20).holds
    'yes'
    """

    sentence: str
    higher: Measured
    lower: Measured
    published: tuple[float, float] | None = None
    source: str = ""
    margin: float | None = None
    control: bool = False
    differences: tuple[float, ...] = ()
    pairs: Pairs | None = None
    chance: int = 0

    @property
    def holds(self) -> str:
        """ "yes" or "no" where the 95 % intervals are apart, "undecided" where they are not.

        With `pairs`, where McNemar's exact test tells the two apart at 5 % and another seed alone does not do as much.
        With a margin, where the 95 % interval of the difference is below it, above it, or around it; with `differences`,
        where theirs is above 0, below it, or around it.
        """
        if self.pairs is not None and self._as_by_chance(self.pairs):
            return UNDECIDED
        if self.margin is not None:
            low, high = self.difference()
            return YES if high <= self.margin else NO if low > self.margin else UNDECIDED
        if self.pairs is not None:
            if self.pairs.p_value >= _LEVEL:
                return UNDECIDED
            return YES if self.pairs.difference > 0 else NO
        if self.differences:
            low, high = self.difference()
            return YES if low > 0 else NO if high < 0 else UNDECIDED
        if self.higher.low > self.lower.high:
            return YES
        return NO if self.higher.high < self.lower.low else UNDECIDED

    def _as_by_chance(self, pairs: Pairs) -> bool:
        """Whether another seed moves a row as far as the difference is from what the claim compares it with."""
        far = abs(pairs.difference - (self.margin or 0.0)) * pairs.total / 100
        # A number of drawings, but for a rounding.
        return bool(self.chance) and far <= self.chance + 1e-6

    def difference(self) -> tuple[float, float]:
        """The 95 % interval of `higher` less `lower`.

        Of `pairs`, Newcombe's; of `differences`, Student's; else that of two that were measured independently.
        """
        if self.pairs is not None:
            return self.pairs.interval
        if self.differences:
            return mean_interval(np.asarray(self.differences)) or (-math.inf, math.inf)
        first, second = self.higher, self.lower
        middle = first.value - second.value
        below = math.hypot(first.value - first.low, second.high - second.value)
        above = math.hypot(first.high - first.value, second.value - second.low)
        return middle - below, middle + above

    @property
    def claimed(self) -> str:
        """Who claims it: the paper by numbers, the paper in words, or this package as a control."""
        if self.control:
            return "control"
        between = " > " if self.margin is None else " and "
        return "in words" if self.published is None else between.join(f"{x:g}" for x in self.published)

    def to_dict(self) -> dict[str, Any]:
        """The fields and `holds` as JSON-ready values."""
        return {
            "sentence": self.sentence,
            "holds": self.holds,
            "higher": dict(vars(self.higher)),
            "lower": dict(vars(self.lower)),
            "published": None if self.published is None else list(self.published),
            "source": self.source,
            "margin": self.margin,
            "control": self.control,
            "differences": [round(value, 6) for value in self.differences],
            **self._paired(),
        }

    def _paired(self) -> dict[str, Any]:
        if self.pairs is None:
            return {}
        return {
            "pairs": dict(vars(self.pairs)),
            "difference_interval": [round(bound, 3) for bound in self.pairs.interval],
            "p_value": float(f"{self.pairs.p_value:.2g}"),
            "chance": self.chance,
        }

    def cells(self) -> list[str]:
        """The line of a table: the claim, what is published, what was measured, whether it holds."""
        here = "; ".join(
            f"{row.name} {row.value:g}" + (f" ({row.low:g} to {row.high:g})" if row.low < row.high else "")
            for row in (self.higher, self.lower)
        )
        if self.pairs is not None:
            here += f"; {_said(self.pairs, self.margin is None)}"
            here += f", another seed {self.chance}" if self.chance else ""
        elif len(self.differences) > 1:
            low, high = self.difference()
            here += f"; difference {np.mean(self.differences):+.3g} ({low:+.3g} to {high:+.3g})"
        said = self.sentence
        if self.margin is not None:
            said += f" (by at most {self.margin:g})"
        return [said, self.claimed, here, self.holds]


def _said(pairs: Pairs, tested: bool) -> str:
    low, high = pairs.interval
    said = f"difference {pairs.difference:+.1f} ({low:+.1f} to {high:+.1f}), "
    said += f"only one {pairs.counted}: {pairs.first} / {pairs.second}"
    return f"{said}, p {pairs.p_value:.2g}" if tested else said


HEAD = ["claim", "published", "here (95 %)", "holds"]
