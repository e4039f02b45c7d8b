"""Google QuickDraw: ndjson files, raw and simplified, and the packed ``.bin`` files.

The layouts are those of the README of googlecreativelab/quickdraw-dataset. In ndjson every line is a record
whose ``drawing`` is a list of strokes, each ``[xs, ys]`` (simplified) or ``[xs, ys, ts]`` (raw, ts in ms).
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain, islice
from os import PathLike, fspath
from pathlib import Path
from typing import Any

import numpy as np

from .._errors import SketchError, excerpt
from .._limits import MAX_POINTS, MAX_STROKES
from .._sketch import Sketch
from . import _quickdraw_bin as binary

MAX_LINE_BYTES = 32 * 2**20
"""Longest line of an ndjson file: a raw drawing of a million points in full precision."""


@dataclass(frozen=True, slots=True)
class QuickDrawRecord:
    """One drawing of a QuickDraw file with what the file says about it; what it does not say is ``None``."""

    sketch: Sketch
    word: str | None = None
    """The category that the person was asked to draw."""
    key_id: str | None = None
    countrycode: str | None = None
    """Two letters, ISO 3166."""
    recognized: bool | None = None
    """Whether the game of that time recognised it."""
    timestamp: datetime | None = None
    """When it was drawn, UTC."""

    def to_dict(self) -> dict[str, Any]:
        """The record as QuickDraw writes it in ndjson, without the fields that are ``None``.

        Raises:
            SketchError: the sketch has no strokes.
        """
        if not len(self.sketch):
            raise SketchError("no strokes")
        fields = {name: getattr(self, name) for name in ("word", "key_id", "countrycode", "recognized")}
        if self.timestamp is not None:
            fields["timestamp"] = self.timestamp.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f UTC")
        columns = 3 if self.sketch.timed else 2
        drawing = [[_plain(stroke[:, k]) for k in range(columns)] for stroke in self.sketch.strokes]
        return {name: value for name, value in fields.items() if value is not None} | {"drawing": drawing}


def read_ndjson(path: str | PathLike) -> Iterator[QuickDrawRecord]:
    """The drawings of an ndjson file, raw or simplified, one after the other; blank lines are passed over.

    Raises:
        SketchError: while iterating, at the first line that is no record of a drawing.

    Example:
        >>> for record in read_ndjson("cat.ndjson"):  # doctest: +SKIP
        ...     print(record.word, record.sketch)
    """
    for number, line in _lines(path):
        yield _parse_line(line, fspath(path), number)


def read_bin(path: str | PathLike, word: str | None = None) -> Iterator[QuickDrawRecord]:
    """The drawings of a ``.bin`` file. It holds no words: ``word`` is by default the name of the file.

    Raises:
        SketchError: while iterating, at the first record that is cut off or counts more than the file holds.

    Example:
        >>> words = [record.word for record in read_bin("cat.bin")]  # doctest: +SKIP
    """
    word = Path(path).stem if word is None else word
    for sketch, key_id, country, recognized, seconds in binary.read(path):
        timestamp = datetime.fromtimestamp(seconds, UTC)
        yield QuickDrawRecord(sketch, word, str(key_id), country, recognized, timestamp)


def read_record(
    source: Mapping[str, Any] | list | tuple | str | bytes | PathLike, index: int = 0
) -> QuickDrawRecord:
    """One drawing.

    Args:
        source: a record as a dict, or just its ``drawing``, the list of strokes; or its JSON text (it begins
            with a brace); or the path of a ``.bin`` file, or of an ndjson file, whatever its suffix.
        index: which record of the file, from 0.

    Raises:
        SketchError: it is no record of a drawing, or there is none at ``index``: of what is no file, only 0.
        OSError: the file cannot be opened.

    Example:
        >>> read_record('{"word": "line", "drawing": [[[0, 3], [0, 4]]]}')
        QuickDrawRecord(sketch=Sketch(1 stroke, 2 points), word='line', key_id=None, countrycode=None, \
recognized=None, timestamp=None)
        >>> read_record([[[0, 3], [0, 4]], [[9], [9]]]).sketch
        Sketch(2 strokes, 3 points)
    """
    is_text = isinstance(source, bytes) or (isinstance(source, str) and source.lstrip()[:1] == "{")
    if is_text or isinstance(source, Mapping | list | tuple):
        if index != 0:
            raise SketchError(f"index {index} is for the records of a file, and this is one record, number 0")
        if is_text:
            return _parse_line(source, "JSON text", None)
        return _parse_record(source if isinstance(source, Mapping) else {"drawing": source})
    if not isinstance(source, str | PathLike):
        problem = "a record is a dict, a list of strokes, JSON text or the path of a file"
        raise SketchError(f"{problem}, not {type(source).__name__}")
    if index < 0:
        raise SketchError(f"index {index} is negative", fspath(source))
    in_bin = Path(source).suffix == ".bin"
    found = next(islice(read_bin(source) if in_bin else _lines(source), index, None), None)
    if found is None:
        raise SketchError(f"has no record {index}", fspath(source))
    if in_bin:
        return found
    number, line = found
    return _parse_line(line, fspath(source), number)


def write_ndjson(path: str | PathLike, records: Iterable[QuickDrawRecord]) -> None:
    """Write records to an ndjson file: raw lines where the sketch is timed, else ``[xs, ys]`` as simplified
    ones have.

    Coordinates are written as they are; use :func:`~sketchwidgets.sketch.formats.simplify.simplify` for
    QuickDraw's simplified form. Pressure has no place in the format.

    Raises:
        SketchError: a sketch has no strokes.
    """
    with open(path, "w", encoding="utf-8", newline="\n") as file:
        for number, record in enumerate(records, 1):
            try:
                line = json.dumps(record.to_dict(), separators=(",", ":"), allow_nan=False)
            except SketchError as error:
                raise error.within(fspath(path), f"line {number}") from None
            file.write(f"{line}\n")


def write_bin(path: str | PathLike, records: Iterable[QuickDrawRecord]) -> None:
    """Write simplified records to a ``.bin`` file. Unknown fields become 0, and the country two spaces.

    Raises:
        SketchError: coordinates are not whole numbers from 0 to 255 (use ``simplify`` first), more than
            65,535 strokes or points a stroke, no strokes, or a field that does not fit.
    """
    with open(path, "wb") as file:
        for number, record in enumerate(records):
            seconds = 0 if record.timestamp is None else int(record.timestamp.timestamp())
            fields = record.key_id or "0", record.countrycode or "  ", bool(record.recognized), seconds
            try:
                file.write(binary.pack(record.sketch, *fields))
            except SketchError as error:
                raise error.within(fspath(path), f"record {number}") from None


def _lines(path: str | PathLike) -> Iterator[tuple[int, bytes]]:
    with open(path, "rb") as file:
        number = 0
        while line := file.readline(MAX_LINE_BYTES + 1):
            number += 1
            if len(line) > MAX_LINE_BYTES:
                raise SketchError(f"longer than {MAX_LINE_BYTES:,} bytes", fspath(path), f"line {number}")
            if not line.isspace():
                yield number, line
        if not number:
            raise SketchError("the file is empty", fspath(path))


def _parse_line(line: str | bytes, source: str, number: int | None) -> QuickDrawRecord:
    places = (source,) if number is None else (source, f"line {number}")
    try:
        if len(line) > 2**20:
            _refuse_crowded(line)
        record = json.loads(line.strip())
    except json.JSONDecodeError as error:
        what = error.msg.removesuffix(" at").removesuffix(" starting")
        raise SketchError(f"not JSON: {what} at character {error.pos}", *places) from None
    except RecursionError:
        raise SketchError("not a drawing: JSON nested too deeply", *places) from None
    except SketchError as error:
        raise error.within(*places) from None
    except ValueError as error:  # not UTF-8, or a number of thousands of digits
        raise SketchError(f"not JSON: {error}", *places) from None
    try:
        return _parse_record(record)
    except SketchError as error:
        raise error.within(*places) from None


def _refuse_crowded(line: str | bytes) -> None:
    """Refuse a long line by its commas and brackets, before they become millions of Python objects."""
    comma, bracket = (",", "[") if isinstance(line, str) else (b",", b"[")
    if line.count(bracket) > 4 * MAX_STROKES + 100:
        raise SketchError(f"more than {MAX_STROKES:,} strokes")
    if line.count(comma) > 3 * MAX_POINTS + 100:
        raise SketchError(f"more than {MAX_POINTS:,} points")


def _parse_record(record: Any) -> QuickDrawRecord:
    if not isinstance(record, Mapping):
        raise SketchError(f"a record is an object, not {type(record).__name__}")
    if "drawing" not in record:
        raise SketchError(f"no field 'drawing', only {excerpt(list(record)[:8])}")
    fields = {name: record.get(name) for name in ("word", "key_id", "countrycode", "recognized")}
    if type(fields["key_id"]) is int:  # Google writes the number as text; converters of its files may not
        fields["key_id"] = str(fields["key_id"])
    for name, value in fields.items():
        kind = bool if name == "recognized" else str
        if value is not None and not isinstance(value, kind):
            raise SketchError(f"is {excerpt(value)}, not {kind.__name__}", f"field '{name}'")
    return QuickDrawRecord(
        _parse_drawing(record["drawing"]), **fields, timestamp=_parse_timestamp(record.get("timestamp"))
    )


def _parse_timestamp(text: Any) -> datetime | None:
    if text is None:
        return None
    try:
        return datetime.fromisoformat(text.removesuffix(" UTC")).replace(tzinfo=UTC)
    except (ValueError, AttributeError):
        problem = f"is {excerpt(text)}, not like '2017-03-01 20:41:36.70725 UTC'"
        raise SketchError(problem, "field 'timestamp'") from None


def _parse_drawing(drawing: Any) -> Sketch:
    if not isinstance(drawing, list | tuple):
        raise SketchError(f"'drawing' is {excerpt(drawing)}, not a list of strokes")
    if not drawing:
        raise SketchError("no strokes")
    lengths = []
    columns = len(drawing[0]) if isinstance(drawing[0], list | tuple) else 0
    for index, stroke in enumerate(drawing):
        # One combined test, because it runs for every stroke of a file; what failed is found out afterwards.
        if (
            not isinstance(stroke, list | tuple)
            or len(stroke) != columns
            or columns not in (2, 3)
            or not all(isinstance(values, list | tuple) for values in stroke)
            or not stroke[0]
            or not len(stroke[0]) == len(stroke[1]) == len(stroke[-1])
        ):
            raise SketchError(_what_is_wrong(stroke, columns), f"stroke {index}")
        lengths.append(len(stroke[0]))
    if sum(lengths) > MAX_POINTS:
        raise SketchError(f"more than {MAX_POINTS:,} points")
    points = np.zeros((sum(lengths), 4))
    points[:, 3] = 1
    for k in range(columns):
        values = list(chain.from_iterable([stroke[k] for stroke in drawing]))
        if not set(map(type, values)) <= {int, float}:
            _refuse_values(drawing, k)
        try:
            points[:, k] = values
        except OverflowError:
            _refuse_values(drawing, k)
    return Sketch.from_arrays(points, lengths, timed=columns == 3)


def _what_is_wrong(stroke: Any, columns: int) -> str:
    if not isinstance(stroke, list | tuple):
        return f"is {excerpt(stroke)}, not [xs, ys] or [xs, ys, ts]"
    if columns not in (2, 3):
        return f"has {columns} lists, not [xs, ys] or [xs, ys, ts]"
    if len(stroke) != columns:
        return f"has {len(stroke)} lists, and the first stroke {columns}"
    for name, values in zip("xyt", stroke, strict=False):
        if not isinstance(values, list | tuple):
            return f"{name} is {excerpt(values)}, not a list of numbers"
    counts = ", ".join(f"{name} {len(values)}" for name, values in zip("xyt", stroke, strict=False))
    return f"has lists of different lengths: {counts}" if any(map(len, stroke)) else "has no points"


def _refuse_values(drawing: list, k: int) -> None:
    for index, stroke in enumerate(drawing):
        for point, value in enumerate(stroke[k]):
            if type(value) not in (int, float) or abs(value) > 2**1000:
                shown = "too large" if type(value) is int else f"{excerpt(value)}, not a number"
                raise SketchError(f"{'xyt'[k]} is {shown}", f"stroke {index}", f"point {point}")
    raise AssertionError("called for a column that holds only numbers")


def _plain(values: np.ndarray) -> list[int | float]:
    """Python numbers, whole ones as int, others in the fewest digits that give the float32 back."""
    whole = values == np.rint(values)
    return [int(v) if w else float(str(v)) for v, w in zip(values, whole.tolist(), strict=True)]
