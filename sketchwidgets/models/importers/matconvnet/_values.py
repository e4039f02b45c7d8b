"""What both readers of MAT files make of a file, and how much of it they may make."""

from typing import Any

from .._errors import NetworkFileError

# A matrix of numbers is a numpy array of at least two dimensions, as MATLAB has it; a char array a str (several rows: a
# list of them); a cell array a list in column-major order; a struct a dict, a struct array a list of dicts.
Value = Any

DEEPEST = 32  # cells and structs inside each other; networks have 5 or 6
MOST_VALUES = 500_000  # arrays, texts, cells and structs in a file
MOST_DIMENSIONS = 16
_MOST_ROWS = 10_000  # of a text
_ALWAYS = 16 << 20  # bytes that any file may unpack to
_TIMES = 32  # and what else it may, in its own length: trained weights shrink to nine tenths, pruned ones to a tenth


class Unreadable:
    """A value that is not data, such as a function handle. It matters only where a layer needs it."""

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def __repr__(self) -> str:
        return self.kind


class Budget:
    """Refuses what a file of `length` bytes should not need, before it is allocated."""

    def __init__(self, file: str, length: int) -> None:
        self.file = file
        self.bytes_left = _ALWAYS + _TIMES * length
        self.values_left = MOST_VALUES

    def take_bytes(self, count: int, what: str) -> None:
        if count > self.bytes_left:
            raise NetworkFileError(
                f"{self.file}: {what} would take {count:,} bytes, more than a file of this length can mean"
            )
        self.bytes_left -= count

    def take_value(self, depth: int) -> None:
        if depth > DEEPEST:
            raise NetworkFileError(f"{self.file}: cells and structs are nested more than {DEEPEST} deep")
        if self.values_left <= 0:
            raise NetworkFileError(f"{self.file}: more than {MOST_VALUES:,} values")
        self.values_left -= 1


def rows_of_text(characters: str, rows: int) -> "str | list[str] | Unreadable":
    """A char array from its characters in column-major order."""
    if rows <= 1:
        return characters
    if rows > min(len(characters), _MOST_ROWS):
        return Unreadable(f"a text of {rows:,} rows and {len(characters):,} characters")
    return [characters[row::rows].rstrip() for row in range(rows)]
