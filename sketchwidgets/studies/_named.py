"""Which of the drawings that were asked about are named right, small enough to stand in a table's file."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sketchwidgets.studies._paired import Pairs


@dataclass(frozen=True)
class NamedRight:
    """Right or wrong, drawing by drawing, in an order that all rows of a table share.

    bits : eight drawings a byte, the first in the highest bit, as `np.packbits` has them; total : drawings.

    Raises ValueError for bits of another number of drawings.

    >>> gru = sw.studies.NamedRight.of([True, True, False])
    >>> gru.right, gru.to_json()
    (2, 'c0')
    >>> sw.studies.NamedRight.from_json("c0", right=2, total=3) == gru
    True
    """

    bits: bytes
    total: int

    def __post_init__(self) -> None:
        if self.total < 1 or len(self.bits) != -(-self.total // 8):
            raise ValueError(f"{len(self.bits)} bytes cannot name {self.total} drawings right or wrong")
        # Two values of the same drawings are equal where their bits are, so those of no drawing must be 0.
        if np.unpackbits(np.frombuffer(self.bits, np.uint8))[self.total :].any():
            raise ValueError(f"named_right has more bits than {self.total} drawings")

    @classmethod
    def of(cls, right: ArrayLike) -> "NamedRight":
        """Of (n,) bool; ValueError for anything else."""
        right = np.asarray(right)
        if right.ndim != 1 or right.dtype != bool:
            raise ValueError(f"right must be (n,) bool, not {right.shape} {right.dtype}")
        return cls(np.packbits(right).tobytes(), len(right))

    @property
    def each(self) -> NDArray[np.bool_]:
        """(total,) bool, whether each drawing is named right."""
        return np.unpackbits(np.frombuffer(self.bits, np.uint8), count=self.total).astype(bool)

    @property
    def right(self) -> int:
        """How many are named right."""
        return int(self.each.sum())

    def pairs(self, other: "NamedRight") -> Pairs:
        """How often both are right, and only one of the two; ValueError for another number of drawings."""
        if self.total != other.total:
            raise ValueError(f"{self.total} and {other.total} drawings are not the same ones")
        first, second = self.each, other.each
        counts = (first & second, first & ~second, second & ~first, ~first & ~second)
        return Pairs(*(int(each.sum()) for each in counts))

    def to_json(self) -> str:
        """The bits as a hexadecimal number."""
        return self.bits.hex()

    @classmethod
    def from_json(cls, text: Any, right: int, total: int) -> "NamedRight | None":
        """Inverse of `to_json`; None where nothing is kept, as of tables measured before.

        right, total : what the row counts. Raises ValueError where the bits do not say the same.
        """
        if text is None:
            return None
        if not isinstance(text, str):
            raise ValueError(f"named_right must be a hexadecimal number, not {type(text).__name__}")
        found = cls(bytes.fromhex(text), total)
        if found.right != right:
            raise ValueError(f"named_right has {found.right} of {total} right where {right} are counted")
        return found


def pairs_of(first: NamedRight | None, second: NamedRight | None) -> Pairs | None:
    """`first.pairs(second)` where both are known, else None."""
    return None if first is None or second is None else first.pairs(second)


def check_named(name: str, named: NamedRight | None, right: int, total: int) -> None:
    """ValueError where a row's drawings are not as many as it counts."""
    if named is not None and (named.right, named.total) != (right, total):
        raise ValueError(f"{name} counts {right} of {total}, and names {named.right} of {named.total} right")
