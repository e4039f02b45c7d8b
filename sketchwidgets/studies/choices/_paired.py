"""An ordering that is checked drawing by drawing."""

from dataclasses import dataclass
from math import comb
from typing import Any

from sketchwidgets.studies._orderings import NO, UNDECIDED, YES, Ordering


def sign_test(gained: int, lost: int) -> float:
    """Two-sided p of McNemar's exact test: how likely so unequal counts are where both are equally likely.

    >>> sign_test(1, 8)
    0.0390625
    """
    n, least = gained + lost, min(gained, lost)
    # Python's whole numbers: exact, however many there are.
    return min(1.0, 2 * sum(comb(n, k) for k in range(least + 1)) / 2**n)


@dataclass(frozen=True)
class PairedOrdering(Ordering):
    """An `Ordering` of two rows that were measured on the same drawings.

    paired : drawings that only the first of the two names right, and only the second; None where that is not known.
    chance : how many drawings more another seed alone names right, or fewer; a difference that is no larger is none.
    """

    paired: tuple[int, int] | None = None
    chance: int = 0

    @property
    def holds(self) -> str:
        """ "yes" or "no" where McNemar's test says so at 5 % and another seed alone does not do as much.

        By the intervals where nothing is paired, or the claim has a margin.
        """
        if self.paired is None or self.margin is not None:
            return super().holds
        first, second = self.paired
        if sign_test(first, second) >= 0.05 or abs(first - second) <= self.chance:
            return UNDECIDED
        return YES if first > second else NO

    def to_dict(self) -> dict[str, Any]:
        """As of `Ordering`, with `paired` and `chance`."""
        paired = None if self.paired is None else list(self.paired)
        return super().to_dict() | {"paired": paired, "chance": self.chance}
