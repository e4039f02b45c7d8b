"""Work that can be left off between any two turns and taken up again."""

from collections.abc import Generator
from typing import TypeVar

T = TypeVar("T")

Turns = Generator[None, None, T]
"""Yields after every turn, and returns the result after the last."""


def at_once(turns: Turns[T]) -> T:
    """All turns, one after the other."""
    while True:
        try:
            next(turns)
        except StopIteration as end:
            return end.value
