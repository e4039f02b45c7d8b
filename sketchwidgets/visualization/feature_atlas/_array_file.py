"""Arrays and a JSON header in one safetensors file, written whole or not at all and never trusted when read."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy
from safetensors import SafetensorError, safe_open

from ..._files import written_whole
from ._errors import AtlasError

_KEY = "sketchwidgets"
_MAX_JSON = 64_000_000  # characters
_DTYPES = {
    "U8": np.uint8,
    "U16": np.uint16,
    "U32": np.uint32,
    "I16": np.int16,
    "I32": np.int32,
    "I64": np.int64,
    "F32": np.float32,
    "F64": np.float64,
}


def write_arrays(path: Path, arrays: Mapping[str, np.ndarray], header: Mapping[str, Any]) -> None:
    """Write a file that `ArrayFile` reads."""
    data = safetensors.numpy.save(
        {name: np.ascontiguousarray(array) for name, array in arrays.items()},
        {_KEY: json.dumps(header, allow_nan=False)},
    )
    with written_whole(path) as temporary:
        temporary.write_bytes(data)


class ArrayFile:
    """A file of `write_arrays`, open. Arrays are checked before they are read, and only what is asked for is read."""

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise FileNotFoundError(f"there is no file {path}")
        self.path = path
        try:
            self._file = safe_open(path, framework="np")
            self.names = set(self._file.keys())
            entries = self._file.metadata() or {}
        except (SafetensorError, OSError, ValueError) as error:
            raise AtlasError(f"{path}: not a safetensors file, or cut short ({error})") from None
        self.header = parse_json(entries.get(_KEY, ""), str(path))

    def shape(self, name: str) -> tuple[int, ...]:
        return tuple(self._slice(name).get_shape())

    def array(self, name: str, dtypes: str, shape: tuple[int | None, ...]) -> np.ndarray:
        """A whole array; AtlasError where it is missing or not of one of the dtypes ("I32 I64") and the shape."""
        return self.part(name, dtypes, shape)[...]

    def part(self, name: str, dtypes: str, shape: tuple[int | None, ...]) -> Any:
        """An array of which slices can be read; checked as in `array`."""
        part = self._slice(name)
        found = tuple(part.get_shape())
        if part.get_dtype() not in dtypes.split() or part.get_dtype() not in _DTYPES:
            raise AtlasError(
                f"{self.path}: {name!r} is {part.get_dtype()}, not {' or '.join(dtypes.split())}"
            )
        fits = len(found) == len(shape) and all(b in (None, a) for a, b in zip(found, shape, strict=False))
        if not fits:
            wanted = ", ".join("?" if n is None else str(n) for n in shape)
            raise AtlasError(f"{self.path}: {name!r} is {found}, not ({wanted})")
        if 0 in found:  # safetensors cannot slice it
            return np.empty(found, _DTYPES[part.get_dtype()])
        return part

    def _slice(self, name: str) -> Any:
        if name not in self.names:
            raise AtlasError(f"{self.path}: the array {name!r} is missing")
        return self._file.get_slice(name)


def parse_json(text: str, where: str) -> dict[str, Any]:
    """A JSON object, or AtlasError."""
    if len(text) > _MAX_JSON:
        raise AtlasError(f"{where}: {len(text)} characters of JSON; at most {_MAX_JSON} are read")
    try:
        value = json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise AtlasError(f"{where}: not JSON ({error})") from None
    if not isinstance(value, dict):
        raise AtlasError(f"{where}: holds a {type(value).__name__}, not an object")
    return value


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no number")
