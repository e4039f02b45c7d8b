"""MAT files of version 7.3, which are HDF5 files, as plain values.

How MATLAB lays arrays out in HDF5: dimensions reversed, so that the bytes stay in column-major order; the class in
an attribute `MATLAB_class`; an empty array as its dimensions with an attribute `MATLAB_empty`; text as uint16; a cell
array as references to data sets in the group `#refs#`; a struct as a group of its fields, a struct array as a group
of arrays of references, one for each field.

HDF5 can do more than that: fetch data from other files, through links, external storage and virtual data sets, and load
filters as libraries. None of that is followed here.
"""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from .._errors import NetworkFileError
from ._values import MOST_DIMENSIONS, Budget, Unreadable, Value, rows_of_text

_FILTERS = {h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_FLETCHER32}
_NUMERIC = {
    *("double", "single", "logical", "int8", "uint8", "int16", "uint16"),
    *("int32", "uint32", "int64", "uint64"),
}


def read_mat73(path: Path, wanted: Callable[[list[str]], list[str]]) -> dict[str, Value]:
    """The variables of a file that `wanted` chooses among the names of all.

    Raises `NetworkFileError` for what is cut short or makes no sense.
    """
    with _damage(path.name), h5py.File(path, "r") as file:
        reader = _Reader(file, Budget(path.name, path.stat().st_size))
        names = [name for name in file if not name.startswith("#")]
        return {name: reader.value(reader.child(file, name), 0) for name in wanted(names)}


@contextmanager
def _damage(file: str) -> Iterator[None]:
    """The library reports damage as errors of many kinds."""
    try:
        yield
    except NetworkFileError:
        raise
    except (OSError, RuntimeError, KeyError, ValueError, TypeError, AttributeError, OverflowError) as error:
        raise NetworkFileError(f"{file}: damaged or cut short ({error})") from None
    except MemoryError:
        raise NetworkFileError(f"{file}: more than fits into memory") from None


class _Reader:
    def __init__(self, file: h5py.File, budget: Budget) -> None:
        self.file = file
        self.budget = budget
        self.name = budget.file

    def child(self, group: h5py.Group, name: str) -> h5py.Group | h5py.Dataset:
        link = group.get(name, getlink=True)
        if not isinstance(link, h5py.HardLink):
            raise NetworkFileError(
                f"{self.name}: {name!r} is a link to elsewhere; such links are not followed"
            )
        return group[name]

    def value(self, node: Any, depth: int) -> Value:
        self.budget.take_value(depth)
        kind = self.attribute(node, "MATLAB_class")
        if isinstance(node, h5py.Group):
            return self.struct(node, kind, depth)
        if not isinstance(node, h5py.Dataset):
            raise NetworkFileError(f"{self.name}: {node.name!r} is neither a data set nor a group")
        if self.attribute(node, "MATLAB_empty"):
            return {"char": "", "cell": [], "struct": []}.get(kind, np.empty((0, 0)))
        if kind == "function_handle":
            return Unreadable("a function handle")
        if kind == "cell":
            return [self.value(target, depth + 1) for target in self.targets(node)]
        if kind == "char":
            return self.characters(node)
        if kind in _NUMERIC:
            if node.dtype.kind not in "biuf":
                return Unreadable("complex numbers" if node.dtype.names else f"numbers of type {node.dtype}")
            return self.array(node).T
        return Unreadable(f"an object of the MATLAB class {kind!r}" if kind else f"data of type {node.dtype}")

    def struct(self, group: h5py.Group, kind: Any, depth: int) -> Value:
        if kind not in ("struct", None, ""):
            return Unreadable(
                "a function handle" if kind == "function_handle" else f"an object of the class {kind!r}"
            )
        fields = {name: self.child(group, name) for name in group if not name.startswith("#")}
        if fields and all(self.is_column(field) for field in fields.values()):
            columns = {name: list(self.targets(field)) for name, field in fields.items()}
            lengths = {len(column) for column in columns.values()}
            if len(lengths) != 1:
                raise NetworkFileError(f"{self.name}: the fields of {group.name!r} differ in length")
            structs = []
            for index in range(lengths.pop()):
                self.budget.take_value(depth)
                structs.append(
                    {name: self.value(column[index], depth + 1) for name, column in columns.items()}
                )
            return structs
        return {name: self.value(field, depth + 1) for name, field in fields.items()}

    def is_column(self, field: Any) -> bool:
        """Whether this is one field of all structs in an array, rather than the field of one struct."""
        return (
            isinstance(field, h5py.Dataset)
            and _holds_references(field)
            and self.attribute(field, "MATLAB_class") is None
        )

    def targets(self, node: h5py.Dataset) -> Iterator[Any]:
        """What an array of references refers to, in column-major order."""
        if not _holds_references(node):
            raise NetworkFileError(f"{self.name}: {node.name!r} should hold references, holds {node.dtype}")
        for reference in self.array(node).ravel():
            if not reference:
                raise NetworkFileError(f"{self.name}: {node.name!r} holds a reference to nothing")
            try:
                yield self.file[reference]
            except (ValueError, KeyError, OSError, RuntimeError) as error:
                raise NetworkFileError(
                    f"{self.name}: a reference in {node.name!r} leads nowhere ({error})"
                ) from None

    def characters(self, node: h5py.Dataset) -> str | list[str]:
        if node.dtype not in (np.uint16, np.uint8, np.uint32):
            raise NetworkFileError(f"{self.name}: text {node.name!r} is stored as {node.dtype}")
        codes = self.array(node)
        if codes.dtype == np.uint16:
            text = codes.astype("<u2").tobytes().decode("utf-16-le", "replace")
        else:
            text = codes.astype("<u4").tobytes().decode("utf-32-le", "replace")
        return rows_of_text(text, codes.shape[-1] if codes.ndim > 1 else 1)

    def array(self, node: h5py.Dataset) -> np.ndarray:
        """All of a data set, if it lies in this file and is not too large."""
        if node.shape is None or len(node.shape) > MOST_DIMENSIONS:
            raise NetworkFileError(f"{self.name}: {node.name!r} is an array of dimensions {node.shape}")
        if node.is_virtual or node.external:
            raise NetworkFileError(f"{self.name}: {node.name!r} has its data in another file; it is not read")
        filters = node.id.get_create_plist()
        codes = [filters.get_filter(i)[0] for i in range(filters.get_nfilters())]
        if not _FILTERS.issuperset(codes):
            raise NetworkFileError(
                f"{self.name}: {node.name!r} is packed in an unknown way (filters {codes})"
            )
        size = math.prod(node.shape) * node.dtype.itemsize
        if node.chunks:
            size = max(size, math.prod(node.chunks) * node.dtype.itemsize)
        elif size > node.id.get_storage_size():
            raise NetworkFileError(
                f"{self.name}: {node.name!r} announces {size:,} bytes and does not have them"
            )
        # Only for the message: to look a name up takes HDF5 longer than all the rest.
        self.budget.take_bytes(size, repr(node.name) if size > self.budget.bytes_left else "")
        return np.atleast_2d(node[()])

    def attribute(self, node: Any, name: str) -> Any:
        """A short attribute, text as str; None where it is not there."""
        if name not in node.attrs:
            return None
        value = node.attrs.get_id(name)
        if math.prod(value.shape) > 1 or value.dtype.itemsize > 1024 or value.dtype.kind not in "SObiu":
            raise NetworkFileError(
                f"{self.name}: attribute {name!r} of {node.name!r} is not a word or a number"
            )
        found = node.attrs[name]
        if isinstance(found, np.ndarray):
            found = found.ravel()[0]
        return found.decode("latin-1") if isinstance(found, bytes) else found


def _holds_references(node: h5py.Dataset) -> bool:
    return h5py.check_ref_dtype(node.dtype) is h5py.Reference
