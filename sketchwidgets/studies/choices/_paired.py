"""An ordering that is checked drawing by drawing."""

from dataclasses import dataclass
from math import comb
from typing import Any

from sketchwidgets.studies._orderings import REVERSED, WITHIN, YES, Ordering


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
    """

    paired: tuple[int, int] | None = None

    @property
    def holds(self) -> str:
        """ "yes" or "reversed" where McNemar's test says so at 5 %; by the intervals where nothing is paired."""
        if self.paired is None:
            return super().holds
        first, second = self.paired
        if sign_test(first, second) >= 0.05:
            return WITHIN
        return YES if first > second else REVERSED

    def to_dict(self) -> dict[str, Any]:
        """As of `Ordering`, with `paired`."""
        return super().to_dict() | {"paired": None if self.paired is None else list(self.paired)}
