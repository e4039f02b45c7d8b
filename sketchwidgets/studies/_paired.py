"""Two recognisers that were asked about the same drawings: McNemar's exact test, and the interval of the difference."""

from dataclasses import dataclass
from math import comb, sqrt

from sketchwidgets.training.evaluation.intervals import wilson


def sign_test(gained: int, lost: int) -> float:
    """Two-sided p of McNemar's exact test: how likely so unequal counts are where both are equally likely.

    >>> sign_test(1, 8)
    0.0390625
    """
    n, least = gained + lost, min(gained, lost)
    # Python's whole numbers: exact, however many there are.
    return min(1.0, 2 * sum(comb(n, k) for k in range(least + 1)) / 2**n)


@dataclass(frozen=True)
class Pairs:
    """How often two rows count the same drawing, both or one of them.

    both, neither : drawings that both count, and that none does. first, second : that one of the two alone counts.
    counted : what a row counts, "right" or "wrong".

    Raises ValueError for numbers below 0, and for no drawings.

    >>> pairs = sw.studies.Pairs(both=36, first=12, second=2, neither=0)
    >>> pairs.total, pairs.difference, round(pairs.p_value, 3)
    (50, 20.0, 0.013)
    >>> [round(bound, 1) for bound in pairs.interval]
    [5.7, 34.0]
    """

    both: int
    first: int
    second: int
    neither: int
    counted: str = "right"

    def __post_init__(self) -> None:
        if min(self.both, self.first, self.second, self.neither) < 0 or not self.total:
            raise ValueError(f"{self.both}, {self.first}, {self.second}, {self.neither} count no drawings")

    @property
    def total(self) -> int:
        """Drawings."""
        return self.both + self.first + self.second + self.neither

    @property
    def difference(self) -> float:
        """How much more the first row counts, in per cent of the drawings."""
        return 100 * (self.first - self.second) / self.total

    @property
    def p_value(self) -> float:
        """Of McNemar's exact test, two-sided."""
        return sign_test(self.first, self.second)

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval of `difference`: method 10 of Newcombe (Statistics in Medicine 17, 1998, 2635-2650).

        Wilson's intervals of both shares, put together as is right for the correlation of the two.
        """
        n = self.total
        counts = self.both + self.first, self.both + self.second
        (p1, (low1, high1)), (p2, (low2, high2)) = ((count / n, wilson(count, n)) for count in counts)
        below = _together(p1 - low1, high2 - p2, self._correlation)
        above = _together(high1 - p1, p2 - low2, self._correlation)
        return self.difference - 100 * below, self.difference + 100 * above

    @property
    def _correlation(self) -> float:
        """Phi of the four counts, with the paper's correction for continuity."""
        margins = (
            (self.both + self.first)
            * (self.second + self.neither)
            * (self.both + self.second)
            * (self.first + self.neither)
        )
        if not margins:
            return 0.0
        above = self.both * self.neither - self.first * self.second
        if above > 0:
            above = max(above - self.total / 2, 0)
        return above / sqrt(margins)

    @property
    def errors(self) -> "Pairs":
        """The same drawings where what is counted is the other of right and wrong."""
        counted = "wrong" if self.counted == "right" else "right"
        return Pairs(self.neither, self.second, self.first, self.both, counted)


def _together(one: float, other: float, correlation: float) -> float:
    # Below 0 by a rounding at most, where both are alike.
    return sqrt(max(0.0, one * one - 2 * correlation * one * other + other * other))
