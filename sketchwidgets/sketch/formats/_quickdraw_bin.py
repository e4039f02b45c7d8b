"""The records of QuickDraw's ``.bin`` files, little-endian and unpadded.

A record is key_id (uint64), country (2 bytes), recognized (int8), time (uint32, seconds), number of strokes
(uint16); then for each stroke its number of points n (uint16), n bytes x and n bytes y.
"""

import struct
from collections.abc import Iterator
from os import PathLike, fspath
from typing import BinaryIO

import numpy as np

from .._errors import SketchError, excerpt
from .._limits import MAX_POINTS
from .._sketch import Sketch

_HEADER = struct.Struct("<Q2sbIH")
_COUNT = struct.Struct("<H")


def read(path: str | PathLike) -> Iterator[tuple[Sketch, int, str, bool, int]]:
    """Sketch, key_id, country, recognized and seconds since 1970 of every record.

    Raises:
        SketchError: naming the file, the record and the byte where it starts.
    """
    with open(path, "rb") as file:
        record = 0
        start = 0
        while head := file.read(_HEADER.size):
            try:
                yield _read_record(file, head)
            except SketchError as error:
                raise error.within(fspath(path), f"record {record} at byte {start}") from None
            record += 1
            start = file.tell()
        if not record:
            raise SketchError("the file is empty", fspath(path))


def read_one(file: BinaryIO) -> tuple[Sketch, int, str, bool, int]:
    """The record that begins where the file stands, as `read` gives them.

    Raises:
        SketchError: it is cut off, or counts more than the file holds.
    """
    return _read_record(file, file.read(_HEADER.size))


def _read_record(file: BinaryIO, head: bytes) -> tuple[Sketch, int, str, bool, int]:
    if len(head) < _HEADER.size:
        raise SketchError(f"the file ends within the header: {len(head)} of {_HEADER.size} bytes")
    key_id, country, recognized, seconds, n_strokes = _HEADER.unpack(head)
    if not n_strokes:
        raise SketchError("no strokes")
    if recognized not in (0, 1):
        raise SketchError(f"recognized is {recognized}, not 0 or 1")
    if not country.isascii():
        raise SketchError(f"country is {country!r}, not two letters")
    lengths, xs, ys = [], [], []
    total = 0
    for stroke in range(n_strokes):
        count = file.read(_COUNT.size)
        if len(count) < _COUNT.size:
            problem = f"the file ends at byte {file.tell()}, before stroke {stroke} of {n_strokes}"
            raise SketchError(problem)
        (n,) = _COUNT.unpack(count)
        xy = file.read(2 * n)
        if len(xy) < 2 * n:
            problem = f"counts {n} points, and the file ends after {len(xy)} of their {2 * n} bytes"
            raise SketchError(problem, f"stroke {stroke}")
        if not n:
            raise SketchError("has no points", f"stroke {stroke}")
        total += n
        if total > MAX_POINTS:
            raise SketchError(f"more than {MAX_POINTS:,} points", f"stroke {stroke}")
        lengths.append(n)
        xs.append(xy[:n])
        ys.append(xy[n:])
    points = np.zeros((total, 4))
    points[:, 0] = np.frombuffer(b"".join(xs), np.uint8)
    points[:, 1] = np.frombuffer(b"".join(ys), np.uint8)
    points[:, 3] = 1
    sketch = Sketch.from_arrays(points, lengths, timed=False)
    return sketch, key_id, country.decode("ascii"), bool(recognized), seconds


def pack(sketch: Sketch, key_id: str, country: str, recognized: bool, seconds: int) -> bytes:
    """The bytes of one record.

    Raises:
        SketchError: a value has no place in the layout.
    """
    if not len(sketch):
        raise SketchError("no strokes")
    if not (key_id.isascii() and key_id.isdigit() and len(key_id) <= 20 and int(key_id) < 2**64):
        raise SketchError(f"key_id {excerpt(key_id)} is not a number below 2**64")
    if len(country) != 2 or not country.isascii():
        raise SketchError(f"country {excerpt(country)} is not two ASCII letters")
    if not 0 <= seconds < 2**32:
        raise SketchError(f"timestamp {seconds} s is not within 1970 and 2106")
    if len(sketch) > 0xFFFF:
        raise SketchError(f"{len(sketch):,} strokes, more than 65,535")
    parts = [_HEADER.pack(int(key_id), country.encode(), recognized, seconds, len(sketch))]
    for index, stroke in enumerate(sketch.strokes):
        xy = stroke[:, :2]
        if len(stroke) > 0xFFFF:
            raise SketchError(f"{len(stroke):,} points, more than 65,535", f"stroke {index}")
        if ((xy != np.rint(xy)) | (xy < 0) | (xy > 255)).any():
            problem = "coordinates are not whole numbers from 0 to 255: simplify first"
            raise SketchError(problem, f"stroke {index}")
        parts += [_COUNT.pack(len(stroke)), xy.T.astype(np.uint8).tobytes()]
    return b"".join(parts)
