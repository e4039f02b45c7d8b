"""The fields of a struct, each as what it has to be."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from .._errors import NetworkFileError
from ._values import Unreadable, Value

_LARGEST = 2048  # of a size, a pad or a stride


class Fields:
    """A struct whose fields are read by name; what does not fit is an error that says where it stands.

    where : begins the message, as in "net.mat: layer 'conv1'".
    """

    def __init__(self, values: Value, where: str) -> None:
        if not isinstance(values, dict):
            raise NetworkFileError(f"{where} should be a struct, is {describe(values)}")
        self.values = values
        self.where = where

    def has(self, name: str) -> bool:
        """Whether there is a field that is not empty."""
        return not is_empty(self.values.get(name))

    def fail(self, message: str) -> NetworkFileError:
        return NetworkFileError(f"{self.where}: {message}")

    def text(self, name: str, default: str | None = None) -> str:
        value = self.values.get(name)
        if is_empty(value) and default is not None:
            return default
        if not isinstance(value, str):
            raise self.fail(f"{name!r} should be a text, is {describe(value)}")
        return value

    def texts(self, name: str) -> list[str]:
        """The texts of a cell array; one text alone counts as a cell of it, and what is missing as none."""
        value = self.values.get(name)
        if is_empty(value):
            return []
        texts = [value] if isinstance(value, str) else value
        if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
            raise self.fail(f"{name!r} should be a cell array of texts, is {describe(value)}")
        return texts

    def items(self, name: str) -> list[Value]:
        """The elements of a cell or struct array; one struct alone counts as an array of it."""
        value = self.values.get(name)
        if is_empty(value):
            return []
        if isinstance(value, dict):
            return [value]
        if not isinstance(value, list):
            raise self.fail(f"{name!r} should be a cell or struct array, is {describe(value)}")
        return value

    def struct(self, name: str) -> "Fields":
        """A struct inside this one; what is missing or empty counts as a struct without fields."""
        value = self.values.get(name)
        return Fields({} if is_empty(value) else value, f"{self.where}, {name!r}")

    def numbers(self, name: str, default: Sequence[float] | None = None) -> list[float]:
        """Up to 64 finite numbers."""
        value = self.values.get(name)
        if is_empty(value) and default is not None:
            return list(default)
        if not is_numeric(value):
            raise self.fail(f"{name!r} should be numbers, is {describe(value)}")
        if value.size > 64 or not np.isfinite(value.astype(np.float64)).all():
            raise self.fail(f"{name!r} should be a few finite numbers, is {describe(value)}")
        return [float(number) for number in value.ravel(order="F")]

    def number(self, name: str, default: float | None = None) -> float:
        values = self.numbers(name, None if default is None else [default])
        if len(values) != 1:
            raise self.fail(f"{name!r} should be one number, is {len(values)}")
        return values[0]

    def whole(self, name: str, counts: tuple[int, ...], least: int, default: int | None = None) -> list[int]:
        """Whole numbers, as many as one of `counts`, none below `least`."""
        values = self.numbers(name, None if default is None else [default])
        fit = len(values) in counts and all(v == math.floor(v) and least <= v <= _LARGEST for v in values)
        if not fit:
            wanted = " or ".join(map(str, counts))
            raise self.fail(f"{name!r} should be {wanted} whole numbers from {least} up, is {_short(values)}")
        return [int(v) for v in values]

    def pair(self, name: str, default: int, least: int = 1) -> tuple[int, int]:
        """(vertical, horizontal), from two numbers or one."""
        values = self.whole(name, (1, 2), least, default)
        return values[0], values[-1]

    def sides(self, name: str) -> tuple[int, int, int, int]:
        """(top, bottom, left, right), from four numbers or one; 0 where it is missing."""
        values = self.whole(name, (1, 4), 0, 0)
        return (values[0],) * 4 if len(values) == 1 else tuple(values)

    def flag(self, name: str, default: bool) -> bool:
        return bool(self.number(name, float(default)))


def is_numeric(value: Value) -> bool:
    return isinstance(value, np.ndarray) and value.dtype.kind in "biuf"


def is_empty(value: Value) -> bool:
    return (
        value is None
        or (isinstance(value, str | list | dict) and not value)
        or (isinstance(value, np.ndarray) and value.size == 0)
    )


def describe(value: Any) -> str:
    if value is None:
        return "missing"
    if isinstance(value, str):
        return f"the text {_short(value)}"
    if isinstance(value, dict):
        return "a struct"
    if isinstance(value, list):
        return f"a cell or struct array of {len(value)}"
    if isinstance(value, np.ndarray):
        return f"an array of {' x '.join(map(str, value.shape))} numbers"
    return repr(value) if isinstance(value, Unreadable) else type(value).__name__


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
