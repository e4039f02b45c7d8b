"""MAT files as MATLAB writes them: version 5 by scipy, version 7.3 by h5py.

A value is a number, an array, a text, a list (cell array), a dict (struct) or a `StructArray`.
"""

import numpy as np
import pytest


class StructArray(list):
    """Structs with the same fields, as one array of 1 x n."""


class FunctionHandle:
    """Something that is not data."""


def conv(weights=None, **fields):
    """The struct of a convolution, by default two filters of 3 x 3 on one channel."""
    default = [np.ones((3, 3, 1, 2), np.float32), np.zeros((1, 2), np.float32)]
    return {"type": "conv", "weights": default if weights is None else weights, **fields}


def refused(path, match):
    """The file raises NetworkFileError, which names it and what is wrong."""
    from sketchwidgets import models

    with pytest.raises(models.NetworkFileError, match=match) as caught:
        models.from_matconvnet(path)
    assert path.name in str(caught.value)


def save(path, version, **variables):
    """Write a file of version "5", "5 packed" (-v7) or "7.3"; returns the path."""
    if version == "7.3":
        _save73(path, variables)
    else:
        import scipy.io

        values = {name: _for_scipy(value) for name, value in variables.items()}
        scipy.io.savemat(path, values, do_compression="packed" in version, long_field_names=True)
    return path


def _for_scipy(value):
    if isinstance(value, StructArray):
        names = list(value[0]) if value else ["name"]
        array = np.empty((1, len(value)), [(name, object) for name in names])
        for index, struct in enumerate(value):
            for name in names:
                array[name][0, index] = _for_scipy(struct[name])
        return array
    if isinstance(value, dict):
        return {name: _for_scipy(item) for name, item in value.items()}
    if isinstance(value, list):
        cell = np.empty((1, len(value)), object)
        for index, item in enumerate(value):
            cell[0, index] = _for_scipy(item)
        return cell
    if isinstance(value, float | int | bool):
        return np.atleast_2d(value)
    return value


def _save73(path, variables):
    import h5py

    with h5py.File(path, "w", userblock_size=512, libver="earliest") as file:
        _Writer73(file).write_all(variables)
    header = (
        b"MATLAB 7.3 MAT-file, Platform: GLNXA64, Created on: Mon Jan  1 00:00:00 2018 HDF5 schema 1.00 ."
    )
    with open(path, "r+b") as file:
        file.write(header.ljust(124) + b"\x00\x02IM")


class _Writer73:
    def __init__(self, file):
        self.file = file
        self.count = 0

    def write_all(self, variables):
        for name, value in variables.items():
            self.write(self.file, name, value)

    def write(self, parent, name, value):
        if isinstance(value, StructArray):
            group = parent.create_group(name)
            self.mark(group, "struct")
            for field in value[0]:
                group.create_dataset(field, data=self.references([struct[field] for struct in value]))
        elif isinstance(value, dict):
            group = parent.create_group(name)
            self.mark(group, "struct")
            for field, item in value.items():
                self.write(group, field, item)
        elif isinstance(value, FunctionHandle):
            self.mark(parent.create_dataset(name, data=np.zeros((1, 1), np.uint8)), "function_handle")
        elif isinstance(value, list):
            self.cell(parent, name, value)
        elif isinstance(value, str):
            self.text(parent, name, value)
        else:
            self.numbers(parent, name, np.atleast_2d(np.asarray(value)))

    def mark(self, node, kind):
        node.attrs["MATLAB_class"] = np.bytes_(kind)

    def empty(self, parent, name, kind):
        node = parent.create_dataset(name, data=np.zeros(2, np.uint64))
        self.mark(node, kind)
        node.attrs["MATLAB_empty"] = np.uint8(1)

    def cell(self, parent, name, values):
        if not values:
            self.empty(parent, name, "cell")
            return
        self.mark(parent.create_dataset(name, data=self.references(values)), "cell")

    def references(self, values):
        """A column of references, which is a row in MATLAB."""
        import h5py

        store = self.file.require_group("#refs#")
        references = np.empty((len(values), 1), h5py.ref_dtype)
        for index, value in enumerate(values):
            self.count += 1
            name = f"r{self.count}"
            self.write(store, name, value)
            references[index, 0] = store[name].ref
        return references

    def text(self, parent, name, value):
        if not value:
            self.empty(parent, name, "char")
            return
        codes = np.frombuffer(value.encode("utf-16-le"), np.uint16).reshape(-1, 1)
        node = parent.create_dataset(name, data=codes)
        self.mark(node, "char")
        node.attrs["MATLAB_int_decode"] = np.int32(2)

    def numbers(self, parent, name, array):
        kinds = {"float64": "double", "float32": "single", "bool": "logical"}
        kind = kinds.get(array.dtype.name, array.dtype.name)
        if array.size == 0:
            self.empty(parent, name, kind)
            return
        data = array.T.astype(np.uint8) if kind == "logical" else array.T
        packed = {"compression": "gzip", "compression_opts": 3} if array.size > 1000 else {}
        node = parent.create_dataset(name, data=data, **packed)
        self.mark(node, kind)
        if kind == "logical":
            node.attrs["MATLAB_int_decode"] = np.int32(1)
