"""MAT files of version 5 (MATLAB's -v6 and -v7) as plain values.

Format: MathWorks, "MAT-File Format", R2023a. A file is a header of 128 bytes and data elements, each a tag of type and
length and then its data; an array is an element of elements. `scipy.io` reads such files too, but it allocates
what a header announces before it knows that it is there, and follows nested cells down until the stack is used up.
"""

import math
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from .._errors import NetworkFileError
from ._values import MOST_DIMENSIONS, Budget, Unreadable, Value, rows_of_text

_HEADER = 128
_INT8, _INT32, _UINT32, _MATRIX, _COMPRESSED = 1, 5, 6, 14, 15
_NUMBERS = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
_TEXTS = {1: "latin-1", 2: "latin-1", 16: "utf-8"}
_CELL, _STRUCT, _OBJECT, _CHAR, _SPARSE, _FUNCTION, _OPAQUE = 1, 2, 3, 4, 5, 16, 17
_NUMERIC = range(6, 16)
_COMPLEX = 0x0800
_NAME_BYTES = 512  # of an unpacked variable, enough for its header


class _Element(NamedTuple):
    type: int
    start: int
    stop: int
    after: int  # where the next one begins


def read_mat5(path: Path, wanted: Callable[[list[str]], list[str]]) -> dict[str, Value]:
    """The variables of a file that `wanted` chooses among the names of all.

    Raises `NetworkFileError` for what is cut short or makes no sense.
    """
    size = path.stat().st_size
    budget = Budget(path.name, size)
    with path.open("rb") as file:
        header = file.read(_HEADER)
        order = {b"IM": "<", b"MI": ">"}.get(header[126:128])
        if len(header) < _HEADER or order is None:
            raise NetworkFileError(f"{path.name}: not a MAT file of version 5 or 7.3")
        places: dict[str, tuple[int, int, int]] = {}
        at = _HEADER
        while at < size:
            file.seek(at)
            tag = file.read(8)
            if len(tag) < 8:
                raise _cut(path.name)
            kind, length = struct.unpack(order + "II", tag)
            if kind not in (_MATRIX, _COMPRESSED):
                raise NetworkFileError(
                    f"{path.name}: no variable begins at byte {at}, but an element of type {kind}"
                )
            if length > size - at - 8:
                raise _cut(path.name)
            name = _peek(path.name, order, kind, tag, file.read(min(length, 4 * _NAME_BYTES)))
            places[name] = kind, at + 8, length
            if len(places) > 10_000:
                raise NetworkFileError(f"{path.name}: more than 10,000 variables")
            at += 8 + length
        values = {}
        for name in wanted([name for name in places if name]):
            kind, start, length = places[name]
            file.seek(start)
            data = file.read(length)
            if kind == _COMPRESSED:
                data = _unpack(data, order, budget)
            values[name] = _Reader(data, order, budget).matrix(0, len(data), 0)[1]
    return values


def _cut(file: str) -> NetworkFileError:
    return NetworkFileError(f"{file}: the file is cut short")


def _peek(file: str, order: str, kind: int, tag: bytes, start: bytes) -> str:
    """The name of a variable from its first bytes."""
    if kind == _COMPRESSED:
        try:
            start = zlib.decompressobj().decompress(start, _NAME_BYTES)[8:]
        except zlib.error as error:
            raise NetworkFileError(f"{file}: a variable cannot be unpacked ({error})") from None
    return _Reader(start, order, Budget(file, 0)).name(len(start))


def _unpack(data: bytes, order: str, budget: Budget) -> bytes:
    """The contents of the matrix in a compressed element, not a byte more than its tag says."""
    inflate = zlib.decompressobj()
    try:
        tag = inflate.decompress(data, 8)
        if len(tag) < 8:
            raise _cut(budget.file)
        kind, length = struct.unpack(order + "II", tag)
        if kind != _MATRIX:
            raise NetworkFileError(f"{budget.file}: a compressed element holds type {kind}, not a variable")
        budget.take_bytes(length, "an unpacked variable")
        contents = inflate.decompress(inflate.unconsumed_tail, length) if length else b""
    except zlib.error as error:
        raise NetworkFileError(f"{budget.file}: a variable cannot be unpacked ({error})") from None
    if len(contents) < length:
        raise _cut(budget.file)
    return contents


class _Reader:
    """Arrays from the bytes of one variable."""

    def __init__(self, data: bytes, order: str, budget: Budget) -> None:
        self.data = memoryview(data)
        self.order = order
        self.budget = budget
        self.file = budget.file

    def element(self, at: int, stop: int) -> _Element:
        if at + 8 > stop:
            raise _cut(self.file)
        kind, length = struct.unpack_from(self.order + "II", self.data, at)
        if kind >> 16:  # a small element: length, type and up to four bytes of data in the eight of a tag
            kind, length, start, after = kind & 0xFFFF, kind >> 16, at + 4, at + 8
            if length > 4:
                raise NetworkFileError(f"{self.file}: a small element of {length} bytes")
        else:
            start = at + 8
            after = start + length + -length % 8
        if start + length > stop:
            raise _cut(self.file)
        return _Element(kind, start, start + length, min(after, stop))

    def expect(self, kind: int, what: str, at: int, stop: int) -> _Element:
        element = self.element(at, stop)
        if element.type != kind:
            raise NetworkFileError(f"{self.file}: {what} should be of type {kind}, is of type {element.type}")
        return element

    def integers(self, element: _Element) -> list[int]:
        raw = self.data[element.start : element.stop]
        if len(raw) % 4:
            raise NetworkFileError(f"{self.file}: {len(raw)} bytes of 32-bit integers")
        code = "I" if element.type == _UINT32 else "i"
        return list(struct.unpack(f"{self.order}{len(raw) // 4}{code}", raw))

    def text(self, element: _Element) -> str:
        return bytes(self.data[element.start : element.stop]).split(b"\0")[0].decode("latin-1")

    def name(self, stop: int) -> str:
        """The name of the variable whose header this begins with."""
        flags = self.expect(_UINT32, "the flags of an array", 0, stop)
        words = self.integers(flags)
        following = self.element(flags.after, stop)
        if words and words[0] & 0xFF != _OPAQUE:  # an opaque object has no dimensions
            following = self.element(following.after, stop)
        return self.text(following)

    def matrix(self, at: int, stop: int, depth: int) -> tuple[str, Value]:
        """(name, value) of the array whose contents are the bytes at ... stop."""
        self.budget.take_value(depth)
        flags = self.expect(_UINT32, "the flags of an array", at, stop)
        words = self.integers(flags)
        if len(words) != 2:
            raise NetworkFileError(f"{self.file}: {len(words)} words of array flags, not 2")
        kind = words[0] & 0xFF
        if kind == _OPAQUE:
            return "", Unreadable("an object of a MATLAB class")
        dimensions = self.expect(_INT32, "the dimensions of an array", flags.after, stop)
        shape = self.integers(dimensions)
        if not 2 <= len(shape) <= MOST_DIMENSIONS or min(shape) < 0:
            raise NetworkFileError(f"{self.file}: an array of dimensions {shape[: MOST_DIMENSIONS + 1]}")
        name = self.expect(_INT8, "the name of an array", dimensions.after, stop)
        at = name.after
        if kind in _NUMERIC:
            if words[0] & _COMPLEX:
                return self.text(name), Unreadable("complex numbers")
            return self.text(name), self.numbers(at, stop, shape)
        readers = {_CELL: self.cell, _STRUCT: self.struct, _CHAR: self.characters}
        others = {
            _OBJECT: "an object of a MATLAB class",
            _SPARSE: "a sparse matrix",
            _FUNCTION: "a function handle",
        }
        if kind in others:
            return self.text(name), Unreadable(others[kind])
        if kind not in readers:
            raise NetworkFileError(f"{self.file}: an array of the unknown class {kind}")
        value = readers[kind](at, stop, shape, depth)
        return self.text(name), value

    def numbers(self, at: int, stop: int, shape: list[int]) -> np.ndarray:
        element = self.element(at, stop)
        if element.type not in _NUMBERS:
            raise NetworkFileError(f"{self.file}: numbers of the unknown type {element.type}")
        dtype = np.dtype(_NUMBERS[element.type]).newbyteorder(self.order)
        raw = self.data[element.start : element.stop]
        if math.prod(shape) * dtype.itemsize != len(raw):
            raise NetworkFileError(
                f"{self.file}: an array of {' x '.join(map(str, shape))} numbers with {len(raw)} bytes of data"
            )
        return np.frombuffer(raw, dtype).reshape(shape, order="F")

    def characters(self, at: int, stop: int, shape: list[int], depth: int) -> str | list[str]:
        if math.prod(shape) == 0:
            return ""
        element = self.element(at, stop)
        raw = bytes(self.data[element.start : element.stop])
        wide = "utf-16-le" if self.order == "<" else "utf-16-be"
        encoding = wide if element.type in (4, 17) else _TEXTS.get(element.type)
        if encoding is None:
            raise NetworkFileError(f"{self.file}: characters of the unknown type {element.type}")
        return rows_of_text(raw.decode(encoding, "replace"), shape[0])

    def count(self, shape: list[int], each: int, room: int) -> int:
        """How many elements of at least `each` bytes an array has, if there is room for them."""
        number = math.prod(shape)
        if number * each > room:
            raise NetworkFileError(
                f"{self.file}: an array of {' x '.join(map(str, shape))} cells or structs with {room} bytes of data"
            )
        return number

    def cell(self, at: int, stop: int, shape: list[int], depth: int) -> list[Value]:
        values = []
        for _ in range(self.count(shape, 8, stop - at)):
            element = self.expect(_MATRIX, "what is in a cell", at, stop)
            values.append(self.member(element, depth))
            at = element.after
        return values

    def struct(self, at: int, stop: int, shape: list[int], depth: int) -> Value:
        lengths = self.expect(_INT32, "the length of field names", at, stop)
        length = self.integers(lengths)
        names = self.expect(_INT8, "field names", lengths.after, stop)
        raw = bytes(self.data[names.start : names.stop])
        if len(length) != 1 or not 1 <= length[0] <= 4096 or len(raw) % length[0]:
            raise NetworkFileError(f"{self.file}: {len(raw)} bytes of field names, {length} bytes each")
        fields = [
            raw[i : i + length[0]].split(b"\0")[0].decode("latin-1") for i in range(0, len(raw), length[0])
        ]
        at = names.after
        if not fields:
            return {} if math.prod(shape) == 1 else []
        structs = []
        for _ in range(self.count(shape, 8 * len(fields), stop - at)):
            one = {}
            for field in fields:
                element = self.expect(_MATRIX, f"field {field!r}", at, stop)
                one[field] = self.member(element, depth)
                at = element.after
            structs.append(one)
        return structs[0] if len(structs) == 1 else structs

    def member(self, element: _Element, depth: int) -> Value:
        if element.start == element.stop:  # how an empty one is written
            self.budget.take_value(depth + 1)
            return np.empty((0, 0))
        return self.matrix(element.start, element.stop, depth + 1)[1]
