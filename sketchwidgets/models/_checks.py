"""Checks of the numbers that networks are made with."""

from collections.abc import Sequence
from typing import Any


def check_sizes(**sizes: Any) -> None:
    """Raise ValueError naming the first that is no positive integer."""
    for name, size in sizes.items():
        if isinstance(size, bool) or not isinstance(size, int) or size < 1:
            raise ValueError(f"{name} must be a positive integer, got {size!r}")


def check_probability(name: str, value: Any) -> None:
    """Raise ValueError unless it is a number in [0, 1)."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1:
        raise ValueError(f"{name} must be a probability below 1, got {value!r}")


def check_widths(name: str, widths: Any, count: int) -> tuple[int, ...]:
    """Positive integers, `count` of them, as a tuple."""
    if not isinstance(widths, Sequence) or isinstance(widths, str) or len(widths) != count:
        raise ValueError(f"{name} must be {count} widths, got {widths!r}")
    check_sizes(**{f"{name}[{index}]": width for index, width in enumerate(widths)})
    return tuple(widths)
