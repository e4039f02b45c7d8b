"""Checks of the numbers that networks and machines are made with."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np


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


def check_number(name: str, value: float, least: float, above: bool = False, whole: bool = False) -> None:
    """Raise TypeError unless it is a number, ValueError unless it is finite and at least (or, if `above`, above) `least`."""
    kind = (int, np.integer) if whole else (int, float, np.integer, np.floating)
    if isinstance(value, bool) or not isinstance(value, kind):
        raise TypeError(f"{name} must be {'a whole number' if whole else 'a number'}, not {value!r}")
    if not math.isfinite(value) or value < least or (above and value == least):
        raise ValueError(f"{name} must be {'above' if above else 'at least'} {least}, not {value!r}")
