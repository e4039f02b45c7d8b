"""Checks of the numbers and words that networks, machines and recipes are made with."""

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


def check_choice(name: str, value: Any, known: Sequence[str]) -> None:
    """Raise ValueError unless it is one of these words."""
    if not isinstance(value, str) or value not in known:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, known))}, not {value!r}")


def check_whole(name: str, value: Any, least: int, most: int | None = None) -> None:
    """Raise ValueError unless it is a whole number in these bounds."""
    fine = not isinstance(value, bool) and isinstance(value, int) and value >= least
    if not fine or (most is not None and value > most):
        bounds = f"{least} on" if most is None else f"{least} to {most}"
        raise ValueError(f"{name} must be a whole number from {bounds}, not {value!r}")


def check_range(
    name: str,
    value: Any,
    *,
    least: float | None = None,
    above: float | None = None,
    most: float | None = None,
    below: float | None = None,
) -> None:
    """Raise ValueError unless it is a finite number in these bounds."""
    fine = not isinstance(value, bool) and isinstance(value, int | float) and math.isfinite(value)
    fine = fine and (least is None or value >= least) and (above is None or value > above)
    fine = fine and (most is None or value <= most) and (below is None or value < below)
    if not fine:
        bounds = {"from": least, "above": above, "to": most, "below": below}
        said = " ".join(f"{word} {bound:g}" for word, bound in bounds.items() if bound is not None)
        raise ValueError(f"{name} must be a finite number {said}".rstrip() + f", not {value!r}")
