"""How many drawings are shown and measured."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class PicturePlan:
    """The drawings of a picture table: the first, in an order drawn by lot, that are named right, each of another class.

    shown : how many there are in the table. measured : on how many, these first, maps are measured.

    Raises ValueError for numbers out of range.
    """

    shown: int = 6
    measured: int = 16
    seed: int = 0
    scale: str = field(default="own", compare=False)

    def __post_init__(self) -> None:
        if not 1 <= self.shown <= self.measured:
            raise ValueError(f"shown must be from 1 to measured, {self.measured}, not {self.shown}")
        if self.seed < 0:
            raise ValueError(f"seed must be at least 0, not {self.seed}")

    @classmethod
    def small(cls, seed: int = 0) -> "PicturePlan":
        """A few minutes of one core."""
        return cls(seed=seed, scale="small")

    @classmethod
    def full(cls, seed: int = 0) -> "PicturePlan":
        """More drawings to measure on."""
        return cls(shown=8, measured=300, seed=seed, scale="full")
