"""Checks of arguments, which name them."""

from typing import Any

import numpy as np

from ._errors import ReconstructionError


def check_choice(name: str, value: Any, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise ReconstructionError(f"{name} must be one of {', '.join(map(repr, choices))}, not {value!r}")


def check_whole(name: str, value: Any, least: int = 1) -> int:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise ReconstructionError(f"{name} must be a whole number of at least {least}, not {value!r}")
    return int(value)


def check_range(name: str, value: Any, low: float, high: float | None, open_low: bool = False) -> None:
    number = isinstance(value, int | float) and not isinstance(value, bool) and value == value
    if not number or value < low or (open_low and value == low) or (high is not None and value > high):
        least = "above" if open_low else "at least"
        most = "" if high is None else f" and at most {high:g}"
        raise ReconstructionError(f"{name} must be a number {least} {low:g}{most}, not {value!r}")
